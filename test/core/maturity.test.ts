// What matured labels say of themselves: their balance, whether the labelled rows are a fair sample, and how far the estimate was off.
import { describe, expect, it } from "vitest";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import type { LabelledCounts } from "../../contracts/counts.ts";
import { scoreBin } from "../../src/core/histogram.ts";
import { labelRows, reconciliationOf } from "../../src/core/maturity.ts";
import { realisedMetrics } from "../../src/core/measurement.ts";

const [LOW, HIGH] = [scoreBin(0.2), scoreBin(0.8)];
const counts = (over: Partial<LabelledCounts> = {}): LabelledCounts => ({
  ...{ version: "1.0.0", role: "production", scope: "all", requests: 4_000, labelled: 1_000, positives: 500 },
  ...{
    threshold: 0.5,
    tp: 400,
    fp: 100,
    fn: 100,
    tn: 400,
    brierSum: "160000000000000",
    logLossSum: "500000000000",
  },
  negative: { keys: [LOW, HIGH], counts: [400, 100] },
  positive: { keys: [LOW, HIGH], counts: [100, 400] },
  ...over,
});
const reference = {
  ...{ v: 1 as const, encoding_digest: "e", n: 10_000, positives: 5_000, from: null, to: null },
  features: {},
  scores: { negative: [], positive: [] },
};
const rowsOf = (by: { counts?: LabelledCounts; all?: readonly [number, number]; positives?: number }) =>
  labelRows({
    counts: by.counts ?? counts(),
    scores: by.all === undefined ? undefined : { keys: [LOW, HIGH], counts: by.all },
    reference: { ...reference, positives: by.positives ?? 5_000 },
    profile: DRIFT_PROFILES.governance,
    windowMs: 86_400_000,
  });
const statusOf = (rows: ReturnType<typeof rowsOf>, statistic: string) =>
  rows.find((row) => row.statistic === statistic)?.status;

describe("label shift against the reference's balance", () => {
  it.each([
    [5_000, "steady"],
    [5_499, "steady"],
    [5_500, "watch"],
    [6_000, "breach"],
  ])("reference positives %i of 10,000, half of the labels positive: %s", (positives, status) => {
    expect(statusOf(rowsOf({ positives }), "label_shift")).toBe(status);
  });
});

describe("labels missing not at random, by the scores of rows with and without a label", () => {
  it.each([
    ["alike", [2_000, 2_000], "steady"],
    ["a little apart", [2_180, 1_820], "watch"],
    ["apart", [2_600, 1_400], "breach"],
    ["too few without a label", [550, 550], "insufficient"],
    ["fewer rows than labels", [400, 3_000], "broken"],
  ] as const)("%s: %s is %s", (_, all, status) => {
    expect(statusOf(rowsOf({ all }), "labelled_score_ks_d")).toBe(status);
  });

  it("has no row where the window's scores are not known", () => {
    expect(statusOf(rowsOf({}), "labelled_score_ks_d")).toBeUndefined();
  });
});

describe("estimate against truth", () => {
  it("is nothing where calibrated probabilities told the truth", () => {
    const text = reconciliationOf(counts(), realisedMetrics(counts()));
    const gap = JSON.parse(text) as { estimate_minus_realised: { accuracy: { difference: number } } };
    expect(Math.abs(gap.estimate_minus_realised.accuracy.difference)).toBeLessThan(0.005);
  });

  it("shows an estimate that promised too much, in standard errors", () => {
    const worse = counts({
      ...{ tp: 300, fp: 200, fn: 200, tn: 300 },
      negative: { keys: [LOW, HIGH], counts: [300, 200] },
      positive: { keys: [LOW, HIGH], counts: [200, 300] },
    });
    const gap = JSON.parse(reconciliationOf(worse, realisedMetrics(worse))) as {
      estimate_minus_realised: { accuracy: { difference: number; z: number } };
    };
    expect(gap.estimate_minus_realised.accuracy.difference).toBeCloseTo(0.2, 2);
    expect(gap.estimate_minus_realised.accuracy.z).toBeGreaterThan(10);
  });

  it("says nothing without labels", () => {
    const none = { keys: [], counts: [] };
    const empty = counts({
      ...{ labelled: 0, positives: 0, tp: 0, fp: 0, fn: 0, tn: 0 },
      negative: none,
      positive: none,
    });
    expect(reconciliationOf(empty, realisedMetrics(empty))).toBe("");
  });
});
