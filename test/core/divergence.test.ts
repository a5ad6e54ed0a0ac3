// Distances between histograms: oracles, SciPy, the raw twins within their stated bounds, traps.
import { describe, expect, it } from "vitest";
import { MISSING } from "../../contracts/encoding.ts";
import {
  chi2Contingency,
  ksBinningBound,
  apartAlong,
  psi10,
  psiNullQuantile,
  scoreKsD,
  scorePsi10,
  shareDistance,
} from "../../src/core/divergence.ts";
import { emptyCounts, SCORE_BINS } from "../../src/core/histogram.ts";
import { scoreCells } from "../../src/core/reference-facts.ts";
import { ksExact, w1Exact } from "../../src/core/samples.ts";
import { lcg } from "./lcg.ts";
import { continuousOf, countsOf, drawn, nominalOf, normals, ordinalOf, tally } from "./worlds.ts";

const reference = Float64Array.from({ length: 100 }, (_, i) => i + 1);
const current = reference.map((value) => value + 10);
const encoding = continuousOf("x", reference, 100);
const r = countsOf(encoding, reference);
const c = countsOf(encoding, current);

describe("oracles", () => {
  it("1..100 against 11..110 on one bin a value: KS as raw, W1 a bound from below", () => {
    expect(apartAlong(encoding, r, c).ks.value).toBeCloseTo(0.1, 12);
    expect(apartAlong(encoding, r, c).ks.p).toBeCloseTo(0.6993742, 7);
    const w1 = apartAlong(encoding, r, c).w1;
    expect(w1.atLeast).toBe(true);
    expect(w1.value).toBeLessThanOrEqual(0.3464274833);
    expect(w1.value).toBeGreaterThan(0.3);
  });

  it("Hellinger of discrete values, no smoothing", () => {
    const a = tally([16, 18, 16, 14, 12, 12]);
    const b = tally([16, 16, 16, 16, 16, 8]);
    expect(shareDistance("hellinger", a, b).value).toBeCloseTo(0.06812774, 8);
  });

  it("L∞ of aabbcc", () => {
    expect(shareDistance("l_infinity", tally([2, 2, 2]), tally([2, 2, 2, 1])).value).toBeCloseTo(0.142857, 6);
    expect(shareDistance("l_infinity", tally([2, 2, 2]), tally([0, 5, 0])).value).toBeCloseTo(0.666667, 6);
  });

  it("Jensen–Shannon of both bases: disjoint histograms are 1 and √ln 2 apart (TC-76)", () => {
    const [a, b] = [tally([40]), tally([0, 70])];
    expect(shareDistance("js_distance_base2", a, b).value).toBeCloseTo(1, 12);
    expect(shareDistance("js_distance_natural", a, b).value).toBeCloseTo(0.832554611, 9);
    expect(shareDistance("tvd", a, b).value).toBe(1);
  });

  it("χ² equals SciPy's chi2_contingency", () => {
    const chi2 = chi2Contingency(tally([30, 50, 20, 60]), tally([25, 70, 35, 45]));
    expect(chi2.value).toBeCloseTo(9.368786719233148, 10);
    expect(chi2.p).toBeCloseTo(0.024769009412636673, 10);
  });

  it.each([
    [10, 10_000, 217, 0.079, 0.1],
    [10, 10_000, 1000, 0.0186, 0.0237],
    [20, 10_000, 1000, 0.033, 0.04],
    [10, 500, 500, 0.067, 0.082],
  ])("null quantiles of PSI with %d cells, %d against %d rows", (cells, nReference, nCurrent, p95, p99) => {
    expect(Math.abs(psiNullQuantile(0.95, nReference, nCurrent, cells) / p95 - 1)).toBeLessThan(0.06);
    expect(Math.abs(psiNullQuantile(0.99, nReference, nCurrent, cells) / p99 - 1)).toBeLessThan(0.06);
  });
});

describe("binned against raw", () => {
  it.each([1, 2, 3, 4])("KS falls short by at most its bound, W1 stays near (seed %d)", (seed) => {
    const random = lcg(seed);
    const a = normals(random, 4000);
    const b = normals(random, 700, 0.15 * seed);
    for (const bins of [20, 100, 230]) {
      const onBins = continuousOf("x", a, bins);
      const [ca, cb] = [countsOf(onBins, a), countsOf(onBins, b)];
      const short = (ksExact(a, b)?.d ?? NaN) - (apartAlong(onBins, ca, cb).ks.value ?? NaN);
      expect(short).toBeGreaterThanOrEqual(-1e-12);
      expect(short).toBeLessThanOrEqual(ksBinningBound(ca, cb) + 1e-12);
      const w1 = apartAlong(onBins, ca, cb).w1.value ?? NaN;
      expect(Math.abs(w1 - (w1Exact(a, b)?.value ?? NaN))).toBeLessThan(0.05);
    }
  });
});

describe("psi10", () => {
  it("is its definition on ten equal groups", () => {
    const onTen = continuousOf("x", reference, 10);
    const a = countsOf(onTen, reference);
    const b = countsOf(onTen, current);
    // Ten cells of 10 rows; the current has 0 in the first, 10 in the others and 10 above the range.
    const cells = [[10, 0], ...Array.from({ length: 9 }, () => [10, 10]), [0, 10]];
    const psi = cells.reduce((sum, [k = NaN, m = NaN]) => {
      const [p, q] = [(k + 0.5) / 105.5, (m + 0.5) / 105.5];
      return sum + (q - p) * Math.log(q / p);
    }, 0);
    expect(psi10(onTen, a, b).value).toBeCloseTo(psi, 12);
  });

  it("pools from the smallest until each cell expects 5 in the smaller sample", () => {
    const nominal = nominalOf("n", 5);
    // Both sides together: 300, 199, 14, 4, 3 of 520, so 4+3 (expects 2.7) takes 14 in and expects 8.1 of 200 rows.
    const a = tally([200, 111, 5, 2, 2]);
    const b = tally([100, 88, 9, 2, 1]);
    const cells = [
      [200, 100],
      [111, 88],
      [9, 12],
    ];
    const psi = cells.reduce((sum, [k = NaN, m = NaN]) => {
      const [p, q] = [(k + 0.5) / 321.5, (m + 0.5) / 201.5];
      return sum + (q - p) * Math.log(q / p);
    }, 0);
    expect(psi10(nominal, a, b).value).toBeCloseTo(psi, 12);
  });

  it("TC-25: below 100 rows on either side it is insufficient, not 0", () => {
    const nominal = nominalOf("n", 2);
    expect(psi10(nominal, tally([50, 49]), tally([500, 500]))).toMatchObject({
      state: "insufficient",
      value: null,
    });
    expect(psi10(nominal, tally([500, 500]), tally([50, 49])).state).toBe("insufficient");
    expect(psi10(nominal, tally([50, 50]), tally([50, 50]))).toMatchObject({
      state: "measured",
      value: 0,
      p: 1,
    });
  });

  it("TC-19: has no upper bound", () => {
    expect(psi10(nominalOf("n", 2), tally([990, 10]), tally([10, 990])).value).toBeGreaterThan(1.45);
  });

  it("TC-71: a category that swallows all traffic is seen", () => {
    const psi = psi10(nominalOf("contract", 3), tally([500, 300, 200]), tally([0, 0, 400]));
    expect(psi.value).toBeGreaterThan(1);
    expect(psi.p).toBeLessThan(1e-10);
  });

  it("TC-52: a constant reference whose values all moved is far away", () => {
    const constant = continuousOf("x", new Float64Array(1000).fill(5), 10);
    const moved = countsOf(constant, new Float64Array(1000).fill(6));
    expect(psi10(constant, countsOf(constant, new Float64Array(1000).fill(5)), moved).value).toBeGreaterThan(
      5,
    );
  });

  it("TC-51: half the traffic at +50 sd is loud in PSI, KS and W1", () => {
    const random = lcg(12);
    const a = normals(random, 4000);
    const b = normals(random, 2000).map((value, i) => (i % 2 === 0 ? value + 50 : value));
    const onBins = continuousOf("x", a, 230);
    const [ca, cb] = [countsOf(onBins, a), countsOf(onBins, b)];
    expect(psi10(onBins, ca, cb).value).toBeGreaterThan(3);
    expect(apartAlong(onBins, ca, cb).ks.value).toBeGreaterThan(0.45);
    const w1 = apartAlong(onBins, ca, cb).w1;
    // The graded codes reach 4 ranges out; the raw value is about 25.
    expect(w1.value).toBeGreaterThan(12);
    expect(w1.atLeast).toBe(true);
  });

  it("keeps its level under the null, also where cells expect few rows", () => {
    const random = lcg(77);
    const shares = Array.from({ length: 60 }, () => 1 / 60);
    const nominal = nominalOf("n", 60);
    let psi = 0;
    let chi2 = 0;
    for (let run = 0; run < 2000; run++) {
      const [a, b] = [drawn(random, 2000, shares), drawn(random, 300, shares)];
      if ((psi10(nominal, a, b).p ?? NaN) <= 0.01) psi++;
      if ((chi2Contingency(a, b).p ?? NaN) <= 0.01) chi2++;
    }
    // 20 expected of 2,000; 4 standard errors above.
    expect(psi).toBeLessThan(38);
    expect(chi2).toBeLessThan(38);
  });
});

describe("identity, missing and ends", () => {
  it.each([1, 2, 3])("TC-53: identical histograms are exactly 0 apart and certain (seed %d)", (seed) => {
    const a = normals(lcg(seed), 1234).map((value, i) => (i % 50 === 0 ? NaN : value));
    const onBins = continuousOf(
      "x",
      a.filter((value) => !Number.isNaN(value)),
      100,
    );
    const counts = countsOf(onBins, a);
    expect(psi10(onBins, counts, counts)).toMatchObject({ value: 0, p: 1 });
    expect(apartAlong(onBins, counts, counts).ks).toMatchObject({ value: 0, p: 1 });
    expect(apartAlong(onBins, counts, counts).w1).toMatchObject({ value: 0 });
    expect(chi2Contingency(counts, counts)).toMatchObject({ value: 0, p: 1 });
    for (const kind of [
      "js_distance_base2",
      "js_distance_natural",
      "hellinger",
      "tvd",
      "l_infinity",
    ] as const)
      expect(shareDistance(kind, counts, counts).value).toBe(0);
  });

  it("KS and W1 leave missing out: it has a rate of its own; PSI counts it", () => {
    const half = r.slice();
    half[MISSING] = 100;
    expect(apartAlong(encoding, r, half).ks).toMatchObject({ value: 0, nCurrent: 100 });
    expect(apartAlong(encoding, r, half).w1.value).toBe(0);
    expect(psi10(encoding, r, half).value).toBeGreaterThan(1);
  });

  it("orders ordinals for W1 by value whatever the contract's order", () => {
    const plain = { ...ordinalOf("o", 3), values: [0, 1, 5], sd: 1 };
    const mixed = { ...plain, values: [5, 0, 1] };
    const straight = apartAlong(plain, tally([10, 10, 10]), tally([0, 10, 20])).w1;
    const turned = apartAlong(mixed, tally([10, 10, 10]), tally([20, 0, 10])).w1;
    expect(straight.value).toBeCloseTo(5 / 3, 12);
    expect(turned.value).toBeCloseTo(5 / 3, 12);
    expect(straight.atLeast).toBe(false);
  });

  it("has no W1 where the reference does not vary, and nothing without values", () => {
    const constant = continuousOf("x", new Float64Array(10).fill(5), 10);
    const counts = countsOf(constant, new Float64Array(10).fill(5));
    expect(apartAlong(constant, counts, counts).w1).toMatchObject({ state: "degenerate", value: null });
    expect(apartAlong(constant, counts, emptyCounts()).ks).toMatchObject({
      state: "insufficient",
      value: null,
    });
    expect(shareDistance("tvd", counts, emptyCounts()).value).toBeNull();
    expect(chi2Contingency(tally([3, 0]), tally([0, 3])).value).toBeNull();
  });

  it("scores: the same statistics over score bins", () => {
    const low = emptyCounts(SCORE_BINS);
    const high = emptyCounts(SCORE_BINS);
    for (let bin = 400; bin < 500; bin++) {
      low[bin] = 10;
      high[bin + 50] = 10;
    }
    expect(scoreKsD(low, high).value).toBeCloseTo(0.5, 12);
    expect(scorePsi10(high, scoreCells(low)).value).toBeGreaterThan(1);
    expect(scorePsi10(low, scoreCells(low)).value).toBe(0);
  });

  it("TC-37: a correlation that flips from +.9 to −.9 is invisible in marginals, and these are marginals", () => {
    const random = lcg(3);
    const pairs = (sign: number) => {
      const x = normals(random, 4000);
      const noise = normals(random, 4000);
      return { x, y: x.map((value, i) => sign * 0.9 * value + Math.sqrt(0.19) * (noise[i] ?? NaN)) };
    };
    const correlation = ({ x, y }: { x: Float64Array; y: Float64Array }): number =>
      x.reduce((sum, value, i) => sum + value * (y[i] ?? NaN), 0) / x.length;
    const [before, after] = [pairs(1), pairs(-1)];
    expect(correlation(before)).toBeGreaterThan(0.85);
    expect(correlation(after)).toBeLessThan(-0.85);
    for (const side of ["x", "y"] as const) {
      const onBins = continuousOf(side, before[side], 50);
      const [a, b] = [countsOf(onBins, before[side]), countsOf(onBins, after[side])];
      expect(psi10(onBins, a, b).value).toBeLessThan(0.02);
      expect(apartAlong(onBins, a, b).ks.value).toBeLessThan(0.05);
    }
  });
});
