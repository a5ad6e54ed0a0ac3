// Core, training: why a row got its margin. Exact path-dependent TreeSHAP (Lundberg et al., 2020) over flat arrays, one pass over the
// leaves; terms for linear models. Contributions are on the log-odds before the calibrator; base + their sum is the margin within 1e-6.
import { z } from "zod";
import type { BoostedTrees } from "./boosting.ts";
import type { FittedModel } from "./fit-model.ts";
import { contribution } from "./logistic.ts";
import type { LinearMargin, Term } from "./logistic.ts";
import type { Tree } from "./tree.ts";
import { goesLeft, onGrid } from "./tree.ts";

const Numbers = z.array(z.number());
const Rules = z.array(
  z.union([
    z.strictObject({ upTo: z.number(), missingLeft: z.boolean() }),
    z.strictObject({ members: Numbers }),
    z.null(),
  ]),
);
const Trees = z.array(
  z.strictObject({
    feature: Numbers,
    rule: Rules,
    left: Numbers,
    right: Numbers,
    value: Numbers,
    rows: Numbers,
  }),
);
const Terms = z.array(
  z.union([
    z.strictObject({ slope: z.number(), mean: z.number(), missing: z.number() }),
    z.strictObject({ table: Numbers }),
  ]),
);

/** All that explaining needs, plain JSON. `base` is the mean margin over the training rows. */
export type Explainer =
  | { readonly v: 1; readonly kind: "trees"; readonly base: number; readonly trees: readonly Tree[] }
  | { readonly v: 1; readonly kind: "linear"; readonly base: number; readonly linear: LinearMargin };

/** Reads an explainer out of a bundle. */
export const Explainer: z.ZodType<Explainer> = z.discriminatedUnion("kind", [
  z.strictObject({ v: z.literal(1), kind: z.literal("trees"), base: z.number(), trees: Trees }),
  z.strictObject({
    v: z.literal(1),
    kind: z.literal("linear"),
    base: z.number(),
    linear: z.strictObject({ intercept: z.number(), terms: Terms }),
  }),
]);

/** A row as it was served: its codes, and raw values of continuous features (null or NaN = missing). */
export type ExplainedRow = { readonly codes: ArrayLike<number>; readonly values: ArrayLike<number | null> };

/** Gives one contribution a feature, in contract order, on the log-odds margin. */
export type Explains = (row: ExplainedRow) => {
  readonly base: number;
  readonly contributions: readonly number[];
  readonly margin: number;
};

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

/** The ensemble an explainer of trees was taken from, to grow on from; the grid undoes the rounding of the sum. */
export const ensembleOf = ({ base, trees }: Explainer & { kind: "trees" }): BoostedTrees => ({
  base: onGrid(trees.reduce((rest, tree) => rest - meanValue(tree), base)),
  trees,
});

/** Prepares an explainer once, at load; explaining a row then walks flat arrays and follows no pointers. */
export const compileExplainer = (explainer: Explainer, features: number): Explains => {
  const add =
    explainer.kind === "linear" ? linearShares(explainer.linear.terms) : treeShares(explainer.trees);
  return (row) => {
    const shares = new Float64Array(features);
    add(row, shares);
    const contributions = [...shares];
    const margin = contributions.reduce((sum, one) => sum + one, explainer.base);
    return { base: explainer.base, contributions, margin };
  };
};

type AddsShares = (row: ExplainedRow, shares: Float64Array) => void;

const linearShares =
  (terms: readonly Term[]): AddsShares =>
  ({ codes, values }, shares) => {
    terms.forEach((term, feature) => {
      shares[feature] = contribution(term, codes[feature] ?? 0, values[feature] ?? null);
    });
  };

/** Mean leaf value over the training rows that passed the tree. */
const meanValue = (tree: Tree): number =>
  tree.feature.reduce(
    (sum, feature, node) => sum + (feature < 0 ? share(tree, node, 0) * (tree.value[node] ?? 0) : 0),
    0,
  );

const share = (tree: Tree, node: number, of: number): number => (tree.rows[node] ?? 0) / (tree.rows[of] ?? 1);

/**
 * A leaf's game has one player a feature on its path. A feature whose code passes all its splits there lets the leaf through whether
 * known (1) or not (its share of rows, `zero`); one whose code fails does so only unknown. The coefficients of ∏(zero + x) over
 * the passing features count their subsets by size, and dividing one factor out leaves the subsets without that feature.
 */
const treeShares = (trees: readonly Tree[]): AddsShares => {
  const { starts, values, feature, zero, passing, deepest } = flatten(trees);
  const size = deepest + 1;
  const weights = subsetWeights(deepest);
  const polynomial = new Float64Array(size + 1);
  const passed = new Int32Array(size);
  return ({ codes }, shares) => {
    for (let leaf = 0; leaf < values.length; leaf++) {
      const [from, to] = [starts[leaf] ?? 0, starts[leaf + 1] ?? 0];
      const weightsAt = (to - from) * size;
      let scale = values[leaf] ?? 0;
      let n = 0;
      polynomial[0] = 1;
      for (let step = from; step < to; step++) {
        const code = codes[feature[step] ?? 0] ?? 0;
        const share = zero[step] ?? 0;
        if ((((passing[step * WORDS + (code >>> 5)] ?? 0) >>> (code & 31)) & 1) === 0) {
          scale *= share;
          continue;
        }
        polynomial[n + 1] = 1;
        for (let k = n; k > 0; k--) polynomial[k] = (polynomial[k] ?? 0) * share + (polynomial[k - 1] ?? 0);
        polynomial[0] = (polynomial[0] ?? 0) * share;
        passed[n++] = step;
      }
      if (n < to - from) {
        let sum = 0;
        for (let k = 0; k <= n; k++) sum += (weights[weightsAt + k] ?? 0) * (polynomial[k] ?? 0);
        let next = 0;
        for (let step = from; step < to; step++) {
          if (next < n && passed[next] === step) next++;
          else shares[feature[step] ?? 0] = (shares[feature[step] ?? 0] ?? 0) - scale * sum;
        }
      }
      for (let at = 0; at < n; at++) {
        const step = passed[at] ?? 0;
        const share = zero[step] ?? 0;
        let quotient = 0;
        let sum = 0;
        for (let k = n; k > 0; k--) {
          quotient = (polynomial[k] ?? 0) - share * quotient;
          sum += (weights[weightsAt + k - 1] ?? 0) * quotient;
        }
        const by = feature[step] ?? 0;
        shares[by] = (shares[by] ?? 0) + scale * (1 - share) * sum;
      }
    }
  };
};

/** 256 codes as bits. */
const WORDS = 8;

/** Shapley's weight of a subset of k among d players without one of them, k!(d−1−k)!/d!, at [d·(deepest+1) + k]. */
const subsetWeights = (deepest: number): Float64Array => {
  const weights = new Float64Array((deepest + 1) * (deepest + 1));
  for (let d = 1; d <= deepest; d++) {
    let choose = 1;
    for (let k = 0; k < d; k++) {
      weights[d * (deepest + 1) + k] = 1 / (d * choose);
      choose = (choose * (d - 1 - k)) / (k + 1);
    }
  }
  return weights;
};

type Step = { readonly feature: number; readonly zero: number; readonly passing: Uint32Array };

/** Every leaf's path, one step a feature: the share of rows its splits let by and the codes that pass them all. */
const flatten = (trees: readonly Tree[]) => {
  const paths: { readonly value: number; readonly steps: readonly Step[] }[] = [];
  for (const tree of trees) {
    const walk = (node: number, steps: readonly Step[]): void => {
      const rule = tree.rule[node] ?? null;
      const feature = tree.feature[node] ?? -1;
      if (rule === null || feature < 0) {
        paths.push({ value: tree.value[node] ?? 0, steps });
        return;
      }
      const left = new Uint32Array(WORDS);
      for (let code = 0; code < 256; code++)
        if (goesLeft(rule, code)) left[code >>> 5] = (left[code >>> 5] ?? 0) | (1 << (code & 31));
      const before = steps.find((step) => step.feature === feature);
      const others = steps.filter((step) => step !== before);
      const onTo = (child: number, codes: Uint32Array): void =>
        walk(child, [
          ...others,
          {
            feature,
            zero: (before?.zero ?? 1) * share(tree, child, node),
            passing: codes.map((word, at) => word & (before?.passing[at] ?? 0xffffffff)),
          },
        ]);
      onTo(tree.left[node] ?? 0, left);
      onTo(
        tree.right[node] ?? 0,
        left.map((word) => ~word),
      );
    };
    walk(0, []);
  }
  const steps = paths.flatMap((path) => path.steps);
  const passing = new Uint32Array(steps.length * WORDS);
  steps.forEach((step, at) => passing.set(step.passing, at * WORDS));
  const starts = new Int32Array(paths.length + 1);
  paths.forEach((path, leaf) => (starts[leaf + 1] = (starts[leaf] ?? 0) + path.steps.length));
  return {
    starts,
    values: Float64Array.from(paths, (path) => path.value),
    feature: Int32Array.from(steps, (step) => step.feature),
    zero: Float64Array.from(steps, (step) => step.zero),
    passing,
    deepest: paths.reduce((deepest, path) => Math.max(deepest, path.steps.length), 0),
  };
};
