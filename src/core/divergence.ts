// Core: distances between two histograms on one encoding (STATISTICS §2). Each result carries its rows and, where a test
// exists, its p-value; what cannot be computed is null with a reason, never 0. Identical histograms give exactly 0.
import { MISSING } from "../../contracts/encoding.ts";
import type { ContinuousEncoding, FeatureEncoding, OrdinalEncoding } from "../../contracts/encoding.ts";
import { chiSquareQuantile, chiSquareSf, kolmogorovSf } from "./distributions.ts";
import { CODES, totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";
import { axisOf, CELLS, equalCells, rowsByCell } from "./reference-facts.ts";
import type { Axis, EqualCells } from "./reference-facts.ts";

/** One distance: `value` and `p` are null where they do not exist; `at_least` marks a value that is a lower bound. */
export type Divergence = {
  value: number | null;
  p: number | null;
  nReference: number;
  nCurrent: number;
  state: "measured" | "insufficient" | "degenerate";
  atLeast: boolean;
  reason: string;
};

/** Below this many rows on either side PSI is noise, whatever it says. */
const PSI_ROWS_MIN = 100;
/** Each cell of a χ² kind of statistic must expect this many rows in the smaller sample. */
const EXPECTED_MIN = 5;

type Cells = { reference: ArrayLike<number>; current: ArrayLike<number>; length: number };

const measured = (value: number, p: number | null, nReference: number, nCurrent: number): Divergence => ({
  value,
  p,
  nReference,
  nCurrent,
  state: "measured",
  atLeast: false,
  reason: "",
});

const withheld = (
  state: "insufficient" | "degenerate",
  reason: string,
  nReference: number,
  nCurrent: number,
): Divergence => ({ value: null, p: null, nReference, nCurrent, state, atLeast: false, reason });

/**
 * `psi_10`: Σ (c−r)·ln(c/r). A continuous feature's inner bins fall into 10 groups of equal reference mass; all low overflow is
 * one cell, all high overflow another, missing a third; categories stand as they are. p is the larger of the PSI's own null
 * (`psiNullQuantile`) and the χ² test's on the same cells: both are asymptotic, and the larger is bolder than neither.
 */
export function psi10(
  encoding: FeatureEncoding,
  reference: Counts,
  current: Counts,
  known: EqualCells | null = null,
): Divergence {
  if (encoding.kind !== "continuous") return psiOfCells({ reference, current, length: CODES });
  return psiOfCells(cellsOf(known ?? equalCells(reference, 8, encoding.edges.length, true), current));
}

/** `score_psi_10`: the same over score bins, which have neither overflow nor missing, in the reference's cells. */
export function scorePsi10(current: Counts, cells: EqualCells): Divergence {
  return psiOfCells(cellsOf(cells, current));
}

const cellsOf = (known: EqualCells, current: Counts): Cells => ({
  reference: known.reference,
  current: rowsByCell(known, current),
  length: CELLS,
});

/** The q-quantile of PSI when nothing moved: (1/n_ref + 1/n_cur)·χ²_{B−1}, B = cells compared. */
export function psiNullQuantile(q: number, nReference: number, nCurrent: number, cells: number): number {
  return (1 / nReference + 1 / nCurrent) * chiSquareQuantile(q, cells - 1);
}

function psiOfCells(cells: Cells): Divergence {
  const nReference = sumOf(cells.reference, cells.length);
  const nCurrent = sumOf(cells.current, cells.length);
  if (Math.min(nReference, nCurrent) < PSI_ROWS_MIN)
    return withheld("insufficient", `fewer than ${PSI_ROWS_MIN} rows`, nReference, nCurrent);
  const pooled = pool(cells, nReference, nCurrent);
  let psi = 0;
  for (let i = 0; i < pooled.length; i++) {
    const r = ((pooled.reference[i] ?? NaN) + 0.5) / (nReference + 0.5 * pooled.length);
    const c = ((pooled.current[i] ?? NaN) + 0.5) / (nCurrent + 0.5 * pooled.length);
    psi += (c - r) * Math.log(c / r);
  }
  if (pooled.length === 1) return measured(0, 1, nReference, nCurrent);
  const own = chiSquareSf(psi / (1 / nReference + 1 / nCurrent), pooled.length - 1);
  const contingency = chiSquareSf(chiSquareOf(pooled, nReference, nCurrent), pooled.length - 1);
  return measured(psi, Math.max(own, contingency), nReference, nCurrent);
}

/** `chi2_contingency`: two-sample 2×k test on the codes (the reference is a sample too), sparse cells pooled; no Yates. */
export function chi2Contingency(reference: Counts, current: Counts): Divergence {
  const nReference = totalOf(reference);
  const nCurrent = totalOf(current);
  if (nReference === 0 || nCurrent === 0) return withheld("insufficient", "no rows", nReference, nCurrent);
  const pooled = pool({ reference, current, length: reference.length }, nReference, nCurrent);
  if (pooled.length === 1) {
    const alike = reference.every((k, code) => k * nCurrent === (current[code] ?? NaN) * nReference);
    return alike
      ? measured(0, 1, nReference, nCurrent)
      : withheld("insufficient", "every cell is sparse", nReference, nCurrent);
  }
  const value = chiSquareOf(pooled, nReference, nCurrent);
  return measured(value, chiSquareSf(value, pooled.length - 1), nReference, nCurrent);
}

function chiSquareOf(cells: Cells, nReference: number, nCurrent: number): number {
  let sum = 0;
  for (let i = 0; i < cells.length; i++) {
    const r = cells.reference[i] ?? NaN;
    const c = cells.current[i] ?? NaN;
    // Σ (O−E)²/E over both rows of the table, in a form that is exactly 0 for proportional counts.
    sum += (r * nCurrent - c * nReference) ** 2 / (r + c);
  }
  return sum / (nReference * nCurrent);
}

/**
 * Drops cells empty on both sides, then pools from the smallest up until each expects ≥ 5 rows in the smaller sample. The
 * order depends on the two samples' sum only, which keeps the test's null intact.
 */
function pool(cells: Cells, nReference: number, nCurrent: number): Cells {
  const order = smallestFirst(cells);
  const needed = (EXPECTED_MIN * (nReference + nCurrent)) / Math.min(nReference, nCurrent);
  const reference: number[] = [];
  const current: number[] = [];
  let [r, c] = [0, 0];
  for (let rank = 0; rank < order.length; rank++) {
    const i = (order[rank] ?? 0) % cells.length;
    r += cells.reference[i] ?? 0;
    c += cells.current[i] ?? 0;
    if (r + c < needed && rank + 1 < order.length) continue;
    reference.push(r);
    current.push(c);
    [r, c] = [0, 0];
  }
  return { reference, current, length: reference.length };
}

/** Places of the filled cells by their rows: one number a cell, its rows first and its place second, needs no comparison function. */
function smallestFirst(cells: Cells): ArrayLike<number> {
  const keys: number[] = [];
  for (let i = 0; i < cells.length; i++) {
    const rows = (cells.reference[i] ?? 0) + (cells.current[i] ?? 0);
    if (rows > 0) keys.push(rows * cells.length + i);
  }
  if (keys.length > 2 * CELLS) return Float64Array.from(keys).sort();
  // The few cells of PSI by insertion: a typed array for each of a day's features costs more than its sorting.
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] ?? NaN;
    let place = i;
    for (; place > 0 && (keys[place - 1] ?? NaN) > key; place--) keys[place] = keys[place - 1] ?? NaN;
    keys[place] = key;
  }
  return keys;
}

/** What two histograms on one axis are apart by. */
export type Apart = { readonly ks: Divergence; readonly w1: Divergence };

/**
 * `ks_d` and `w1_over_refstd` in one look along the axis: the largest difference of the cumulative shares at bin edges, and the area
 * between them over the encoding's reference standard deviation (ddof 0), so that one unit holds for every version. Missing is left out of
 * both (it has a rate of its own). KS: p is the two-sample asymptotic Kolmogorov tail, conservative on bins. W1: inner bins stand at their
 * reference means, ordinals at their values; overflow stands at the end nearest the range, so with any overflow it is a lower bound.
 * `valued`: the current rows that are not missing, where known.
 */
export function apartAlong(
  encoding: ContinuousEncoding | OrdinalEncoding,
  reference: Counts,
  current: Counts,
  known: Axis | null = null,
  valued?: number,
): Apart {
  const { codes, steps, upTo, rows: nReference } = known ?? axisOf(encoding, reference);
  const nCurrent = valued ?? sumOf(current, codes.length);
  if (nReference === 0 || nCurrent === 0) {
    const none = withheld("insufficient", "no values", nReference, nCurrent);
    return { ks: none, w1: none };
  }
  let c = 0;
  let widest = 0;
  let area = 0;
  for (let i = 0; i < codes.length; i++) {
    c += current[codes[i] ?? NaN] ?? NaN;
    // In rows × rows, which are whole numbers: nothing is rounded before the end.
    const gap = Math.abs((upTo[i] ?? NaN) * nCurrent - c * nReference);
    if (gap > widest) widest = gap;
    area += gap * (steps[i] ?? NaN);
  }
  const ks = ksOf(Number.isNaN(c) ? NaN : widest, nReference, nCurrent);
  if (!(encoding.sd > 0))
    return { ks, w1: withheld("degenerate", "reference does not vary", nReference, nCurrent) };
  const w1 = measured(area / (nReference * nCurrent) / encoding.sd, null, nReference, nCurrent);
  const overflow = encoding.kind === "continuous" && holdsOverflow(encoding, reference, current);
  return { ks, w1: overflow ? { ...w1, atLeast: true } : w1 };
}

function ksOf(widest: number, nReference: number, nCurrent: number): Divergence {
  const d = widest / (nReference * nCurrent);
  const p = kolmogorovSf(d * Math.sqrt((nReference * nCurrent) / (nReference + nCurrent)));
  return measured(d, p, nReference, nCurrent);
}

/** `score_ks_d`: the same over score bins. */
export function scoreKsD(reference: Counts, current: Counts): Divergence {
  const nReference = totalOf(reference);
  const nCurrent = totalOf(current);
  if (nReference === 0 || nCurrent === 0) return withheld("insufficient", "no values", nReference, nCurrent);
  let [r, c] = [0, 0];
  let widest = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    r += reference[bin] ?? NaN;
    c += current[bin] ?? NaN;
    widest = Math.max(widest, Math.abs(r * nCurrent - c * nReference));
  }
  return ksOf(widest, nReference, nCurrent);
}

/** How far `ks_d` may fall short of the D of the raw values: the largest smaller-side mass of any one bin. */
export function ksBinningBound(reference: Counts, current: Counts): number {
  const nReference = sumOf(reference, MISSING);
  const nCurrent = sumOf(current, MISSING);
  let bound = 0;
  for (let i = 0; i < MISSING; i++)
    bound = Math.max(bound, Math.min((reference[i] ?? 0) / nReference, (current[i] ?? 0) / nCurrent));
  return bound;
}

function holdsOverflow(encoding: ContinuousEncoding, reference: Counts, current: Counts): boolean {
  const above = 8 + encoding.edges.length;
  for (let k = 0; k < 8; k++) {
    if ((reference[k] ?? 0) + (current[k] ?? 0) > 0) return true;
    if ((reference[above + k] ?? 0) + (current[above + k] ?? 0) > 0) return true;
  }
  return false;
}

/** Distances of two share vectors (k/n, no smoothing), over all codes, missing included. */
export type ShareDistance = "js_distance_base2" | "js_distance_natural" | "hellinger" | "tvd" | "l_infinity";

/** The unsmoothed distances on the codes; no p-value exists for them. */
export function shareDistance(kind: ShareDistance, reference: Counts, current: Counts): Divergence {
  const nReference = totalOf(reference);
  const nCurrent = totalOf(current);
  if (nReference === 0 || nCurrent === 0) return withheld("insufficient", "no rows", nReference, nCurrent);
  let sum = 0;
  let most = 0;
  for (let i = 0; i < reference.length; i++) {
    const r = (reference[i] ?? NaN) / nReference;
    const c = (current[i] ?? NaN) / nCurrent;
    if (r === c) continue;
    if (kind === "hellinger") sum += (Math.sqrt(r) - Math.sqrt(c)) ** 2;
    else if (kind === "tvd") sum += Math.abs(r - c);
    else if (kind === "l_infinity") most = Math.max(most, Math.abs(r - c));
    else sum += relative(r, (r + c) / 2) + relative(c, (r + c) / 2);
  }
  const value = { hellinger: Math.sqrt(sum / 2), tvd: sum / 2, l_infinity: most };
  const jensenShannon = Math.max(0, sum / 2);
  if (kind === "js_distance_natural") return measured(Math.sqrt(jensenShannon), null, nReference, nCurrent);
  if (kind === "js_distance_base2")
    return measured(Math.sqrt(jensenShannon / Math.LN2), null, nReference, nCurrent);
  return measured(value[kind], null, nReference, nCurrent);
}

function relative(share: number, middle: number): number {
  return share === 0 ? 0 : share * Math.log(share / middle);
}

function sumOf(counts: ArrayLike<number>, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i++) sum += counts[i] ?? NaN;
  return sum;
}
