// Test worlds: encodings, and histograms of seeded samples on them.
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import type { ContinuousEncoding, NominalEncoding, OrdinalEncoding } from "../../contracts/encoding.ts";
import { emptyCounts } from "../../src/core/histogram.ts";
import type { Counts } from "../../src/core/histogram.ts";

/** A continuous encoding with up to `bins` equal-mass inner bins of the values given. */
export function continuousOf(feature: string, values: Float64Array, bins: number): ContinuousEncoding {
  const sorted = values.slice().sort();
  const low = sorted[0] ?? 0;
  const high = sorted.at(-1) ?? 0;
  const cuts = Array.from(
    { length: bins },
    (_, i) => sorted[Math.ceil(((i + 1) * sorted.length) / bins) - 1] ?? high,
  );
  const edges = [...new Set(cuts)];
  const sums = edges.map(() => ({ n: 0, sum: 0 }));
  for (const value of sorted) {
    const bin = sums[edges.findIndex((edge) => value <= edge)];
    if (bin === undefined) throw new Error("a reference value lies inside the reference range");
    bin.n++;
    bin.sum += value;
  }
  const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
  const sd = Math.sqrt(sorted.reduce((s, v) => s + (v - mean) ** 2, 0) / sorted.length);
  return { feature, kind: "continuous", low, high, edges, means: sums.map((b) => b.sum / b.n), mean, sd };
}

/** The code of a value (NaN: missing), as contracts/encoding.ts words it. */
export function codeOf(encoding: ContinuousEncoding, value: number): number {
  if (Number.isNaN(value)) return MISSING;
  const range = encoding.high - encoding.low;
  const level = (distance: number): number => {
    for (let k = 0; k < 7; k++) if (distance <= range * 2 ** (k - 4)) return k;
    return 7;
  };
  if (value < encoding.low) return 7 - level(encoding.low - value);
  if (value > encoding.high) return 8 + encoding.edges.length + level(value - encoding.high);
  return 8 + encoding.edges.findIndex((edge) => value <= edge);
}

/** The histogram of values on an encoding. */
export function countsOf(encoding: ContinuousEncoding, values: Float64Array): Counts {
  const counts = emptyCounts();
  for (const value of values) {
    const code = codeOf(encoding, value);
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

/** Independent standard normals (Box–Muller). */
export function normals(random: () => number, n: number, mean = 0): Float64Array {
  return Float64Array.from({ length: n }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return mean + radius * Math.cos(2 * Math.PI * random());
  });
}

/** A histogram of n draws from shares by code. */
export function drawn(random: () => number, n: number, shares: readonly number[]): Counts {
  const counts = emptyCounts();
  for (let row = 0; row < n; row++) {
    let u = random();
    let code = 0;
    while (code < shares.length - 1 && u >= (shares[code] ?? 1)) u -= shares[code++] ?? 0;
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
}

export function nominalOf(feature: string, size: number): NominalEncoding {
  return { feature, kind: "nominal", values: Array.from({ length: size }, (_, i) => `v${i}`) };
}

export function ordinalOf(
  feature: string,
  size: number,
  cycle: "day" | "week" | null = null,
): OrdinalEncoding {
  const values = Array.from({ length: size }, (_, i) => i);
  return {
    feature,
    kind: "ordinal",
    values,
    cycle,
    mean: (size - 1) / 2,
    sd: Math.sqrt((size * size - 1) / 12),
  };
}

/** Counts by code, with OTHER and MISSING by name. */
export function tally(codes: readonly number[], also: { other?: number; missing?: number } = {}): Counts {
  const counts = emptyCounts();
  codes.forEach((count, code) => {
    counts[code] = count;
  });
  counts[OTHER] = also.other ?? 0;
  counts[MISSING] = also.missing ?? 0;
  return counts;
}
