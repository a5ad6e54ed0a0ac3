// Paired differences: oracle, DeLong against NumPy, simulated coverage, traps.
import { describe, expect, it } from "vitest";
import { emptyCounts, SCORE_BINS, scoreBin } from "../../src/core/histogram.ts";
import {
  eceAllowed,
  f1GainAsked,
  pairedAuc,
  pairedAucBinned,
  pairedF1,
  pairedMean,
  pairedPrAuc,
  pairedRecall,
  segmentDrop,
} from "../../src/core/paired.ts";
import { exceeds, reaches, round9 } from "../../src/core/threshold.ts";
import { lcg } from "./lcg.ts";

const y = Uint8Array.from([
  1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0,
  0, 1, 0, 0,
]);
const production = Float64Array.from([
  0.48, 0.45, 0.29, 0.58, 0.19, 0.45, 0.21, 0.25, 0.39, 0.56, 0.62, 0.2, 0.61, 0.11, 0.49, 0.36, 0.24, 0.04,
  0.51, 0.5, 0.32, 0.32, 0.27, 0.3, 0.33, 0.31, 0.52, 0.43, 0.42, 0.03, 0.16, 0.12, 0.21, 0.56, 0.53, 0.29,
  0.27, 0.65, 0.52, 0.2,
]);
const candidate = Float64Array.from([
  0.57, 0.31, 0.12, 0.6, 0.08, 0.36, 0.01, 0.54, 0.53, 0.41, 0.76, 0.4, 0.25, 0.03, 0.43, 0.46, 0.22, 0.01,
  0.5, 0.78, 0.64, 0.24, 0.13, 0.7, 0.18, 0.22, 0.53, 0.5, 0.57, 0.09, 0.03, 0.2, 0.25, 0.84, 0.53, 0.09,
  0.11, 0.87, 0.44, 0.01,
]);

describe("pairedF1", () => {
  it("oracle", () => {
    const f1 = pairedF1([700, 30, 20, 50, 60, 30, 20, 90]);
    expect(f1?.production).toBeCloseTo(0.578947, 6);
    expect(f1?.candidate).toBeCloseTo(0.6, 6);
    expect(f1?.se).toBeCloseTo(0.027692, 6);
    expect(f1?.z).toBeCloseTo(0.76025, 5);
  });

  it("TC-62: a clone differs by exactly 0 with no error and no z", () => {
    expect(pairedF1([700, 0, 0, 70, 60, 0, 0, 140])).toMatchObject({ difference: 0, se: 0, z: null });
  });

  it("TC-47: without any positive there is no F1 and no relative drop", () => {
    expect(pairedF1([100, 0, 0, 0, 0, 0, 0, 0])).toBeNull();
    expect(segmentDrop([50, 0, 0, 0, 20, 30, 0, 0])).toBeNull();
  });

  it("TC-48: counts that are no counts have no difference", () => {
    expect(pairedF1([NaN, 1, 1, 1, 1, 1, 1, 1])).toBeNull();
    expect(pairedRecall([1, 1, 1, 1, -1, 1, 1, 1])).toBeNull();
  });

  it("its SE is the spread seen in repeated samples", () => {
    const random = lcg(3);
    const shares = [0.5, 0.05, 0.05, 0.08, 0.07, 0.05, 0.04, 0.16];
    const differences: number[] = [];
    let se = 0;
    for (let run = 0; run < 1500; run++) {
      const cells: [number, number, number, number, number, number, number, number] = [
        0, 0, 0, 0, 0, 0, 0, 0,
      ];
      for (let row = 0; row < 400; row++) {
        let u = random();
        let cell = 0;
        while (cell < 7 && u >= (shares[cell] ?? 1)) u -= shares[cell++] ?? 0;
        cells[cell] = (cells[cell] ?? 0) + 1;
      }
      const f1 = pairedF1(cells);
      differences.push(f1?.difference ?? NaN);
      se += (f1?.se ?? NaN) / 1500;
    }
    const mean = differences.reduce((a, b) => a + b, 0) / 1500;
    const sd = Math.sqrt(differences.reduce((s, d) => s + (d - mean) ** 2, 0) / 1500);
    expect(Math.abs(sd / se - 1)).toBeLessThan(0.06);
  });
});

describe("pairedRecall and segmentDrop", () => {
  it("counts discordant positives only", () => {
    const recall = pairedRecall([700, 30, 20, 50, 60, 30, 20, 90]);
    expect(recall).toMatchObject({ n: 200, production: 0.55, candidate: 0.6 });
    expect(recall?.se).toBeCloseTo(Math.sqrt((0.25 - 0.0025) / 200), 12);
  });

  it("a drop is relative to production and positive when worse", () => {
    const drop = segmentDrop([700, 20, 30, 50, 60, 20, 30, 90]);
    expect(drop?.drop).toBeCloseTo((0.6 - 0.578947) / 0.6, 5);
    expect(drop?.z).toBeLessThan(0);
  });

  it("TC-70: equal recall does not hide a fall of F1", () => {
    const cells: [number, number, number, number, number, number, number, number] = [
      10, 700, 0, 90, 60, 0, 0, 140,
    ];
    expect(pairedRecall(cells)?.difference).toBe(0);
    expect(pairedF1(cells)?.z).toBeLessThan(-10);
  });
});

describe("pairedAuc", () => {
  it("equals DeLong's formula", () => {
    const auc = pairedAuc(y, production, candidate);
    expect(auc?.production).toBeCloseTo(0.6333333333333333, 12);
    expect(auc?.difference).toBeCloseTo(-0.03066666666666662, 12);
    expect(auc?.se).toBeCloseTo(0.07190116673446806, 12);
  });

  it("from histograms the SE is larger, never smaller, for versions that agree", () => {
    const binned = (scores: Float64Array) => {
      const by = { negative: emptyCounts(SCORE_BINS), positive: emptyCounts(SCORE_BINS) };
      scores.forEach((s, i) => {
        const counts = y[i] === 1 ? by.positive : by.negative;
        counts[scoreBin(s)] = (counts[scoreBin(s)] ?? 0) + 1;
      });
      return by;
    };
    const exact = pairedAuc(y, production, candidate);
    const coarse = pairedAucBinned(binned(production), binned(candidate));
    expect(coarse?.se).toBeGreaterThan(exact?.se ?? NaN);
    expect(coarse?.production).toBeCloseTo(exact?.production ?? NaN, 3);
    const alone = pairedAucBinned(binned(production), binned(production));
    expect((alone?.se ?? NaN) / Math.SQRT2).toBeCloseTo(0.09193337822437524, 3);
  });

  it("needs both classes", () => {
    expect(pairedAuc(Uint8Array.of(1, 1), Float64Array.of(0.1, 0.2), Float64Array.of(0.1, 0.2))).toBeNull();
    expect(pairedPrAuc(0.5, 0.6, 0)).toBeNull();
    expect(pairedPrAuc(0.5, 0.5, 200)?.se).toBeCloseTo(0.05, 12);
  });
});

describe("gate ingredients", () => {
  it("asks 2 % or a tenth of the way to 1, whichever is less", () => {
    expect(f1GainAsked(0.5)).toBeCloseTo(0.01, 12);
    expect(f1GainAsked(0.95)).toBeCloseTo(0.005, 12);
    expect(eceAllowed(0.01, { n: 1000, positives: 500 })).toBeCloseTo(0.03 + 0.4 * Math.sqrt(0.0025), 12);
  });

  it("a mean needs two rows", () => {
    expect(pairedMean({ n: 1, sum: 1, squares: 1 })).toBeNull();
    expect(pairedMean({ n: 4, sum: -0.4, squares: 0.04 })).toMatchObject({ mean: -0.1, p: null });
  });

  it("TC-01: an improvement of exactly 0.02 counts although binary says 0.0199…, 0.8199 does not", () => {
    expect(0.82 - 0.8 >= 0.02).toBe(false);
    expect(reaches(0.82 - 0.8, 0.02)).toBe(true);
    expect(reaches(0.8199 - 0.8, 0.02)).toBe(false);
  });

  it("TC-75: ≥ and > differ at the threshold and nowhere else; NaN passes neither", () => {
    expect([reaches(0.3, 0.3), exceeds(0.1 + 0.2, 0.3), exceeds(0.31, 0.3)]).toEqual([true, false, true]);
    expect([reaches(NaN, 0), exceeds(NaN, 0)]).toEqual([false, false]);
    expect(round9(0.1 + 0.2)).toBe(0.3);
  });
});
