// Core: the laws of the ledger (SPEC §7), asked before an entry is written and again whenever a stored ledger is read. Events
// are judged one after another, each in the state the one before it left; laws about the whole model once, at the end of the
// entry. A broken law is a value with its reason, never an exception.
import type {
  LedgerDraft,
  LedgerEvent,
  LedgerState,
  ModelState,
  VersionState,
} from "../../contracts/governance.ts";
import { applyEvent } from "./governance-events.ts";
import { modelOf, versionOf, WHOLE_LEDGER } from "./governance-state.ts";

/** A rule said no: a stable code for programs and a sentence for people. */
export interface Refusal {
  readonly code: string;
  readonly detail: string;
}

/** The moves a version may make. REJECTED, ROLLED_BACK and ARCHIVED are ends. TRAINING → PROMOTED is the bootstrap only. */
export const TRANSITIONS: Readonly<Record<VersionState, readonly VersionState[]>> = {
  TRAINING: ["SHADOWING", "REJECTED", "PROMOTED"],
  SHADOWING: ["PROMOTABLE", "REJECTED"],
  PROMOTABLE: ["PROMOTED", "REJECTED"],
  PROMOTED: ["STANDBY", "ROLLED_BACK"],
  STANDBY: ["PROMOTED", "ARCHIVED"],
  ARCHIVED: [],
  ROLLED_BACK: [],
  REJECTED: [],
};

/** Says whether a draft keeps every law of SPEC §7, asked before it is written; null when it does. */
export const admit = (state: LedgerState, draft: LedgerDraft): Refusal | null => {
  if (draft.events.length === 0) return { code: "no-events", detail: "an entry needs at least one event" };
  if (Number.isNaN(Date.parse(draft.at)) || !draft.at.endsWith("Z"))
    return { code: "bad-time", detail: `${draft.at} is not a UTC time` };
  if (draft.model === WHOLE_LEDGER) return onlyAboutLedger(draft.events);
  let model = modelOf(state, draft.model);
  for (const event of draft.events) {
    const refusal = admitEvent(model, event);
    if (refusal !== null) return refusal;
    model = applyEvent(model, event, draft);
  }
  return brokenLaw(modelOf(state, draft.model), model);
};

const onlyAboutLedger = (events: readonly LedgerEvent[]): Refusal | null =>
  events.every((event) => event.type === "recovered")
    ? null
    : { code: "no-model", detail: "only a recovery is about the whole ledger" };

const admitEvent = (model: ModelState, event: LedgerEvent): Refusal | null => {
  switch (event.type) {
    case "transition":
      return admitTransition(model, event);
    case "registered":
      return versionOf(model, event.version) === undefined
        ? null
        : { code: "version-taken", detail: `${event.version} is in the book already` };
    case "command":
      return model.commands.some((known) => known.commandId === event.command_id)
        ? { code: "command-taken", detail: `command ${event.command_id} is in the book already` }
        : null;
    case "command_done":
      return model.commands.some(
        (known) => known.commandId === event.command_id && known.status === "pending",
      )
        ? null
        : { code: "no-such-command", detail: `no command ${event.command_id} is waiting` };
    case "training_requested":
      return model.training === null
        ? null
        : { code: "training-in-flight", detail: `training ${model.training.trainingId} is in flight` };
    case "training_finished":
      return model.training?.trainingId === event.training_id
        ? null
        : { code: "no-such-training", detail: `training ${event.training_id} is not in flight` };
    case "executed":
      return model.executedThrough === null ||
        Date.parse(event.window_end) > Date.parse(model.executedThrough)
        ? null
        : { code: "already-executed", detail: `windows up to ${model.executedThrough} are executed` };
    case "recovered":
      return { code: "not-about-a-model", detail: "a recovery is about the whole ledger" };
    case "quarantined":
    case "released":
    case "frozen":
    case "unfrozen":
    case "circuit_opened":
    case "circuit_closed":
      return null;
  }
};

const admitTransition = (
  model: ModelState,
  event: Extract<LedgerEvent, { type: "transition" }>,
): Refusal | null => {
  const record = versionOf(model, event.version);
  if (record === undefined) return { code: "unknown-version", detail: `${event.version} is not registered` };
  if (record.state !== event.from)
    return { code: "stale-state", detail: `${event.version} is ${record.state}, not ${event.from}` };
  if (!TRANSITIONS[event.from].includes(event.to))
    return { code: "illegal-move", detail: `${event.version}: ${event.from} → ${event.to} is no move` };
  if (event.from === "TRAINING" && event.to === "PROMOTED" && model.promoted !== null)
    return {
      code: "not-the-first",
      detail: `${model.promoted} is promoted: a bootstrap is for the first version`,
    };
  if (event.to === "PROMOTED" && event.baseline === null)
    return {
      code: "no-baseline",
      detail: `${event.version} cannot serve without a baseline to be held against`,
    };
  return null;
};

/** Laws about the whole model, which hold between entries but not between the events of one. */
const brokenLaw = (before: ModelState, after: ModelState): Refusal | null => {
  const states = Object.values(after.versions).map((record) => record.state);
  const count = (...wanted: VersionState[]): number =>
    states.filter((state) => wanted.includes(state)).length;
  if (count("PROMOTED") > 1) return { code: "two-promoted", detail: "exactly one version is PROMOTED" };
  if (before.promoted !== null && count("PROMOTED") === 0)
    return { code: "none-promoted", detail: `${before.promoted} would leave nobody to serve` };
  if (count("SHADOWING", "PROMOTABLE") > 1)
    return { code: "two-candidates", detail: "at most one candidate shadows" };
  if (count("STANDBY") > 1) return { code: "two-standbys", detail: "at most one version stands by" };
  return null;
};
