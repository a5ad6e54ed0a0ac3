// Adapter: drift, performance, pairs and trust as the measure stage writes them and the decide stage reads them, behind
// `KeepsMeasures`. Every write carries a token made of what it is about, so a repeated measurement adds nothing.
import { z } from "zod";
import { DriftRow } from "../../contracts/drift.ts";
import { sha256Hex } from "../core/canonical.ts";
import { clickhouseTime } from "../core/time.ts";
import type { DriftResult, Histogram, PairCounts, PerformanceRow } from "../../contracts/counts.ts";
import type { KeepsMeasures } from "../ports.ts";
import { pairColumns, pairCounts } from "./outcome-store.ts";
import { ask, RoleRow, SparseRow, type Engine } from "./rows.ts";

const count = z.number();
const metric = z.number().nullable();

const StoredDrift = DriftRow.omit({ at_least: true }).extend({
  window_start_ms: count,
  version: z.string(),
  revision: count,
  snapshot_digest: z.string(),
  at_least: count,
});

const metrics = {
  accuracy: metric,
  precision: metric,
  recall: metric,
  f1: metric,
  brier: metric,
  log_loss: metric,
  roc_auc: metric,
  pr_auc: metric,
  ece: metric,
};

const StoredPerformance = z.object({
  version: z.string(),
  role: RoleRow,
  scope: z.string(),
  kind: z.enum(["realised", "estimated"]),
  window_start_ms: count,
  matured_at_ms: count,
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
  ...metrics,
  valid: count,
  detail: z.string(),
  revision: count,
});

const StoredPair = z.object({
  ...pairColumns,
  version: z.string(),
  window_start_ms: count,
  cells: z.array(count),
});

export const createMeasures = (engine: Engine): KeepsMeasures => ({
  keepDrift: async ({ model, profile, results, about: part }) => {
    const rows = results.flatMap((result) =>
      result.rows.map((row) => driftColumns(model, profile, result, row)),
    );
    const about = results.map((r) => `${r.size}/${r.windowStartMs}/${r.version}/${r.digest}`).join("\n");
    await engine.insert("drift", rows, {
      token: sha256Hex(`${part ?? "drift"}\n${model}\n${profile}\n${about}`),
    });
  },

  drift: async ({ model, size, span }) => {
    const rows = await ask(engine, "drift-of", spanOf(model, size, span), StoredDrift);
    const results = new Map<string, DriftResult & { rows: DriftRow[] }>();
    for (const { window_start_ms, version, revision, snapshot_digest, at_least, ...row } of rows) {
      const key = `${window_start_ms}/${version}`;
      const result = results.get(key) ?? {
        size,
        windowStartMs: window_start_ms,
        version,
        revision,
        digest: snapshot_digest,
        rows: [],
      };
      result.rows.push({ ...row, at_least: at_least === 1 });
      results.set(key, result);
    }
    return [...results.values()];
  },

  keepPerformance: async ({ model, size, rows }) => {
    const about = rows
      .map(
        (r) =>
          `${r.windowStartMs}/${r.version}/${r.role}/${r.scope}/${r.kind}/${r.maturedAtMs}/${r.revision}`,
      )
      .join("\n");
    await engine.insert(
      "performance_snapshots",
      rows.map((row) => performanceColumns(model, size, row)),
      { token: sha256Hex(`performance\n${model}\n${size}\n${about}`) },
    );
  },

  performance: async ({ model, size, span, scope }) =>
    (await ask(engine, "performance-of", { ...spanOf(model, size, span), scope }, StoredPerformance)).map(
      (row): PerformanceRow => {
        const { window_start_ms, matured_at_ms, brier_sum, log_loss_sum, valid, ...rest } = row;
        return {
          ...rest,
          windowStartMs: window_start_ms,
          maturedAtMs: matured_at_ms,
          brierSum: brier_sum,
          logLossSum: log_loss_sum,
          valid: valid === 1,
          metrics: z.object(metrics).parse(row),
        };
      },
    ),

  keepPairs: async ({ model, size, maturedAtMs, rows }) => {
    const about = rows
      .map((r) => `${r.windowStartMs}/${r.version}/${r.productionVersion}/${r.scope}`)
      .join("\n");
    await engine.insert(
      "shadow_snapshots",
      rows.map((row) => pairRowColumns(model, size, maturedAtMs, row)),
      { token: sha256Hex(`pairs\n${model}\n${size}\n${maturedAtMs}\n${about}`) },
    );
  },

  pairs: async ({ model, size, version, span }) =>
    (await ask(engine, "pairs-of", { ...spanOf(model, size, span), version }, StoredPair)).map((row) =>
      pairCounts(row, { version: row.version, windowStartMs: row.window_start_ms, cells: row.cells }),
    ),

  keepTrust: async ({ model, size, windowStartMs, version, revision, trust, components }) => {
    const window = { window_size: size, window_start: clickhouseTime(windowStartMs) };
    await engine.insert("trust_scores", [{ model, version, ...window, revision, trust, components }], {
      token: sha256Hex(`trust\n${model}\n${size}\n${windowStartMs}\n${version}\n${revision}`),
    });
  },

  trust: async ({ model, size, windowStartMs }) => {
    const [row] = await ask(
      engine,
      "trust-of",
      { model, size, start: clickhouseTime(windowStartMs) },
      z.object({ trust: z.number().nullable() }),
    );
    return row?.trust ?? null;
  },
});

const spanOf = (model: string, size: string, span: { startMs: number; endMs: number }) => ({
  model,
  size,
  start: clickhouseTime(span.startMs),
  end: clickhouseTime(span.endMs),
});

const driftColumns = (model: string, profile: string, result: DriftResult, row: DriftRow) => ({
  model,
  version: result.version,
  window_size: result.size,
  window_start: clickhouseTime(result.windowStartMs),
  revision: result.revision,
  snapshot_digest: result.digest,
  ...row,
  at_least: row.at_least ? 1 : 0,
  profile,
});

const performanceColumns = (model: string, size: string, row: PerformanceRow) => ({
  model,
  version: row.version,
  role: row.role,
  window_size: size,
  window_start: clickhouseTime(row.windowStartMs),
  matured_at: clickhouseTime(row.maturedAtMs),
  kind: row.kind,
  scope: row.scope,
  requests: row.requests,
  labelled: row.labelled,
  positives: row.positives,
  threshold: row.threshold,
  tp: row.tp,
  fp: row.fp,
  fn: row.fn,
  tn: row.tn,
  brier_sum: row.brierSum,
  log_loss_sum: row.logLossSum,
  score_bins_negative: row.negative.keys,
  score_counts_negative: row.negative.counts,
  score_bins_positive: row.positive.keys,
  score_counts_positive: row.positive.counts,
  ...row.metrics,
  valid: row.valid ? 1 : 0,
  detail: row.detail,
  revision: row.revision,
});

const mapOf = (histogram: Histogram): Record<string, number> =>
  Object.fromEntries(histogram.keys.map((key, i) => [String(key), histogram.counts[i] ?? 0]));

const pairRowColumns = (model: string, size: string, maturedAtMs: number, row: PairCounts) => ({
  model,
  production_version: row.productionVersion,
  version: row.version,
  window_size: size,
  window_start: clickhouseTime(row.windowStartMs),
  matured_at: clickhouseTime(maturedAtMs),
  scope: row.scope,
  production_requests: row.productionRequests,
  production_errors: row.productionErrors,
  pairs: row.pairs,
  unpaired: row.unpaired,
  ok: row.ok,
  errors: row.errors,
  timeouts: row.timeouts,
  sheds: row.sheds,
  identical: row.identical,
  matured: row.matured,
  cells: row.cells,
  d_sum: row.dSum,
  d_sum_squares: row.dSumSquares,
  log_wealth: row.logWealth,
  log_wealth_reversed: row.logWealthReversed,
  delta_bins: row.delta.keys,
  delta_counts: row.delta.counts,
  production_brier_sum: row.productionBrierSum,
  brier_sum: row.brierSum,
  production_log_loss_sum: row.productionLogLossSum,
  log_loss_sum: row.logLossSum,
  production_score_negative: mapOf(row.productionNegative),
  production_score_positive: mapOf(row.productionPositive),
  score_negative: mapOf(row.negative),
  score_positive: mapOf(row.positive),
  latency_bins: row.latency.keys,
  latency_counts: row.latency.counts,
  production_latency_bins: row.productionLatency.keys,
  production_latency_counts: row.productionLatency.counts,
});
