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
    expect([calibrate[0], test[0]]).toEqual([60, 80]);
    expect(Math.max(...fit, ...stop)).toBe(59);
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
      // Older sets hold older instants.
      const ends = instants.filter((set) => set.size > 0).map((set) => [...set].map((time) => time ?? NaN));
      ends
        .slice(1)
        .forEach((set, at) => expect(Math.min(...set)).toBeGreaterThan(Math.max(...(ends[at] ?? []))));
    }
  });
});

describe("the stopping slice of a temporal split", () => {
  it("is drawn from the whole fitting span, by the seed", () => {
    const { fit, stop } = temporalSplit(10_000, null, FRACTIONS, 1);
    const older = [...stop].filter((row) => row < 3_000).length / stop.length;
    expect(older).toBeGreaterThan(0.4);
    expect(older).toBeLessThan(0.6);
    expect(temporalSplit(10_000, null, FRACTIONS, 1)).toEqual(temporalSplit(10_000, null, FRACTIONS, 1));
    expect(temporalSplit(10_000, null, FRACTIONS, 2).stop).not.toEqual(stop);
    expect([...fit].every((row, at) => at === 0 || row > (fit[at - 1] ?? 0))).toBe(true);
  });
});

describe("a random split", () => {
  it("is the seed's", () => {
    expect(randomSplit(500, 4, FRACTIONS)).toEqual(randomSplit(500, 4, FRACTIONS));
    expect(randomSplit(500, 4, FRACTIONS)).not.toEqual(randomSplit(500, 5, FRACTIONS));
  });
});
