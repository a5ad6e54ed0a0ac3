// Adapter: the jobs between stages, on BullMQ. A job says only "look for due work", so one waiting look a stage is enough: a new one
// replaces a waiting one and follows an active one. Ticks come from job schedulers and are never the truth about what is due.
import { Queue, Worker, type Job } from "bullmq";
import { z } from "zod";
import { LookJob, QUEUE_PREFIX, RetrainJob, Stage } from "../../contracts/jobs.ts";
import type { EnqueuesWork, Log, StageHandlers } from "../ports.ts";

/** Finished jobs kept for people to look at. */
const KEPT = { count: 100 };
/** A failed look is tried again soon; after that the next tick looks anyway. */
const LOOK = {
  attempts: 5,
  backoff: { type: "exponential", delay: 200 },
  removeOnComplete: KEPT,
  removeOnFail: KEPT,
} as const;

const LOCK_MS = 10_000;

export interface Queues extends EnqueuesWork {
  readonly queues: readonly Queue[];
  /** Ticks of the stages that have one, by name of the stage; those that stand already are left alone. */
  schedule(everyMs: Partial<Record<Stage, number>>): Promise<void>;
  /** Looks that failed each time they were tried, the newest of each stage first. */
  givenUp(): Promise<readonly GivenUpLook[]>;
  close(): Promise<void>;
}

export interface GivenUpLook {
  /** Unique over all stages. */
  readonly id: string;
  readonly stage: Stage;
  readonly reason: string;
}

/** Opens the queues of a deployment for enqueuing. */
export const createQueues = (redisUrl: string): Queues => {
  const queues = new Map(
    Stage.options.map((stage) => [
      stage,
      new Queue(stage, {
        connection: { ...connection(redisUrl), enableOfflineQueue: false, maxRetriesPerRequest: 1 },
        prefix: QUEUE_PREFIX,
      }),
    ]),
  );
  const queueOf = (stage: Stage): Queue => {
    const queue = queues.get(stage);
    if (queue === undefined) throw new Error(`no queue of ${stage}`);
    return queue;
  };
  // Every command rejects with its cause; without a listener the same fault would end the process.
  for (const queue of queues.values()) queue.on("error", () => undefined);
  return {
    queues: [...queues.values()],
    look: async (stage, throughMs) => {
      const look: LookJob = { through: throughMs };
      await queueOf(stage).waitUntilReady();
      await queueOf(stage).add(stage, look, {
        ...LOOK,
        deduplication: { id: `look-${stage}`, keepLastIfActive: true },
      });
    },
    retrain: async (job) => {
      await queueOf("retrain").waitUntilReady();
      await queueOf("retrain").add("retrain", job, {
        jobId: `retrain-${job.training_id}`,
        removeOnComplete: true,
        removeOnFail: true,
      });
    },
    schedule: async (everyMs) => {
      // Two deliveries of one alert at once would both find it undelivered.
      await queueOf("notify").waitUntilReady();
      await queueOf("notify").setGlobalConcurrency(1);
      for (const [name, every] of Object.entries(everyMs)) {
        const stage = Stage.parse(name);
        await queueOf(stage).waitUntilReady();
        const known = await queueOf(stage).getJobScheduler(`tick-${stage}`);
        if (known?.every === every) continue;
        await queueOf(stage).upsertJobScheduler(
          `tick-${stage}`,
          { every },
          { name: stage, data: { through: null }, opts: LOOK },
        );
      }
    },
    givenUp: async () => {
      const found = await Promise.all(
        [...queues].map(async ([stage, queue]) => {
          await queue.waitUntilReady();
          const failed = await queue.getFailed();
          return failed.map(({ id, failedReason }) => ({
            id: `${stage} ${id ?? ""}`,
            stage,
            reason: failedReason,
          }));
        }),
      );
      return found.flat();
    },
    close: async () => {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
};

export interface StageWorkers {
  close(): Promise<void>;
}

/** Runs the stages, one job of each at a time in this process. */
export const startStageWorkers = (redisUrl: string, handlers: StageHandlers, log: Log): StageWorkers => {
  const run =
    (stage: Stage) =>
    async (job: Job, _token?: string, signal?: AbortSignal): Promise<void> => {
      const alive = signal ?? new AbortController().signal;
      if (stage === "retrain") return handlers.retrain(RetrainJob.parse(job.data), alive);
      const handler = handlers.look[stage];
      if (handler !== undefined) await handler(LookJob.parse(job.data).through, alive);
    };
  const stages = Stage.options.filter((stage) => stage === "retrain" || handlers.look[stage] !== undefined);
  const workers = stages.map((stage) => {
    const worker = new Worker(stage, run(stage), {
      connection: { ...connection(redisUrl), maxRetriesPerRequest: null },
      prefix: QUEUE_PREFIX,
      concurrency: 1,
      drainDelay: 2,
      // A killed worker's job is taken up by the next one this soon; looks hand long work to other processes.
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS / 2,
    });
    worker.on("error", (cause) => log.warn({ stage, cause: String(cause) }, "the queue is ill"));
    worker.on("failed", (job, cause) =>
      log.error({ stage, attempts: job?.attemptsMade, cause: reasonOf(cause) }, "a look failed"),
    );
    return worker;
  });
  return {
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
};

const reasonOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause === undefined
    ? (cause.stack ?? cause.message)
    : `${cause.message}: ${reasonOf(cause.cause)}`;
};

const Url = z.url().transform((text) => new URL(text));

const connection = (redisUrl: string) => {
  const url = Url.parse(redisUrl);
  return {
    host: url.hostname,
    port: Number(url.port === "" ? 6379 : url.port),
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.pathname.length > 1 ? { db: Number(url.pathname.slice(1)) } : {}),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
  };
};
