// `?explain=true` on both predict routes: contributions that add up to the margin, of the row they stand beside, and only when asked.
import { beforeAll, expect, it } from "vitest";
import type { z } from "zod";
import { BatchAnswer, PredictAnswer } from "../../contracts/api.ts";
import type { FlightRow } from "../../bench/serving-model.ts";
import type { ServingModel } from "../../src/ports-serving.ts";
import { apiOn, memoryPublisher, modelSet, post, rowAt, trainFlights } from "../support/api.ts";

let model: ServingModel;
let rows: readonly FlightRow[];
beforeAll(async () => {
  ({ model, rows } = await trainFlights());
});

const apiWith = (current: ServingModel) => {
  const { held, models } = modelSet();
  held.current = current;
  return apiOn({ models, publisher: memoryPublisher().publisher });
};

const one = async (api: ReturnType<typeof apiWith>, at: number): Promise<z.infer<typeof PredictAnswer>> =>
  PredictAnswer.parse(
    await (await post(api, "/api/v1/predict?explain=true", { features: rowAt(rows, at) })).json(),
  );

it("contributions name every feature and add up to the margin, which orders rows as the probability does", async () => {
  const api = apiWith(model);
  const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => one(api, at)));
  for (const { contributions, base = NaN, margin = NaN } of answers) {
    expect(Object.keys(contributions ?? {})).toEqual(Object.keys(model.contract.features));
    const sum = Object.values(contributions ?? {}).reduce((total, share) => total + share, base);
    expect(Math.abs(sum - margin)).toBeLessThan(1e-6);
  }
  const byMargin = [...answers].sort((a, b) => (a.margin ?? NaN) - (b.margin ?? NaN));
  const probabilities = byMargin.map((answer) => answer.probability);
  expect(probabilities).toEqual([...probabilities].sort((a, b) => a - b));
  expect(new Set(probabilities).size).toBeGreaterThan(5);
});

it("a batch explains each row by its own values, bad neighbours or not", async () => {
  const api = apiWith(model);
  const response = await post(api, "/api/v1/predict/batch?explain=true&interpret=true", {
    instances: [{ features: rowAt(rows, 0) }, { features: {} }, { features: rowAt(rows, 1) }],
  });
  const { predictions } = BatchAnswer.parse(await response.json());
  const [first, broken, second] = predictions;
  const alone = await Promise.all([one(api, 0), one(api, 1)]);
  expect(broken).toHaveProperty("error.status", 422);
  expect(first).toMatchObject({ contributions: alone[0]?.contributions, margin: alone[0]?.margin });
  expect(second).toMatchObject({ contributions: alone[1]?.contributions, margin: alone[1]?.margin });
  expect(first).toHaveProperty("interpretation.label");
});

it("says null where nobody knows, and nothing where nobody asked", async () => {
  expect((await one(apiWith({ ...model, explain: null }), 0)).contributions).toBeNull();
  const plain = await post(apiWith(model), "/api/v1/predict", { features: rowAt(rows, 0) });
  expect(PredictAnswer.parse(await plain.json())).not.toHaveProperty("contributions");
});
