// Unit: pictures of histograms hold every row once, whatever the kind; the calibration curve keeps its rows and order.
import { describe, expect, it } from "vitest";
import { MISSING, OTHER, type FeatureEncoding } from "../../contracts/encoding.ts";
import { barsOf, calibrationCurve, scoreBars } from "../../src/core/bars.ts";
import { fromSparse, SCORE_BINS, scoreBin, totalOf } from "../../src/core/histogram.ts";
import { snakeCased } from "../../src/core/snake-case.ts";

const EDGES = Array.from({ length: 100 }, (_, i) => i + 1);
const continuous: FeatureEncoding = {
  feature: "x",
  kind: "continuous",
  low: 0,
  high: 100,
  edges: EDGES,
  means: EDGES.map((edge) => edge - 0.5),
  mean: 50,
  sd: 29,
};
const ordinal: FeatureEncoding = {
  feature: "x",
  kind: "ordinal",
  values: [0, 1, 2],
  cycle: null,
  mean: 1,
  sd: 1,
};
const nominal: FeatureEncoding = {
  feature: "x",
  kind: "nominal",
  values: Array.from({ length: 60 }, (_, i) => `v${i}`),
};

describe("bars", () => {
  it.each([
    [
      "continuous",
      continuous,
      [
        [0, 3],
        [7, 1],
        [8, 5],
        [57, 9],
        [107, 4],
        [108, 2],
        [115, 1],
        [MISSING, 6],
      ],
    ],
    [
      "ordinal",
      ordinal,
      [
        [0, 3],
        [2, 4],
        [MISSING, 1],
      ],
    ],
    [
      "nominal",
      nominal,
      [
        [0, 3],
        [59, 4],
        [OTHER, 2],
        [MISSING, 1],
      ],
    ],
  ] as const)("of a %s feature hold every row once", (_, encoding, pairs) => {
    const current = fromSparse(pairs.map(([code, n]): [number, number] => [code, n]));
    const codes = encoding.kind === "continuous" ? EDGES.map((_, i) => i + 8) : [0, 1, 2];
    const reference = fromSparse(codes.map((code): [number, number] => [code, 10]));
    const bars = barsOf(encoding, reference, current);
    const sum = (side: "reference" | "current") => bars.reduce((total, bar) => total + bar[side], 0);
    expect(sum("current")).toBe(totalOf(current));
    expect(sum("reference")).toBe(totalOf(reference));
    expect(bars.length).toBeLessThanOrEqual(24);
    expect(new Set(bars.map(({ label }) => label)).size).toBe(bars.length);
  });
  it("names a continuous group by its bounds and its overflow by its side", () => {
    const reference = fromSparse(EDGES.map((_, i): [number, number] => [i + 8, 10]));
    const bars = barsOf(
      continuous,
      reference,
      fromSparse([
        [0, 1],
        [115, 1],
      ]),
    );
    expect(bars[0]).toEqual({ label: "< 0", kind: "overflow", reference: 0, current: 1 });
    expect(bars[1]).toMatchObject({ label: "0 – 5", kind: "bin", reference: 50 });
    expect(bars.at(-1)).toEqual({ label: "> 100", kind: "overflow", reference: 0, current: 1 });
  });
  it("of scores hold every row once", () => {
    const scores = fromSparse(
      [
        [0, 1],
        [scoreBin(0.5), 2],
        [SCORE_BINS - 1, 3],
      ],
      SCORE_BINS,
    );
    const bars = scoreBars(scores, scores);
    expect(bars).toHaveLength(20);
    expect(bars.reduce((sum, bar) => sum + bar.current, 0)).toBe(6);
  });
});

describe("a calibration curve", () => {
  it("of calibrated scores lies on the diagonal, within its intervals", () => {
    const shares = [0.1, 0.3, 0.5, 0.7, 0.9];
    const positive = fromSparse(
      shares.map((p): [number, number] => [scoreBin(p), Math.round(1000 * p)]),
      SCORE_BINS,
    );
    const negative = fromSparse(
      shares.map((p): [number, number] => [scoreBin(p), Math.round(1000 * (1 - p))]),
      SCORE_BINS,
    );
    const bins = calibrationCurve(negative, positive, 5);
    expect(bins.map(({ n }) => n)).toEqual([1000, 1000, 1000, 1000, 1000]);
    for (const bin of bins) {
      expect(bin.low).toBeLessThan(bin.predicted);
      expect(bin.high).toBeGreaterThan(bin.predicted);
      expect(bin.observed).toBeCloseTo(bin.predicted, 2);
    }
  });
  it("of nothing has no bin", () => {
    const none = fromSparse([], SCORE_BINS);
    expect(calibrationCurve(none, none)).toEqual([]);
  });
});

describe("names in snake_case", () => {
  it("change words and nothing else", () => {
    expect(
      snakeCased({
        lastReason: "keepThis",
        versions: { "1.10.0": { shadowSince: null } },
        list: [{ atMs: 1 }],
      }),
    ).toEqual({
      last_reason: "keepThis",
      versions: { "1.10.0": { shadow_since: null } },
      list: [{ at_ms: 1 }],
    });
  });
});
