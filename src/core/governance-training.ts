// Core: deciders of trainings and of the circuit breaker around them. A training is written down before it starts (write
// ahead) under an id derived from what asked for it, so that a crash leads to the same training again and never to two.
import type { LedgerEvent, ModelState } from "../../contracts/governance.ts";
import { planned, refuse, type Plan } from "./governance-moves.ts";

export interface TrainingWish {
  readonly trainingId: string;
  readonly decisionId: string | null;
  /** Labelled rows up to this time may be used. */
  readonly through: string;
}

/** Writes a training ahead: nothing when it is in flight or ended well, the next attempt after a failure. */
export const planTraining = (model: ModelState, wish: TrainingWish): Plan => {
  if (model.training?.trainingId === wish.trainingId)
    return planned([], `training ${wish.trainingId} is in flight already`);
  if (model.training !== null)
    return refuse("training-in-flight", `training ${model.training.trainingId} is in flight`);
  const finished = finishedOf(model, wish.trainingId);
  if (finished !== undefined && finished.outcome !== "failed")
    return planned([], `training ${wish.trainingId} was ${finished.outcome} already`);
  if (model.circuit === "open")
    return refuse(
      "circuit-open",
      `${model.trainingFailures} trainings failed in a row: an operator must retrain`,
    );
  const attempt = (finished?.attempt ?? 0) + 1;
  const event: LedgerEvent = {
    type: "training_requested",
    training_id: wish.trainingId,
    decision_id: wish.decisionId,
    attempt,
    through: wish.through,
  };
  return planned([event], `training ${wish.trainingId}, attempt ${attempt}`);
};

/** Ends the training in flight; the N-th failure in a row opens the circuit. Repeating the same end gives nothing. */
export const planTrainingFinished = (
  model: ModelState,
  end: Omit<Extract<LedgerEvent, { type: "training_finished" }>, "type">,
  { failuresMax }: { readonly failuresMax: number },
): Plan => {
  const finished: LedgerEvent = { type: "training_finished", ...end };
  if (model.training?.trainingId !== end.training_id) {
    return finishedOf(model, end.training_id)?.outcome === end.outcome
      ? planned([], `training ${end.training_id} was ${end.outcome} already`)
      : refuse("no-such-training", `training ${end.training_id} is not in flight`);
  }
  const failures = model.trainingFailures + (end.outcome === "failed" ? 1 : 0);
  const opens = end.outcome === "failed" && failures >= failuresMax && model.circuit === "closed";
  return planned(
    opens
      ? [finished, { type: "circuit_opened", detail: `${failures} trainings failed in a row` }]
      : [finished],
    `training ${end.training_id}: ${end.outcome}`,
  );
};

const finishedOf = (
  model: ModelState,
  trainingId: string,
): NonNullable<ModelState["finishedTrainings"]>[string] | undefined => {
  const finished = model.finishedTrainings;
  return finished !== undefined && Object.hasOwn(finished, trainingId) ? finished[trainingId] : undefined;
};
