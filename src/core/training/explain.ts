// Core, training: why a row got its margin. Exact path-dependent TreeSHAP for trees (Lundberg et al., 2020), terms for
// linear models. Contributions are on the log-odds before the calibrator; base + their sum is the margin within 1e-6.
import type { FittedModel } from "./fit-model.ts";
import { contribution } from "./logistic.ts";
import type { LinearMargin } from "./logistic.ts";
import type { Tree } from "./tree.ts";
import { goesLeft } from "./tree.ts";

/** All that explaining needs, plain JSON. `base` is the mean margin over the training rows. */
export type Explainer =
  | { readonly v: 1; readonly kind: "trees"; readonly base: number; readonly trees: readonly Tree[] }
  | { readonly v: 1; readonly kind: "linear"; readonly base: number; readonly linear: LinearMargin };

/** A row as it was served: its codes, and raw values of continuous features (null or NaN = missing). */
export type ExplainedRow = { readonly codes: ArrayLike<number>; readonly values: ArrayLike<number | null> };

/** Takes from a fitted model what explaining needs. */
export const explainerOf = (model: FittedModel): Explainer =>
  model.family === "gradient-boosted-trees"
    ? {
        v: 1,
        kind: "trees",
        base: model.ensemble.trees.reduce((sum, tree) => sum + meanValue(tree), model.ensemble.base),
        trees: model.ensemble.trees,
      }
    : { v: 1, kind: "linear", base: model.linear.intercept, linear: model.linear };

/** One contribution a feature, in contract order, on the log-odds margin. */
export const explain = (
  explainer: Explainer,
  row: ExplainedRow,
): { base: number; contributions: number[]; margin: number } => {
  const features = row.codes.length;
  const contributions = Array<number>(features).fill(0);
  if (explainer.kind === "linear")
    explainer.linear.terms.forEach((term, feature) => {
      contributions[feature] = contribution(term, row.codes[feature] ?? 0, row.values[feature] ?? null);
    });
  else for (const tree of explainer.trees) shapOfTree(tree, row.codes, contributions);
  const margin = contributions.reduce((sum, share) => sum + share, explainer.base);
  return { base: explainer.base, contributions, margin };
};

/** Mean leaf value over the training rows that passed the tree. */
const meanValue = (tree: Tree): number =>
  tree.feature.reduce(
    (sum, feature, node) => sum + (feature < 0 ? share(tree, node, 0) * (tree.value[node] ?? 0) : 0),
    0,
  );

const share = (tree: Tree, node: number, of: number): number => (tree.rows[node] ?? 0) / (tree.rows[of] ?? 1);

/** One feature on the way to a node: the shares of its absent and present paths, and the weight of subsets of each size. */
type Step = { readonly feature: number; readonly zero: number; readonly one: number; weight: number };

/** Walks a tree once, keeping for every subset size how many of the path's feature subsets reach the node (algorithm 2). */
const shapOfTree = (tree: Tree, codes: ArrayLike<number>, contributions: number[]): void => {
  const walk = (node: number, before: readonly Step[], zero: number, one: number, feature: number): void => {
    const path = extended(before, { feature, zero, one });
    const by = tree.feature[node] ?? -1;
    const rule = tree.rule[node] ?? null;
    if (by < 0 || rule === null) {
      for (let at = 1; at < path.length; at++) {
        const step = path[at];
        if (step === undefined) continue;
        const weight = unwoundSum(path, at);
        contributions[step.feature] =
          (contributions[step.feature] ?? 0) + weight * (step.one - step.zero) * (tree.value[node] ?? 0);
      }
      return;
    }
    const [left, right] = [tree.left[node] ?? 0, tree.right[node] ?? 0];
    const [hot, cold] = goesLeft(rule, codes[by] ?? 0) ? [left, right] : [right, left];
    const seen = path.findIndex((step, at) => at > 0 && step.feature === by);
    const earlier = path[seen];
    const rest = earlier === undefined ? path : unwound(path, seen);
    const [zeroBefore, oneBefore] = earlier === undefined ? [1, 1] : [earlier.zero, earlier.one];
    walk(hot, rest, zeroBefore * share(tree, hot, node), oneBefore, by);
    walk(cold, rest, zeroBefore * share(tree, cold, node), 0, by);
  };
  walk(0, [], 1, 1, -1);
};

const extended = (path: readonly Step[], by: { feature: number; zero: number; one: number }): Step[] => {
  const depth = path.length;
  const longer: Step[] = [...path.map((step) => ({ ...step })), { ...by, weight: depth === 0 ? 1 : 0 }];
  for (let i = depth - 1; i >= 0; i--) {
    const [here, next] = [longer[i], longer[i + 1]];
    if (here === undefined || next === undefined) continue;
    next.weight += (by.one * here.weight * (i + 1)) / (depth + 1);
    here.weight = (by.zero * here.weight * (depth - i)) / (depth + 1);
  }
  return longer;
};

/** Sum of the weights `unwound` would leave, without making them: it is asked once a feature and leaf. */
const unwoundSum = (path: readonly Step[], at: number): number => {
  const depth = path.length - 1;
  const { zero = 0, one = 0 } = path[at] ?? {};
  let carried = path[depth]?.weight ?? 0;
  let sum = 0;
  for (let i = depth - 1; i >= 0; i--) {
    const here = path[i]?.weight ?? 0;
    if (one !== 0) {
      const undone = (carried * (depth + 1)) / ((i + 1) * one);
      sum += undone;
      carried = here - (undone * zero * (depth - i)) / (depth + 1);
    } else sum += (here * (depth + 1)) / (zero * (depth - i));
  }
  return sum;
};

/** Undoes the extension by the step at `at`, as if its feature had never been on the path. */
const unwound = (path: readonly Step[], at: number): Step[] => {
  const depth = path.length - 1;
  const { zero = 0, one = 0 } = path[at] ?? {};
  const weights = path.map(({ weight }) => weight);
  let carried = weights[depth] ?? 0;
  for (let i = depth - 1; i >= 0; i--) {
    const here = weights[i] ?? 0;
    if (one !== 0) {
      const undone = (carried * (depth + 1)) / ((i + 1) * one);
      weights[i] = undone;
      carried = here - (undone * zero * (depth - i)) / (depth + 1);
    } else weights[i] = (here * (depth + 1)) / (zero * (depth - i));
  }
  return path.filter((_, i) => i !== at).map((step, i) => ({ ...step, weight: weights[i] ?? 0 }));
};
