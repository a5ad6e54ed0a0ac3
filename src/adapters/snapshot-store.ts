// Adapter: traffic and snapshots in ClickHouse, behind `ReadsTraffic` and `KeepsSnapshots`. Snapshot rows are inserted after
// their histograms and name the batch they were written in: only rows of that batch count with them, so that what a crash leaves
// behind, or what comes late, is read by nobody. Tokens make every write safe to repeat.
import { z } from "zod";
import { type Snapshot, WindowFlag } from "../../contracts/snapshot.ts";
import { clickhouseTime, isoOf } from "../core/time.ts";
import type { Span, WindowContent } from "../../contracts/counts.ts";
import type { KeepsSnapshots, ReadsTraffic } from "../ports.ts";
import { featureCounts } from "./feature-counts.ts";
import { ask, RoleRow, SparseRow, type Engine } from "./rows.ts";
import { keepBatch, keepReference, WINDOWS_A_BATCH } from "./snapshot-writer.ts";

const count = z.number();
const FeatureRow = z.object({
  window_start_ms: count,
  version: z.string(),
  role: RoleRow,
  encoding: z.string(),
  position: count,
  codes: z.array(count),
  counts: z.array(count),
});
const SummedFeatureRow = FeatureRow.omit({ codes: true, counts: true }).extend({
  histogram: SparseRow,
});
const ScoreRow = z.object({
  window_start_ms: count,
  version: z.string(),
  role: RoleRow,
  scope: z.string(),
  bins: z.array(count),
  counts: z.array(count),
});
const SummedScoreRow = ScoreRow.omit({ bins: true, counts: true }).extend({
  histogram: SparseRow,
});
const RawRow = z.object({
  window_start_ms: count,
  version: z.string(),
  role: RoleRow,
  rows_raw: count,
  duplicate_requests: count,
  conflicting_requests: count,
});
const outcomes = {
  volume: count,
  ok: count,
  invalid: count,
  errors: count,
  timeouts: count,
  sheds: count,
  score_sum: z.string(),
  score_sum_squares: z.string(),
  encoding: z.string(),
};
const CountsRow = z.object({
  window_start_ms: count,
  version: z.string(),
  role: RoleRow,
  ...outcomes,
  latency: SparseRow,
});
const SnapshotRow = z.object({
  model: z.string(),
  version: z.string(),
  role: RoleRow,
  window_size: z.string(),
  window_start_ms: count,
  window_end_ms: count,
  revision: count,
  rows_raw: count,
  duplicate_requests: count,
  conflicting_requests: count,
  late_rows: count,
  ...outcomes,
  latency_bins: z.array(count),
  latency_counts: z.array(count),
  flags: z.array(WindowFlag),
  digest: z.string(),
});
const UnjudgedRow = SnapshotRow.extend({ answering: count });

/** Reads raw traffic for the roll stage. */
export const createTraffic = (engine: Engine): ReadsTraffic => ({
  models: async () =>
    (await ask(engine, "roll-models", {}, z.object({ model: z.string(), first_ms: count }))).map((row) => ({
      model: row.model,
      firstMs: row.first_ms,
    })),

  touched: async ({ model, sizeMs, seen, throughMs }) =>
    (
      await ask(
        engine,
        "roll-touched",
        { model, size_ms: sizeMs, seen, through: clickhouseTime(throughMs) },
        z.object({ window_start_ms: count }),
      )
    ).map((row) => row.window_start_ms),

  engineNow: async () => {
    const [row] = await ask(engine, "engine-now", {}, z.object({ now: z.string() }));
    if (row === undefined) throw new Error("the engine did not tell its time");
    return row.now;
  },

  contents: async ({ model, sizeMs, span, horizonMs, segments }) => {
    const windows = {
      model,
      size_ms: sizeMs,
      start: clickhouseTime(span.startMs),
      end: clickhouseTime(span.endMs),
    };
    const distinct = { ...windows, horizon: clickhouseTime(span.startMs - horizonMs) };
    const [raw, counts, features, scores] = await Promise.all([
      ask(engine, "roll-raw", windows, RawRow),
      ask(engine, "roll-counts", distinct, CountsRow),
      ask(engine, "roll-features", distinct, FeatureRow),
      ask(
        engine,
        "roll-scores",
        {
          ...distinct,
          segment_names: segments.map((s) => s.name),
          segment_positions: segments.map((s) => s.position),
          segment_codes: segments.map((s) => s.code),
        },
        ScoreRow,
      ),
    ]);
    const starts = [...new Set(raw.map((row) => row.window_start_ms))];
    return new Map(
      starts.map((start) => {
        const here = <T extends { window_start_ms: number }>(rows: readonly T[]): T[] =>
          rows.filter((row) => row.window_start_ms === start);
        return [start, contentOf(here(raw), here(counts), here(features), here(scores))];
      }),
    );
  },

  holes: async ({ startMs, endMs }) => {
    const [row] = await ask(
      engine,
      "roll-holes",
      {
        start: clickhouseTime(startMs),
        end: clickhouseTime(endMs),
        before: clickhouseTime(startMs - (endMs - startMs)),
        after: clickhouseTime(endMs + 86_400_000),
      },
      z.object({ missing: count.nullable() }),
    );
    return row?.missing ?? 0;
  },
});

const contentOf = (
  raw: readonly z.infer<typeof RawRow>[],
  counts: readonly z.infer<typeof CountsRow>[],
  features: readonly z.infer<typeof FeatureRow>[],
  scores: readonly z.infer<typeof ScoreRow>[],
): WindowContent => ({
  rows: raw.map(({ window_start_ms: _raw, ...r }) => {
    const found = counts.find((c) => c.version === r.version && c.role === r.role);
    const { latency, window_start_ms: _counts, ...rest } = found ?? { ...NOTHING, window_start_ms: 0 };
    return { ...rest, ...r, latency: pairsOf(latency.keys, latency.counts) };
  }),
  features: features.map(({ version, role, encoding, position, codes, counts: n }) => ({
    ...{ version, role, encoding, position },
    histogram: { keys: codes, counts: n },
  })),
  scores: scores.map(({ version, role, scope, bins, counts: n }) => ({
    ...{ version, role, scope },
    histogram: { keys: bins, counts: n },
  })),
});

/** Counts of a version whose every row in the window was a repeat of an earlier window's event. */
const NOTHING = {
  volume: 0,
  ok: 0,
  invalid: 0,
  errors: 0,
  timeouts: 0,
  sheds: 0,
  score_sum: "0",
  score_sum_squares: "0",
  encoding: "",
  latency: { keys: [], counts: [] },
};

const pairsOf = (keys: readonly number[], counts: readonly number[]): [number, number][] =>
  keys.map((key, i) => [key, counts[i] ?? 0]);

/** Reads and writes snapshots for the roll and measure stages. */
export const createSnapshots = (engine: Engine): KeepsSnapshots => snapshotsIn(engine, new Set<string>());

/** `kept`: versions whose reference this process knows to be written. */
const snapshotsIn = (engine: Engine, kept: Set<string>): KeepsSnapshots => ({
  latest: async ({ model, size, span }) =>
    (await ask(engine, "snapshots-latest", within(model, size, span), SnapshotRow)).map(snapshotOf),

  unjudged: async ({ model, sizes, span }) => {
    const asked = { model, sizes, start: clickhouseTime(span.startMs), end: clickhouseTime(span.endMs) };
    return (await ask(engine, "snapshots-unjudged", asked, UnjudgedRow)).map(({ answering, ...row }) => ({
      snapshot: snapshotOf(row),
      alone: answering === 1,
    }));
  },

  features: async ({ model, size, span, bucketMs }) =>
    (await ask(engine, "snapshots-features", bucketed(model, size, span, bucketMs), SummedFeatureRow)).map(
      ({ window_start_ms, ...row }) => ({ ...row, windowStartMs: window_start_ms }),
    ),

  counts: async ({ model, size, span }) => {
    const windows = { model, size, start: clickhouseTime(span.startMs), end: clickhouseTime(span.endMs) };
    return featureCounts(await engine.bytes("snapshots-each", windows, "RowBinary"));
  },

  scores: async ({ model, size, span, bucketMs }) =>
    (await ask(engine, "snapshots-scores", bucketed(model, size, span, bucketMs), SummedScoreRow)).map(
      ({ window_start_ms, ...row }) => ({ ...row, windowStartMs: window_start_ms }),
    ),

  volumes: async ({ model, size, span }) =>
    (
      await ask(
        engine,
        "snapshots-volumes",
        within(model, size, span),
        z.object({ window_start_ms: count, volume: count }),
      )
    ).map((row) => ({ windowStartMs: row.window_start_ms, volume: row.volume })),

  keep: async ({ windows, featureNames }) => {
    for (let at = 0; at < windows.length; at += WINDOWS_A_BATCH)
      await keepBatch(engine, windows.slice(at, at + WINDOWS_A_BATCH), featureNames);
  },

  keepReference: (bundle) => keepReference(engine, kept, bundle),
});

const within = (model: string, size: string, span: Span) => ({
  model,
  size,
  start: clickhouseTime(span.startMs),
  end: clickhouseTime(span.endMs),
});

const bucketed = (model: string, size: string, span: Span, bucketMs: number) => ({
  ...within(model, size, span),
  bucket_ms: bucketMs,
});

const snapshotOf = ({
  window_start_ms,
  window_end_ms,
  latency_bins,
  latency_counts,
  ...row
}: z.infer<typeof SnapshotRow>): Snapshot => ({
  ...row,
  window_start: isoOf(window_start_ms),
  window_end: isoOf(window_end_ms),
  latency: pairsOf(latency_bins, latency_counts),
});
