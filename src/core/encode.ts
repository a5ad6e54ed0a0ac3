// Core: how each feature becomes one byte. Freezes bins, edges and vocabularies once on raw reference data (STATISTICS §1,
// contracts/encoding.ts) and turns values and whole columns into codes. Never splits equal values, never gives NaN a bin.
import type { ContinuousEncoding, Encoding, FeatureEncoding } from "../../contracts/encoding.ts";
import { MISSING, OTHER, OVERFLOW } from "../../contracts/encoding.ts";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { parseVersion } from "./version.ts";

/** A column as it lies in memory: numbers (NaN = missing), or text by dictionary (the index type's maximum = missing). */
export type Column = Float64Array | TextColumn;
export type TextColumn = {
  readonly dictionary: readonly string[];
  readonly indices: Uint16Array | Uint32Array;
};

const INNER_MAX = 230;
const VOCABULARY_MAX = 240;

/** Freezes the encoding of a contract on the columns of a frozen dataset. */
export const freezeEncoding = (input: {
  contract: FeatureContract;
  contractDigest: string;
  dataset: string;
  columns: Readonly<Record<string, Column>>;
}): Encoding => ({
  v: 1,
  model: input.contract.name,
  contract_major: parseVersion(input.contract.version)?.[0] ?? 0,
  contract_digest: input.contractDigest,
  dataset: input.dataset,
  features: Object.entries(input.contract.features).map(([feature, spec]) =>
    freezeFeature(feature, spec, columnOf(input.columns, feature)),
  ),
});

/** The digest events, histograms and bundles name an encoding by. */
export const encodingDigest = (encoding: Encoding): string => sha256Hex(canonicalJson(encoding));

/**
 * Gives the code of a continuous value: its inner bin, or the overflow level it lies in. NaN means missing and gets MISSING.
 * The value is rounded to float32 first, as models see it, so a value and its code agree for every reader.
 */
export const encodeContinuous = (encoding: ContinuousEncoding, value: number): number => {
  const v = Math.fround(value);
  if (v < encoding.low) return OVERFLOW - 1 - overflowLevel(encoding, v, -1);
  if (v > encoding.high) return OVERFLOW + encoding.edges.length + overflowLevel(encoding, v, 1);
  if (Number.isNaN(v)) return MISSING;
  const edges = encoding.edges;
  let low = 0;
  let high = edges.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (v <= (edges[middle] ?? Infinity)) high = middle;
    else low = middle + 1;
  }
  return OVERFLOW + low;
};

/**
 * The largest float32 whose code is at most `code`, so that "code ≤ c" is exactly "value ≤ upperEdge(c)" on float32 values;
 * Infinity for the last code.
 */
export const upperEdge = (encoding: ContinuousEncoding, code: number): number => {
  const bins = encoding.edges.length;
  if (code < OVERFLOW - 1) return nextDown(overflowBound(encoding, OVERFLOW - 2 - code, -1));
  if (code === OVERFLOW - 1) return nextDown(encoding.low);
  if (code < OVERFLOW + bins) return encoding.edges[code - OVERFLOW] ?? encoding.high;
  const level = code - OVERFLOW - bins;
  return level < OVERFLOW - 1 ? overflowBound(encoding, level, 1) : Infinity;
};

/** Number of codes a continuous feature uses besides MISSING. */
export const continuousCodes = (encoding: ContinuousEncoding): number => encoding.edges.length + 2 * OVERFLOW;

/** The farthest float32 overflow level k reaches on a side: edge ± range·2^(k−4). */
export const overflowBound = (encoding: ContinuousEncoding, level: number, side: -1 | 1): number => {
  const reach = (encoding.high - encoding.low) * 2 ** (level - 4);
  return Math.fround(side < 0 ? encoding.low - reach : encoding.high + reach);
};

/** Encodes whole columns: codes for everyone, float32 values beside them for continuous features (NaN = missing). */
export const encodeFrozen = (
  frozen: { readonly columns: Readonly<Record<string, Column>>; readonly label: Uint8Array },
  encoding: Encoding,
): { codes: Uint8Array[]; values: (Float32Array | null)[]; label: Uint8Array } => {
  const encoded = encoding.features.map((feature) =>
    encodeColumn(feature, columnOf(frozen.columns, feature.feature)),
  );
  return { codes: encoded.map((e) => e.codes), values: encoded.map((e) => e.values), label: frozen.label };
};

const encodeColumn = (
  feature: FeatureEncoding,
  column: Column,
): { codes: Uint8Array; values: Float32Array | null } => {
  switch (feature.kind) {
    case "continuous": {
      const numbers = numbersOf(feature.feature, column);
      return {
        codes: codesOf(numbers, (v) => encodeContinuous(feature, v)),
        values: new Float32Array(numbers),
      };
    }
    case "ordinal": {
      const codes = new Map(feature.values.map((value, code) => [value, code]));
      return {
        codes: codesOf(numbersOf(feature.feature, column), (v) =>
          Number.isNaN(v) ? MISSING : ordinalCode(feature.feature, codes, v),
        ),
        values: null,
      };
    }
    case "nominal": {
      const { dictionary, indices } = textOf(feature.feature, column);
      const codes = new Map(feature.values.map((value, code) => [value, code]));
      const byIndex = dictionary.map((value) => codes.get(value) ?? OTHER);
      return { codes: codesOf(indices, (index) => byIndex[index] ?? MISSING), values: null };
    }
  }
};

/** A plain loop: `Uint8Array.from` with a function walks an iterator, ten times slower on millions of rows. */
const codesOf = (
  cells: Float64Array | Uint16Array | Uint32Array,
  code: (cell: number) => number,
): Uint8Array => {
  const codes = new Uint8Array(cells.length);
  for (let row = 0; row < cells.length; row++) codes[row] = code(cells[row] ?? NaN);
  return codes;
};

const ordinalCode = (feature: string, codes: ReadonlyMap<number, number>, value: number): number => {
  const code = codes.get(value);
  if (code === undefined) throw new RangeError(`${feature}: a value outside the encoding's ordinal values`);
  return code;
};

const freezeFeature = (feature: string, spec: FeatureSpec, column: Column): FeatureEncoding => {
  switch (spec.kind) {
    case "continuous":
      return freezeContinuous(feature, numbersOf(feature, column));
    case "ordinal": {
      const { mean, sd } = moments(feature, numbersOf(feature, column));
      return { feature, kind: "ordinal", values: spec.values, cycle: spec.cycle ?? null, mean, sd };
    }
    case "nominal":
      return { feature, kind: "nominal", values: vocabulary(feature, spec.values, textOf(feature, column)) };
  }
};

const freezeContinuous = (feature: string, column: Float64Array): ContinuousEncoding => {
  const sorted = inOrder(column);
  const { mean, sd } = moments(feature, sorted);
  const low = sorted[0] ?? 0;
  const edges = innerEdges(sorted);
  return {
    feature,
    kind: "continuous",
    low: low + 0, // −0 would not survive canonical JSON
    high: (edges.at(-1) ?? low) + 0,
    edges: edges.map((edge) => edge + 0),
    means: binMeans(sorted, edges),
    mean,
    sd,
  };
};

/** The values that are there, as float32 and ascending; a column that is in order already is not sorted again. */
const inOrder = (column: Float64Array): Float32Array => {
  const values = new Float32Array(column.length);
  let n = 0;
  let ascending = true;
  for (let row = 0; row < column.length; row++) {
    const value = column[row] ?? NaN;
    if (Number.isNaN(value)) continue;
    values[n] = value;
    if (n > 0 && (values[n - 1] ?? 0) > (values[n] ?? 0)) ascending = false;
    n++;
  }
  const there = values.subarray(0, n);
  return ascending ? there : there.sort();
};

/** Each distinct value its own bin where they fit; otherwise the values at the 1/230 … 230/230 quantiles, each once. */
const innerEdges = (sorted: Float32Array): number[] => {
  const distinct: number[] = [];
  for (const value of sorted) {
    if (value === distinct.at(-1)) continue;
    if (distinct.length === INNER_MAX) return quantileEdges(sorted);
    distinct.push(value);
  }
  return distinct;
};

const quantileEdges = (sorted: Float32Array): number[] => {
  const edges = new Set<number>();
  for (let bin = 1; bin <= INNER_MAX; bin++) {
    const value = sorted[Math.ceil((bin * sorted.length) / INNER_MAX) - 1];
    if (value !== undefined) edges.add(value);
  }
  return [...edges];
};

const binMeans = (sorted: Float32Array, edges: readonly number[]): number[] => {
  let at = 0;
  return edges.map((edge) => {
    const from = at;
    let sum = 0;
    for (; at < sorted.length && (sorted[at] ?? Infinity) <= edge; at++) sum += sorted[at] ?? 0;
    return Math.fround(sum / (at - from)) + 0;
  });
};

/** Mean and standard deviation (ddof 0) of the values that are there, two passes, rounded to float32 like every number here. */
const moments = (feature: string, values: Float64Array | Float32Array): { mean: number; sd: number } => {
  let n = 0;
  let sum = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? NaN;
    if (!Number.isNaN(value)) (n++, (sum += value));
  }
  if (n === 0) throw new RangeError(`${feature}: no reference value to freeze an encoding on`);
  const mean = sum / n;
  let squares = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? NaN;
    if (!Number.isNaN(value)) squares += (value - mean) * (value - mean);
  }
  return { mean: Math.fround(mean) + 0, sd: Math.fround(Math.sqrt(squares / n)) };
};

/** The contract's own list, or the most frequent values; most frequent first, ties by code unit order. */
const vocabulary = (feature: string, listed: "frozen" | readonly string[], column: TextColumn): string[] => {
  const counts = new Map<string, number>(listed === "frozen" ? [] : listed.map((value) => [value, 0]));
  const perIndex = new Float64Array(column.dictionary.length);
  for (const index of column.indices)
    if (index < perIndex.length) perIndex[index] = (perIndex[index] ?? 0) + 1;
  column.dictionary.forEach((value, index) => {
    const count = perIndex[index] ?? 0;
    if (listed === "frozen" ? count > 0 : counts.has(value)) counts.set(value, count);
  });
  if (counts.size === 0) throw new RangeError(`${feature}: no reference value to freeze a vocabulary on`);
  return [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, VOCABULARY_MAX)
    .map(([value]) => value);
};

const nextDown = (value: number): number => {
  const single = new Float32Array([value]);
  const bits = new Int32Array(single.buffer);
  const now = bits[0] ?? 0;
  // Zero steps to the smallest negative; above it the bit pattern falls with the value, below it rises.
  bits[0] = value === 0 ? -0x7fffffff : now > 0 ? now - 1 : now + 1;
  return single[0] ?? value;
};

const overflowLevel = (encoding: ContinuousEncoding, v: number, side: -1 | 1): number => {
  for (let level = 0; level < OVERFLOW - 1; level++) {
    const bound = overflowBound(encoding, level, side);
    if (side < 0 ? v >= bound : v <= bound) return level;
  }
  return OVERFLOW - 1;
};

const columnOf = (columns: Readonly<Record<string, Column>>, feature: string): Column => {
  const column = Object.hasOwn(columns, feature) ? columns[feature] : undefined;
  if (column === undefined) throw new RangeError(`${feature}: no such column`);
  return column;
};

const numbersOf = (feature: string, column: Column): Float64Array => {
  if (column instanceof Float64Array) return column;
  throw new TypeError(`${feature}: expected a column of numbers`);
};

const textOf = (feature: string, column: Column): TextColumn => {
  if (!(column instanceof Float64Array)) return column;
  throw new TypeError(`${feature}: expected a column of text`);
};
