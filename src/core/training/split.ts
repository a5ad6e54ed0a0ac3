// Core, training: parts rows into three disjoint sets, fit, calibrate and test (STATISTICS §7), and an early-stopping slice
// out of fit. Every row lands in exactly one set, rows of one instant in one; no test row is older than another. Ids ascend.
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
 * Parts rows by time: the newest to test, all older ones to learn from. `eventTimes` null means row order is time. A cut that would
 * part rows of one instant moves on to that instant's end. What is older is parted by dice, whole instants at a time: days differ in
 * their base rate, and a slice of the last few would end growth after a handful of trees, or calibrate to one odd week.
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
  const whole = fractions.fit + fractions.calibrate + fractions.test;
  let cut = Math.min(rows, Math.round((rows * (fractions.fit + fractions.calibrate)) / whole));
  while (cut > 0 && cut < rows && same(cut - 1, cut)) cut++;
  const draw = seeded(seed);
  const wanted = Math.round((cut * fractions.calibrate) / (fractions.fit + fractions.calibrate));
  const drawn = drawInstants(cut, same, wanted, draw);
  const calibrate = order.slice(0, cut).filter((_, place) => drawn[place] === 1);
  const fitting = order.slice(0, cut).filter((_, place) => drawn[place] === 0);
  const mixed = Uint32Array.from(shuffled(fitting.length, draw), (place) => fitting[place] ?? 0);
  const stopBegin = Math.round(fitting.length * (1 - STOP_SHARE));
  return {
    fit: mixed.slice(0, stopBegin).sort(),
    stop: mixed.slice(stopBegin).sort(),
    calibrate: calibrate.sort(),
    test: order.slice(cut).sort(),
  };
};

/** Marks about `wanted` of the first `places` in order of time, never part of an instant. */
const drawInstants = (
  places: number,
  same: (a: number, b: number) => boolean,
  wanted: number,
  draw: () => number,
): Uint8Array => {
  const begins: number[] = [];
  for (let place = 0; place < places; place++) if (place === 0 || !same(place - 1, place)) begins.push(place);
  const drawn = new Uint8Array(places);
  let taken = 0;
  for (const instant of shuffled(begins.length, draw)) {
    const begin = begins[instant] ?? 0;
    const end = begins[instant + 1] ?? places;
    // An instant that would overshoot by more than it fills stays where it is.
    if (taken + (end - begin) / 2 > wanted) continue;
    drawn.fill(1, begin, end);
    taken += end - begin;
  }
  return drawn;
};

/** Parts rows at random; the same seed gives the same sets. */
export const randomSplit = (rows: number, seed: number, fractions: Fractions): RowSets => {
  const order = shuffled(rows, seeded(seed));
  const whole = fractions.fit + fractions.calibrate + fractions.test;
  const at = (share: number): number => Math.min(rows, Math.round((rows * share) / whole));
  const fitEnd = at(fractions.fit);
  const stopBegin = Math.round(fitEnd * (1 - STOP_SHARE));
  const calibrateEnd = Math.max(fitEnd, at(fractions.fit + fractions.calibrate));
  const part = (begin: number, end: number): Uint32Array => order.slice(begin, end).sort();
  return {
    fit: part(0, stopBegin),
    stop: part(stopBegin, fitEnd),
    calibrate: part(fitEnd, calibrateEnd),
    test: part(calibrateEnd, rows),
  };
};
