// Core: the named signals a policy may speak of: their types and meaning. The table is what `policy check` checks conditions,
// explanations and sentences against, and what docs/policy.md lists. Values are computed in src/core/decide-signals.ts.
// A number that is not known is absent: a condition that needs it does not hold, whichever way it is written.

/** One value with all that explains it. */
export interface Signal {
  readonly value: number | string | boolean | null;
  readonly threshold: number | null;
  readonly n: number | null;
  readonly detail: string;
}

type Declared = { readonly type: "double" | "bool" | "string"; readonly says: string };

/** Every signal, by name. */
export const SIGNALS = {
  "faults.any": { type: "bool", says: "some evidence could not be loaded" },
  "faults.what": { type: "string", says: "what could not be loaded" },
  "frozen.active": { type: "bool", says: "an operator froze the model" },
  "frozen.why": { type: "string", says: "the operator's reason" },
  "production.known": { type: "bool", says: "a version is promoted" },
  "production.version": { type: "string", says: "the promoted version" },
  "standby.known": { type: "bool", says: "a STANDBY shadows as the watch and rollback target" },
  "standby.version": { type: "string", says: "the STANDBY version" },
  "standby.better": {
    type: "bool",
    says: "STANDBY does better than production on the same newest rows, by Brier score",
  },
  "standby.better_f1": { type: "bool", says: "the same, by F1" },
  "catastrophe.reached": { type: "bool", says: "quality has collapsed against the promotion's baseline" },
  "catastrophe.value": { type: "double", says: "ln E of the catastrophe test, or the drop of F1 (points)" },
  "harm.known": { type: "bool", says: "there is evidence about production against STANDBY" },
  "harm.log_e": { type: "double", says: "ln E that STANDBY beats production since some moment" },
  "harm.threshold": { type: "double", says: "ln E at which harm is proven" },
  "window.volume": { type: "double", says: "requests in the window" },
  "window.enough": { type: "bool", says: "the window has rows enough to be judged" },
  "window.quarantined": { type: "bool", says: "the window is already under quarantine" },
  "window.quality_breach": { type: "bool", says: "the window's data quality is breached" },
  "window.quality": { type: "string", says: "what is wrong with the window's data" },
  "window.drift_breach": { type: "bool", says: "a feature breached its drift threshold in the window" },
  "window.drift": { type: "string", says: "the drifted features with their values" },
  "window.breach": {
    type: "string",
    says: "what is wrong with the window's data, else its drifted features",
  },
  "drift.verdict": { type: "string", says: "verdict of this window" },
  "drift.decision": { type: "string", says: "verdict after persistence" },
  "drift.accepted": { type: "bool", says: "the drift persisted and counts as the new world" },
  "drift.breached": { type: "double", says: "features that breached" },
  "drift.share": { type: "double", says: "breached features of those evaluated" },
  "drift.open_quarantines": { type: "double", says: "drift quarantines not lifted yet" },
  "performance.known": { type: "bool", says: "realised performance and a baseline are known" },
  "performance.degraded": { type: "bool", says: "realised performance is worse than the baseline" },
  "performance.f1": { type: "double", says: "realised F1 of the span or window compared" },
  "performance.f1_high": { type: "double", says: "its upper confidence limit" },
  "performance.baseline_f1": { type: "double", says: "F1 at promotion" },
  "candidate.known": { type: "bool", says: "a candidate shadows" },
  "candidate.version": { type: "string", says: "the candidate" },
  "candidate.gates_pass": { type: "bool", says: "every gate that must pass passes" },
  "candidate.approved": { type: "bool", says: "approved by an operator, or no approval is needed" },
  "candidate.clone": { type: "bool", says: "the candidate is production under another name" },
  "candidate.merit_failures": { type: "double", says: "consecutive windows with a failed merit gate" },
  "candidate.merit_failures_max": { type: "double", says: "so many of them reject" },
  "candidate.failed": { type: "string", says: "the merit gates that fail" },
  "candidate.missing": { type: "string", says: "the gates that do not pass yet" },
  "candidate.log_e": { type: "double", says: "ln E that the candidate is better" },
  "candidate.threshold": { type: "double", says: "ln E at which it is promoted" },
  "candidate.reversed_log_e": { type: "double", says: "ln E that the candidate is worse" },
  "candidate.reject_threshold": { type: "double", says: "ln E at which it is rejected" },
  "candidate.shadow_days": { type: "double", says: "days it has shadowed" },
  "candidate.overdue": { type: "bool", says: "it shadowed longer than it may" },
  "candidate.number": { type: "double", says: "k: candidates since the last promotion" },
  "waiting.known": { type: "bool", says: "a registered version waits to shadow" },
  "waiting.version": { type: "string", says: "that version" },
  "retrain.wanted": { type: "bool", says: "something asks for a training" },
  "retrain.why": { type: "string", says: "what asks for it" },
  "retrain.allowed": { type: "bool", says: "nothing stands in the way of a training" },
  "retrain.missing": { type: "string", says: "what stands in the way" },
  "retrain.rows": { type: "double", says: "labelled rows usable for a training" },
  "training.running": { type: "bool", says: "a training is running" },
  "circuit.open": { type: "bool", says: "trainings failed too often; an operator must reset" },
  "rejects.consecutive": { type: "double", says: "candidates rejected in a row" },
  "rejects.max": { type: "double", says: "so many in a row are escalated" },
  "trust.known": { type: "bool", says: "a trust score exists" },
  "trust.score": { type: "double", says: "trust score of the window, 0 to 1" },
  "autonomy.level": { type: "string", says: "observe, recommend or act" },
} as const satisfies Record<string, Declared>;

export type SignalName = keyof typeof SIGNALS;

type GroupOf<N extends string> = N extends `${infer G}.${string}` ? G : never;
/** The signals of one or several groups, by their full names. */
export type Group<G extends string> = Readonly<Record<Extract<SignalName, `${G}.${string}`>, Signal>>;
/** Every signal, by its group and its full name. */
export type Signals = { readonly [G in GroupOf<SignalName>]: Group<G> };

/** Finds a signal by its name. */
export const signalIn = (signals: Signals, name: SignalName): Signal => {
  const groups: Readonly<Record<string, Readonly<Partial<Record<SignalName, Signal>>>>> = signals;
  return groups[GROUPS.get(name) ?? ""]?.[name] ?? UNKNOWN;
};
const UNKNOWN: Signal = { value: null, threshold: null, n: null, detail: "" };
const GROUPS: ReadonlyMap<string, string> = new Map(
  Object.keys(SIGNALS).map((name) => [name, name.slice(0, name.indexOf("."))]),
);

/** Known to alerts only, which are judged after the decision. */
export const DECISION_SIGNALS = {
  "decision.action": { type: "string", says: "the action decided" },
  "decision.rule": { type: "string", says: "the rule that decided" },
  "decision.quarantines": { type: "bool", says: "the window goes under quarantine with the decision" },
} as const satisfies Record<string, Declared>;

/** Says whether a text names a signal. */
export const isSignal = (name: string): name is SignalName => GROUPS.has(name);
