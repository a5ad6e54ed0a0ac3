// Core, training: turns margins into calibrated probabilities: Platt's sigmoid or isotonic steps joined by lines, whichever
// has the smaller log loss out of fold (STATISTICS §7). Both are continuous, so a rounding of the margin never jumps.
import { seeded, shuffled } from "./seeded.ts";

/** `platt`: sigmoid(slope·z + intercept). `isotonic`: lines through (margin, probability) knots, flat outside them. */
export type Calibrator =
  | { readonly kind: "platt"; readonly slope: number; readonly intercept: number }
  | {
      readonly kind: "isotonic";
      readonly margins: readonly number[];
      readonly probabilities: readonly number[];
    };

const FOLDS = 5;
/** Steepest line of an isotonic calibrator, in probability a unit of log-odds: 16 times a logistic curve's steepest. */
const STEEPEST = 4;

/** Fits both calibrators and keeps the one with the smaller out-of-fold log loss; Platt on a tie or where isotonic is flat. */
export const fitCalibrator = (
  margins: Float64Array,
  label: Uint8Array,
  seed: number,
): { calibrator: Calibrator; outOfFold: { platt: number; isotonic: number } } => {
  const outOfFold = { platt: 0, isotonic: 0 };
  const order = shuffled(margins.length, seeded(seed));
  for (let fold = 0; fold < FOLDS; fold++) {
    const inside = order.filter((_, at) => at % FOLDS !== fold);
    const outside = order.filter((_, at) => at % FOLDS === fold);
    const seen = pick(margins, label, inside);
    const judged = pick(margins, label, outside);
    outOfFold.platt += lossOf(fitPlatt(seen.margins, seen.label), judged) / margins.length;
    outOfFold.isotonic += lossOf(fitIsotonic(seen.margins, seen.label), judged) / margins.length;
  }
  const isotonic = fitIsotonic(margins, label);
  const steps = isotonic.kind === "isotonic" && isotonic.margins.length >= 2;
  const calibrator = steps && outOfFold.isotonic < outOfFold.platt ? isotonic : fitPlatt(margins, label);
  return { calibrator, outOfFold };
};

/** The probability a margin is calibrated to. */
export const calibrate = (calibrator: Calibrator, margin: number): number => {
  if (calibrator.kind === "platt")
    return 1 / (1 + Math.exp(-(calibrator.slope * margin + calibrator.intercept)));
  const { margins, probabilities } = calibrator;
  const last = margins.length - 1;
  if (margin <= (margins[0] ?? 0)) return probabilities[0] ?? NaN;
  if (margin >= (margins[last] ?? 0)) return probabilities[last] ?? NaN;
  let low = 0;
  let high = last;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((margins[middle] ?? 0) <= margin) low = middle;
    else high = middle;
  }
  const [x0 = 0, x1 = 0] = [margins[low], margins[high]];
  const [y0 = 0, y1 = 0] = [probabilities[low], probabilities[high]];
  return y0 + ((y1 - y0) * (margin - x0)) / (x1 - x0);
};

/**
 * Pools adjacent violators, then joins the blocks' centres (mean margin, positive rate) by lines. Blocks are pooled too where
 * a line would be steeper than STEEPEST. Rates are clipped to [1/(n+2), 1 − 1/(n+2)]: no probability is ever 0 or 1.
 */
export const fitIsotonic = (margins: Float64Array, label: Uint8Array): Calibrator => {
  const order = Uint32Array.from(margins.keys()).sort(
    (a, b) => (margins[a] ?? 0) - (margins[b] ?? 0) || a - b,
  );
  const single = (row: number): Block => ({ rows: 1, margin: margins[row] ?? 0, positives: label[row] ?? 0 });
  const monotone = pool(Array.from(order, single), (below, above) => rise(below, above) <= 0);
  const blocks = pool(monotone, (below, above) => rise(below, above) > STEEPEST * run(below, above));
  const least = 1 / (margins.length + 2);
  return {
    kind: "isotonic",
    margins: blocks.map(({ margin, rows }) => Math.fround(margin / rows)),
    probabilities: blocks.map(({ positives, rows }) =>
      Math.fround(Math.min(1 - least, Math.max(least, positives / rows))),
    ),
  };
};

type Block = { readonly rows: number; readonly margin: number; readonly positives: number };

const rise = (below: Block, above: Block): number =>
  above.positives / above.rows - below.positives / below.rows;
const run = (below: Block, above: Block): number => above.margin / above.rows - below.margin / below.rows;

/** Goes up once, pooling neighbours for as long as the pair says so. */
const pool = (blocks: readonly Block[], together: (below: Block, above: Block) => boolean): Block[] => {
  const pooled: Block[] = [];
  for (let block of blocks) {
    for (let below = pooled.at(-1); below !== undefined && together(below, block); below = pooled.at(-1)) {
      pooled.pop();
      block = {
        rows: below.rows + block.rows,
        margin: below.margin + block.margin,
        positives: below.positives + block.positives,
      };
    }
    pooled.push(block);
  }
  return pooled;
};

/** Fits the sigmoid by Newton's method on Platt's smoothed targets, (n₊+1)/(n₊+2) and 1/(n₋+2). */
export const fitPlatt = (margins: Float64Array, label: Uint8Array): Calibrator => {
  const positives = label.reduce((sum, y) => sum + y, 0);
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (label.length - positives + 2);
  let [slope, intercept] = [1, 0];
  let here = plattLandscape(margins, label, { slope, intercept, high, low });
  for (let step = 0; step < 100; step++) {
    const { g0, g1, h00, h01, h11 } = here;
    const determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 0)) break;
    const [ds, di] = [(h11 * g0 - h01 * g1) / determinant, (h00 * g1 - h01 * g0) / determinant];
    // What is kept is single precision; a smaller step moves nothing, and the loss only flickers.
    if (Math.abs(ds) <= SINGLE * Math.abs(slope) && Math.abs(di) <= SINGLE * Math.abs(intercept)) break;
    let damping = 1;
    let there = here;
    for (; damping > 1e-9; damping /= 2) {
      const tried = { slope: slope - damping * ds, intercept: intercept - damping * di, high, low };
      there = plattLandscape(margins, label, tried);
      if (there.loss <= here.loss * (1 + FLICKER)) break;
    }
    if (damping <= 1e-9) break;
    [slope, intercept, here] = [slope - damping * ds, intercept - damping * di, there];
  }
  return { kind: "platt", slope: Math.fround(slope), intercept: Math.fround(intercept) };
};

/** A hundredth of single precision's relative step. */
const SINGLE = 2 ** -24 / 100;
/** What rounding does to a sum over rows; a full step is not halved for it, each halving reads all rows. */
const FLICKER = 2 ** -40;

const plattLandscape = (
  margins: Float64Array,
  label: Uint8Array,
  at: { slope: number; intercept: number; high: number; low: number },
) => {
  const sums = { loss: 0, g0: 0, g1: 0, h00: 1e-12, h01: 0, h11: 1e-12 };
  for (let row = 0; row < margins.length; row++) {
    const margin = margins[row] ?? 0;
    const target = label[row] === 1 ? at.high : at.low;
    const z = at.slope * margin + at.intercept;
    const p = 1 / (1 + Math.exp(-z));
    const bend = p * (1 - p);
    sums.loss += Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - target * z;
    sums.g0 += (p - target) * margin;
    sums.g1 += p - target;
    sums.h00 += bend * margin * margin;
    sums.h01 += bend * margin;
    sums.h11 += bend;
  }
  return sums;
};

const pick = (margins: Float64Array, label: Uint8Array, rows: Uint32Array) => ({
  margins: Float64Array.from(rows, (row) => margins[row] ?? NaN),
  label: Uint8Array.from(rows, (row) => label[row] ?? 0),
});

const lossOf = (calibrator: Calibrator, judged: { margins: Float64Array; label: Uint8Array }): number =>
  judged.margins.reduce((sum, margin, row) => {
    // Float64 holds probabilities so near 0 or 1 that a log would be infinite; 2^-52 keeps the sum finite.
    const p = Math.min(1 - 2 ** -52, Math.max(2 ** -52, calibrate(calibrator, margin)));
    return sum - Math.log(judged.label[row] === 1 ? p : 1 - p);
  }, 0);
