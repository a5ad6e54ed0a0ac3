// Splits on row ids (TC-77, TC-81): three disjoint sets and a stopping slice, no row lost at a cut, no instant on both sides.
import { describe, expect, it } from "vitest";
import type { RowSets } from "../../../src/core/training/split.ts";
import { randomSplit, temporalSplit } from "../../../src/core/training/split.ts";

const FRACTIONS = { fit: 0.6, calibrate: 0.2, test: 0.2 };
const all = (sets: RowSets): number[] => [...sets.fit, ...sets.stop, ...sets.calibrate, ...sets.test];
const ids = (rows: number): number[] => [...Array(rows).keys()];

describe("every split", () => {
  it.each([0, 1, 2, 3, 7, 10, 99, 1001])("puts each of %i rows into exactly one set", (rows) => {
    const times = Float64Array.from({ length: rows }, (_, row) => (row * 7919) % 13);
    for (const sets of [
      temporalSplit(rows, null, FRACTIONS, 1),
      temporalSplit(rows, times, FRACTIONS, 1),
      randomSplit(rows, 3, FRACTIONS),
      randomSplit(rows, 3, { fit: 0.8, calibrate: 0.2, test: 0 }),
    ])
      expect(all(sets).sort((a, b) => a - b)).toEqual(ids(rows));
  });

  it("cuts where the fractions say", () => {
    const { fit, stop, calibrate, test } = temporalSplit(100, null, FRACTIONS, 1);
    expect([fit.length, stop.length, calibrate.length, test.length]).toEqual([51, 9, 20, 20]);
    expect(test[0]).toBe(80);
    expect(Math.max(...fit, ...stop, ...calibrate)).toBe(79);
  });
});

describe("a temporal split", () => {
  it("never parts rows of one instant, wherever the cut falls", () => {
    for (let size = 1; size <= 40; size++) {
      const times = Float64Array.from({ length: 100 }, (_, row) => Math.floor(((row * 37) % 100) / size));
      const sets = temporalSplit(100, times, FRACTIONS, 1);
      const instants = [new Uint32Array([...sets.fit, ...sets.stop]), sets.calibrate, sets.test].map(
        (set) => new Set([...set].map((row) => times[row])),
      );
      instants.forEach((mine, at) =>
        instants.slice(at + 1).forEach((later) => {
          for (const instant of mine) expect(later.has(instant)).toBe(false);
        }),
      );
      // Nothing that is learned from, chosen by or calibrated on is as new as a test row.
      const newest = (ids: Uint32Array): number => Math.max(...[...ids].map((row) => times[row] ?? NaN));
      const firstTested = Math.min(...[...sets.test].map((row) => times[row] ?? NaN));
      for (const older of [sets.fit, sets.stop, sets.calibrate])
        expect(newest(older)).toBeLessThan(firstTested);
    }
  });
});

describe.each(["stop", "calibrate"] as const)("the %s slice of a temporal split", (slice) => {
  it("is drawn from all that is older than the test rows, by the seed", () => {
    const sets = temporalSplit(10_000, null, FRACTIONS, 1);
    const older = [...sets[slice]].filter((row) => row < 4_000).length / sets[slice].length;
    expect(older).toBeGreaterThan(0.45);
    expect(older).toBeLessThan(0.55);
    expect(temporalSplit(10_000, null, FRACTIONS, 1)).toEqual(sets);
    expect(temporalSplit(10_000, null, FRACTIONS, 2)[slice]).not.toEqual(sets[slice]);
    for (const ids of Object.values(sets))
      expect([...ids].every((row, at) => at === 0 || row > (ids[at - 1] ?? 0))).toBe(true);
  });
});

describe("a temporal split of few instants", () => {
  it("leaves an instant that is far too large where it is, and the calibration set empty", () => {
    const times = Float64Array.from({ length: 100 }, (_, row) => (row < 80 ? 1 : 2));
    const { fit, stop, calibrate, test } = temporalSplit(100, times, FRACTIONS, 1);
    expect([fit.length + stop.length, calibrate.length, test.length]).toEqual([80, 0, 20]);
  });

  it("calibrates on everything that is not tested on where nothing is fitted", () => {
    const { fit, stop, calibrate } = temporalSplit(100, null, { fit: 0, calibrate: 0.5, test: 0.5 }, 1);
    expect([fit.length, stop.length, calibrate.length]).toEqual([0, 0, 50]);
  });
});

describe("a random split", () => {
  it("is the seed's", () => {
    expect(randomSplit(500, 4, FRACTIONS)).toEqual(randomSplit(500, 4, FRACTIONS));
    expect(randomSplit(500, 4, FRACTIONS)).not.toEqual(randomSplit(500, 5, FRACTIONS));
  });
});
