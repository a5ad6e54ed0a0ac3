// Core: seeded draws for simulated worlds. The same seed gives the same world on every machine; binomials are exact for small means and
// by a rounded normal beyond, where the two differ less than a run can show.
import { seeded } from "./training/seeded.ts";

export interface Dice {
  readonly uniform: () => number;
  readonly normal: () => number;
  /** How many of n succeed, each with probability p. */
  readonly binomial: (n: number, p: number) => number;
  /** n things into cells of the given (relative) weights. */
  readonly split: (n: number, weights: readonly number[]) => number[];
}

const VARIANCE_EXACT_MAX = 25;

/** Dice of one seed. */
export const diceOf = (seed: number): Dice => {
  const uniform = seeded(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const binomial = (n: number, p: number): number => {
    if (n <= 0 || p <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - binomial(n, 1 - p);
    const variance = n * p * (1 - p);
    if (variance > VARIANCE_EXACT_MAX)
      return Math.min(n, Math.max(0, Math.round(n * p + Math.sqrt(variance) * normal())));
    // Inversion: walk the probabilities up from zero successes.
    const odds = p / (1 - p);
    let chance = (1 - p) ** n;
    let left = uniform();
    for (let k = 0; k < n; k++) {
      if (left < chance) return k;
      left -= chance;
      chance *= (odds * (n - k)) / (k + 1);
    }
    return n;
  };
  const split = (n: number, weights: readonly number[]): number[] => {
    let rest = n;
    let mass = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => {
      const drawn = binomial(rest, mass > 0 ? weight / mass : 0);
      rest -= drawn;
      mass -= weight;
      return drawn;
    });
  };
  return { uniform, normal, binomial, split };
};
