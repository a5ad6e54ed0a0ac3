// Core: the parts of a bundle that do not depend on where its model was made: the frozen threshold, the reference counts drift is
// measured against, and the rows that draw its calibration curve. Scores are counted only over rows the model was not fitted on.
import type { Reference } from "../../contracts/bundle.ts";
import type { Encoding, FeatureEncoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { encodingDigest } from "./encode.ts";
import { emptyCounts, scoreBin, SCORE_BINS, toSparse } from "./histogram.ts";
import { maxF1Threshold } from "./performance.ts";
import { isoOf } from "./time.ts";
import type { TrainingMatrix } from "./training/matrix.ts";

/** Rows of the calibration slice kept beside the model, enough to draw its curve. */
const CALIBRATION_ROWS_MAX = 100_000;

/**
 * The contract's threshold, or the one of the highest F1. One found on scores lies a hair below one of them: the served float32 of
 * that score may be the smaller, and a whole plateau of an isotonic calibrator would change sides.
 */
export const thresholdOf = (contract: FeatureContract, label: Uint8Array, p: Float64Array): number => {
  const { threshold } = contract.evaluation;
  if (threshold !== "max_f1") return threshold;
  const best = maxF1Threshold(label, p)?.threshold ?? 0.5;
  return Math.max(1e-5, Math.floor((best - 2e-6) * 1e5) / 1e5);
};

/** Rows the model had not seen; `timesMs` null where their times are not known. */
export type UnseenRows = {
  readonly label: Uint8Array;
  readonly scores: Float64Array;
  readonly timesMs: Float64Array | null;
};

/**
 * Features are counted over all rows, scores by label over the rows the model had not seen. What swings with a cycle is counted over
 * the last whole cycles only: five Mondays and four Sundays would themselves look like drift.
 */
export const referenceOf = (of: {
  readonly encoding: Encoding;
  readonly matrix: TrainingMatrix;
  readonly timesMs: Float64Array | null;
  readonly unseen: readonly UnseenRows[];
}): Reference => {
  const scores = [emptyCounts(SCORE_BINS), emptyCounts(SCORE_BINS)] as const;
  const longest = of.encoding.features.reduce((ms, feature) => Math.max(ms, cycleMs(feature)), 0);
  const unseenSince = wholeCyclesFrom(
    of.unseen.map(({ timesMs }) => timesMs),
    longest,
  );
  for (const { label, scores: p, timesMs } of of.unseen)
    p.forEach((value, row) => {
      if (timesMs !== null && (timesMs[row] ?? 0) <= unseenSince) return;
      const counts = scores[label[row] === 1 ? 1 : 0];
      const bin = scoreBin(value);
      counts[bin] = (counts[bin] ?? 0) + 1;
    });
  const features = of.encoding.features.map((feature, at): [string, [number, number][]] => {
    const counts = emptyCounts();
    const since = wholeCyclesFrom([of.timesMs], cycleMs(feature));
    of.matrix.codes[at]?.forEach((code, row) => {
      if (of.timesMs === null || (of.timesMs[row] ?? 0) > since) counts[code] = (counts[code] ?? 0) + 1;
    });
    return [feature.feature, toSparse(counts)];
  });
  return {
    v: 1,
    encoding_digest: encodingDigest(of.encoding),
    n: of.matrix.rows,
    positives: of.matrix.label.reduce((sum, label) => sum + label, 0),
    ...spanOf(of.timesMs),
    features: Object.fromEntries(features),
    scores: { negative: toSparse(scores[0]), positive: toSparse(scores[1]) },
  };
};

const DAY_MS = 86_400_000;

const cycleMs = (feature: FeatureEncoding): number => {
  const cycle = feature.kind === "ordinal" ? feature.cycle : null;
  return cycle === null ? 0 : cycle === "day" ? DAY_MS : 7 * DAY_MS;
};

/** Rows after this instant make up whole cycles; −∞ where there is no cycle, no time, or less than one. */
const wholeCyclesFrom = (times: readonly (Float64Array | null)[], cycle: number): number => {
  const known = times.filter((part) => part !== null && part.length > 0);
  if (cycle === 0 || known.length === 0 || known.length < times.length) return -Infinity;
  const first = known.reduce((least, part) => Math.min(least, part?.[0] ?? Infinity), Infinity);
  const last = known.reduce((most, part) => Math.max(most, part?.[part.length - 1] ?? -Infinity), -Infinity);
  const whole = Math.floor((last - first + 1) / cycle);
  return whole === 0 ? -Infinity : last - whole * cycle;
};

/** First and last instant of ascending times; null where rows have none. */
export const spanOf = (timesMs: Float64Array | null): { from: string | null; to: string | null } => {
  const first = timesMs?.[0];
  const last = timesMs?.[timesMs.length - 1];
  return {
    from: first === undefined ? null : isoOf(Math.floor(first)),
    to: last === undefined ? null : isoOf(Math.floor(last)),
  };
};

/** `probability,label` lines, thinned evenly where there are very many. */
export const calibrationCsv = (label: Uint8Array, p: Float64Array): string => {
  const every = Math.max(1, Math.ceil(p.length / CALIBRATION_ROWS_MAX));
  const lines = ["probability,label"];
  for (let row = 0; row < p.length; row += every) lines.push(`${p[row] ?? ""},${label[row] ?? ""}`);
  return `${lines.join("\n")}\n`;
};
