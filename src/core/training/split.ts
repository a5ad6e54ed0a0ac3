// Core, training: parts rows into three disjoint sets, fit, calibrate and test (STATISTICS §7), and an early-stopping slice
// out of fit. Every row lands in exactly one set; rows of one instant never straddle a cut. Promises ascending ids.
import { seeded, shuffled } from "./seeded.ts";

export type Fractions = { readonly fit: number; readonly calibrate: number; readonly test: number };

/** `fit` and `stop` together are the fitting set; early stopping and search look at `stop`, never at `test`. */
export type RowSets = {
  readonly fit: Uint32Array;
  readonly stop: Uint32Array;
  readonly calibrate: Uint32Array;
  readonly test: Uint32Array;
};

/** Share of the fitting set that early stopping and search judge by. */
export const STOP_SHARE = 0.15;

/**
 * Parts rows by time: the oldest to fit, the newest to test. `eventTimes` null means row order is time. A cut that would part
 * rows of one instant moves on to that instant's end. The stopping slice is drawn from all fitting rows, not their newest: days
 * differ in their base rate, and a slice of the last few ends growth after a handful of trees.
 */
export const temporalSplit = (
  rows: number,
  eventTimes: Float64Array | null,
  fractions: Fractions,
  seed: number,
): RowSets => {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  if (eventTimes !== null) order.sort((a, b) => (eventTimes[a] ?? 0) - (eventTimes[b] ?? 0) || a - b);
  const same = (a: number, b: number): boolean =>
    eventTimes !== null && eventTimes[order[a] ?? 0] === eventTimes[order[b] ?? 0];
  const settle = (wanted: number): number => {
    let cut = wanted;
    while (cut > 0 && cut < rows && same(cut - 1, cut)) cut++;
    return cut;
  };
  return cutAt(order, fractions, settle, (fitting) => {
    const drawn = shuffled(fitting.length, seeded(seed));
    return fitting.map((_, place) => fitting[drawn[place] ?? 0] ?? 0);
  });
};

/** Parts rows at random; the same seed gives the same sets. */
export const randomSplit = (rows: number, seed: number, fractions: Fractions): RowSets =>
  cutAt(shuffled(rows, seeded(seed)), fractions, (wanted) => wanted);

const cutAt = (
  order: Uint32Array,
  fractions: Fractions,
  settle: (wanted: number) => number,
  mix: (fitting: Uint32Array) => Uint32Array = (fitting) => fitting,
): RowSets => {
  const whole = fractions.fit + fractions.calibrate + fractions.test;
  const at = (share: number): number =>
    settle(Math.min(order.length, Math.round((order.length * share) / whole)));
  const fitEnd = at(fractions.fit);
  // Cuts move forward only, so they stay in order; a set may come out empty, and the caller refuses it by its size.
  const fitting = mix(order.slice(0, fitEnd));
  const stopBegin = Math.round(fitEnd * (1 - STOP_SHARE));
  const calibrateEnd = Math.max(fitEnd, at(fractions.fit + fractions.calibrate));
  const part = (begin: number, end: number): Uint32Array => order.slice(begin, end).sort();
  return {
    fit: fitting.slice(0, stopBegin).sort(),
    stop: fitting.slice(stopBegin).sort(),
    calibrate: part(fitEnd, calibrateEnd),
    test: part(calibrateEnd, order.length),
  };
};
