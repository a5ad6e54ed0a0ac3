// Core: two versions on the same labelled requests (STATISTICS §5), from eight counts a segment c[4y + 2ŷp + ŷc]. Differences are
// candidate − production with paired standard errors; where one cannot be had the answer is null, and a gate must not pass on it.
import type { PairedCells } from "../../contracts/snapshot.ts";
import { normalSf } from "./distributions.ts";
import { totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";
import { confusionMetrics } from "./performance.ts";
import type { Confusion } from "./performance.ts";

/** A paired difference: production, candidate, candidate − production, its standard error and z (null where SE is 0). */
export type PairedDifference = {
  n: number;
  production: number;
  candidate: number;
  difference: number;
  se: number;
  z: number | null;
};

const differenceOf = (n: number, production: number, candidate: number, se: number): PairedDifference => {
  const difference = candidate - production;
  return { n, production, candidate, difference, se, z: se > 0 ? difference / se : null };
};

/** Both confusion matrices of paired cells. */
export function confusionsOf(c: PairedCells): { production: Confusion; candidate: Confusion } {
  return {
    production: { tp: c[6] + c[7], fp: c[2] + c[3], fn: c[4] + c[5], tn: c[0] + c[1] },
    candidate: { tp: c[5] + c[7], fp: c[1] + c[3], fn: c[4] + c[6], tn: c[0] + c[2] },
  };
}

/**
 * F1 of both and the SE of their difference: each row's influence is (2yŷ − F1(ŷ+y))/mean(ŷ+y), candidate's minus production's.
 * Null where a version neither predicts nor meets a positive.
 */
export function pairedF1(cells: PairedCells): PairedDifference | null {
  if (!areCells(cells)) return null;
  const n = cells.reduce((sum, count) => sum + count, 0);
  const { production, candidate } = confusionsOf(cells);
  const f1p = confusionMetrics(production).f1;
  const f1c = confusionMetrics(candidate).f1;
  if (f1p === null || f1c === null) return null;
  const meanP = (2 * production.tp + production.fp + production.fn) / n;
  const meanC = (2 * candidate.tp + candidate.fp + candidate.fn) / n;
  const squares = cells.reduce((sum, count, cell) => {
    const y = cell >> 2;
    const p = (cell >> 1) & 1;
    const c = cell & 1;
    const g = (2 * y * c - f1c * (c + y)) / meanC - (2 * y * p - f1p * (p + y)) / meanP;
    return sum + count * g * g;
  }, 0);
  return differenceOf(n, f1p, f1c, Math.sqrt(squares) / n);
}

/** Recall of both on the rows that are positive, SE from the discordant ones (McNemar); null without positives. */
export function pairedRecall(cells: PairedCells): PairedDifference | null {
  if (!areCells(cells)) return null;
  const n = cells[4] + cells[5] + cells[6] + cells[7];
  if (n === 0) return null;
  const difference = (cells[5] - cells[6]) / n;
  const variance = (cells[5] + cells[6]) / n - difference ** 2;
  return differenceOf(n, (cells[6] + cells[7]) / n, (cells[5] + cells[7]) / n, Math.sqrt(variance / n));
}

/** How far a segment's F1 falls, relative to production's; `difference` is the relative drop (positive = worse), z its sign reversed. */
export function segmentDrop(
  cells: PairedCells,
): { n: number; drop: number; se: number; z: number | null } | null {
  const f1 = pairedF1(cells);
  if (f1 === null || f1.production === 0) return null;
  return { n: f1.n, drop: -f1.difference / f1.production, se: f1.se / f1.production, z: f1.z };
}

/** The gain asked of a candidate's F1: 2 % of production's, but never more than a tenth of what is left to gain. */
export function f1GainAsked(f1Production: number): number {
  return Math.min(0.02 * f1Production, 0.1 * (1 - f1Production));
}

/** What a candidate's ECE may be: production's + .02 + .4·√(10·ȳ(1−ȳ)/n), the last term being the noise of ECE itself. */
export function eceAllowed(eceProduction: number, rows: { n: number; positives: number }): number {
  const rate = rows.positives / rows.n;
  return eceProduction + 0.02 + 0.4 * Math.sqrt((10 * rate * (1 - rate)) / rows.n);
}

/** Mean paired difference from Σd and Σd² (any per-row loss, candidate − production), with SE and two-sided p. */
export function pairedMean(sums: {
  n: number;
  sum: number;
  squares: number;
}): { n: number; mean: number; se: number; p: number | null } | null {
  const { n, sum, squares } = sums;
  if (!(n > 1) || !Number.isFinite(sum) || !Number.isFinite(squares)) return null;
  const mean = sum / n;
  const se = Math.sqrt(Math.max(0, squares / n - mean ** 2) / n);
  return { n, mean, se, p: se > 0 ? Math.min(1, 2 * normalSf(Math.abs(mean / se))) : null };
}

/** ROC-AUC of both on the same rows with DeLong's standard error; null unless each class has two rows. */
export function pairedAuc(
  labels: Uint8Array,
  production: Float64Array,
  candidate: Float64Array,
): PairedDifference | null {
  if (labels.length !== production.length || labels.length !== candidate.length)
    throw new RangeError("as many labels as scores");
  const p = placements(labels, production);
  const c = placements(labels, candidate);
  const positives = p.positive.length;
  const negatives = p.negative.length;
  if (positives < 2 || negatives < 2) return null;
  const spread = (a: Float64Array, b: Float64Array): number =>
    sampleVariance(a.map((value, i) => (b[i] ?? NaN) - value)) / a.length;
  const variance = spread(p.positive, c.positive) + spread(p.negative, c.negative);
  return differenceOf(labels.length, mean(p.positive), mean(c.positive), Math.sqrt(variance));
}

/**
 * ROC-AUC of both from score histograms by label. Histograms do not know which rows agree, so the SE takes the two as independent:
 * conservative for paired versions, which agree on most rows.
 */
export function pairedAucBinned(
  production: { negative: Counts; positive: Counts },
  candidate: { negative: Counts; positive: Counts },
): PairedDifference | null {
  const p = binnedAuc(production);
  const c = binnedAuc(candidate);
  if (p === null || c === null) return null;
  return differenceOf(Math.min(p.n, c.n), p.auc, c.auc, Math.sqrt(p.variance + c.variance));
}

/** SE of an average precision by the binomial bound √(AP(1−AP)/positives); for a pair, taken as independent (conservative). */
export function pairedPrAuc(
  production: number,
  candidate: number,
  positives: number,
): PairedDifference | null {
  if (!(positives > 0) || Number.isNaN(production + candidate)) return null;
  const variance = production * (1 - production) + candidate * (1 - candidate);
  return differenceOf(positives, production, candidate, Math.sqrt(variance / positives));
}

/** For each positive the share of negatives it outscores, for each negative the share of positives that outscore it (ties half). */
function placements(
  labels: Uint8Array,
  scores: Float64Array,
): { positive: Float64Array; negative: Float64Array } {
  const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  if (scores.some(Number.isNaN)) throw new RangeError("scores must be numbers");
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const negatives = labels.length - positives;
  const place = new Float64Array(labels.length);
  let yesBelow = 0;
  let noBelow = 0;
  for (let start = 0; start < order.length;) {
    let end = start;
    let yes = 0;
    while (end < order.length && scores[order[end] ?? 0] === scores[order[start] ?? 0])
      yes += labels[order[end++] ?? 0] ?? NaN;
    const no = end - start - yes;
    for (let i = start; i < end; i++) {
      const row = order[i] ?? 0;
      place[row] =
        labels[row] === 1 ? (noBelow + no / 2) / negatives : (positives - yesBelow - yes / 2) / positives;
    }
    yesBelow += yes;
    noBelow += no;
    start = end;
  }
  return {
    positive: place.filter((_, i) => labels[i] === 1),
    negative: place.filter((_, i) => labels[i] === 0),
  };
}

function binnedAuc(by: {
  negative: Counts;
  positive: Counts;
}): { n: number; auc: number; variance: number } | null {
  const positives = totalOf(by.positive);
  const negatives = totalOf(by.negative);
  if (positives < 2 || negatives < 2) return null;
  const sums = { yes: 0, yesSquares: 0, no: 0, noSquares: 0 };
  let noBelow = 0;
  let yesBelow = 0;
  for (let bin = 0; bin < by.positive.length; bin++) {
    const yes = by.positive[bin] ?? NaN;
    const no = by.negative[bin] ?? NaN;
    const beats = (noBelow + no / 2) / negatives;
    const beaten = (positives - yesBelow - yes / 2) / positives;
    sums.yes += yes * beats;
    sums.yesSquares += yes * beats ** 2;
    sums.no += no * beaten;
    sums.noSquares += no * beaten ** 2;
    noBelow += no;
    yesBelow += yes;
  }
  const auc = sums.yes / positives;
  const variance =
    (sums.yesSquares - positives * auc ** 2) / (positives - 1) / positives +
    (sums.noSquares - sums.no ** 2 / negatives) / (negatives - 1) / negatives;
  return { n: positives + negatives, auc, variance: Math.max(0, variance) };
}

function areCells(cells: PairedCells): boolean {
  return cells.every((count) => count >= 0 && Number.isSafeInteger(count));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sampleVariance(values: Float64Array): number {
  const centre = mean(values);
  return values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1);
}
