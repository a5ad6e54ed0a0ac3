// Core: what one feature of one window measures against its reference under a profile. A feature that cannot be measured says
// why and leaves the others alone; nothing here throws.
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import type { FeatureEncoding } from "../../contracts/encoding.ts";
import type { DriftStatistic, DriftStatus, DriftSubject } from "../../contracts/drift.ts";
import type { Band, DriftProfile, FeatureStatistic } from "../../contracts/drift-profile.ts";
import { apartAlong, chi2Contingency, psi10, shareDistance } from "./divergence.ts";
import type { Apart, Divergence } from "./divergence.ts";
import { twoProportion } from "./distributions.ts";
import { rowsCounted, totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";
import { referenceFacts, type ReferenceFacts } from "./reference-facts.ts";
import { ksAndW1Exact } from "./samples.ts";

/**
 * One feature's counts. Null reference: there is none; null current: it could not be read. `samples` make KS and W1 exact, and so does
 * `exact`, where they were measured before so that the samples need not be kept.
 */
export type FeatureEvidence = {
  encoding: FeatureEncoding;
  reference: Counts | null;
  current: Counts | null;
  samples?: { reference: Float64Array; current: Float64Array };
  exact?: { ks: { d: number; p: number } | null; w1OverRefstd: number | null };
  /** What is known of `reference` already, where many windows are held against it. */
  facts?: ReferenceFacts;
  /** Rows of `current` where they were counted before; null where they are not counts. */
  rows?: number | null;
};

/** A measurement before the window as a whole is judged. `band` null: shown, not judged. `withheld`: why there is no verdict. */
export type Finding = {
  subject: DriftSubject;
  feature: string;
  statistic: DriftStatistic;
  value: number | null;
  p: number | null;
  atLeast: boolean;
  nReference: number;
  nCurrent: number;
  band: Band | null;
  withheld: { status: DriftStatus; reason: string } | null;
};

const DAY_MS = 86_400_000;
const CYCLE_MS = { day: DAY_MS, week: 7 * DAY_MS } as const;

/** The cycle of a feature of which a window is not a whole number; null where there is none, or it is whole. */
const brokenCycle = (encoding: FeatureEncoding, windowMs: number): Cycle | null => {
  if (encoding.kind !== "ordinal" || encoding.cycle === null) return null;
  return windowMs <= 0 || windowMs % CYCLE_MS[encoding.cycle] !== 0 ? encoding.cycle : null;
};

/** The longest cycle of which a window is not a whole number, null where it is whole for every feature. */
export const partialCycle = (encodings: readonly FeatureEncoding[], windowMs: number): Cycle | null => {
  const broken = encodings.map((encoding) => brokenCycle(encoding, windowMs));
  return (["week", "day"] as const).find((cycle) => broken.includes(cycle)) ?? null;
};

/** Why a value that swings with a cycle has no verdict in part of one. */
export const notWhole = (cycle: Cycle): { status: DriftStatus; reason: string } => ({
  status: "not_evaluated",
  reason: `window is not a whole number of cycles (${cycle})`,
});

type Cycle = keyof typeof CYCLE_MS;

/** The judging statistic first, then those the profile only reports. */
export function featureFindings(
  feature: FeatureEvidence,
  windowMs: number,
  profile: DriftProfile,
): Finding[] {
  const { encoding, reference, current } = feature;
  const facts = reference === null ? null : (feature.facts ?? referenceFacts(encoding, reference));
  const rows = rowsNow(feature);
  const fault = faultOf(feature, facts, rows);
  if (fault !== null || facts === null || reference === null || current === null || rows === null) {
    const statistic = profile.features.find((rule) => rule.kinds.includes(encoding.kind))?.statistic;
    const reason = fault ?? { status: "broken" as const, reason: "no counts" };
    const band = profile.features[0] ?? profile.one_valued;
    return [blank(encoding.feature, statistic ?? "psi_10", band, reason)];
  }
  const valued = rows - (current[MISSING] ?? 0);
  const sides: Sides = { encoding, feature, facts, reference, current, valued, apart: null };
  const cycle = brokenCycle(encoding, windowMs);
  const rule = judgeOf(sides, profile);
  const found = [finding(sides, rule.statistic, rule.band, profile.rows_min)];
  for (const statistic of profile.report)
    if (statistic !== rule.statistic && applies(statistic, encoding.kind))
      found.push(finding(sides, statistic, null, profile.rows_min));
  return cycle === null
    ? found
    : found.map((one) => ({ ...one, value: null, p: null, withheld: notWhole(cycle) }));
}

/** Rows of the window, counted once for all that is measured of them; null where they are not counts. */
export const rowsNow = ({ current, rows }: FeatureEvidence): number | null =>
  rows !== undefined ? rows : current === null ? null : rowsCounted(current);

type Sides = {
  encoding: FeatureEncoding;
  feature: FeatureEvidence;
  facts: ReferenceFacts;
  reference: Counts;
  current: Counts;
  /** Current rows that are not missing. */
  valued: number;
  /** What KS and W1 found, in the one look both take; null before. */
  apart: Apart | null;
};

function judgeOf(sides: Sides, profile: DriftProfile): { statistic: FeatureStatistic; band: Band } {
  if (sides.facts.isOneValued) return { statistic: "z_two_proportion", band: profile.one_valued };
  const { rows } = sides.facts;
  const distinct = profile.features.some((rule) => rule.distinct_max !== undefined) ? distinctOf(sides) : 0;
  const rule = profile.features.find(
    (r) =>
      r.kinds.includes(sides.encoding.kind) &&
      (r.reference_rows_max === undefined || rows <= r.reference_rows_max) &&
      (r.distinct_max === undefined || distinct <= r.distinct_max),
  );
  // A profile without a rule for this kind still names the pair it would use, and `finding` withholds the verdict.
  return rule === undefined
    ? { statistic: "psi_10", band: profile.one_valued }
    : { statistic: rule.statistic, band: rule };
}

function finding(sides: Sides, statistic: FeatureStatistic, band: Band | null, rowsMin: number): Finding {
  const measure = STATISTICS[statistic](sides);
  const withheld = withholding(measure, rowsMin);
  return {
    subject: "feature",
    feature: sides.encoding.feature,
    statistic,
    value: withheld === null ? measure.value : null,
    p: withheld === null ? measure.p : null,
    atLeast: measure.atLeast && withheld === null,
    nReference: measure.nReference,
    nCurrent: measure.nCurrent,
    band,
    withheld,
  };
}

function withholding(measure: Divergence, rowsMin: number): Finding["withheld"] {
  if (measure.value !== null && !Number.isFinite(measure.value))
    return { status: "broken", reason: "value is not a number" };
  if (measure.state === "degenerate") return { status: "degenerate", reason: measure.reason };
  if (Math.min(measure.nReference, measure.nCurrent) < rowsMin)
    return { status: "insufficient", reason: `fewer than ${rowsMin} rows` };
  return measure.state === "insufficient" ? { status: "insufficient", reason: measure.reason } : null;
}

const STATISTICS: Record<FeatureStatistic, (sides: Sides) => Divergence> = {
  psi_10: (s) => psi10(s.encoding, s.reference, s.current, s.facts.cells),
  ks_d: (s) => kolmogorov(s),
  ks_p: (s) => {
    const measure = kolmogorov(s);
    return { ...measure, value: measure.p };
  },
  chi2_contingency: (s) => chi2Contingency(s.reference, s.current),
  z_two_proportion: differs,
  js_distance_base2: (s) => shareDistance("js_distance_base2", s.reference, s.current),
  js_distance_natural: (s) => shareDistance("js_distance_natural", s.reference, s.current),
  hellinger: (s) => shareDistance("hellinger", s.reference, s.current),
  tvd: (s) => shareDistance("tvd", s.reference, s.current),
  l_infinity: (s) => shareDistance("l_infinity", s.reference, s.current),
  w1_over_refstd: wasserstein,
};

const unordered = (s: Sides): Divergence => ({
  ...EMPTY,
  nReference: totalOf(s.reference),
  nCurrent: totalOf(s.current),
  state: "degenerate",
  reason: "nominal values have no order",
});
const EMPTY = { value: null, p: null, atLeast: false, nReference: 0, nCurrent: 0 } as const;

function kolmogorov(s: Sides): Divergence {
  if (s.encoding.kind === "nominal") return unordered(s);
  const binned = (s.apart ??= apartAlong(s.encoding, s.reference, s.current, s.facts.axis, s.valued)).ks;
  const exact = exactOf(s.feature)?.ks;
  return exact === null || exact === undefined ? binned : { ...binned, value: exact.d, p: exact.p };
}

function wasserstein(s: Sides): Divergence {
  if (s.encoding.kind === "nominal") return unordered(s);
  const binned = (s.apart ??= apartAlong(s.encoding, s.reference, s.current, s.facts.axis, s.valued)).w1;
  const exact = exactOf(s.feature)?.w1OverRefstd ?? null;
  return exact === null ? binned : { ...binned, value: exact, atLeast: false };
}

const exactOf = ({ exact, samples }: FeatureEvidence): FeatureEvidence["exact"] =>
  exact ?? (samples === undefined ? undefined : measureExactly(samples.reference, samples.current));

/** KS and W1 of raw values, for evidence that does not keep them. */
export function measureExactly(
  reference: Float64Array,
  current: Float64Array,
): NonNullable<FeatureEvidence["exact"]> {
  const exact = ksAndW1Exact(reference, current);
  return { ks: exact?.ks ?? null, w1OverRefstd: exact?.w1.value ?? null };
}

/**
 * Share of rows that differ from the reference's first value, two-proportion test. Missing rows are left out unless the whole
 * reference is missing: then it is the value.
 */
function differs(s: Sides): Divergence {
  const allMissing = (s.reference[MISSING] ?? 0) > 0 && totalOf(s.reference) === s.reference[MISSING];
  const first = allMissing ? MISSING : s.reference.findIndex((count) => count > 0);
  const rows = (counts: Counts): number => totalOf(counts) - (allMissing ? 0 : (counts[MISSING] ?? 0));
  const nReference = rows(s.reference);
  const nCurrent = rows(s.current);
  const kReference = nReference - (s.reference[first] ?? 0);
  const kCurrent = nCurrent - (s.current[first] ?? 0);
  const test = twoProportion(kReference, nReference, kCurrent, nCurrent);
  if (test === null)
    return { ...EMPTY, nReference, nCurrent, state: "insufficient", reason: "no values to compare" };
  const value = Math.abs(kCurrent / nCurrent - kReference / nReference);
  return { value, p: test.p, nReference, nCurrent, state: "measured", atLeast: false, reason: "" };
}

function distinctOf(s: Sides): number {
  let codes = 0;
  for (let code = 0; code < MISSING; code++)
    if ((s.reference[code] ?? 0) + (s.current[code] ?? 0) > 0) codes++;
  return codes;
}

function applies(statistic: FeatureStatistic, kind: FeatureEncoding["kind"]): boolean {
  return (
    kind !== "nominal" || !(statistic === "ks_d" || statistic === "ks_p" || statistic === "w1_over_refstd")
  );
}

/** Why the evidence cannot be measured at all: unread, not counts, or rows in codes the encoding does not have. */
function faultOf(
  { encoding, reference, current }: FeatureEvidence,
  facts: ReferenceFacts | null,
  rows: number | null,
): Finding["withheld"] {
  if (current === null) return { status: "broken", reason: "the window could not be read" };
  if (reference === null || facts === null || facts.rows === 0)
    return { status: "insufficient", reason: "no reference" };
  if (!facts.isSound || rows === null) return { status: "broken", reason: "counts are not counts" };
  if (!facts.isEncodingSound) return { status: "broken", reason: "the encoding is not sound" };
  const codes = encoding.kind === "continuous" ? encoding.edges.length + 16 : encoding.values.length;
  for (let code = codes; code < MISSING; code++) {
    if (code === OTHER && encoding.kind === "nominal") continue;
    if ((reference[code] ?? 0) + (current[code] ?? 0) > 0)
      return { status: "broken", reason: `rows in code ${code}, which the encoding does not have` };
  }
  return null;
}

function blank(
  feature: string,
  statistic: FeatureStatistic,
  band: Band,
  withheld: NonNullable<Finding["withheld"]>,
): Finding {
  return { ...EMPTY, subject: "feature", feature, statistic, band, withheld };
}
