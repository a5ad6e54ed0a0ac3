// Core, training: the training matrix, rows of codes lying column by column, and what a column's codes mean to a learner.
// Promises that taking rows never changes their order; never looks at raw data, files or clocks.
import type { Encoding } from "../../../contracts/encoding.ts";
import { continuousCodes } from "../encode.ts";

export type TrainingMatrix = {
  readonly rows: number;
  /** One column a feature in contract order, each `rows` long (contracts/encoding.ts says what a code means). */
  readonly codes: readonly Uint8Array[];
  /** 1 positive, 0 negative. */
  readonly label: Uint8Array;
  /** A row's weight, positive; absent: every row weighs 1. */
  readonly weight?: Float32Array;
  /** Rows of one block (a day) depend on one another: what is judged on some of a block is not unseen by a fit on the others. */
  readonly block?: Uint32Array;
  /** Log-odds of each row under the ensemble that growth goes on from, where they were worked out before; not kept by a join. */
  readonly margins?: Float64Array;
  /** Raw float32 values of continuous features (NaN = missing) where they are known; null or absent: only codes are. */
  readonly values?: readonly (Float32Array | null)[];
};

/** `ordered`: neighbouring codes are neighbouring values. `nominal`: codes are names, missing and other among them. */
export type FeatureShape = {
  readonly feature: string;
  readonly kind: "ordered" | "nominal";
  /** Codes in use beside MISSING (and OTHER). */
  readonly codes: number;
  /** `nan`: a served model sees missing as NaN. `code`: as the number 255, above every other code. */
  readonly missing: "nan" | "code";
};

/** Takes the given rows, in the given order. */
export const takeRows = (matrix: TrainingMatrix, ids: Uint32Array): TrainingMatrix => ({
  rows: ids.length,
  codes: matrix.codes.map((column) => takeBytes(column, ids)),
  label: takeBytes(matrix.label, ids),
  ...(matrix.weight === undefined ? {} : { weight: takeFloats(matrix.weight, ids) }),
  ...(matrix.block === undefined ? {} : { block: ids.map((id) => matrix.block?.[id] ?? 0) }),
  ...(matrix.margins === undefined
    ? {}
    : { margins: Float64Array.from(ids, (id) => matrix.margins?.[id] ?? NaN) }),
  ...(matrix.values === undefined
    ? {}
    : { values: matrix.values.map((column) => (column === null ? null : takeFloats(column, ids))) }),
});

/** Puts the rows of `second` behind those of `first`; raw values and blocks stay only where both have them. */
export const joinRows = (first: TrainingMatrix, second: TrainingMatrix): TrainingMatrix => {
  const rows = first.rows + second.rows;
  const weighted = first.weight !== undefined || second.weight !== undefined;
  const ones = (count: number): Float32Array => new Float32Array(count).fill(1);
  return {
    rows,
    codes: first.codes.map((column, at) => joinBytes(column, second.codes[at] ?? new Uint8Array(0))),
    label: joinBytes(first.label, second.label),
    ...(weighted
      ? { weight: joinFloats(first.weight ?? ones(first.rows), second.weight ?? ones(second.rows)) }
      : {}),
    ...(first.block === undefined || second.block === undefined
      ? {}
      : { block: Uint32Array.from([...first.block, ...second.block]) }),
    ...(first.values === undefined || second.values === undefined
      ? {}
      : {
          values: first.values.map((column, at) => {
            const other = second.values?.[at] ?? null;
            return column === null || other === null ? null : joinFloats(column, other);
          }),
        }),
  };
};

/** Says what each feature's codes mean to a learner. */
export const shapesOf = (encoding: Encoding): FeatureShape[] =>
  encoding.features.map((feature) => {
    switch (feature.kind) {
      case "continuous":
        return { feature: feature.feature, kind: "ordered", codes: continuousCodes(feature), missing: "nan" };
      case "ordinal":
        return { feature: feature.feature, kind: "ordered", codes: feature.values.length, missing: "code" };
      case "nominal":
        return { feature: feature.feature, kind: "nominal", codes: feature.values.length, missing: "code" };
    }
  });

const takeBytes = (column: Uint8Array, ids: Uint32Array): Uint8Array => {
  const taken = new Uint8Array(ids.length);
  for (let i = 0; i < ids.length; i++) taken[i] = column[ids[i] ?? 0] ?? 0;
  return taken;
};

const takeFloats = (column: Float32Array, ids: Uint32Array): Float32Array => {
  const taken = new Float32Array(ids.length);
  for (let i = 0; i < ids.length; i++) taken[i] = column[ids[i] ?? 0] ?? NaN;
  return taken;
};

const joinBytes = (first: Uint8Array, second: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
};

const joinFloats = (first: Float32Array, second: Float32Array): Float32Array => {
  const joined = new Float32Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
};
