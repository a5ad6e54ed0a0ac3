// Core: what carrying out a decision means for the ledger. Every decision leaves one `executed` event, whatever it said and
// whether or not its move was allowed, so that a second execution finds it and does nothing. Below autonomy `act` only that
// record is written.
import type { Decision } from "../../contracts/decision.ts";
import type { LedgerEvent, ModelState } from "../../contracts/governance.ts";
import { isApproved, type Discretion } from "./governance-command.ts";
import {
  isFrozen,
  type Plan,
  planned,
  planPromotable,
  planPromotion,
  planReject,
  planRollback,
  planShadow,
  refuse,
} from "./governance-moves.ts";
import { joinPlans, planQuarantine, planRelease } from "./governance-operations.ts";
import { planTraining } from "./governance-training.ts";

export interface ExecutionOptions extends Discretion {
  readonly autonomy: "observe" | "recommend" | "act";
}

export type Execution =
  | { readonly kind: "nothing"; readonly detail: string }
  | {
      readonly kind: "entry";
      readonly outcome: "done" | "refused" | "nothing";
      readonly events: readonly LedgerEvent[];
      readonly detail: string;
    };

/** Who the ledger names as actor of a decision's moves; nobody's approval of their own proposal. */
export const POLICY_ACTOR = "policy";

/** Turns a decision into the events of one ledger entry; nothing where it, or a later window's, was carried out before. */
export const executePlan = (decision: Decision, model: ModelState, options: ExecutionOptions): Execution => {
  if (decision.model !== model.model)
    return { kind: "nothing", detail: `a decision about ${decision.model}, not ${model.model}` };
  if (decision.id === model.executedDecision)
    return { kind: "nothing", detail: `decision ${decision.id} is executed already` };
  if (!isAfter(decision.window_end, model.executedThrough))
    return { kind: "nothing", detail: `windows up to ${model.executedThrough ?? ""} are executed already` };
  if (options.autonomy !== "act")
    return entry(
      decision,
      "nothing",
      [],
      `autonomy is ${options.autonomy}: ${decision.action} is not carried out`,
    );
  const windows = windowsOf(decision, model);
  const plan = planOf(decision, model, options);
  if (plan.ok) {
    const events = [...windows.events, ...plan.events];
    return entry(decision, events.length === 0 ? "nothing" : "done", events, plan.detail);
  }
  // Marking the candidate ready is the one move a refusal brings: it asks a person.
  const marked = plan.refusal.code === "not-approved" ? markedPromotable(decision, model) : [];
  const detail = `${plan.refusal.code}: ${plan.refusal.detail}`;
  return entry(decision, "refused", [...windows.events, ...marked], detail);
};

/** What a freeze holds back; windows are quarantined and released all the same. */
const MOVES: ReadonlySet<Decision["action"]> = new Set([
  "RETRAIN",
  "SHADOW",
  "PROMOTE",
  "REJECT",
  "ROLLBACK",
]);

const planOf = (decision: Decision, model: ModelState, options: ExecutionOptions): Plan => {
  const { version } = decision;
  if (isFrozen(model, options.now) && MOVES.has(decision.action))
    return refuse("frozen", `${model.model} is frozen: ${model.frozen?.reason ?? ""}`);
  switch (decision.action) {
    case "NONE":
    case "HOLD":
    case "SYSTEM_ERROR":
      return planned([], decision.action);
    case "QUARANTINE":
      return decision.quarantine === null
        ? refuse("no-window", "the decision names no window to quarantine")
        : planned([], `${decision.quarantine.window_start} is quarantined`);
    case "RETRAIN":
      return planTraining(model, {
        trainingId: `decision-${decision.id}`,
        decisionId: decision.id,
        through: decision.at,
      });
    case "SHADOW":
      return version === null ? noVersion(decision) : planShadow(model, version, options);
    case "PROMOTE":
      return version === null ? noVersion(decision) : planDecided(model, version, options);
    case "REJECT":
      return version === null ? noVersion(decision) : planReject(model, version);
    case "ROLLBACK":
      return planRollback(model, version);
  }
};

const planDecided = (model: ModelState, version: string, options: ExecutionOptions): Plan => {
  if (options.approvalRequired && !isApproved(model, version, POLICY_ACTOR, options.now))
    return refuse("not-approved", `${version} passed every gate and waits for a person's approval`);
  return planPromotion(model, version, {
    baseline: options.baselineOf(version),
    ...(model.promoted === null ? { bootstrap: options.floors } : {}),
    by: "decision",
    now: options.now,
  });
};

const windowsOf = (decision: Decision, model: ModelState): { readonly events: readonly LedgerEvent[] } => {
  const { quarantine: opened } = decision;
  const plan = joinPlans([
    planRelease(model, decision.releases.map(driftWindow), "the drift persisted: it is the new world"),
    ...(opened === null
      ? []
      : [
          planQuarantine(
            model,
            { kind: opened.kind, windowStart: opened.window_start, windowEnd: opened.window_end },
            opened.detail,
          ),
        ]),
  ]);
  return plan.ok ? plan : { events: [] };
};

const driftWindow = (
  window: Decision["releases"][number],
): { kind: "drift"; windowStart: string; windowEnd: string } => ({
  kind: "drift",
  windowStart: window.window_start,
  windowEnd: window.window_end,
});

const markedPromotable = (decision: Decision, model: ModelState): readonly LedgerEvent[] => {
  const plan = decision.version === null ? null : planPromotable(model, decision.version);
  return plan !== null && plan.ok ? plan.events : [];
};

const entry = (
  decision: Decision,
  outcome: "done" | "refused" | "nothing",
  events: readonly LedgerEvent[],
  detail: string,
): Execution => {
  const executed: LedgerEvent = {
    type: "executed",
    decision_id: decision.id,
    action: decision.action,
    window_end: decision.window_end,
    outcome,
    detail,
  };
  return { kind: "entry", outcome, events: [...events, executed], detail };
};

const noVersion = (decision: Decision): Plan => refuse("no-version", `${decision.action} names no version`);

const isAfter = (end: string, through: string | null): boolean =>
  through === null ? Number.isFinite(Date.parse(end)) : Date.parse(end) > Date.parse(through);
