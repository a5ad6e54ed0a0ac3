// Stage room: POST /api/v1/shadow. A proxy mirrors production traffic here; only the candidates score it, and their rows are
// paired with production's by request_id. Answers 202 at once; what becomes of the row is the candidate's own outcome.
import type { Problem } from "../../contracts/api.ts";
import { problem } from "../core/problem.ts";
import type { MakesIds, ServesModels, ServingClock } from "../ports-serving.ts";
import { openBatch } from "./batch.ts";
import type { PublishesRows } from "./entries.ts";
import type { EventRows } from "./event-rows.ts";
import type { ServingMetrics } from "./metrics.ts";
import { take, violation } from "./predict.ts";
import { readPredict } from "./predict-request.ts";
import type { Shadow } from "./shadow.ts";

export interface MirrorDeps {
  readonly models: ServesModels;
  readonly shadow: Shadow;
  readonly rows: EventRows;
  readonly publishRows: PublishesRows;
  readonly ids: MakesIds;
  readonly clock: ServingClock;
  readonly metrics: ServingMetrics;
}

/** Takes one mirrored request. */
export const takeMirrored = async (
  deps: MirrorDeps,
  text: string,
): Promise<{ ok: true; body: string } | { ok: false; problem: Problem }> => {
  const { models, shadow, rows, ids, clock, metrics } = deps;
  const read = readPredict(text, clock.mode === "replay");
  if (!read.ok) return read;
  const name = read.model ?? models.current()?.model;
  if (name === undefined || !models.knows(name))
    return { ok: false, problem: problem("unknown-model", "Name a model that is governed here.") };

  const { instance } = read;
  const requestId = instance.requestId ?? ids.random();
  const eventMs = instance.eventMs ?? clock.now();
  const candidates = models.candidates(name);
  for (const candidate of candidates) {
    const batch = openBatch(candidate, 1);
    const errors = take(batch, instance.features, requestId, eventMs, instance.errors);
    if (errors !== null) {
      const block = rows.invalid(batch, candidate, "shadow");
      metrics.events.inc({ role: "shadow", status: "invalid" }, block.n);
      await deps.publishRows([block]);
      return { ok: false, problem: violation(errors) };
    }
    shadow.offerTo(candidate, batch);
  }
  if (clock.mode === "replay") await shadow.idle();
  const versions = candidates.map((candidate) => candidate.version);
  return {
    ok: true,
    body: JSON.stringify({ accepted: candidates.length === 0 ? 0 : 1, candidates: versions }),
  };
};
