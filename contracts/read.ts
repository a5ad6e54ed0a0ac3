// Words: what the read side answers (SPEC §6). One object a row, snake_case, times ISO 8601 UTC with `Z`; what is not known is null,
// never 0. The same words parse the stores' rows and make the OpenAPI document.
import { z } from "zod";
import { GateResult, Reason } from "./decision.ts";
import { DriftRow, DriftStatus } from "./drift.ts";
import { CommandName, VersionState } from "./governance.ts";

const metric = z.number().nullable();
const count = z.number();

/** A page of a list, newest first; `next_cursor` is null on the last one. */
export const pageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() });

export const SnapshotItem = z.strictObject({
  model: z.string(),
  version: z.string(),
  role: z.enum(["production", "shadow"]),
  window_size: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  revision: count,
  volume: count,
  ok: count,
  invalid: count,
  errors: count,
  timeouts: count,
  sheds: count,
  duplicate_requests: count,
  conflicting_requests: count,
  late_rows: count,
  mean_score: metric,
  latency_p50_ms: metric,
  latency_p95_ms: metric,
  flags: z.array(z.string()),
  digest: z.string(),
});
export type SnapshotItem = z.infer<typeof SnapshotItem>;

export const DriftItem = DriftRow.extend({
  model: z.string(),
  version: z.string(),
  window_size: z.string(),
  window_start: z.string(),
  revision: count,
  snapshot_digest: z.string(),
});
export type DriftItem = z.infer<typeof DriftItem>;

/** The judging statistic of one feature in one window; the map of them is features × time. */
export const HeatCell = z.strictObject({
  window_start: z.string(),
  statistic: z.string(),
  value: metric,
  threshold: metric,
  status: DriftStatus,
});
export const HeatRow = z.strictObject({ subject: z.string(), feature: z.string(), cells: z.array(HeatCell) });
export type HeatRow = z.infer<typeof HeatRow>;
export const DriftMap = z.strictObject({
  model: z.string(),
  window_size: z.string(),
  /** How long a column is: a window, or a step in which the worst window speaks. */
  step: z.string(),
  /** Beginnings of the columns, oldest first; a cell names its own window. */
  windows: z.array(z.string()),
  rows: z.array(HeatRow),
});
export type DriftMap = z.infer<typeof DriftMap>;

/** One bar of a feature's histogram: shares of the reference and of the window. */
export const Bar = z.strictObject({
  label: z.string(),
  kind: z.enum(["bin", "value", "overflow", "other", "missing"]),
  reference: count,
  current: count,
});
export type Bar = z.infer<typeof Bar>;
export const FeatureDrift = z.strictObject({
  model: z.string(),
  version: z.string(),
  feature: z.string(),
  kind: z.enum(["continuous", "ordinal", "nominal", "score"]),
  window_size: z.string(),
  window_start: z.string(),
  n_reference: count,
  n_current: count,
  bars: z.array(Bar),
  statistics: z.array(DriftItem),
});
export type FeatureDrift = z.infer<typeof FeatureDrift>;

export const Interval = z.strictObject({ low: z.number(), high: z.number() });

export const PerformanceItem = z.strictObject({
  model: z.string(),
  version: z.string(),
  role: z.enum(["production", "shadow"]),
  kind: z.enum(["realised", "estimated"]),
  scope: z.string(),
  window_size: z.string(),
  window_start: z.string(),
  matured_at: z.string(),
  requests: count,
  labelled: count,
  coverage: metric,
  positives: count,
  threshold: z.number(),
  tp: count,
  fp: count,
  fn: count,
  tn: count,
  accuracy: metric,
  precision: metric,
  recall: metric,
  f1: metric,
  brier: metric,
  log_loss: metric,
  roc_auc: metric,
  pr_auc: metric,
  ece: metric,
  /** 95 % intervals of realised rows: Wilson for accuracy, delta method for F1; null where there is nothing to say. */
  accuracy_interval: Interval.nullable(),
  f1_interval: Interval.nullable(),
  valid: z.boolean(),
  detail: z.string(),
});
export type PerformanceItem = z.infer<typeof PerformanceItem>;

export const CalibrationBin = z.strictObject({
  predicted: z.number(),
  observed: z.number(),
  low: z.number(),
  high: z.number(),
  n: count,
});
export type CalibrationBin = z.infer<typeof CalibrationBin>;
export const Calibration = z.strictObject({
  model: z.string(),
  version: z.string(),
  scope: z.string(),
  labelled: count,
  ece: metric,
  bins: z.array(CalibrationBin),
});

export const ShadowItem = z.strictObject({
  model: z.string(),
  version: z.string(),
  production_version: z.string(),
  scope: z.string(),
  window_size: z.string(),
  window_start: z.string(),
  matured_at: z.string(),
  production_requests: count,
  pairs: count,
  unpaired: count,
  errors: count,
  timeouts: count,
  sheds: count,
  identical: count,
  matured: count,
  /** Mean of (p_shadow − y)² − (p_production − y)² over matured pairs; below 0 the shadow is better. */
  mean_difference: metric,
  brier: metric,
  production_brier: metric,
});
export type ShadowItem = z.infer<typeof ShadowItem>;

export const EvidencePoint = z.strictObject({
  window_end: z.string(),
  decision_id: z.string(),
  role: z.enum(["candidate", "standby"]),
  version: z.string(),
  log_e: metric,
  threshold: metric,
  pairs: count,
  matured: count,
});
export type EvidencePoint = z.infer<typeof EvidencePoint>;
export const DeltaBin = z.strictObject({ low: z.number(), high: z.number(), pairs: count });
export type DeltaBin = z.infer<typeof DeltaBin>;
export const ScorePair = z.tuple([z.number(), z.number()]);
export const ShadowEvidence = z.strictObject({
  model: z.string(),
  versions: z.array(z.string()),
  version: z.string().nullable(),
  points: z.array(EvidencePoint),
  /** Distribution of |p_shadow − p_production| over all pairs of `version`. */
  delta: z.array(DeltaBin),
  /** A sample of (production, shadow) scores of `version` on the same requests. */
  sample: z.array(ScorePair),
});
export type ShadowEvidence = z.infer<typeof ShadowEvidence>;

export const DecisionItem = z.strictObject({
  id: z.string(),
  model: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  at: z.string(),
  action: z.string(),
  version: z.string().nullable(),
  rule: z.string(),
  drift_verdict: z.string(),
  drift_decision: z.string(),
  sentence: z.string(),
  reasons: z.array(Reason),
  gates: z.array(GateResult),
  inputs_digest: z.string(),
  policy_digest: z.string(),
  rules_version: count,
});
export type DecisionItem = z.infer<typeof DecisionItem>;
export const DecisionDetail = z.strictObject({
  decision: z.unknown(),
  memory: z.unknown(),
  inputs: z.unknown(),
  policy: z.unknown(),
});
export const ReplayAnswer = z.strictObject({
  id: z.string(),
  identical: z.boolean(),
  stored_digest: z.string(),
  replayed_digest: z.string(),
});

export const AlertItem = z.strictObject({
  id: z.string(),
  model: z.string(),
  at: z.string(),
  alert: z.string(),
  severity: z.string(),
  detail: z.string(),
  value: metric,
  threshold: metric,
  decision_id: z.string(),
  link: z.string(),
  delivered: z.record(z.string(), z.string()),
});
export type AlertItem = z.infer<typeof AlertItem>;

export const LabelDay = z.strictObject({
  model: z.string(),
  day: z.string(),
  received: count,
  requests: count,
  positives: count,
  /** Requests labelled again with another value; the first received one counts. */
  conflicting: count,
  /** Requests nobody predicted (production) within the horizon that was looked through. */
  unknown: count,
});
export type LabelDay = z.infer<typeof LabelDay>;
export const LabelsSummary = z.strictObject({ items: z.array(LabelDay) });

export const TrendPoint = z.strictObject({
  window_start: z.string(),
  volume: count,
  invalid: count,
  trust: metric,
  breaches: z.number().nullable(),
});
export type TrendPoint = z.infer<typeof TrendPoint>;

export const Outlook = z.strictObject({
  /** What the governor would do next, in one sentence. */
  next: z.string(),
  /** Why it does not do it yet, most important first. */
  why_not_yet: z.array(z.string()),
});
export type Outlook = z.infer<typeof Outlook>;

/** The window that is still open: what was recorded in it so far, and when a decision about it is due. */
export const OpenWindow = z.strictObject({
  since: z.string(),
  due: z.string(),
  requests: count,
  /** Event time of the newest of them; null where there is none. */
  newest: z.string().nullable(),
});
export type OpenWindow = z.infer<typeof OpenWindow>;

export const ModelItem = z.strictObject({
  model: z.string(),
  promoted: z.string().nullable(),
  candidate: z.string().nullable(),
  standby: z.string().nullable(),
  state: z.string(),
  frozen: z.strictObject({ until: z.string().nullable(), reason: z.string(), actor: z.string() }).nullable(),
  circuit: z.enum(["closed", "open"]),
  training: z.string().nullable(),
  open_quarantines: count,
  pending_commands: count,
  last_promotion_at: z.string().nullable(),
  trust: metric,
  trend: z.array(TrendPoint),
  open: OpenWindow,
  last_decision: DecisionItem.nullable(),
  outlook: Outlook,
});
export type ModelItem = z.infer<typeof ModelItem>;

/** The models of the ledger; `now` is the deployment's clock, `sealed` how far the ledger is copied. */
export const ModelsAnswer = z.strictObject({
  now: z.string(),
  clock: z.enum(["wall", "replay"]),
  generation: count,
  seq: count,
  sealed: count,
  items: z.array(ModelItem),
});
export type ModelsAnswer = z.infer<typeof ModelsAnswer>;

export const VersionItem = z.strictObject({
  version: z.string(),
  state: VersionState.nullable(),
  alias: z.string(),
  digest: z.string(),
  family: z.string(),
  parent: z.string().nullable(),
  since: z.string().nullable(),
  last_reason: z.string(),
  created_at: z.string().nullable(),
  /** Metrics on the test slice; null where the bundle could not be read. */
  metrics: z.unknown(),
  /** Why the bundle could not be read; null when it was verified. */
  fault: z.string().nullable(),
});
export type VersionItem = z.infer<typeof VersionItem>;
export const VersionDetail = VersionItem.extend({
  baseline: z.unknown(),
  metadata: z.unknown(),
  bundle_metrics: z.unknown(),
  contract: z.unknown(),
  reference: z
    .strictObject({ n: count, positives: count, from: z.string().nullable(), to: z.string().nullable() })
    .nullable(),
  files: z.array(z.strictObject({ file: z.string(), ok: z.boolean(), reason: z.string() })),
});
export type VersionDetail = z.infer<typeof VersionDetail>;

export const CommandBody = z.strictObject({
  version: z.string().nullable().optional(),
  reason: z.string().min(1).max(2000),
  generation: z
    .int()
    .min(0)
    .optional()
    .describe("Refused with 409 when the ledger is at another generation."),
  expires_at: z
    .string()
    .optional()
    .describe("RFC 3339 in UTC: end of a freeze or an approval; after it nothing is carried out."),
});
export const CommandRecorded = z.strictObject({ command_id: z.string(), generation: z.int() });
export const CommandItem = z.strictObject({
  command_id: z.string(),
  command: CommandName,
  version: z.string().nullable(),
  actor: z.string(),
  reason: z.string(),
  at: z.string(),
  expires_at: z.string().nullable(),
  status: z.enum(["pending", "done", "refused"]),
  detail: z.string(),
});
export type CommandItem = z.infer<typeof CommandItem>;
