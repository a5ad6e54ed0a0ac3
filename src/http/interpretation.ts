// Stage room: what a probability means in the contract's words, and which feature moved it how far. Reading aids for people, made only
// where they are asked for; the model never sees them.
import type { ServingModel } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";

/** What a request asks for beside its probability. */
export interface Wants {
  readonly interpret: boolean;
  readonly explain: boolean;
}

export const PLAIN: Wants = { interpret: false, explain: false };

/** Reads `?interpret=true` and `?explain=true`. */
export const wantsOf = (query: (name: string) => string | null | undefined): Wants => ({
  interpret: query("interpret") === "true",
  explain: query("explain") === "true",
});

/** The members an answer gains, each with its leading comma; empty where nothing was asked for. */
export const extrasOf = (batch: Batch, row: number, probability: number, wants: Wants): string => {
  let text = "";
  if (wants.interpret)
    text += `,"interpretation":${JSON.stringify(interpretationOf(batch.model, probability))}`;
  if (wants.explain) text += contributionsOf(batch, row);
  return text;
};

/** On the log-odds before the calibrator: base + contributions = margin. Null for a model made elsewhere: nobody knows. */
const contributionsOf = ({ model, codes, vector, width }: Batch, row: number): string => {
  if (model.explain === null) return `,"contributions":null`;
  const [from, to] = [row * width, (row + 1) * width];
  const { base, contributions, margin } = model.explain({
    codes: codes.subarray(from, to),
    values: vector.subarray(from, to),
  });
  const named = Object.fromEntries(
    model.encoder.features.map((feature, at) => [feature, contributions[at] ?? null]),
  );
  return `,"contributions":${JSON.stringify(named)},"base":${base},"margin":${margin}`;
};

interface Interpretation {
  readonly label: string | number;
  readonly risk_level: string | null;
  readonly confidence: number;
}

/** Label at the bundle's frozen threshold, band by the contract's upper bounds (beyond the last: `high`), class confidence. */
const interpretationOf = (model: ServingModel, probability: number): Interpretation => {
  const { label, interpretation } = model.contract;
  const bands = Object.entries(interpretation?.risk_bands ?? {}).sort(([, a], [, b]) => a - b);
  const band = bands.find(([, upper]) => probability < upper)?.[0] ?? "high";
  return {
    label: probability >= model.threshold ? label.positive : label.negative,
    risk_level: bands.length === 0 ? null : band,
    confidence: Math.max(probability, 1 - probability),
  };
};
