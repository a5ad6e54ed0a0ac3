// Histograms: merging as an algebra, bins at their edges.
import { describe, expect, it } from "vitest";
import {
  addCounts,
  areCounts,
  CODES,
  emptyCounts,
  fromSparse,
  LATENCY_BINS,
  latencyBin,
  latencyQuantile,
  positionsOf,
  SCORE_BINS,
  scoreBin,
  scoreEdge,
  scoreMean,
  scoreQuantile,
  toSparse,
  totalOf,
} from "../../src/core/histogram.ts";
import type { Counts } from "../../src/core/histogram.ts";
import { lcg } from "./lcg.ts";

const random = (seed: number): Counts => {
  const next = lcg(seed);
  return Float64Array.from({ length: CODES }, () => (next() < 0.5 ? 0 : Math.floor(next() * 2 ** 40)));
};
const merged = (...parts: Counts[]): Counts =>
  parts.reduce((sum, part) => addCounts(sum, part), emptyCounts());

describe("merging", () => {
  it.each([1, 2, 3, 4, 5])("is exact, associative, commutative and has a zero (seed %d)", (seed) => {
    const [a, b, c] = [random(seed), random(seed + 100), random(seed + 200)];
    expect(merged(merged(a, b), c)).toEqual(merged(a, merged(b, c)));
    expect(merged(a, b, c)).toEqual(merged(c, a, b));
    expect(merged(a, emptyCounts())).toEqual(a);
    expect(totalOf(merged(a, b))).toBe(totalOf(a) + totalOf(b));
  });

  it("survives the sparse form and back, whatever the order of pairs", () => {
    const counts = random(9);
    const sparse = toSparse(counts);
    expect(fromSparse(sparse)).toEqual(counts);
    expect(fromSparse(sparse.toReversed())).toEqual(counts);
    expect(sparse.every(([code], i) => i === 0 || code > (sparse[i - 1]?.[0] ?? 0))).toBe(true);
  });

  it("refuses what is no count", () => {
    expect(() => fromSparse([[256, 1]])).toThrow(RangeError);
    expect(() => fromSparse([[0, -1]])).toThrow(RangeError);
    expect(() => fromSparse([[0, NaN]])).toThrow(RangeError);
    expect(() => addCounts(emptyCounts(), emptyCounts(SCORE_BINS))).toThrow(RangeError);
    expect(areCounts(Float64Array.from({ length: CODES }, () => 0.5))).toBe(false);
    expect(areCounts(new Float64Array(CODES).fill(NaN))).toBe(false);
    expect(areCounts(emptyCounts(10))).toBe(false);
  });
});

describe("score bins", () => {
  it("hold every probability between their edges", () => {
    const next = lcg(8);
    for (let i = 0; i < 5000; i++) {
      const p = 1 / (1 + Math.exp(32 * next() - 16));
      const bin = scoreBin(p);
      expect(p).toBeGreaterThanOrEqual(scoreEdge(bin) * (1 - 1e-12));
      expect(p).toBeLessThanOrEqual(scoreEdge(bin + 1) * (1 + 1e-12));
    }
  });

  it("keep the extremes in the open end bins", () => {
    expect([scoreBin(0), scoreBin(1e-300), scoreBin(1)]).toEqual([0, 0, SCORE_BINS - 1]);
    expect([scoreEdge(0), scoreEdge(SCORE_BINS), scoreBin(0.5)]).toEqual([0, 1, 500]);
    expect(() => scoreBin(NaN)).toThrow(RangeError);
    expect(() => scoreBin(1.0000001)).toThrow(RangeError);
  });

  it("stand at most 0.0035 from their members", () => {
    for (let bin = 0; bin < SCORE_BINS; bin++) {
      expect(scoreMean(bin) - scoreEdge(bin)).toBeLessThan(0.00351);
      expect(scoreEdge(bin + 1) - scoreMean(bin)).toBeLessThan(0.00351);
      expect(scoreBin(scoreMean(bin))).toBe(bin);
    }
  });

  it("give quantiles within a bin, and none without rows", () => {
    const counts = emptyCounts(SCORE_BINS);
    for (let i = 0; i < 1000; i++) {
      const bin = scoreBin((i + 0.5) / 1000);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    expect(scoreQuantile(counts, 0.95)).toBeCloseTo(0.95, 2);
    expect(scoreQuantile(counts, 0.5)).toBeCloseTo(0.5, 2);
    expect(scoreQuantile(emptyCounts(SCORE_BINS), 0.5)).toBeNull();
  });
});

describe("latency bins", () => {
  it("are half octaves of a microsecond", () => {
    expect([0, 1, 1.5, 2, 3, 4, 1024].map(latencyBin)).toEqual([0, 0, 1, 2, 3, 4, 20]);
    expect(latencyBin(1e15)).toBe(LATENCY_BINS - 1);
    expect(() => latencyBin(NaN)).toThrow(RangeError);
  });

  it("give quantiles within 19 % of exact", () => {
    const counts = emptyCounts(LATENCY_BINS);
    const next = lcg(6);
    const exact = Array.from({ length: 4000 }, () => 200 + 5000 * next() ** 3).sort((a, b) => a - b);
    for (const latency of exact) counts[latencyBin(latency)] = (counts[latencyBin(latency)] ?? 0) + 1;
    for (const q of [0.5, 0.95, 0.99]) {
      const ratio = (latencyQuantile(counts, q) ?? NaN) / (exact[Math.ceil(q * 4000) - 1] ?? NaN);
      expect(Math.abs(Math.log2(ratio))).toBeLessThan(0.25);
    }
    expect(latencyQuantile(emptyCounts(LATENCY_BINS), 0.5)).toBeNull();
  });
});

describe("positionsOf", () => {
  it("puts overflow at the end of its level nearest the range, ascending with the code", () => {
    const positions = positionsOf({
      feature: "x",
      kind: "continuous",
      low: 0,
      high: 16,
      edges: [8, 16],
      means: [4, 12],
      mean: 8,
      sd: 4,
    });
    expect([...positions]).toEqual([-64, -32, -16, -8, -4, -2, -1, 0, 4, 12, 16, 17, 18, 20, 24, 32, 48, 80]);
  });
});
