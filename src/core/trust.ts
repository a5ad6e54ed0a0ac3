// Core: the trust score (STATISTICS §4), a number from 0 to 1 for alerts, the dashboard and an optional gate; it never outvotes a
// gate. A missing part is absent and the weights renormalise; a part that is no number makes the score invalid, never perfect.

/** Weights of the parts; they sum to 1. */
const WEIGHTS = { accuracy: 0.3, f1: 0.25, confidence: 0.15, drift: 0.2, latency: 0.1 } as const;
/** PSI and p95 latency in ms up to which a part is 1, and from which it is 0. */
const DRIFT = { best: 0.1, worst: 0.3 } as const;
const LATENCY_MS = { best: 300, worst: 1500 } as const;

export type TrustPart = keyof typeof WEIGHTS;

/** What is known; null means not known (yet), which is neither 0 nor 1. */
export type TrustInputs = {
  accuracy: number | null;
  f1: number | null;
  /** Mean of the larger class probability. */
  confidence: number | null;
  psi: number | null;
  latencyMs: number | null;
};

export type Trust =
  | { state: "valid"; trust: number; parts: Partial<Record<TrustPart, number>>; absent: TrustPart[] }
  | { state: "invalid"; part: TrustPart; reason: string }
  | { state: "absent" };

/** The trust score of what is known. */
export function trustOf(inputs: TrustInputs): Trust {
  const parts: [TrustPart, number | null][] = [
    ["accuracy", share(inputs.accuracy)],
    ["f1", share(inputs.f1)],
    ["confidence", share(inputs.confidence)],
    ["drift", falling(inputs.psi, DRIFT)],
    ["latency", falling(inputs.latencyMs, LATENCY_MS)],
  ];
  const known: Partial<Record<TrustPart, number>> = {};
  const absent: TrustPart[] = [];
  let sum = 0;
  let weights = 0;
  for (const [part, value] of parts) {
    if (value === null) {
      absent.push(part);
      continue;
    }
    if (Number.isNaN(value)) return { state: "invalid", part, reason: "not a number in its range" };
    known[part] = value;
    sum += WEIGHTS[part] * value;
    weights += WEIGHTS[part];
  }
  if (weights === 0) return { state: "absent" };
  return { state: "valid", trust: sum / weights, parts: known, absent };
}

/** A share as it is; NaN outside [0, 1], where no accuracy, F1 or confidence can lie. */
function share(value: number | null): number | null {
  if (value === null) return null;
  return value >= 0 && value <= 1 ? value : NaN;
}

/** 1 up to `best`, falling in a line to 0 at `worst`; NaN for what is negative, infinite or no number. */
function falling(value: number | null, { best, worst }: { best: number; worst: number }): number | null {
  if (value === null) return null;
  if (!(value >= 0 && value < Infinity)) return NaN;
  return Math.max(0, Math.min(1, (worst - value) / (worst - best)));
}
