// Core: realised performance (STATISTICS §3), from mergeable counts or from raw scores, by one set of formulas. A probability at
// or above the threshold is a predicted positive. A ratio over nothing is null; NaN input throws and never becomes a number.
import type { Metrics } from "../../contracts/bundle.ts";
import { normalQuantile } from "./distributions.ts";
import { scoreMean } from "./histogram.ts";
import type { Counts } from "./histogram.ts";

/** Probabilities are held this far from 0 and 1 inside the logarithm of the log loss. */
export const LOG_LOSS_CLIP = 1e-15;
/** Bins of the expected calibration error, equal in rows. */
const ECE_BINS = 15;

/** Rows that share one score, scores ascending. */
type Tie = { score: number; n: number; positives: number };

export type Confusion = { tp: number; fp: number; fn: number; tn: number };

/** All metrics of raw labels (0 or 1) and probabilities at a frozen threshold, exact, ties counted. Throws on empty or invalid input. */
export function metricsOf(labels: Uint8Array, p: Float64Array, threshold: number): Metrics {
  const ties = tiesOf(labels, p);
  const confusion = { tp: 0, fp: 0, fn: 0, tn: 0 };
  let squares = 0;
  let losses = 0;
  p.forEach((score, i) => {
    const positive = labels[i] === 1;
    if (score >= threshold) confusion[positive ? "tp" : "fp"]++;
    else confusion[positive ? "fn" : "tn"]++;
    squares += (score - (positive ? 1 : 0)) ** 2;
    losses += logLossOf(score, positive ? 1 : 0);
  });
  const at = confusionMetrics(confusion);
  return {
    n: p.length,
    positives: confusion.tp + confusion.fn,
    threshold,
    roc_auc: rocAuc(ties),
    pr_auc: averagePrecision(ties),
    brier: squares / p.length,
    log_loss: losses / p.length,
    ece: calibrationError(ties, ECE_BINS),
    f1: at.f1,
    f1_low: at.f1_low,
    accuracy: (confusion.tp + confusion.tn) / p.length,
    precision: at.precision,
    recall: at.recall,
    confusion,
  };
}

/** Log loss of one row, probability clipped to [1e-15, 1 − 1e-15]. */
export function logLossOf(p: number, label: 0 | 1): number {
  const held = Math.min(1 - LOG_LOSS_CLIP, Math.max(LOG_LOSS_CLIP, p));
  return -Math.log(label === 1 ? held : 1 - held);
}

/** ROC-AUC, PR-AUC and ECE from score histograms by label; AUC within 1e-3 of exact, null where a class is missing. */
export function rankingMetrics(
  negative: Counts,
  positive: Counts,
): { n: number; positives: number; roc_auc: number | null; pr_auc: number | null; ece: number | null } {
  const ties: Tie[] = [];
  let n = 0;
  let positives = 0;
  for (let bin = 0; bin < positive.length; bin++) {
    const yes = positive[bin] ?? NaN;
    const rows = yes + (negative[bin] ?? NaN);
    if (rows === 0) continue;
    ties.push({ score: scoreMean(bin), n: rows, positives: yes });
    n += rows;
    positives += yes;
  }
  return {
    n,
    positives,
    roc_auc: rocAuc(ties),
    pr_auc: averagePrecision(ties),
    ece: n === 0 ? null : calibrationError(ties, ECE_BINS),
  };
}

/** Ratios of exact confusion counts; each is null where its denominator is empty. */
export function confusionMetrics({ tp, fp, fn, tn }: Confusion): {
  accuracy: number | null;
  precision: number | null;
  recall: number | null;
  specificity: number | null;
  f1: number | null;
  /** One-sided lower 95 % confidence limit of F1, delta method, not below 0. */
  f1_low: number | null;
} {
  const n = tp + fp + fn + tn;
  const share = (part: number, whole: number): number | null => (whole > 0 ? part / whole : null);
  const f1 = share(2 * tp, 2 * tp + fp + fn);
  return {
    accuracy: share(tp + tn, n),
    precision: share(tp, tp + fp),
    recall: share(tp, tp + fn),
    specificity: share(tn, tn + fp),
    f1,
    f1_low:
      f1 === null ? null : Math.max(0, f1 - normalQuantile(0.95) * f1StandardError({ tp, fp, fn, tn }, f1)),
  };
}

/** SE of F1 from its influence on each row, (2yŷ − F1(ŷ + y))/mean(ŷ + y). */
function f1StandardError({ tp, fp, fn, tn }: Confusion, f1: number): number {
  const n = tp + fp + fn + tn;
  const mean = (2 * tp + fp + fn) / n;
  const squares = tp * (2 - 2 * f1) ** 2 + (fp + fn) * f1 ** 2;
  return Math.sqrt(squares) / mean / n;
}

/** The threshold with the highest F1 (`max_f1`): one of the scores, the highest among equals; null without a positive. */
export function maxF1Threshold(
  labels: Uint8Array,
  p: Float64Array,
): { threshold: number; f1: number } | null {
  const ties = tiesOf(labels, p);
  const positives = ties.reduce((sum, tie) => sum + tie.positives, 0);
  if (positives === 0) return null;
  let best = { threshold: 1, f1: -1 };
  let tp = 0;
  let predicted = 0;
  for (const tie of ties.toReversed()) {
    tp += tie.positives;
    predicted += tie.n;
    const f1 = (2 * tp) / (predicted + positives);
    if (f1 > best.f1) best = { threshold: tie.score, f1 };
  }
  return best;
}

/** Expected calibration error over equal-count bins, each weighted by its rows; equal scores are never split between bins. */
export function eceOf(labels: Uint8Array, p: Float64Array, bins: number = ECE_BINS): number {
  return calibrationError(tiesOf(labels, p), bins);
}

function tiesOf(labels: Uint8Array, p: Float64Array): Tie[] {
  if (p.length === 0 || p.length !== labels.length)
    throw new RangeError("as many labels as scores, at least one");
  const order = Uint32Array.from(p, (_, i) => i).sort((a, b) => (p[a] ?? 0) - (p[b] ?? 0));
  const ties: Tie[] = [];
  for (const row of order) {
    const score = p[row] ?? NaN;
    const label = labels[row] ?? NaN;
    if (!(score >= 0 && score <= 1)) throw new RangeError(`row ${row}: ${score} is not a probability`);
    if (label !== 0 && label !== 1) throw new RangeError(`row ${row}: ${label} is not a label`);
    const last = ties.at(-1);
    if (last !== undefined && last.score === score) {
      last.n++;
      last.positives += label;
    } else ties.push({ score, n: 1, positives: label });
  }
  return ties;
}

/** Probability that a positive outscores a negative, ties counting half. */
function rocAuc(ties: readonly Tie[]): number | null {
  let below = 0;
  let wins = 0;
  let positives = 0;
  for (const tie of ties) {
    const negatives = tie.n - tie.positives;
    wins += tie.positives * (below + negatives / 2);
    below += negatives;
    positives += tie.positives;
  }
  return positives === 0 || below === 0 ? null : wins / (positives * below);
}

/** Average precision: Σ (R_k − R_{k−1})·P_k over distinct thresholds, highest first. */
function averagePrecision(ties: readonly Tie[]): number | null {
  const positives = ties.reduce((sum, tie) => sum + tie.positives, 0);
  if (positives === 0) return null;
  let tp = 0;
  let predicted = 0;
  let area = 0;
  for (const tie of ties.toReversed()) {
    tp += tie.positives;
    predicted += tie.n;
    area += (tie.positives / positives) * (tp / predicted);
  }
  return area;
}

/** A tie goes to the bin where the middle of its ranks lies, so the result does not depend on the order of equal scores. */
function calibrationError(ties: readonly Tie[], bins: number): number {
  const rows = ties.reduce((sum, tie) => sum + tie.n, 0);
  const gaps = new Float64Array(bins);
  let below = 0;
  for (const tie of ties) {
    const bin = Math.min(bins - 1, Math.floor((bins * (below + tie.n / 2)) / rows));
    gaps[bin] = (gaps[bin] ?? 0) + (tie.n * tie.score - tie.positives);
    below += tie.n;
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / rows;
}
