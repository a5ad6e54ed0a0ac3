// Bench: one episode of a stream. A model is trained by the real core on the first rows of the span and watched over the rest in windows
// of rows, under the shipped policy: what the inputs say, and what matured labels say. Labels mature at once; nothing retrains.
import { readFileSync } from "node:fs";
import path from "node:path";
import { DRIFT_PROFILES } from "../contracts/drift-profile.ts";
import type { DriftRow } from "../contracts/drift.ts";
import type { Encoding } from "../contracts/encoding.ts";
import type { Evidence, Realised } from "../contracts/evidence.ts";
import type { Memory } from "../contracts/decision.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { referenceOf, thresholdOf } from "../src/core/bundle-parts.ts";
import { judgeDegradation } from "../src/core/degradation.ts";
import { judgeWindow } from "../src/core/drift.ts";
import { encodeFrozen, freezeEncoding, type Column } from "../src/core/encode.ts";
import {
  addCounts,
  emptyCounts,
  fromSparse,
  scoreBin,
  SCORE_BINS,
  type Counts,
} from "../src/core/histogram.ts";
import { confusionMetrics, metricsOf } from "../src/core/performance.ts";
import { parsePolicy, type ReadyPolicy } from "../src/core/policy.ts";
import { isoOf } from "../src/core/time.ts";
import { fitModel, predictFitted } from "../src/core/training/fit-model.ts";
import { takeRows, type TrainingMatrix } from "../src/core/training/matrix.ts";
import { temporalSplit } from "../src/core/training/split.ts";
import { watchCatastrophe } from "../src/core/watch.ts";
import type { Table } from "./tables.ts";

const DAY_MS = 86_400_000;

/** Rows [from, trainedTo) train; windows of `windowRows` rows follow, counted so that one begins at `alignTo`, until `to`. */
export interface Episode {
  readonly from: number;
  readonly trainedTo: number;
  readonly alignTo: number;
  readonly to: number;
  readonly windowRows: number;
}

/**
 * What one window said. `alarms`: features and scores at watch or breach; `fired`: labels say that the model has become worse, under
 * the shipped policy, whose days differ, and under the same policy told that rows are independent.
 */
export interface Seen {
  readonly from: number;
  readonly to: number;
  readonly alarms: readonly DriftRow[];
  readonly fired: { readonly shipped: boolean; readonly independent: boolean };
}

/** Trains and watches. `order` gives the row at each place of the stream: the rows as they came, or shuffled. */
export const watchEpisode = (table: Table, order: Uint32Array, episode: Episode): Seen[] => {
  const model = trainOn(table, order.subarray(episode.from, episode.trainedTo));
  const policy = shippedPolicy();
  const { windowRows, alignTo, to } = episode;
  const first = alignTo - Math.floor((alignTo - episode.trainedTo) / windowRows) * windowRows;
  let memory: Memory["catastrophe"] = null;
  const days: NonNullable<Evidence["performance"]>[] = [];
  const windows: Seen[] = [];
  for (let from = first; from + windowRows <= to; from += windowRows) {
    const rows = takeRows(model.matrix, order.slice(from, from + windowRows));
    const scores = model.score(rows);
    const drift = judgeInputs(model, rows, scores);
    const day = performanceOf(rows.label, scores, model.threshold, windows.length);
    days.push(day);
    const watched = watchCatastrophe(memory, {
      version: "1.0.0",
      since: isoOf(0),
      performance: day,
      baseline: model.baseline,
      quarantined: false,
      policy,
    });
    memory = watched.memory;
    const { value, threshold } = watched.finding;
    const broke = value !== null && threshold !== null && value >= threshold;
    const evidence = { performance: day, performance_span: spanOf(days), baseline: model.baseline };
    const worse = (by: ReadyPolicy["performance"]): boolean =>
      judgeDegradation(evidence, by).degraded === true;
    windows.push({
      from,
      to: from + windowRows,
      alarms: drift.filter(({ status }) => status === "watch" || status === "breach"),
      fired: {
        shipped: broke || worse(policy.performance),
        independent: broke || worse(independentRows(policy.performance)),
      },
    });
  }
  return windows;
};

interface Trained {
  readonly encoding: Encoding;
  readonly matrix: TrainingMatrix;
  readonly features: readonly Counts[];
  readonly scores: Counts;
  readonly threshold: number;
  readonly baseline: NonNullable<Evidence["baseline"]>;
  score(rows: TrainingMatrix): Float64Array;
}

/** Encoding, split, model, threshold, reference and baseline, as the train stage makes them of a frozen dataset. */
const trainOn = (table: Table, ids: Uint32Array): Trained => {
  const { contract } = table;
  const columns = Object.fromEntries(
    Object.entries(table.columns).map(([name, column]) => [name, pick(column, ids)]),
  );
  const encoding = freezeEncoding({ contract, contractDigest: "bench", dataset: table.name, columns });
  const matrix: TrainingMatrix = { rows: table.rows, ...encodeFrozen(table, encoding) };
  const own = takeRows(matrix, ids);
  const sets = temporalSplit(own.rows, null, { fit: 0.6, calibrate: 0.2, test: 0.2 }, 1);
  const [calibrate, test] = [takeRows(own, sets.calibrate), takeRows(own, sets.test)];
  const fitted = fitModel({
    encoding,
    family: "gradient-boosted-trees",
    parameters: { boosting: { trees: 100, leaves: 15 } },
    seed: 1,
    search: 1,
    fit: takeRows(own, sets.fit),
    stop: takeRows(own, sets.stop),
    calibrate,
  });
  if ("refused" in fitted) throw new Error(`${table.name}: ${fitted.detail}`);
  const score = (rows: TrainingMatrix): Float64Array => predictFitted(fitted.model, rows);
  const threshold = thresholdOf(contract, calibrate.label, score(calibrate));
  const { n, f1, f1_low, accuracy, brier, roc_auc, ece } = metricsOf(test.label, score(test), threshold);
  const reference = referenceOf({
    encoding,
    matrix: own,
    timesMs: null,
    unseen: [calibrate, test].map((part) => ({ label: part.label, scores: score(part), timesMs: null })),
  });
  return {
    encoding,
    matrix,
    features: encoding.features.map(({ feature }) => fromSparse(reference.features[feature] ?? [])),
    scores: addCounts(
      fromSparse(reference.scores.negative, SCORE_BINS),
      fromSparse(reference.scores.positive, SCORE_BINS),
    ),
    threshold,
    baseline: { n, f1, f1_low, accuracy, brier, roc_auc, ece, threshold },
    score,
  };
};

const pick = (column: Column, ids: Uint32Array): Column =>
  column instanceof Float64Array
    ? Float64Array.from(ids, (id) => column[id] ?? NaN)
    : {
        dictionary: column.dictionary,
        indices: Uint32Array.from(ids, (id) => column.indices[id] ?? 0xffffffff),
      };

const judgeInputs = (model: Trained, rows: TrainingMatrix, p: Float64Array): DriftRow[] => {
  const scores = emptyCounts(SCORE_BINS);
  for (const value of p) {
    const bin = scoreBin(value);
    scores[bin] = (scores[bin] ?? 0) + 1;
  }
  return judgeWindow({
    profile: DRIFT_PROFILES.governance,
    // A week, so that a feature with a weekly cycle is judged; it spends the budget of a day.
    windowMs: 7 * DAY_MS,
    budgetMs: DAY_MS,
    features: model.encoding.features.map((encoding, at) => ({
      encoding,
      reference: model.features[at] ?? null,
      current: countsOf(rows.codes[at] ?? new Uint8Array(0)),
    })),
    scores: { reference: model.scores, current: scores },
  });
};

const countsOf = (codes: Uint8Array): Counts => {
  const counts = emptyCounts();
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};

/** A window stands for a day, the `nth` since the promotion; every label has come. */
const performanceOf = (
  label: Uint8Array,
  p: Float64Array,
  threshold: number,
  nth: number,
): NonNullable<Evidence["performance"]> => {
  const { confusion, ...metrics } = metricsOf(label, p, threshold);
  const { n, positives, accuracy, precision, recall, f1, brier, log_loss, roc_auc, pr_auc, ece } = metrics;
  return {
    window_start: isoOf(nth * DAY_MS),
    window_end: isoOf((nth + 1) * DAY_MS),
    requests: n,
    coverage: 1,
    realised: {
      ...{ n, positives, threshold, ...confusion },
      ...{ accuracy, precision, recall, f1, brier, log_loss, roc_auc, pr_auc, ece },
    },
  };
};

/** The newest seven windows as one, exact sums of their confusion counts. */
const spanOf = (days: readonly NonNullable<Evidence["performance"]>[]): Evidence["performance_span"] => {
  const newest = days.slice(-7).map(({ realised }) => realised);
  const [some] = newest;
  if (some === undefined) return null;
  const sum = (of: (day: Realised) => number): number => newest.reduce((total, day) => total + of(day), 0);
  const confusion = {
    tp: sum((d) => d.tp),
    fp: sum((d) => d.fp),
    fn: sum((d) => d.fn),
    tn: sum((d) => d.tn),
  };
  const { accuracy, precision, recall, f1 } = confusionMetrics(confusion);
  const n = sum((day) => day.n);
  const ranking = { brier: null, log_loss: null, roc_auc: null, pr_auc: null, ece: null };
  const counts = { n, positives: sum((day) => day.positives), threshold: some.threshold, ...confusion };
  return {
    windows: newest.length,
    requests: n,
    coverage: 1,
    realised: { ...counts, accuracy, precision, recall, f1, ...ranking },
  };
};

const shippedPolicy = (): ReadyPolicy => {
  const parsed = parsePolicy(
    readFileSync(path.join(projectRoot(), "config", "policy.yaml"), "utf8"),
    "policy.yaml",
  );
  if (!parsed.ok) throw new Error("config/policy.yaml is not a policy");
  return parsed.policy;
};

const independentRows = (performance: ReadyPolicy["performance"]): ReadyPolicy["performance"] =>
  performance.degradation.method === "upper_limit"
    ? { ...performance, degradation: { ...performance.degradation, variance_inflation: 1 } }
    : performance;

/**
 * Whether a feature's distribution differs between two spans, whole against whole: the truth about inputs, whatever a file says of
 * them. Each feature's judging statistic with its p-value, corrected; the one with the smallest p first.
 */
export const inputsBetween = (
  table: Table,
  a: readonly [number, number],
  b: readonly [number, number],
): DriftRow[] => {
  const encoding = freezeEncoding({
    contract: table.contract,
    contractDigest: "bench",
    dataset: table.name,
    columns: table.columns,
  });
  const { codes } = encodeFrozen(table, encoding);
  const rows = judgeWindow({
    profile: DRIFT_PROFILES.governance,
    windowMs: 7 * DAY_MS,
    budgetMs: DAY_MS,
    features: encoding.features.map((feature, at) => ({
      encoding: feature,
      reference: countsOf((codes[at] ?? new Uint8Array(0)).subarray(...a)),
      current: countsOf((codes[at] ?? new Uint8Array(0)).subarray(...b)),
    })),
  });
  return rows
    .filter(({ subject, p_adjusted }) => subject === "feature" && p_adjusted !== null)
    .sort((x, y) => (x.p_adjusted ?? 1) - (y.p_adjusted ?? 1));
};
