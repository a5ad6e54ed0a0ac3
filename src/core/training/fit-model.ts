// Core, training: the one entry a training stage calls: fits a family, chooses parameters on the early-stopping slice,
// calibrates on its own rows and weighs the features. The fitted model is plain JSON-able data; the test set is never seen.
import type { Encoding } from "../../../contracts/encoding.ts";
import type { BoostedTrees, BoostingParameters } from "./boosting.ts";
import { BOOSTING_ROWS_MAX, logLossOf, marginsOfTrees } from "./boosting.ts";
import type { Calibrator } from "./calibration.ts";
import { calibrate, fitCalibrator } from "./calibration.ts";
import { fitTrees } from "./fit-trees.ts";
import type { Crew } from "./kernel.ts";
import type { LinearMargin, LogisticParameters } from "./logistic.ts";
import { LOGISTIC_DEFAULTS, fitLogistic, marginsOfLinear } from "./logistic.ts";
import type { TrainingMatrix } from "./matrix.ts";
import { joinRows } from "./matrix.ts";
import { searchLogistic } from "./search.ts";
import type { TreeLog } from "./tree.ts";

export type Family = "logistic-regression" | "gradient-boosted-trees";

/** What an operator may set; anything absent takes its default. `classWeight: balanced` weighs both classes alike. */
export type TrainingParameters = {
  readonly boosting?: Partial<BoostingParameters>;
  readonly logistic?: Partial<LogisticParameters>;
  readonly classWeight?: "none" | "balanced";
};

/** A fitted model: margin (log-odds) by trees or terms, probability by the calibrator. */
export type FittedModel = {
  readonly v: 1;
  readonly calibrator: Calibrator;
} & (
  | { readonly family: "gradient-boosted-trees"; readonly ensemble: BoostedTrees }
  | { readonly family: "logistic-regression"; readonly linear: LinearMargin }
);

export type TrainingRefusal = {
  readonly refused: "one_class" | "no_rows" | "too_many_rows" | "not_finite";
  readonly detail: string;
};

export type Fitted = {
  readonly model: FittedModel;
  /** The parameters used, flat, as the bundle's metadata keeps them. */
  readonly parameters: Record<string, number | string | boolean>;
  /** Shares by feature that sum to 1 (all 0 when no feature is used). */
  readonly importance: Record<string, number>;
  /** Log loss of each calibrator out of fold on the calibration slice. */
  readonly outOfFold: { readonly platt: number; readonly isotonic: number };
};

export type FitInput = {
  readonly encoding: Encoding;
  readonly family: Family;
  readonly parameters: TrainingParameters;
  readonly seed: number;
  /** Parameter sets to try, the configured one included; 1: no search. */
  readonly search: number;
  readonly fit: TrainingMatrix;
  readonly stop: TrainingMatrix;
  readonly calibrate: TrainingMatrix;
  /** Trees to go on from, of a model that has seen none of these rows; they are used where that is better than beginning anew. */
  readonly start?: BoostedTrees | null;
  readonly crew?: Crew;
  /** Lets an interrupted training of trees go on where it stopped; the other family has nothing worth keeping. */
  readonly log?: TreeLog;
  readonly onProgress?: (done: number, total: number) => void;
};

/** Fits, calibrates and weighs a model; a refusal says which rows cannot be learned from. */
export const fitModel = (input: FitInput): Fitted | TrainingRefusal => {
  const refusal = refusalOf(input);
  if (refusal !== null) return refusal;
  const weighted = {
    ...input,
    fit: balance(input.fit, input.parameters.classWeight),
    stop: balance(input.stop, input.parameters.classWeight),
  };
  const { margin, parameters, weights } =
    input.family === "gradient-boosted-trees" ? boosted(weighted) : fitRegression(weighted);
  const margins = marginsOf(margin, input.calibrate);
  const { calibrator, outOfFold } = fitCalibrator(margins, input.calibrate.label, input.seed);
  return {
    model: { v: 1, ...margin, calibrator },
    parameters: { ...parameters, class_weight: input.parameters.classWeight ?? "none" },
    importance: shares(input.encoding, weights),
    outOfFold,
  };
};

/** Probabilities of rows under a fitted model, as the exported graph gives them within 1e-5. */
export const predictFitted = (model: FittedModel, matrix: TrainingMatrix): Float64Array =>
  marginsOf(model, matrix).map((margin) => calibrate(model.calibrator, margin));

type Margin =
  | { readonly family: "gradient-boosted-trees"; readonly ensemble: BoostedTrees }
  | { readonly family: "logistic-regression"; readonly linear: LinearMargin };

type Part = {
  readonly margin: Margin;
  readonly parameters: Record<string, number>;
  /** One non-negative weight a feature. */
  readonly weights: readonly number[];
};

/** Margins (log-odds before the calibrator) of rows. */
export const marginsOf = (model: Margin, matrix: TrainingMatrix): Float64Array =>
  model.family === "gradient-boosted-trees"
    ? marginsOfTrees(model.ensemble, matrix)
    : marginsOfLinear(model.linear, matrix);

const boosted = (input: FitInput): Part => {
  const { ensemble, parameters, gains } = fitTrees({ ...input, boosting: input.parameters.boosting ?? {} });
  return { margin: { family: "gradient-boosted-trees", ensemble }, parameters, weights: gains };
};

const fitRegression = (input: FitInput): Part => {
  const configured = { ...LOGISTIC_DEFAULTS, ...input.parameters.logistic };
  const candidates = searchLogistic(configured, input.search, input.seed);
  const tried =
    candidates.length === 1
      ? [{ parameters: configured, loss: 0 }]
      : candidates.map((parameters, nth) => {
          const { linear } = fitLogistic(input.fit, input.encoding, parameters);
          input.onProgress?.(nth + 1, candidates.length + 1);
          return { parameters, loss: logLossOf(marginsOfLinear(linear, input.stop), input.stop) };
        });
  const best = tried.reduce((a, b) => (b.loss < a.loss ? b : a));
  const whole = joinRows(input.fit, input.stop);
  const { linear, spread, steps } = fitLogistic(whole, input.encoding, best.parameters);
  input.onProgress?.(candidates.length + 1, candidates.length + 1);
  return {
    margin: { family: "logistic-regression", linear },
    parameters: { l2: best.parameters.l2, tolerance: best.parameters.tolerance, newton_steps: steps },
    weights: spread,
  };
};

const refusalOf = (input: FitInput): TrainingRefusal | null => {
  for (const slice of ["fit", "stop", "calibrate"] as const) {
    const { rows, label, values } = input[slice];
    if (rows === 0) return { refused: "no_rows", detail: `${slice}: no rows` };
    const positives = label.reduce((sum, y) => sum + y, 0);
    if (positives === 0 || positives === rows)
      return {
        refused: "one_class",
        detail: `${slice}: all ${rows} rows have label ${positives === 0 ? 0 : 1}`,
      };
    const at = values?.findIndex((column) => column?.some((v) => v === Infinity || v === -Infinity)) ?? -1;
    if (at >= 0)
      return {
        refused: "not_finite",
        detail: `${slice}: ${input.encoding.features[at]?.feature ?? ""} is infinite`,
      };
  }
  const rows = input.fit.rows + input.stop.rows;
  return input.family === "gradient-boosted-trees" && rows > BOOSTING_ROWS_MAX
    ? { refused: "too_many_rows", detail: `${rows} rows to fit, at most ${BOOSTING_ROWS_MAX}` }
    : null;
};

const balance = (matrix: TrainingMatrix, classWeight: "none" | "balanced" = "none"): TrainingMatrix => {
  if (classWeight === "none") return matrix;
  const positives = matrix.label.reduce((sum, y) => sum + y, 0);
  const heavy = [matrix.rows / (2 * (matrix.rows - positives)), matrix.rows / (2 * positives)] as const;
  const weight = Float32Array.from(
    matrix.label,
    (y, row) => (y === 1 ? heavy[1] : heavy[0]) * (matrix.weight?.[row] ?? 1),
  );
  return { ...matrix, weight };
};

const shares = (encoding: Encoding, weights: readonly number[]): Record<string, number> => {
  const whole = weights.reduce((sum, weight) => sum + weight, 0);
  return Object.fromEntries(
    encoding.features.map(({ feature }, at) => [feature, whole > 0 ? (weights[at] ?? 0) / whole : 0]),
  );
};
