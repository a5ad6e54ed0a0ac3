// Calibration: calm history gives thresholds that calm days stay below and real shifts exceed; drifted batches never loosen them.
import { describe, expect, it } from "vitest";
import type { DriftResult } from "../../contracts/counts.ts";
import type { DriftRow } from "../../contracts/drift.ts";
import { calibrate } from "../../src/core/calibrate.ts";
import { diceOf } from "../../src/core/simulate-dice.ts";

const DAY = 86_400_000;
const by = { quarantined: new Set<number>(), budget: { false_alarms: 1, per_days: 30 }, windowMs: DAY };

const row = (feature: string, value: number, status: DriftRow["status"] = "steady"): DriftRow => ({
  ...{ subject: "feature", feature, statistic: "ks_d", value, at_least: false },
  ...{ threshold_watch: 0.05, threshold: 0.2, p_value: 0.5, p_adjusted: 0.5 },
  ...{ n_reference: 1000, n_current: 1000, status, reason: "" },
});
const day = (n: number, rows: readonly DriftRow[]): DriftResult => ({
  ...{ size: "24h", windowStartMs: n * DAY, version: "1.0.0", revision: 0, digest: `d${n}`, rows },
});

/** Calm days: two features whose distance is log-normal about .03 and .06. */
const calm = (days: number, seed = 1): DriftResult[] => {
  const dice = diceOf(seed);
  const value = (centre: number): number => centre * Math.exp(0.3 * dice.normal());
  return Array.from({ length: days }, (_, n) => day(n, [row("age", value(0.03)), row("fare", value(0.06))]));
};

const thresholdOf = (results: readonly DriftResult[], options = by) => {
  const answered = calibrate(results, options);
  if (!answered.ok) throw new Error(answered.reason);
  const [only] = answered.calibration.thresholds;
  if (only === undefined) throw new Error("no threshold");
  return { ...only, rejected: answered.calibration.rejected, level: answered.calibration.level };
};

describe("calibrate", () => {
  it("TC-35 gives a threshold that fresh calm days exceed as seldom as the budget says", () => {
    const { breach, feature, level } = thresholdOf(calm(60));
    expect(feature).toBe("fare");
    // One alarm in thirty days over two features.
    expect(level).toBeCloseTo(1 / 60, 9);
    const fresh = calm(3000, 99).filter(({ rows }) => rows.some(({ value }) => (value ?? 0) >= breach));
    expect(fresh.length / 3000).toBeLessThan(1 / 30);
    expect(breach).toBeLessThan(0.06 * Math.exp(0.3 * 4));
  });

  it("TC-10 leaves drifted batches out, each with its reason, and the thresholds as they were", () => {
    const history = calm(40);
    const drifted = [
      day(100, [row("age", 0.4, "breach"), row("fare", 0.06)]),
      // Today's threshold is too lax to see this one; its own history is not.
      day(101, [row("age", 0.19), row("fare", 0.06)]),
      day(102, [row("age", 0.03), row("fare", 0.06)]),
      day(103, []),
    ];
    const quarantined = new Set([102 * DAY]);
    const told = thresholdOf([...history, ...drifted], { ...by, quarantined });
    expect(told.rejected.map(({ reason }) => reason.split(":")[0])).toEqual([
      "breached",
      "far off",
      "was quarantined",
      "nothing was judged",
    ]);
    expect(told.breach).toBe(thresholdOf(history).breach);
  });

  it("is never below what a calm day showed, and says nothing on less than two weeks", () => {
    const history = calm(14);
    const largest = Math.max(...history.flatMap(({ rows }) => rows.map(({ value }) => value ?? 0)));
    expect(thresholdOf(history).breach).toBeGreaterThanOrEqual(Number(largest.toFixed(9)));
    expect(calibrate(history.slice(1), by)).toMatchObject({ ok: false });
  });
});
