// Core: whether a model has seen, or is about to see, the rows it is to be judged on. Exact where its training rows are at hand: rows
// are compared whole, and the overlap is held against what chance repeats. Where it is not known the answer says so; it is never "no".
import type { BundleMetadata } from "../../contracts/bundle.ts";
import type { Column } from "./encode.ts";

export type Sighting =
  | { readonly seen: "no" | "unknown"; readonly detail: string }
  | { readonly seen: "yes"; readonly detail: string };

type Rows = {
  readonly rows: number;
  readonly columns: Readonly<Record<string, Column>>;
  readonly label: Uint8Array;
};
type Span = { readonly from: string | null; readonly to: string | null };

/** How far the share of rows found again may exceed what the training rows repeat among themselves. */
const OVERLAP_SLACK = 0.05;

/** Compares a dataset with a candidate's provenance; `training` are the rows it learned from, null where they are not at hand. */
export const inSample = (
  provenance: BundleMetadata["provenance"],
  dataset: { readonly digest: string; readonly span: Span; readonly rows: Rows },
  training: Rows | null,
): Sighting => {
  if (provenance.source === "external")
    return { seen: "unknown", detail: "made elsewhere: what it learned from is not known" };
  if (provenance.dataset === dataset.digest)
    return { seen: "yes", detail: "it was trained on this very dataset" };
  if (provenance.test_dataset === dataset.digest)
    return { seen: "no", detail: "it was tested on these rows, never fitted" };
  if (training !== null) return overlap(training, dataset.rows);
  const [from, to] = [timeOf(provenance.from), timeOf(provenance.to)];
  const [first, last] = [timeOf(dataset.span.from), timeOf(dataset.span.to)];
  if (from === null || to === null || first === null || last === null)
    return { seen: "unknown", detail: "its training rows are not at hand and have no time" };
  return first <= to && from <= last
    ? {
        seen: "yes",
        detail: `its training rows reach from ${provenance.from} to ${provenance.to}, into this dataset`,
      }
    : { seen: "no", detail: "its training rows and this dataset lie apart in time" };
};

/**
 * Among discrete columns rows repeat by chance; how often is known from the training rows themselves (rows with a twin there).
 * A dataset that was never seen finds its rows there about as often.
 */
export const overlap = (training: Rows, dataset: Rows): Sighting => {
  const known = new Map<number, number>();
  const trained = keyOf(training);
  for (let row = 0; row < training.rows; row++) {
    const key = trained(row);
    known.set(key, (known.get(key) ?? 0) + 1);
  }
  let twins = 0;
  for (const count of known.values()) if (count > 1) twins += count;
  const asked = keyOf(dataset);
  let found = 0;
  for (let row = 0; row < dataset.rows; row++) if (known.has(asked(row))) found++;
  const share = found / Math.max(1, dataset.rows);
  const chance = twins / Math.max(1, training.rows);
  const detail = `${percent(share)} of its rows lie among the training rows, where ${percent(chance)} repeat by chance`;
  return { seen: share > chance + OVERLAP_SLACK ? "yes" : "no", detail };
};

/** A row as one number: a digest of every value in the columns' order by name, and the label. */
const keyOf = ({ columns, label }: Rows): ((row: number) => number) => {
  const cells = Object.keys(columns)
    .sort()
    .map((name): ((row: number) => string) => {
      const column = columns[name];
      if (column === undefined) return () => "";
      if (column instanceof Float64Array) return (row) => String(column[row] ?? NaN);
      const { dictionary, indices } = column;
      return (row) => JSON.stringify(dictionary[indices[row] ?? -1] ?? null);
    });
  return (row) => digestOf(`${cells.map((cell) => cell(row)).join("\u0000")}\u0000${label[row] ?? ""}`);
};

/** 53 bits of a text (two multiplicative hashes): among four million rows one pair in a thousand datasets meets by chance. */
const digestOf = (text: string): number => {
  let high = 0x811c9dc5;
  let low = 0x2545f491;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    high = Math.imul(high ^ unit, 0x01000193);
    low = Math.imul(low ^ (unit + (low >>> 15)), 0x85ebca6b);
  }
  return ((high ^ (high >>> 16)) >>> 0) * 2 ** 21 + ((low ^ (low >>> 13)) >>> 11);
};

const timeOf = (iso: string | null): number | null => {
  const at = iso === null ? NaN : Date.parse(iso);
  return Number.isNaN(at) ? null : at;
};

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
