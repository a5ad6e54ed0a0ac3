// Core: what a window says about its traffic besides the features' shapes: data quality, scores, volume, labels, segment mix.
// A rate is always held against the reference's own rate; absence of a reference is `insufficient`, never a zero.
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import type { DriftStatistic, DriftStatus } from "../../contracts/drift.ts";
import type { Band, DriftProfile } from "../../contracts/drift-profile.ts";
import { chi2Contingency, scoreKsD, scorePsi10 } from "./divergence.ts";
import { normalSf, twoProportion } from "./distributions.ts";
import { areCounts, SCORE_BINS, scoreMean, scoreQuantile, totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";
import { notWhole, partialCycle, rowsNow } from "./feature-drift.ts";
import type { FeatureEvidence, Finding } from "./feature-drift.ts";
import { scoreCells, type EqualCells } from "./reference-facts.ts";
import { exceeds, reaches, round9 } from "./threshold.ts";

/** k of n rows. */
export type Share = { k: number; n: number };

export type TrafficEvidence = {
  windowMs: number;
  profile: DriftProfile;
  features: readonly FeatureEvidence[];
  /** Score histograms (1,000 bins) of the reference and the window. */
  scores?: { reference: Counts | null; current: Counts | null; cells?: EqualCells };
  /** Invalid events of all events. */
  invalid?: { reference: Share; current: Share };
  /** Rows now, and what is usual here (`volumeBaseline`). */
  volume?: { baseline: number | null; current: number };
  /** Positives of matured labels. */
  labels?: { reference: Share | null; current: Share };
  /** Scores of all rows of a matured window, and of those whose label came. */
  labelled?: { all: Counts; labelled: Counts };
  /** Rows by value of a segment feature, same order on both sides. */
  segments?: readonly { feature: string; reference: Counts; current: Counts }[];
  /** Importance shares by feature of the previous and the serving version. */
  importance?: { previous: Readonly<Record<string, number>>; current: Readonly<Record<string, number>> };
};

/** Findings about data quality, and all others, each family in a stable order. */
export function trafficFindings(evidence: TrafficEvidence): { quality: Finding[]; other: Finding[] } {
  return {
    quality: [...featureQualities(evidence), ...invalidity(evidence)],
    other: [
      ...predictions(evidence),
      ...volumes(evidence),
      ...labels(evidence),
      ...labelGaps(evidence),
      ...segments(evidence),
      ...importances(evidence),
    ],
  };
}

/** Rows the volume rule needs, and its band around the baseline (inclusive). */
const VOLUME = { rowsMin: 200, low: 0.5, high: 2 } as const;

/** Whether a window's volume can carry a judgement: `insufficient` without a baseline, below 200 rows or below half of usual. */
export function volumeBand(baseline: number | null, current: number): "insufficient" | "ok" | "surge" {
  if (baseline === null || !(baseline > 0) || !(current >= VOLUME.rowsMin)) return "insufficient";
  const ratio = current / baseline;
  if (!reaches(ratio, VOLUME.low)) return "insufficient";
  return exceeds(ratio, VOLUME.high) ? "surge" : "ok";
}

/** Same hours needed before their median is the baseline. */
const SLOTS_MIN = 3;

/** Usual volume: the median of the same hour and weekday, or the mean of all windows while such history is short; null without any. */
export function volumeBaseline(history: {
  sameSlot: readonly number[];
  recent: readonly number[];
}): number | null {
  if (history.sameSlot.length >= SLOTS_MIN) {
    const sorted = [...history.sameSlot].sort((a, b) => a - b);
    const middle = sorted.length / 2;
    return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
  }
  if (history.recent.length === 0) return null;
  return history.recent.reduce((sum, rows) => sum + rows, 0) / history.recent.length;
}

/** Missing, unseen and out-of-range rates of every feature, as its kind has them. */
function featureQualities({ features, profile }: TrafficEvidence): Finding[] {
  const found: Finding[] = [];
  for (const evidence of features) {
    const { encoding, reference, current, facts } = evidence;
    const { feature } = encoding;
    const rows = rowsNow(evidence);
    if (reference === null || current === null || rows === null) continue;
    if (!(facts?.isSound ?? areCounts(reference))) continue;
    const before = { counts: reference, rows: facts?.rows ?? totalOf(reference) };
    const now = { counts: current, rows };
    found.push(rateFinding(feature, "missing_rate", missing(before), missing(now), profile));
    if (encoding.kind === "nominal") {
      const [r, c] = [valued(before, reference[OTHER] ?? 0), valued(now, current[OTHER] ?? 0)];
      found.push(rateFinding(feature, "unseen_rate", r, c, profile));
    }
    if (encoding.kind === "continuous") {
      const above = 8 + encoding.edges.length;
      const [r, c] = [valued(before, outsideOf(reference, above)), valued(now, outsideOf(current, above))];
      found.push(rateFinding(feature, "out_of_range_rate", r, c, profile));
    }
  }
  return found;
}

type Side = { counts: Counts; rows: number };

const missing = ({ counts, rows }: Side): Share => ({ k: counts[MISSING] ?? 0, n: rows });

const valued = ({ counts, rows }: Side, k: number): Share => ({ k, n: rows - (counts[MISSING] ?? 0) });

const outsideOf = (counts: Counts, above: number): number => {
  let k = 0;
  for (let level = 0; level < 8; level++) k += (counts[level] ?? 0) + (counts[above + level] ?? 0);
  return k;
};

function invalidity({ invalid, profile }: TrafficEvidence): Finding[] {
  return invalid === undefined
    ? []
    : [rateFinding("", "invalid_rate", invalid.reference, invalid.current, profile)];
}

/** A rate against the reference's rate plus what the profile allows; both rates appear in one unit. */
function rateFinding(
  feature: string,
  statistic: keyof DriftProfile["quality"],
  reference: Share,
  current: Share,
  profile: DriftProfile,
): Finding {
  const usual = reference.n > 0 ? reference.k / reference.n : 0;
  const allowed = profile.quality[statistic];
  const { p, nReference, nCurrent, withheld } = proportion(reference, current, profile.rows_min);
  return {
    subject: "quality",
    feature,
    statistic,
    value: current.n > 0 ? current.k / current.n : null,
    p,
    atLeast: false,
    nReference,
    nCurrent,
    band: {
      by: "effect_and_p",
      compare: "at_least",
      watch: round9(usual + allowed.watch),
      breach: round9(usual + allowed.breach),
    },
    withheld,
  };
}

type Proportion = Pick<Finding, "p" | "atLeast" | "nReference" | "nCurrent" | "withheld">;

function proportion(reference: Share, current: Share, rowsMin: number): Proportion {
  const test = twoProportion(reference.k, reference.n, current.k, current.n);
  const withheld = ((): Finding["withheld"] => {
    if (test === null || Math.min(reference.n, current.n) < rowsMin)
      return insufficient(`fewer than ${rowsMin} rows`);
    return Number.isNaN(test.p) ? { status: "broken", reason: "no p-value" } : null;
  })();
  const p = withheld === null && test !== null ? test.p : null;
  return { p, atLeast: false, nReference: reference.n, nCurrent: current.n, withheld };
}

/** Scores follow the calendar where a feature does: in part of its cycle a weekend would pass for drift. */
function predictions({ scores, profile, features, windowMs }: TrafficEvidence): Finding[] {
  if (scores === undefined) return [];
  const cycle = partialCycle(
    features.map((feature) => feature.encoding),
    windowMs,
  );
  const { reference, current, cells } = scores;
  const banded = profile.prediction.map((band) => ({ statistic: band.statistic, band }));
  const shown = (["score_psi_10", "score_ks_d", "score_mean_shift_sd", "score_p95_shift"] as const)
    .filter((statistic) => !banded.some((b) => b.statistic === statistic))
    .map((statistic) => ({ statistic, band: null }));
  return [...banded, ...shown].map(({ statistic, band }): Finding => {
    const base = { subject: "prediction", feature: "", statistic, band, atLeast: false } as const;
    const fault =
      scoreFault(reference, current, profile.rows_min) ?? (cycle === null ? null : notWhole(cycle));
    if (fault !== null || reference === null || current === null) {
      const none = { value: null, p: null, nReference: 0, nCurrent: 0 };
      return { ...base, ...none, withheld: fault ?? insufficient("no scores") };
    }
    const sizes = { nReference: totalOf(reference), nCurrent: totalOf(current) };
    const measure = SCORES[statistic](reference, current, cells);
    const withheld = measure.value === null ? insufficient("too few rows, or none to compare") : null;
    return { ...base, ...sizes, ...measure, withheld };
  });
}

function scoreFault(reference: Counts | null, current: Counts | null, rowsMin: number): Finding["withheld"] {
  if (current === null || !areCounts(current, SCORE_BINS))
    return { status: "broken", reason: "the window's scores could not be read" };
  if (reference === null) return insufficient("no reference");
  if (!areCounts(reference, SCORE_BINS))
    return { status: "broken", reason: "reference scores are not counts" };
  if (Math.min(totalOf(reference), totalOf(current)) < rowsMin)
    return insufficient(`fewer than ${rowsMin} rows`);
  return null;
}

type Measure = { value: number | null; p: number | null };

const SCORES: Record<
  "score_psi_10" | "score_ks_d" | "score_mean_shift_sd" | "score_p95_shift",
  (reference: Counts, current: Counts, cells?: EqualCells) => Measure
> = {
  score_psi_10: (r, c, cells) => pick(scorePsi10(c, cells ?? scoreCells(r))),
  score_ks_d: (r, c) => pick(scoreKsD(r, c)),
  score_mean_shift_sd: meanShift,
  score_p95_shift: (r, c) => {
    const before = scoreQuantile(r, 0.95);
    const after = scoreQuantile(c, 0.95);
    return { value: before === null || after === null ? null : after - before, p: null };
  },
};

const pick = ({ value, p }: Measure): Measure => ({ value, p });

/** Shift of the mean score in reference standard deviations, signed; p by Welch's z. Null where the reference does not vary. */
function meanShift(reference: Counts, current: Counts): Measure {
  const r = momentsOf(reference);
  const c = momentsOf(current);
  if (!(r.variance > 0)) return { value: null, p: null };
  const z = (c.mean - r.mean) / Math.sqrt(r.variance / r.n + c.variance / c.n);
  return { value: (c.mean - r.mean) / Math.sqrt(r.variance), p: Math.min(1, 2 * normalSf(Math.abs(z))) };
}

function momentsOf(scores: Counts): { n: number; mean: number; variance: number } {
  const n = totalOf(scores);
  let sum = 0;
  let squares = 0;
  scores.forEach((count, bin) => {
    if (count === 0) return;
    sum += count * scoreMean(bin);
    squares += count * scoreMean(bin) ** 2;
  });
  return { n, mean: sum / n, variance: Math.max(0, squares / n - (sum / n) ** 2) };
}

function volumes({ volume }: TrafficEvidence): Finding[] {
  if (volume === undefined) return [];
  const { baseline, current } = volume;
  const band = volumeBand(baseline, current);
  const ratio = baseline !== null && baseline > 0 ? current / baseline : null;
  const status: { status: DriftStatus; reason: string } = {
    insufficient: insufficient(
      ratio === null ? "no usual volume known yet" : "fewer rows than a judgement needs",
    ),
    surge: { status: "watch" as const, reason: `more than ${VOLUME.high} times the usual volume` },
    ok: { status: "steady" as const, reason: "" },
  }[band];
  const sizes = { nReference: Math.round(baseline ?? 0), nCurrent: current };
  return [{ ...plain("volume", "", "volume_ratio"), value: ratio, ...sizes, withheld: status }];
}

function labels({ labels: shares, profile }: TrafficEvidence): Finding[] {
  if (shares === undefined) return [];
  const base = plain("label", "", "label_shift");
  const { reference, current } = shares;
  if (reference === null) return [{ ...base, nCurrent: current.n, withheld: insufficient("no reference") }];
  const band: Band = { by: "effect_and_p", compare: "at_least", ...profile.label_shift };
  const value =
    reference.n > 0 && current.n > 0 ? Math.abs(current.k / current.n - reference.k / reference.n) : null;
  return [{ ...base, ...proportion(reference, current, profile.rows_min), value, band }];
}

/** Effect from which labels count as missing not at random, where the profile has no band for scores. */
const GAP: Band = { by: "effect_and_p", compare: "at_least", watch: 0.05, breach: 0.2 };

/** Are labels missing at random? KS between the scores of labelled rows and of those still without a label. */
function labelGaps({ labelled: scores, profile }: TrafficEvidence): Finding[] {
  if (scores === undefined) return [];
  const unlabelled = scores.all.map((count, bin) => count - (scores.labelled[bin] ?? NaN));
  const sizes = {
    nReference: totalOf(scores.all) - totalOf(scores.labelled),
    nCurrent: totalOf(scores.labelled),
  };
  const base = { ...plain("label", "", "labelled_score_ks_d"), ...sizes };
  if (!areCounts(unlabelled, SCORE_BINS))
    return [{ ...base, withheld: { status: "broken", reason: "more labelled rows than rows" } }];
  if (Math.min(sizes.nReference, sizes.nCurrent) < profile.rows_min)
    return [
      { ...base, withheld: insufficient(`fewer than ${profile.rows_min} rows with or without a label`) },
    ];
  const { value, p } = scoreKsD(unlabelled, scores.labelled);
  const band = profile.prediction.find(({ statistic }) => statistic === "score_ks_d") ?? GAP;
  return [{ ...base, value, p, band }];
}

/** Reported, not judged: with much traffic every mix differs significantly, and what the mix does to inputs the features show. */
function segments({ segments: mixes, profile }: TrafficEvidence): Finding[] {
  return (mixes ?? []).map(({ feature, reference, current }) => {
    const mix = chi2Contingency(reference, current);
    const short = Math.min(mix.nReference, mix.nCurrent) < profile.rows_min || mix.value === null;
    return {
      ...plain("segment", feature, "segment_mix_chi2"),
      value: short ? null : mix.value,
      p: short ? null : mix.p,
      nReference: mix.nReference,
      nCurrent: mix.nCurrent,
      withheld: short ? insufficient(`fewer than ${profile.rows_min} rows`) : null,
    };
  });
}

/** Half the summed absolute change of the importance shares (0…1), reported when versions succeed each other. */
function importances({ importance }: TrafficEvidence): Finding[] {
  if (importance === undefined) return [];
  const { previous, current } = importance;
  const base = plain("prediction", "", "importance_shift");
  const names = [...new Set([...Object.keys(previous), ...Object.keys(current)])];
  if (Object.keys(previous).length === 0 || Object.keys(current).length === 0)
    return [{ ...base, withheld: insufficient("importance is not known for both versions") }];
  const change = names.reduce((sum, name) => sum + Math.abs((current[name] ?? 0) - (previous[name] ?? 0)), 0);
  return [{ ...base, value: change / 2 }];
}

const insufficient = (reason: string): { status: DriftStatus; reason: string } => ({
  status: "insufficient",
  reason,
});

function plain(subject: Finding["subject"], feature: string, statistic: DriftStatistic): Finding {
  const none = { value: null, p: null, atLeast: false, nReference: 0, nCurrent: 0 };
  return { subject, feature, statistic, ...none, band: null, withheld: null };
}
