// A small bundle for tests of registries: every file is well-formed and they agree with each other.
import { createHash } from "node:crypto";
import type { BundleContent } from "../../src/adapters/registry.ts";
import { canonicalJson } from "../../src/core/canonical.ts";
import { parseContract } from "../../src/core/contract.ts";
import { encodingDigest, freezeEncoding } from "../../src/core/encode.ts";

const parsed = parseContract(
  "name: m\nversion: 1.0.0\nlabel: {name: y, positive: 1, negative: 0}\nevent_time: null\nfeatures:\n  z: {kind: continuous, min: 0, max: 9}\n  a: {kind: continuous, min: 0, max: 9}\n",
  "m.yaml",
);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
export const encoding = freezeEncoding({
  contract: parsed.contract,
  contractDigest: parsed.digest,
  dataset: "d".repeat(64),
  columns: { z: Float64Array.from([1, 2, 3]), a: Float64Array.from([4, 5, 6]) },
});
const METRICS = {
  n: 10,
  positives: 4,
  threshold: 0.5,
  roc_auc: 0.8,
  pr_auc: 0.7,
  brier: 0.2,
  log_loss: 0.5,
  ece: 0.01,
  f1: 0.6,
  f1_low: 0.4,
  accuracy: 0.7,
  precision: 0.6,
  recall: 0.6,
  confusion: { tp: 2, fp: 1, fn: 2, tn: 5 },
};

/** A bundle that may be published: its words agree; its model is just bytes. */
export const bundle = (
  version: string,
  model = "m",
  bytes: Uint8Array = Buffer.from(`onnx ${version}`),
): BundleContent => {
  const digest = encodingDigest(encoding);
  const contract = { name: model, version: "1.0.0", digest: parsed.digest };
  const metadata = {
    v: 1,
    model,
    version,
    family: "external",
    created_at: "2001-02-01T00:00:00Z",
    seed: 1,
    contract,
    encoding_digest: digest,
    threshold: 0.5,
    calibrator: "none",
    parameters: {},
    provenance: {
      source: "external",
      dataset: "d",
      test_dataset: null,
      from: null,
      to: null,
      rows: { fit: 1, calibrate: 1, test: 1 },
      split: "none",
      parent: null,
    },
    model_digest: createHash("sha256").update(bytes).digest("hex"),
  };
  return {
    "model.onnx": bytes,
    "preprocessor.json": canonicalJson({
      v: 1,
      contract: { ...contract, definition: parsed.contract },
      encoding_digest: digest,
      encoding,
      feed: { layout: "vector", input: "features", values: "raw", batch: null },
      positive: { output: "probability", index: null },
    }),
    "metrics.json": JSON.stringify({ test: METRICS, calibration: null, importance: {} }),
    "calibration_data.csv": "row,label,probability\n1,1,0.7\n",
    "reference.json": canonicalJson({
      v: 1,
      encoding_digest: digest,
      n: 3,
      positives: 1,
      from: null,
      to: null,
      features: { z: [[8, 1]], a: [[9, 1]] },
      scores: { negative: [], positive: [] },
    }),
    "metadata.yaml": JSON.stringify(metadata),
  };
};
