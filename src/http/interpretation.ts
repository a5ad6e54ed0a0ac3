// Stage room: what a probability means in the contract's words. A reading aid for people; the model never sees it.
import type { ServingModel } from "../ports-serving.ts";

export interface Interpretation {
  readonly label: string | number;
  readonly risk_level: string | null;
  readonly confidence: number;
}

/** Label at the bundle's frozen threshold, band by the contract's upper bounds (beyond the last: `high`), class confidence. */
export const interpretationOf = (model: ServingModel, probability: number): Interpretation => {
  const { label, interpretation } = model.contract;
  const bands = Object.entries(interpretation?.risk_bands ?? {}).sort(([, a], [, b]) => a - b);
  const band = bands.find(([, upper]) => probability < upper)?.[0] ?? "high";
  return {
    label: probability >= model.threshold ? label.positive : label.negative,
    risk_level: bands.length === 0 ? null : band,
    confidence: Math.max(probability, 1 - probability),
  };
};
