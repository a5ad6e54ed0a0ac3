// Core, training: gradient-boosted trees on codes (STATISTICS §7): histogram-based, second order, leaf-wise, native names,
// early stopping on its own slice. Same rows, parameters and seed give the same trees, with one thread or several.
import type { Crew, Workspace } from "./kernel.ts";
import { CELLS, GROUP, JOB, alone } from "./kernel.ts";
import type { FeatureShape, TrainingMatrix } from "./matrix.ts";
import type { PackedRows } from "./pass-rows.ts";
import { addTree, packRows } from "./pass-rows.ts";
import { seeded } from "./seeded.ts";
import { onGrid } from "./tree.ts";
import type { Grown, Tree, TreeLog } from "./tree.ts";
import { growTree } from "./tree-grow.ts";

export type BoostingParameters = {
  readonly trees: number;
  readonly learningRate: number;
  readonly leaves: number;
  /** Deepest level of a leaf; 0: no limit. */
  readonly depth: number;
  readonly minRows: number;
  readonly minHessian: number;
  readonly l2: number;
  /** Shares of rows and features a tree sees, in (0, 1]. */
  readonly rowShare: number;
  readonly featureShare: number;
  /** Trees without improvement on the early-stopping slice before growth ends; 0: never ends early. */
  readonly patience: number;
};

export const BOOSTING_DEFAULTS: BoostingParameters = {
  trees: 300,
  learningRate: 0.1,
  leaves: 31,
  depth: 0,
  minRows: 20,
  minHessian: 1e-3,
  l2: 1,
  rowShare: 1,
  featureShare: 1,
  patience: 30,
};

/** A fitted ensemble: the margin (log-odds) of a row is `base` plus one leaf a tree. */
export type BoostedTrees = { readonly base: number; readonly trees: readonly Tree[] };

/** More rows would leave fewer than nine bits for a hessian in the exact sums. */
export const BOOSTING_ROWS_MAX = 2 ** 22;

/**
 * Fits the ensemble; `stop`, when given, ends growth early and chooses the number of trees. With `start`, growth goes on from an
 * ensemble fitted before: its trees stay as they are, and come first. `losses` are those of `stop` after 0, 1, … new trees.
 */
export const fitBoosting = (input: {
  readonly matrix: TrainingMatrix;
  readonly shapes: readonly FeatureShape[];
  readonly parameters: BoostingParameters;
  readonly seed: number;
  readonly stop?: TrainingMatrix;
  readonly start?: BoostedTrees | null;
  readonly crew?: Crew;
  /** Where an interrupted training left its trees; they come back instead of being grown again. */
  readonly log?: TreeLog;
  readonly onProgress?: (tree: number, trees: number) => void;
}): { ensemble: BoostedTrees; gains: number[]; losses: readonly number[] } => {
  const { matrix, shapes, parameters } = input;
  if (matrix.rows > BOOSTING_ROWS_MAX) throw new RangeError(`more than ${BOOSTING_ROWS_MAX} rows`);
  const crew = input.crew ?? alone();
  const start = input.start ?? { base: onGrid(logOdds(matrix)), trees: [] };
  const workspace = createWorkspace(matrix, parameters, crew);
  workspace.score.set(startingMargins(input.start, start, matrix));
  const draw = seeded(input.seed);
  const gainsOfTrees: (readonly number[])[] = [];
  const trees: Tree[] = [];
  const watch =
    input.stop === undefined
      ? null
      : createWatch(input.stop, startingMargins(input.start, start, input.stop));
  let rowsPacked: PackedRows | null = null;
  const packed = (): PackedRows => (rowsPacked ??= packRows(matrix.codes, matrix.rows));
  const run = { workspace, packed, crew, shapes, parameters, draw, log: input.log ?? null };
  crew.enlist(workspace);
  try {
    while (trees.length < parameters.trees) {
      const { tree, gains } = boostOnce(run);
      // A tree that cannot cut its root will not cut it next time either, unless another sample is drawn.
      if (tree.feature.length === 1 && parameters.rowShare === 1 && parameters.featureShare === 1) break;
      trees.push(tree);
      gainsOfTrees.push(gains);
      input.onProgress?.(trees.length, parameters.trees);
      const without = watch?.see(tree) ?? 0;
      if (parameters.patience > 0 && without >= parameters.patience) break;
    }
  } finally {
    crew.disband();
  }
  const kept = watch === null || parameters.patience === 0 ? trees.length : watch.best();
  return {
    ensemble: { base: start.base, trees: [...start.trees, ...trees.slice(0, kept)] },
    gains: sumOf(gainsOfTrees.slice(0, kept), shapes.length),
    losses: watch?.losses ?? [],
  };
};

/** Margins (log-odds) of rows under a fitted ensemble. */
export const marginsOfTrees = (ensemble: BoostedTrees, matrix: TrainingMatrix): Float64Array => {
  const margins = new Float64Array(matrix.rows).fill(ensemble.base);
  if (ensemble.trees.length === 0) return margins;
  const packed = packRows(matrix.codes, matrix.rows);
  for (const tree of ensemble.trees) addTree(tree, packed, margins);
  return margins;
};

/** Those that came with the rows, where growth goes on from an ensemble: passing all its trees again is most of a short fit. */
const startingMargins = (
  given: BoostedTrees | null | undefined,
  start: BoostedTrees,
  matrix: TrainingMatrix,
): Float64Array =>
  (given === undefined || given === null ? undefined : matrix.margins?.slice()) ??
  marginsOfTrees(start, matrix);

type Run = {
  readonly workspace: Workspace;
  /** The rows as a tree is passed by them; made when first asked for: only trees kept before, or grown on a sample, are passed. */
  readonly packed: () => PackedRows;
  readonly crew: Crew;
  readonly shapes: readonly FeatureShape[];
  readonly parameters: BoostingParameters;
  readonly draw: () => number;
  readonly log: TreeLog | null;
};

const boostOnce = (run: Run): Grown => {
  const { workspace, packed, crew, shapes, parameters, draw, log } = run;
  // The dice fall for a tree that comes back, too, so that they stand where they stood when the next one is grown.
  const sampled = sampleRows(workspace, parameters.rowShare, draw);
  const allowed = sampleFeatures(shapes.length, parameters.featureShare, draw);
  const known = log?.next() ?? null;
  if (known !== null) {
    addTree(known.tree, packed(), workspace.score);
    return known;
  }
  const scale = fillGradients(workspace, crew, sampled);
  const limits = { ...parameters };
  const gains = new Float64Array(shapes.length);
  const { tree, leaves } = growTree({ workspace, crew, shapes, allowed, sampled, scale, limits }, gains);
  const grown = { tree, gains: [...gains] };
  log?.keep(grown);
  if (sampled < workspace.rows) {
    addTree(tree, packed(), workspace.score);
    return grown;
  }
  leaves.forEach((leaf, at) =>
    workspace.leaves.set([leaf.begin, leaf.end, tree.value[leaf.node] ?? 0], 3 * at),
  );
  workspace.job.set([JOB.addLeaves, leaves.length, sampled]);
  crew.perform();
  return grown;
};

/** Fills and scales gradients so that sums over all rows stay whole numbers below 2^53. */
const fillGradients = (workspace: Workspace, crew: Crew, sampled: number) => {
  const { job, results, weight } = workspace;
  job.set([JOB.gradients]);
  crew.perform();
  const largest = Math.max(...results.subarray(0, crew.shares));
  const rowBits = Math.ceil(Math.log2(sampled + 1));
  const hessianBits = Math.min(22, 53 - 2 * rowBits);
  const heaviest = weight === null ? 1 : weight.reduce((a, b) => Math.max(a, b), 0);
  const scale = {
    unit: 2 ** (rowBits + hessianBits),
    gradient: 2 ** 23 / heaviest,
    hessian: (2 ** hessianBits - 1) / (largest > 0 ? largest : 1),
  };
  job.set([JOB.scale, scale.gradient, scale.hessian]);
  crew.perform();
  return scale;
};

/** Puts the sampled rows, ascending, at the front of `order`; answers how many they are. */
const sampleRows = (workspace: Workspace, share: number, draw: () => number): number => {
  const { order, rows } = workspace;
  let sampled = 0;
  for (let row = 0; row < rows; row++) if (share >= 1 || draw() < share) order[sampled++] = row;
  return sampled;
};

const sampleFeatures = (features: number, share: number, draw: () => number): number[] => {
  const all = [...Array(features).keys()];
  if (share >= 1) return all;
  const wanted = Math.max(1, Math.round(features * share));
  return all
    .map((feature) => ({ feature, at: draw() }))
    .sort((a, b) => a.at - b.at || a.feature - b.feature)
    .slice(0, wanted)
    .map(({ feature }) => feature)
    .sort((a, b) => a - b);
};

const createWorkspace = (matrix: TrainingMatrix, parameters: BoostingParameters, crew: Crew): Workspace => {
  const { rows, codes } = matrix;
  const words = Math.ceil(codes.length / GROUP);
  const leafSlots = parameters.leaves;
  const integers = (count: number): Uint32Array => new Uint32Array(crew.allocate(4 * count));
  const doubles = (count: number): Float64Array => new Float64Array(crew.allocate(8 * count));
  const label = new Uint8Array(crew.allocate(rows));
  label.set(matrix.label);
  const weight = matrix.weight === undefined ? null : new Float32Array(crew.allocate(4 * rows));
  if (matrix.weight !== undefined) weight?.set(matrix.weight);
  return {
    rows,
    features: codes.length,
    codes: packed(codes, words, integers(rows * words)),
    words,
    columns: codes.map((column) => {
      const shared = new Uint8Array(crew.allocate(rows));
      shared.set(column);
      return shared;
    }),
    label,
    weight,
    score: doubles(rows),
    pairs: new Float32Array(crew.allocate(8 * rows)),
    order: integers(rows),
    spare: integers(rows),
    histograms: doubles((leafSlots + crew.shares - 1) * words * GROUP * CELLS),
    leafSlots,
    goesLeft: new Uint8Array(crew.allocate(256)),
    leaves: doubles(3 * parameters.leaves),
    job: doubles(8),
    results: doubles(crew.shares),
  };
};

/** Puts four codes of a row into a word, and `words` words of a row side by side. */
const packed = (codes: readonly Uint8Array[], words: number, into: Uint32Array): Uint32Array => {
  codes.forEach((column, feature) => {
    const shift = 8 * (feature % GROUP);
    for (let row = 0, at = Math.floor(feature / GROUP); row < column.length; row++, at += words)
      into[at] = (into[at] ?? 0) | ((column[row] ?? 0) << shift);
  });
  return into;
};

const logOdds = (matrix: TrainingMatrix): number => {
  let positive = 0;
  let all = 0;
  for (let row = 0; row < matrix.rows; row++) {
    const weight = matrix.weight?.[row] ?? 1;
    all += weight;
    if (matrix.label[row] === 1) positive += weight;
  }
  return Math.log(positive / (all - positive));
};

/** Follows the log loss on the early-stopping slice. */
const createWatch = (slice: TrainingMatrix, margins: Float64Array) => {
  const packed = packRows(slice.codes, slice.rows);
  const losses = [logLossOf(margins, slice)];
  let best = 0;
  return {
    losses,
    /** Answers how many trees ago the loss was best. */
    see: (tree: Tree): number => {
      addTree(tree, packed, margins);
      const loss = logLossOf(margins, slice);
      const seen = losses.push(loss) - 1;
      if (loss < (losses[best] ?? NaN)) best = seen;
      return seen - best;
    },
    best: (): number => best,
  };
};

/** Mean log loss of margins, weighted as the rows are: log(1 + e^z) − y·z. */
export const logLossOf = (margins: Float64Array, matrix: TrainingMatrix): number => {
  let loss = 0;
  let all = 0;
  for (let row = 0; row < matrix.rows; row++) {
    const z = margins[row] ?? 0;
    const weight = matrix.weight?.[row] ?? 1;
    loss += weight * (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - (matrix.label[row] ?? 0) * z);
    all += weight;
  }
  return loss / all;
};

const sumOf = (parts: readonly (readonly number[])[], length: number): number[] => {
  const sum = Array<number>(length).fill(0);
  for (const part of parts) part.forEach((gain, at) => (sum[at] = (sum[at] ?? 0) + gain));
  return sum;
};
