// Core: how a number is held against a threshold. Both sides are rounded to 9 decimals first, so that 0.82 − 0.80 reaches
// 0.02 although binary says 0.0199…; NaN reaches nothing.

/** Rounds to 9 decimals, the precision at which evidence and thresholds (never p-values) are compared. */
export function round9(value: number): number {
  if (!Number.isFinite(value) || Math.abs(value) >= 1e12) return value;
  return Math.round(value * 1e9) / 1e9;
}

/** True where value ≥ threshold after rounding; the exact threshold counts, NaN never does. */
export function reaches(value: number, threshold: number): boolean {
  return round9(value) >= round9(threshold);
}

/** True where value > threshold after rounding; the exact threshold does not count, NaN never does. */
export function exceeds(value: number, threshold: number): boolean {
  return round9(value) > round9(threshold);
}
