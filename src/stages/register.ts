// Stage: register a model made elsewhere. Scores the frozen rows through the session it will be served by, freezes its threshold,
// measures it and publishes it with the reference its traffic is held against. What is no binary classifier is a refusal with its
// reason; nothing is published then.
import type { BundleMetadata, Feed, Metrics, Positive } from "../../contracts/bundle.ts";
import type { Encoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { calibrationCsv, referenceOf, spanOf, thresholdOf } from "../core/bundle-parts.ts";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { encodingDigest, type Column } from "../core/encode.ts";
import { metricsOf } from "../core/performance.ts";
import { randomSplit, temporalSplit } from "../core/training/split.ts";
import type { ScoringSession } from "../ports-serving.ts";
import { scoreRows } from "./score.ts";
import type { PublishesBundles } from "./train.ts";

export interface RegisterJob {
  readonly contract: FeatureContract;
  readonly contractDigest: string;
  readonly encoding: Encoding;
  /** The model's bytes as they are published: without ZipMap. */
  readonly bytes: Uint8Array;
  readonly feed: Feed;
  readonly positive: Positive;
  readonly session: ScoringSession;
  readonly rows: number;
  readonly columns: Readonly<Record<string, Column>>;
  readonly label: Uint8Array;
  readonly timesMs: Float64Array | null;
  readonly dataset: string;
  readonly createdAt: string;
  readonly onProgress?: (done: number, total: number) => void;
}

export type Registered =
  | {
      readonly ok: true;
      readonly model: string;
      readonly version: string;
      readonly path: string;
      readonly metrics: { test: Metrics };
    }
  | { readonly ok: false; readonly refused: string; readonly detail: string };

const SEED = 1;
/** Fewer rows than this on either side say nothing about a model. */
const ROWS_MIN = 50;

/** Measures and publishes; a refusal is a value. */
export const registerModel = async (registry: PublishesBundles, job: RegisterJob): Promise<Registered> => {
  if (job.label.some((label) => label > 1))
    return { ok: false, refused: "unlabelled_rows", detail: "a model is measured on rows with labels" };
  const scored = await scoreRows(job.session, job, job.onProgress);
  const refusal = whyNot(scored);
  if (refusal !== null) return { ok: false, ...refusal };
  const { tuned, judged } = partsOf(job);
  if (judged.length < ROWS_MIN || (tuned !== null && tuned.length < ROWS_MIN))
    return { ok: false, refused: "too_few_rows", detail: `${job.rows} rows, at least ${2 * ROWS_MIN}` };
  const of = (rows: Uint32Array) => ({
    label: Uint8Array.from(rows, (row) => job.label[row] ?? 0),
    scores: Float64Array.from(rows, (row) => scored.scores[row] ?? NaN),
  });
  const all = { label: job.label, scores: scored.scores, timesMs: job.timesMs };
  const calibration = tuned === null ? all : of(tuned);
  const rest = of(judged);
  const threshold = thresholdOf(job.contract, calibration.label, calibration.scores);
  const test = metricsOf(rest.label, rest.scores, threshold);
  const { name } = job.contract;
  const version = await registry.nextVersion(name, Number(job.contract.version.split(".")[0]));
  const metadata = metadataOf(job, version, {
    threshold,
    calibrate: tuned?.length ?? 0,
    test: judged.length,
  });
  const path = await registry.publish({
    "model.onnx": job.bytes,
    "preprocessor.json": pretty({
      v: 1,
      contract: { ...metadata.contract, definition: job.contract },
      encoding_digest: metadata.encoding_digest,
      encoding: job.encoding,
      feed: job.feed,
      positive: job.positive,
    }),
    "metrics.json": pretty({
      test,
      calibration: tuned === null ? null : metricsOf(calibration.label, calibration.scores, threshold),
      importance: {},
    }),
    "calibration_data.csv": calibrationCsv(calibration.label, calibration.scores),
    "reference.json": pretty(
      referenceOf({
        encoding: job.encoding,
        matrix: { rows: job.rows, codes: scored.codes, label: job.label },
        timesMs: job.timesMs,
        unseen: [all],
      }),
    ),
    "metadata.yaml": pretty(metadata),
  });
  return { ok: true, model: name, version, path, metrics: { test } };
};

const whyNot = (
  scored: Awaited<ReturnType<typeof scoreRows>>,
): { refused: string; detail: string } | null => {
  const [bad] = scored.invalid;
  if (bad !== undefined) {
    const [row, violations] = bad;
    const detail = `row ${row + 1}: ${violations.map((v) => `${v.path}: ${v.message}`).join("; ")}`;
    return { refused: "rows_off_encoding", detail };
  }
  if (scored.failed === 0) return null;
  const said = scored.failure ?? "";
  const refused = said.includes("not a probability") ? "not_a_classifier" : "not_runnable";
  return { refused, detail: `${scored.failed} rows without a probability; ${said}` };
};

/**
 * A threshold that is a number needs no rows; `max_f1` is found on the older half (a random half where rows have no time) and
 * the model is measured on the other.
 */
const partsOf = (job: RegisterJob): { tuned: Uint32Array | null; judged: Uint32Array } => {
  if (job.contract.evaluation.threshold !== "max_f1")
    return { tuned: null, judged: Uint32Array.from({ length: job.rows }, (_, row) => row) };
  const halves = { fit: 0, calibrate: 0.5, test: 0.5 };
  const sets =
    job.timesMs === null
      ? randomSplit(job.rows, SEED, halves)
      : temporalSplit(job.rows, job.timesMs, halves, SEED);
  return { tuned: sets.calibrate, judged: sets.test };
};

const metadataOf = (
  job: RegisterJob,
  version: string,
  at: { threshold: number; calibrate: number; test: number },
): BundleMetadata => ({
  v: 1,
  model: job.contract.name,
  version,
  family: "external",
  created_at: job.createdAt,
  seed: SEED,
  contract: { name: job.contract.name, version: job.contract.version, digest: job.contractDigest },
  encoding_digest: encodingDigest(job.encoding),
  threshold: at.threshold,
  calibrator: "none",
  parameters: {},
  provenance: {
    source: "external",
    dataset: job.dataset,
    test_dataset: job.dataset,
    ...spanOf(job.timesMs),
    rows: { fit: 0, calibrate: at.calibrate, test: at.test },
    split: at.calibrate === 0 ? "none" : job.timesMs === null ? "random" : "temporal",
    parent: null,
    training_id: null,
  },
  model_digest: sha256Hex(job.bytes),
});

const pretty = (value: unknown): string => `${canonicalJson(value)}\n`;
