// Core, training: what each feature's splits in finished trees gain on other rows (second order, as at growth). A model that went on
// from an earlier one is weighed as a whole on the rows it was continued on; a split that loses there gains nothing, never less.
import type { BoostedTrees } from "./boosting.ts";
import type { TrainingMatrix } from "./matrix.ts";
import type { Tree } from "./tree.ts";
import { addTree, fillGoesLeft } from "./tree.ts";

/** One sum of gains a feature, tree by tree at the margins of the trees before it. */
export const replayedGains = (ensemble: BoostedTrees, matrix: TrainingMatrix, l2: number): number[] => {
  const gains = matrix.codes.map(() => 0);
  const margins = new Float64Array(matrix.rows).fill(ensemble.base);
  for (const tree of ensemble.trees) {
    addGains(tree, { matrix, margins, l2 }, gains);
    addTree(tree, matrix.codes, margins);
  }
  return gains;
};

type At = { readonly matrix: TrainingMatrix; readonly margins: Float64Array; readonly l2: number };

const addGains = (tree: Tree, at: At, gains: number[]): void => {
  const { gradient, hessian } = sumsOf(tree, at);
  const worth = (node: number): number => (gradient[node] ?? 0) ** 2 / ((hessian[node] ?? 0) + at.l2);
  tree.feature.forEach((feature, node) => {
    if (feature < 0) return;
    const gain = worth(tree.left[node] ?? 0) + worth(tree.right[node] ?? 0) - worth(node);
    gains[feature] = (gains[feature] ?? 0) + Math.max(0, gain);
  });
};

/** Gradient and hessian of the rows that pass each node: summed in the leaves, then upwards, as children come after their parent. */
const sumsOf = (tree: Tree, { matrix, margins }: At) => {
  const size = tree.feature.length;
  const gradient = new Float64Array(size);
  const hessian = new Float64Array(size);
  const tables = new Uint8Array(size * 256);
  tree.rule.forEach((rule, node) => {
    if (rule !== null) fillGoesLeft(rule, tables.subarray(node * 256, (node + 1) * 256));
  });
  const columns = tree.feature.map((feature) => matrix.codes[feature] ?? null);
  for (let row = 0; row < matrix.rows; row++) {
    let node = 0;
    for (let column = columns[0] ?? null; column !== null; column = columns[node] ?? null)
      node = (tables[node * 256 + (column[row] ?? 0)] === 1 ? tree.left[node] : tree.right[node]) ?? 0;
    const p = 1 / (1 + Math.exp(-(margins[row] ?? 0)));
    const weight = matrix.weight?.[row] ?? 1;
    gradient[node] = (gradient[node] ?? 0) + weight * (p - (matrix.label[row] ?? 0));
    hessian[node] = (hessian[node] ?? 0) + weight * p * (1 - p);
  }
  for (let node = size - 1; node >= 0; node--) {
    if ((tree.feature[node] ?? -1) < 0) continue;
    const [left, right] = [tree.left[node] ?? 0, tree.right[node] ?? 0];
    gradient[node] = (gradient[left] ?? 0) + (gradient[right] ?? 0);
    hessian[node] = (hessian[left] ?? 0) + (hessian[right] ?? 0);
  }
  return { gradient, hessian };
};
