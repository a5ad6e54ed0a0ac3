// Stage: train. Fits, calibrates, evaluates and publishes one bundle, from a frozen dataset or from labelled production windows; the
// two differ only in where rows come from. Idempotent by what it learns from: same rows, parameters and seed give the same model
// bytes. It never looks at the test rows before the end, and a version once published never changes.
import type { BundleMetadata, Feed, Metrics, Positive } from "../../contracts/bundle.ts";
import type { Encoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { OVERFLOW } from "../../contracts/encoding.ts";
import { calibrationCsv, referenceOf, spanOf, thresholdOf } from "../core/bundle-parts.ts";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { encodingDigest } from "../core/encode.ts";
import { exportOnnx, INPUT, OUTPUT } from "../core/onnx-graph.ts";
import { metricsOf } from "../core/performance.ts";
import { explainerOf } from "../core/training/explain.ts";
import { fitModel, predictFitted, type Family, type TrainingParameters } from "../core/training/fit-model.ts";
import type { BoostedTrees } from "../core/training/boosting.ts";
import type { Crew } from "../core/training/kernel.ts";
import { takeRows, type TrainingMatrix } from "../core/training/matrix.ts";
import { randomSplit, temporalSplit } from "../core/training/split.ts";
import type { TreeLog } from "../core/training/tree.ts";

export interface PublishesBundles {
  nextVersion(model: string, contractMajor: number): Promise<string>;
  publish(content: {
    "model.onnx": Uint8Array;
    "preprocessor.json": string;
    "metrics.json": string;
    "calibration_data.csv": string;
    "reference.json": string;
    "metadata.yaml": string;
  }): Promise<string>;
}

/** Rows to learn from and where they come from; who learns is another matter. */
export interface RowsToLearn {
  readonly contract: FeatureContract;
  readonly contractDigest: string;
  readonly encoding: Encoding;
  readonly matrix: TrainingMatrix;
  /** Ascending, or null where row order is time. */
  readonly timesMs: Float64Array | null;
  /** Rows from elsewhere to test on; then `matrix` is parted into fit and calibrate only. */
  readonly test: { readonly matrix: TrainingMatrix; readonly dataset: string } | null;
  readonly split: "temporal" | "random";
  readonly seed: number;
  readonly source: BundleMetadata["provenance"]["source"];
  /** Digest of the rows learned from. */
  readonly dataset: string;
  readonly parent: string | null;
  /** The training of the ledger this is, if any. */
  readonly trainingId: string | null;
  readonly createdAt: string;
}

export interface TrainJob extends RowsToLearn {
  readonly family: Family;
  readonly parameters: TrainingParameters;
  readonly search: number;
  /** Trees of a model that has seen none of these rows, to go on from. */
  readonly start?: BoostedTrees | null;
  readonly crew?: Crew;
  readonly log?: TreeLog;
  readonly onProgress?: (done: number, total: number) => void;
}

export type Trained =
  | {
      readonly ok: true;
      readonly model: string;
      readonly version: string;
      readonly path: string;
      readonly metrics: { test: Metrics };
    }
  | { readonly ok: false; readonly refused: string; readonly detail: string };

const FRACTIONS = { fit: 0.6, calibrate: 0.2, test: 0.2 };
/** Fewer test rows than this say nothing about a model. */
const TEST_ROWS_MIN = 50;
/** Above this share of a feature in overflow codes the encoding no longer resolves it. */
const OVERFLOW_SHARE_MAX = 0.05;

/** Trains and publishes; a refusal is a value with its reason. */
export const train = async (registry: PublishesBundles, job: TrainJob): Promise<Trained> => {
  const parts = partsToLearn(job);
  if ("refused" in parts) return parts;
  const fitted = fitModel({
    encoding: job.encoding,
    family: job.family,
    parameters: job.parameters,
    seed: job.seed,
    search: job.search,
    fit: parts.fit,
    stop: parts.stop,
    calibrate: parts.calibrate,
    start: job.start ?? null,
    ...(job.crew === undefined ? {} : { crew: job.crew }),
    ...(job.log === undefined ? {} : { log: job.log }),
    ...(job.onProgress === undefined ? {} : { onProgress: job.onProgress }),
  });
  if ("refused" in fitted) return { ok: false, refused: fitted.refused, detail: fitted.detail };
  return publishTrained(registry, job, parts, {
    family: job.family,
    parameters: fitted.parameters,
    calibrator: fitted.model.calibrator.kind,
    onnx: exportOnnx(fitted.model, job.encoding),
    feed: { layout: "vector", input: INPUT, values: "raw", batch: null },
    positive: { output: OUTPUT, index: null },
    explainer: explainerOf(fitted.model),
    importance: fitted.importance,
    calibration: predictFitted(fitted.model, parts.calibrate),
    test: predictFitted(fitted.model, parts.test),
  });
};

/** A model that was made, and what it says about the rows it had not seen. */
export interface MadeModel {
  readonly family: BundleMetadata["family"];
  readonly parameters: BundleMetadata["parameters"];
  readonly calibrator: BundleMetadata["calibrator"];
  readonly onnx: Uint8Array;
  readonly feed: Feed;
  readonly positive: Positive;
  /** Null for models made elsewhere. */
  readonly explainer: ReturnType<typeof explainerOf> | null;
  readonly importance: Readonly<Record<string, number>>;
  /** Probabilities of the calibration and the test rows. */
  readonly calibration: Float64Array;
  readonly test: Float64Array;
}

/** Freezes the threshold, measures on the test rows and publishes the bundle. */
export const publishTrained = async (
  registry: PublishesBundles,
  job: RowsToLearn,
  parts: Parts,
  made: MadeModel,
): Promise<Trained> => {
  const { calibration, test: scores } = made;
  const threshold = thresholdOf(job.contract, parts.calibrate.label, calibration);
  const test = metricsOf(parts.test.label, scores, threshold);
  const { name } = job.contract;
  const version = await registry.nextVersion(name, Number(job.contract.version.split(".")[0]));
  const contract = { name, version: job.contract.version, digest: job.contractDigest };
  const digest = encodingDigest(job.encoding);
  const metadata: BundleMetadata = {
    v: 1,
    model: name,
    version,
    family: made.family,
    created_at: job.createdAt,
    seed: job.seed,
    contract,
    encoding_digest: digest,
    threshold,
    calibrator: made.calibrator,
    parameters: made.parameters,
    provenance: {
      source: job.source,
      dataset: job.dataset,
      test_dataset: job.test?.dataset ?? null,
      ...spanOf(job.timesMs),
      rows: { fit: parts.fit.rows + parts.stop.rows, calibrate: parts.calibrate.rows, test: parts.test.rows },
      split: job.test === null ? job.split : "given",
      parent: job.parent,
      training_id: job.trainingId,
    },
    model_digest: sha256Hex(made.onnx),
  };
  const path = await registry.publish({
    "model.onnx": made.onnx,
    "preprocessor.json": pretty({
      v: 1,
      contract: { ...contract, definition: job.contract },
      encoding_digest: digest,
      encoding: job.encoding,
      feed: made.feed,
      positive: made.positive,
      ...(made.explainer === null ? {} : { explainer: made.explainer }),
    }),
    "metrics.json": pretty({
      test,
      calibration: metricsOf(parts.calibrate.label, calibration, threshold),
      importance: made.importance,
    }),
    "calibration_data.csv": calibrationCsv(parts.calibrate.label, calibration),
    "reference.json": pretty(
      referenceOf({
        encoding: job.encoding,
        matrix: job.matrix,
        timesMs: job.timesMs,
        unseen: [
          { label: parts.calibrate.label, scores: calibration, timesMs: parts.times.calibrate },
          { label: parts.test.label, scores, timesMs: parts.times.test },
        ],
      }),
    ),
    // JSON is YAML, and canonical JSON has one spelling.
    "metadata.yaml": pretty(metadata),
  });
  return { ok: true, model: name, version, path, metrics: { test } };
};

export type Parts = Readonly<Record<"fit" | "stop" | "calibrate" | "test", TrainingMatrix>> & {
  /** The rows of `fit` and `stop`, ascending. */
  readonly learned: Uint32Array;
  /** Null where rows have no time, or come from elsewhere. */
  readonly times: Readonly<Record<"calibrate" | "test", Float64Array | null>>;
};

/** Parts the rows into disjoint sets, or says why nothing can be learned from them. */
export const partsToLearn = (job: RowsToLearn): Parts | (Trained & { ok: false }) => {
  const exhausted = job.source === "production" ? exhaustedFeature(job.encoding, job.matrix) : null;
  if (exhausted !== null) return { ok: false, refused: "encoding_exhausted", detail: exhausted };
  if (
    job.matrix.label.some((label) => label > 1) ||
    job.test?.matrix.label.some((label) => label > 1) === true
  )
    return {
      ok: false,
      refused: "unlabelled_rows",
      detail: "a model is fitted and tested on rows with labels",
    };
  const parts = partsOf(job);
  if (parts.test.rows >= TEST_ROWS_MIN && parts.calibrate.rows >= TEST_ROWS_MIN) return parts;
  const detail = `${job.matrix.rows} rows leave ${parts.test.rows} to test on`;
  return { ok: false, refused: "too_few_rows", detail };
};

const partsOf = (job: RowsToLearn): Parts => {
  const { test } = job;
  const matrix = inDays(job);
  const fractions = test === null ? FRACTIONS : { fit: 0.75, calibrate: 0.25, test: 0 };
  const sets =
    job.split === "random"
      ? randomSplit(matrix.rows, job.seed, fractions)
      : temporalSplit(matrix.rows, job.timesMs, fractions, job.seed);
  const learned = new Uint32Array(sets.fit.length + sets.stop.length);
  learned.set(sets.fit);
  learned.set(sets.stop, sets.fit.length);
  learned.sort();
  const timesOf = (ids: Uint32Array): Float64Array | null =>
    job.timesMs === null ? null : Float64Array.from(ids, (id) => job.timesMs?.[id] ?? 0);
  return {
    learned,
    fit: takeRows(matrix, sets.fit),
    stop: takeRows(matrix, sets.stop),
    calibrate: takeRows(matrix, sets.calibrate),
    test: test?.matrix ?? takeRows(matrix, sets.test),
    times: { calibrate: timesOf(sets.calibrate), test: test === null ? timesOf(sets.test) : null },
  };
};

const DAY_MS = 86_400_000;

/** Rows of one day share its weather, its outages, its holidays: where rows have time, a day is a block. */
const inDays = ({ matrix, timesMs }: RowsToLearn): TrainingMatrix =>
  timesMs === null
    ? matrix
    : { ...matrix, block: Uint32Array.from(timesMs, (time) => Math.max(0, Math.floor(time / DAY_MS))) };

/** Names the first feature whose values have left the encoding's range for too large a share of rows. */
const exhaustedFeature = (encoding: Encoding, matrix: TrainingMatrix): string | null => {
  for (const [at, feature] of encoding.features.entries()) {
    if (feature.kind !== "continuous") continue;
    const codes = matrix.codes[at];
    if (codes === undefined) continue;
    const high = OVERFLOW + feature.edges.length;
    let outside = 0;
    for (const code of codes) if (code < OVERFLOW || (code >= high && code < high + OVERFLOW)) outside++;
    const share = outside / Math.max(1, matrix.rows);
    if (share > OVERFLOW_SHARE_MAX)
      return `${feature.feature}: ${(100 * share).toFixed(1)} % of rows lie outside the encoding's range (at most ${100 * OVERFLOW_SHARE_MAX} %)`;
  }
  return null;
};

const pretty = (value: unknown): string => `${canonicalJson(value)}\n`;
