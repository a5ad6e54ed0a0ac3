// Core: trees on codes rewritten as trees on what a served model is given: raw values of continuous features, codes of the
// others. "Code ≤ c" becomes "value ≤ upper edge of c", exactly, in float32. Knows nothing of protocol buffers.
import type { ContinuousEncoding, Encoding } from "../../contracts/encoding.ts";
import { MISSING } from "../../contracts/encoding.ts";
import { continuousCodes, upperEdge } from "./encode.ts";
import type { Rule } from "./training/find-split.ts";
import type { Term } from "./training/logistic.ts";
import type { Tree } from "./training/tree.ts";

/** Node 0 is the root; a value of `column` ≤ `upTo` goes left, NaN as `missingLeft` says. */
export type PlainTree = readonly PlainNode[];
export type PlainNode =
  | { readonly value: number }
  | {
      readonly column: number;
      readonly upTo: number;
      readonly missingLeft: boolean;
      readonly left: number;
      readonly right: number;
    };

/** Codes of a feature that share one derived column: 0 for its members, 1 for all others. */
export type NameSet = { readonly feature: number; readonly members: readonly number[] };

const FLOAT_MAX = Math.fround(3.4028234663852886e38);

/** Rewrites boosted trees; `sets` are the derived columns they read, column F on, those of one feature side by side. */
export const plainTrees = (
  trees: readonly Tree[],
  encoding: Encoding,
): { trees: PlainTree[]; sets: NameSet[] } => {
  const sets = new Map<string, NameSet>();
  const keyOf = (set: NameSet): string => `${set.feature}:${set.members.join()}`;
  for (const tree of trees)
    tree.rule.forEach((rule, node) => {
      const set = rule === null ? null : setOf(rule, tree.feature[node] ?? 0, encoding);
      if (set !== null) sets.set(keyOf(set), set);
    });
  const ordered = [...sets.values()].sort((a, b) => a.feature - b.feature || (keyOf(a) < keyOf(b) ? -1 : 1));
  const columnOf = new Map(ordered.map((set, at) => [keyOf(set), encoding.features.length + at]));
  const rewrite = (tree: Tree, node: number): PlainNode => {
    const rule = tree.rule[node] ?? null;
    if (rule === null) return { value: tree.value[node] ?? 0 };
    const feature = tree.feature[node] ?? 0;
    const links = { left: tree.left[node] ?? 0, right: tree.right[node] ?? 0 };
    const set = setOf(rule, feature, encoding);
    if (set !== null)
      return { column: columnOf.get(keyOf(set)) ?? 0, upTo: 0.5, missingLeft: false, ...links };
    return { column: feature, ...cutOf(rule, feature, encoding), ...links };
  };
  return {
    trees: trees.map((tree) => tree.feature.map((_, node) => rewrite(tree, node))),
    sets: ordered,
  };
};

/** The set of codes a split needs a derived column for; null where one comparison says the same. */
const setOf = (rule: Rule, feature: number, encoding: Encoding): NameSet | null => {
  if ("members" in rule)
    return rule.members.every((code, at) => code === at) ? null : { feature, members: rule.members };
  if (encoding.features[feature]?.kind === "continuous" || !rule.missingLeft) return null;
  // An ordinal's missing is the number 255, which no comparison sends left.
  return { feature, members: [...Array(rule.upTo + 1).keys(), MISSING] };
};

const cutOf = (rule: Rule, feature: number, encoding: Encoding): { upTo: number; missingLeft: boolean } => {
  if ("members" in rule) return { upTo: rule.members.length - 0.5, missingLeft: false };
  const spec = encoding.features[feature];
  return spec?.kind === "continuous"
    ? { upTo: edgeOf(spec, rule.upTo), missingLeft: rule.missingLeft }
    : { upTo: rule.upTo + 0.5, missingLeft: false };
};

/** The largest float32 with a code up to this one; finite, because a runtime may refuse an infinite threshold. */
const edgeOf = (spec: ContinuousEncoding, code: number): number => Math.min(FLOAT_MAX, upperEdge(spec, code));

/** Rewrites the terms of a regression as one tree a feature; a slope leaves only its missing value to a tree. */
export const stepTrees = (terms: readonly Term[], encoding: Encoding): PlainTree[] =>
  terms.flatMap((term, feature) => {
    const spec = encoding.features[feature];
    if (spec === undefined) return [];
    if ("slope" in term)
      return term.missing === 0 ? [] : [missingTree([{ value: 0 }], feature, term.missing)];
    if (spec.kind !== "continuous")
      return [
        balanced(
          steps(term.table, 256, (code) => code + 0.5),
          feature,
        ),
      ];
    const tree = balanced(
      steps(term.table, continuousCodes(spec), (code) => edgeOf(spec, code)),
      feature,
    );
    return [missingTree(tree, feature, term.table[MISSING] ?? 0)];
  });

type Step = { readonly upTo: number; readonly value: number };

/** Runs of equal table values, each with the upper edge of its last code; codes that share an edge keep the first's. */
const steps = (table: readonly number[], codes: number, edge: (code: number) => number): Step[] => {
  const runs: Step[] = [];
  for (let code = 0; code < codes; code++) {
    const value = table[code] ?? 0;
    const upTo = edge(code);
    const before = runs.at(-1);
    if (before !== undefined && upTo <= before.upTo) continue;
    if (before?.value === value) runs.pop();
    runs.push({ upTo, value });
  }
  return runs;
};

/** A balanced search tree over steps; what lies above the last edge belongs to the last step. */
const balanced = (runs: readonly Step[], column: number): PlainNode[] => {
  const nodes: PlainNode[] = [];
  const grow = (from: number, to: number): number => {
    const at = nodes.push({ value: runs[from]?.value ?? 0 }) - 1;
    if (to - from <= 1) return at;
    const middle = (from + to) >>> 1;
    const left = grow(from, middle);
    const right = grow(middle, to);
    nodes[at] = { column, upTo: runs[middle - 1]?.upTo ?? 0, missingLeft: false, left, right };
    return at;
  };
  grow(0, runs.length);
  return nodes;
};

/** Puts a question "is it there?" before a tree; NaN answers no. */
const missingTree = (tree: readonly PlainNode[], column: number, missing: number): PlainTree => [
  { column, upTo: FLOAT_MAX, missingLeft: false, left: 1, right: tree.length + 1 },
  ...tree.map((node) => ("value" in node ? node : { ...node, left: node.left + 1, right: node.right + 1 })),
  { value: missing },
];
