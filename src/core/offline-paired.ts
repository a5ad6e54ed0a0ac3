// Core: two versions on the same rows of a dataset, as the evidence the gates read (contracts/evidence.ts), but from exact scores
// instead of counts. Both are read at production's frozen threshold. A row without one of the scores is no pair; a candidate
// without a score is its error, never left out of the count.
import type { SegmentKey } from "../../contracts/counts.ts";
import type { Paired, Realised } from "../../contracts/evidence.ts";
import type { PairedCells } from "../../contracts/snapshot.ts";
import { pairedAuc, pairedPrAuc } from "./paired.ts";
import { metricsOf } from "./performance.ts";
import { round9 } from "./threshold.ts";

/** One version's answers: a probability a row, NaN where it gave none. */
export type OfflineSide = {
  readonly version: string;
  /** SHA-256 of its ONNX bytes. */
  readonly digest: string;
  readonly scores: Float64Array;
  readonly latencyP95Ms: number | null;
};

export type OfflineRows = {
  readonly label: Uint8Array;
  /** Feature by feature, every row's code, in the encoding's order; segments are read from them. */
  readonly codes: readonly Uint8Array[];
  readonly segments: readonly SegmentKey[];
  readonly threshold: number;
  /** The dataset's first instant, or the empty text where rows have no time. */
  readonly since: string;
};

/** Builds the paired evidence of a candidate and production over all rows. */
export const pairedOf = (rows: OfflineRows, production: OfflineSide, candidate: OfflineSide): Paired => {
  const all = Array.from(rows.label.keys());
  const asked = all.filter((row) => !Number.isNaN(production.scores[row]));
  const pairs = asked.filter((row) => !Number.isNaN(candidate.scores[row]));
  const matured = pairs.filter((row) => (rows.label[row] ?? 255) <= 1);
  const label = Uint8Array.from(matured, (row) => rows.label[row] ?? 0);
  const p = pick(production.scores, matured);
  const c = pick(candidate.scores, matured);
  const [ours, theirs] = [realisedOf(label, p, rows.threshold), realisedOf(label, c, rows.threshold)];
  const cellsOf = cellCounter(label, p, c, rows.threshold);
  const auc = matured.length === 0 ? null : pairedAuc(label, p, c);
  const prAuc =
    ours === null || theirs === null || ours.pr_auc === null || theirs.pr_auc === null
      ? null
      : pairedPrAuc(ours.pr_auc, theirs.pr_auc, ours.positives);
  return {
    version: candidate.version,
    digest: candidate.digest,
    production_version: production.version,
    production_digest: production.digest,
    since: rows.since,
    pairs: pairs.length,
    unpaired: 0,
    ok: pairs.length,
    errors: asked.length - pairs.length,
    timeouts: 0,
    sheds: 0,
    production_requests: all.length,
    production_errors: all.length - asked.length,
    matured: matured.length,
    coverage: pairs.length === 0 ? null : round9(matured.length / pairs.length),
    cells: cellsOf(() => true),
    segments: rows.segments.map((segment) => {
      const codes = rows.codes[segment.position - 1];
      const cells = cellsOf((at) => codes?.[matured[at] ?? 0] === segment.code);
      const n = cells.reduce((sum, count) => sum + count, 0);
      return {
        segment: segment.name,
        n,
        share: matured.length === 0 ? 0 : round9(n / matured.length),
        cells,
      };
    }),
    production: ours,
    other: theirs,
    auc_difference_se: auc?.se ?? null,
    pr_auc_difference_se: prAuc?.se ?? null,
    delta_abs_p95: p95(pairs.map((row) => distance(production.scores, candidate.scores, row))),
    identical_scores:
      pairs.length > 0 && pairs.every((row) => distance(production.scores, candidate.scores, row) === 0),
    latency_p95_ms: candidate.latencyP95Ms,
    production_latency_p95_ms: production.latencyP95Ms,
    blocks: [],
  };
};

const pick = (scores: Float64Array, rows: readonly number[]): Float64Array =>
  Float64Array.from(rows, (row) => scores[row] ?? NaN);

const distance = (a: Float64Array, b: Float64Array, row: number): number =>
  Math.abs((a[row] ?? NaN) - (b[row] ?? NaN));

/** Exact metrics rounded as evidence is; null without a row. */
const realisedOf = (label: Uint8Array, scores: Float64Array, threshold: number): Realised | null => {
  if (label.length === 0) return null;
  const { n, positives, confusion, ...at } = metricsOf(label, scores, threshold);
  const rounded = (value: number | null): number | null => (value === null ? null : round9(value));
  return {
    n,
    positives,
    threshold,
    ...confusion,
    accuracy: rounded(at.accuracy),
    precision: rounded(at.precision),
    recall: rounded(at.recall),
    f1: rounded(at.f1),
    brier: rounded(at.brier),
    log_loss: rounded(at.log_loss),
    roc_auc: rounded(at.roc_auc),
    pr_auc: rounded(at.pr_auc),
    ece: rounded(at.ece),
  };
};

/** Counts c[4y + 2ŷp + ŷc] over the rows a test lets through. */
const cellCounter =
  (label: Uint8Array, production: Float64Array, candidate: Float64Array, threshold: number) =>
  (isIn: (at: number) => boolean): PairedCells => {
    const cells: PairedCells = [0, 0, 0, 0, 0, 0, 0, 0];
    for (let at = 0; at < label.length; at++) {
      if (!isIn(at)) continue;
      const cell =
        4 * (label[at] ?? 0) +
        2 * Number((production[at] ?? NaN) >= threshold) +
        Number((candidate[at] ?? NaN) >= threshold);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    return cells;
  };

const p95 = (values: readonly number[]): number | null => {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil(0.95 * sorted.length) - 1] ?? null;
};
