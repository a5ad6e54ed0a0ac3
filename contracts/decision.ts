// Words: a decision and the memory it hands on. Both are part of the stored record, so a replay needs nothing else.
import { z } from "zod";
import { DriftVerdict } from "./drift.ts";
import { QuarantineKind } from "./governance.ts";

export const Action = z.enum([
  "NONE",
  "HOLD",
  "QUARANTINE",
  "RETRAIN",
  "SHADOW",
  "PROMOTE",
  "REJECT",
  "ROLLBACK",
  "SYSTEM_ERROR",
]);
export type Action = z.infer<typeof Action>;

export const GateOutcome = z.enum(["pass", "fail", "insufficient", "not_evaluated"]);
export type GateOutcome = z.infer<typeof GateOutcome>;

export const GateResult = z.strictObject({
  gate: z.string(),
  kind: z.enum(["waiting", "merit"]),
  result: GateOutcome,
  value: z.number().nullable(),
  threshold: z.number().nullable(),
  unit: z.string(),
  n: z.int().nullable(),
  detail: z.string(),
});
export type GateResult = z.infer<typeof GateResult>;

export const Reason = z.strictObject({
  signal: z.string(),
  value: z.union([z.number(), z.string(), z.null()]),
  threshold: z.number().nullable(),
  n: z.int().nullable(),
  detail: z.string(),
});
export type Reason = z.infer<typeof Reason>;

/** What the governor remembers from one decision to the next: the explicit state of `decide`. */
export const Memory = z.strictObject({
  v: z.literal(1),
  /** The promoted version all below speaks of; when another one serves, what was remembered of the old one is dropped. */
  production: z.string().nullable(),
  /** Verdicts of the last decision windows, OLDEST FIRST, at most 16. */
  verdicts: z.array(DriftVerdict),
  /** Open drift quarantines and how many later breached, matured windows each has seen. */
  open_quarantines: z.array(
    z.strictObject({
      window_start: z.string(),
      window_end: z.string(),
      kind: QuarantineKind,
      persisted: z.int(),
    }),
  ),
  /** Consecutive decision windows in which the candidate failed a merit gate with all waiting gates passed. */
  merit_failures: z.int(),
  merit_version: z.string().nullable(),
  consecutive_rejects: z.int(),
  /** Change-time mixture of the watch over STANDBY: block start last taken in, and S per λ (log). */
  harm: z
    .strictObject({
      version: z.string(),
      through: z.string().nullable(),
      looks: z.int(),
      log_s: z.array(z.number()),
    })
    .nullable(),
  catastrophe: z
    .strictObject({
      version: z.string(),
      through: z.string().nullable(),
      looks: z.int(),
      log_s: z.array(z.number()),
    })
    .nullable(),
  last_alert_at: z.record(z.string(), z.string()),
  /** Alerts whose condition held at the last decision, sorted; absent in what rules version 1 remembered. */
  standing_alerts: z.array(z.string()).optional(),
  /** End of the last window at which production was seen degraded; absent in what rules version 1 remembered. */
  degraded_at: z.string().nullable().optional(),
});
export type Memory = z.infer<typeof Memory>;

export const Decision = z.strictObject({
  v: z.literal(1),
  /** SHA-256 of (inputs_digest, policy_digest, rules_version). */
  id: z.string(),
  model: z.string(),
  window_start: z.string(),
  window_end: z.string(),
  /** The evidence's `now`. */
  at: z.string(),
  action: Action,
  /** The version the action is about, if any. */
  version: z.string().nullable(),
  drift_verdict: DriftVerdict,
  drift_decision: DriftVerdict,
  /** Name of the policy rule that decided. */
  rule: z.string(),
  reasons: z.array(Reason),
  gates: z.array(GateResult),
  /** One sentence a manager can read. */
  sentence: z.string(),
  alerts: z.array(
    z.strictObject({
      alert: z.string(),
      severity: z.enum(["info", "warning", "critical"]),
      detail: z.string(),
      value: z.number().nullable(),
      threshold: z.number().nullable(),
    }),
  ),
  quarantine: z
    .strictObject({
      kind: QuarantineKind,
      window_start: z.string(),
      window_end: z.string(),
      detail: z.string(),
    })
    .nullable(),
  /** Drift quarantines this decision lifts (the drift persisted: it is the new world). */
  releases: z.array(z.strictObject({ window_start: z.string(), window_end: z.string() })),
  evidence_log_e: z.number().nullable(),
  policy_digest: z.string(),
  inputs_digest: z.string(),
  rules_version: z.int(),
});
export type Decision = z.infer<typeof Decision>;
