// Core, training: passes rows through a tree. Rows lie one after the other and four go down abreast: on the way down each load waits for
// the one before, and four such ways overlap where one would stand and wait. Answers nodes; what to add there is the caller's.
import type { Tree } from "./tree.ts";
import { fillChildren } from "./tree.ts";

/** Codes row by row, each row ending in a code 0 that no feature owns; up to three rows of nothing fill the last four. */
export type PackedRows = { readonly rows: number; readonly width: number; readonly codes: Uint8Array };

const ABREAST = 4;
/** A multiple of those abreast; few enough for the nodes to be still at hand when they are seen. */
const ROWS_AT_ONCE = 1024;

/** Lays columns of codes out row by row: once for all trees that the rows pass. */
export const packRows = (columns: readonly Uint8Array[], rows: number): PackedRows => {
  const width = columns.length + 1;
  const codes = new Uint8Array(Math.ceil(rows / ABREAST) * ABREAST * width);
  columns.forEach((column, feature) => {
    for (let row = 0, at = feature; row < rows; row++, at += width) codes[at] = column[row] ?? 0;
  });
  return { rows, width, codes };
};

/** Tells in blocks the leaf that each row reaches: `nodes[i]` is that of row `begin + i`. */
export const passRows = (
  tree: Tree,
  packed: PackedRows,
  see: (nodes: Uint32Array, begin: number) => void,
): void => {
  const compiled = compile(tree, packed.width - 1);
  const nodes = new Uint32Array(Math.min(ROWS_AT_ONCE, Math.ceil(packed.rows / ABREAST) * ABREAST));
  for (let begin = 0; begin < packed.rows; begin += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, packed.rows - begin);
    passBlock(compiled, packed, begin, count, nodes);
    see(count === nodes.length ? nodes : nodes.subarray(0, count), begin);
  }
};

/** Adds a tree's leaf values to the margins of its rows. */
export const addTree = (tree: Tree, packed: PackedRows, margins: Float64Array): void => {
  const value = Float64Array.from(tree.value);
  passRows(tree, packed, (nodes, begin) => {
    for (let i = 0; i < nodes.length; i++)
      margins[begin + i] = (margins[begin + i] ?? 0) + (value[nodes[i] ?? 0] ?? 0);
  });
};

/** A tree by places: inner nodes first, so that a comparison tells a leaf; a leaf reads the row's last code and leads to itself. */
type Compiled = {
  readonly inner: number;
  /** The place that follows place × 256 + code. Narrow, to stay in the nearest cache. */
  readonly next: Uint16Array | Uint32Array;
  readonly feature: Int32Array;
  /** The tree's own number of the node at a place. */
  readonly node: Uint32Array;
};

const compile = (tree: Tree, features: number): Compiled => {
  const size = tree.feature.length;
  const inner = tree.feature.filter((by) => by >= 0).length;
  const next = size > 2 ** 16 ? new Uint32Array(size * 256) : new Uint16Array(size * 256);
  const feature = new Int32Array(size).fill(features);
  const node = new Uint32Array(size);
  let [parting, leaf] = [0, inner];
  const places = tree.feature.map((by) => (by >= 0 ? parting++ : leaf++));
  places.forEach((place, at) => {
    node[place] = at;
    next[place * 256] = place;
    const rule = tree.rule[at] ?? null;
    if (rule === null) return;
    feature[place] = tree.feature[at] ?? 0;
    const [left, right] = [places[tree.left[at] ?? 0] ?? 0, places[tree.right[at] ?? 0] ?? 0];
    fillChildren(rule, next.subarray(place * 256, (place + 1) * 256), left, right);
  });
  return { inner, next, feature, node };
};

const passBlock = (
  { inner, next, feature, node }: Compiled,
  { width, codes }: PackedRows,
  begin: number,
  count: number,
  nodes: Uint32Array,
): void => {
  for (let i = 0, first = begin * width; i < count; i += ABREAST, first += ABREAST * width) {
    const second = first + width;
    const third = second + width;
    const fourth = third + width;
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    while (a < inner || b < inner || c < inner || d < inner) {
      a = next[a * 256 + (codes[first + (feature[a] ?? 0)] ?? 0)] ?? 0;
      b = next[b * 256 + (codes[second + (feature[b] ?? 0)] ?? 0)] ?? 0;
      c = next[c * 256 + (codes[third + (feature[c] ?? 0)] ?? 0)] ?? 0;
      d = next[d * 256 + (codes[fourth + (feature[d] ?? 0)] ?? 0)] ?? 0;
    }
    nodes[i] = node[a] ?? 0;
    nodes[i + 1] = node[b] ?? 0;
    nodes[i + 2] = node[c] ?? 0;
    nodes[i + 3] = node[d] ?? 0;
  }
};
