// Core, training: grows one tree leaf by leaf, always cutting the leaf that gains most, on a workspace whose gradients are
// already filled and scaled. Histograms of a larger child come by subtraction. Never draws dice, never touches labels.
import type { Scale, Split, SplitLimits, Sums } from "./find-split.ts";
import { findSplit, hessianOf, rowsOf } from "./find-split.ts";
import type { Crew, Workspace } from "./kernel.ts";
import { CELLS, JOB, performShare, slotOf } from "./kernel.ts";
import type { FeatureShape } from "./matrix.ts";
import { fillChildren, onGrid } from "./tree.ts";
import type { Tree } from "./tree.ts";

export type Growth = {
  readonly workspace: Workspace;
  readonly crew: Crew;
  readonly shapes: readonly FeatureShape[];
  /** Features this tree may use. */
  readonly allowed: readonly number[];
  /** Rows of `order` this tree is grown on: its first `sampled`. */
  readonly sampled: number;
  readonly scale: Scale;
  readonly limits: SplitLimits & {
    readonly leaves: number;
    /** 0: no limit. */
    readonly depth: number;
    readonly learningRate: number;
  };
};

/** A leaf still open to be cut: its rows' range in `order`, its histogram's slot and its best split. */
type Leaf = {
  readonly node: number;
  readonly begin: number;
  readonly end: number;
  readonly depth: number;
  readonly slot: number;
  readonly sums: Sums;
  readonly best: { readonly feature: number; readonly split: Split } | null;
};

/** A leaf not judged yet. */
type End = Omit<Leaf, "best">;

/** Below this many rows waking other threads costs more than it saves. */
const ROWS_WORTH_SHARING = 8192;

/** Grows a tree; `gains[f]` collects what the splits on feature f gained. */
export const growTree = (growth: Growth, gains: Float64Array): { tree: Tree; leaves: Leaf[] } => {
  const { limits } = growth;
  const nodes = createNodes();
  const end = growth.sampled;
  fillHistogram(growth, { begin: 0, end, slot: 0 }, -1);
  const sums = totals(growth.workspace);
  const root: End = { node: nodes.add(sums, growth), begin: 0, end, depth: 0, slot: 0, sums };
  const leaves = [judge(growth, root)];
  while (leaves.length < limits.leaves) {
    const at = indexOfBest(leaves);
    const leaf = leaves[at];
    if (leaf === undefined || leaf.best === null) break;
    const { feature, split } = leaf.best;
    gains[feature] = (gains[feature] ?? 0) + split.gain;
    const [left, right] = cut(growth, nodes, leaf, leaves.length);
    leaves[at] = left;
    leaves.push(right);
  }
  return { tree: nodes.tree(), leaves };
};

const indexOfBest = (leaves: readonly Leaf[]): number => {
  let best = -1;
  let gain = 0;
  leaves.forEach((leaf, at) => {
    if (leaf.best !== null && leaf.best.split.gain > gain) [best, gain] = [at, leaf.best.split.gain];
  });
  return best;
};

/** Parts a leaf's rows, makes the smaller child's histogram and leaves the rest of the parent's to the larger one. */
const cut = (growth: Growth, nodes: Nodes, leaf: Leaf, freeSlot: number): [Leaf, Leaf] => {
  const { feature, split } = leaf.best ?? unreachable();
  const middle = leaf.begin + partitionRows(growth, leaf, feature, split);
  const right: Sums = {
    gradient: leaf.sums.gradient - split.left.gradient,
    mass: leaf.sums.mass - split.left.mass,
  };
  const ids = [nodes.add(split.left, growth), nodes.add(right, growth)] as const;
  nodes.split(leaf.node, feature, split, ids);
  const depth = leaf.depth + 1;
  const leftIsSmaller = middle - leaf.begin <= leaf.end - middle;
  const [leftSlot, rightSlot] = leftIsSmaller ? [freeSlot, leaf.slot] : [leaf.slot, freeSlot];
  const ends = [
    { node: ids[0], begin: leaf.begin, end: middle, depth, slot: leftSlot, sums: split.left },
    { node: ids[1], begin: middle, end: leaf.end, depth, slot: rightSlot, sums: right },
  ] as const;
  if (!ends.some((end) => mayBeCut(growth, end))) return [leafOf(ends[0], null), leafOf(ends[1], null)];
  const [small, large] = leftIsSmaller ? ends : ([ends[1], ends[0]] as const);
  fillHistogram(growth, small, leaf.slot);
  const first = judge(growth, small);
  const second = judge(growth, large);
  return leftIsSmaller ? [first, second] : [second, first];
};

const fillHistogram = (
  growth: Growth,
  { begin, end, slot }: Pick<Leaf, "begin" | "end" | "slot">,
  parentSlot: number,
): void => {
  const rows = end - begin;
  const counters = run(growth, rows, [JOB.histogram, begin, end, slot, growth.scale.unit]);
  run(growth, rows, [JOB.gather, slot, parentSlot, counters]);
};

const mayBeCut = ({ limits }: Growth, leaf: { depth: number; begin: number; end: number }): boolean =>
  (limits.depth === 0 || leaf.depth < limits.depth) && leaf.end - leaf.begin >= 2 * limits.minRows;

/** Fields are written out: leaves made by spreading differ in shape, and every reader of a leaf gets slow. */
const leafOf = ({ node, begin, end, depth, slot, sums }: End, best: Leaf["best"]): Leaf => ({
  node,
  begin,
  end,
  depth,
  slot,
  sums,
  best,
});

const judge = (growth: Growth, leaf: End): Leaf => {
  if (!mayBeCut(growth, leaf)) return leafOf(leaf, null);
  const { scale, limits } = growth;
  const histogram = slotOf(growth.workspace, leaf.slot);
  let best: Leaf["best"] = null;
  for (const feature of growth.allowed) {
    const shape = growth.shapes[feature];
    if (shape === undefined) continue;
    const cells = histogram.subarray(feature * CELLS, (feature + 1) * CELLS);
    const split = findSplit(shape, { cells, total: leaf.sums, scale, limits });
    if (split !== null && split.gain > (best?.split.gain ?? 0)) best = { feature, split };
  }
  return leafOf(leaf, best);
};

/** Runs a job with the whole crew, or alone when it is small; the sums are exact, so both give the same. */
const run = ({ workspace, crew }: Growth, rows: number, job: readonly number[]): number => {
  workspace.job.set(job);
  if (rows >= ROWS_WORTH_SHARING) {
    crew.perform();
    return crew.shares;
  }
  performShare(workspace, 0, 1);
  return 1;
};

/** Moves a leaf's rows so that those going left come first, in their old order; answers how many they are. */
const partitionRows = (growth: Growth, leaf: Leaf, feature: number, split: Split): number => {
  const { order, spare, results } = growth.workspace;
  fillChildren(split.rule, growth.workspace.goesLeft, 1, 0);
  const rows = leaf.end - leaf.begin;
  const shares = run(growth, rows, [JOB.partition, leaf.begin, leaf.end, feature]);
  const start = (share: number): number => leaf.begin + Math.floor((rows * share) / shares);
  let at = leaf.begin;
  for (let share = 0; share < shares; share++) {
    const left = results[share] ?? 0;
    order.copyWithin(at, start(share), start(share) + left);
    at += left;
  }
  const lefts = at - leaf.begin;
  for (let share = 0; share < shares; share++) {
    const right = start(share + 1) - start(share) - (results[share] ?? 0);
    order.set(spare.subarray(start(share), start(share) + right), at);
    at += right;
  }
  return lefts;
};

/** Sums of all rows, from the histogram of any one feature at the root. */
const totals = (workspace: Workspace): Sums => {
  const cells = slotOf(workspace, 0);
  let gradient = 0;
  let mass = 0;
  for (let code = 0; code < CELLS; code += 2) {
    gradient += cells[code] ?? 0;
    mass += cells[code + 1] ?? 0;
  }
  return { gradient, mass };
};

type Nodes = ReturnType<typeof createNodes>;

const createNodes = () => {
  const feature: number[] = [];
  const rule: Tree["rule"][number][] = [];
  const left: number[] = [];
  const right: number[] = [];
  const value: number[] = [];
  const rows: number[] = [];
  return {
    /** Adds a leaf: the Newton step of its rows, damped, on the grid of exact sums. */
    add: (sums: Sums, { scale, limits }: Growth): number => {
      const step = -sums.gradient / scale.gradient / (hessianOf(sums.mass, scale) + limits.l2);
      for (const links of [left, right]) links.push(0);
      rule.push(null);
      value.push(onGrid(step * limits.learningRate));
      rows.push(rowsOf(sums.mass, scale));
      return feature.push(-1) - 1;
    },
    split: (node: number, by: number, split: Split, children: readonly [number, number]): void => {
      feature[node] = by;
      rule[node] = split.rule;
      [left[node], right[node]] = children;
      value[node] = 0;
    },
    tree: (): Tree => ({ feature, rule, left, right, value, rows }),
  };
};

const unreachable = (): never => {
  throw new Error("a leaf without a split was cut");
};
