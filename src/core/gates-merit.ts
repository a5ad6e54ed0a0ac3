// Core: merit gates (STATISTICS §5): is the candidate at least as good as production in every respect that matters? `noise_aware`
// counts the sampling noise of each difference, `point` compares points as the field does. Missing values are `insufficient`;
// a verdict `fail` is a finding about the candidate. Both models are read at production's frozen threshold.
import type { GateOutcome, GateResult } from "../../contracts/decision.ts";
import type { GateContext } from "./gate-context.ts";
import { segmentGates } from "./gates-segments.ts";
import { pairedF1, pairedRecall } from "./paired.ts";
import { exceeds, reaches, round9 } from "./threshold.ts";

/** Judges the merit gates of a candidate. */
export const meritGates = (context: GateContext): GateResult[] => [
  f1(context),
  rank(context, "roc_auc"),
  rank(context, "pr_auc"),
  recall(context),
  brier(context),
  ...segmentGates(context),
  calibration(context),
  errors(context),
  latency(context),
  delta(context),
  notClone(context),
  ...trust(context),
];

const merit = (gate: string, at: Omit<GateResult, "gate" | "kind">): GateResult => ({
  gate,
  kind: "merit",
  ...at,
});

const missing = (gate: string, unit: string, threshold: number | null, detail: string): GateResult =>
  merit(gate, { result: "insufficient", value: null, threshold, unit, n: null, detail });

const judged = (ok: boolean): GateOutcome => (ok ? "pass" : "fail");

const percent = (share: number): string => `${round9(share * 100)} %`;

/**
 * Noise-aware: F1c ≥ F1p and F1c − F1p − G ≥ −SE, with G the smaller of 2 % of F1p and 10 % of 1 − F1p. Where production
 * finds nothing (F1p = 0) a relative gain has no meaning: any true positive of the candidate is one.
 */
const f1 = ({ paired, policy }: GateContext): GateResult => {
  const at = pairedF1(paired.cells);
  const { gain_relative, gain_of_gap, se } = policy.gates.f1;
  if (at === null) return missing("f1", "points of F1", null, "no positive label and no positive answer yet");
  const record = { value: at.difference, unit: "points of F1", n: at.n };
  const detail = `candidate ${round9(at.candidate)}, production ${round9(at.production)}, SE ${round9(at.se)}`;
  if (at.production === 0)
    return merit("f1", { ...record, result: judged(at.candidate > 0), threshold: 0, detail });
  if (policy.gates.comparison === "point") {
    const gain = at.difference / at.production;
    const ok = reaches(gain, gain_relative);
    return merit("f1", {
      ...record,
      result: judged(ok),
      value: gain,
      threshold: gain_relative,
      unit: "relative gain of F1",
      detail,
    });
  }
  const gap = Math.min(gain_relative * at.production, gain_of_gap * (1 - at.production));
  const threshold = Math.max(0, gap - se * at.se);
  return merit("f1", { ...record, result: judged(reaches(at.difference, threshold)), threshold, detail });
};

/** Fails only where the difference is below −tolerance and, when noise counts, significantly below zero. */
const notWorse = (
  context: GateContext,
  at: { gate: string; difference: number; se: number | null; n: number; tolerance: number; z: number },
): GateResult => {
  const { gate, difference, se, n, tolerance, z } = at;
  const small = reaches(difference, -tolerance);
  const noise = context.policy.gates.comparison === "noise_aware" && se !== null && se > 0;
  const score = noise ? difference / se : null;
  const ok = small || (score !== null && !(score < z));
  return merit(gate, {
    result: judged(ok),
    value: difference,
    threshold: -tolerance,
    unit: "points",
    n,
    detail: score === null ? "compared as points" : `z ${round9(score)}, fails below ${z}`,
  });
};

const rank = (context: GateContext, gate: "roc_auc" | "pr_auc"): GateResult => {
  const { production, other } = context.paired;
  const [p, c] = [production?.[gate] ?? null, other?.[gate] ?? null];
  const { tolerance, z } = context.policy.gates[gate];
  if (p === null || c === null || other === null)
    return missing(gate, "points", -tolerance, "not computed for both");
  const se = gate === "roc_auc" ? context.paired.auc_difference_se : context.paired.pr_auc_difference_se;
  return notWorse(context, { gate, difference: c - p, se, n: other.n, tolerance, z });
};

const recall = (context: GateContext): GateResult => {
  const at = pairedRecall(context.paired.cells);
  const { tolerance, z } = context.policy.gates.recall;
  if (at === null) return missing("recall", "points", -tolerance, "no positive label yet");
  return notWorse(context, { gate: "recall", difference: at.difference, se: at.se, n: at.n, tolerance, z });
};

const brier = ({ paired, policy }: GateContext): GateResult => {
  const [p, c] = [paired.production?.brier ?? null, paired.other?.brier ?? null];
  const { tolerance } = policy.gates.brier;
  if (p === null || c === null) return missing("brier", "Brier", tolerance, "not computed for both");
  return merit("brier", {
    result: judged(!exceeds(c - p, tolerance)),
    value: c - p,
    threshold: tolerance,
    unit: "Brier (lower is better)",
    n: paired.matured,
    detail: `candidate ${round9(c)}, production ${round9(p)}`,
  });
};

/** ECE of n rows is not zero even for a perfect model: the tolerance grows by the noise of its bins. */
const calibration = ({ paired, policy }: GateContext): GateResult => {
  const [p, c] = [paired.production?.ece ?? null, paired.other?.ece ?? null];
  const { tolerance, noise } = policy.gates.calibration;
  const { other } = paired;
  if (p === null || c === null || other === null || other.n === 0)
    return missing("calibration", "ECE", null, "not computed for both");
  const rate = other.positives / other.n;
  const threshold = tolerance + noise * Math.sqrt((10 * rate * (1 - rate)) / other.n);
  return merit("calibration", {
    result: judged(!exceeds(c - p, threshold)),
    value: c - p,
    threshold,
    unit: "ECE (lower is better)",
    n: other.n,
    detail: `candidate ${round9(c)}, production ${round9(p)}`,
  });
};

/** Intention to treat: errors, timeouts and sheds are what the candidate would have done to the traffic. */
const errors = ({ paired, policy }: GateContext): GateResult => {
  const lost = paired.errors + paired.timeouts + paired.sheds;
  const asked = lost + paired.ok;
  const { tolerance } = policy.gates.errors;
  if (asked === 0 || paired.production_requests === 0)
    return missing("errors", "share", tolerance, "no outcomes yet");
  const production = paired.production_errors / paired.production_requests;
  return merit("errors", {
    result: judged(!exceeds(lost / asked - production, tolerance)),
    value: lost / asked - production,
    threshold: tolerance,
    unit: "share of requests above production's",
    n: asked,
    detail: `${lost} of ${asked} failed (${percent(lost / asked)}), production ${percent(production)}`,
  });
};

const latency = ({ paired, policy, clock }: GateContext): GateResult => {
  const { latency_p95_ms: candidate, production_latency_p95_ms: production } = paired;
  const { tolerance_ms } = policy.gates.latency;
  if (clock === "replay")
    return merit("latency", {
      result: "not_evaluated",
      value: null,
      threshold: tolerance_ms,
      unit: "ms",
      n: null,
      detail: "under a replayed clock latency is not measured",
    });
  if (candidate === null || production === null)
    return missing("latency", "ms", tolerance_ms, "not measured for both");
  return merit("latency", {
    result: judged(!exceeds(candidate - production, tolerance_ms)),
    value: candidate - production,
    threshold: tolerance_ms,
    unit: "ms above production's p95",
    n: paired.ok,
    detail: `candidate alone ${round9(candidate)} ms, production ${round9(production)} ms`,
  });
};

const delta = ({ paired, policy, productionSteady }: GateContext): GateResult => {
  const { p95_max } = policy.gates.delta;
  const value = paired.delta_abs_p95;
  if (productionSteady && value === null) return missing("delta", "p95 of |Δp|", p95_max, "not computed");
  return merit("delta", {
    result: productionSteady && value !== null ? judged(!exceeds(value, p95_max)) : "not_evaluated",
    value,
    threshold: p95_max,
    unit: "p95 of |Δp|",
    n: paired.pairs,
    detail: productionSteady
      ? "gates while production is steady"
      : "reported only: production is degraded, a good candidate must differ",
  });
};

const notClone = ({ paired }: GateContext): GateResult => {
  const clone = paired.digest === paired.production_digest || paired.identical_scores;
  return merit("not_clone", {
    result: judged(!clone),
    value: null,
    threshold: null,
    unit: "",
    n: paired.pairs,
    detail:
      paired.digest === paired.production_digest
        ? "the candidate has production's digest"
        : clone
          ? "the candidate gives production's scores, every one"
          : "its digest and its scores differ from production's",
  });
};

const trust = ({ policy, trust: value }: GateContext): GateResult[] => {
  if (policy.gates.trust === null) return [];
  const { min } = policy.gates.trust;
  if (value === null) return [missing("trust", "trust score", min, "no trust score")];
  const result = judged(reaches(value, min));
  return [merit("trust", { result, value, threshold: min, unit: "trust score", n: null, detail: "floor" })];
};
