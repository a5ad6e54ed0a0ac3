// Words: the encoding (SPEC §3, STATISTICS §1): how each feature becomes one byte. Frozen once per contract major from raw
// reference data; every event, histogram and model names it by digest.
import { z } from "zod";

/** The code of a missing value, for every kind. */
export const MISSING = 255;
/** The code of a nominal value outside the frozen vocabulary. */
export const OTHER = 254;
/** Overflow codes on each side of a continuous feature's reference range. */
export const OVERFLOW = 8;

const finite = z.number();

/**
 * Continuous codes ascend with the value: 0…7 low overflow (7 nearest the range, 0 open), then `bins` inner codes 8…7+bins,
 * then 8 high overflow codes (nearest first, last open). Inner bin i holds values v with edges[i-1] < v ≤ edges[i] (the first
 * also its left edge `low`); `low` and `high` are the reference minimum and maximum. With range = high − low, overflow level k = 0…7 holds
 * distances up to range·2^(k−4) from the edge (level 7 open). All numbers are `Math.fround`ed.
 */
export const ContinuousEncoding = z.strictObject({
  feature: z.string(),
  kind: z.literal("continuous"),
  low: finite,
  high: finite,
  /** Upper edges of the inner bins, ascending; the last equals `high`; 1…230 of them. */
  edges: z.array(finite).min(1).max(230),
  /** Mean of the reference values in each inner bin, same length as `edges`. */
  means: z.array(finite),
  /** Mean and standard deviation (ddof 0) of the non-missing reference values. */
  mean: finite,
  sd: finite,
});
export type ContinuousEncoding = z.infer<typeof ContinuousEncoding>;

/** Code i is values[i], in the contract's order. */
export const OrdinalEncoding = z.strictObject({
  feature: z.string(),
  kind: z.literal("ordinal"),
  values: z.array(finite).min(1).max(250),
  cycle: z.enum(["day", "week"]).nullable(),
  mean: finite,
  sd: finite,
});
export type OrdinalEncoding = z.infer<typeof OrdinalEncoding>;

/** Code i is values[i], most frequent first (ties by code unit order); OTHER and MISSING beside. */
export const NominalEncoding = z.strictObject({
  feature: z.string(),
  kind: z.literal("nominal"),
  values: z.array(z.string()).min(1).max(240),
});
export type NominalEncoding = z.infer<typeof NominalEncoding>;

export const FeatureEncoding = z.discriminatedUnion("kind", [
  ContinuousEncoding,
  OrdinalEncoding,
  NominalEncoding,
]);
export type FeatureEncoding = z.infer<typeof FeatureEncoding>;

export const Encoding = z.strictObject({
  v: z.literal(1),
  model: z.string(),
  contract_major: z.int(),
  contract_digest: z.string(),
  /** Digest of the frozen dataset the bins were taken from. */
  dataset: z.string(),
  /** Contract order. */
  features: z.array(FeatureEncoding),
});
export type Encoding = z.infer<typeof Encoding>;
