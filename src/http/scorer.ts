// Stage room: one batch from vectors to durable answers. Runs the model once, publishes the rows (and what the shadow has ready)
// as ONE entry, and only then answers; the shadow gets the batch afterwards. A model that fails is an `error` row and a 500, an
// entry that is not durable a 503: no answer without its event.
import type { Log } from "../ports.ts";
import type { Durability, ServingClock, WallTime } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";
import { oldestMs, requestIdOf } from "./batch.ts";
import type { PublishesRows } from "./entries.ts";
import type { EventRows, RowBlock } from "./event-rows.ts";
import { isProbability } from "./event-rows.ts";
import type { ServingMetrics } from "./metrics.ts";
import type { Shadow } from "./shadow.ts";

export interface Scored {
  readonly durability: Durability;
  /** One a row of the batch; NaN where the model gave no probability. */
  readonly scores: ArrayLike<number>;
}

/** One line a prediction: who it was and what became of it. Never a feature, nor anything else a client wrote but the id. */
const tell = (
  log: Pick<Log, "debug">,
  batch: Batch,
  scores: ArrayLike<number>,
  durability: Durability,
): void => {
  const { model, version } = batch.model;
  for (let row = 0; row < batch.n; row++) {
    const status = isProbability(scores[row]) ? "ok" : "error";
    log.debug({ request_id: requestIdOf(batch, row), model, version, status, durability }, "predicted");
  }
  for (const { requestId } of batch.invalid)
    log.debug({ request_id: requestId, model, version, status: "invalid", durability }, "predicted");
};

export interface Scorer {
  score(batch: Batch): Promise<Scored>;
  /** Batches under way; backpressure counts their rows. */
  rowsUnderWay(): number;
  /** Earliest event time not yet published; Infinity where nothing is under way. */
  oldestMs(): number;
}

export const createScorer = (deps: {
  readonly publishRows: PublishesRows;
  readonly rows: EventRows;
  readonly shadow: Shadow;
  readonly clock: ServingClock;
  readonly wall: WallTime;
  readonly metrics: ServingMetrics;
  /** Hears of every prediction; null where nobody reads that much. */
  readonly log: Pick<Log, "debug"> | null;
}): Scorer => {
  const { publishRows, rows, shadow, clock, wall, metrics, log } = deps;
  const replay = clock.mode === "replay";
  const underWay = new Map<Batch, number>();
  let rowsUnderWay = 0;

  const run = async (batch: Batch): Promise<ArrayLike<number>> => {
    if (batch.n === 0) return [];
    try {
      return await batch.model.session.run(batch.vector, batch.n);
    } catch {
      return new Float64Array(batch.n).fill(NaN);
    }
  };

  const count = (batch: Batch, scores: ArrayLike<number>): void => {
    let ok = 0;
    for (let index = 0; index < batch.n; index++) if (isProbability(scores[index])) ok++;
    if (ok > 0) metrics.events.inc({ role: "production", status: "ok" }, ok);
    if (ok < batch.n) metrics.events.inc({ role: "production", status: "error" }, batch.n - ok);
    if (batch.invalid.length > 0)
      metrics.events.inc({ role: "production", status: "invalid" }, batch.invalid.length);
    metrics.tickRows.observe(batch.n + batch.invalid.length);
  };

  const publish = async (batch: Batch): Promise<Scored> => {
    const started = wall.monotonicMs();
    const scores = await run(batch);
    const latencyUs = replay ? null : Math.round((wall.monotonicMs() - started) * 1000);
    count(batch, scores);
    const blocks: RowBlock[] = [];
    if (batch.n > 0) blocks.push(rows.scored(batch, batch.model, "production", scores, latencyUs));
    if (batch.invalid.length > 0) blocks.push(rows.invalid(batch, batch.model, "production"));
    blocks.push(...(replay ? await shadow.score(batch) : shadow.take()));
    if (blocks.length === 0) return { durability: "redis", scores };
    const durability = await publishRows(blocks);
    if (log !== null) tell(log, batch, scores, durability);
    return { durability, scores };
  };

  return {
    score: async (batch) => {
      underWay.set(batch, oldestMs(batch) ?? Infinity);
      rowsUnderWay += batch.n;
      try {
        const scored = await publish(batch);
        if (!replay && scored.durability !== "refused") shadow.offer(batch);
        return scored;
      } finally {
        underWay.delete(batch);
        rowsUnderWay -= batch.n;
      }
    },
    rowsUnderWay: () => rowsUnderWay,
    oldestMs: () => {
      let oldest = Infinity;
      for (const ms of underWay.values()) oldest = Math.min(oldest, ms);
      return oldest;
    },
  };
};
