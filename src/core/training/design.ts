// Core, training: the columns a logistic regression sees: standardised numbers, one column a name, one a missing value.
// Keeps, for each feature, how its columns turn back into one contribution; never fits anything.
import type { ContinuousEncoding, Encoding, FeatureEncoding } from "../../../contracts/encoding.ts";
import { MISSING, OVERFLOW } from "../../../contracts/encoding.ts";
import { continuousCodes, overflowBound } from "../encode.ts";
import type { TrainingMatrix } from "./matrix.ts";

/** Standardised numbers of one feature: from raw values, or by code where only codes are known. Missing is 0. */
export type NumberColumn = {
  readonly feature: number;
  readonly column: number;
  readonly mean: number;
  readonly sd: number;
  readonly standardised: Float64Array;
  /** The value each code stands for; null when raw values are used. */
  readonly byCode: readonly number[] | null;
};

/** Indicator columns of one feature: the column each code switches on, −1 for none. */
export type NameColumns = {
  readonly feature: number;
  readonly columnOf: Int32Array;
  readonly codes: Uint8Array;
};

/** Column 0 is the intercept. */
export type Design = {
  readonly columns: number;
  readonly numbers: readonly NumberColumn[];
  readonly names: readonly NameColumns[];
};

/** Ordinal features with at most this many values get a column a value; longer ones are numbers. */
const ORDINAL_NAMES_MAX = 32;
/** Newton's matrix is columns²: beyond this many columns the rarest names share one. */
const COLUMNS_MAX = 1_500;

/** Lays out the columns for a matrix. */
export const designOf = (matrix: TrainingMatrix, encoding: Encoding): Design => {
  for (let namesMax = 256; ; namesMax = Math.floor(namesMax / 2)) {
    const design = layOut(matrix, encoding, namesMax);
    if (design.columns <= COLUMNS_MAX || namesMax <= 1) return design;
  }
};

/** The value a continuous code stands for: its bin's reference mean; beyond the range, the near end of its level. */
export const valueOfCode = (encoding: ContinuousEncoding, code: number): number => {
  const bins = encoding.edges.length;
  if (code >= OVERFLOW && code < OVERFLOW + bins) return encoding.means[code - OVERFLOW] ?? NaN;
  const [level, side] =
    code < OVERFLOW ? [OVERFLOW - 1 - code, -1 as const] : [code - OVERFLOW - bins, 1 as const];
  if (level === 0) return side < 0 ? encoding.low : encoding.high;
  return overflowBound(encoding, level - 1, side);
};

const layOut = (matrix: TrainingMatrix, encoding: Encoding, namesMax: number): Design => {
  const numbers: NumberColumn[] = [];
  const names: NameColumns[] = [];
  let columns = 1;
  encoding.features.forEach((spec, feature) => {
    const codes = matrix.codes[feature] ?? new Uint8Array(matrix.rows);
    const raw = spec.kind === "continuous" ? (matrix.values?.[feature] ?? null) : null;
    const byCode = valuesByCode(spec);
    let indicated: number[];
    if (byCode === null) indicated = seenCodes(codes);
    else {
      const { mean, sd, standardised } = standardise(raw ?? pick(codes, byCode));
      if (sd > 0)
        numbers.push({
          feature,
          column: columns++,
          mean,
          sd,
          standardised,
          byCode: raw === null ? byCode : null,
        });
      indicated = seenCodes(codes).filter((code) => code === MISSING);
    }
    if (indicated.length === 0) return;
    const columnOf = new Int32Array(256).fill(-1);
    // Codes of names ascend from the most frequent: what lies beyond the first `namesMax` shares the last column.
    indicated.forEach((code, at) => (columnOf[code] = columns + Math.min(at, namesMax - 1)));
    columns += Math.min(indicated.length, namesMax);
    names.push({ feature, columnOf, codes });
  });
  return { columns, numbers, names };
};

/** What each code is worth as a number; null for features whose codes are names. */
const valuesByCode = (spec: FeatureEncoding): number[] | null => {
  switch (spec.kind) {
    case "continuous":
      return Array.from({ length: continuousCodes(spec) }, (_, code) => valueOfCode(spec, code));
    case "ordinal":
      return spec.values.length <= ORDINAL_NAMES_MAX ? null : [...spec.values];
    case "nominal":
      return null;
  }
};

const pick = (codes: Uint8Array, byCode: readonly number[]): Float64Array =>
  Float64Array.from(codes, (code) => byCode[code] ?? NaN);

const seenCodes = (codes: Uint8Array): number[] => {
  const seen = new Uint8Array(256);
  for (const code of codes) seen[code] = 1;
  return [...seen.keys()].filter((code) => seen[code] === 1);
};

/** Mean and standard deviation (ddof 0) of what is there; mean rounded to float32, as the exported graph subtracts it. */
const standardise = (
  values: Float32Array | Float64Array,
): { mean: number; sd: number; standardised: Float64Array } => {
  let n = 0;
  let sum = 0;
  for (const value of values) if (!Number.isNaN(value)) (n++, (sum += value));
  const mean = Math.fround(n === 0 ? 0 : sum / n);
  let squares = 0;
  for (const value of values) if (!Number.isNaN(value)) squares += (value - mean) ** 2;
  const sd = n === 0 ? 0 : Math.sqrt(squares / n);
  const standardised = Float64Array.from(values, (value) =>
    Number.isNaN(value) || sd === 0 ? 0 : (value - mean) / sd,
  );
  return { mean, sd, standardised };
};
