// Words: drift results (STATISTICS §2) and the dataset summary made of them.
import { z } from "zod";

export const DriftStatus = z.enum([
  "steady",
  "watch",
  "breach",
  "insufficient",
  "degenerate",
  "broken",
  "not_evaluated",
]);
export type DriftStatus = z.infer<typeof DriftStatus>;

export const DriftStatistic = z.enum([
  "psi_10",
  "ks_d",
  "ks_p",
  "chi2_contingency",
  "z_two_proportion",
  "js_distance_base2",
  "js_distance_natural",
  "hellinger",
  "tvd",
  "l_infinity",
  "w1_over_refstd",
  "score_psi_10",
  "score_ks_d",
  "score_mean_shift_sd",
  "score_p95_shift",
  "unseen_rate",
  "missing_rate",
  "out_of_range_rate",
  "invalid_rate",
  "volume_ratio",
  "label_shift",
  "labelled_score_ks_d",
  "segment_mix_chi2",
  "importance_shift",
  "domain_auc",
]);
export type DriftStatistic = z.infer<typeof DriftStatistic>;

/** What a result speaks of: an input feature, the score, the traffic as a whole, labels, or all inputs together. */
export const DriftSubject = z.enum([
  "feature",
  "prediction",
  "quality",
  "volume",
  "label",
  "segment",
  "joint",
]);
export type DriftSubject = z.infer<typeof DriftSubject>;

export const DriftRow = z.strictObject({
  subject: DriftSubject,
  /** Feature name; empty for subjects about the whole window. */
  feature: z.string(),
  statistic: DriftStatistic,
  /** Null where it could not be computed; never 0 for "unknown". */
  value: z.number().nullable(),
  /** True where the value is a lower bound (overflow mass counted at its lower end). */
  at_least: z.boolean(),
  threshold_watch: z.number().nullable(),
  threshold: z.number().nullable(),
  p_value: z.number().nullable(),
  p_adjusted: z.number().nullable(),
  n_reference: z.int(),
  n_current: z.int(),
  status: DriftStatus,
  /** Why, in a few words, where the status is not steady. */
  reason: z.string(),
});
export type DriftRow = z.infer<typeof DriftRow>;

/** STATISTICS §2 "Dataset level" and the JSON drift summary. Share = drifted / evaluated; null where nothing was evaluated. */
export const DriftSummary = z.strictObject({
  timestamp: z.string(),
  dataset_drift_detected: z.boolean().nullable(),
  drift_share: z.number().nullable(),
  drift_share_threshold: z.number(),
  num_drifted_features: z.int(),
  num_features_total: z.int(),
  num_features_evaluated: z.int(),
  num_features_excluded: z.int(),
  mean_score: z.number().nullable(),
  max_score: z.number().nullable(),
  excluded_features: z.array(z.strictObject({ feature: z.string(), reason: z.string() })),
  features: z.array(
    z.strictObject({
      feature: z.string(),
      drift_detected: z.boolean().nullable(),
      stat_test: DriftStatistic,
      drift_score: z.number().nullable(),
      threshold: z.number().nullable(),
      p_value: z.number().nullable(),
      p_adjusted: z.number().nullable(),
      status: DriftStatus,
    }),
  ),
});
export type DriftSummary = z.infer<typeof DriftSummary>;

/** Verdict of one window (oracles/decisions.json); the decision adds persistence. */
export const DriftVerdict = z.enum(["NO_ACTION", "MONITOR", "RETRAIN_RECOMMENDED", "RETRAIN_REQUIRED"]);
export type DriftVerdict = z.infer<typeof DriftVerdict>;
