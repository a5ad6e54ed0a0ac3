// Core: what is true of a feature's reference whatever window is held against it: its rows, whether it can be measured by at all, its
// cells of equal mass and its axis. Worked out once a version, because a day of windows asks thousands of times. Holds no verdict.
import { MISSING } from "../../contracts/encoding.ts";
import type { ContinuousEncoding, FeatureEncoding, OrdinalEncoding } from "../../contracts/encoding.ts";
import { areCounts, positionsOf, totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";

export interface ReferenceFacts {
  readonly counts: Counts;
  readonly rows: number;
  /** Whether these are counts of 256 codes. */
  readonly isSound: boolean;
  /** Whether the encoding's numbers are finite and as many as its bins. */
  readonly isEncodingSound: boolean;
  /** Whether all valued rows share one code. */
  readonly isOneValued: boolean;
  readonly cells: EqualCells | null;
  readonly axis: Axis | null;
}

/** The facts of a reference on its encoding. */
export function referenceFacts(encoding: FeatureEncoding, counts: Counts): ReferenceFacts {
  return {
    counts,
    rows: totalOf(counts),
    isSound: areCounts(counts),
    isEncodingSound: isSound(encoding),
    isOneValued: isOneValued(counts),
    cells: encoding.kind === "continuous" ? equalCells(counts, 8, encoding.edges.length, true) : null,
    axis: encoding.kind === "nominal" ? null : axisOf(encoding, counts),
  };
}

/**
 * Neighbouring codes that fall into one cell, and the reference's rows of each cell: codes `from[i]` up to `from[i + 1]` belong to cell
 * `cell[i]`. So few sums need no look at every code's cell.
 */
export type EqualCells = {
  readonly from: readonly number[];
  readonly cell: readonly number[];
  readonly reference: readonly number[];
};

/** Ten groups of inner bins, then low overflow, high overflow and missing. */
export const CELLS = 13;

/**
 * Groups `bins` inner bins from code `first` by reference mass: a bin goes where the middle of its mass lies, so none is split. Codes that
 * belong to no cell fall into one beyond the last.
 */
export function equalCells(reference: Counts, first: number, bins: number, withEnds: boolean): EqualCells {
  const cellOf = new Uint8Array(reference.length).fill(CELLS);
  let mass = 0;
  for (let code = first; code < first + bins; code++) mass += reference[code] ?? 0;
  let below = 0;
  for (let code = first; code < first + bins; code++) {
    const here = reference[code] ?? 0;
    cellOf[code] = mass === 0 ? 0 : Math.min(9, Math.floor((10 * (below + here / 2)) / mass));
    below += here;
  }
  if (withEnds) {
    cellOf.fill(10, 0, first);
    cellOf.fill(11, first + bins, first + bins + 8);
    cellOf[MISSING] = 12;
  }
  const from = [...cellOf.keys()].filter((code) => code === 0 || cellOf[code] !== cellOf[code - 1]);
  const runs = { from: [...from, cellOf.length], cell: from.map((code) => cellOf[code] ?? CELLS) };
  return { ...runs, reference: rowsByCell(runs, reference) };
}

/** The cells of reference scores: ten groups of equal mass. */
export const scoreCells = (scores: Counts): EqualCells => equalCells(scores, 0, scores.length, false);

/** Rows of each cell. */
export function rowsByCell({ from, cell }: Pick<EqualCells, "from" | "cell">, counts: Counts): number[] {
  const rows = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
  for (let run = 0; run < cell.length; run++) {
    const end = from[run + 1] ?? 0;
    let sum = 0;
    for (let code = from[run] ?? end; code < end; code++) sum += counts[code] ?? 0;
    const own = cell[run] ?? CELLS;
    rows[own] = (rows[own] ?? 0) + sum;
  }
  return rows;
}

/** The codes of an ordered feature in order, and how far each stands from the next. */
export type Axis = {
  readonly codes: Uint8Array;
  /** The last stands before nothing: 0. */
  readonly steps: Float64Array;
  /** Reference rows up to each code, along the axis. */
  readonly upTo: Float64Array;
  readonly rows: number;
};

/** The axis of an ordered feature: inner bins at their reference means, overflow at the end nearest the range, ordinals at their values. */
export function axisOf(encoding: ContinuousEncoding | OrdinalEncoding, reference: Counts): Axis {
  const positions = encoding.kind === "continuous" ? positionsOf(encoding) : encoding.values;
  const codes = Uint8Array.from(positions, (_, code) => code);
  if (encoding.kind === "ordinal") codes.sort((a, b) => (positions[a] ?? 0) - (positions[b] ?? 0));
  const at = (place: number): number => positions[codes[place] ?? NaN] ?? NaN;
  const last = codes.length - 1;
  let rows = 0;
  const upTo = Float64Array.from(codes, (code) => (rows += reference[code] ?? NaN));
  return {
    codes,
    steps: Float64Array.from(codes, (_, place) => (place === last ? 0 : at(place + 1) - at(place))),
    upTo,
    rows,
  };
}

function isSound(encoding: FeatureEncoding): boolean {
  if (encoding.kind !== "continuous") return true;
  const { low, high, sd, means, edges } = encoding;
  const isFinite = Number.isFinite(low) && Number.isFinite(high) && Number.isFinite(sd);
  return isFinite && means.length === edges.length && means.every(Number.isFinite);
}

function isOneValued(reference: Counts): boolean {
  let codes = 0;
  for (let code = 0; code < MISSING; code++) if ((reference[code] ?? 0) > 0) codes++;
  return codes === 1 || (codes === 0 && (reference[MISSING] ?? 0) > 0);
}
