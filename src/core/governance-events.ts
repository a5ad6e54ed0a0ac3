// Core: what each ledger event does to one model's state. Total over the event union and free of rules: whether an event may
// be written at all is governance.ts's question. Facts keep the entry's time, actor and reason; nothing is forgotten but
// what SPEC says ends.
import type { LedgerDraft, LedgerEvent, ModelState, VersionRecord } from "../../contracts/governance.ts";

type Told = Pick<LedgerDraft, "at" | "actor" | "reason">;
type Of<T extends LedgerEvent["type"]> = Extract<LedgerEvent, { type: T }>;

/** Applies one event of an entry; `told` is that entry's time, actor and reason. */
export const applyEvent = (model: ModelState, event: LedgerEvent, told: Told): ModelState => {
  switch (event.type) {
    case "command":
      return { ...model, commands: [...model.commands, commandOf(event, told)] };
    case "command_done":
      return finishCommand(model, event);
    case "registered":
      return register(model, event, told);
    case "transition":
      return move(model, event, told);
    case "training_requested":
      return { ...model, lastTrainingAt: told.at, training: trainingOf(event, told) };
    case "training_finished":
      return finishTraining(model, event);
    case "quarantined":
      return quarantine(model, event);
    case "released":
      return release(model, event);
    case "frozen":
      return { ...model, frozen: { until: event.until, reason: told.reason, actor: told.actor } };
    case "unfrozen":
      return { ...model, frozen: null };
    case "circuit_opened":
      return { ...model, circuit: "open" };
    case "circuit_closed":
      return { ...model, circuit: "closed", trainingFailures: 0 };
    case "executed":
      return { ...model, executedThrough: event.window_end, executedDecision: event.decision_id };
    case "recovered":
      return model;
  }
};

const commandOf = (event: Of<"command">, told: Told): ModelState["commands"][number] => ({
  commandId: event.command_id,
  command: event.command,
  version: event.version,
  actor: told.actor,
  reason: told.reason,
  at: told.at,
  expiresAt: event.expires_at,
  status: "pending",
  detail: "",
});

/** An approval counts once its command was carried out; the newest of one person replaces their older one. */
const finishCommand = (model: ModelState, event: Of<"command_done">): ModelState => {
  const commands = model.commands.map((known) =>
    known.commandId === event.command_id ? { ...known, status: event.outcome, detail: event.detail } : known,
  );
  const done = commands.find((known) => known.commandId === event.command_id);
  if (done?.command !== "approve" || done.version === null || event.outcome !== "done")
    return { ...model, commands };
  const { version, actor, expiresAt } = done;
  const others = model.approvals.filter((known) => known.version !== version || known.actor !== actor);
  return { ...model, commands, approvals: [...others, { version, actor, expiresAt }] };
};

const register = (model: ModelState, event: Of<"registered">, told: Told): ModelState => ({
  ...model,
  versions: {
    ...model.versions,
    [event.version]: {
      version: event.version,
      state: "TRAINING",
      digest: event.digest,
      family: event.family,
      parent: event.parent,
      since: told.at,
      shadowSince: null,
      baseline: null,
      lastReason: told.reason,
    },
  },
});

const move = (model: ModelState, event: Of<"transition">, told: Told): ModelState => {
  const record = Object.hasOwn(model.versions, event.version) ? model.versions[event.version] : undefined;
  if (record === undefined) return model; // unreachable behind `admit`, which names it `unknown-version`
  const moved: VersionRecord = {
    ...record,
    state: event.to,
    since: told.at,
    shadowSince: event.to === "SHADOWING" ? told.at : record.shadowSince,
    baseline: event.baseline ?? record.baseline,
    lastReason: told.reason,
  };
  const next = { ...model, versions: { ...model.versions, [event.version]: moved } };
  return { ...next, ...places(model, event), ...clocks(model, event, told) };
};

/** Who holds the three named places after a move: leaving one empties it, entering one takes it. */
const places = (
  model: ModelState,
  { version, to }: Of<"transition">,
): Pick<ModelState, "promoted" | "candidate" | "standby" | "approvals"> => {
  const place = (held: string | null, enters: boolean): string | null =>
    enters ? version : held === version ? null : held;
  const undecided = to === "SHADOWING" || to === "PROMOTABLE";
  return {
    promoted: place(model.promoted, to === "PROMOTED"),
    candidate: place(model.candidate, undecided),
    standby: place(model.standby, to === "STANDBY"),
    approvals: undecided ? model.approvals : model.approvals.filter((known) => known.version !== version),
  };
};

/**
 * A rollback is a promotion of the STANDBY: the cooldown starts again. It does not reset the count of candidates: one may be
 * shadowing, and the k(k+1) rule must not forget it.
 */
const clocks = (
  model: ModelState,
  { from, to }: Of<"transition">,
  told: Told,
): Pick<ModelState, "lastPromotionAt" | "candidatesSincePromotion"> => {
  const counted = model.candidatesSincePromotion + (to === "SHADOWING" ? 1 : 0);
  return {
    lastPromotionAt: to === "PROMOTED" ? told.at : model.lastPromotionAt,
    candidatesSincePromotion: to === "PROMOTED" && from !== "STANDBY" ? 0 : counted,
  };
};

const trainingOf = (event: Of<"training_requested">, told: Told): ModelState["training"] => ({
  trainingId: event.training_id,
  decisionId: event.decision_id,
  attempt: event.attempt,
  requestedAt: told.at,
  through: event.through,
});

/** A refused training (too few rows, exhausted encoding) is a rule's answer, not a failure: it does not open the circuit. */
const finishTraining = (model: ModelState, event: Of<"training_finished">): ModelState => {
  const attempt = model.training?.attempt ?? 1;
  const failures = { published: 0, failed: model.trainingFailures + 1, refused: model.trainingFailures };
  return {
    ...model,
    training: null,
    trainingFailures: failures[event.outcome],
    finishedTrainings: {
      ...model.finishedTrainings,
      [event.training_id]: { attempt, outcome: event.outcome, version: event.version },
    },
  };
};

const quarantine = (model: ModelState, event: Of<"quarantined">): ModelState => {
  const rest = model.quarantines.filter((known) => !sameWindow(known, event));
  const opened = {
    kind: event.kind,
    windowStart: event.window_start,
    windowEnd: event.window_end,
    released: false,
    detail: event.detail,
  };
  return { ...model, quarantines: [...rest, opened] };
};

const release = (model: ModelState, event: Of<"released">): ModelState => ({
  ...model,
  quarantines: model.quarantines.map((known) =>
    sameWindow(known, event) ? { ...known, released: true, detail: event.detail } : known,
  ),
});

const sameWindow = (
  known: ModelState["quarantines"][number],
  event: Of<"quarantined"> | Of<"released">,
): boolean =>
  known.kind === event.kind &&
  known.windowStart === event.window_start &&
  known.windowEnd === event.window_end;
