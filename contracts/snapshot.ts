// Words: snapshots (SPEC §5). Counts and integer sums only, so that a longer window is the exact sum of shorter ones and
// the same events in any order give the same digest.
import { z } from "zod";
import { Role } from "./event.ts";

/** Scale of squared-error sums: Σ round((p − y)²·1e12). */
export const BRIER_SCALE = 1e12;
/** Scale of log-loss sums: Σ round(−log(p̂)·1e9). */
export const LOG_LOSS_SCALE = 1e9;
/** Scale of score sums: Σ round(p·1e12), and of squares Σ round(p²·1e12). */
export const SCORE_SCALE = 1e12;

/** Why a window is not plain: its rows may be missing, late, or judged with care. */
export const WindowFlag = z.enum(["incomplete", "late", "producer_timeout", "clock_skew", "empty"]);
export type WindowFlag = z.infer<typeof WindowFlag>;

/** Identity of a snapshot; decisions cite it. Times are ISO 8601 UTC with `Z`. */
export const SnapshotKey = z.strictObject({
  model: z.string(),
  version: z.string(),
  role: Role,
  window_size: z.string(),
  window_start: z.string(),
  revision: z.int(),
});
export type SnapshotKey = z.infer<typeof SnapshotKey>;

export const Snapshot = SnapshotKey.extend({
  window_end: z.string(),
  rows_raw: z.int(),
  volume: z.int(),
  ok: z.int(),
  invalid: z.int(),
  errors: z.int(),
  timeouts: z.int(),
  sheds: z.int(),
  duplicate_requests: z.int(),
  conflicting_requests: z.int(),
  late_rows: z.int(),
  /** Integer sums over ok rows, scaled by SCORE_SCALE, as decimal strings (beyond 2^53). */
  score_sum: z.string(),
  score_sum_squares: z.string(),
  /** Latency of ok rows in half-octave bins of microseconds, sparse [bin, count]; empty where latency is not measured. */
  latency: z.array(z.tuple([z.int(), z.int()])),
  encoding: z.string(),
  flags: z.array(WindowFlag),
  digest: z.string(),
});
export type Snapshot = z.infer<typeof Snapshot>;

/** What a histogram counts: all ok rows, or those of one segment value (`feature=value`). */
export const ALL = "all";

/** Paired labelled counts of two versions on the same requests (STATISTICS §5): c[4y + 2ŷp + ŷc]. */
export const PairedCells = z.tuple([z.int(), z.int(), z.int(), z.int(), z.int(), z.int(), z.int(), z.int()]);
export type PairedCells = z.infer<typeof PairedCells>;
