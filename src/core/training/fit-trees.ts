// Core, training: chooses what an ensemble starts from, its parameters and its number of trees, then fits it. Where rows are many, on
// the early-stopping slice; where they are scarce, on whole blocks (days) left out in turn, and the fit then takes all rows.
import type { Encoding } from "../../../contracts/encoding.ts";
import type { BoostedTrees, BoostingParameters } from "./boosting.ts";
import { BOOSTING_DEFAULTS, fitBoosting } from "./boosting.ts";
import type { Crew } from "./kernel.ts";
import type { TrainingMatrix } from "./matrix.ts";
import { joinRows, shapesOf, takeRows } from "./matrix.ts";
import { replayTrees } from "./replay-trees.ts";
import { searchBoosting } from "./search.ts";
import { seeded, shuffled } from "./seeded.ts";
import type { TreeLog } from "./tree.ts";

type Input = {
  readonly encoding: Encoding;
  readonly boosting: Partial<BoostingParameters>;
  readonly seed: number;
  readonly search: number;
  readonly fit: TrainingMatrix;
  readonly stop: TrainingMatrix;
  readonly start?: BoostedTrees | null;
  readonly crew?: Crew;
  readonly log?: TreeLog;
  readonly onProgress?: (done: number, total: number) => void;
};

/** From so many rows on, the stopping slice's rows add less than a second fit costs, and the slice alone judges well enough. */
const REFIT_ROWS_MAX = 100_000;
/** Blocks are left out in so many turns, where there are at least so many of them. */
const FOLDS = 4;
const BLOCKS_MIN = 8;

type Plan = { readonly parameters: BoostingParameters; readonly start: BoostedTrees | null };
type Fit = ReturnType<typeof fitBoosting>;
/** New trees and their loss on rows not fitted on; `fit` where the fit that was judged is the one to keep. */
type Tried = Plan & { readonly trees: number; readonly loss: number; readonly fit: Fit | null };

/** Fits the ensemble; `gains` weigh the features, `parameters` say what was chosen. */
export const fitTrees = (
  input: Input,
): { ensemble: BoostedTrees; gains: number[]; parameters: Record<string, number> } => {
  const configured = { ...BOOSTING_DEFAULTS, ...input.boosting };
  const starts = input.start === undefined || input.start === null ? [null] : [input.start, null];
  const plans = searchBoosting(configured, input.search, input.seed).flatMap((parameters) =>
    starts.map((start) => ({ parameters, start })),
  );
  const scarce = input.fit.rows < REFIT_ROWS_MAX;
  const rows = scarce ? joinRows(input.fit, input.stop) : input.fit;
  const before = input.start === undefined || input.start === null ? null : replayTrees(input.start, rows);
  const whole = before === null ? rows : { ...rows, margins: before.margins };
  const folds = scarce ? foldsOf(whole, input.seed) : [];
  const turns = folds.length === 0 ? [{ fit: scarce ? input.fit : whole, judge: input.stop }] : folds;
  const fitOn = fitter(input, (plans.length * turns.length + (scarce ? 1 : 0)) * configured.trees);
  const best = plans
    .map((plan) => tryOut(plan, turns, fitOn, !scarce))
    .reduce((a, b) => (b.loss < a.loss ? b : a));
  const { ensemble, gains } =
    best.fit ?? fitOn({ ...best, parameters: { ...best.parameters, trees: best.trees } }, whole);
  const earlier = best.start === null ? null : before?.gains(best.parameters.l2);
  return {
    ensemble,
    gains: gains.map((gain, feature) => gain + (earlier?.[feature] ?? 0)),
    parameters: {
      trees: ensemble.trees.length,
      start_trees: best.start?.trees.length ?? 0,
      learning_rate: best.parameters.learningRate,
      leaves: best.parameters.leaves,
      depth: best.parameters.depth,
      min_rows: best.parameters.minRows,
      min_hessian: best.parameters.minHessian,
      l2: best.parameters.l2,
      row_share: best.parameters.rowShare,
      feature_share: best.parameters.featureShare,
      patience: best.parameters.patience,
      stop_log_loss: best.loss,
    },
  };
};

type Turn = { readonly fit: TrainingMatrix; readonly judge: TrainingMatrix };
type FitsOn = (plan: Plan, rows: TrainingMatrix, judge?: TrainingMatrix) => Fit;

/** Fits plan after plan, each counted as all its trees by the progress, however early it ends. */
const fitter = (input: Input, total: number): FitsOn => {
  const shapes = shapesOf(input.encoding);
  let done = 0;
  return (plan, matrix, judge) => {
    const before = done;
    done += plan.parameters.trees;
    return fitBoosting({
      ...plan,
      shapes,
      matrix,
      seed: input.seed,
      ...(judge === undefined ? {} : { stop: judge }),
      ...(input.crew === undefined ? {} : { crew: input.crew }),
      ...(input.log === undefined ? {} : { log: input.log }),
      onProgress: (tree) => input.onProgress?.(before + tree, total),
    });
  };
};

/** The number of trees with the smallest loss over all turns' rows; all of them where growth never ends early. */
const tryOut = (plan: Plan, turns: readonly Turn[], fitOn: FitsOn, keep: boolean): Tried => {
  const fits = turns.map(({ fit, judge }) => ({ fitted: fitOn(plan, fit, judge), rows: judge.rows }));
  const rows = fits.reduce((sum, turn) => sum + turn.rows, 0);
  const most = Math.max(...fits.map(({ fitted }) => fitted.losses.length)) - 1;
  /** A turn that ended early keeps its last loss. */
  const lossAt = (trees: number): number =>
    fits.reduce((sum, turn) => {
      const { losses } = turn.fitted;
      return sum + (turn.rows / rows) * (losses[Math.min(trees, losses.length - 1)] ?? NaN);
    }, 0);
  let best = { trees: most, loss: lossAt(most) };
  for (let trees = 0; plan.parameters.patience > 0 && trees < most; trees++) {
    const loss = lossAt(trees);
    if (loss < best.loss) best = { trees, loss };
  }
  return { ...plan, ...best, fit: keep ? (fits[0]?.fitted ?? null) : null };
};

/** Whole blocks left out in turn, by the seed; none where blocks are unknown or few, or a turn would have but one class to fit. */
const foldsOf = (matrix: TrainingMatrix, seed: number): Turn[] => {
  const { block } = matrix;
  if (block === undefined) return [];
  const blocks = [...new Set(block)].sort((a, b) => a - b);
  if (blocks.length < BLOCKS_MIN) return [];
  const foldOf = new Map(
    [...shuffled(blocks.length, seeded(seed))].map((at, nth) => [blocks[at], nth % FOLDS]),
  );
  const every = Uint32Array.from({ length: matrix.rows }, (_, row) => row);
  const folds = Array.from({ length: FOLDS }, (_, fold): Turn => ({
    fit: takeRows(
      matrix,
      every.filter((row) => foldOf.get(block[row]) !== fold),
    ),
    judge: takeRows(
      matrix,
      every.filter((row) => foldOf.get(block[row]) === fold),
    ),
  }));
  const oneClass = ({ fit }: Turn): boolean => fit.label.every((label) => label === fit.label[0]);
  return folds.some(oneClass) ? [] : folds;
};
