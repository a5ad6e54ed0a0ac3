// Core: token buckets, one a name. A bucket starts full, refills steadily and never holds more than its burst. Promises bounded memory: a
// bucket that has filled up again is forgotten, which changes nothing, and the oldest go where there are too many.

export interface Buckets {
  /** Takes one token: 0 where there was one, else how many ms until there is. */
  take(name: string, nowMs: number): number;
}

const BUCKETS_MAX = 10_000;

/** Makes buckets of one size; `burst` is at least one token. */
export const createBuckets = (by: { readonly burst: number; readonly refillPerMs: number }): Buckets => {
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  return {
    take: (name, nowMs) => {
      let bucket = buckets.get(name);
      if (bucket === undefined) {
        if (buckets.size >= BUCKETS_MAX) sweep(buckets, by, nowMs);
        bucket = { tokens: by.burst, atMs: nowMs };
        buckets.set(name, bucket);
      }
      bucket.tokens = Math.min(by.burst, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * by.refillPerMs);
      bucket.atMs = nowMs;
      if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / by.refillPerMs));
      bucket.tokens -= 1;
      return 0;
    },
  };
};

/** Forgets what is full again; where that is not enough, the half that was seen first. */
const sweep = (
  buckets: Map<string, { tokens: number; atMs: number }>,
  by: { burst: number; refillPerMs: number },
  nowMs: number,
): void => {
  for (const [name, { tokens, atMs }] of buckets)
    if (tokens + (nowMs - atMs) * by.refillPerMs >= by.burst) buckets.delete(name);
  let excess = buckets.size - BUCKETS_MAX / 2;
  for (const name of buckets.keys()) {
    if (excess-- <= 0) return;
    buckets.delete(name);
  }
};
