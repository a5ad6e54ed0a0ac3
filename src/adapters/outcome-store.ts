// Adapter: predictions joined with labels and with their shadow twins, behind `ReadsOutcomes`. All sums arrive as integers, so
// the answer does not depend on the order in which the engine met the rows.
import { z } from "zod";
import { sha256Hex } from "../core/canonical.ts";
import { clickhouseTime } from "../core/time.ts";
import type { LabelledCounts, PairCounts, SegmentKey } from "../../contracts/counts.ts";
import type { ReadsOutcomes } from "../ports.ts";
import { ask, RoleRow, SparseRow, type Engine } from "./rows.ts";

const count = z.number();

const LabelledRow = z
  .object({
    version: z.string(),
    role: RoleRow,
    scope: z.string(),
    requests: count,
    labelled: count,
    positives: count,
    threshold: count,
    tp: count,
    fp: count,
    fn: count,
    tn: count,
    brier_sum: z.string(),
    log_loss_sum: z.string(),
    negative: SparseRow,
    positive: SparseRow,
  })
  .transform(({ brier_sum, log_loss_sum, ...row }): LabelledCounts => ({
    ...row,
    brierSum: brier_sum,
    logLossSum: log_loss_sum,
  }));

/** Columns of a paired row as both the facts query and the stored snapshots name them. */
export const pairColumns = {
  production_version: z.string(),
  scope: z.string(),
  production_requests: count,
  production_errors: count,
  pairs: count,
  unpaired: count,
  ok: count,
  errors: count,
  timeouts: count,
  sheds: count,
  identical: count,
  matured: count,
  d_sum: z.string(),
  d_sum_squares: z.string(),
  log_wealth: z.array(count),
  log_wealth_reversed: z.array(count),
  delta: SparseRow,
  production_brier_sum: z.string(),
  brier_sum: z.string(),
  production_log_loss_sum: z.string(),
  log_loss_sum: z.string(),
  production_negative: SparseRow,
  production_positive: SparseRow,
  negative: SparseRow,
  positive: SparseRow,
  latency: SparseRow,
  production_latency: SparseRow,
};

const PairRow = z.object({ ...pairColumns, cells: SparseRow });

/** Names a paired row's columns as the ports do. */
export const pairCounts = (
  row: z.infer<z.ZodObject<typeof pairColumns>>,
  by: { version: string; windowStartMs: number; cells: readonly number[] },
): PairCounts => ({
  productionVersion: row.production_version,
  version: by.version,
  scope: row.scope,
  windowStartMs: by.windowStartMs,
  productionRequests: row.production_requests,
  productionErrors: row.production_errors,
  pairs: row.pairs,
  unpaired: row.unpaired,
  ok: row.ok,
  errors: row.errors,
  timeouts: row.timeouts,
  sheds: row.sheds,
  identical: row.identical,
  matured: row.matured,
  cells: by.cells,
  dSum: row.d_sum,
  dSumSquares: row.d_sum_squares,
  logWealth: row.log_wealth,
  logWealthReversed: row.log_wealth_reversed,
  delta: row.delta,
  productionBrierSum: row.production_brier_sum,
  brierSum: row.brier_sum,
  productionLogLossSum: row.production_log_loss_sum,
  logLossSum: row.log_loss_sum,
  productionNegative: row.production_negative,
  productionPositive: row.production_positive,
  negative: row.negative,
  positive: row.positive,
  latency: row.latency,
  productionLatency: row.production_latency,
});

/** Reads labelled, paired and trainable outcomes from the facts. */
export const createOutcomes = (engine: Engine): ReadsOutcomes => ({
  labelled: ({ model, span, horizonMs, asOfMs, thresholds, segments }) =>
    ask(
      engine,
      "measure-performance",
      { ...windowOf(model, span, horizonMs, asOfMs), ...thresholdsOf(thresholds), ...segmentsOf(segments) },
      LabelledRow,
    ),

  pairs: async ({ model, version, span, horizonMs, asOfMs, thresholds, segments, lambdas }) =>
    (
      await ask(
        engine,
        "measure-pairs",
        {
          ...windowOf(model, span, horizonMs, asOfMs),
          ...thresholdsOf(thresholds),
          ...segmentsOf(segments),
          version,
          lambdas,
        },
        PairRow,
      )
    ).map((row) =>
      pairCounts(row, {
        version,
        windowStartMs: span.startMs,
        cells: Array.from({ length: 8 }, (_, cell) => row.cells.counts[row.cells.keys.indexOf(cell)] ?? 0),
      }),
    ),

  trainingRows: async ({ model, encoding, span, horizonMs, asOfMs, quarantined, features, rowsMax }) => {
    const window = windowOf(model, span, horizonMs, asOfMs);
    const [found] = await ask(
      engine,
      "training-count",
      { model, encoding, start: window.start, end: window.end },
      z.object({ rows: count }),
    );
    const keep = Math.min(1, rowsMax / Math.max(1, found?.rows ?? 0));
    const rows = await ask(
      engine,
      "training-rows",
      {
        ...window,
        encoding,
        quarantine_starts: quarantined.map((q) => q.startMs),
        quarantine_ends: quarantined.map((q) => q.endMs),
        keep_per_million: Math.floor(keep * 1e6),
      },
      z.object({ time_ms: count, label: count, codes: z.string() }),
    );
    const codes = new Uint8Array(rows.length * features);
    const labels = new Uint8Array(rows.length);
    const timesMs = new Float64Array(rows.length);
    rows.forEach((row, i) => {
      const bytes = Buffer.from(row.codes, "hex");
      if (bytes.length !== features)
        throw new Error(`a stored event has ${bytes.length} codes, the encoding ${features}`);
      codes.set(bytes, i * features);
      labels[i] = row.label;
      timesMs[i] = row.time_ms;
    });
    const digest = sha256Hex(Buffer.concat([codes, labels, Buffer.from(timesMs.buffer)]));
    return { rows: rows.length, codes, labels, timesMs, digest };
  },
});

const windowOf = (
  model: string,
  span: { startMs: number; endMs: number },
  horizonMs: number,
  asOfMs: number,
) => ({
  model,
  start: clickhouseTime(span.startMs),
  end: clickhouseTime(span.endMs),
  horizon: clickhouseTime(span.startMs - horizonMs),
  as_of: clickhouseTime(asOfMs),
});

const thresholdsOf = (thresholds: Readonly<Record<string, number>>) => ({
  versions: Object.keys(thresholds),
  thresholds: Object.values(thresholds),
});

const segmentsOf = (segments: readonly SegmentKey[]) => ({
  segment_names: segments.map((s) => s.name),
  segment_positions: segments.map((s) => s.position),
  segment_codes: segments.map((s) => s.code),
});
