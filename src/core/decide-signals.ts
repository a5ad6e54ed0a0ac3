// Core: the assessment as named signals, one value each with threshold, n and a detail, and as conditions ask for
// them. What is unknown is null, so that no condition can hold because of it. Adds no judgement of its own.
import type { GateResult } from "../../contracts/decision.ts";
import { allPass, failedMerit } from "./gates.ts";
import type { Assessment, DecisionInputs } from "./assess.ts";
import { isSignal, signalIn, type Group, type Signal, type Signals } from "./signals.ts";

/** Names every signal of an assessment, in the groups they are computed in: one table of all sixty would be copied a million times. */
export const signalsOf = (inputs: DecisionInputs, at: Assessment): Signals => {
  const operator = operatorSignals(inputs);
  const watch = watchSignals(inputs, at);
  const window = windowSignals(inputs, at);
  const candidate = candidateSignals(inputs, at);
  const performance = performanceSignals(at);
  const training = trainingSignals(inputs, at);
  return {
    faults: operator,
    frozen: operator,
    autonomy: operator,
    trust: operator,
    production: watch,
    standby: watch,
    harm: watch,
    catastrophe: watch,
    window,
    drift: window,
    candidate,
    waiting: candidate,
    performance,
    retrain: training,
    training,
    circuit: training,
    rejects: training,
  };
};

/** Puts signals into a sentence: `{harm.log_e}` becomes its value as a person writes it. */
export const fillIn = (text: string, signals: Signals): string =>
  text.replaceAll(/\{([^}]*)\}/g, (_, name: string) =>
    isSignal(name) ? spoken(signalIn(signals, name).value) : name,
  );

/** A value as people write it: at most four decimals, "unknown" for what is not known. */
export const spoken = (value: Signal["value"]): string => {
  if (value === null || value === "") return "unknown";
  return typeof value === "number" ? String(Number(value.toFixed(4))) : String(value);
};

const plain = (value: Signal["value"], detail = ""): Signal => ({ value, threshold: null, n: null, detail });

const operatorSignals = ({
  evidence,
  governance,
  policy,
}: DecisionInputs): Group<"faults" | "frozen" | "autonomy" | "trust"> => {
  const { frozen } = governance;
  const active =
    frozen !== null && !(frozen.until !== null && Date.parse(frozen.until) <= Date.parse(evidence.now));
  return {
    "faults.any": plain(evidence.faults.length > 0),
    "faults.what": plain(evidence.faults.join("; ")),
    "frozen.active": plain(active, active ? `by ${frozen.actor} until ${frozen.until ?? "unfrozen"}` : ""),
    "frozen.why": plain(active ? frozen.reason : ""),
    "autonomy.level": plain(policy.autonomy),
    "trust.known": plain(evidence.trust !== null),
    "trust.score": plain(evidence.trust),
  };
};

const watchSignals = (
  { evidence, governance }: DecisionInputs,
  { harm, catastrophe, standby }: Assessment,
): Group<"production" | "standby" | "harm" | "catastrophe"> => ({
  "production.known": plain(governance.promoted !== null),
  "production.version": plain(governance.promoted ?? ""),
  "standby.known": plain(governance.standby !== null),
  "standby.version": plain(governance.standby ?? ""),
  "standby.better": {
    value: governance.standby !== null && standby.brier !== null && standby.brier < 0,
    threshold: null,
    n: standby.n,
    detail: `mean Brier difference ${spoken(standby.brier)} on the newest common blocks`,
  },
  "standby.better_f1": {
    value: governance.standby !== null && standby.f1 !== null && standby.f1 > 0,
    threshold: null,
    n: standby.n,
    detail: `F1 ${spoken(standby.standbyF1)} against production's ${spoken(standby.productionF1)} on the same rows`,
  },
  "catastrophe.reached": plain(catastrophe.reached),
  "catastrophe.value": catastrophe,
  "harm.known": plain(governance.standby !== null && evidence.standby !== null && harm.value !== null),
  "harm.log_e": harm,
  "harm.threshold": plain(harm.threshold),
});

const windowSignals = ({ evidence }: DecisionInputs, { window }: Assessment): Group<"window" | "drift"> => {
  const { volume } = evidence.window;
  const worst = window.drifted[0];
  const quality = window.quality.join(", ");
  const drifted = window.drifted
    .map(({ feature, statistic, value }) => `${feature} ${statistic} ${spoken(value)}`)
    .join(", ");
  return {
    "window.volume": {
      value: volume,
      threshold: null,
      n: volume,
      detail: `requests from ${evidence.window.start}`,
    },
    "window.enough": plain(window.enough),
    "window.quarantined": plain(window.quarantined),
    "window.quality_breach": plain(window.quality.length > 0),
    "window.quality": { ...plain(quality), n: volume },
    "window.drift_breach": plain(window.drifted.length > 0),
    "window.drift": {
      value: drifted,
      threshold: worst?.threshold ?? null,
      n: worst?.n_current ?? null,
      detail: window.drifted.map(({ feature, threshold }) => `${feature} ≥ ${spoken(threshold)}`).join(", "),
    },
    "window.breach": plain(quality === "" ? drifted : quality),
    "drift.verdict": plain(window.verdict ?? "unknown", "this window"),
    "drift.decision": plain(window.decision, `after ${window.verdicts.length} judged windows`),
    "drift.accepted": plain(window.accepted),
    "drift.breached": {
      value: window.drifted.length,
      threshold: null,
      n: window.evaluated,
      detail: "features",
    },
    "drift.share": plain(window.evaluated === 0 ? null : window.drifted.length / window.evaluated),
    "drift.open_quarantines": plain(window.open.length),
  };
};

const performanceSignals = ({ degradation: at }: Assessment): Group<"performance"> => ({
  "performance.known": plain(at.degraded !== null, at.detail),
  "performance.degraded": plain(at.degraded === true, at.detail),
  "performance.f1": { value: at.f1, threshold: at.baselineF1, n: at.n, detail: at.detail },
  "performance.f1_high": { value: at.f1High, threshold: at.baselineF1, n: at.n, detail: at.detail },
  "performance.baseline_f1": plain(at.baselineF1),
});

const candidateSignals = (
  { evidence, governance, policy }: DecisionInputs,
  { candidate: at }: Assessment,
): Group<"candidate" | "waiting"> => {
  const missing = (at?.gates ?? []).filter(({ result }) => result === "insufficient" || result === "fail");
  const evidenceOf = at?.evidence;
  const waits = evidence.waiting !== null && evidence.waiting !== governance.candidate;
  return {
    "candidate.known": plain(at !== null),
    "candidate.version": plain(at?.version ?? ""),
    "candidate.gates_pass": plain(at !== null && allPass(at.gates)),
    "candidate.approved": plain(at?.approved ?? false),
    "candidate.clone": plain(at?.clone ?? false),
    "candidate.merit_failures": {
      ...plain(at?.meritFailures ?? null, "consecutive windows"),
      threshold: policy.candidate.merit_failures_max,
    },
    "candidate.merit_failures_max": plain(policy.candidate.merit_failures_max),
    "candidate.failed": plain(
      failedMerit(at?.gates ?? [])
        .map(explained)
        .join("; "),
    ),
    "candidate.missing": plain(
      at !== null && at.gates.length === 0 ? "its first pairs" : missing.map(explained).join("; "),
    ),
    "candidate.log_e": {
      value: evidenceOf?.logE ?? null,
      threshold: evidenceOf?.threshold ?? null,
      n: evidenceOf?.blocks ?? null,
      detail: evidenceOf?.detail ?? "",
    },
    "candidate.threshold": plain(evidenceOf?.threshold ?? null),
    "candidate.reversed_log_e": {
      value: evidenceOf?.reversedLogE ?? null,
      threshold: evidenceOf?.rejectThreshold ?? null,
      n: evidenceOf?.blocks ?? null,
      detail: evidenceOf?.detail ?? "",
    },
    "candidate.reject_threshold": plain(evidenceOf?.rejectThreshold ?? null),
    "candidate.shadow_days": plain(at?.shadowDays ?? null, `shadow_max ${policy.candidate.shadow_max}`),
    "candidate.overdue": plain(at?.overdue ?? false),
    "candidate.number": plain(governance.candidatesSincePromotion),
    "waiting.known": plain(waits),
    "waiting.version": plain(waits ? evidence.waiting : ""),
  };
};

const explained = (gate: GateResult): string =>
  `${gate.gate} ${spoken(gate.value)}${gate.threshold === null ? "" : ` against ${spoken(gate.threshold)}`} ${gate.unit}`.trim();

const trainingSignals = (
  { evidence, governance, policy, memory }: DecisionInputs,
  { retraining }: Assessment,
): Group<"retrain" | "training" | "circuit" | "rejects"> => ({
  "retrain.wanted": plain(retraining.why.length > 0),
  "retrain.why": plain(retraining.why.join("; ")),
  "retrain.allowed": plain(retraining.missing.length === 0),
  "retrain.missing": plain(retraining.missing.join("; ")),
  "retrain.rows": {
    value: evidence.trainable_rows,
    threshold: policy.retrain.rows_min,
    n: evidence.trainable_rows,
    detail: "labelled rows outside quarantine",
  },
  "training.running": plain(governance.training !== null),
  "circuit.open": plain(governance.circuit === "open", `${governance.trainingFailures} failures`),
  "rejects.consecutive": { ...plain(memory.consecutive_rejects), threshold: policy.candidate.rejects_max },
  "rejects.max": plain(policy.candidate.rejects_max),
});
