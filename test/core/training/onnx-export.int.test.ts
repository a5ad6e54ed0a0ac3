// The exported graph in the real ONNX Runtime: row for row the in-process model, for both families, both calibrators, raw
// values and codes, on rows inside the reference range and far outside it.
import * as ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { exportOnnx } from "../../../src/core/onnx-graph.ts";
import { inspectOnnx } from "../../../src/core/onnx-inspect.ts";
import { fitIsotonic, fitPlatt } from "../../../src/core/training/calibration.ts";
import { fitModel, marginsOf, predictFitted } from "../../../src/core/training/fit-model.ts";
import type { Family, FittedModel } from "../../../src/core/training/fit-model.ts";
import { takeRows } from "../../../src/core/training/matrix.ts";
import { randomSplit } from "../../../src/core/training/split.ts";
import { onlyCodes, vectorsOf, world } from "./world.ts";

const ROWS = 6000;
const { encoding, train, later } = world(ROWS);

const fitted = (family: Family, values: "raw" | "codes") => {
  const matrix = values === "raw" ? train : onlyCodes(train);
  const sets = randomSplit(ROWS, 5, { fit: 0.7, calibrate: 0.2, test: 0.1 });
  const result = fitModel({
    encoding,
    family,
    parameters: { boosting: { trees: 60 } },
    seed: 3,
    search: 1,
    fit: takeRows(matrix, sets.fit),
    stop: takeRows(matrix, sets.stop),
    calibrate: takeRows(matrix, sets.calibrate),
  });
  if ("refused" in result) throw new Error(result.detail);
  const calibrate = takeRows(matrix, sets.calibrate);
  const margins = marginsOf(result.model, calibrate);
  return {
    matrix,
    models: {
      platt: { ...result.model, calibrator: fitPlatt(margins, calibrate.label) },
      isotonic: { ...result.model, calibrator: fitIsotonic(margins, calibrate.label) },
    },
  };
};

const served = async (model: FittedModel, vectors: Float32Array, width: number): Promise<Float32Array> => {
  const session = await ort.InferenceSession.create(exportOnnx(model, encoding), { logSeverityLevel: 3 });
  const input = new ort.Tensor("float32", vectors, [vectors.length / width, width]);
  const { probability } = await session.run({ features: input });
  if (!(probability?.data instanceof Float32Array)) throw new Error("no float32 probability");
  expect(probability.dims).toEqual([vectors.length / width]);
  return probability.data;
};

describe.each(["logistic-regression", "gradient-boosted-trees"] as const)("%s", (family) => {
  describe.each(["raw", "codes"] as const)("trained on %s", (values) => {
    const { models } = fitted(family, values);
    it.each(["platt", "isotonic"] as const)("is the same model inside the graph, %s", async (kind) => {
      const model = models[kind];
      for (const rows of [train, later]) {
        // A model from codes answers by code in process; its graph is fed raw values all the same.
        const expected = predictFitted(model, values === "raw" ? rows : onlyCodes(rows));
        const answers = await served(model, vectorsOf(rows), encoding.features.length);
        const worst = expected.reduce(
          (most, p, row) => Math.max(most, Math.abs(p - (answers[row] ?? NaN))),
          0,
        );
        expect(worst).toBeLessThan(1e-5);
        expect(new Set(expected).size).toBeGreaterThan(100);
      }
    });
    it("passes the registry's own inspection", () => {
      const seen = inspectOnnx(exportOnnx(models.isotonic, encoding));
      expect(seen).toMatchObject({ inputs: [{ name: "features" }], outputs: [{ name: "probability" }] });
    });
  });
});
