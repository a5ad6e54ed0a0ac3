// What trees start from and how many there are: an earlier model is grown on where that is better and left where it is not, days are
// never parted between what is fitted and what judges, and no part of a continued model has seen the rows it is judged on.
import { describe, expect, it } from "vitest";
import {
  BOOSTING_DEFAULTS,
  fitBoosting,
  logLossOf,
  marginsOfTrees,
} from "../../../src/core/training/boosting.ts";
import { ensembleOf, explainerOf } from "../../../src/core/training/explain.ts";
import { fitModel, marginsOf, type FitInput, type Fitted } from "../../../src/core/training/fit-model.ts";
import { joinRows, shapesOf, takeRows, type TrainingMatrix } from "../../../src/core/training/matrix.ts";
import { replayTrees } from "../../../src/core/training/replay-trees.ts";
import { seeded } from "../../../src/core/training/seeded.ts";
import { startFrom } from "../../../src/core/training/start.ts";
import { onlyCodes, world } from "./world.ts";

const ROWS = 6000;
const DAYS = 20;
const { encoding, train } = world(ROWS);
const codes = onlyCodes(train);
const shapes = shapesOf(encoding);
const ids = (from: number, to: number): Uint32Array =>
  Uint32Array.from({ length: to - from }, (_, i) => from + i);
/** The first 4,000 rows taught the parent; 800 later ones are few, parted into days. */
const parent = fitBoosting({
  matrix: takeRows(codes, ids(0, 4000)),
  shapes,
  parameters: { ...BOOSTING_DEFAULTS, trees: 60 },
  seed: 1,
}).ensemble;
const few: TrainingMatrix = {
  ...takeRows(codes, ids(4000, 4800)),
  block: Uint32Array.from({ length: 800 }, (_, row) => Math.floor((row * DAYS) / 800)),
};
const unseen = takeRows(codes, ids(5000, ROWS));

const inputOf = (rows: TrainingMatrix, more: Partial<FitInput> = {}): FitInput => ({
  encoding,
  family: "gradient-boosted-trees",
  parameters: {},
  seed: 7,
  search: 1,
  fit: takeRows(rows, ids(0, 600)),
  stop: takeRows(rows, ids(600, 700)),
  calibrate: takeRows(rows, ids(700, 800)),
  ...more,
});

const fit = (input: FitInput): Fitted & { model: { family: "gradient-boosted-trees" } } => {
  const fitted = fitModel(input);
  if ("refused" in fitted || fitted.model.family !== "gradient-boosted-trees") throw new Error("no trees");
  return { ...fitted, model: fitted.model };
};

describe("going on from an earlier ensemble", () => {
  const fresh = fit(inputOf(few));
  const continued = fit(inputOf(few, { start: parent }));

  it("keeps its trees as they are, first, and is better on unseen rows than beginning anew on few", () => {
    const { ensemble } = continued.model;
    expect(ensemble.trees.slice(0, 60)).toEqual(parent.trees);
    expect(continued.parameters).toMatchObject({ start_trees: 60, trees: ensemble.trees.length });
    expect(fresh.parameters["start_trees"]).toBe(0);
    const lossOf = ({ model }: Fitted): number => logLossOf(marginsOf(model, unseen), unseen);
    expect(lossOf(continued)).toBeLessThan(lossOf(fresh) - 0.01);
  });

  it("begins anew where the world has turned round", () => {
    const turned = { ...few, label: few.label.map((label) => 1 - label) };
    const { parameters, model } = fit(inputOf(turned, { start: parent }));
    expect(parameters["start_trees"]).toBe(0);
    expect(model.ensemble).toEqual(fit(inputOf(turned)).model.ensemble);
  });

  it("gives the same bytes for the same seed, and weighs old and new trees together", () => {
    expect(JSON.stringify(fit(inputOf(few, { start: parent })))).toBe(JSON.stringify(continued));
    const shares = Object.values(continued.importance);
    expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    expect(continued.importance["constant"]).toBe(0);
  });

  it("adds no tree where none helps: the parent, calibrated anew", () => {
    const noise = { ...few, label: few.label.map((_, row) => (row % 2 === 0 ? 1 : 0)) };
    const base = { base: 0, trees: [] };
    const { parameters } = fit(inputOf(noise, { start: base, parameters: { boosting: { minRows: 400 } } }));
    expect(parameters["trees"]).toBe(0);
  });

  it("reads the parent's trees out of its explainer, bit by bit", () => {
    const explainer = explainerOf(continued.model);
    if (explainer.kind !== "trees") throw new Error("no trees");
    expect(ensembleOf(explainer)).toEqual(continued.model.ensemble);
  });
});

describe("the number of trees", () => {
  /** Every day has its own luck, and `month` tells the day: an honest judge sees that knowing the day helps on no other day. */
  const draw = seeded(3);
  const luck = Array.from({ length: DAYS }, () => (draw() < 0.5 ? 0.15 : 0.85));
  const day = Uint32Array.from({ length: 2000 }, (_, row) => row % DAYS);
  const lucky: TrainingMatrix = {
    rows: 2000,
    codes: takeRows(codes, ids(0, 2000)).codes.map((column, at) =>
      shapes[at]?.feature === "month" ? Uint8Array.from(day) : column,
    ),
    label: Uint8Array.from(day, (of) => (draw() < (luck[of] ?? 0) ? 1 : 0)),
  };
  const slices = (rows: TrainingMatrix): FitInput => ({
    ...inputOf(rows),
    fit: takeRows(rows, ids(0, 1400)),
    stop: takeRows(rows, ids(1400, 1700)),
    calibrate: takeRows(rows, ids(1700, 2000)),
  });

  it("is judged on days the fit has not seen", () => {
    const rows = fit(slices(lucky));
    const days = fit(slices({ ...lucky, block: day }));
    expect(rows.parameters["trees"]).toBeGreaterThan(10);
    expect(days.parameters["trees"]).toBeLessThan(5);
    expect(Number(days.parameters["stop_log_loss"])).toBeGreaterThan(
      Number(rows.parameters["stop_log_loss"]),
    );
  });

  it("is all of them where patience is off", () => {
    const parameters = { boosting: { trees: 7, patience: 0 } };
    const fitted = fit({ ...slices({ ...lucky, block: day }), parameters });
    expect(fitted.parameters["trees"]).toBe(7);
    expect(Number.isFinite(fitted.parameters["stop_log_loss"])).toBe(true);
  });
});

describe("replayed trees", () => {
  it("give the margins of the trees and gain what growth gained, on the rows it grew on", () => {
    const matrix = joinRows(few, unseen);
    const { ensemble, gains } = fitBoosting({
      matrix,
      shapes,
      parameters: { ...BOOSTING_DEFAULTS, trees: 5 },
      seed: 1,
    });
    const { margins, gains: gainsAt } = replayTrees(ensemble, matrix);
    const replayed = gainsAt(BOOSTING_DEFAULTS.l2);
    shapes.forEach(({ kind }, feature) => {
      const gained = gains[feature] ?? NaN;
      // Names are cut with an extra penalty at growth.
      if (kind === "ordered")
        expect(Math.abs((replayed[feature] ?? NaN) - gained)).toBeLessThan(0.01 * gained + 0.01);
    });
    expect(margins).toEqual(marginsOfTrees(ensemble, matrix));
  });

  it("spare growth nothing but the passing: the same trees grow on margins that came with the rows, and are not touched", () => {
    const kept = replayTrees(parent, few).margins;
    const grow = (matrix: TrainingMatrix, start: typeof parent | null) =>
      fitBoosting({
        matrix,
        shapes,
        parameters: { ...BOOSTING_DEFAULTS, trees: 4 },
        seed: 1,
        stop: takeRows(matrix, ids(100, 300)),
        start,
      });
    const carried = { ...few, margins: kept.slice() };
    expect(grow(carried, parent)).toEqual(grow(few, parent));
    expect(carried.margins).toEqual(kept);
    expect(grow(carried, null)).toEqual(grow(few, null));
    const wrong = { ...few, margins: kept.map((margin) => margin + 1) };
    expect(grow(wrong, parent)).not.toEqual(grow(few, parent));
  });
});

describe("where a retraining begins", () => {
  const span = { startMs: 1_000, endMs: 2_000 };
  const trees = explainerOf({
    v: 1,
    family: "gradient-boosted-trees",
    ensemble: parent,
    calibrator: { kind: "platt", slope: 1, intercept: 0 },
  });
  const at = (ms: number): string => new Date(ms).toISOString();

  it.each([
    ["a parent that saw nothing of the span", trees, at(500), 1_000, true],
    ["a parent that saw its beginning: only what is newer", trees, at(1_200), 1_201, true],
    ["a parent that saw exactly half of it", trees, at(1_499), 1_500, true],
    ["a parent that saw a millisecond more", trees, at(1_500), 1_000, false],
    ["a parent whose rows have no time", trees, null, 1_000, false],
    ["a parent made elsewhere", undefined, at(500), 1_000, false],
    [
      "a regression",
      { v: 1, kind: "linear", base: 0, linear: { intercept: 0, terms: [] } },
      at(500),
      1_000,
      false,
    ],
    [
      "a parent of too many trees",
      { ...trees, trees: Array(1_001).fill(parent.trees[0]) },
      at(500),
      1_000,
      false,
    ],
  ])("%s", (_, explainer, seenTo, startMs, goesOn) => {
    const begun = startFrom({ explainer, seenTo }, span);
    expect(begun.startMs).toBe(startMs);
    expect(begun.start).toEqual(goesOn ? parent : null);
  });
});
