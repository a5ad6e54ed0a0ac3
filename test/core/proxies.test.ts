// Proxies: entropy at its ends, rates and means without labels.
import { describe, expect, it } from "vitest";
import { emptyCounts, SCORE_BINS, scoreBin } from "../../src/core/histogram.ts";
import { entropyOf, meanByRows, proxiesOf } from "../../src/core/proxies.ts";
import { lcg } from "./lcg.ts";

describe("entropyOf", () => {
  it("TC-02: pure labels have exactly 0, never −1e-9 and never −0", () => {
    expect(Object.is(entropyOf([0, 5]), 0)).toBe(true);
    expect(Object.is(entropyOf([7]), 0)).toBe(true);
  });

  it("oracle: one of each is ln 2", () => expect(entropyOf([1, 1])).toBeCloseTo(0.6931471805599453, 15));

  it("is never negative and does not exist without rows or on NaN", () => {
    const random = lcg(17);
    for (let i = 0; i < 200; i++)
      expect(entropyOf([random() * 1e-12, random() * 1e12])).toBeGreaterThanOrEqual(0);
    expect([entropyOf([]), entropyOf([0, 0]), entropyOf([NaN, 1]), entropyOf([-1, 3])]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });
});

describe("proxiesOf", () => {
  it("agrees with the scores it counted", () => {
    const random = lcg(40);
    const scores = Float64Array.from({ length: 5000 }, () => random());
    const counts = emptyCounts(SCORE_BINS);
    for (const score of scores) counts[scoreBin(score)] = (counts[scoreBin(score)] ?? 0) + 1;
    const proxies = proxiesOf(counts, 1000);
    const mean = scores.reduce((a, b) => a + b, 0) / 5000;
    expect(proxies?.positive_rate).toBe(0.2);
    expect(proxies?.score_mean).toBeCloseTo(mean, 3);
    expect(proxies?.score_sd).toBeCloseTo(Math.sqrt(1 / 12), 1);
    expect(proxies?.score_p95).toBeCloseTo(0.95, 1);
    expect(proxies?.confidence).toBeCloseTo(0.75, 1);
    expect(proxies?.score_entropy_10).toBeCloseTo(Math.log(10), 2);
  });

  it("knows nothing of no rows, and no rate that was not counted", () => {
    expect(proxiesOf(emptyCounts(SCORE_BINS), 0)).toBeNull();
    const one = emptyCounts(SCORE_BINS);
    one[500] = 1;
    expect(proxiesOf(one, null)?.positive_rate).toBeNull();
  });
});

describe("meanByRows", () => {
  it("TC-29: ten rows do not weigh like a thousand", () => {
    const batches = [
      { value: 0, rows: 10 },
      { value: 1, rows: 1000 },
    ];
    expect(meanByRows(batches)).toBeCloseTo(1000 / 1010, 12);
  });

  it("TC-48: one NaN makes the mean unknown, empty batches count nothing", () => {
    expect(
      meanByRows([
        { value: NaN, rows: 5 },
        { value: 1, rows: 5 },
      ]),
    ).toBeNull();
    expect(
      meanByRows([
        { value: null, rows: 0 },
        { value: 0.5, rows: 5 },
      ]),
    ).toBe(0.5);
    expect(meanByRows([])).toBeNull();
  });
});
