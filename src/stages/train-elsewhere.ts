// Stage: train elsewhere. Hands the fitting rows to a trainer that is no part of this house, and treats its model as any model made
// elsewhere: inspected, run first in a process that is thrown away, given a threshold on rows the trainer never saw, measured on
// others and published. The trainer sees neither of those rows, so what is measured is not what was learned.
import type { Feed, Positive } from "../../contracts/bundle.ts";
import type { Encoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { takeRows, type TrainingMatrix } from "../core/training/matrix.ts";
import { servedColumns, servedVectors } from "../core/training/served-rows.ts";
import type { Lesson } from "../ports.ts";
import type { ScoringSession } from "../ports-serving.ts";
import {
  partsToLearn,
  publishTrained,
  type PublishesBundles,
  type RowsToLearn,
  type Trained,
} from "./train.ts";

export interface ElsewherePorts {
  readonly registry: PublishesBundles;
  /** Runs the trainer and judges its file; a refusal is a value. */
  readonly teach: (
    lesson: Lesson,
  ) => Promise<{ bytes: Uint8Array; feed: Feed; positive: Positive } | { refused: string; detail: string }>;
  /** Opens a model made elsewhere where it can do no harm. */
  readonly open: (
    model: { bytes: Uint8Array; feed: Feed; positive: Positive },
    encoding: Encoding,
  ) => Promise<ScoringSession>;
  readonly onProgress?: (done: number, total: number) => void;
}

const SAMPLE = 32;
const BATCH = 4096;

/** Trains elsewhere, measures here and publishes; a refusal is a value with its reason. */
export const trainElsewhere = async (ports: ElsewherePorts, job: RowsToLearn): Promise<Trained> => {
  const parts = partsToLearn(job);
  if ("refused" in parts) return parts;
  const { contract, encoding, timesMs } = job;
  const matrix = takeRows(job.matrix, parts.learned);
  const sample = servedVectors({ contract, encoding, matrix }, SAMPLE).next();
  if (sample.done === true) return { ok: false, refused: "too_few_rows", detail: "no rows to learn from" };
  const model = await ports.teach({
    contract,
    encoding,
    rows: matrix.rows,
    columns: servedColumns({ contract, encoding, matrix }),
    label: matrix.label,
    timesMs: timesMs === null ? null : Float64Array.from(parts.learned, (row) => timesMs[row] ?? 0),
    seed: job.seed,
    sample: sample.value,
  });
  if ("refused" in model) return { ok: false, ...model };
  const session = await ports.open(model, encoding);
  const total = parts.calibrate.rows + parts.test.rows;
  let done = 0;
  const scored = (rows: TrainingMatrix) =>
    scoresOf(session, { contract, encoding, matrix: rows }, (n) => ports.onProgress?.((done += n), total));
  try {
    const calibration = await scored(parts.calibrate);
    const test = await scored(parts.test);
    const wrong = [...unlikely("calibration", calibration), ...unlikely("test", test)][0];
    if (wrong !== undefined) return { ok: false, refused: "not_a_classifier", detail: wrong };
    return await publishTrained(ports.registry, job, parts, {
      family: "external",
      parameters: {},
      calibrator: "none",
      onnx: model.bytes,
      feed: model.feed,
      positive: model.positive,
      explainer: null,
      importance: {},
      calibration,
      test,
    });
  } finally {
    await session.close();
  }
};

const scoresOf = async (
  session: ScoringSession,
  rows: { contract: FeatureContract; encoding: Encoding; matrix: TrainingMatrix },
  onRows: (n: number) => void,
): Promise<Float64Array> => {
  const scores = new Float64Array(rows.matrix.rows);
  let at = 0;
  for (const { vector, n } of servedVectors(rows, BATCH)) {
    scores.set(await session.run(vector, n), at);
    at += n;
    onRows(n);
  }
  return scores;
};

/** Serving refuses what is no probability, so measuring does. */
function* unlikely(slice: string, scores: Float64Array): Generator<string> {
  for (const [row, score] of scores.entries())
    if (!(score >= 0 && score <= 1))
      yield `${slice} row ${row + 1}: its output is ${score}, not a probability`;
}
