// Adapter: the lists people look at, behind `ReadsForPeople`: one named query a list, one word a row. Instants arrive as milliseconds and
// leave as ISO times; a page's place travels with each row. Reads only.
import { z } from "zod";
import type { Histogram } from "../../contracts/counts.ts";
import { GateResult, Reason } from "../../contracts/decision.ts";
import { DriftStatus } from "../../contracts/drift.ts";
import {
  AlertItem,
  DecisionItem,
  DriftItem,
  LabelDay,
  PerformanceItem,
  ShadowItem,
  SnapshotItem,
  type EvidencePoint,
} from "../../contracts/read.ts";
import { wilsonInterval } from "../core/distributions.ts";
import { fromSparse, LATENCY_BINS, latencyQuantile } from "../core/histogram.ts";
import { confusionMetrics } from "../core/performance.ts";
import { clickhouseTime, isoOf } from "../core/time.ts";
import { pairsOf } from "../core/window.ts";
import type { Paging, Placed, ReadsForPeople, Slice } from "../ports-reading.ts";
import { ask, SparseRow, type Engine, type Parameters } from "./rows.ts";

const count = z.number();
const metric = z.number().nullable();
const place = { place_ms: count, place_key: z.string() };

const SnapshotRow = SnapshotItem.omit({
  window_start: true,
  window_end: true,
  latency_p50_ms: true,
  latency_p95_ms: true,
}).extend({ ...place, window_start_ms: count, window_end_ms: count, latency: SparseRow });
const StoredDrift = DriftItem.omit({ window_start: true, at_least: true }).extend({
  ...place,
  window_start_ms: count,
  at_least: count,
});
const PerformanceRow = PerformanceItem.omit({
  window_start: true,
  matured_at: true,
  coverage: true,
  accuracy_interval: true,
  f1_interval: true,
  valid: true,
}).extend({ ...place, window_start_ms: count, matured_at_ms: count, valid: count });
const ShadowRow = ShadowItem.omit({ window_start: true, matured_at: true }).extend({
  ...place,
  window_start_ms: count,
  matured_at_ms: count,
});
const Gates = z.string().transform((text) => z.array(GateResult).parse(JSON.parse(text)));
const DecisionRow = DecisionItem.omit({
  window_start: true,
  window_end: true,
  at: true,
  version: true,
  reasons: true,
  gates: true,
}).extend({
  ...place,
  window_start_ms: count,
  window_end_ms: count,
  at_ms: count,
  about: z.string().nullable(),
  reasons: z.string().transform((text) => z.array(Reason).parse(JSON.parse(text))),
  gates: Gates,
});
const AlertRow = AlertItem.omit({ at: true }).extend({ ...place, at_ms: count });
const TrendRow = z.object({
  model: z.string(),
  window_start_ms: count,
  volume: count,
  invalid: count,
  trust: metric,
  breaches: metric,
});
const OpenRow = z.object({ model: z.string(), requests: count, newest_ms: count });
const HeatRows = z.object({
  subject: z.string(),
  name: z.string(),
  cells: z.array(z.tuple([count, z.string(), metric, metric, DriftStatus])),
});
const EvidenceRow = z.object({
  id: z.string(),
  window_end_ms: count,
  candidate: z.string(),
  candidate_pairs: count,
  candidate_matured: count,
  standby: z.string(),
  standby_pairs: count,
  standby_matured: count,
  log_e: metric,
  harm_e: metric,
  gates: Gates,
});
const NewsRow = z.object({
  kind: z.enum(["decision", "alert"]),
  id: z.string(),
  model: z.string(),
  at_ms: count,
  text: z.string(),
});
const HistogramRow = z.object({ histogram: SparseRow });

/** Opens the lists over an engine of the caller. */
export const createReadStore = (engine: Engine): ReadsForPeople => ({
  snapshots: async (slice) =>
    (await ask(engine, "list-snapshots", sliced(slice, ["version", "role"]), SnapshotRow)).map((row) =>
      placed(row, ({ window_start_ms, window_end_ms, latency, ...rest }) => {
        const spread = fromSparse(pairsOf(latency), LATENCY_BINS);
        return {
          ...rest,
          window_start: isoOf(window_start_ms),
          window_end: isoOf(window_end_ms),
          latency_p50_ms: inMs(latencyQuantile(spread, 0.5)),
          latency_p95_ms: inMs(latencyQuantile(spread, 0.95)),
        };
      }),
    ),

  drift: async (slice) =>
    (
      await ask(
        engine,
        "list-drift",
        sliced(slice, ["version", "subject", "feature", "statistic", "status"]),
        StoredDrift,
      )
    ).map((row) =>
      placed(row, ({ window_start_ms, at_least, ...rest }) => ({
        ...rest,
        window_start: isoOf(window_start_ms),
        at_least: at_least === 1,
      })),
    ),

  performance: async (slice) =>
    (
      await ask(
        engine,
        "list-performance",
        sliced(slice, ["version", "role", "kind", "scope"]),
        PerformanceRow,
      )
    ).map((row) =>
      placed(row, ({ window_start_ms, matured_at_ms, valid, ...rest }) => ({
        ...rest,
        window_start: isoOf(window_start_ms),
        matured_at: isoOf(matured_at_ms),
        coverage: rest.requests === 0 ? null : rest.labelled / rest.requests,
        ...intervalsOf(rest),
        valid: valid === 1,
      })),
    ),

  shadow: async (slice) =>
    (await ask(engine, "list-shadow", sliced(slice, ["version", "scope"]), ShadowRow)).map((row) =>
      placed(row, ({ window_start_ms, matured_at_ms, ...rest }) => ({
        ...rest,
        window_start: isoOf(window_start_ms),
        matured_at: isoOf(matured_at_ms),
      })),
    ),

  decisions: async ({ model, action, ...paging }) =>
    (await ask(engine, "list-decisions", { model, action, ...paged(paging) }, DecisionRow)).map((row) =>
      placed(row, decisionItem),
    ),
  lastDecisions: async () =>
    (await ask(engine, "list-last-decisions", {}, DecisionRow)).map((row) => placed(row, decisionItem).item),

  alerts: async ({ model, ...paging }) =>
    (await ask(engine, "list-alerts", { model, ...paged(paging) }, AlertRow)).map((row) =>
      placed(row, ({ at_ms, ...rest }) => ({ ...rest, at: isoOf(at_ms) })),
    ),

  labels: ({ model, span }) =>
    ask(
      engine,
      "list-labels",
      {
        model,
        start: clickhouseTime(span.startMs),
        end: clickhouseTime(span.endMs),
        predicted_since: clickhouseTime(Math.max(0, span.startMs - 30 * DAY_MS)),
      },
      LabelDay,
    ),

  trends: async ({ model, size, span }) =>
    (
      await ask(
        engine,
        "list-trends",
        { model: model ?? "", size, start: clickhouseTime(span.startMs), end: clickhouseTime(span.endMs) },
        TrendRow,
      )
    ).map(({ window_start_ms, ...row }) => ({ ...row, window_start: isoOf(window_start_ms) })),

  open: async ({ model, span }) =>
    (
      await ask(
        engine,
        "list-open",
        { model: model ?? "", since: clickhouseTime(span.startMs), until: clickhouseTime(span.endMs) },
        OpenRow,
      )
    ).map(({ newest_ms, ...row }) => ({ ...row, newest: isoOf(newest_ms) })),

  heat: async ({ model, size, span, stepMs }) =>
    (
      await ask(
        engine,
        "list-heat",
        {
          model,
          size,
          start: clickhouseTime(span.startMs),
          end: clickhouseTime(span.endMs),
          step_ms: stepMs,
        },
        HeatRows,
      )
    ).map(({ subject, name, cells }) => ({
      subject,
      feature: name,
      cells: cells.map(([startMs, statistic, value, threshold, status]) => ({
        window_start: isoOf(startMs),
        statistic,
        value,
        threshold,
        status,
      })),
    })),

  histogram: async ({ model, size, version, startMs, position }) => {
    const window = { model, size, version, start: clickhouseTime(startMs) };
    const [row] =
      position === null
        ? await ask(engine, "list-scores", window, HistogramRow)
        : await ask(engine, "list-histogram", { ...window, position }, HistogramRow);
    return row?.histogram ?? null;
  },

  evidence: async ({ model, limit }) =>
    (await ask(engine, "list-evidence", { model, limit }, EvidenceRow)).flatMap(evidencePoint),
  shadows: async ({ model, size }) =>
    (await ask(engine, "list-shadows", { model, size }, z.object({ version: z.string() }))).map(
      ({ version }) => version,
    ),
  delta: async ({ model, size, version }): Promise<Histogram> => {
    const [row] = await ask(engine, "list-delta", { model, size, version }, HistogramRow);
    return row?.histogram ?? { keys: [], counts: [] };
  },
  pairs: async ({ model, version, span, limit }) =>
    (
      await ask(
        engine,
        "list-pairs",
        { model, version, limit, start: clickhouseTime(span.startMs), end: clickhouseTime(span.endMs) },
        z.object({ production: count, shadow: count }),
      )
    ).map(({ production, shadow }) => [production, shadow] as const),

  news: async () =>
    (await ask(engine, "list-news", {}, NewsRow)).map(({ at_ms, ...row }) => ({ ...row, atMs: at_ms })),
});

const DAY_MS = 86_400_000;

/** Before every row of a list. */
const paged = ({ after, limit }: Paging) => ({
  after_ms: after?.ms ?? Number.MIN_SAFE_INTEGER,
  after_key: after?.key ?? "",
  limit,
});

const sliced = (slice: Slice, filters: readonly string[]): Parameters => ({
  model: slice.model,
  size: slice.size,
  start: clickhouseTime(slice.span.startMs),
  end: clickhouseTime(slice.span.endMs),
  ...Object.fromEntries(filters.map((name) => [name, slice.filters[name] ?? ""])),
  ...paged(slice),
});

const placed = <R extends { place_ms: number; place_key: string }, T>(
  row: R,
  itemOf: (rest: Omit<R, "place_ms" | "place_key">) => T,
): Placed<T> => {
  const { place_ms, place_key, ...rest } = row;
  return { item: itemOf(rest), place: { ms: place_ms, key: place_key } };
};

const decisionItem = (row: Omit<z.infer<typeof DecisionRow>, "place_ms" | "place_key">): DecisionItem => {
  const { window_start_ms, window_end_ms, at_ms, about, ...rest } = row;
  return {
    ...rest,
    version: about,
    window_start: isoOf(window_start_ms),
    window_end: isoOf(window_end_ms),
    at: isoOf(at_ms),
  };
};

/** Only counted labels have an interval; an estimate has its own conditions. */
const intervalsOf = (row: {
  kind: "realised" | "estimated";
  tp: number;
  fp: number;
  fn: number;
  tn: number;
}): Pick<PerformanceItem, "accuracy_interval" | "f1_interval"> => {
  if (row.kind !== "realised") return { accuracy_interval: null, f1_interval: null };
  const right = wilsonInterval(row.tp + row.tn, row.tp + row.fp + row.fn + row.tn);
  const { f1, f1_low } = confusionMetrics(row);
  // f1_low is one-sided at 95 % (z 1.645); people are shown the two-sided interval (z 1.96).
  const half = f1 === null || f1_low === null ? null : ((f1 - f1_low) * 1.959964) / 1.644854;
  return {
    accuracy_interval: right === null ? null : { low: right.low, high: right.high },
    f1_interval:
      f1 === null || half === null ? null : { low: Math.max(0, f1 - half), high: Math.min(1, f1 + half) },
  };
};

/** A decision's evidence speaks of the candidate where there is one, else of the watch over the standby. */
const evidencePoint = (row: z.infer<typeof EvidenceRow>): EvidencePoint[] => {
  const common = { window_end: isoOf(row.window_end_ms), decision_id: row.id, log_e: row.log_e };
  if (row.candidate !== "")
    return [
      {
        ...common,
        role: "candidate",
        version: row.candidate,
        threshold: row.gates.find(({ gate }) => gate === "evidence")?.threshold ?? null,
        pairs: row.candidate_pairs,
        matured: row.candidate_matured,
      },
    ];
  if (row.standby === "") return [];
  return [
    {
      ...common,
      role: "standby",
      version: row.standby,
      threshold: row.harm_e === null ? null : Math.log(row.harm_e),
      pairs: row.standby_pairs,
      matured: row.standby_matured,
    },
  ];
};

const inMs = (us: number | null): number | null => (us === null ? null : us / 1000);
