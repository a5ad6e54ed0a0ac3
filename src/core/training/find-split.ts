// Core, training: the best split of one node by one feature, read off its histogram (second-order gain). Ordered codes are
// cut, names are sorted by gradient and cut, missing goes where it helps. Never sees rows; on a tie the earlier split stays.
import { MISSING, OTHER } from "../../../contracts/encoding.ts";
import type { FeatureShape } from "./matrix.ts";

/** Exact whole-number sums of a node: scaled gradients, and rows × unit + scaled hessians in one number. */
export type Sums = { readonly gradient: number; readonly mass: number };

/** How whole-number sums turn into the loss's own units. */
export type Scale = { readonly unit: number; readonly gradient: number; readonly hessian: number };

/** `upTo`: codes ≤ it go left, missing as `missingLeft` says. `members`: these codes go left, every other right. */
export type Rule =
  { readonly upTo: number; readonly missingLeft: boolean } | { readonly members: readonly number[] };

export type Split = { readonly gain: number; readonly rule: Rule; readonly left: Sums };

export type SplitLimits = { readonly l2: number; readonly minRows: number; readonly minHessian: number };

/** Where a feature's histogram is judged: its cells, the node's sums, the units and the limits. */
export type Node = {
  /** 256 codes × [gradient, mass]. */
  readonly cells: Float64Array;
  readonly total: Sums;
  readonly scale: Scale;
  readonly limits: SplitLimits;
};

/** Names with fewer rows in a node are not judged; ranks are shrunk by as much hessian (LightGBM's cat_smooth). */
const NAME_SMOOTH = 10;
/** Extra L2 of a split by a sorted set of names, and the most names such a set may have (cat_l2, max_cat_threshold). */
const NAME_L2 = 10;
const NAMES_MAX = 32;
/** Up to this many names, each is tried alone against the rest (max_cat_to_onehot). */
const NAMES_ALONE = 4;

/** Finds the split with the largest gain; null when none is allowed or none gains. */
export const findSplit = (shape: FeatureShape, node: Node): Split | null =>
  shape.kind === "ordered" ? cutOrdered(shape, node) : cutNames(shape.codes, node);

/** Rows of a sum; exact, because the hessian part stays below one unit. */
export const rowsOf = (mass: number, scale: Scale): number => Math.floor(mass / scale.unit);

/** Hessian of a sum in the loss's own units. */
export const hessianOf = (mass: number, scale: Scale): number =>
  (mass - rowsOf(mass, scale) * scale.unit) / scale.hessian;

/** Gain of parting `total` into a left part of these sums and the rest; −1 when a limit forbids it. */
const gainOf = (gradient: number, mass: number, node: Node, l2: number): number => {
  const { total, scale, limits } = node;
  const leftRows = rowsOf(mass, scale);
  const rightMass = total.mass - mass;
  const rightRows = rowsOf(rightMass, scale);
  if (leftRows < limits.minRows || rightRows < limits.minRows) return -1;
  const leftHessian = (mass - leftRows * scale.unit) / scale.hessian;
  const rightHessian = (rightMass - rightRows * scale.unit) / scale.hessian;
  if (leftHessian < limits.minHessian || rightHessian < limits.minHessian) return -1;
  const left = gradient / scale.gradient;
  const right = (total.gradient - gradient) / scale.gradient;
  return (left * left) / (leftHessian + l2) + (right * right) / (rightHessian + l2);
};

/** What the node is worth uncut; a split must be worth more. */
const worthUncut = (node: Node): number => {
  const gradient = node.total.gradient / node.scale.gradient;
  return (gradient * gradient) / (hessianOf(node.total.mass, node.scale) + node.limits.l2);
};

const cutOrdered = ({ codes, missing }: FeatureShape, node: Node): Split | null => {
  const { cells, total, limits } = node;
  const missingGradient = cells[2 * MISSING] ?? 0;
  const missingMass = cells[2 * MISSING + 1] ?? 0;
  const present = total.mass - missingMass;
  let [best, bestCode, bestGradient, bestMass, missingLeft] = [worthUncut(node), -1, 0, 0, false];
  let gradient = 0;
  let mass = 0;
  for (let code = 0; code < codes && mass < present; code++) {
    const cell = cells[2 * code + 1] ?? 0;
    if (cell === 0) continue;
    gradient += cells[2 * code] ?? 0;
    mass += cell;
    const gain = gainOf(gradient, mass, node, limits.l2);
    // With every value on the left the split asks only "is it missing?", whatever value may come later.
    if (gain > best)
      [best, bestCode, bestGradient, bestMass, missingLeft] = [
        gain,
        mass === present ? codes - 1 : code,
        gradient,
        mass,
        false,
      ];
    if (missingMass === 0) continue;
    const withMissing = gainOf(gradient + missingGradient, mass + missingMass, node, limits.l2);
    if (withMissing > best)
      [best, bestCode, bestGradient, bestMass, missingLeft] = [
        withMissing,
        code,
        gradient + missingGradient,
        mass + missingMass,
        true,
      ];
  }
  if (bestCode < 0) return null;
  // Where nothing was missing the split cannot know where missing should go: NaN follows the larger part, and the number
  // 255 stays on the right, where a comparison puts it anyway.
  if (missingMass === 0) missingLeft = missing === "nan" && 2 * bestMass >= total.mass;
  return {
    gain: best - worthUncut(node),
    rule: { upTo: bestCode, missingLeft },
    left: { gradient: bestGradient, mass: bestMass },
  };
};

type Name = {
  readonly code: number;
  readonly gradient: number;
  readonly mass: number;
  readonly rank: number;
};

const cutNames = (codes: number, node: Node): Split | null => {
  const { cells, scale } = node;
  const names: Name[] = [];
  for (let at = 0; at < codes + 2; at++) {
    const code = at < codes ? at : at === codes ? OTHER : MISSING;
    const mass = cells[2 * code + 1] ?? 0;
    if (mass === 0) continue;
    const gradient = cells[2 * code] ?? 0;
    const rank = gradient / scale.gradient / (hessianOf(mass, scale) + NAME_SMOOTH);
    names.push({ code, gradient, mass, rank });
  }
  if (names.length <= NAMES_ALONE)
    return bestPrefix(
      names.map((name) => [name]),
      node,
      0,
    );
  const ranked = names
    .filter(({ mass }) => rowsOf(mass, scale) >= NAME_SMOOTH)
    .sort((a, b) => a.rank - b.rank || a.code - b.code);
  return bestPrefix([ranked, ranked.toReversed()], node, NAME_L2);
};

/** Tries the prefixes of each list as the left part. */
const bestPrefix = (lists: readonly (readonly Name[])[], node: Node, extraL2: number): Split | null => {
  const l2 = node.limits.l2 + extraL2;
  const uncut = worthUncut(node);
  let [best, bestList, bestTaken, bestGradient, bestMass] = [0, lists[0], 0, 0, 0];
  for (const list of lists) {
    let gradient = 0;
    let mass = 0;
    const most = Math.min(list.length, NAMES_MAX);
    for (let taken = 0; taken < most; taken++) {
      const name = list[taken];
      if (name === undefined) break;
      gradient += name.gradient;
      mass += name.mass;
      const gain = gainOf(gradient, mass, node, l2) - uncut;
      if (gain > best)
        [best, bestList, bestTaken, bestGradient, bestMass] = [gain, list, taken + 1, gradient, mass];
    }
  }
  if (bestList === undefined || bestTaken === 0) return null;
  const members = bestList
    .slice(0, bestTaken)
    .map(({ code }) => code)
    .sort((a, b) => a - b);
  return { gain: best, rule: { members }, left: { gradient: bestGradient, mass: bestMass } };
};
