// Core: histograms (STATISTICS §1). Integer counts by feature code, by score bin and by latency bin; merging is addition, so
// it is exact, associative and commutative. Never holds a raw value and never a share.
import type { ContinuousEncoding } from "../../contracts/encoding.ts";

/** Integer counts of one feature in one window, indexed by its code (256 of them). */
export type Counts = Float64Array;

/** Codes of a feature: one byte. */
export const CODES = 256;
/** Score bins, equal in logit on [−14, 14]; the two end bins are open. */
export const SCORE_BINS = 1000;
const LOGIT_MAX = 14;
/** Half-octave latency bins: bin b holds [2^(b/2), 2^((b+1)/2)) µs, the first everything below, the last open (about 50 min). */
export const LATENCY_BINS = 64;

export type Sparse = readonly (readonly [number, number])[];

/** A histogram without rows. */
export function emptyCounts(size: number = CODES): Counts {
  return new Float64Array(size);
}

/** Adds `more` into `into`, which it returns: the only way two histograms become one. Throws where the lengths differ. */
export function addCounts(into: Counts, more: Counts): Counts {
  if (into.length !== more.length) throw new RangeError("histograms of different length cannot be merged");
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + (more[i] ?? 0);
  return into;
}

/** Number of rows counted. */
export function totalOf(counts: Counts): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i++) sum += counts[i] ?? 0;
  return sum;
}

/** Reads [index, count] pairs; an index named twice adds up. Throws on an index or count that cannot be one. */
export function fromSparse(pairs: Sparse, size: number = CODES): Counts {
  const counts = emptyCounts(size);
  for (const [index, count] of pairs) {
    if (!Number.isInteger(index) || index < 0 || index >= size)
      throw new RangeError(`no bin ${index} of ${size}`);
    if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`bin ${index} holds ${count} rows`);
    counts[index] = (counts[index] ?? 0) + count;
  }
  return counts;
}

/** [index, count] pairs of the bins that hold rows, indices ascending: one histogram has one sparse form. */
export function toSparse(counts: Counts): [number, number][] {
  const pairs: [number, number][] = [];
  counts.forEach((count, index) => {
    if (count !== 0) pairs.push([index, count]);
  });
  return pairs;
}

/** True where these are counts: the right length, whole, finite, not negative. */
export function areCounts(counts: Counts, size: number = CODES): boolean {
  return rowsCounted(counts, size) !== null;
}

/** Number of rows where these are counts (see `areCounts`), null where they are not: both in one look. */
export function rowsCounted(counts: Counts, size: number = CODES): number | null {
  if (counts.length !== size) return null;
  let rows = 0;
  for (let i = 0; i < size; i++) {
    const count = counts[i] ?? NaN;
    if (!(count >= 0 && count <= Number.MAX_SAFE_INTEGER) || Math.floor(count) !== count) return null;
    rows += count;
  }
  return rows;
}

/** The score bin of a probability: floor((ln(p/(1−p)) + 14)·1000/28) held within 0…999, the same formula as in SQL. */
export function scoreBin(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`${p} is not a probability`);
  const bin = Math.floor(((Math.log(p / (1 - p)) + LOGIT_MAX) * SCORE_BINS) / (2 * LOGIT_MAX));
  return Math.max(0, Math.min(SCORE_BINS - 1, bin));
}

/** Lower edge of a score bin as a probability; bin 0 begins at 0 and bin 1000, the end of the last, is 1. */
export function scoreEdge(bin: number): number {
  if (bin <= 0) return 0;
  if (bin >= SCORE_BINS) return 1;
  return logistic((bin * 2 * LOGIT_MAX) / SCORE_BINS - LOGIT_MAX);
}

/** The probability that stands for a score bin: its middle in logit, at most 0.0035 from any member. */
export function scoreMean(bin: number): number {
  return logistic(((bin + 0.5) * 2 * LOGIT_MAX) / SCORE_BINS - LOGIT_MAX);
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** The latency bin of a duration in µs. */
export function latencyBin(latencyUs: number): number {
  if (!(latencyUs >= 0)) throw new RangeError(`${latencyUs} is not a latency`);
  if (latencyUs < 1) return 0;
  return Math.min(LATENCY_BINS - 1, Math.floor(2 * Math.log2(latencyUs)));
}

/** A quantile in µs from latency bins, interpolated in logarithm (at most 19 % from exact); null where nothing was measured. */
export function latencyQuantile(counts: Counts, q: number): number | null {
  const rows = totalOf(counts);
  if (rows === 0) return null;
  const wanted = q * rows;
  let below = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const here = counts[bin] ?? 0;
    if (here > 0 && below + here >= wanted) return 2 ** ((bin + (wanted - below) / here) / 2);
    below += here;
  }
  return null;
}

/** A quantile of the scores from score bins, interpolated inside the bin; null where there are none. */
export function scoreQuantile(scores: Counts, q: number): number | null {
  const rows = totalOf(scores);
  if (rows === 0) return null;
  const wanted = q * rows;
  let below = 0;
  for (let bin = 0; bin < scores.length; bin++) {
    const here = scores[bin] ?? 0;
    if (here > 0 && below + here >= wanted) {
      const edge = scoreEdge(bin);
      return edge + ((scoreEdge(bin + 1) - edge) * (wanted - below)) / here;
    }
    below += here;
  }
  return null;
}

/** Where each overflow code and inner bin of a continuous feature stands on its axis: overflow at the end nearest the range. */
export function positionsOf(encoding: ContinuousEncoding): Float64Array {
  const inner = encoding.edges.length;
  const range = encoding.high - encoding.low;
  const positions = new Float64Array(inner + 16);
  for (let level = 0; level < 8; level++) {
    const distance = level === 0 ? 0 : range * 2 ** (level - 5);
    positions[7 - level] = encoding.low - distance;
    positions[8 + inner + level] = encoding.high + distance;
  }
  for (let i = 0; i < inner; i++) positions[8 + i] = encoding.means[i] ?? NaN;
  return positions;
}
