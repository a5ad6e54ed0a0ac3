// Performance against scikit-learn, the oracles and the traps.
import { describe, expect, it } from "vitest";
import { Metrics } from "../../contracts/bundle.ts";
import { addCounts, emptyCounts, SCORE_BINS, scoreBin } from "../../src/core/histogram.ts";
import {
  confusionMetrics,
  eceOf,
  logLossOf,
  maxF1Threshold,
  metricsOf,
  rankingMetrics,
} from "../../src/core/performance.ts";
import { lcg } from "./lcg.ts";

const labels = Uint8Array.from([
  1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0,
  0, 1, 0, 0,
]);
const p = Float64Array.from([
  0.48, 0.45, 0.29, 0.58, 0.19, 0.45, 0.21, 0.25, 0.39, 0.56, 0.62, 0.2, 0.61, 0.11, 0.49, 0.36, 0.24, 0.04,
  0.51, 0.5, 0.32, 0.32, 0.27, 0.3, 0.33, 0.31, 0.52, 0.43, 0.42, 0.03, 0.16, 0.12, 0.21, 0.56, 0.53, 0.29,
  0.27, 0.65, 0.52, 0.2,
]);

describe("metricsOf", () => {
  const metrics = metricsOf(labels, p, 0.45);

  it("is the bundle's word", () => expect(Metrics.parse(metrics)).toEqual(metrics));

  it("equals scikit-learn, ties included", () => {
    expect(metrics.roc_auc).toBeCloseTo(0.6333333333333333, 12);
    expect(metrics.pr_auc).toBeCloseTo(0.5588191895898182, 12);
    expect(metrics.brier).toBeCloseTo(0.22314250000000002, 12);
    expect(metrics.log_loss).toBeCloseTo(0.6286819546474569, 12);
    expect(metrics.f1).toBeCloseTo(0.4, 12);
    expect(metrics.precision).toBeCloseTo(0.4, 12);
    expect(metrics.recall).toBeCloseTo(0.4, 12);
    expect(metrics.accuracy).toBeCloseTo(0.55, 12);
    expect(metrics.confusion).toEqual({ tn: 16, fp: 9, fn: 9, tp: 6 });
  });

  it("max_f1 finds scikit-learn's best threshold", () => {
    expect(maxF1Threshold(labels, p)?.f1).toBeCloseTo(0.631578947368421, 12);
    expect(maxF1Threshold(labels, p)?.threshold).toBe(0.31);
  });

  it("has no ranking with a single class", () => {
    const one = metricsOf(Uint8Array.of(0, 0), Float64Array.of(0.1, 0.2), 0.5);
    expect([one.roc_auc, one.pr_auc, one.f1, one.recall]).toEqual([null, null, null, null]);
    expect(maxF1Threshold(Uint8Array.of(0), Float64Array.of(0.3))).toBeNull();
  });

  it("TC-48: NaN, an empty sample and a wrong label throw", () => {
    expect(() => metricsOf(Uint8Array.of(1), Float64Array.of(NaN), 0.5)).toThrow(RangeError);
    expect(() => metricsOf(new Uint8Array(0), new Float64Array(0), 0.5)).toThrow(RangeError);
    expect(() => metricsOf(Uint8Array.of(2), Float64Array.of(0.5), 0.5)).toThrow(RangeError);
  });

  it("log loss of a certain mistake is finite", () => expect(logLossOf(0, 1)).toBeCloseTo(34.538776, 5));
});

describe("f1_low", () => {
  it("covers: below the truth in about 95 % of samples", () => {
    const random = lcg(11);
    // P(ŷ=1, y=1) = .2, P(ŷ=1, y=0) = .1, P(ŷ=0, y=1) = .1: F1 = 2/3.
    let covered = 0;
    for (let run = 0; run < 1000; run++) {
      const c = { tp: 0, fp: 0, fn: 0, tn: 0 };
      for (let row = 0; row < 500; row++) {
        const u = random();
        c[u < 0.2 ? "tp" : u < 0.3 ? "fp" : u < 0.4 ? "fn" : "tn"]++;
      }
      if ((confusionMetrics(c).f1_low ?? NaN) <= 2 / 3) covered++;
    }
    expect(covered).toBeGreaterThan(925);
    expect(covered).toBeLessThan(975);
  });
});

describe("calibration error", () => {
  it("oracle: four equal-count bins", () => {
    const y = Uint8Array.of(1, 1, 1, 0, 1, 0, 0, 0);
    const q = Float64Array.of(0.95, 0.8, 0.65, 0.55, 0.4, 0.3, 0.2, 0.05);
    expect(eceOf(y, q, 4)).toBeCloseTo(0.125, 12);
  });

  it("TC-80: bins weigh by their rows: one bad row among many is not half of the error", () => {
    const y = Uint8Array.from({ length: 1000 }, (_, i) => (i === 999 ? 0 : i % 2));
    const q = Float64Array.from({ length: 1000 }, (_, i) => (i === 999 ? 0.96 : 0.5));
    expect(eceOf(y, q, 2)).toBeLessThan(0.015);
  });

  it("does not depend on the order of equal scores", () => {
    const y = Uint8Array.from({ length: 60 }, (_, i) => (i < 30 ? 1 : 0));
    const q = new Float64Array(60).fill(0.5);
    expect(eceOf(y, q)).toBe(0);
    expect(eceOf(y.toReversed(), q)).toBe(0);
  });
});

describe("score histograms", () => {
  const sample = (seed: number, n: number, prevalence: number): { y: Uint8Array; q: Float64Array } => {
    const random = lcg(seed);
    const y = Uint8Array.from({ length: n }, () => (random() < prevalence ? 1 : 0));
    const noise = (): number => random() + random() + random() - 1.5;
    return { y, q: Float64Array.from(y, (label) => 1 / (1 + Math.exp(6 - 2 * label - 3 * noise()))) };
  };
  const histograms = (y: Uint8Array, q: Float64Array) => {
    const by = { negative: emptyCounts(SCORE_BINS), positive: emptyCounts(SCORE_BINS) };
    q.forEach((score, i) => {
      const counts = y[i] === 1 ? by.positive : by.negative;
      counts[scoreBin(score)] = (counts[scoreBin(score)] ?? 0) + 1;
    });
    return by;
  };

  it.each([0.3, 0.02, 0.001])("AUC within 1e-3 of exact at prevalence %d", (prevalence) => {
    const { y, q } = sample(7, 40_000, prevalence);
    const by = histograms(y, q);
    const binned = rankingMetrics(by.negative, by.positive);
    const exact = metricsOf(y, q, 0.5);
    expect(Math.abs((binned.roc_auc ?? NaN) - (exact.roc_auc ?? NaN))).toBeLessThan(1e-3);
    expect(Math.abs((binned.ece ?? NaN) - exact.ece)).toBeLessThan(2e-3);
    expect(Math.abs((binned.pr_auc ?? NaN) / (exact.pr_auc ?? NaN) - 1)).toBeLessThan(0.03);
    expect(binned.positives).toBe(exact.positives);
  });

  it("TC-29: merged counts weigh batches by rows, not by batch", () => {
    const small = sample(1, 10, 0.5);
    const large = sample(2, 1000, 0.3);
    const merged = histograms(small.y, small.q);
    const more = histograms(large.y, large.q);
    addCounts(merged.negative, more.negative);
    addCounts(merged.positive, more.positive);
    const together = histograms(
      Uint8Array.from([...small.y, ...large.y]),
      Float64Array.from([...small.q, ...large.q]),
    );
    expect(rankingMetrics(merged.negative, merged.positive)).toEqual(
      rankingMetrics(together.negative, together.positive),
    );
  });

  it("nothing labelled has no metrics", () => {
    const none = rankingMetrics(emptyCounts(SCORE_BINS), emptyCounts(SCORE_BINS));
    expect(none).toEqual({ n: 0, positives: 0, roc_auc: null, pr_auc: null, ece: null });
    expect(confusionMetrics({ tp: 0, fp: 0, fn: 0, tn: 0 }).accuracy).toBeNull();
  });
});
