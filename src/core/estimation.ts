// Core: performance estimated without labels (CBPE, STATISTICS §3) from calibrated probabilities, with its sampling error and the
// guard that says when it may be shown. It sees covariate shift only, never concept drift; it may hold or warn, never promote.
import { scoreMean, totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";
import { confusionMetrics } from "./performance.ts";
import type { Confusion } from "./performance.ts";
import { exceeds } from "./threshold.ts";

export type EstimatedMetric = "accuracy" | "precision" | "recall" | "specificity" | "f1" | "roc_auc";

export type Estimate = {
  n: number;
  /** Expected counts, fractions allowed. */
  confusion: Confusion;
  metrics: Record<EstimatedMetric, number | null>;
  /** Standard error a realised value has about the estimate, given these scores (labels are coin tosses). */
  errors: Record<EstimatedMetric, number | null>;
};

/** Rows of one calibrated probability, ascending. */
type Level = { p: number; n: number; predicted: boolean };

/** Expected performance of raw calibrated probabilities at a threshold; null without rows. Throws on what is no probability. */
export function estimatePerformance(p: Float64Array, threshold: number): Estimate | null {
  const sorted = p.slice().sort();
  const levels: Level[] = [];
  for (const score of sorted) {
    if (!(score >= 0 && score <= 1)) throw new RangeError(`${score} is not a probability`);
    const last = levels.at(-1);
    if (last !== undefined && last.p === score) last.n++;
    else levels.push({ p: score, n: 1, predicted: score >= threshold });
  }
  return estimateOf(levels);
}

/** The same from a score histogram; the bin that holds the threshold counts as predicted where its middle reaches the threshold. */
export function estimateFromScores(scores: Counts, threshold: number): Estimate | null {
  const levels: Level[] = [];
  scores.forEach((n, bin) => {
    const p = scoreMean(bin);
    if (n > 0) levels.push({ p, n, predicted: p >= threshold });
  });
  return estimateOf(levels);
}

function estimateOf(levels: readonly Level[]): Estimate | null {
  const confusion = { tp: 0, fp: 0, fn: 0, tn: 0 };
  let n = 0;
  for (const { p, n: rows, predicted } of levels) {
    n += rows;
    confusion[predicted ? "tp" : "fn"] += rows * p;
    confusion[predicted ? "fp" : "tn"] += rows * (1 - p);
  }
  if (n === 0) return null;
  const { accuracy, precision, recall, specificity, f1 } = confusionMetrics(confusion);
  const metrics = { accuracy, precision, recall, specificity, f1, roc_auc: expectedAuc(levels) };
  return { n, confusion, metrics, errors: errorsOf(levels, n, confusion, metrics) };
}

/** Expected concordant pairs over expected pairs, ties half: the area under the curve of expected counts. */
function expectedAuc(levels: readonly Level[]): number | null {
  let below = 0;
  let wins = 0;
  let positives = 0;
  for (const { p, n } of levels) {
    wins += n * p * (below + (n * (1 - p)) / 2);
    below += n * (1 - p);
    positives += n * p;
  }
  return positives > 0 && below > 0 ? wins / (positives * below) : null;
}

/** Delta method: each row's label has variance p(1−p); a metric's gradient in that label is worked out per predicted side. */
function errorsOf(
  levels: readonly Level[],
  n: number,
  { tp, fp, fn, tn }: Confusion,
  metrics: Estimate["metrics"],
): Estimate["errors"] {
  let inside = 0;
  let outside = 0;
  for (const { p, n: rows, predicted } of levels) {
    if (predicted) inside += rows * p * (1 - p);
    else outside += rows * p * (1 - p);
  }
  const error = (
    value: number | null,
    whole: number,
    onPositive: number,
    onNegative: number,
  ): number | null =>
    value === null ? null : Math.sqrt(inside * onPositive ** 2 + outside * onNegative ** 2) / whole;
  const { recall, specificity, f1 } = metrics;
  return {
    accuracy: error(metrics.accuracy, n, 1, 1),
    precision: error(metrics.precision, tp + fp, 1, 0),
    recall: error(recall, tp + fn, 1 - (recall ?? 0), recall ?? 0),
    specificity: error(specificity, tn + fp, specificity ?? 0, 1 - (specificity ?? 0)),
    f1: error(f1, 2 * tp + fp + fn, 2 - (f1 ?? 0), f1 ?? 0),
    roc_auc: aucError(levels, metrics.roc_auc),
  };
}

function aucError(levels: readonly Level[], auc: number | null): number | null {
  if (auc === null) return null;
  const positives = levels.reduce((sum, { p, n }) => sum + n * p, 0);
  const negatives = levels.reduce((sum, { p, n }) => sum + n * (1 - p), 0);
  let negativesBelow = 0;
  let positivesAbove = positives;
  let variance = 0;
  for (const { p, n } of levels) {
    const yes = n * p;
    const no = n * (1 - p);
    positivesAbove -= yes;
    const won = (negativesBelow + no / 2) / (positives * negatives);
    const lost = (positivesAbove + yes / 2) / (positives * negatives);
    const slope = won - lost - auc * (1 / positives - 1 / negatives);
    variance += n * p * (1 - p) * slope ** 2;
    negativesBelow += no;
  }
  return Math.sqrt(variance);
}

/** Share of scores allowed outside the calibration slice's support, and the calibration z that labels may show. */
const OUTSIDE_MAX = 0.01;
const CALIBRATION_Z_MAX = 3;

/** Labels of a matured window against its probabilities: Σy, Σp and Σp(1−p) over the same rows. */
export type MaturedCalibration = { n: number; positives: number; expected: number; variance: number };

/**
 * Whether an estimate may be shown: scores inside the calibration support and no sign of concept drift on matured labels.
 * `unknown` (not shown) while nothing has matured or no calibration slice exists.
 */
export function estimateValidity(evidence: {
  scores: Counts;
  calibration: Counts | null;
  matured: MaturedCalibration | null;
}): { state: "holds" | "violated" | "unknown"; reasons: string[]; outside: number | null; z: number | null } {
  const { scores, calibration, matured } = evidence;
  const outside = calibration === null ? null : outsideSupport(scores, calibration);
  const z =
    matured === null || !(matured.n > 0) || !(matured.variance > 0)
      ? null
      : (matured.positives - matured.expected) / Math.sqrt(matured.variance);
  const violated: string[] = [];
  if (outside !== null && exceeds(outside, OUTSIDE_MAX))
    violated.push("scores outside the calibration support");
  if (z !== null && exceeds(Math.abs(z), CALIBRATION_Z_MAX))
    violated.push("matured labels contradict the probabilities");
  if (violated.length > 0) return { state: "violated", reasons: violated, outside, z };
  const unknown: string[] = [];
  if (outside === null) unknown.push("no calibration support to compare with");
  if (z === null) unknown.push("no matured labels yet");
  return { state: unknown.length > 0 ? "unknown" : "holds", reasons: unknown, outside, z };
}

/** Share of scores below the lowest or above the highest bin the calibration slice holds; null where either has no rows. */
function outsideSupport(scores: Counts, calibration: Counts): number | null {
  const rows = totalOf(scores);
  if (rows === 0 || totalOf(calibration) === 0) return null;
  const low = calibration.findIndex((count) => count > 0);
  const high = calibration.findLastIndex((count) => count > 0);
  let outside = 0;
  scores.forEach((count, bin) => {
    if (bin < low || bin > high) outside += count;
  });
  return outside / rows;
}

/** Σp and Σp(1−p) of a labelled score histogram: the sums `estimateValidity` needs. */
export function maturedCalibration(negative: Counts, positive: Counts): MaturedCalibration {
  const sums = { n: 0, positives: 0, expected: 0, variance: 0 };
  for (let bin = 0; bin < positive.length; bin++) {
    const rows = (negative[bin] ?? NaN) + (positive[bin] ?? NaN);
    const p = scoreMean(bin);
    sums.n += rows;
    sums.positives += positive[bin] ?? NaN;
    sums.expected += rows * p;
    sums.variance += rows * p * (1 - p);
  }
  return sums;
}

/** Estimate − realised by metric, and the difference in standard errors; null where either side does not exist. */
export function reconcile(
  estimate: Estimate,
  realised: Readonly<Partial<Record<EstimatedMetric, number | null>>>,
): Record<EstimatedMetric, { difference: number; z: number | null } | null> {
  const one = (metric: EstimatedMetric): { difference: number; z: number | null } | null => {
    const estimated = estimate.metrics[metric];
    const seen = realised[metric] ?? null;
    if (estimated === null || seen === null || !Number.isFinite(seen)) return null;
    const error = estimate.errors[metric];
    const difference = estimated - seen;
    return { difference, z: error !== null && error > 0 ? difference / error : null };
  };
  return {
    accuracy: one("accuracy"),
    precision: one("precision"),
    recall: one("recall"),
    specificity: one("specificity"),
    f1: one("f1"),
    roc_auc: one("roc_auc"),
  };
}
