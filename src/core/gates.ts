// Core: the gates between a candidate and production (STATISTICS §5). Every gate answers with its value, threshold, unit and n.
// Waiting gates here say whether there is enough to judge by; merit gates (gates-merit.ts) say whether the candidate is good.
// What is missing, NaN or empty never passes; `not_evaluated` is given only where the policy or the clock asks nothing.
import type { GateResult } from "../../contracts/decision.ts";
import type { ModelState } from "../../contracts/governance.ts";
import type { GateContext } from "./gate-context.ts";
import { meritGates } from "./gates-merit.ts";
import { reaches } from "./threshold.ts";

export type { GateContext };

/** Judges every gate, waiting gates first. */
export const judgeGates = (context: GateContext): GateResult[] => [
  samples(context),
  coverage(context),
  pairs(context),
  completeness(context),
  cooldown(context),
  stability(context),
  evidence(context),
  ...meritGates(context),
];

/** True where nothing that must pass does not. */
export const allPass = (gates: readonly GateResult[]): boolean =>
  gates.length > 0 && gates.every(({ result }) => result === "pass" || result === "not_evaluated");

/** True where the waiting gates but evidence pass, so that a failed merit gate is a finding and not noise. */
export const mayJudgeMerit = (gates: readonly GateResult[]): boolean =>
  gates.every(({ kind, gate, result }) => kind === "merit" || gate === "evidence" || result === "pass");

/** The failed merit gates. */
export const failedMerit = (gates: readonly GateResult[]): readonly GateResult[] =>
  gates.filter(({ kind, result }) => kind === "merit" && result === "fail");

const waiting = (gate: string, at: Omit<GateResult, "gate" | "kind">): GateResult => ({
  gate,
  kind: "waiting",
  ...at,
});

/** A share or count that must reach a minimum; absent or NaN is insufficient. */
const atLeast = (
  gate: string,
  at: { value: number | null; min: number; unit: string; n: number | null; detail: string },
): GateResult =>
  waiting(gate, {
    result: at.value !== null && reaches(at.value, at.min) ? "pass" : "insufficient",
    value: finiteOrNull(at.value),
    threshold: at.min,
    unit: at.unit,
    n: at.n,
    detail: at.detail,
  });

const finiteOrNull = (value: number | null): number | null =>
  value !== null && Number.isFinite(value) ? value : null;

const samples = ({ paired, policy }: GateContext): GateResult =>
  atLeast("samples", {
    value: paired.matured,
    min: policy.gates.samples.min,
    unit: "labelled pairs",
    n: paired.matured,
    detail: "pairs whose label has matured",
  });

const coverage = ({ paired, policy }: GateContext): GateResult => {
  const known = paired.coverage !== null && paired.coverage >= 0 && paired.coverage <= 1;
  return atLeast("coverage", {
    value: known ? paired.coverage : null,
    min: policy.gates.coverage.min,
    unit: "share of requests labelled",
    n: paired.pairs,
    detail: known ? "labels that came for the paired requests" : "label coverage is unknown",
  });
};

const pairs = ({ paired, policy }: GateContext): GateResult =>
  atLeast("pairs", {
    value: paired.pairs,
    min: policy.gates.pairs.min,
    unit: "pairs",
    n: paired.pairs,
    detail: "requests answered by production and candidate",
  });

/** What became of the candidate's half is known for every outcome, good or bad; `unpaired` is where it is not. */
const completeness = ({ paired, policy }: GateContext): GateResult => {
  const known = paired.ok + paired.errors + paired.timeouts + paired.sheds;
  const all = known + paired.unpaired;
  return atLeast("completeness", {
    value: all === 0 ? null : known / all,
    min: policy.gates.completeness.min,
    unit: "share of requests with a known outcome",
    n: all,
    detail: `${paired.unpaired} requests without the candidate's half; errors, timeouts and sheds are its outcomes`,
  });
};

const DAY_MS = 86_400_000;

/** Fails closed: no readable time, or one in the future, is a cooldown that has not passed. */
const cooldown = ({ now, lastPromotionAt, promotionCooldownMs }: GateContext): GateResult => {
  const ageMs = lastPromotionAt === null ? NaN : Date.parse(now) - Date.parse(lastPromotionAt);
  return atLeast("cooldown", {
    value: Number.isNaN(ageMs) ? null : ageMs / DAY_MS,
    min: promotionCooldownMs / DAY_MS,
    unit: "days",
    n: null,
    detail: Number.isNaN(ageMs)
      ? "the time of the last promotion is not known"
      : `last promotion ${lastPromotionAt ?? ""}`,
  });
};

const stability = ({ stability: { decided, sound }, policy }: GateContext): GateResult => {
  const { windows, of } = policy.gates.stability;
  return atLeast("stability", {
    value: sound,
    min: windows,
    unit: `sound windows of the last ${of}`,
    n: decided,
    detail: `${decided} decided, ${decided - sound} of them breached or quarantined`,
  });
};

const evidence = ({ evidence: at, policy }: GateContext): GateResult => {
  const { method, blocks_min } = policy.candidate.evidence;
  const record = { value: at.logE, threshold: at.threshold, unit: "ln E", n: at.blocks };
  if (method === "none")
    return waiting("evidence", { ...record, result: "not_evaluated", detail: "the policy asks for none" });
  const passes = at.logE !== null && at.blocks >= blocks_min && reaches(at.logE, at.threshold);
  return waiting("evidence", { ...record, result: passes ? "pass" : "insufficient", detail: at.detail });
};

/** The stability of the last windows, from what memory and the ledger know of them. */
export const stabilityOf = (at: {
  readonly verdicts: readonly string[];
  readonly of: number;
  /** Windows under quarantine among the last `of`. */
  readonly quarantined: number;
  /** The drift persisted and is the new world: production's breaches against its old reference are expected. */
  readonly accepted: boolean;
}): GateContext["stability"] => {
  const last = at.verdicts.slice(-at.of);
  const breached = at.accepted ? 0 : last.filter((verdict) => verdict.startsWith("RETRAIN")).length;
  return { decided: last.length, sound: Math.max(0, last.length - Math.max(breached, at.quarantined)) };
};

/** The quarantines in force over a span that ends with `end`. */
export const quarantinedSince = (governance: ModelState, startMs: number): number =>
  governance.quarantines.filter(
    ({ released, windowStart }) => !released && Date.parse(windowStart) >= startMs,
  ).length;
