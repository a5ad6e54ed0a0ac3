// Words: the bundle (SPEC §3), a model version as it lies on disk, written once. File names are an allow list.
import { z } from "zod";
import { FeatureContract, Semver } from "./feature-contract.ts";

export const BUNDLE_FILES = [
  "model.onnx",
  "preprocessor.json",
  "metrics.json",
  "calibration_data.csv",
  "reference.json",
  "metadata.yaml",
  "SHA256SUMS",
] as const;

export const Metrics = z.strictObject({
  n: z.int(),
  positives: z.int(),
  threshold: z.number(),
  roc_auc: z.number().nullable(),
  pr_auc: z.number().nullable(),
  brier: z.number(),
  log_loss: z.number(),
  ece: z.number(),
  f1: z.number().nullable(),
  /** Lower 95 % confidence limit of F1 (delta method on the confusion counts). */
  f1_low: z.number().nullable(),
  accuracy: z.number(),
  precision: z.number().nullable(),
  recall: z.number().nullable(),
  confusion: z.strictObject({ tp: z.int(), fp: z.int(), fn: z.int(), tn: z.int() }),
});
export type Metrics = z.infer<typeof Metrics>;

export const BundleMetrics = z.strictObject({
  test: Metrics,
  calibration: Metrics.nullable(),
  /** Global importance by feature, shares that sum to 1 (gain for trees, |coefficient|·sd for linear); empty for models made elsewhere. */
  importance: z.record(z.string(), z.number()),
});
export type BundleMetrics = z.infer<typeof BundleMetrics>;

/** How a contract row feeds the graph. `vector`: one float32 [N, F] input in contract order. `named`: one input a feature. */
export const Feed = z.discriminatedUnion("layout", [
  z.strictObject({
    layout: z.literal("vector"),
    input: z.string(),
    /**
     * `raw`: continuous values as they are, ordinal and nominal as codes. `codes`: every feature as its code. `numbers`: continuous and
     * ordinal values as they are, for models made elsewhere, which know nothing of codes.
     */
    values: z.enum(["raw", "codes", "numbers"]),
    /** Fixed batch size of the graph; null: any. */
    batch: z.int().nullable(),
  }),
  z.strictObject({
    layout: z.literal("named"),
    inputs: z.array(
      z.strictObject({
        input: z.string(),
        feature: z.string(),
        type: z.enum(["float32", "float64", "int64", "string"]),
      }),
    ),
    batch: z.int().nullable(),
  }),
]);
export type Feed = z.infer<typeof Feed>;

/** Where the positive class's probability is found in the graph's outputs. */
export const Positive = z.strictObject({
  output: z.string(),
  /** Column of a [N, K] matrix, or key of a ZipMap; null for a [N] or [N, 1] output. */
  index: z.union([z.int(), z.string()]).nullable(),
});
export type Positive = z.infer<typeof Positive>;

export const Preprocessor = z.strictObject({
  v: z.literal(1),
  /** The contract itself lies in the bundle too: a model must be servable when the contract's file is long gone. */
  contract: z.strictObject({
    name: z.string(),
    version: Semver,
    digest: z.string(),
    definition: FeatureContract,
  }),
  /** Digest of the encoding; the encoding itself follows so that a bundle is self-contained. */
  encoding_digest: z.string(),
  encoding: z.unknown(),
  feed: Feed,
  positive: Positive,
  /** What per-prediction contributions need (src/core/training/explain.ts); absent for models made elsewhere. */
  explainer: z.unknown().optional(),
});
export type Preprocessor = z.infer<typeof Preprocessor>;

/** Counts per code of the version's own reference rows: what drift is measured against. */
export const Reference = z.strictObject({
  v: z.literal(1),
  encoding_digest: z.string(),
  n: z.int(),
  positives: z.int(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  /** Per feature in contract order: sparse [code, count] pairs, codes ascending. */
  features: z.record(z.string(), z.array(z.tuple([z.int(), z.int()]))),
  /** Sparse [bin, count] of the 1,000 logit bins (STATISTICS §1), by label. */
  scores: z.strictObject({
    negative: z.array(z.tuple([z.int(), z.int()])),
    positive: z.array(z.tuple([z.int(), z.int()])),
  }),
});
export type Reference = z.infer<typeof Reference>;

export const BundleMetadata = z.strictObject({
  v: z.literal(1),
  model: z.string(),
  version: Semver,
  family: z.enum(["logistic-regression", "gradient-boosted-trees", "external"]),
  created_at: z.string(),
  seed: z.int(),
  contract: z.strictObject({ name: z.string(), version: Semver, digest: z.string() }),
  encoding_digest: z.string(),
  /** The decision threshold, frozen (chosen on the calibration slice for max_f1). */
  threshold: z.number(),
  calibrator: z.enum(["isotonic", "platt", "none"]),
  parameters: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
  provenance: z.strictObject({
    /** `frozen`: a frozen dataset's digest; `production`: labelled production windows; `external`: made elsewhere. */
    source: z.enum(["frozen", "production", "external"]),
    dataset: z.string(),
    test_dataset: z.string().nullable(),
    from: z.string().nullable(),
    to: z.string().nullable(),
    rows: z.strictObject({ fit: z.int(), calibrate: z.int(), test: z.int() }),
    split: z.enum(["temporal", "random", "given", "none"]),
    /** The version whose decision asked for this training, if any. */
    parent: z.string().nullable(),
    /** The training of the ledger that made it; null for trainings by hand. */
    training_id: z.string().nullable().default(null),
  }),
  /** SHA-256 of model.onnx. */
  model_digest: z.string(),
});
export type BundleMetadata = z.infer<typeof BundleMetadata>;
