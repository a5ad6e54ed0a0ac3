// Core: what an operator's command does. A command is written down first and carried out by the execute stage: every command
// ends as done or refused in the book, except a promotion that waits for a second person until it expires. The proposer of a
// promotion never approves it.
import type { Baseline, CommandRecord, LedgerEvent, ModelState } from "../../contracts/governance.ts";
import { isFrozen, planned, planPromotion, planReject, planRollback, refuse } from "./governance-moves.ts";
import type { Floors, Plan } from "./governance-moves.ts";
import { joinPlans, planFreeze, planRelease, planUnfreeze } from "./governance-operations.ts";
import { planTraining } from "./governance-training.ts";
import { versionOf } from "./governance-state.ts";

/** What carrying out may rely on; the caller looks everything up beforehand. */
export interface Discretion {
  readonly now: string;
  /** A promotion needs the approval of someone else than its proposer. */
  readonly approvalRequired: boolean;
  /** Floors of the bootstrap. */
  readonly floors: Floors;
  /** What a version would be held against once promoted; null where it was never evaluated. */
  readonly baselineOf: (version: string) => Baseline | null;
}

export type CommandPlan =
  | { readonly outcome: "done" | "refused"; readonly events: readonly LedgerEvent[]; readonly detail: string }
  | { readonly outcome: "waiting" | "ended"; readonly events: readonly []; readonly detail: string };

/** Turns a command into the events of one entry, its own end included. */
export const planCommand = (model: ModelState, command: CommandRecord, by: Discretion): CommandPlan => {
  if (command.status !== "pending") return { outcome: "ended", events: [], detail: command.detail };
  if (isOver(command.expiresAt, by.now))
    return end(command, refuse("expired", `expired at ${command.expiresAt ?? ""}`));
  if (command.command === "promote" && by.approvalRequired) {
    const version = command.version ?? model.candidate;
    if (
      version !== null &&
      !isServing(model, version) &&
      !isApproved(model, version, command.actor, by.now)
    ) {
      const wanted = `${version} needs the approval of someone else than ${command.actor}`;
      return command.expiresAt === null
        ? end(command, refuse("not-approved", `${wanted}; with an expiry the proposal stays open for it`))
        : { outcome: "waiting", events: [], detail: wanted };
    }
  }
  return end(command, planOf(model, command, by));
};

/** True where someone else than the proposer has approved the version and the approval still holds. */
export const isApproved = (model: ModelState, version: string, proposer: string, now: string): boolean =>
  model.approvals.some(
    (approval) =>
      approval.version === version && approval.actor !== proposer && !isOver(approval.expiresAt, now),
  );

const planOf = (model: ModelState, command: CommandRecord, by: Discretion): Plan => {
  const version = command.version ?? model.candidate;
  switch (command.command) {
    case "promote":
      return version === null
        ? refuse("no-candidate", `${model.model} has no candidate to promote`)
        : planPromotion(model, version, {
            baseline: by.baselineOf(version),
            ...(model.promoted === null ? { bootstrap: by.floors } : {}),
            by: "command",
            now: by.now,
          });
    case "rollback":
      return planRollback(model, command.version);
    case "reject":
      return version === null
        ? refuse("no-candidate", `${model.model} has no candidate to reject`)
        : planReject(model, version);
    case "approve":
      return version === null
        ? refuse("no-candidate", `${model.model} has no candidate to approve`)
        : planApproval(model, version, command);
    case "freeze":
      return planFreeze(model, { until: command.expiresAt });
    case "unfreeze":
      return planUnfreeze(model);
    case "retrain":
      return planRetrain(model, command, by.now);
    case "release":
      return planRelease(model, "all", command.reason);
  }
};

/** The approval itself is made by the fold when the command is done; here it is only allowed or refused. */
const planApproval = (model: ModelState, version: string, command: CommandRecord): Plan => {
  const state = versionOf(model, version)?.state;
  if (state === undefined) return refuse("unknown-version", `${version} is not registered`);
  if (state !== "TRAINING" && state !== "SHADOWING" && state !== "PROMOTABLE")
    return refuse("illegal-move", `${version} is ${state}: there is nothing to approve`);
  if (command.version === null) return refuse("version-needed", "an approval names the version it approves");
  const proposed = model.commands.some(
    (known) =>
      known.command === "promote" &&
      known.status === "pending" &&
      known.actor === command.actor &&
      (known.version ?? model.candidate) === version,
  );
  return proposed
    ? refuse("own-proposal", `${command.actor} proposed ${version} and cannot approve it`)
    : planned([], `${version} is approved by ${command.actor}`);
};

/** An operator's retrain is also the reset of an open circuit. */
const planRetrain = (model: ModelState, command: CommandRecord, now: string): Plan => {
  if (isFrozen(model, now)) return refuse("frozen", `${model.model} is frozen`);
  if (model.candidate !== null)
    return refuse("candidate-exists", `${model.candidate} shadows: reject it before retraining`);
  const reset: Plan =
    model.circuit === "open"
      ? planned([{ type: "circuit_closed", detail: `reset by ${command.actor}` }], "the circuit is closed")
      : planned([], "the circuit was closed");
  const wish = { trainingId: `command-${command.commandId}`, decisionId: null, through: command.at };
  return joinPlans([reset, planTraining({ ...model, circuit: "closed" }, wish)]);
};

const end = (command: CommandRecord, plan: Plan): CommandPlan => {
  const outcome = plan.ok ? "done" : "refused";
  const detail = plan.ok ? plan.detail : `${plan.refusal.code}: ${plan.refusal.detail}`;
  const done: LedgerEvent = { type: "command_done", command_id: command.commandId, outcome, detail };
  return { outcome, events: plan.ok ? [...plan.events, done] : [done], detail };
};

const isServing = (model: ModelState, version: string): boolean =>
  versionOf(model, version)?.state === "PROMOTED";

/** The end itself is over; a time nobody can read is over too. */
const isOver = (until: string | null, now: string): boolean =>
  until !== null && !(Date.parse(now) < Date.parse(until));
