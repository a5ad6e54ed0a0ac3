// Core, training: the seeded random search for hyper-parameters. The configured parameters always come first, so that a
// search can only find something better on the early-stopping slice; never looks at the test set.
import type { BoostingParameters } from "./boosting.ts";
import type { LogisticParameters } from "./logistic.ts";
import { seeded } from "./seeded.ts";

/** Draws `n` candidates: the configured ones, then random neighbours in the ranges practitioners search. */
export const searchBoosting = (
  configured: BoostingParameters,
  n: number,
  seed: number,
): BoostingParameters[] => {
  const draw = seeded(seed);
  const between = (low: number, high: number): number => low * (high / low) ** draw();
  const drawn = Array.from({ length: Math.max(0, n - 1) }, () => ({
    ...configured,
    learningRate: rounded(between(0.03, 0.2)),
    leaves: Math.round(between(8, 64)),
    minRows: Math.round(between(10, 200)),
    l2: rounded(between(0.1, 30)),
    rowShare: rounded(0.6 + 0.4 * draw()),
    featureShare: rounded(0.5 + 0.5 * draw()),
  }));
  return [configured, ...drawn];
};

/** Draws `n` candidates for the penalty, the configured one first. */
export const searchLogistic = (
  configured: LogisticParameters,
  n: number,
  seed: number,
): LogisticParameters[] => {
  const draw = seeded(seed);
  const drawn = Array.from({ length: Math.max(0, n - 1) }, () => ({
    ...configured,
    l2: rounded(10 ** (-3 + 6 * draw())),
  }));
  return [configured, ...drawn];
};

/** Three significant digits: a parameter a person can read and type again. */
const rounded = (value: number): number => Number(value.toPrecision(3));
