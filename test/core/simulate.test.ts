// Simulated worlds: seeded and repeatable, their counts what the docs say, and in small numbers the operating characteristics that
// `flyball simulate` measures in large ones (docs/policy.md).
import { describe, expect, it } from "vitest";
import { tallyBlocks } from "../../src/core/sequential.ts";
import { pairedF1 } from "../../src/core/paired.ts";
import { diceOf } from "../../src/core/simulate-dice.ts";
import { changeIn, SCENARIOS, type ScenarioName } from "../../src/core/simulate-scenarios.ts";
import { summariseRuns } from "../../src/core/simulate-summary.ts";
import { drawPairs, f1At } from "../../src/core/simulate-world.ts";
import { runScenario } from "../../src/core/simulate.ts";
import { policyOf } from "./decision-world.ts";

const policy = policyOf();
const live = (scenario: ScenarioName, runs: number, more: { days?: boolean; policy?: typeof policy } = {}) =>
  Array.from({ length: runs }, (_, run) =>
    runScenario({ scenario, seed: 100 + run, policy: more.policy ?? policy, days: more.days ?? true }),
  );

describe("the world", () => {
  it("a model one step better wins 80 % of blocks, with 4 % more F1 and Brier −.01", () => {
    const dice = diceOf(1);
    const drawn = Array.from({ length: 4000 }, () =>
      drawPairs(dice, { start: "", n: 500, edge: 1, clone: false, days: true, wealth: true }),
    );
    const { won } = tallyBlocks(drawn.map(({ block }) => ({ pairs: block.n, sum: block.mean_d })));
    expect(won / 4000).toBeCloseTo(0.8, 1);
    expect(drawn.reduce((sum, { block }) => sum + block.mean_d, 0) / 4000).toBeCloseTo(-0.01, 3);
    const cells = drawn.reduce<number[]>(
      (sum, one) => sum.map((n, cell) => n + (one.cells[cell] ?? 0)),
      Array(8).fill(0),
    );
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = cells;
    const f1 = pairedF1([a, b, c, d, e, f, g, h]);
    // The two share the step between them: production stands half a step below the middle.
    expect(f1?.production).toBeCloseTo(f1At(-0.5), 2);
    expect((f1?.candidate ?? 0) / (f1?.production ?? 1)).toBeCloseTo(1.04, 2);
  });

  it("days make block means vary about five times more than rows do", () => {
    const variance = (days: boolean) => {
      const dice = diceOf(2);
      const means = Array.from(
        { length: 4000 },
        () => drawPairs(dice, { start: "", n: 500, edge: 0, clone: false, days, wealth: false }).block.mean_d,
      );
      return means.reduce((sum, mean) => sum + mean * mean, 0) / means.length;
    };
    expect(variance(true) / variance(false)).toBeGreaterThan(4.2);
    expect(variance(true) / variance(false)).toBeLessThan(5.8);
  });

  it("dice: binomials have their mean and variance on both sides of the exact range", () => {
    for (const [n, p] of [
      [50, 0.1],
      [500, 0.4],
      [500, 0.97],
    ] as const) {
      const dice = diceOf(3);
      const drawn = Array.from({ length: 20_000 }, () => dice.binomial(n, p));
      const mean = drawn.reduce((a, b) => a + b) / drawn.length;
      const variance = drawn.reduce((sum, k) => sum + (k - mean) ** 2, 0) / drawn.length;
      expect(Math.abs(mean / (n * p) - 1)).toBeLessThan(0.02);
      expect(Math.abs(variance / (n * p * (1 - p)) - 1)).toBeLessThan(0.06);
    }
    expect(
      diceOf(4)
        .split(1000, [1, 2, 0, 1])
        .reduce((a, b) => a + b),
    ).toBe(1000);
  });

  it("changes when it says", () => {
    const gradual = SCENARIOS["covariate-gradual"];
    expect([29, 30, 44, 59, 99].map((block) => changeIn(gradual, block))).toEqual([0, 1 / 30, 0.5, 1, 1]);
    expect([29, 30, 31].map((block) => changeIn(SCENARIOS.transient, block))).toEqual([0, 1, 0]);
  });
});

describe("runs", () => {
  it("of one seed are the same, of another differ", () => {
    const run = (seed: number) => runScenario({ scenario: "better-candidate", seed, policy, days: true });
    expect(run(7)).toEqual(run(7));
    expect([1, 2, 3].map((seed) => run(seed).firstPromotion)).not.toEqual(
      [7, 7, 7].map((s) => run(s).firstPromotion),
    );
  });

  it.each(Object.keys(SCENARIOS))("%s meets no system error", (scenario) => {
    const [name] = Object.keys(SCENARIOS).filter((one): one is ScenarioName => one === scenario);
    if (name === undefined) throw new Error("no such scenario");
    expect(summariseRuns(live(name, 1)).system_errors).toBe(0);
  });

  it("promote what is better and never what is worse or a clone", () => {
    expect(summariseRuns(live("better-candidate", 12)).promotion_rate?.value).toBeGreaterThanOrEqual(0.8);
    expect(summariseRuns(live("worse-candidate", 6)).promotion_rate?.value).toBe(0);
    expect(summariseRuns(live("clone", 4)).promotion_rate?.value).toBe(0);
    expect(summariseRuns(live("shadow-crash", 4)).promotion_rate?.value).toBe(0);
  });

  it("row_tempered on independent rows is sooner than signs of days", () => {
    const rows = policyOf("conservative", [
      "method: block_sign\n    alpha",
      "method: row_tempered\n    alpha",
    ]);
    const summary = summariseRuns(live("better-candidate", 10, { days: false, policy: rows }));
    expect(summary.promotion_rate?.value).toBeGreaterThanOrEqual(0.95);
  });

  it("roll back what harms and leave alone what does not", () => {
    expect(summariseRuns(live("harmful-promotion", 10)).rollback_rate?.value).toBeGreaterThanOrEqual(0.9);
    expect(summariseRuns(live("healthy-promotion", 1)).rollback_rate?.value).toBe(0);
  });

  it("TC-15 endless drift ends in a bounded number of trainings", () => {
    const summary = summariseRuns(live("endless-drift", 5));
    expect(summary.trainings_max).toBeLessThanOrEqual(100 / 7);
    expect(summary.trainings_max).toBeGreaterThan(0);
  });

  it("TC-16 a shift of one window, and windows that are empty or starved, move no version", () => {
    for (const scenario of ["transient", "outage"] as const)
      expect(summariseRuns(live(scenario, 4)).actions_on_unsound_windows?.value).toBe(0);
  });

  it("a summary of no runs knows nothing", () => {
    expect(summariseRuns([])).toMatchObject({
      promotion_rate: null,
      trainings_max: null,
      false_alarms_per_30_days: null,
    });
  });
});
