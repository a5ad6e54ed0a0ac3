// Test numbers: the linear congruential generator of the sequential oracles, so that every stream here can be repeated anywhere.

/** Uniform numbers in [0, 1): s ← (1664525·s + 1013904223) mod 2³², u = s/2³². */
export function lcg(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
