// Words: the evidence of one decision window: all that `decide` may look at, as plain data, stored whole with the decision so
// that it can be replayed. Numbers that came from floating sums are rounded to 9 decimals before they enter.
import { z } from "zod";
import { DriftRow } from "./drift.ts";
import { Role } from "./event.ts";
import { Baseline } from "./governance.ts";
import { PairedCells, WindowFlag } from "./snapshot.ts";

/** Realised performance on matured labels of one version over one span. */
export const Realised = z.strictObject({
  n: z.int(),
  positives: z.int(),
  threshold: z.number(),
  tp: z.int(),
  fp: z.int(),
  fn: z.int(),
  tn: z.int(),
  accuracy: z.number().nullable(),
  precision: z.number().nullable(),
  recall: z.number().nullable(),
  f1: z.number().nullable(),
  brier: z.number().nullable(),
  log_loss: z.number().nullable(),
  roc_auc: z.number().nullable(),
  pr_auc: z.number().nullable(),
  ece: z.number().nullable(),
});
export type Realised = z.infer<typeof Realised>;

/** One closed block of matured pairs (STATISTICS §6): d = (p_other − y)² − (p_production − y)². */
export const Block = z.strictObject({
  start: z.string(),
  n: z.int(),
  mean_d: z.number(),
  mean_d2: z.number(),
  /** Σ ln(1 + λ_k·x) for the 12 λ of the grid, x = −d and x = +d; null unless `row_tempered` is configured. */
  log_wealth: z.array(z.number()).nullable(),
  log_wealth_reversed: z.array(z.number()).nullable(),
  /** Production's confusion in the block, for the catastrophe test. */
  tp: z.int(),
  fp: z.int(),
  fn: z.int(),
  other_tp: z.int(),
  other_fp: z.int(),
  other_fn: z.int(),
});
export type Block = z.infer<typeof Block>;

/** Two versions on the same requests since the other one began to shadow; quarantined windows are left out. */
export const Paired = z.strictObject({
  version: z.string(),
  digest: z.string(),
  production_version: z.string(),
  production_digest: z.string(),
  /** When this comparison began (shadowing or the promotion that made it STANDBY). */
  since: z.string(),
  pairs: z.int(),
  unpaired: z.int(),
  /** The shadow's outcomes, intention to treat. */
  ok: z.int(),
  errors: z.int(),
  timeouts: z.int(),
  sheds: z.int(),
  production_requests: z.int(),
  production_errors: z.int(),
  /** Matured pairs and the share of requests whose label has come. */
  matured: z.int(),
  coverage: z.number().nullable(),
  cells: PairedCells,
  segments: z.array(
    z.strictObject({ segment: z.string(), n: z.int(), share: z.number(), cells: PairedCells }),
  ),
  production: Realised.nullable(),
  other: Realised.nullable(),
  /** DeLong (or binned) standard error of the AUC difference, null when not computed. */
  auc_difference_se: z.number().nullable(),
  pr_auc_difference_se: z.number().nullable(),
  delta_abs_p95: z.number().nullable(),
  identical_scores: z.boolean(),
  latency_p95_ms: z.number().nullable(),
  production_latency_p95_ms: z.number().nullable(),
  /** Closed blocks with matured pairs, in event-time order, each once. */
  blocks: z.array(Block),
});
export type Paired = z.infer<typeof Paired>;

export const Evidence = z.strictObject({
  v: z.literal(1),
  model: z.string(),
  /** The time as of which everything below was known; the decision's `now`. */
  now: z.string(),
  clock: z.enum(["wall", "replay"]),
  window: z.strictObject({
    size: z.string(),
    start: z.string(),
    end: z.string(),
    snapshots: z.array(
      z.strictObject({ version: z.string(), role: Role, revision: z.int(), digest: z.string() }),
    ),
    volume: z.int(),
    ok: z.int(),
    invalid: z.int(),
    flags: z.array(WindowFlag),
  }),
  drift: z.array(DriftRow),
  /** The newest decision window whose labels have matured, production only; null when none has. */
  performance: z
    .strictObject({
      window_start: z.string(),
      window_end: z.string(),
      requests: z.int(),
      coverage: z.number().nullable(),
      realised: Realised,
    })
    .nullable(),
  /** Production over the last `performance.span` of matured windows, quarantined ones left out: less noise than one day. */
  performance_span: z
    .strictObject({
      windows: z.int(),
      requests: z.int(),
      coverage: z.number().nullable(),
      realised: Realised,
    })
    .nullable(),
  estimated: z
    .strictObject({
      accuracy: z.number().nullable(),
      f1: z.number().nullable(),
      valid: z.boolean(),
      reason: z.string(),
    })
    .nullable(),
  trust: z.number().nullable(),
  baseline: Baseline.nullable(),
  /** Windows under a drift quarantine whose labels have matured meanwhile, and whether each still breached. */
  matured_windows: z.array(
    z.strictObject({ start: z.string(), end: z.string(), breached: z.boolean(), matured: z.boolean() }),
  ),
  /** Labelled rows usable for a training now, quarantined windows left out. */
  trainable_rows: z.int(),
  candidate: Paired.nullable(),
  standby: Paired.nullable(),
  /** A registered version waiting to shadow. */
  waiting: z.string().nullable(),
  /** Anything that could not be loaded: the decision fails closed and says so. */
  faults: z.array(z.string()),
});
export type Evidence = z.infer<typeof Evidence>;
