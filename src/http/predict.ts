// Stage room: POST /api/v1/predict. Requests that arrive in one turn of the event loop are encoded straight into one batch, run
// once and published as one entry; each is answered when that entry is durable. Never waits for the shadow, never buffers more
// than its bound: beyond it a request is told to come back.
import type { FieldError, Problem } from "../../contracts/api.ts";
import { problem } from "../core/problem.ts";
import type { MakesIds, ServesModels, ServingClock, ServingModel, WallTime } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";
import { addRow, openBatch } from "./batch.ts";
import { isProbability } from "./event-rows.ts";
import type { ServingMetrics } from "./metrics.ts";
import { readPredict, resolveModel } from "./predict-request.ts";
import { scopedModels } from "./scope.ts";
import type { Scorer } from "./scorer.ts";
import type { Wants } from "./interpretation.ts";
import { PLAIN, extrasOf } from "./interpretation.ts";

/** Hands an answer to whoever asked: status, JSON body, seconds after which to come back. */
export type Reply = (status: number, body: string, retryAfterS?: number) => void;

export interface Predictor {
  /**
   * Takes one request; `reply` is called exactly once, never before the event is durable. `allowed`: the models the caller's key is
   * for; null or absent: all.
   */
  predict(text: string, wants: Wants, reply: Reply, allowed?: readonly string[] | null): void;
  /** Earliest event time of requests not yet handed to the scorer. */
  oldestMs(): number;
}

export interface PredictOptions {
  /** Requests that may be under way at once. */
  readonly pendingMax: number;
  /** Ticks whose entries may be on their way to Redis at once; more requests meanwhile make the next tick larger. */
  readonly ticksMax: number;
}

interface Asked {
  readonly requestId: string;
  readonly arrivedMs: number;
  readonly wants: Wants;
  readonly reply: Reply;
}

interface Tick {
  readonly batch: Batch;
  readonly asked: Asked[];
  readonly refused: { readonly asked: Asked; readonly problem: Problem }[];
}

export const createPredictor = (
  deps: {
    readonly models: ServesModels;
    readonly scorer: Scorer;
    readonly ids: MakesIds;
    readonly clock: ServingClock;
    readonly wall: WallTime;
    readonly metrics: ServingMetrics;
  },
  options: PredictOptions,
): Predictor => {
  const { models, scorer, ids, clock, wall, metrics } = deps;
  const replay = clock.mode === "replay";
  const open = new Map<ServingModel, Tick>();
  let scheduled = false;
  let ticks = 0;
  let pending = 0;
  let rowsHint = 16;

  const schedule = (): void => {
    if (scheduled || ticks >= options.ticksMax || open.size === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const due = [...open.values()];
      open.clear();
      for (const tick of due) void settle(tick);
    });
  };

  const settle = async (tick: Tick): Promise<void> => {
    const size = tick.asked.length + tick.refused.length;
    rowsHint = Math.max(16, tick.asked.length);
    ticks++;
    try {
      const { durability, scores } = await scorer.score(tick.batch);
      if (durability === "refused")
        refuse(tick, problem("not-durable", "The event could be stored nowhere; send the request again."));
      else answer(tick, scores);
    } catch {
      refuse(tick, problem("internal", "The request could not be completed."));
    } finally {
      ticks--;
      pending -= size;
      schedule();
    }
  };

  const answer = (tick: Tick, scores: ArrayLike<number>): void => {
    const now = wall.monotonicMs();
    const { model } = tick.batch;
    const head = `,"model":${JSON.stringify(model.model)},"model_version":${JSON.stringify(model.version)},"probability":`;
    tick.asked.forEach(({ requestId, arrivedMs, wants, reply }, index) => {
      const score = scores[index];
      const tookMs = now - arrivedMs;
      metrics.predictSeconds.observe(tookMs / 1000);
      if (!isProbability(score)) {
        reply(500, MODEL_FAILED);
        return;
      }
      const latency = Math.round(tookMs * 1000) / 1000;
      const extra = wants === PLAIN ? "" : extrasOf(tick.batch, index, score, wants);
      reply(200, `{"request_id":"${requestId}"${head}${score},"latency_ms":${latency}${extra}}`);
    });
    for (const { asked, problem: why } of tick.refused) asked.reply(why.status, JSON.stringify(why));
  };

  const refuse = (tick: Tick, why: Problem): void => {
    const body = JSON.stringify(why);
    for (const { reply } of tick.asked) reply(why.status, body, 1);
    for (const { asked } of tick.refused) asked.reply(why.status, body, 1);
  };

  return {
    predict: (text, wants, tell, allowed = null) => {
      const arrivedMs = wall.monotonicMs();
      const reply: Reply = (status, body, retryAfterS) => {
        metrics.predicted(status);
        tell(status, body, retryAfterS);
      };
      if (pending >= options.pendingMax) {
        reply(503, OVERLOADED, 1);
        return;
      }
      const read = readPredict(text, replay);
      if (!read.ok) {
        reply(read.problem.status, JSON.stringify(read.problem));
        return;
      }
      const found = resolveModel(scopedModels(models, allowed), read.model);
      if (!found.ok) {
        reply(
          found.problem.status,
          JSON.stringify(found.problem),
          found.problem.status === 503 ? 5 : undefined,
        );
        return;
      }
      const { model } = found;
      let tick = open.get(model);
      if (tick === undefined) {
        tick = { batch: openBatch(model, rowsHint), asked: [], refused: [] };
        open.set(model, tick);
      }
      const { instance } = read;
      const requestId = instance.requestId ?? ids.random();
      const asked = { requestId, arrivedMs, wants, reply };
      const errors = take(
        tick.batch,
        instance.features,
        requestId,
        instance.eventMs ?? clock.now(),
        instance.errors,
      );
      if (errors === null) tick.asked.push(asked);
      else tick.refused.push({ asked, problem: violation(errors) });
      pending++;
      schedule();
    },
    oldestMs: () => {
      let oldest = Infinity;
      for (const { batch } of open.values()) {
        for (const ms of batch.eventMs) oldest = Math.min(oldest, ms);
        for (const { eventMs } of batch.invalid) oldest = Math.min(oldest, eventMs);
      }
      return oldest;
    },
  };
};

const MODEL_FAILED = JSON.stringify(
  problem("model-failed", "The model gave no probability for this request."),
);
const OVERLOADED = JSON.stringify(
  problem("overloaded", "Too many requests are under way; come back shortly."),
);

/** Adds an instance to a batch, as an invalid row where anything about it is wrong; null where all is well. */
export const take = (
  batch: Batch,
  features: unknown,
  requestId: string,
  eventMs: number,
  errors: readonly FieldError[] | null,
): readonly FieldError[] | null => {
  if (errors === null) return addRow(batch, features, requestId, eventMs);
  // Wrong around the features: the row is invalid whatever they say, and the client hears of both at once.
  const scratch = openBatch(batch.model, 1);
  const violations = addRow(scratch, features, requestId, eventMs) ?? [];
  batch.invalid.push({ requestId, eventMs });
  return [...errors, ...violations];
};

export const violation = (errors: readonly FieldError[]): Problem =>
  problem(
    "contract-violation",
    `${errors.length} ${errors.length === 1 ? "rule is" : "rules are"} broken.`,
    errors,
  );
