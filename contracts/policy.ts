// Words: the policy (DESIGN decision 8), data an operator may change: thresholds, budgets, gates, clocks and ordered rules.
// Reading it with line numbers and checking its conditions lives in src/core/policy.ts. Unknown keys are errors; nothing here
// has a hidden default, so the digest covers every number that can move a model.
import { z } from "zod";
import { Action } from "./decision.ts";
import { DriftVerdict } from "./drift.ts";

const Duration = z.string().regex(/^(0|[1-9]\d{0,11})(ms|s|m|h|d|w)$/, "a duration such as 15m, 24h or 7d");
const Share = z.number().min(0).max(1);
const Count = z.int().min(0);
const Condition = z.string().min(1).max(2000);

/** How realised performance is held against the baseline of the promotion. */
const Degradation = z.discriminatedUnion("method", [
  /** Degraded when F1 of the span plus z standard errors is below the baseline. */
  z.strictObject({
    method: z.literal("upper_limit"),
    z: z.number().positive(),
    /** Days differ more than rows do: the variance of a span's F1 is this many times that of independent rows. */
    variance_inflation: z.number().min(1),
    rows_min: Count,
  }),
  /** Degraded when F1 of the newest matured window has dropped by so much, points of F1, inclusive. */
  z.strictObject({ method: z.literal("point_drop"), drop: Share, rows_min: Count }),
]);

const Catastrophe = z.discriminatedUnion("method", [
  /** STATISTICS §6: f0 = the baseline's lower limit − margin, acts at E ≥ e_min. */
  z.strictObject({ method: z.literal("e_process"), margin: Share, e_min: z.number().gt(1) }),
  z.strictObject({ method: z.literal("point_drop"), drop: Share, rows_min: Count }),
  z.strictObject({ method: z.literal("none") }),
]);

const EvidenceMethod = z.enum(["block_sign", "row_tempered", "none"]);

/** One rule: the first whose condition holds decides. `because` names the signals that explain it. */
export const PolicyRule = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "a name such as harm_rollback"),
  when: Condition,
  action: Action,
  because: z.array(z.string()),
  /** What a manager reads; `{signal}` is replaced by the signal's value. */
  sentence: z.string().min(1).max(500),
});
export type PolicyRule = z.infer<typeof PolicyRule>;

/** An alert beside the decision; raised again at the earliest after `cooldowns.alert`, and while its condition lasts after its reminder. */
export const PolicyAlert = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "a name such as performance_degraded"),
  when: Condition,
  severity: z.enum(["info", "warning", "critical"]),
  detail: z.string().min(1).max(500),
  value: z.string().nullable(),
  threshold: z.string().nullable(),
  /** Replaces `cooldowns.reminder` for this alert. */
  reminder: Duration.optional(),
});
export type PolicyAlert = z.infer<typeof PolicyAlert>;

export const Policy = z.strictObject({
  policy: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "a name such as conservative"),
  version: z.int().min(1),
  /** observe: decisions are only recorded. recommend: they are also alerts. act: they are executed. */
  autonomy: z.enum(["observe", "recommend", "act"]),
  approvals: z.strictObject({ promotion: z.boolean(), proposer_may_approve: z.boolean() }),
  /** Three clocks: one promotion, one training, one repeat of an alert within each. */
  cooldowns: z.strictObject({
    promotion: Duration,
    retrain: Duration,
    alert: Duration,
    /** When an alert whose condition never ended is told again; left out (policies of rules version 1): after `alert`. */
    reminder: Duration.optional(),
  }),
  drift: z.strictObject({
    profile: z.enum(["governance", "psi", "evidently_auto", "ks_p", "thresholds"]),
    /** The budget in an operator's words: at most so many false alarms a model in so many days. */
    budget: z.strictObject({ false_alarms: z.number().positive(), per_days: z.number().positive() }),
    /** Thresholds of the profile replaced by calibrated ones (`policy calibrate`); left out, the profile's own stand. */
    thresholds: z
      .partialRecord(
        z.enum(["psi_10", "ks_d", "js_distance_natural", "w1_over_refstd", "score_psi_10", "score_ks_d"]),
        z
          .strictObject({ watch: z.number().positive(), breach: z.number().positive() })
          .refine(({ watch, breach }) => watch <= breach, "watch lies above breach"),
      )
      .optional(),
    /** Consecutive windows before a verdict becomes the decision. */
    persistence: z.strictObject({ required: z.int().min(1), recommended: z.int().min(1) }),
    quarantine: z.strictObject({
      /** A drift quarantine lifts when the drift persists in so many further windows whose labels matured. */
      lift_after: z.int().min(1),
      /** Smaller windows are starved: nothing is concluded from them, not even that they are ill. */
      rows_min: Count,
    }),
  }),
  performance: z.strictObject({
    /** How far back matured windows are summed for `performance_span`. */
    span: Duration,
    coverage_min: Share,
    degradation: Degradation,
  }),
  retrain: z.strictObject({
    /** The drift decision that asks for a training. */
    on_drift: DriftVerdict.exclude(["NO_ACTION"]),
    on_degradation: z.boolean(),
    /** A refresh when the last training is older than this; null: never by the calendar. */
    every: Duration.nullable(),
    rows_min: Count,
  }),
  candidate: z.strictObject({
    /** Then REJECT, unless its evidence is ahead (E > 1); then at the latest at `shadow_max_ahead`. */
    shadow_max: Duration,
    shadow_max_ahead: Duration,
    merit_failures_max: z.int().min(1),
    rejects_max: z.int().min(1),
    evidence: z.strictObject({
      method: EvidenceMethod,
      /** The k-th candidate since the last promotion is promoted at E ≥ k(k+1)/alpha. */
      alpha: z.number().gt(0).lt(1),
      /** For row_tempered: at E ≥ row_e_min·k(k+1)/2. */
      row_e_min: z.number().gt(1),
      blocks_min: z.int().min(1),
      block_pairs_min: z.int().min(50),
      /** Blocks needed before row_tempered may estimate the dependence of rows. */
      deff_blocks_min: z.int().min(20),
      /** REJECT when the reversed evidence reaches this E. */
      reject_e: z.number().gt(1),
    }),
  }),
  gates: z.strictObject({
    /** noise_aware compares with paired standard errors, point compares points (STATISTICS §5, profile classic). */
    comparison: z.enum(["noise_aware", "point"]),
    samples: z.strictObject({ min: Count }),
    coverage: z.strictObject({ min: Share }),
    pairs: z.strictObject({ min: Count }),
    completeness: z.strictObject({ min: Share }),
    stability: z.strictObject({ windows: z.int().min(1).max(16), of: z.int().min(1).max(16) }),
    f1: z.strictObject({ gain_relative: Share, gain_of_gap: Share, se: z.number().min(0) }),
    roc_auc: z.strictObject({ tolerance: Share, z: z.number().negative() }),
    pr_auc: z.strictObject({ tolerance: Share, z: z.number().negative() }),
    recall: z.strictObject({ tolerance: Share, z: z.number().negative() }),
    brier: z.strictObject({ tolerance: Share }),
    segments: z.strictObject({
      drop_relative: Share,
      large_share: Share,
      se_relative_max: Share,
      rows_enough: Count,
      rows_min: Count,
      small_z: z.number().negative(),
    }),
    calibration: z.strictObject({ tolerance: Share, noise: z.number().min(0) }),
    errors: z.strictObject({ tolerance: Share }),
    latency: z.strictObject({ tolerance_ms: z.number().min(0) }),
    delta: z.strictObject({ p95_max: Share }),
    /** True: a candidate without one evaluable segment fails. */
    fairness: z.strictObject({ required: z.boolean() }),
    /** A floor for the trust score; null: trust is shown, never a gate. */
    trust: z.strictObject({ min: Share }).nullable(),
  }),
  watch: z.strictObject({
    /** STANDBY shadows at least so long after a promotion, and on while harm is not ruled out … */
    for: Duration,
    /** … that is, while E of the harm test is above this … */
    extend_above_e: z.number().positive(),
    /** … but not longer than this. */
    at_most: Duration,
    harm: z.strictObject({ method: EvidenceMethod, e_min: z.number().gt(1) }),
    catastrophe: Catastrophe,
    /** "STANDBY does better" is read on so many of the newest common blocks. */
    better_blocks: z.int().min(1),
  }),
  rules: z.array(PolicyRule).min(1).max(100),
  alerts: z.array(PolicyAlert).max(100),
});
export type Policy = z.infer<typeof Policy>;
