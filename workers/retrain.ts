// Stage: retrain. Carries out the training that stands written ahead in the ledger: labelled production windows in, a bundle and the
// end of the training out. Idempotency key: the training id, derived from the decision that asked; a bundle already published for
// it is adopted, never trained twice. The fitting runs in a process of its own, so that it never starves a job's lock.
import type { LedgerEvent, ModelState } from "../contracts/governance.ts";
import type { RetrainJob } from "../contracts/jobs.ts";
import { planRegister } from "../src/core/governance-moves.ts";
import { modelOf } from "../src/core/governance-state.ts";
import { planTrainingFinished } from "../src/core/governance-training.ts";
import { isoOf } from "../src/core/time.ts";
import type { KeepsLedger, Log, ReadsRegistry, TrainingResult, TrainsOnWindows } from "../src/ports.ts";

export interface RetrainPorts {
  readonly ledger: KeepsLedger;
  readonly registry: ReadsRegistry;
  readonly train: TrainsOnWindows;
  readonly now: () => Promise<number>;
  readonly log: Log;
  /** Where the fault suite may end the process. */
  readonly failpoint?: (name: "before_training" | "after_training" | "after_training_end") => void;
}

/** Failures in a row after which only an operator may ask again. */
const FAILURES_MAX = 3;
const TRIES = 20;

/** Carries out one training, or finds that it is over. */
export const retrain = async (ports: RetrainPorts, job: RetrainJob, signal: AbortSignal): Promise<void> => {
  const state = modelOf(await ports.ledger.state(), job.model);
  const { training, promoted } = state;
  if (training === null || training.trainingId !== job.training_id || promoted === null) return;
  ports.failpoint?.("before_training");
  const result =
    (await alreadyPublished(ports, job)) ??
    (await ports.train({
      model: job.model,
      training,
      parent: promoted,
      quarantined: quarantinedSpans(state),
      signal,
    }));
  if (signal.aborted && !result.ok) return;
  ports.failpoint?.("after_training");
  await finish(ports, job, result);
  ports.failpoint?.("after_training_end");
  ports.log.info({ ...job, result: result.ok ? result.version : result.outcome }, "training over");
};

const quarantinedSpans = (state: ModelState) =>
  state.quarantines
    .filter((q) => !q.released)
    .map((q) => ({ startMs: Date.parse(q.windowStart), endMs: Date.parse(q.windowEnd) }));

/** A crash between publishing and the ledger leaves a bundle that names this training: it is the result. */
const alreadyPublished = async (ports: RetrainPorts, job: RetrainJob): Promise<TrainingResult | null> => {
  for (const version of [...(await ports.registry.versions(job.model))].reverse()) {
    const { metadata } = await ports.registry.bundle(job.model, version);
    if (metadata.provenance.training_id === job.training_id) return { ok: true, version };
  }
  return null;
};

/** One entry: the new version enters the book and the training ends. */
const finish = async (ports: RetrainPorts, job: RetrainJob, result: TrainingResult): Promise<void> => {
  const bundle = result.ok ? await ports.registry.bundle(job.model, result.version) : null;
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const ledger = await ports.ledger.state();
    const state = modelOf(ledger, job.model);
    const registered =
      bundle === null
        ? null
        : planRegister(state, {
            version: bundle.metadata.version,
            digest: bundle.metadata.model_digest,
            family: bundle.metadata.family,
            parent: bundle.metadata.provenance.parent,
            training_id: job.training_id,
          });
    const ended = planTrainingFinished(
      state,
      {
        training_id: job.training_id,
        outcome: result.ok ? "published" : result.outcome,
        version: result.ok ? result.version : null,
        detail: result.ok ? `published ${result.version}` : result.detail,
      },
      { failuresMax: FAILURES_MAX },
    );
    const events: LedgerEvent[] = [
      ...(registered?.ok === true ? registered.events : []),
      ...(ended.ok ? ended.events : []),
    ];
    if (events.length === 0) return;
    const draft = {
      at: isoOf(await ports.now()),
      model: job.model,
      actor: "trainer",
      reason: `training ${job.training_id}`,
      events,
    };
    if ((await ports.ledger.append(draft, { generation: ledger.generation })).ok) return;
  }
  throw new Error(`no turn at the ledger in ${TRIES} attempts`);
};
