// How a stranger's inputs are matched with a contract's features: by name, or by the spelling exporters give a name that is no identifier.
import { expect, it } from "vitest";
import { FeatureContract } from "../../contracts/feature-contract.ts";
import { feedOf } from "../../src/core/onnx-classifier.ts";

const contractOf = (...names: string[]): FeatureContract =>
  FeatureContract.parse({
    name: "m",
    version: "1.0.0",
    label: { name: "y", positive: 1, negative: 0 },
    event_time: null,
    features: Object.fromEntries(names.map((name) => [name, { kind: "continuous", min: 0, max: 1 }])),
  });
const FLOAT = 1;
const feed = (inputs: string[], contract: FeatureContract) =>
  feedOf(
    { inputs: inputs.map((name) => ({ name, type: "tensor", element: FLOAT, shape: [null, 1] })) },
    contract,
  );

it("feeds hours-per-week to hours_per_week", () => {
  expect(feed(["age", "hours_per_week"], contractOf("age", "hours-per-week"))).toMatchObject({
    inputs: [
      { input: "age", feature: "age" },
      { input: "hours_per_week", feature: "hours-per-week" },
    ],
  });
});

it.each<[string, string[], string[], RegExp]>([
  ["a spelling two features share", ["age", "a_b"], ["age", "a-b", "a.b"], /a_b is no feature/],
  ["one feature twice", ["a_b", "a-b"], ["a-b", "age"], /two inputs are the feature a-b/],
  ["a name the contract lacks", ["age", "size"], ["age", "weight"], /size is no feature/],
])("refuses %s", (_, inputs, features, detail) => {
  expect(feed(inputs, contractOf(...features))).toMatchObject({
    refused: "not_feedable",
    detail: expect.stringMatching(detail) as unknown,
  });
});

it("an exact name goes before a spelling", () => {
  expect(feed(["a_b", "age"], contractOf("a-b", "a_b", "age"))).toMatchObject({
    inputs: [{ feature: "a_b" }, { feature: "age" }],
  });
});
