// Core, training: finished trees passed once more by other rows: the margins they give, and what each feature's splits gain there (second
// order, as at growth). A model that went on from an earlier one is weighed as a whole on the rows it was continued on; a split
// that loses there gains nothing, never less.
import type { BoostedTrees } from "./boosting.ts";
import type { TrainingMatrix } from "./matrix.ts";
import type { PackedRows } from "./pass-rows.ts";
import { packRows, passRows } from "./pass-rows.ts";
import type { Tree } from "./tree.ts";

export type ReplayedTrees = {
  /** Margins (log-odds) of the rows, as `marginsOfTrees` gives them. */
  readonly margins: Float64Array;
  /** One sum of gains a feature, tree by tree at the margins of the trees before it. */
  gains(l2: number): number[];
};

/** Passes the rows through the trees, once. */
export const replayTrees = (ensemble: BoostedTrees, matrix: TrainingMatrix): ReplayedTrees => {
  const margins = new Float64Array(matrix.rows).fill(ensemble.base);
  const packed = packRows(matrix.codes, matrix.rows);
  const passed = ensemble.trees.map((tree) => ({ tree, sums: passTree(tree, { packed, matrix, margins }) }));
  return {
    margins,
    gains: (l2) => {
      const gains = matrix.codes.map(() => 0);
      for (const { tree, sums } of passed) addGains(tree, sums, l2, gains);
      return gains;
    },
  };
};

type Passing = {
  readonly packed: PackedRows;
  readonly matrix: TrainingMatrix;
  readonly margins: Float64Array;
};

/** By node. */
type Sums = { readonly gradient: Float64Array; readonly hessian: Float64Array };

const addGains = (tree: Tree, { gradient, hessian }: Sums, l2: number, gains: number[]): void => {
  const worth = (node: number): number => (gradient[node] ?? 0) ** 2 / ((hessian[node] ?? 0) + l2);
  tree.feature.forEach((feature, node) => {
    if (feature < 0) return;
    const gain = worth(tree.left[node] ?? 0) + worth(tree.right[node] ?? 0) - worth(node);
    gains[feature] = (gains[feature] ?? 0) + Math.max(0, gain);
  });
};

/**
 * Gradient and hessian of the rows that pass each node: summed in the leaves, then upwards, as children come after their parent. Each
 * row's margin moves on by the leaf it reached.
 */
const passTree = (tree: Tree, on: Passing): Sums => {
  const { packed, matrix, margins } = on;
  const { feature, left, right, value } = tree;
  const size = feature.length;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size);
  const { weight, label } = matrix;
  passRows(tree, packed, (nodes, begin) => {
    for (let i = 0; i < nodes.length; i++) {
      const node = nodes[i] ?? 0;
      const row = begin + i;
      const margin = margins[row] ?? 0;
      const p = 1 / (1 + Math.exp(-margin));
      const heavy = weight?.[row] ?? 1;
      gradient[node] = (gradient[node] ?? 0) + heavy * (p - (label[row] ?? 0));
      hessian[node] = (hessian[node] ?? 0) + heavy * p * (1 - p);
      margins[row] = margin + (value[node] ?? 0);
    }
  });
  for (let node = size - 1; node >= 0; node--) {
    if ((feature[node] ?? -1) < 0) continue;
    const [toLeft, toRight] = [left[node] ?? 0, right[node] ?? 0];
    gradient[node] = (gradient[toLeft] ?? 0) + (gradient[toRight] ?? 0);
    hessian[node] = (hessian[toLeft] ?? 0) + (hessian[toRight] ?? 0);
  }
  return { gradient, hessian };
};
