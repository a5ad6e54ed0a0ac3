// Core: histograms as people look at them: a feature's codes folded into a few labelled bars, reference beside window, and the
// calibration curve of labelled scores. Counts only; no bar loses or doubles a row.
import { MISSING, OTHER, OVERFLOW, type FeatureEncoding } from "../../contracts/encoding.ts";
import type { Bar, CalibrationBin } from "../../contracts/read.ts";
import { wilsonInterval } from "./distributions.ts";
import { SCORE_BINS, scoreMean, totalOf, type Counts } from "./histogram.ts";

/** Bars a picture can hold before it turns to noise. */
const BARS_MAX = 20;

/** The bars of one feature, in the order of its axis; nominal values most frequent first, the rest in one. */
export const barsOf = (encoding: FeatureEncoding, reference: Counts, current: Counts): Bar[] => {
  const bar = (label: string, kind: Bar["kind"], codes: readonly number[]): Bar => ({
    label,
    kind,
    reference: sum(reference, codes),
    current: sum(current, codes),
  });
  const missing = present(bar("missing", "missing", [MISSING]));
  switch (encoding.kind) {
    case "continuous": {
      const inner = encoding.edges.length;
      const groups = massGroups(reference, OVERFLOW, inner);
      const edge = (i: number): number => (i < 0 ? encoding.low : (encoding.edges[i] ?? encoding.high));
      return [
        ...present(bar(`< ${short(encoding.low)}`, "overflow", range(0, OVERFLOW))),
        ...groups.map(([from, to]) =>
          bar(
            `${short(edge(from - OVERFLOW - 1))} – ${short(edge(to - OVERFLOW))}`,
            "bin",
            range(from, to + 1),
          ),
        ),
        ...present(
          bar(`> ${short(encoding.high)}`, "overflow", range(OVERFLOW + inner, 2 * OVERFLOW + inner)),
        ),
        ...missing,
      ];
    }
    case "ordinal":
      return [...encoding.values.map((value, code) => bar(short(value), "value", [code])), ...missing];
    case "nominal": {
      const ranked = encoding.values
        .map((value, code) => bar(value, "value", [code]))
        .sort((a, b) => b.reference + b.current - (a.reference + a.current));
      const rest = ranked.slice(BARS_MAX);
      const tail: Bar = {
        label: `${rest.length} more`,
        kind: "other",
        reference: rest.reduce((total, { reference: n }) => total + n, 0),
        current: rest.reduce((total, { current: n }) => total + n, 0),
      };
      return [
        ...ranked.slice(0, BARS_MAX),
        ...(rest.length === 0 ? [] : [tail]),
        ...present(bar("unseen", "other", [OTHER])),
        ...missing,
      ];
    }
  }
};

/** The bars of the scores: twenty equal steps of probability. */
export const scoreBars = (reference: Counts, current: Counts): Bar[] => {
  const steps = Array.from({ length: BARS_MAX }, () => ({ reference: 0, current: 0 }));
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    const step = steps[Math.min(BARS_MAX - 1, Math.floor(scoreMean(bin) * BARS_MAX))];
    if (step === undefined) continue;
    step.reference += reference[bin] ?? 0;
    step.current += current[bin] ?? 0;
  }
  return steps.map((step, i) => ({
    label: `${short(i / BARS_MAX)} – ${short((i + 1) / BARS_MAX)}`,
    kind: "bin",
    ...step,
  }));
};

/** Predicted against observed in up to `bins` groups of equal rows, each with its 95 % interval. */
export const calibrationCurve = (negative: Counts, positive: Counts, bins = 10): CalibrationBin[] => {
  const n = totalOf(negative) + totalOf(positive);
  const groups = Array.from({ length: bins }, () => ({ n: 0, positives: 0, predicted: 0 }));
  let below = 0;
  for (let bin = 0; bin < SCORE_BINS; bin++) {
    const yes = positive[bin] ?? 0;
    const rows = yes + (negative[bin] ?? 0);
    if (rows === 0) continue;
    const group = groups[Math.min(bins - 1, Math.floor((bins * (below + rows / 2)) / n))];
    below += rows;
    if (group === undefined) continue;
    group.n += rows;
    group.positives += yes;
    group.predicted += rows * scoreMean(bin);
  }
  return groups.flatMap((group) => {
    const observed = wilsonInterval(group.positives, group.n);
    if (observed === null) return [];
    return [
      {
        predicted: group.predicted / group.n,
        observed: observed.value,
        low: observed.low,
        high: observed.high,
        n: group.n,
      },
    ];
  });
};

const sum = (counts: Counts, codes: readonly number[]): number =>
  codes.reduce((total, code) => total + (counts[code] ?? 0), 0);

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

const present = (bar: Bar): Bar[] => (bar.reference + bar.current === 0 ? [] : [bar]);

/** Neighbouring inner bins joined into groups of about equal reference mass, [first, last] codes. */
const massGroups = (reference: Counts, first: number, bins: number): [number, number][] => {
  const mass = sum(reference, range(first, first + bins));
  const groups: [number, number][] = [];
  let below = 0;
  let group = -1;
  for (let code = first; code < first + bins; code++) {
    const rows = reference[code] ?? 0;
    const share = mass === 0 ? (code - first) / bins : (below + rows / 2) / mass;
    const mine = Math.min(BARS_MAX - 1, Math.floor(BARS_MAX * share));
    const last = groups.at(-1);
    if (last !== undefined && mine === group) last[1] = code;
    else groups.push([code, code]);
    group = mine;
    below += rows;
  }
  return groups;
};

const short = (value: number): string => String(Number(value.toPrecision(4)));
