// Core, training: a decision tree on codes as plain, JSON-able arrays, and its evaluation. Every split reads one code of a
// row; leaf values lie on a grid that makes sums of them exact in float32, so any runtime gives the same margin.
import { MISSING } from "../../../contracts/encoding.ts";
import type { Rule } from "./find-split.ts";

/** Node 0 is the root; children come after their parent. A leaf has feature −1. */
export type Tree = {
  readonly feature: readonly number[];
  /** How a node parts its rows; null in a leaf. */
  readonly rule: readonly (Rule | null)[];
  readonly left: readonly number[];
  readonly right: readonly number[];
  /** Log-odds added by a leaf; 0 in an inner node. */
  readonly value: readonly number[];
  /** Training rows that passed the node. */
  readonly rows: readonly number[];
};

/** A tree as it was grown, and what the splits on each feature gained. */
export type Grown = { readonly tree: Tree; readonly gains: readonly number[] };

/** Keeps every tree of a training in the order of growth, over all its fits; those kept before an interruption come back first. */
export type TreeLog = { next(): Grown | null; keep(grown: Grown): void };

/** Leaf values are multiples of 2^−19: sums up to ±32 then need no more than float32's 24 bits. */
const GRAIN = 2 ** 19;

/** Puts a log-odds on the grid on which float32 sums are exact. */
export const onGrid = (value: number): number => Math.round(value * GRAIN) / GRAIN + 0;

/** Fills a 256-entry table: 1 where a code goes left. */
export const fillGoesLeft = (rule: Rule, table: Uint8Array): void => {
  if ("members" in rule) {
    table.fill(0);
    for (const code of rule.members) table[code] = 1;
    return;
  }
  table.fill(1, 0, rule.upTo + 1).fill(0, rule.upTo + 1);
  table[MISSING] = rule.missingLeft ? 1 : 0;
};

/** Tells whether a code goes left. */
export const goesLeft = (rule: Rule, code: number): boolean =>
  "members" in rule ? rule.members.includes(code) : code === MISSING ? rule.missingLeft : code <= rule.upTo;

/** Adds a tree's leaf values to the margins of rows given as columns of codes. */
export const addTree = (tree: Tree, codes: readonly Uint8Array[], margins: Float64Array): void => {
  const { feature, left, right, value } = tree;
  const size = feature.length;
  const tables = new Uint8Array(size * 256);
  tree.rule.forEach((rule, node) => {
    if (rule !== null) fillGoesLeft(rule, tables.subarray(node * 256, (node + 1) * 256));
  });
  const columns = feature.map((f) => codes[f] ?? null);
  for (let row = 0; row < margins.length; row++) {
    let node = 0;
    for (let column = columns[0] ?? null; column !== null; column = columns[node] ?? null)
      node = (tables[node * 256 + (column[row] ?? 0)] === 1 ? left[node] : right[node]) ?? 0;
    margins[row] = (margins[row] ?? 0) + (value[node] ?? 0);
  }
};
