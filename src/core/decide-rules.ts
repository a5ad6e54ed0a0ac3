// Core: the policy's rules applied. The first rule whose condition holds decides; under every policy some floors stand that no
// rule can lift (a promotion without passed gates, a rollback to nobody). Writes the explanation: reasons, sentence, alerts.
// A move that a floor forbids becomes HOLD and says so.
import type { Action, Decision, Memory, Reason } from "../../contracts/decision.ts";
import type { QuarantineKind } from "../../contracts/governance.ts";
import type { PolicyRule } from "../../contracts/policy.ts";
import { recordOf, type Assessment, type DecisionInputs } from "./assess.ts";
import { fillIn } from "./decide-signals.ts";
import { durationMs } from "./duration.ts";
import { allPass } from "./gates.ts";
import { isSignal, signalIn, type Signals } from "./signals.ts";
import { round9 } from "./threshold.ts";

/** What the rules say, before it is sealed with digests. */
export interface Ruling {
  readonly action: Action;
  readonly rule: string;
  readonly version: string | null;
  readonly reasons: Reason[];
  readonly sentence: string;
  /** Why the window goes under quarantine with this decision; null where it does not. */
  readonly quarantine: QuarantineKind | null;
}

/**
 * Finds the rule that decides and what it means. A quarantine is about the window: since
 * rules version 2 it comes with whatever is decided about the versions, or a rollback would leave ill rows to the next training.
 */
export const applyRules = (inputs: DecisionInputs, at: Assessment, { signals, rules }: Sight): Ruling => {
  const { policy } = inputs;
  const valueOf = (name: string): unknown => knownOf(signals, name);
  const holds = ({ when }: PolicyRule): boolean => policy.conditions.get(when)?.(valueOf) === true;
  const rule = policy.rules.find(holds);
  if (rule === undefined) return noRule();
  const forbidden = floorUnder(rule.action, inputs, at, signals);
  const opening =
    rules === 1 ? rule : policy.rules.find((other) => other.action === "QUARANTINE" && holds(other));
  const opens =
    opening?.action === "QUARANTINE" && rule.action !== "SYSTEM_ERROR" && notQuarantined(at) === null;
  const quarantine = !opens ? null : at.window.quality.length > 0 ? "data_quality" : "drift";
  const reasons = [
    ...reasonsOf(rule, signals),
    ...(opens && opening !== rule ? reasonsOf(opening, signals) : []),
  ];
  if (forbidden !== null)
    return {
      action: "HOLD",
      rule: rule.name,
      version: null,
      reasons: [...reasons, reason("floor", rule.action, forbidden)],
      sentence: `Nothing is changed: rule ${rule.name} asks for ${rule.action}, but ${forbidden}.`,
      quarantine: rules === 1 ? null : quarantine,
    };
  const said = fillIn(rule.sentence, signals);
  return {
    quarantine,
    action: rule.action,
    rule: rule.name,
    version: versionOf(rule.action, inputs, at),
    reasons: [...reasons, ...autonomyReason(rule.action, inputs)],
    sentence: isMove(rule.action) && policy.autonomy !== "act" ? `${OUTCOME[policy.autonomy]} ${said}` : said,
  };
};

/** The signals of a decision, and the version of the rules that look. */
export interface Sight {
  readonly signals: Signals;
  readonly rules: number;
}

/** A signal as conditions know it: undefined where it is not known. */
const knownOf = (signals: Signals, name: string): unknown =>
  (isSignal(name) ? signalIn(signals, name).value : null) ?? undefined;

const OUTCOME = {
  observe: "Observed only, not carried out:",
  recommend: "Recommended, not carried out:",
} as const;

const isMove = (action: Action): boolean =>
  action !== "NONE" && action !== "HOLD" && action !== "SYSTEM_ERROR";

const noRule = (): Ruling => ({
  action: "HOLD",
  rule: "no_rule",
  version: null,
  reasons: [reason("rules", null, "no rule of the policy holds")],
  sentence: "Nothing is changed: no rule of the policy applies to this evidence.",
  quarantine: null,
});

const reason = (signal: string, value: Reason["value"], detail: string): Reason => ({
  signal,
  value,
  threshold: null,
  n: null,
  detail,
});

const reasonsOf = (rule: PolicyRule, signals: Signals): Reason[] =>
  rule.because.filter(isSignal).map((name) => {
    const { value, threshold, n, detail } = signalIn(signals, name);
    return {
      signal: name,
      value: typeof value === "number" ? round9(value) : typeof value === "boolean" ? String(value) : value,
      threshold: threshold === null ? null : round9(threshold),
      n,
      detail,
    };
  });

const autonomyReason = (action: Action, { policy }: DecisionInputs): Reason[] =>
  isMove(action) && policy.autonomy !== "act"
    ? [reason("autonomy.level", policy.autonomy, `${action} is recorded, not carried out`)]
    : [];

/** Why an action may not be, whatever the policy says; null when it may. */
const floorUnder = (
  action: Action,
  { evidence, governance }: DecisionInputs,
  { candidate, window, retraining }: Assessment,
  signals: Signals,
): string | null => {
  if (isMove(action) && signals.frozen["frozen.active"].value === true) return "the model is frozen";
  switch (action) {
    case "NONE":
    case "HOLD":
    case "SYSTEM_ERROR":
      return null;
    case "QUARANTINE":
      return notQuarantined({ window });
    case "RETRAIN":
      return retraining.missing.length === 0 ? null : `it waits for ${retraining.missing.join("; ")}`;
    case "SHADOW":
      if (candidate !== null) return `${candidate.version} already shadows`;
      return recordOf(governance, evidence.waiting)?.state === "TRAINING"
        ? null
        : "no version waits to shadow";
    case "PROMOTE":
      if (candidate === null) return "there is no candidate";
      return allPass(candidate.gates) ? null : "not every gate passes";
    case "REJECT":
      return candidate === null ? "there is no candidate" : null;
    case "ROLLBACK":
      return governance.standby === null ? "there is no STANDBY to return to" : null;
  }
};

/** Why a window may not go under quarantine; null when it may. */
const notQuarantined = ({ window }: Pick<Assessment, "window">): string | null => {
  if (window.quarantined) return "the window is under quarantine already";
  return window.quality.length + window.drifted.length > 0 ? null : "nothing in the window is breached";
};

const versionOf = (
  action: Action,
  { evidence, governance }: DecisionInputs,
  { candidate }: Assessment,
): string | null => {
  switch (action) {
    case "PROMOTE":
    case "REJECT":
      return candidate?.version ?? null;
    case "SHADOW":
      return evidence.waiting;
    case "ROLLBACK":
      return governance.promoted;
    case "NONE":
    case "HOLD":
    case "QUARANTINE":
    case "RETRAIN":
    case "SYSTEM_ERROR":
      return null;
  }
};

/** The memory after the decision: rejections in a row, and a drift quarantine to follow. */
export const remember = (ruling: Ruling, { evidence, policy }: DecisionInputs, at: Assessment): Memory => {
  const { memory } = at;
  const rejects =
    policy.autonomy !== "act"
      ? memory.consecutive_rejects
      : ruling.action === "REJECT"
        ? memory.consecutive_rejects + 1
        : ruling.action === "PROMOTE"
          ? 0
          : memory.consecutive_rejects;
  const opens = ruling.quarantine === "drift";
  const { start, end } = evidence.window;
  return {
    ...memory,
    consecutive_rejects: rejects,
    open_quarantines: opens
      ? [...memory.open_quarantines, { window_start: start, window_end: end, kind: "drift", persisted: 0 }]
      : memory.open_quarantines,
  };
};

/** The window a QUARANTINE is about; ill data outranks drift, because it explains it. */
export const quarantineOf = (
  ruling: Ruling,
  { evidence }: DecisionInputs,
  signals: Signals,
): Decision["quarantine"] =>
  ruling.quarantine === null
    ? null
    : {
        kind: ruling.quarantine,
        window_start: evidence.window.start,
        window_end: evidence.window.end,
        detail: String(
          signals.window[ruling.quarantine === "drift" ? "window.drift" : "window.quality"].value,
        ),
      };

/**
 * The alerts that are due: their condition holds and their clock has run since they were last raised. For a condition that held at the
 * last decision too that clock is the reminder, since rules version 2: what goes on is no news.
 */
export const dueAlerts = (
  ruling: Ruling,
  { evidence, policy }: DecisionInputs,
  { signals, rules }: Sight,
  memory: Memory,
): { alerts: Decision["alerts"]; memory: Memory } => {
  const decided: Readonly<Record<string, unknown>> = {
    "rejects.consecutive": memory.consecutive_rejects,
    "decision.action": ruling.action,
    "decision.rule": ruling.rule,
    "decision.quarantines": ruling.quarantine !== null,
  };
  const valueOf = (name: string): unknown => decided[name] ?? knownOf(signals, name);
  const nowMs = Date.parse(evidence.now);
  const standing = policy.alerts.filter(({ when }) => policy.conditions.get(when)?.(valueOf) === true);
  const due = standing.filter(({ name, reminder }) => {
    const last = memory.last_alert_at[name];
    if (last === undefined) return true;
    const lasts = rules > 1 && memory.standing_alerts?.includes(name) === true;
    const { alert: clockMs, reminder: reminderMs } = policy.ms;
    const waitMs = lasts ? (reminder === undefined ? reminderMs : durationMs(reminder)) : clockMs;
    return nowMs - Date.parse(last) >= waitMs;
  });
  const names = rules > 1 ? { standing_alerts: standing.map(({ name }) => name).sort() } : {};
  if (due.length === 0) return { alerts: [], memory: { ...memory, ...names } };
  const rejects = { ...signals.rejects["rejects.consecutive"], value: memory.consecutive_rejects };
  const known: Signals = { ...signals, rejects: { ...signals.rejects, "rejects.consecutive": rejects } };
  return {
    alerts: due.map(({ name, severity, detail, value, threshold }) => ({
      alert: name,
      severity,
      detail: fillIn(detail, known),
      value: numberOf(known, value),
      threshold: numberOf(known, threshold),
    })),
    memory: {
      ...memory,
      ...names,
      last_alert_at: {
        ...memory.last_alert_at,
        ...Object.fromEntries(due.map(({ name }) => [name, evidence.now])),
      },
    },
  };
};

const numberOf = (signals: Signals, name: string | null): number | null => {
  if (name === null || !isSignal(name)) return null;
  const { value } = signalIn(signals, name);
  return typeof value === "number" ? round9(value) : null;
};
