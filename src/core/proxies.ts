// Core: what scores say before any label arrives (STATISTICS §3): rates, spread, entropy, confidence. Signals for people and alerts;
// they never stand in for realised performance.
import { scoreMean, scoreQuantile, totalOf } from "./histogram.ts";
import type { Counts } from "./histogram.ts";

/** Entropy in nats of class counts: exactly 0 for a single class, never negative; null without rows. */
export function entropyOf(counts: readonly number[]): number | null {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  if (!(rows > 0) || counts.some((count) => !(count >= 0))) return null;
  const sum = counts.reduce((s, count) => s + (count === 0 ? 0 : (count / rows) * Math.log(rows / count)), 0);
  return Math.max(0, sum);
}

export type Proxies = {
  n: number;
  positive_rate: number | null;
  score_mean: number;
  score_sd: number;
  score_p05: number | null;
  score_p50: number | null;
  score_p95: number | null;
  /** Of ten equal-width score bins, in nats (0 … ln 10). */
  score_entropy_10: number | null;
  /** Mean of the larger class probability (0.5 … 1). */
  confidence: number;
};

/** Proxies of a score histogram; `positives` is the exact count of predicted positives, null where unknown. Null without rows. */
export function proxiesOf(scores: Counts, positives: number | null): Proxies | null {
  const n = totalOf(scores);
  if (!(n > 0)) return null;
  let sum = 0;
  let squares = 0;
  let confidence = 0;
  const tenths = new Array<number>(10).fill(0);
  scores.forEach((count, bin) => {
    if (count === 0) return;
    const p = scoreMean(bin);
    sum += count * p;
    squares += count * p * p;
    confidence += count * Math.max(p, 1 - p);
    const tenth = Math.min(9, Math.floor(p * 10));
    tenths[tenth] = (tenths[tenth] ?? 0) + count;
  });
  return {
    n,
    positive_rate: positives === null ? null : positives / n,
    score_mean: sum / n,
    score_sd: Math.sqrt(Math.max(0, squares / n - (sum / n) ** 2)),
    score_p05: scoreQuantile(scores, 0.05),
    score_p50: scoreQuantile(scores, 0.5),
    score_p95: scoreQuantile(scores, 0.95),
    score_entropy_10: entropyOf(tenths),
    confidence: confidence / n,
  };
}

/** Mean over batches weighted by their rows (a batch of 10 must not weigh like one of 1,000); empty batches count nothing. */
export function meanByRows(batches: readonly { value: number | null; rows: number }[]): number | null {
  let sum = 0;
  let rows = 0;
  for (const batch of batches) {
    if (batch.rows === 0 || batch.value === null) continue;
    if (!Number.isFinite(batch.value) || !(batch.rows > 0)) return null;
    sum += batch.value * batch.rows;
    rows += batch.rows;
  }
  return rows === 0 ? null : sum / rows;
}
