// Core, training: logistic regression (STATISTICS §7): L2 on standardised columns, Newton's method to tolerance. The fitted
// form is one contribution a feature, centred on the training rows, so that explaining is reading. Never draws dice.
import type { Encoding } from "../../../contracts/encoding.ts";
import { MISSING } from "../../../contracts/encoding.ts";
import type { Design } from "./design.ts";
import { designOf } from "./design.ts";
import { solvePositive } from "./linear-solve.ts";
import type { TrainingMatrix } from "./matrix.ts";
import { onGrid } from "./tree.ts";

export type LogisticParameters = {
  /** Penalty ½·l2·|w|² beside the summed log loss (scikit-learn's 1/C); the intercept is free. */
  readonly l2: number;
  /** Largest mean gradient at which the fit counts as converged. */
  readonly tolerance: number;
  readonly steps: number;
};

export const LOGISTIC_DEFAULTS: LogisticParameters = { l2: 1, tolerance: 1e-8, steps: 50 };

/** One feature's contribution to the margin: `slope`·(x − mean) on raw values, or a table by code. */
export type Term =
  | { readonly slope: number; readonly mean: number; readonly missing: number }
  | { readonly table: readonly number[] };

/** The margin (log-odds) of a row is the intercept plus one term a feature. */
export type LinearMargin = { readonly intercept: number; readonly terms: readonly Term[] };

/** Fits the regression; `spread[f]` is the standard deviation of feature f's contribution over the training rows. */
export const fitLogistic = (
  matrix: TrainingMatrix,
  encoding: Encoding,
  parameters: LogisticParameters,
): { linear: LinearMargin; spread: number[]; steps: number } => {
  const design = designOf(matrix, encoding);
  const { weights, steps } = newton(design, matrix, parameters);
  const raw = encoding.features.map((_, feature) => termOf(feature, design, weights));
  let intercept = weights[0] ?? 0;
  const spread: number[] = [];
  const terms = raw.map((term, feature): Term => {
    const { mean, sd } = momentsOf(termColumn(term, feature, matrix));
    spread.push(sd);
    if ("slope" in term) return term; // already centred on its values' mean
    intercept += mean;
    return { table: term.table.map((value) => onGrid(value - mean)) };
  });
  return { linear: { intercept: onGrid(intercept), terms }, spread, steps };
};

/** Margins (log-odds) of rows under a fitted regression. */
export const marginsOfLinear = (linear: LinearMargin, matrix: TrainingMatrix): Float64Array => {
  const margins = new Float64Array(matrix.rows).fill(linear.intercept);
  linear.terms.forEach((term, feature) => {
    const column = termColumn(term, feature, matrix);
    for (let row = 0; row < margins.length; row++) margins[row] = (margins[row] ?? 0) + (column[row] ?? 0);
  });
  return margins;
};

/** One row's contribution by a feature, from its code and, for slopes, its raw value. */
export const contribution = (term: Term, code: number, value: number | null): number => {
  if ("table" in term) return term.table[code] ?? 0;
  if (code === MISSING || value === null || Number.isNaN(value)) return term.missing;
  return term.slope * (Math.fround(value) - term.mean);
};

const termColumn = (term: Term, feature: number, matrix: TrainingMatrix): Float64Array => {
  const codes = matrix.codes[feature] ?? new Uint8Array(matrix.rows);
  const values = matrix.values?.[feature] ?? null;
  if ("slope" in term && values === null)
    throw new TypeError(`feature ${feature}: a slope on raw values cannot be read off codes`);
  return Float64Array.from(codes, (code, row) => contribution(term, code, values?.[row] ?? null));
};

const termOf = (feature: number, design: Design, weights: Float64Array): Term => {
  const number = design.numbers.find((column) => column.feature === feature);
  const names = design.names.find((columns) => columns.feature === feature);
  const named = (code: number): number => weights[names?.columnOf[code] ?? -1] ?? 0;
  if (number === undefined) return { table: Array.from({ length: 256 }, (_, code) => named(code)) };
  const slope = (weights[number.column] ?? 0) / number.sd;
  const byCode = number.byCode;
  if (byCode === null)
    return { slope: Math.fround(slope), mean: number.mean, missing: onGrid(named(MISSING)) };
  const worth = (code: number): number => {
    const value = byCode[code];
    return value === undefined ? named(code) : slope * (value - number.mean);
  };
  return { table: Array.from({ length: 256 }, (_, code) => worth(code)) };
};

const momentsOf = (column: Float64Array): { mean: number; sd: number } => {
  const mean = column.reduce((sum, value) => sum + value, 0) / column.length;
  const squares = column.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / column.length) };
};

/** Newton steps, halved while they would raise the loss, until the mean gradient is below the tolerance. */
const newton = (
  design: Design,
  matrix: TrainingMatrix,
  parameters: LogisticParameters,
): { weights: Float64Array; steps: number } => {
  let weights: Float64Array = new Float64Array(design.columns);
  let here = landscape(design, matrix, weights, parameters.l2);
  for (let step = 1; step <= parameters.steps; step++) {
    const steepest = here.gradient.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    if (steepest / matrix.rows <= parameters.tolerance) return { weights, steps: step - 1 };
    const direction = solvePositive(here.curvature, here.gradient);
    if (direction === null) return { weights, steps: step };
    for (let damping = 1; ; damping /= 2) {
      const tried = weights.map((w, at) => w - damping * (direction[at] ?? 0));
      const there = landscape(design, matrix, tried, parameters.l2);
      // Below 2^-30 of a Newton step only rounding is left to gain.
      if (damping < 2 ** -30) return { weights, steps: step };
      if (!(there.loss <= here.loss)) continue;
      [weights, here] = [tried, there];
      break;
    }
  }
  return { weights, steps: parameters.steps };
};

/** Loss, gradient and curvature (lower triangle) at some weights. */
const landscape = (design: Design, matrix: TrainingMatrix, weights: Float64Array, l2: number) => {
  const { columns, numbers, names } = design;
  const gradient = new Float64Array(columns);
  const curvature = new Float64Array(columns * columns);
  let loss = 0;
  // One row's non-zero columns and what stands in them; the intercept first, always 1.
  const at = new Int32Array(1 + numbers.length + names.length);
  const x = new Float64Array(at.length).fill(1);
  numbers.forEach((number, k) => (at[k + 1] = number.column));
  for (let row = 0; row < matrix.rows; row++) {
    let used = 1;
    for (const number of numbers) x[used++] = number.standardised[row] ?? 0;
    for (const { columnOf, codes } of names) {
      const column = columnOf[codes[row] ?? 0] ?? -1;
      if (column < 0) continue;
      at[used] = column;
      x[used++] = 1;
    }
    let z = 0;
    for (let k = 0; k < used; k++) z += (weights[at[k] ?? 0] ?? 0) * (x[k] ?? 0);
    const heavy = matrix.weight?.[row] ?? 1;
    const y = matrix.label[row] ?? 0;
    const p = 1 / (1 + Math.exp(-z));
    loss += heavy * (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - y * z);
    const slope = heavy * (p - y);
    const bend = heavy * p * (1 - p);
    for (let k = 0; k < used; k++) {
      const column = at[k] ?? 0;
      const value = x[k] ?? 0;
      gradient[column] = (gradient[column] ?? 0) + slope * value;
      // Columns ascend within a kind only: numbers may lie behind names of earlier features, so the triangle is chosen here.
      for (let j = 0; j <= k; j++) {
        const other = at[j] ?? 0;
        const cell = column >= other ? column * columns + other : other * columns + column;
        curvature[cell] = (curvature[cell] ?? 0) + bend * value * (x[j] ?? 0);
      }
    }
  }
  for (let column = 1; column < columns; column++) {
    const weight = weights[column] ?? 0;
    loss += 0.5 * l2 * weight * weight;
    gradient[column] = (gradient[column] ?? 0) + l2 * weight;
    curvature[column * columns + column] = (curvature[column * columns + column] ?? 0) + l2;
  }
  return { loss, gradient, curvature };
};
