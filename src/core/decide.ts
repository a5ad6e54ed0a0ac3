// Core: the decision. `decide(evidence, memory, governance, policy) → {decision, memory}` is pure: the same inputs give the same
// bytes, on any machine, in any year; `now` is the evidence's. Evidence that is not to be trusted decides nothing: SYSTEM_ERROR.
// Never acts, never throws for bad evidence; whether a decision is carried out is the executor's and the policy's autonomy.
import type { Decision, GateResult, Memory } from "../../contracts/decision.ts";
import { assess, type DecisionInputs } from "./assess.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { applyRules, dueAlerts, quarantineOf, remember } from "./decide-rules.ts";
import { signalsOf } from "./decide-signals.ts";
import { problemOf } from "./evidence-check.ts";
import { round9 } from "./threshold.ts";

export type { DecisionInputs } from "./assess.ts";

/**
 * Version of the rules of this file and all it asks; bumped only by a dated decision (docs/decisions.md), and every older one stays
 * executable. 1: an alert repeats whenever its clock allows. 2: a condition that lasts is told once, then after its reminder; and
 * production is steady for a candidate only if it was not degraded from one performance span before the trial on; and a window goes
 * under quarantine whatever is decided about the versions.
 */
export const RULES_VERSION = 2;
export type RulesVersion = 1 | 2;

/** What a decision says before it is sealed: no identity, no digests. */
export type Verdict = Omit<Decision, "id" | "policy_digest" | "inputs_digest" | "rules_version">;

/** Decides one window and seals the decision with the digests of all it came from. */
export const decide = (
  inputs: DecisionInputs,
  rules: RulesVersion = RULES_VERSION,
): { decision: Decision; memory: Memory } => {
  const { verdict, memory } = judge(inputs, rules);
  const inputs_digest = sha256Hex(inputsOf(inputs, rules));
  const policy_digest = inputs.policy.digest;
  const id = sha256Hex(canonicalJson([inputs_digest, policy_digest, rules]));
  return { decision: { ...verdict, id, policy_digest, inputs_digest, rules_version: rules }, memory };
};

/** The memory of a model about which nothing was decided yet. */
export const emptyMemory = (): Memory => ({
  v: 1,
  production: null,
  verdicts: [],
  open_quarantines: [],
  merit_failures: 0,
  merit_version: null,
  consecutive_rejects: 0,
  harm: null,
  catastrophe: null,
  last_alert_at: {},
});

/** The canonical JSON kept with a decision: all that a replay needs beside the policy. */
export const inputsOf = (
  { evidence, memory, governance }: Omit<DecisionInputs, "policy">,
  rules: RulesVersion = RULES_VERSION,
): string => canonicalJson(spellable({ evidence, memory, governance, rules_version: rules }));

/** JSON has no NaN: what is not finite is kept as its name, which is just as invalid on a replay. */
const spellable = (value: unknown): unknown => {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(spellable);
  if (typeof value !== "object" || value === null) return value === undefined ? null : value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, spellable(item)]),
  );
};

/** The decision itself, unsealed: what `decide` seals and what a simulation runs thousands of times. */
export const judge = (
  inputs: DecisionInputs,
  rules: RulesVersion = RULES_VERSION,
): { verdict: Verdict; memory: Memory } => {
  const problem = problemOf(inputs);
  return problem === null ? weigh(inputs, rules) : refuseEvidence(inputs, problem);
};

const weigh = (inputs: DecisionInputs, rules: RulesVersion): { verdict: Verdict; memory: Memory } => {
  const at = assess(inputs, { trialSteady: rules > 1 });
  const signals = signalsOf(inputs, at);
  const sight = { signals, rules };
  const ruling = applyRules(inputs, at, sight);
  const remembered = remember(ruling, inputs, at);
  const { alerts, memory } = dueAlerts(ruling, inputs, sight, remembered);
  const { evidence } = inputs;
  const logE = at.candidate === null ? at.harm.value : at.candidate.evidence.logE;
  const verdict: Verdict = {
    v: 1,
    model: evidence.model,
    window_start: evidence.window.start,
    window_end: evidence.window.end,
    at: evidence.now,
    action: ruling.action,
    version: ruling.version,
    drift_verdict: at.window.verdict ?? "NO_ACTION",
    drift_decision: at.window.decision,
    rule: ruling.rule,
    reasons: ruling.reasons,
    gates: (at.candidate?.gates ?? []).map(spelled),
    sentence: ruling.sentence,
    alerts,
    quarantine: quarantineOf(ruling, inputs, signals),
    releases: at.window.releases,
    evidence_log_e: rounded(logE),
  };
  return { verdict, memory };
};

/** A gate as it is stored; written out, because a simulation asks this of millions. */
const spelled = ({ gate, kind, result, value, threshold, unit, n, detail }: GateResult): GateResult => ({
  gate,
  kind,
  result,
  value: rounded(value),
  threshold: rounded(threshold),
  unit,
  n,
  detail,
});

const rounded = (value: number | null): number | null => (value === null ? null : round9(value));

/** Nothing is concluded from evidence that cannot be trusted, and nothing is learnt from it: the memory stays as it was. */
const refuseEvidence = (
  { evidence, memory, governance }: DecisionInputs,
  problem: string,
): { verdict: Verdict; memory: Memory } => {
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  const window: { readonly start?: unknown; readonly end?: unknown } = evidence.window ?? {};
  return {
    memory,
    verdict: {
      v: 1,
      model: text(evidence.model) || governance.model,
      window_start: text(window.start),
      window_end: text(window.end),
      at: text(evidence.now),
      action: "SYSTEM_ERROR",
      version: null,
      drift_verdict: "NO_ACTION",
      drift_decision: "NO_ACTION",
      rule: "invalid_evidence",
      reasons: [{ signal: "evidence", value: "invalid", threshold: null, n: null, detail: problem }],
      gates: [],
      sentence: `Nothing is changed: the evidence cannot be trusted (${problem}).`,
      alerts: [
        {
          alert: "system_error",
          severity: "critical",
          detail: `evidence refused: ${problem}`,
          value: null,
          threshold: null,
        },
      ],
      quarantine: null,
      releases: [],
      evidence_log_e: null,
    },
  };
};
