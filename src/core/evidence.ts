// Core: the evidence of one decision window from what the stores hold (contracts/evidence.ts). Sums over windows, never over
// rounded rates; every float is rounded to 9 decimals, so that the same counts give the same bytes on any machine.
import type { DriftResult, LabelledCounts, PairCounts, PerformanceRow } from "../../contracts/counts.ts";
import type { DriftRow } from "../../contracts/drift.ts";
import type { Block, Evidence, Paired, Realised } from "../../contracts/evidence.ts";
import type { Quarantine } from "../../contracts/governance.ts";
import { ALL, BRIER_SCALE, type PairedCells } from "../../contracts/snapshot.ts";
import {
  addCounts,
  emptyCounts,
  LATENCY_BINS,
  latencyQuantile,
  SCORE_BINS,
  totalOf,
  type Counts,
} from "./histogram.ts";
import { countsOf, realisedMetrics } from "./measurement.ts";
import { pairedAucBinned, pairedPrAuc } from "./paired.ts";
import { isoOf } from "./time.ts";

const round9 = (value: number): number => {
  const rounded = Math.round(value * 1e9) / 1e9;
  return rounded === 0 ? 0 : rounded;
};
const round9OrNull = (value: number | null): number | null => (value === null ? null : round9(value));

/** Rounds every float of a drift row; counts stay. */
export const roundedDrift = (rows: readonly DriftRow[]): DriftRow[] =>
  rows.map((row) => ({
    ...row,
    value: round9OrNull(row.value),
    threshold_watch: round9OrNull(row.threshold_watch),
    threshold: round9OrNull(row.threshold),
    p_value: round9OrNull(row.p_value),
    p_adjusted: round9OrNull(row.p_adjusted),
  }));

/** What a longer cycle withholds from this window are judged by the longer window that ends with it, where there is one. */
export const withCycles = (rows: readonly DriftRow[], longer: readonly DriftRow[]): DriftRow[] =>
  rows.map((row) => {
    if (row.status !== "not_evaluated" || !row.reason.includes("cycles")) return row;
    const judged = longer.find(
      (other) =>
        other.subject === row.subject && other.feature === row.feature && other.statistic === row.statistic,
    );
    return judged ?? row;
  });

const isQuarantined = (startMs: number, quarantines: readonly Quarantine[]): boolean =>
  quarantines.some(
    (q) => !q.released && startMs >= Date.parse(q.windowStart) && startMs < Date.parse(q.windowEnd),
  );

/** Leaves out rows of windows under quarantine: they are no evidence. */
export const outsideQuarantine = <T extends { readonly windowStartMs: number }>(
  rows: readonly T[],
  quarantines: readonly Quarantine[],
): T[] => rows.filter((row) => !isQuarantined(row.windowStartMs, quarantines));

/** Realised performance of summed labelled counts. */
export const realisedOf = (
  rows: readonly PerformanceRow[],
): { requests: number; coverage: number | null; realised: Realised } | null => {
  const [first] = rows;
  if (first === undefined) return null;
  const sum = (pick: (row: PerformanceRow) => number) => rows.reduce((total, row) => total + pick(row), 0);
  const big = (pick: (row: PerformanceRow) => string) =>
    rows.reduce((total, row) => total + BigInt(pick(row)), 0n).toString();
  const requests = sum((r) => r.requests);
  const counts = {
    ...first,
    requests,
    labelled: sum((r) => r.labelled),
    positives: sum((r) => r.positives),
    tp: sum((r) => r.tp),
    fp: sum((r) => r.fp),
    fn: sum((r) => r.fn),
    tn: sum((r) => r.tn),
    brierSum: big((r) => r.brierSum),
    logLossSum: big((r) => r.logLossSum),
    negative: sparse(
      sumCounts(
        rows.map((r) => r.negative),
        SCORE_BINS,
      ),
    ),
    positive: sparse(
      sumCounts(
        rows.map((r) => r.positive),
        SCORE_BINS,
      ),
    ),
  };
  return {
    requests,
    coverage: requests === 0 ? null : round9(counts.labelled / requests),
    realised: realisedWord(counts),
  };
};

const sumCounts = (histograms: readonly PerformanceRow["negative"][], size: number): Counts =>
  histograms.reduce((total, h) => addCounts(total, countsOf(h, size)), emptyCounts(size));

const sparse = (counts: Counts): PerformanceRow["negative"] => {
  const keys: number[] = [];
  const values: number[] = [];
  counts.forEach((n, key) => {
    if (n === 0) return;
    keys.push(key);
    values.push(n);
  });
  return { keys, counts: values };
};

const realisedWord = (counts: LabelledCounts): Realised => {
  const metrics = realisedMetrics(counts);
  return {
    n: counts.labelled,
    positives: counts.positives,
    threshold: counts.threshold,
    tp: counts.tp,
    fp: counts.fp,
    fn: counts.fn,
    tn: counts.tn,
    accuracy: round9OrNull(metrics.accuracy),
    precision: round9OrNull(metrics.precision),
    recall: round9OrNull(metrics.recall),
    f1: round9OrNull(metrics.f1),
    brier: round9OrNull(metrics.brier),
    log_loss: round9OrNull(metrics.log_loss),
    roc_auc: round9OrNull(metrics.roc_auc),
    pr_auc: round9OrNull(metrics.pr_auc),
    ece: round9OrNull(metrics.ece),
  };
};

export interface PairedIdentity {
  readonly version: string;
  readonly digest: string;
  readonly productionVersion: string;
  readonly productionDigest: string;
  readonly productionThreshold: number;
  readonly since: string;
  /** Whether row-level log wealths are wanted (`row_tempered`). */
  readonly wealth: boolean;
}

/** Sums paired windows into the evidence about one shadow; null before its first matured window. */
export const pairedOf = (who: PairedIdentity, rows: readonly PairCounts[]): Paired => {
  const all = rows.filter((row) => row.scope === ALL).sort((a, b) => a.windowStartMs - b.windowStartMs);
  const sum = (pick: (row: PairCounts) => number) => all.reduce((total, row) => total + pick(row), 0);
  const requests = sum((r) => r.productionRequests);
  const matured = sum((r) => r.matured);
  const ok = sum((r) => r.pairs);
  const production = labelledSide(who, all, "production");
  const other = labelledSide(who, all, "other");
  const sides = {
    production: {
      negative: countsOf(production.negative, SCORE_BINS),
      positive: countsOf(production.positive, SCORE_BINS),
    },
    other: { negative: countsOf(other.negative, SCORE_BINS), positive: countsOf(other.positive, SCORE_BINS) },
  };
  const words = matured === 0 ? null : { production: realisedWord(production), other: realisedWord(other) };
  return {
    version: who.version,
    digest: who.digest,
    production_version: who.productionVersion,
    production_digest: who.productionDigest,
    since: who.since,
    pairs: ok,
    unpaired: sum((r) => r.unpaired),
    ok: sum((r) => r.ok),
    errors: sum((r) => r.errors),
    timeouts: sum((r) => r.timeouts),
    sheds: sum((r) => r.sheds),
    production_requests: requests,
    production_errors: sum((r) => r.productionErrors),
    matured,
    coverage: ok === 0 ? null : round9(matured / ok),
    cells: cellsOf(all),
    segments: segmentsOf(rows, matured),
    production: words?.production ?? null,
    other: words?.other ?? null,
    auc_difference_se:
      words === null ? null : round9OrNull(pairedAucBinned(sides.production, sides.other)?.se ?? null),
    pr_auc_difference_se:
      words === null || words.production.pr_auc === null || words.other.pr_auc === null
        ? null
        : round9OrNull(
            pairedPrAuc(words.production.pr_auc, words.other.pr_auc, words.other.positives)?.se ?? null,
          ),
    delta_abs_p95: deltaP95(all),
    identical_scores: ok > 0 && sum((r) => r.identical) === ok,
    latency_p95_ms: latencyP95(all.map((r) => r.latency)),
    production_latency_p95_ms: latencyP95(all.map((r) => r.productionLatency)),
    blocks: all.filter((row) => row.matured > 0).map((row) => blockOf(row, who.wealth)),
  };
};

const labelledSide = (
  who: PairedIdentity,
  rows: readonly PairCounts[],
  side: "production" | "other",
): LabelledCounts => {
  const cells = cellsOf(rows);
  const confusion = confusionOf(cells, side);
  const big = (pick: (row: PairCounts) => string) =>
    rows.reduce((total, row) => total + BigInt(pick(row)), 0n).toString();
  const own = side === "production";
  return {
    version: own ? who.productionVersion : who.version,
    role: own ? "production" : "shadow",
    scope: ALL,
    requests: rows.reduce((total, row) => total + row.pairs, 0),
    labelled: cells.reduce((total, n) => total + n, 0),
    positives: confusion.tp + confusion.fn,
    threshold: who.productionThreshold,
    ...confusion,
    brierSum: big((r) => (own ? r.productionBrierSum : r.brierSum)),
    logLossSum: big((r) => (own ? r.productionLogLossSum : r.logLossSum)),
    negative: sparse(
      sumCounts(
        rows.map((r) => (own ? r.productionNegative : r.negative)),
        SCORE_BINS,
      ),
    ),
    positive: sparse(
      sumCounts(
        rows.map((r) => (own ? r.productionPositive : r.positive)),
        SCORE_BINS,
      ),
    ),
  };
};

/** One side's confusion out of c[4y + 2ŷp + ŷc]. */
const confusionOf = (
  c: PairedCells,
  side: "production" | "other",
): { tp: number; fp: number; fn: number; tn: number } =>
  side === "production"
    ? { tp: c[6] + c[7], fp: c[2] + c[3], fn: c[4] + c[5], tn: c[0] + c[1] }
    : { tp: c[5] + c[7], fp: c[1] + c[3], fn: c[4] + c[6], tn: c[0] + c[2] };

const cellsOf = (rows: readonly PairCounts[]): PairedCells => {
  const at = (cell: number): number => rows.reduce((total, row) => total + (row.cells[cell] ?? 0), 0);
  return [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)];
};

const segmentsOf = (rows: readonly PairCounts[], matured: number): Paired["segments"] => {
  const names = [...new Set(rows.map((row) => row.scope))].filter((scope) => scope !== ALL).sort();
  return names.map((segment) => {
    const cells = cellsOf(rows.filter((row) => row.scope === segment));
    const n = cells.reduce((total, count) => total + count, 0);
    return { segment, n, share: matured === 0 ? 0 : round9(n / matured), cells };
  });
};

const blockOf = (row: PairCounts, wealth: boolean): Block => {
  const cells = cellsOf([row]);
  const [production, other] = [confusionOf(cells, "production"), confusionOf(cells, "other")];
  const mean = (sum: string): number => Math.round(Number(BigInt(sum)) / row.matured) / BRIER_SCALE;
  const logs = (scaled: readonly number[]): number[] | null =>
    wealth ? scaled.map((n) => round9(n / BRIER_SCALE)) : null;
  return {
    start: isoOf(row.windowStartMs),
    n: row.matured,
    mean_d: mean(row.dSum),
    mean_d2: mean(row.dSumSquares),
    log_wealth: logs(row.logWealth),
    log_wealth_reversed: logs(row.logWealthReversed),
    tp: production.tp,
    fp: production.fp,
    fn: production.fn,
    other_tp: other.tp,
    other_fp: other.fp,
    other_fn: other.fn,
  };
};

/** Upper edge of the thousandth in which the 95th percentile of |Δp| lies. */
const deltaP95 = (rows: readonly PairCounts[]): number | null => {
  const counts = sumCounts(
    rows.map((row) => row.delta),
    SCORE_BINS,
  );
  const total = totalOf(counts);
  if (total === 0) return null;
  let below = 0;
  const bin = counts.findIndex((n) => (below += n) >= 0.95 * total);
  return round9((bin + 1) / SCORE_BINS);
};

const latencyP95 = (histograms: readonly PairCounts["latency"][]): number | null => {
  const counts = sumCounts(histograms, LATENCY_BINS);
  const micros = totalOf(counts) === 0 ? null : latencyQuantile(counts, 0.95);
  return micros === null ? null : round9(micros / 1000);
};

/** Decision windows since the oldest open drift quarantine: did each still breach, and have its labels matured by now? */
export const maturedWindows = (
  quarantines: readonly Quarantine[],
  results: readonly DriftResult[],
  by: { nowMs: number; sizeMs: number; horizonMs: number },
): Evidence["matured_windows"] => {
  const open = quarantines
    .filter((q) => q.kind === "drift" && !q.released)
    .map((q) => Date.parse(q.windowStart));
  if (open.length === 0) return [];
  const oldest = Math.min(...open);
  const starts = [...new Set(results.map((r) => r.windowStartMs))]
    .filter((start) => start >= oldest)
    .sort((a, b) => a - b);
  return starts.map((start) => ({
    start: isoOf(start),
    end: isoOf(start + by.sizeMs),
    breached: results.some(
      (r) =>
        r.windowStartMs === start &&
        r.rows.some((row) => row.subject === "feature" && row.status === "breach"),
    ),
    matured: start + by.sizeMs + by.horizonMs <= by.nowMs,
  }));
};
