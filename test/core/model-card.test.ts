// The model card: what the bundle knows, once, as text a browser cannot be made to run; and the cautions that follow from its facts.
import { expect, it } from "vitest";
import { readBundle } from "../../src/adapters/bundle-words.ts";
import { modelCard, type CardOf } from "../../src/core/model-card.ts";
import { scoreBin } from "../../src/core/histogram.ts";
import { bundle } from "../support/bundle.ts";

const files = new Map(
  Object.entries(bundle("1.2.0")).map(([file, content]) => [file, Buffer.from(content)] as const),
);
const { metadata, metrics, reference, preprocessor } = readBundle(files);
const of: CardOf = { metadata, metrics, reference, contract: preprocessor.contract.definition };

it("tells model, source, measures and every feature, and is the same page for the same bundle", () => {
  const card = modelCard(of);
  expect(modelCard(of)).toBe(card);
  for (const said of [
    "m 1.2.0",
    "probability that y is 1 rather than 0",
    metadata.model_digest,
    '<th scope="row">ROC-AUC</th><td>0.8</td><td>–</td>',
    "Of 4 positives it found 2; of 6 negatives it called 1 positive.",
    '<th scope="row">z</th><td>continuous</td><td>0 to 9</td><td>reject</td>',
  ])
    expect(card).toContain(said);
});

it("counts predictions against what came true", () => {
  const scores = {
    negative: [[scoreBin(0.15), 30]] as [number, number][],
    positive: [[scoreBin(0.15), 10]] as [number, number][],
  };
  const card = modelCard({ ...of, reference: { ...reference, scores } });
  expect(card).toContain('<th scope="row">10 % to 20 %</th><td>40</td><td>15 %</td><td>25 %</td>');
});

it("warns of what the facts say and of nothing else", () => {
  const card = modelCard(of);
  expect(card).toContain("Only 4 positives");
  expect(card).toContain("comes from elsewhere");
  expect(card).not.toContain("off by");
  expect(card).not.toContain("split was random");
  const test = { ...metrics.test, positives: 100, ece: 0.0501 };
  const other = modelCard({
    ...of,
    metrics: { ...metrics, test },
    metadata: { ...metadata, calibrator: "platt" },
  });
  expect(other).not.toContain("Only");
  expect(other).not.toContain("comes from elsewhere");
  expect(other).toContain("off by 5.0 %");
});

it("shows a hostile name as text", () => {
  const contract = {
    ...of.contract,
    features: { "<img src=x onerror=alert(1)>": of.contract.features["z"] ?? never() },
  };
  const card = modelCard({
    ...of,
    contract,
    metadata: { ...metadata, parameters: { note: "</dd><script>" } },
  });
  expect(card).not.toContain("<img");
  expect(card).not.toContain("<script");
});
const never = (): never => {
  throw new Error("the bundle has no feature z");
};
