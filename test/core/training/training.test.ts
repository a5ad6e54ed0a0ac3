// Training without a runtime: quality on a world whose law is known, the same bytes for the same seed, refusals as values,
// and explanations that add up to the score.
import { describe, expect, it } from "vitest";
import { MISSING } from "../../../contracts/encoding.ts";
import { metricsOf } from "../../../src/core/performance.ts";
import { exportOnnx } from "../../../src/core/onnx-graph.ts";
import { compileExplainer, explainerOf } from "../../../src/core/training/explain.ts";
import { fitModel, marginsOf, predictFitted } from "../../../src/core/training/fit-model.ts";
import type { Family, Fitted, FitInput } from "../../../src/core/training/fit-model.ts";
import { takeRows } from "../../../src/core/training/matrix.ts";
import type { TrainingMatrix } from "../../../src/core/training/matrix.ts";
import { randomSplit } from "../../../src/core/training/split.ts";
import { goesLeft } from "../../../src/core/training/tree.ts";
import type { Tree } from "../../../src/core/training/tree.ts";
import { onlyCodes, world } from "./world.ts";

const ROWS = 8000;
const { encoding, train, law, later } = world(ROWS);
const FAMILIES = ["logistic-regression", "gradient-boosted-trees"] as const;
const sets = randomSplit(ROWS, 11, { fit: 0.6, calibrate: 0.2, test: 0.2 });

const inputOf = (family: Family, matrix: TrainingMatrix, more: Partial<FitInput> = {}): FitInput => ({
  encoding,
  family,
  parameters: { boosting: { trees: 80 } },
  seed: 7,
  search: 1,
  fit: takeRows(matrix, sets.fit),
  stop: takeRows(matrix, sets.stop),
  calibrate: takeRows(matrix, sets.calibrate),
  ...more,
});

const fit = (input: FitInput): Fitted => {
  const fitted = fitModel(input);
  if ("refused" in fitted) throw new Error(fitted.detail);
  return fitted;
};

describe.each(FAMILIES)("%s", (family) => {
  const fitted = fit(inputOf(family, train));
  const test = takeRows(train, sets.test);

  it("learns the world's law and is calibrated on rows it never saw", () => {
    const metrics = metricsOf(test.label, predictFitted(fitted.model, test), 0.5);
    const best = metricsOf(
      test.label,
      Float64Array.from(sets.test, (row) => law[row] ?? NaN),
      0.5,
    );
    expect(metrics.roc_auc).toBeGreaterThan((best.roc_auc ?? NaN) - 0.03);
    expect(metrics.ece).toBeLessThan(0.05);
  });

  it("learns nearly as well from logged codes alone", () => {
    const codes = fit(inputOf(family, onlyCodes(train)));
    const raw = metricsOf(test.label, predictFitted(fitted.model, test), 0.5);
    const logged = metricsOf(test.label, predictFitted(codes.model, onlyCodes(test)), 0.5);
    expect(logged.roc_auc).toBeGreaterThan((raw.roc_auc ?? NaN) - 0.01);
  });

  it("gives the same bytes for the same seed", () => {
    const again = fit(inputOf(family, train));
    expect(JSON.stringify(again)).toBe(JSON.stringify(fitted));
    expect(exportOnnx(again.model, encoding)).toEqual(exportOnnx(fitted.model, encoding));
  });

  it("survives JSON", () => {
    expect(JSON.parse(JSON.stringify(fitted.model))).toEqual(fitted.model);
  });

  it("weighs features by shares that sum to 1 and gives a constant none", () => {
    const shares = Object.values(fitted.importance);
    expect(shares.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
    expect(fitted.importance["constant"]).toBe(0);
    expect(fitted.importance["city"]).toBeGreaterThan(0.1);
  });

  it("explains every score as base plus contributions", () => {
    const explain = compileExplainer(explainerOf(fitted.model), encoding.features.length);
    for (const rows of [test, takeRows(later, sets.test)]) {
      const margins = marginsOf(fitted.model, rows);
      for (let row = 0; row < 50; row++) {
        const codes = rows.codes.map((column) => column[row] ?? 0);
        const values = (rows.values ?? []).map((column) => column?.[row] ?? null);
        const { base, contributions, margin } = explain({ codes, values });
        expect(Math.abs(margin - (margins[row] ?? NaN))).toBeLessThan(1e-6);
        expect(contributions.reduce((a, b) => a + b, base)).toBe(margin);
        expect(contributions[2]).toBeCloseTo(0, 9); // the constant explains nothing
      }
    }
  });

  it("searches from the configured parameters on, the same way for the same seed", () => {
    const parameters = { boosting: { trees: 15 } };
    const searched = fit(inputOf(family, train, { parameters, search: 3 }));
    expect(fit(inputOf(family, train, { parameters, search: 3 })).parameters).toEqual(searched.parameters);
    if (family === "gradient-boosted-trees")
      expect(Number(searched.parameters["stop_log_loss"])).toBeLessThanOrEqual(
        Number(fit(inputOf(family, train, { parameters })).parameters["stop_log_loss"]),
      );
  });

  it("weighs classes only when asked", () => {
    const rare = takeRows(
      train,
      sets.fit.filter((row, at) => train.label[row] === 0 || at % 10 === 0),
    );
    const mean = (classWeight: "none" | "balanced"): number => {
      const { model } = fit(inputOf(family, train, { fit: rare, parameters: { classWeight } }));
      const margins = marginsOf(model, test);
      return margins.reduce((sum, z) => sum + z, 0) / margins.length;
    };
    expect(mean("balanced")).toBeGreaterThan(mean("none") + 0.5);
  });

  it.each(["fit", "stop", "calibrate"] as const)(
    "refuses a one-class or empty %s slice by value",
    (slice) => {
      const negative = takeRows(
        train,
        sets.fit.filter((row) => train.label[row] === 0),
      );
      expect(fitModel(inputOf(family, train, { [slice]: negative }))).toMatchObject({ refused: "one_class" });
      const none = takeRows(train, new Uint32Array(0));
      expect(fitModel(inputOf(family, train, { [slice]: none }))).toMatchObject({ refused: "no_rows" });
    },
  );

  it("refuses infinite values by value", () => {
    const amount = new Float32Array(train.values?.[0] ?? []);
    amount[sets.fit[3] ?? 0] = Infinity;
    const broken = { ...train, values: [amount, ...(train.values ?? []).slice(1)] };
    expect(fitModel(inputOf(family, broken))).toMatchObject({ refused: "not_finite" });
  });
});

describe("TreeSHAP", () => {
  it("equals the Shapley values counted over all subsets of features", () => {
    const fitted = fit(inputOf("gradient-boosted-trees", train, { parameters: { boosting: { trees: 5 } } }));
    if (fitted.model.family !== "gradient-boosted-trees") throw new Error("not trees");
    const { trees } = fitted.model.ensemble;
    const explain = compileExplainer(explainerOf(fitted.model), encoding.features.length);
    for (let row = 0; row < 20; row++) {
      const codes = later.codes.map((column) => column[row * 37] ?? 0);
      const { contributions } = explain({ codes, values: [] });
      const counted = shapley(codes.length, (known) =>
        trees.reduce((sum, tree) => sum + expectation(tree, 0, codes, known), 0),
      );
      contributions.forEach((share, feature) => expect(share).toBeCloseTo(counted[feature] ?? NaN, 10));
    }
  });
});

/** Mean of a tree over its training rows, with the features of the bit set `known` fixed to the row's codes. */
const expectation = (tree: Tree, node: number, codes: readonly number[], known: number): number => {
  const rule = tree.rule[node] ?? null;
  if (rule === null) return tree.value[node] ?? 0;
  const feature = tree.feature[node] ?? 0;
  const [left, right] = [tree.left[node] ?? 0, tree.right[node] ?? 0];
  const below = (child: number): number => expectation(tree, child, codes, known);
  if ((known >> feature) & 1) return below(goesLeft(rule, codes[feature] ?? MISSING) ? left : right);
  const all = tree.rows[node] ?? 1;
  return ((tree.rows[left] ?? 0) * below(left) + (tree.rows[right] ?? 0) * below(right)) / all;
};

const shapley = (features: number, worth: (known: number) => number): number[] => {
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
  const size = (known: number): number => [...known.toString(2)].filter((bit) => bit === "1").length;
  return Array.from({ length: features }, (_, feature) => {
    let sum = 0;
    for (let known = 0; known < 1 << features; known++) {
      if ((known >> feature) & 1) continue;
      const weight = (factorial(size(known)) * factorial(features - size(known) - 1)) / factorial(features);
      sum += weight * (worth(known | (1 << feature)) - worth(known));
    }
    return sum;
  });
};
