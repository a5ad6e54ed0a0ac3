// Core: the bars a person sees of one feature: reference and current shares over the same bins. Bins for the eye, not for a test:
// equal widths over the middle 99 % of both sides, with what lies outside counted at the ends; every row is in exactly one bar.
import type { FeatureSpec } from "../../contracts/feature-contract.ts";
import { firstPlace } from "./ascending.ts";
import type { ComparedColumn } from "./compare-columns.ts";

/** Shares of all rows of each side (0…1). */
export type Bar = { readonly label: string; readonly reference: number; readonly current: number };
export type Bars = {
  /** `steps`: neighbours touch on a numeric axis. `names`: categories, each for itself. */
  readonly shape: "steps" | "names";
  readonly bars: readonly Bar[];
};

const BINS = 28;
const NAMES_MAX = 12;

/** Bins both sides of a feature for display. */
export const barsOf = (spec: FeatureSpec, reference: ComparedColumn, current: ComparedColumn): Bars => {
  const shares = { r: rowsOf(reference), c: rowsOf(current) };
  const bar = (label: string, r: number, c: number): Bar => ({
    label,
    reference: shares.r === 0 ? 0 : r / shares.r,
    current: shares.c === 0 ? 0 : c / shares.c,
  });
  const missing =
    reference.missing + current.missing > 0 ? [bar("missing", reference.missing, current.missing)] : [];
  if (reference.kind === "names" || current.kind === "names")
    return { shape: "names", bars: [...nameBars(namesOf(reference), namesOf(current), bar), ...missing] };
  const [r, c] = [reference.sorted, current.sorted];
  const distinct = distinctOf(r, c);
  if (spec.kind === "ordinal" || distinct !== null) {
    const values = spec.kind === "ordinal" && spec.values.length <= 60 ? spec.values : (distinct ?? []);
    if (values.length > 0) {
      const bars = values.map((value) => bar(number(value), countAt(r, value), countAt(c, value)));
      return { shape: "names", bars: [...bars, ...missing] };
    }
  }
  return { shape: "steps", bars: [...widthBars(r, c, bar), ...missing] };
};

type MakeBar = (label: string, r: number, c: number) => Bar;

const widthBars = (r: Float64Array, c: Float64Array, bar: MakeBar): Bar[] => {
  const low = Math.min(quantile(r, 0.005), quantile(c, 0.005));
  const high = Math.max(quantile(r, 0.995), quantile(c, 0.995));
  if (!(high > low)) return [bar(number(low), r.length, c.length)];
  const edges = [r, c].every((sorted) => sorted.every(Number.isInteger))
    ? wholeEdges(low, high)
    : Array.from({ length: BINS + 1 }, (_, at) => low + ((high - low) * at) / BINS);
  const last = edges.length - 2;
  const bars = edges.slice(1).map((edge, at) => {
    const from = edges[at] ?? low;
    const inside = (sorted: Float64Array): number =>
      (at === last ? above(sorted, high) : atLeast(sorted, edge)) - atLeast(sorted, from);
    return bar(`${number(from)} to ${number(edge)}`, inside(r), inside(c));
  });
  const below = bar(`below ${number(low)}`, atLeast(r, low), atLeast(c, low));
  const beyond = bar(`above ${number(high)}`, r.length - above(r, high), c.length - above(c, high));
  const some = (one: Bar): Bar[] => (one.reference + one.current > 0 ? [one] : []);
  return [...some(below), ...bars, ...some(beyond)];
};

/** Bins of equally many whole numbers: other widths hold now one more, now one less of them, which looks like gaps in the data. */
const wholeEdges = (low: number, high: number): number[] => {
  const width = Math.ceil((high - low + 1) / BINS);
  const bins = Math.ceil((high - low + 1) / width);
  return Array.from({ length: bins + 1 }, (_, at) => low + at * width);
};

const nameBars = (r: ReadonlyMap<string, number>, c: ReadonlyMap<string, number>, bar: MakeBar): Bar[] => {
  const names = [...new Set([...r.keys(), ...c.keys()])].map((name) =>
    bar(name, r.get(name) ?? 0, c.get(name) ?? 0),
  );
  const size = ({ reference, current }: Bar): number => Math.max(reference, current);
  names.sort((a, b) => size(b) - size(a) || (a.label < b.label ? -1 : 1));
  const rest = names.slice(NAMES_MAX);
  if (rest.length <= 1) return names;
  const sum = (side: "reference" | "current"): number => rest.reduce((total, one) => total + one[side], 0);
  return [
    ...names.slice(0, NAMES_MAX),
    { label: `${rest.length} others`, reference: sum("reference"), current: sum("current") },
  ];
};

const namesOf = (column: ComparedColumn): ReadonlyMap<string, number> =>
  column.kind === "names" ? column.counts : new Map();

const rowsOf = (column: ComparedColumn): number =>
  column.missing +
  (column.kind === "numbers"
    ? column.sorted.length
    : [...column.counts.values()].reduce((sum, count) => sum + count, 0));

/** The distinct values of both sides where they are few enough to stand for themselves; null otherwise. */
const distinctOf = (r: Float64Array, c: Float64Array): number[] | null => {
  const values = new Set<number>();
  for (const sorted of [r, c])
    for (let at = 0; at < sorted.length; at = above(sorted, sorted[at] ?? Infinity)) {
      values.add(sorted[at] ?? NaN);
      if (values.size > NAMES_MAX) return null;
    }
  return [...values].sort((a, b) => a - b);
};

const countAt = (sorted: Float64Array, value: number): number =>
  above(sorted, value) - atLeast(sorted, value);
const atLeast = (sorted: Float64Array, value: number): number =>
  firstPlace(sorted.length, (at) => (sorted[at] ?? Infinity) >= value);
const above = (sorted: Float64Array, value: number): number =>
  firstPlace(sorted.length, (at) => (sorted[at] ?? Infinity) > value);

const quantile = (sorted: Float64Array, q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;

/** Four significant digits, thousands apart: what fits under a chart. */
export const number = (value: number): string =>
  Number.isFinite(value)
    ? Number(value.toPrecision(4)).toLocaleString("en-US", { maximumFractionDigits: 6 })
    : "–";
