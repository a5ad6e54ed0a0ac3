// Core: the raw-value twins of the binned distances, for `drift compare`, which holds both files. Promises the exact KS D and W1;
// never used on live traffic, where no raw value exists.
import { kolmogorovSf } from "./distributions.ts";

/** Up to this many lattice cells the two-sample KS p-value is counted exactly (about 0.1 s). */
const EXACT_CELLS_MAX = 4_000_000;
/** Below this the exact tail loses its digits to 1 − x; the asymptotic tail takes over. */
const EXACT_TAIL_MIN = 1e-9;

/** The two-sample KS D of raw values and its p: exact while the samples are small, else asymptotic; null where one is empty. */
export function ksExact(
  reference: Float64Array,
  current: Float64Array,
): { d: number; p: number; method: "exact" | "asymptotic" } | null {
  if (reference.length === 0 || current.length === 0) return null;
  const { widest } = walk(reference, current);
  const n = reference.length;
  const m = current.length;
  return { d: widest / (n * m), ...ksTail(widest, n, m) };
}

/** Exact KS and W1 of raw values in one pass over both. */
export function ksAndW1Exact(
  reference: Float64Array,
  current: Float64Array,
): { ks: NonNullable<ReturnType<typeof ksExact>>; w1: NonNullable<ReturnType<typeof w1Exact>> } | null {
  if (reference.length === 0 || current.length === 0) return null;
  const { widest, apart } = walk(reference, current);
  const d = widest / (reference.length * current.length);
  const sd = Math.sqrt(populationVariance(reference));
  return {
    ks: { d, ...ksTail(widest, reference.length, current.length) },
    w1: { w1: apart, value: sd > 0 ? apart / sd : null },
  };
}

function ksTail(widest: number, n: number, m: number): { p: number; method: "exact" | "asymptotic" } {
  const d = widest / (n * m);
  if (n * m <= EXACT_CELLS_MAX) {
    const p = exactTail(widest, n, m);
    if (p >= EXACT_TAIL_MIN) return { p, method: "exact" };
  }
  return { p: kolmogorovSf(d * Math.sqrt((n * m) / (n + m))), method: "asymptotic" };
}

/**
 * P(D ≥ widest/(n·m)) when all orders of the values are equally likely: the share of lattice paths that stay strictly inside the
 * band, taken one row at a time so that no factorial appears.
 */
function exactTail(widest: number, n: number, m: number): number {
  if (widest === 0) return 1;
  const inside = new Float64Array(m + 1);
  for (let j = 0; j <= m; j++) inside[j] = j * n >= widest ? 0 : 1;
  for (let i = 1; i <= n; i++) {
    const step = i / (i + m);
    inside[0] = i * m >= widest ? 0 : step * (inside[0] ?? 0);
    for (let j = 1; j <= m; j++)
      inside[j] = Math.abs(i * m - j * n) >= widest ? 0 : step * (inside[j] ?? 0) + (inside[j - 1] ?? 0);
  }
  return Math.max(0, Math.min(1, 1 - (inside[m] ?? NaN)));
}

/** Wasserstein-1 of raw values over the reference's standard deviation (ddof 0); `value` is null where that is 0 or a side is empty. */
export function w1Exact(
  reference: Float64Array,
  current: Float64Array,
): { w1: number; value: number | null } | null {
  if (reference.length === 0 || current.length === 0) return null;
  const { apart } = walk(reference, current);
  const sd = Math.sqrt(populationVariance(reference));
  return { w1: apart, value: sd > 0 ? apart / sd : null };
}

/** PSI as Evidently bins it (`psi_sturges_zero_fill`): Sturges edges over both samples, empty shares filled with 0.0001 a side. */
export function psiSturges(reference: Float64Array, current: Float64Array): number | null {
  if (reference.length === 0 || current.length === 0) return null;
  const rows = reference.length + current.length;
  const [low, high] = extent(reference, extent(current, [Infinity, -Infinity]));
  if (!(high > low)) return 0;
  const bins = Math.ceil(Math.log2(rows) + 1);
  const shares = (values: Float64Array): number[] => {
    const counts = new Array<number>(bins).fill(0);
    for (const value of values) {
      const bin = Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts.map((count) => count / values.length);
  };
  return psiZeroFilled(shares(reference), shares(current));
}

/** PSI of two share vectors, zeros filled as Evidently does: 0.0001, or the smallest share over a million if that is smaller yet. */
export function psiZeroFilled(reference: readonly number[], current: readonly number[]): number {
  const fill = (shares: readonly number[]): number[] => {
    const least = Math.min(...shares.filter((share) => share !== 0));
    const zero = least <= 1e-4 ? least / 1e6 : 1e-4;
    return shares.map((share) => (share === 0 ? zero : share));
  };
  const r = fill(reference);
  const c = fill(current);
  return r.reduce((sum, share, i) => sum + (share - (c[i] ?? NaN)) * Math.log(share / (c[i] ?? NaN)), 0);
}

/**
 * Goes once through the distinct values of both samples in order: the widest gap between the cumulative counts (times both
 * lengths, so that it is whole) and the area between the cumulative shares.
 */
function walk(reference: Float64Array, current: Float64Array): { widest: number; apart: number } {
  const a = ascending(reference);
  const b = ascending(current);
  const [n, m] = [a.length, b.length];
  let [i, j, widest, apart] = [0, 0, 0, 0];
  let value = Math.min(a[0] ?? Infinity, b[0] ?? Infinity);
  while (i < n || j < m) {
    if (!Number.isFinite(value)) throw new RangeError("samples must be finite numbers");
    while (i < n && a[i] === value) i++;
    while (j < m && b[j] === value) j++;
    const next = Math.min(i < n ? (a[i] ?? NaN) : Infinity, j < m ? (b[j] ?? NaN) : Infinity);
    widest = Math.max(widest, Math.abs(i * m - j * n));
    if (i < n || j < m) apart += Math.abs(i / n - j / m) * (next - value);
    value = next;
  }
  return { widest, apart };
}

/** The values in order; an array that is in order already is used as it is, neither copied nor sorted. */
function ascending(values: Float64Array): Float64Array {
  for (let i = 1; i < values.length; i++)
    if ((values[i - 1] ?? 0) > (values[i] ?? 0)) return values.slice().sort();
  return values;
}

function populationVariance(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? NaN;
  const mean = sum / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += ((values[i] ?? NaN) - mean) ** 2;
  return squares / values.length;
}

function extent(values: Float64Array, [low, high]: readonly [number, number]): readonly [number, number] {
  return [values.reduce((a, b) => Math.min(a, b), low), values.reduce((a, b) => Math.max(a, b), high)];
}
