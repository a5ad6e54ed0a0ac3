// Core, training: a decision tree on codes as plain, JSON-able arrays. Every split reads one code of a row; leaf values lie on a grid
// that makes sums of them exact in float32, so any runtime gives the same margin.
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

/** Fills a 256-entry table: `left` where a code goes left, `right` where it goes right. */
export const fillChildren = (
  rule: Rule,
  table: Uint8Array | Uint16Array | Uint32Array,
  left: number,
  right: number,
): void => {
  if ("members" in rule) {
    table.fill(right);
    for (const code of rule.members) table[code] = left;
    return;
  }
  table.fill(left, 0, rule.upTo + 1).fill(right, rule.upTo + 1);
  table[MISSING] = rule.missingLeft ? left : right;
};

/** Tells whether a code goes left. */
export const goesLeft = (rule: Rule, code: number): boolean =>
  "members" in rule ? rule.members.includes(code) : code === MISSING ? rule.missingLeft : code <= rule.upTo;
