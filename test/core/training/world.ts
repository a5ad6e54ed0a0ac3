// Test world: a seeded table with every kind of feature, missing values, unseen names and values off the reference range,
// encoded by the real encoding. Its labels follow a known law, so that a learner's quality can be judged.
import type { Encoding } from "../../../contracts/encoding.ts";
import { FeatureContract } from "../../../contracts/feature-contract.ts";
import { encodeFrozen, freezeEncoding } from "../../../src/core/encode.ts";
import type { Column } from "../../../src/core/encode.ts";
import type { TrainingMatrix } from "../../../src/core/training/matrix.ts";
import { seeded } from "../../../src/core/training/seeded.ts";

const CITIES = 40;

export const contract = FeatureContract.parse({
  name: "world",
  version: "1.0.0",
  label: { name: "y", positive: 1, negative: 0 },
  event_time: null,
  features: {
    amount: { kind: "continuous", min: -1e9, max: 1e9, missing: "allow" },
    age: { kind: "continuous", min: 0, max: 200 },
    constant: { kind: "continuous", min: 0, max: 10 },
    grade: { kind: "ordinal", values: [1, 2, 3, 4, 5], missing: "allow" },
    month: { kind: "ordinal", values: Array.from({ length: 60 }, (_, i) => i) },
    colour: { kind: "nominal", values: "frozen", unseen: "other" },
    city: { kind: "nominal", values: "frozen", unseen: "other", missing: "allow" },
  },
});

const gauss = (draw: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());

/** Draws a table; `shift` moves it off the reference range, as traffic does years later. */
const drawTable = (rows: number, seed: number, shift: number) => {
  const draw = seeded(seed);
  const amount = new Float64Array(rows);
  const age = new Float64Array(rows);
  const grade = new Float64Array(rows);
  const month = new Float64Array(rows);
  const colour = new Uint16Array(rows);
  const city = new Uint16Array(rows);
  const label = new Uint8Array(rows);
  const law = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const rich = Math.exp(gauss(draw) * (1 + shift)) * 1000;
    amount[row] = draw() < 0.1 ? NaN : rich;
    age[row] = Math.round(40 + 15 * gauss(draw) + 60 * shift);
    grade[row] = draw() < 0.05 ? NaN : 1 + Math.floor(draw() * 5);
    month[row] = Math.floor(draw() * 60);
    colour[row] = Math.floor(draw() * (shift > 0 ? 4 : 3));
    city[row] = draw() < 0.03 ? 65535 : Math.floor(CITIES * draw() ** 2);
    const z =
      0.8 * Math.log(rich / 1000) +
      (Number.isNaN(amount[row] ?? 0) ? 1.2 : 0) -
      0.04 * ((age[row] ?? 0) - 40) +
      0.4 * ((grade[row] ?? 0) || 3) +
      Math.sin((city[row] ?? 0) * 2) +
      (colour[row] === 1 ? 0.9 : 0) -
      1.5;
    law[row] = 1 / (1 + Math.exp(-z));
    label[row] = draw() < (law[row] ?? NaN) ? 1 : 0;
  }
  const columns: Record<string, Column> = {
    amount,
    age,
    constant: new Float64Array(rows).fill(7),
    grade,
    month,
    colour: { dictionary: ["red", "green", "blue", "violet"], indices: colour },
    city: { dictionary: Array.from({ length: CITIES }, (_, i) => `city-${i}`), indices: city },
  };
  return { columns, label, law };
};

/** The world's encoding, its training rows, and later rows that leave the reference range. */
export const world = (
  rows: number,
  seed = 1,
): { encoding: Encoding; train: TrainingMatrix; law: Float64Array; later: TrainingMatrix } => {
  const reference = drawTable(rows, seed, 0);
  const encoding = freezeEncoding({
    contract,
    contractDigest: "none",
    dataset: "none",
    columns: reference.columns,
  });
  return {
    encoding,
    /** The probability each training row's label was drawn with. */
    law: reference.law,
    train: { rows, ...encodeFrozen(reference, encoding) },
    later: { rows, ...encodeFrozen(drawTable(rows, seed + 1, 0.5), encoding) },
  };
};

/** What the exported graph is fed: raw values of continuous features, codes of the others, row by row. */
export const vectorsOf = (matrix: TrainingMatrix): Float32Array => {
  const width = matrix.codes.length;
  const vectors = new Float32Array(matrix.rows * width);
  matrix.codes.forEach((codes, feature) => {
    const values = matrix.values?.[feature] ?? null;
    for (let row = 0; row < matrix.rows; row++)
      vectors[row * width + feature] = values === null ? (codes[row] ?? 0) : (values[row] ?? NaN);
  });
  return vectors;
};

/** The same rows as a log of codes keeps them: without raw values. */
export const onlyCodes = ({ rows, codes, label }: TrainingMatrix): TrainingMatrix => ({ rows, codes, label });
