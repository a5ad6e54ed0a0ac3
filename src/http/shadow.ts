// Stage room: the shadow. Candidates score the same rows after production has answered; whatever they do (sleep, throw, give NaN,
// die) becomes their own event row and never reaches an answer. Bounded: what does not fit is shed and recorded as such. Under a
// replay clock nothing is shed or timed out: candidates score before the answer, so that a client that waits, waits for them too.
import type { EventStatus } from "../../contracts/event.ts";
import type { ServesModels, ServingClock, ServingModel, WallTime } from "../ports-serving.ts";
import { addRow, featuresOf, joinBatches, oldestMs, openBatch, requestIdOf } from "./batch.ts";
import type { Batch } from "./batch.ts";
import type { PublishesRows } from "./entries.ts";
import type { EventRows, RowBlock } from "./event-rows.ts";
import { isProbability } from "./event-rows.ts";
import type { ServingMetrics } from "./metrics.ts";

export interface ShadowOptions {
  /** Rows that may wait a candidate. */
  readonly queueRowsMax: number;
  /** From the offer to the score; beyond it the row is a `timeout`. */
  readonly timeoutMs: number;
  /** Rows that no production tick has carried away by then go as an entry of their own. */
  readonly lingerMs: number;
}

export interface Shadow {
  /** Queues a batch for every candidate of its model; never waits, never throws. */
  offer(batch: Batch): void;
  /** Queues a batch encoded by the candidate itself (mirrored traffic). */
  offerTo(candidate: ServingModel, batch: Batch): void;
  /** Scores a batch with every candidate at once (`clock: replay`). */
  score(batch: Batch): Promise<readonly RowBlock[]>;
  /** Finished rows that wait for an entry to ride on; the caller publishes them. */
  take(): readonly RowBlock[];
  /** Earliest event time that has still to be published; Infinity where nothing waits. */
  oldestMs(): number;
  /** Resolves once nothing waits. */
  idle(): Promise<void>;
}

interface Lane {
  readonly candidate: ServingModel;
  readonly waiting: { readonly batch: Batch; readonly since: number }[];
  waitingRows: number;
  /** The batch whose outcome is still open; null once it has timed out, though the call may hang on. */
  running: Batch | null;
}

/** Rows of waiting ticks that a candidate scores in one call. */
const ROWS_TOGETHER = 256;
/** So long ticks gather before a candidate is called: a call costs the same for ten rows as for a hundred, and nobody waits for it. */
const GATHER_MS = 5;

type Miss = Extract<EventStatus, "error" | "timeout" | "shed">;

export const createShadow = (
  deps: {
    readonly models: ServesModels;
    readonly publishRows: PublishesRows;
    readonly rows: EventRows;
    readonly clock: ServingClock;
    readonly wall: WallTime;
    readonly metrics: ServingMetrics;
  },
  options: ShadowOptions,
): Shadow => {
  const { rows, wall, metrics } = deps;
  const lanes = new Map<ServingModel, Lane>();
  const publishing = new Set<RowBlock>();
  let ready: RowBlock[] = [];
  let linger: NodeJS.Timeout | null = null;
  let idlers: (() => void)[] = [];

  const finish = (block: RowBlock): void => {
    if (block.n === 0) return;
    ready.push(block);
    linger ??= setTimeout(() => void flush(), options.lingerMs);
  };

  const take = (): readonly RowBlock[] => {
    if (ready.length === 0) return ready;
    if (linger !== null) clearTimeout(linger);
    linger = null;
    const taken = ready;
    ready = [];
    return taken;
  };

  const flush = async (): Promise<void> => {
    linger = null;
    const blocks = take();
    if (blocks.length === 0) return;
    for (const block of blocks) publishing.add(block);
    await deps.publishRows(blocks);
    for (const block of blocks) publishing.delete(block);
    wakeIdlers();
  };

  const isIdle = (): boolean => ready.length === 0 && publishing.size === 0 && lanes.size === 0;

  const wakeIdlers = (): void => {
    if (idlers.length === 0 || !isIdle()) return;
    const woken = idlers;
    idlers = [];
    for (const wake of woken) wake();
  };

  const miss = (candidate: ServingModel, batch: Batch, status: Miss): RowBlock => {
    metrics.events.inc({ role: "shadow", status }, batch.n);
    return rows.missed(batch, candidate, "shadow", status);
  };

  /** The batch as the candidate reads it: its own encoding where it has one, the same bytes where not. */
  const asRead = (candidate: ServingModel, batch: Batch): Batch => {
    if (candidate.encodingDigest === batch.model.encodingDigest) return batch;
    const own = openBatch(candidate, batch.n);
    featuresOf(batch).forEach((features, index) => {
      addRow(own, features, requestIdOf(batch, index), batch.eventMs[index] ?? 0);
    });
    return own;
  };

  /** Runs the candidate over a batch; a failure is a row, never an exception. */
  const run = async (candidate: ServingModel, batch: Batch): Promise<RowBlock[]> => {
    const read = asRead(candidate, batch);
    const blocks: RowBlock[] = [];
    if (read !== batch && read.invalid.length > 0) {
      metrics.events.inc({ role: "shadow", status: "invalid" }, read.invalid.length);
      blocks.push(rows.invalid(read, candidate, "shadow"));
    }
    if (read.n === 0) return blocks;
    const started = wall.monotonicMs();
    try {
      const scores = await candidate.session.run(read.vector, read.n);
      const latencyUs =
        deps.clock.mode === "replay" ? null : Math.round((wall.monotonicMs() - started) * 1000);
      let ok = 0;
      for (let index = 0; index < read.n; index++) if (isProbability(scores[index])) ok++;
      metrics.events.inc({ role: "shadow", status: "ok" }, ok);
      if (ok < read.n) metrics.events.inc({ role: "shadow", status: "error" }, read.n - ok);
      blocks.push(rows.scored(read, candidate, "shadow", scores, latencyUs));
    } catch {
      blocks.push(miss(candidate, read, "error"));
    }
    return blocks;
  };

  const expire = (lane: Lane): void => {
    for (let next = lane.waiting[0]; next !== undefined; next = lane.waiting[0]) {
      if (wall.monotonicMs() - next.since < options.timeoutMs) return;
      lane.waiting.shift();
      lane.waitingRows -= next.batch.n;
      finish(miss(lane.candidate, next.batch, "timeout"));
    }
  };

  /** One call at a time a candidate; while one hangs, what waits behind it times out on its own account. */
  const pump = async (lane: Lane): Promise<void> => {
    for (;;) {
      expire(lane);
      const next = nextOf(lane);
      if (next === null) break;
      lane.running = next;
      const outcome = run(lane.candidate, next);
      let timedOut = false;
      for (;;) {
        const done = await within(outcome, options.timeoutMs);
        if (done !== null) {
          if (!timedOut) for (const block of done) finish(block);
          break;
        }
        if (!timedOut) finish(miss(lane.candidate, next, "timeout"));
        timedOut = true;
        lane.running = null;
        expire(lane);
      }
    }
    lane.running = null;
    lanes.delete(lane.candidate);
    wakeIdlers();
  };

  const offerTo = (candidate: ServingModel, batch: Batch): void => {
    if (batch.n === 0) return;
    const known = lanes.get(candidate);
    const lane = known ?? { candidate, waiting: [], waitingRows: 0, running: null };
    if (lane.waitingRows + batch.n > options.queueRowsMax) {
      finish(miss(candidate, batch, "shed"));
      return;
    }
    lane.waiting.push({ batch, since: wall.monotonicMs() });
    lane.waitingRows += batch.n;
    if (known !== undefined) return;
    lanes.set(candidate, lane);
    setTimeout(() => void pump(lane), GATHER_MS);
  };

  return {
    offer: (batch) => {
      for (const candidate of deps.models.candidates(batch.model.model)) offerTo(candidate, batch);
    },
    offerTo,
    score: async (batch) => {
      const blocks: RowBlock[] = [];
      for (const candidate of deps.models.candidates(batch.model.model))
        blocks.push(...(await run(candidate, batch)));
      return blocks.filter((block) => block.n > 0);
    },
    take,
    oldestMs: () => {
      let oldest = Infinity;
      for (const block of ready) oldest = Math.min(oldest, block.oldestMs);
      for (const block of publishing) oldest = Math.min(oldest, block.oldestMs);
      for (const lane of lanes.values()) {
        for (const { batch } of lane.waiting) oldest = Math.min(oldest, oldestMs(batch) ?? Infinity);
        if (lane.running !== null) oldest = Math.min(oldest, oldestMs(lane.running) ?? Infinity);
      }
      return oldest;
    },
    idle: () =>
      new Promise((resolve) => {
        idlers.push(resolve);
        void flush().then(wakeIdlers);
      }),
  };
};

/** What a lane scores next: ticks that wait together run together, as long as they met the same version. */
const nextOf = (lane: Lane): Batch | null => {
  const first = lane.waiting.shift();
  if (first === undefined) return null;
  const together: [Batch, ...Batch[]] = [first.batch];
  let rows = first.batch.n;
  for (let next = lane.waiting[0]; next !== undefined; next = lane.waiting[0]) {
    if (next.batch.model !== first.batch.model || rows + next.batch.n > ROWS_TOGETHER) break;
    lane.waiting.shift();
    together.push(next.batch);
    rows += next.batch.n;
  }
  lane.waitingRows -= rows;
  return joinBatches(together);
};

/** The outcome, or null where it takes longer than `ms`. */
const within = async (outcome: Promise<RowBlock[]>, ms: number): Promise<RowBlock[] | null> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
};
