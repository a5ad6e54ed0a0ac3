// Shares of a training: into however many the work is parted, the trees are the same bytes; with weights, with sampled rows and
// features, and with a number of features that fills no whole word. Rows are enough for every kind of job to be parted.
import { expect, test } from "vitest";
import { BOOSTING_DEFAULTS, fitBoosting } from "../../../src/core/training/boosting.ts";
import { performShare, type Crew, type Workspace } from "../../../src/core/training/kernel.ts";
import type { FeatureShape, TrainingMatrix } from "../../../src/core/training/matrix.ts";
import { seeded } from "../../../src/core/training/seeded.ts";

const ROWS = 60_000;
const SHAPES: readonly FeatureShape[] = [
  { feature: "x", kind: "ordered", codes: 246, missing: "nan" },
  { feature: "y", kind: "ordered", codes: 246, missing: "nan" },
  { feature: "colour", kind: "nominal", codes: 12, missing: "code" },
  { feature: "hour", kind: "ordered", codes: 20, missing: "code" },
  { feature: "z", kind: "ordered", codes: 246, missing: "nan" },
];

const world = (weighted: boolean): TrainingMatrix => {
  const draw = seeded(5);
  const codes = SHAPES.map((shape) => Uint8Array.from({ length: ROWS }, () => draw() * shape.codes));
  const [first, , third] = codes;
  const label = Uint8Array.from({ length: ROWS }, (_, row) =>
    draw() < 0.2 + (first?.[row] ?? 0) / 600 + ((third?.[row] ?? 0) % 3 === 0 ? 0.25 : 0) ? 1 : 0,
  );
  const weight = Float32Array.from({ length: ROWS }, () => 0.5 + draw());
  return { rows: ROWS, codes, label, ...(weighted ? { weight } : {}) };
};

/** Does the shares of each job one after the other, the last first: no share may lean on another's. */
const inTurn = (shares: number): Crew => {
  let workspace: Workspace | null = null;
  return {
    shares,
    allocate: (bytes) => new ArrayBuffer(bytes),
    enlist: (given) => {
      workspace = given;
    },
    perform: () => {
      if (workspace !== null)
        for (let share = shares - 1; share >= 0; share--) performShare(workspace, share, shares);
    },
    disband: () => {
      workspace = null;
    },
  };
};

test.each([
  ["plain rows", false, 1],
  ["weights, sampled rows and features", true, 0.7],
] as const)("one, two and three shares grow the same trees: %s", (_, weighted, share) => {
  const matrix = world(weighted);
  const parameters = { ...BOOSTING_DEFAULTS, trees: 6, patience: 0, rowShare: share, featureShare: share };
  const [one, ...others] = [1, 2, 3].map((shares) =>
    fitBoosting({ matrix, shapes: SHAPES, parameters, seed: 9, crew: inTurn(shares) }),
  );
  expect(one?.ensemble.trees.map(({ feature }) => feature.length)).toEqual(Array(6).fill(61));
  for (const other of others) expect(other).toEqual(one);
});
