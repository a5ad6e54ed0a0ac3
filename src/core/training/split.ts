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
 * rows of one instant moves on to that instant's end.
 */
export const temporalSplit = (
  rows: number,
  eventTimes: Float64Array | null,
  fractions: Fractions,
): RowSets => {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  if (eventTimes !== null) order.sort((a, b) => (eventTimes[a] ?? 0) - (eventTimes[b] ?? 0) || a - b);
  const same = (a: number, b: number): boolean =>
    eventTimes !== null && eventTimes[order[a] ?? 0] === eventTimes[order[b] ?? 0];
  return cutAt(order, fractions, (wanted) => {
    let cut = wanted;
    while (cut > 0 && cut < rows && same(cut - 1, cut)) cut++;
    return cut;
  });
};

/** Parts rows at random; the same seed gives the same sets. */
export const randomSplit = (rows: number, seed: number, fractions: Fractions): RowSets =>
  cutAt(shuffled(rows, seeded(seed)), fractions, (wanted) => wanted);

const cutAt = (order: Uint32Array, fractions: Fractions, settle: (wanted: number) => number): RowSets => {
  const whole = fractions.fit + fractions.calibrate + fractions.test;
  const at = (share: number): number =>
    settle(Math.min(order.length, Math.round((order.length * share) / whole)));
  const fitEnd = at(fractions.fit);
  // Cuts move forward only, so they stay in order; a set may come out empty, and the caller refuses it by its size.
  const stopBegin = Math.min(fitEnd, at(fractions.fit * (1 - STOP_SHARE)));
  const calibrateEnd = Math.max(fitEnd, at(fractions.fit + fractions.calibrate));
  const part = (begin: number, end: number): Uint32Array => order.slice(begin, end).sort();
  return {
    fit: part(0, stopBegin),
    stop: part(stopBegin, fitEnd),
    calibrate: part(fitEnd, calibrateEnd),
    test: part(calibrateEnd, order.length),
  };
};
