// Core, training: rows as a served model meets them: real numbers where raw values are known, a bin's reference mean where only codes
// are, names of the frozen vocabulary. What a trainer elsewhere learns from is therefore what its model will be fed; nothing finer.
import type { ContinuousEncoding, Encoding } from "../../../contracts/encoding.ts";
import { MISSING } from "../../../contracts/encoding.ts";
import type { FeatureContract } from "../../../contracts/feature-contract.ts";
import { upperEdge, type Column } from "../encode.ts";
import { valueOfCode } from "./design.ts";
import type { TrainingMatrix } from "./matrix.ts";

/** What stands for a nominal value outside the vocabulary wherever text is given: one no vocabulary holds by accident. */
export const OTHER_TEXT = "__other__";

type Rows = {
  readonly contract: FeatureContract;
  readonly encoding: Encoding;
  readonly matrix: TrainingMatrix;
};

/** The features of all rows, by name: numbers (NaN = missing) or text by a dictionary. */
export const servedColumns = ({ contract, encoding, matrix }: Rows): Record<string, Column> =>
  Object.fromEntries(
    encoding.features.map((feature, at): [string, Column] => {
      const codes = matrix.codes[at] ?? new Uint8Array(0);
      switch (feature.kind) {
        case "continuous":
          return [feature.feature, Float64Array.from(numbersOf({ contract, encoding, matrix }, at))];
        case "ordinal":
          return [
            feature.feature,
            Float64Array.from(codes, (code) => (code === MISSING ? NaN : (feature.values[code] ?? NaN))),
          ];
        case "nominal": {
          const other = feature.values.length;
          return [
            feature.feature,
            {
              dictionary: [...feature.values, OTHER_TEXT],
              indices: Uint32Array.from(codes, (code) => (code === MISSING ? NONE : Math.min(code, other))),
            },
          ];
        }
      }
    }),
  );

/** The model's vectors, `size` rows at a time: continuous values as they are, everything else by its code. */
export function* servedVectors(rows: Rows, size: number): Generator<{ vector: Float32Array; n: number }> {
  const { encoding, matrix } = rows;
  const width = encoding.features.length;
  const columns = encoding.features.map((feature, at) =>
    feature.kind === "continuous" ? numbersOf(rows, at) : (matrix.codes[at] ?? new Uint8Array(0)),
  );
  for (let from = 0; from < matrix.rows; from += size) {
    const n = Math.min(size, matrix.rows - from);
    const vector = new Float32Array(n * width);
    columns.forEach((column, at) => {
      for (let row = 0; row < n; row++) vector[row * width + at] = column[from + row] ?? NaN;
    });
    yield { vector, n };
  }
}

const NONE = 0xffff_ffff;

const numbersOf = ({ contract, encoding, matrix }: Rows, at: number): Float32Array => {
  const known = matrix.values?.[at] ?? null;
  if (known !== null) return known;
  const feature = encoding.features[at];
  const codes = matrix.codes[at] ?? new Uint8Array(0);
  if (feature?.kind !== "continuous") return new Float32Array(codes.length).fill(NaN);
  const spec = contract.features[feature.feature];
  const table = Float32Array.from({ length: 256 }, (_, code) => {
    if (code === MISSING || spec?.kind !== "continuous") return NaN;
    const value = Math.min(spec.max, Math.max(spec.min, valueOfCode(feature, code)));
    return spec.integer === true ? wholeIn(feature, code, value) : value;
  });
  return Float32Array.from(codes, (code) => table[code] ?? NaN);
};

/** The whole number nearest to a value that still lies in its bin, where the bin holds one. */
const wholeIn = (feature: ContinuousEncoding, code: number, value: number): number => {
  const above = code === 0 ? -Infinity : Math.floor(upperEdge(feature, code - 1)) + 1;
  const last = Math.floor(upperEdge(feature, code));
  return Math.min(last, Math.max(above, Math.round(value)));
};
