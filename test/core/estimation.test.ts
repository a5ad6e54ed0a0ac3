// CBPE against its oracle, its error against simulated labels, its guard at the boundaries.
import { describe, expect, it } from "vitest";
import { emptyCounts, SCORE_BINS, scoreBin } from "../../src/core/histogram.ts";
import {
  estimateFromScores,
  estimatePerformance,
  estimateValidity,
  maturedCalibration,
  reconcile,
} from "../../src/core/estimation.ts";
import { metricsOf } from "../../src/core/performance.ts";
import { lcg } from "./lcg.ts";

const p = Float64Array.of(0.95, 0.8, 0.65, 0.55, 0.4, 0.3, 0.2, 0.05);

describe("estimatePerformance", () => {
  it("oracle", () => {
    const estimate = estimatePerformance(p, 0.5);
    expect(estimate?.confusion.tp).toBeCloseTo(2.95, 12);
    expect(estimate?.confusion.fp).toBeCloseTo(1.05, 12);
    expect(estimate?.confusion.fn).toBeCloseTo(0.95, 12);
    expect(estimate?.confusion.tn).toBeCloseTo(3.05, 12);
    expect(estimate?.metrics.accuracy).toBeCloseTo(0.75, 12);
    expect(estimate?.metrics.precision).toBeCloseTo(0.7375, 12);
    expect(estimate?.metrics.recall).toBeCloseTo(0.7564102564, 10);
    expect(estimate?.metrics.f1).toBeCloseTo(0.746835443, 9);
    expect(estimate?.metrics.specificity).toBeCloseTo(0.743902439, 9);
    expect(estimate?.metrics.roc_auc).toBeCloseTo(0.8283302064, 10);
  });

  it("estimates and standard errors agree with labels drawn from the probabilities", () => {
    const random = lcg(21);
    const scores = Float64Array.from({ length: 800 }, () => random() ** 2);
    const estimate = estimatePerformance(scores, 0.4);
    const seen: Record<"accuracy" | "precision" | "recall" | "f1" | "roc_auc", number[]> = {
      accuracy: [],
      precision: [],
      recall: [],
      f1: [],
      roc_auc: [],
    };
    const metrics = ["accuracy", "precision", "recall", "f1", "roc_auc"] as const;
    for (let run = 0; run < 600; run++) {
      const labels = Uint8Array.from(scores, (score) => (random() < score ? 1 : 0));
      const realised = metricsOf(labels, scores, 0.4);
      for (const metric of metrics) seen[metric].push(realised[metric] ?? NaN);
    }
    for (const metric of metrics) {
      const mean = seen[metric].reduce((a, b) => a + b, 0) / 600;
      const sd = Math.sqrt(seen[metric].reduce((s, v) => s + (v - mean) ** 2, 0) / 600);
      const error = estimate?.errors[metric] ?? NaN;
      expect(Math.abs(mean - (estimate?.metrics[metric] ?? NaN))).toBeLessThan(0.2 * error);
      expect(Math.abs(sd / error - 1)).toBeLessThan(0.1);
    }
  });

  it("from a histogram is the same within a bin", () => {
    const random = lcg(5);
    const scores = Float64Array.from({ length: 5000 }, () => random());
    const counts = emptyCounts(SCORE_BINS);
    for (const score of scores) counts[scoreBin(score)] = (counts[scoreBin(score)] ?? 0) + 1;
    const exact = estimatePerformance(scores, 0.5);
    const binned = estimateFromScores(counts, 0.5);
    expect(Math.abs((binned?.metrics.f1 ?? NaN) - (exact?.metrics.f1 ?? NaN))).toBeLessThan(3e-3);
    expect(Math.abs((binned?.metrics.roc_auc ?? NaN) - (exact?.metrics.roc_auc ?? NaN))).toBeLessThan(1e-3);
  });

  it("is absent without rows and refuses NaN", () => {
    expect(estimatePerformance(new Float64Array(0), 0.5)).toBeNull();
    expect(estimateFromScores(emptyCounts(SCORE_BINS), 0.5)).toBeNull();
    expect(() => estimatePerformance(Float64Array.of(NaN), 0.5)).toThrow(RangeError);
  });
});

describe("estimateValidity", () => {
  const support = emptyCounts(SCORE_BINS);
  support[400] = 50;
  support[600] = 50;
  const scores = (outside: number): Float64Array => {
    const counts = emptyCounts(SCORE_BINS);
    counts[500] = 1000 - outside;
    counts[700] = outside;
    return counts;
  };
  const matured = (positives: number) => ({ n: 1000, positives, expected: 200, variance: 100 });

  it.each([
    [10, 230, "holds"],
    [11, 230, "violated"],
    [10, 231, "violated"],
    [0, 170, "holds"],
    [0, 169, "violated"],
  ] as const)(
    "%d of 1,000 outside, %d positives where 200 ± 10 are expected: %s",
    (outside, positives, state) => {
      const validity = estimateValidity({
        scores: scores(outside),
        calibration: support,
        matured: matured(positives),
      });
      expect(validity.state).toBe(state);
    },
  );

  it("is unknown, not healthy, before labels or without a calibration slice", () => {
    expect(estimateValidity({ scores: scores(0), calibration: support, matured: null }).state).toBe(
      "unknown",
    );
    expect(estimateValidity({ scores: scores(0), calibration: null, matured: matured(200) }).state).toBe(
      "unknown",
    );
    expect(estimateValidity({ scores: scores(500), calibration: support, matured: null }).state).toBe(
      "violated",
    );
  });

  it("a concept change shows in matured labels though the scores stay", () => {
    const negative = emptyCounts(SCORE_BINS);
    const positive = emptyCounts(SCORE_BINS);
    negative[500] = 300;
    positive[500] = 700;
    const calibration = maturedCalibration(negative, positive);
    expect(calibration.expected).toBeCloseTo(1000 * 0.5, -1);
    const both = negative.map((count, bin) => count + (positive[bin] ?? 0));
    expect(estimateValidity({ scores: both, calibration: both, matured: calibration }).state).toBe(
      "violated",
    );
  });
});

describe("reconcile", () => {
  it("stores estimate − realised and its size in standard errors; the unknown stays null", () => {
    const estimate = estimatePerformance(p, 0.5);
    if (estimate === null) throw new Error("eight rows have an estimate");
    const gap = reconcile(estimate, { f1: 0.7, accuracy: NaN });
    expect(gap.f1?.difference).toBeCloseTo(0.046835443, 9);
    expect(gap.f1?.z).toBeGreaterThan(0);
    expect([gap.accuracy, gap.recall]).toEqual([null, null]);
  });
});
