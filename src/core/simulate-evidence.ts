// Core: the evidence a simulated block leaves, in the words the real stages write: pairs summed since they began, matured
// performance, quarantined windows left out. The simulation keeps history; this turns it into what `decide` may look at.
import type { Evidence, Paired, Realised } from "../../contracts/evidence.ts";
import type { PairedCells } from "../../contracts/snapshot.ts";
import { confusionsOf } from "./paired.ts";
import { confusionMetrics, type Confusion } from "./performance.ts";
import type { PairedBlock } from "./simulate-world.ts";
import { round9 } from "./threshold.ts";

/** The pairs of one shadow with production, block by block. */
export interface PairHistory {
  readonly other: string;
  readonly production: string;
  readonly since: string;
  readonly clone: boolean;
  readonly crash: number;
  readonly coverage: number;
  readonly blocks: readonly PairedBlock[];
}

const SEGMENT_NAMES = ["origin=a", "origin=b", "origin=c"] as const;
const BASE = { brier: 0.12, roc_auc: 0.8, pr_auc: 0.6, ece: 0.01 } as const;

/** Sums a shadow's matured blocks; `isOut` says which windows are under quarantine. */
export const pairedEvidence = (history: PairHistory, isOut: (start: string) => boolean): Paired => {
  const kept = history.blocks.filter(({ block }) => !isOut(block.start));
  const { matured, sumD, cells, bySegment } = sumsOf(kept);
  const pairs = Math.round(matured / history.coverage);
  const failed = Math.round(pairs * history.crash);
  const meanD = matured === 0 ? 0 : sumD / matured;
  const { production, candidate } = confusionsOf(cells);
  return {
    version: history.other,
    digest: history.clone ? "same" : `digest-${history.other}`,
    production_version: history.production,
    production_digest: history.clone ? "same" : `digest-${history.production}`,
    since: history.since,
    pairs: pairs - failed,
    unpaired: 0,
    ok: pairs - failed,
    errors: failed,
    timeouts: 0,
    sheds: 0,
    production_requests: pairs,
    production_errors: 0,
    matured,
    coverage: pairs === 0 ? null : round9(matured / pairs),
    cells,
    segments: SEGMENT_NAMES.map((segment, index) => {
      const own = bySegment[index] ?? NO_CELLS;
      const n = own.reduce((sum, count) => sum + count, 0);
      return { segment, n, share: matured === 0 ? 0 : round9(n / matured), cells: own };
    }),
    production: matured === 0 ? null : realisedOf(production, BASE),
    other:
      matured === 0
        ? null
        : realisedOf(candidate, {
            brier: round9(BASE.brier + meanD),
            roc_auc: round9(BASE.roc_auc - meanD),
            pr_auc: round9(BASE.pr_auc - meanD),
            ece: BASE.ece,
          }),
    auc_difference_se: 0.005,
    pr_auc_difference_se: 0.01,
    delta_abs_p95: history.clone ? 0 : 0.08,
    identical_scores: history.clone && pairs > 0,
    latency_p95_ms: 5,
    production_latency_p95_ms: 5,
    blocks: kept.filter(({ block }) => block.n > 0).map(({ block }) => block),
  };
};

const NO_CELLS: PairedCells = [0, 0, 0, 0, 0, 0, 0, 0];

/** All that adds up over blocks, in one pass: a trial of a hundred days is summed again on each of them. */
const sumsOf = (blocks: readonly PairedBlock[]) => {
  const cells: PairedCells = [...NO_CELLS];
  const bySegment = SEGMENT_NAMES.map((): PairedCells => [...NO_CELLS]);
  let matured = 0;
  let sumD = 0;
  for (const one of blocks) {
    matured += one.block.n;
    sumD += one.block.mean_d * one.block.n;
    addCells(cells, one.cells);
    for (const [index, sum] of bySegment.entries()) addCells(sum, one.segments[index] ?? NO_CELLS);
  }
  return { matured, sumD, cells, bySegment };
};

const addCells = (sum: PairedCells, more: PairedCells): void => {
  for (let cell = 0; cell < 8; cell++) sum[cell] = (sum[cell] ?? 0) + (more[cell] ?? 0);
};

/** The words of realised performance from a confusion; ranks and scores as the world states them. */
export const realisedOf = (
  confusion: Confusion,
  scores: { readonly brier: number; readonly roc_auc: number; readonly pr_auc: number; readonly ece: number },
): Realised => {
  const { accuracy, precision, recall, f1 } = confusionMetrics(confusion);
  const { tp, fp, fn, tn } = confusion;
  return {
    n: tp + fp + fn + tn,
    positives: tp + fn,
    threshold: 0.5,
    tp,
    fp,
    fn,
    tn,
    accuracy,
    precision,
    recall,
    f1,
    log_loss: null,
    ...scores,
  };
};

/** A matured window of production. */
export interface MaturedWindow {
  readonly start: string;
  readonly end: string;
  readonly production: string;
  readonly requests: number;
  readonly confusion: Confusion;
}

/** Performance of production's own newest window, and of its last seven. */
export const performanceEvidence = (
  windows: readonly MaturedWindow[],
  production: string | null,
  isOut: (start: string) => boolean,
): Pick<Evidence, "performance" | "performance_span"> & { readonly rows: number } => {
  const counts = (one: MaturedWindow): boolean => one.requests > 0 && !isOut(one.start);
  const rows = newestOf(windows, 28, counts).reduce((sum, { confusion }) => sum + total(confusion), 0);
  const span = newestOf(windows, 7, (one) => one.production === production && counts(one));
  const newest = span.at(-1);
  if (newest === undefined) return { performance: null, performance_span: null, rows };
  const summed = span.reduce<Confusion>(
    (sum, { confusion: c }) => ({
      tp: sum.tp + c.tp,
      fp: sum.fp + c.fp,
      fn: sum.fn + c.fn,
      tn: sum.tn + c.tn,
    }),
    { tp: 0, fp: 0, fn: 0, tn: 0 },
  );
  const requests = span.reduce((sum, one) => sum + one.requests, 0);
  return {
    rows,
    performance: {
      window_start: newest.start,
      window_end: newest.end,
      requests: newest.requests,
      coverage: total(newest.confusion) / newest.requests,
      realised: realisedOf(newest.confusion, BASE),
    },
    performance_span: {
      windows: span.length,
      requests,
      coverage: total(summed) / requests,
      realised: realisedOf(summed, BASE),
    },
  };
};

/** The last `most` windows that count, oldest first; read from the end, because a run of 500 days asks for seven of them 500 times. */
const newestOf = (
  windows: readonly MaturedWindow[],
  most: number,
  counts: (one: MaturedWindow) => boolean,
): MaturedWindow[] => {
  const found: MaturedWindow[] = [];
  for (let index = windows.length - 1; index >= 0 && found.length < most; index--) {
    const one = windows[index];
    if (one !== undefined && counts(one)) found.push(one);
  }
  return found.reverse();
};

const total = ({ tp, fp, fn, tn }: Confusion): number => tp + fp + fn + tn;
