// Core: one feature of two datasets as drift evidence. Bins are frozen on the reference, as a model's would be; KS and W1 come from
// the raw values. Takes sorted numbers or counted names, so rows are never needed and a million of them cost little.
import type { FeatureEncoding } from "../../contracts/encoding.ts";
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { firstPlace } from "./ascending.ts";
import { continuousCodes, freezeEncoding, upperEdge, type Column } from "./encode.ts";
import { measureExactly, type FeatureEvidence } from "./feature-drift.ts";
import { emptyCounts, type Counts } from "./histogram.ts";

/** One column of one dataset: its numbers in ascending order, or how often each name occurs. */
export type ComparedColumn =
  | { readonly kind: "numbers"; readonly sorted: Float64Array; readonly missing: number }
  | { readonly kind: "names"; readonly counts: ReadonlyMap<string, number>; readonly missing: number };

/** The evidence of one feature; codes of both sides are on the reference's encoding. */
export const compareColumns = (
  by: { readonly contract: FeatureContract; readonly feature: string; readonly dataset: string },
  reference: ComparedColumn,
  current: ComparedColumn,
): FeatureEvidence => {
  const encoding = encodingOf(by, reference);
  const evidence = { encoding, reference: codesOf(encoding, reference), current: codesOf(encoding, current) };
  return reference.kind === "numbers" && current.kind === "numbers"
    ? { ...evidence, exact: measureExactly(reference.sorted, current.sorted) }
    : evidence;
};

const encodingOf = (
  by: { readonly contract: FeatureContract; readonly feature: string; readonly dataset: string },
  reference: ComparedColumn,
): FeatureEncoding => {
  const spec = by.contract.features[by.feature];
  if (spec === undefined) throw new RangeError(`${by.feature} is no feature`);
  if (isEmpty(reference)) return emptyEncoding(by.feature, spec);
  const [encoding] = freezeEncoding({
    contract: { ...by.contract, features: { [by.feature]: spec } },
    contractDigest: "",
    dataset: by.dataset,
    columns: { [by.feature]: columnOf(reference) },
  }).features;
  if (encoding === undefined) throw new RangeError(`${by.feature}: no encoding`);
  return encoding;
};

const isEmpty = (column: ComparedColumn): boolean =>
  column.kind === "numbers" ? column.sorted.length === 0 : column.counts.size === 0;

/** A reference without a value has no bins: one stands for all, and only what is missing can be compared. */
const emptyEncoding = (feature: string, spec: FeatureSpec): FeatureEncoding => {
  if (spec.kind === "ordinal")
    return { feature, kind: "ordinal", values: spec.values, cycle: spec.cycle ?? null, mean: 0, sd: 0 };
  if (spec.kind === "nominal") return { feature, kind: "nominal", values: [""] };
  return { feature, kind: "continuous", low: 0, high: 0, edges: [0], means: [0], mean: 0, sd: 0 };
};

const columnOf = (column: ComparedColumn): Column => {
  if (column.kind === "numbers") return column.sorted;
  const rows = [...column.counts.values()].reduce((sum, count) => sum + count, 0);
  const indices = new Uint32Array(rows);
  let at = 0;
  [...column.counts.values()].forEach((count, place) => indices.fill(place, at, (at += count)));
  return { dictionary: [...column.counts.keys()], indices };
};

const codesOf = (encoding: FeatureEncoding, column: ComparedColumn): Counts => {
  const counts = emptyCounts();
  counts[MISSING] = column.missing;
  const add = (code: number, count: number): void => {
    counts[code] = (counts[code] ?? 0) + count;
  };
  if (encoding.kind === "nominal") {
    if (column.kind !== "names") throw new TypeError(`${encoding.feature}: expected names`);
    const codes = new Map(encoding.values.map((value, code) => [value, code]));
    for (const [name, count] of column.counts) add(codes.get(name) ?? OTHER, count);
    return counts;
  }
  if (column.kind !== "numbers") throw new TypeError(`${encoding.feature}: expected numbers`);
  const { sorted } = column;
  if (encoding.kind === "ordinal")
    encoding.values.forEach((value, code) => {
      const below = firstPlace(sorted.length, (at) => (sorted[at] ?? Infinity) >= value);
      add(code, firstPlace(sorted.length, (at) => (sorted[at] ?? Infinity) > value) - below);
    });
  else
    for (let code = 0, below = 0; code < continuousCodes(encoding); code++) {
      const edge = upperEdge(encoding, code);
      const through = firstPlace(sorted.length, (at) => Math.fround(sorted[at] ?? Infinity) > edge);
      add(code, through - below);
      below = through;
    }
  return counts;
};
