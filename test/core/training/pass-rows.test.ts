// Passing rows: each row reaches the leaf that asking rule after rule leads to, whatever the tree, the codes and the number of rows.
import { describe, expect, it, test } from "vitest";
import { MISSING, OTHER } from "../../../contracts/encoding.ts";
import type { Rule } from "../../../src/core/training/find-split.ts";
import { addTree, packRows, passRows } from "../../../src/core/training/pass-rows.ts";
import { seeded } from "../../../src/core/training/seeded.ts";
import { goesLeft, type Tree } from "../../../src/core/training/tree.ts";

const FEATURES = 5;

/** A tree that cuts any of its leaves, by any rule, until it has so many. */
const drawTree = (leaves: number, draw: () => number): Tree => {
  const below = (end: number): number => Math.floor(draw() * end);
  const drawRule = (): Rule =>
    draw() < 0.5
      ? { upTo: below(256), missingLeft: draw() < 0.5 }
      : { members: [...Array.from({ length: 99 }, () => below(256)), draw() < 0.5 ? MISSING : OTHER] };
  const feature = [-1];
  const rule: (Rule | null)[] = [null];
  const left = [0];
  const right = [0];
  const open = [0];
  while (open.length < leaves) {
    const [node = 0] = open.splice(below(open.length), 1);
    feature[node] = below(FEATURES);
    rule[node] = drawRule();
    for (const side of [left, right]) {
      const child = feature.push(-1) - 1;
      rule.push(null);
      left.push(0);
      right.push(0);
      side[node] = child;
      open.push(child);
    }
  }
  const value = feature.map((by) => (by < 0 ? draw() - 0.5 : 0));
  return { feature, rule, left, right, value, rows: feature.map(() => 0) };
};

const drawColumns = (rows: number, draw: () => number): Uint8Array[] =>
  Array.from({ length: FEATURES }, () =>
    Uint8Array.from({ length: rows }, () => (draw() < 0.1 ? MISSING : draw() < 0.1 ? OTHER : draw() * 256)),
  );

const leafOf = (tree: Tree, columns: readonly Uint8Array[], row: number): number => {
  let node = 0;
  for (let rule = tree.rule[0] ?? null; rule !== null; rule = tree.rule[node] ?? null) {
    const code = columns[tree.feature[node] ?? -1]?.[row] ?? NaN;
    node = (goesLeft(rule, code) ? tree.left[node] : tree.right[node]) ?? NaN;
  }
  return node;
};

const reached = (tree: Tree, columns: readonly Uint8Array[], rows: number): number[] => {
  const all: number[] = [];
  passRows(tree, packRows(columns, rows), (nodes, begin) => {
    expect(begin).toBe(all.length);
    all.push(...nodes);
  });
  return all;
};

describe("passed rows", () => {
  test.each([1, 2, 3, 31, 32, 33, 200])(
    "reach the leaf the rules lead to, in trees of %i leaves",
    (leaves) => {
      const draw = seeded(leaves);
      for (const rows of [0, 1, 2, 3, 4, 5, 1023, 1024, 1025, 3000]) {
        const tree = drawTree(leaves, draw);
        const columns = drawColumns(rows, draw);
        expect(reached(tree, columns, rows)).toEqual(
          Array.from({ length: rows }, (_, row) => leafOf(tree, columns, row)),
        );
      }
    },
  );

  it("reach the leaf in a tree of more nodes than two bytes count", () => {
    const draw = seeded(8);
    const tree = drawTree(33_000, draw);
    const columns = drawColumns(50, draw);
    expect(reached(tree, columns, 50)).toEqual(
      Array.from({ length: 50 }, (_, row) => leafOf(tree, columns, row)),
    );
  });

  it("add their leaf's value to what they have, tree by tree", () => {
    const draw = seeded(9);
    const columns = drawColumns(1500, draw);
    const trees = Array.from({ length: 4 }, () => drawTree(31, draw));
    const margins = new Float64Array(1500).fill(0.1);
    const packed = packRows(columns, 1500);
    for (const tree of trees) addTree(tree, packed, margins);
    const expected = Float64Array.from(margins, (_, row) =>
      trees.reduce((sum, tree) => sum + (tree.value[leafOf(tree, columns, row)] ?? NaN), 0.1),
    );
    expect(margins).toEqual(expected);
  });
});
