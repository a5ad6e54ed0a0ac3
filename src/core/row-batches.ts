// Core: rows of columns through the encoder that serves requests, a batch at a time: what a row gets here it gets from the api. A
// row the encoder refuses keeps its place, its violations beside it, and a vector of zeros that nobody may score.
import type { Encoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { Column } from "./encode.ts";
import { compileEncoder, type Violation } from "./row-encoder.ts";

/** Rows as they lie in memory, and the contract and encoding to read them by. */
export type RowSource = {
  readonly rows: number;
  readonly columns: Readonly<Record<string, Column>>;
  readonly contract: FeatureContract;
  readonly encoding: Encoding;
};

export type RowBatch = {
  /** The first row's index and how many rows follow. */
  readonly from: number;
  readonly n: number;
  /** Row by row: codes and the model's vector, as many of each as there are features. */
  readonly codes: Uint8Array;
  readonly vector: Float32Array;
  /** By row index: why the api would have answered 422. */
  readonly invalid: ReadonlyMap<number, readonly Violation[]>;
};

/** Encodes all rows in order, `size` at a time. */
export function* encodeBatches(source: RowSource, size: number): Generator<RowBatch> {
  const encoder = compileEncoder(source.contract, source.encoding);
  const cells = encoder.features.map((feature) => ({ feature, read: reader(source.columns[feature]) }));
  const width = cells.length;
  for (let from = 0; from < source.rows; from += size) {
    const n = Math.min(size, source.rows - from);
    const codes = new Uint8Array(n * width);
    const vector = new Float32Array(n * width);
    const invalid = new Map<number, readonly Violation[]>();
    for (let at = 0; at < n; at++) {
      const row: Record<string, unknown> = { __proto__: null };
      for (const { feature, read } of cells) {
        const value = read(from + at);
        if (value !== null) row[feature] = value;
      }
      const violations = encoder.encode(row, codes, at * width, vector, at * width);
      if (violations === null) continue;
      invalid.set(from + at, violations);
      vector.fill(0, at * width, (at + 1) * width);
    }
    yield { from, n, codes, vector, invalid };
  }
}

/** A cell as a request would carry it: a number, a text, or null where it is missing. */
const reader = (column: Column | undefined): ((row: number) => number | string | null) => {
  if (column === undefined) return () => null;
  if (column instanceof Float64Array)
    return (row) => {
      const value = column[row] ?? NaN;
      return Number.isNaN(value) ? null : value;
    };
  const { dictionary, indices } = column;
  return (row) => dictionary[indices[row] ?? -1] ?? null;
};
