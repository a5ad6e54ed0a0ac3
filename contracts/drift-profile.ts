// Words: a drift profile (STATISTICS §2), the thresholds a window is judged by. Policy data: hashed, versioned, quoted by decisions.
// The five profiles the house ships are data below; an operator may write another.
import { z } from "zod";

/** Statistics that can judge a feature. */
export const FeatureStatistic = z.enum([
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
]);
export type FeatureStatistic = z.infer<typeof FeatureStatistic>;

/**
 * How a value is held against its thresholds. `effect_and_p`: effect ≥ threshold AND adjusted p ≤ α. `effect`: the effect alone.
 * `p`: adjusted p ≤ `breach`, which is then a level. `above` makes the effect's comparison strict.
 */
export const Band = z.strictObject({
  by: z.enum(["effect_and_p", "effect", "p"]).default("effect_and_p"),
  compare: z.enum(["at_least", "above"]).default("at_least"),
  watch: z.number().nullable().default(null),
  breach: z.number(),
});
export type Band = z.infer<typeof Band>;

const ORDERED: readonly FeatureStatistic[] = ["ks_d", "ks_p", "w1_over_refstd"];
const TESTED: readonly FeatureStatistic[] = [
  "psi_10",
  "ks_d",
  "ks_p",
  "chi2_contingency",
  "z_two_proportion",
];

/** The first rule whose conditions hold names the statistic that judges the feature. */
export const FeatureRule = Band.extend({
  kinds: z.array(z.enum(["continuous", "ordinal", "nominal"])).min(1),
  /** Holds while the reference has at most so many rows. */
  reference_rows_max: z.int().optional(),
  /** Holds while reference and window together show at most so many distinct values. */
  distinct_max: z.int().optional(),
  statistic: FeatureStatistic,
})
  .refine(
    (r) => !(ORDERED.includes(r.statistic) && r.kinds.includes("nominal")),
    "nominal values have no order",
  )
  .refine((r) => r.by === "effect" || TESTED.includes(r.statistic), "this statistic has no p-value");
export type FeatureRule = z.infer<typeof FeatureRule>;

/** A false-alarm budget as an operator says it: at most so many a model in so many days. */
export const FalseAlarmBudget = z.strictObject({
  false_alarms: z.number().positive(),
  per_days: z.number().positive(),
});
export type FalseAlarmBudget = z.infer<typeof FalseAlarmBudget>;

const rise = z.strictObject({ watch: z.number(), breach: z.number() });

export const DriftProfile = z.strictObject({
  name: z.string(),
  /** Family-wise level of a window: a budget, or the level itself. */
  alpha: z.union([FalseAlarmBudget, z.number().gt(0).lt(1)]),
  correction: z.enum(["benjamini_hochberg", "none"]),
  /** Fewer rows on either side: `insufficient`. */
  rows_min: z.int().min(1).default(200),
  features: z.array(FeatureRule).min(1),
  /** Judges a feature whose reference holds one value: the share of rows that differ from it. */
  one_valued: Band,
  /** Statistics shown beside the judging one, without a verdict. */
  report: z.array(FeatureStatistic).default([]),
  prediction: z.array(
    Band.extend({ statistic: z.enum(["score_psi_10", "score_ks_d", "score_mean_shift_sd"]) }),
  ),
  /** Rise of a rate over the reference's, in shares. */
  quality: z.strictObject({
    missing_rate: rise,
    unseen_rate: rise,
    out_of_range_rate: rise,
    invalid_rate: rise,
  }),
  label_shift: rise,
  drift_share: z.strictObject({ threshold: z.number(), compare: z.enum(["at_least", "above"]) }),
});
export type DriftProfile = z.infer<typeof DriftProfile>;

const ORDERED_KINDS: ("continuous" | "ordinal")[] = ["continuous", "ordinal"];
const EVERY_KIND: ("continuous" | "ordinal" | "nominal")[] = ["continuous", "ordinal", "nominal"];
const both = { by: "effect_and_p", compare: "at_least" } as const;
const effect = { by: "effect", compare: "at_least", watch: null } as const;
const level = { by: "p", compare: "at_least", watch: null } as const;

const COMMON = {
  correction: "benjamini_hochberg",
  rows_min: 200,
  one_valued: { ...both, watch: 0.05, breach: 0.2 },
  report: [],
  quality: {
    missing_rate: { watch: 0.02, breach: 0.05 },
    unseen_rate: { watch: 0.02, breach: 0.05 },
    out_of_range_rate: { watch: 0.02, breach: 0.05 },
    invalid_rate: { watch: 0.02, breach: 0.05 },
  },
  label_shift: { watch: 0.05, breach: 0.1 },
} satisfies Partial<DriftProfile>;

const PREDICTION: DriftProfile["prediction"] = [
  { ...both, statistic: "score_psi_10", watch: 0.1, breach: 0.25 },
  { ...both, statistic: "score_ks_d", watch: 0.05, breach: 0.2 },
];
const BUDGET: FalseAlarmBudget = { false_alarms: 1, per_days: 30 };
const HALF: DriftProfile["drift_share"] = { threshold: 0.5, compare: "at_least" };

/** The profiles of STATISTICS §2 by name; `governance` is the default. */
export const DRIFT_PROFILES = {
  governance: {
    ...COMMON,
    name: "governance",
    alpha: BUDGET,
    features: [
      { ...both, kinds: ORDERED_KINDS, statistic: "ks_d", watch: 0.05, breach: 0.2 },
      { ...both, kinds: ["nominal"], statistic: "psi_10", watch: 0.1, breach: 0.25 },
    ],
    report: ["psi_10", "w1_over_refstd"],
    prediction: PREDICTION,
    drift_share: HALF,
  },
  psi: {
    ...COMMON,
    name: "psi",
    alpha: BUDGET,
    features: [{ ...both, kinds: EVERY_KIND, statistic: "psi_10", watch: 0.1, breach: 0.2 }],
    prediction: PREDICTION,
    drift_share: HALF,
  },
  evidently_auto: {
    ...COMMON,
    name: "evidently_auto",
    alpha: 0.05,
    correction: "none",
    rows_min: 1,
    one_valued: { ...level, breach: 0.05 },
    features: [
      {
        ...level,
        kinds: ORDERED_KINDS,
        reference_rows_max: 1000,
        distinct_max: 2,
        statistic: "z_two_proportion",
        breach: 0.05,
      },
      {
        ...level,
        kinds: ORDERED_KINDS,
        reference_rows_max: 1000,
        distinct_max: 5,
        statistic: "chi2_contingency",
        breach: 0.05,
      },
      { ...level, kinds: ORDERED_KINDS, reference_rows_max: 1000, statistic: "ks_p", breach: 0.05 },
      {
        ...level,
        kinds: ["nominal"],
        reference_rows_max: 1000,
        distinct_max: 2,
        statistic: "z_two_proportion",
        breach: 0.05,
      },
      { ...level, kinds: ["nominal"], reference_rows_max: 1000, statistic: "chi2_contingency", breach: 0.05 },
      { ...effect, kinds: ORDERED_KINDS, distinct_max: 5, statistic: "js_distance_natural", breach: 0.1 },
      { ...effect, kinds: ORDERED_KINDS, statistic: "w1_over_refstd", breach: 0.1 },
      { ...effect, kinds: ["nominal"], statistic: "js_distance_natural", breach: 0.1 },
    ],
    prediction: [{ ...effect, statistic: "score_psi_10", breach: 0.1 }],
    drift_share: HALF,
  },
  ks_p: {
    ...COMMON,
    name: "ks_p",
    alpha: 0.05,
    correction: "none",
    one_valued: { ...level, breach: 0.05 },
    features: [
      { ...level, kinds: ORDERED_KINDS, statistic: "ks_p", breach: 0.05 },
      { ...level, kinds: ["nominal"], statistic: "chi2_contingency", breach: 0.05 },
    ],
    prediction: [{ ...level, statistic: "score_ks_d", breach: 0.05 }],
    drift_share: { threshold: 0.3, compare: "at_least" },
  },
  thresholds: {
    ...COMMON,
    name: "thresholds",
    alpha: 0.05,
    correction: "none",
    one_valued: { ...effect, compare: "above", breach: 0.5 },
    features: [{ ...effect, compare: "above", kinds: EVERY_KIND, statistic: "psi_10", breach: 0.5 }],
    prediction: [{ ...effect, compare: "above", statistic: "score_psi_10", breach: 0.4 }],
    drift_share: { threshold: 0.3, compare: "above" },
  },
} satisfies Record<string, DriftProfile>;
