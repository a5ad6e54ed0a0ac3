// Door: the worker process. Starts the recorders of every partition and the workers of every stage, and chains them: each stage leaves
// word that there may be work for the next. Importing it does nothing; `runWorkers` does everything and its close() undoes it.
import { createCheckpoints } from "../src/adapters/checkpoints.ts";
import type { Config } from "../src/adapters/config.ts";
import { createFailpoints } from "../src/adapters/failpoints.ts";
import { createFactSink } from "../src/adapters/fact-sink.ts";
import { createQueues, startStageWorkers, type Queues, type StageHandlers } from "../src/adapters/queues.ts";
import { createStreamProgress } from "../src/adapters/stream-progress.ts";
import { createStreamReader } from "../src/adapters/streams.ts";
import { runTraining } from "../src/adapters/training-process.ts";
import type { ReadsProgress } from "../src/ports-recording.ts";
import { durationMs } from "../src/core/duration.ts";
import { windowStart } from "../src/core/time.ts";
import { deploymentWatermark, type WatermarkPolicy } from "../src/core/watermark.ts";
import { driftProfile, loadPolicy, wireStores, type Stores } from "../src/wiring.ts";
import type { Stage } from "../contracts/jobs.ts";
import type { StreamKind } from "../contracts/event.ts";
import { decide } from "./decide.ts";
import { execute } from "./execute.ts";
import { measure } from "./measure.ts";
import { notify, type Channel } from "./notify.ts";
import { createRecorder } from "./record.ts";
import { withRecovery } from "./recovery.ts";
import { retrain, type RetrainPorts } from "./retrain.ts";
import { roll } from "./roll.ts";

const KINDS: readonly StreamKind[] = ["events", "labels"];

export interface Workers {
  close(): Promise<void>;
}

/** Runs recorders and stages until closed. */
export const runWorkers = async (config: Config, env: NodeJS.ProcessEnv): Promise<Workers> => {
  const stores = wireStores(config, "workers");
  await stores.ledger.recover({ at: new Date(await stores.now()).toISOString(), actor: "workers" });
  const queues = createQueues(stores.redisUrl);
  const { partitions } = config.service.streams;
  const progress = createStreamProgress({ redis: { url: stores.redisUrl }, partitions });
  const ending = new AbortController();
  const recording = startRecorders(stores, { queues, progress, signal: ending.signal, env });
  const stages = startStageWorkers(
    stores.redisUrl,
    recovering(stores, stageHandlers(stores, { queues, progress, env })),
    stores.log,
  );
  await queues.schedule(ticks(config));
  // A Redis that was emptied has lost the ticks too.
  const minding = setInterval(
    () =>
      void queues
        .schedule(ticks(config))
        .catch((cause: unknown) => stores.log.warn({ cause: String(cause) }, "the ticks cannot be minded")),
    TICKS_MINDED_MS,
  );
  return {
    close: async () => {
      clearInterval(minding);
      ending.abort();
      await recording;
      await stages.close();
      await queues.close();
      await progress.close();
      await stores.close();
    },
  };
};

const TICKS_MINDED_MS = 5_000;

/** Every look rebuilds a ledger that Redis has lost and looks again. */
const recovering = (stores: Stores, { look, retrain }: StageHandlers): StageHandlers => {
  const ports = { ledger: stores.ledger, now: () => stores.now(), log: stores.log };
  return {
    look: Object.fromEntries(
      Object.entries(look).map(([stage, handler]) => [
        stage,
        (throughMs: number | null, signal: AbortSignal) =>
          withRecovery(ports, () => handler(throughMs, signal)),
      ]),
    ),
    retrain: (job, signal) => withRecovery(ports, () => retrain(job, signal)),
  };
};

/** Under replay the watermark drives the stages and ticks only catch what a fault left undone. */
const ticks = ({ schedule }: Config): Partial<Record<Stage, number>> => ({
  roll: durationMs(schedule.roll),
  measure: durationMs(schedule.roll),
  decide: durationMs(schedule.roll),
  execute: durationMs(schedule.execute),
  notify: durationMs(schedule.roll),
});

interface Around {
  readonly queues: Queues;
  readonly progress: ReadsProgress;
  readonly env: NodeJS.ProcessEnv;
}

const watermarkPolicy = ({ service }: Config): WatermarkPolicy =>
  service.clock === "replay"
    ? { clock: "replay" }
    : { clock: "wall", producerTimeoutMs: durationMs(service.streams.producer_timeout) };

/** One recorder a stream partition, each with a stable name, so that a restarted process finds its own pending batch. */
const startRecorders = async (stores: Stores, by: Around & { signal: AbortSignal }): Promise<void> => {
  const { queues, progress, signal, env } = by;
  const { service } = stores.config;
  const replay = service.clock === "replay";
  const lateness = durationMs(service.windows.allowed_lateness);
  const base = durationMs(service.windows.sizes[0] ?? "5m");
  const failpoint = createFailpoints(env["FLYBALL_FAILPOINTS"], Math.random, stores.config.home);
  let announced = -1;
  /** Worth a look once a window may have closed; under replay every step is, because the replayer waits for it. */
  const onWatermark = async (ms: number): Promise<void> => {
    const closed = replay ? ms : windowStart(ms - lateness, base);
    if (closed <= announced) return;
    announced = closed;
    await queues.look("roll", ms);
  };
  const recorders = KINDS.flatMap((kind) =>
    Array.from({ length: service.streams.partitions }, (_, partition) => {
      const stream = createStreamReader({
        redis: { url: stores.redisUrl },
        kind,
        partition,
        consumer: `recorder-${env["FLYBALL_SLOT"] ?? "0"}`,
        notice: (notice) => stores.log.warn(notice, "stream"),
        // A replayer waits for each step; under the wall clock company makes fewer, larger inserts.
        ...(replay ? { lingerMs: 2 } : {}),
      });
      const sink = createFactSink(stores.clickhouse, kind);
      const recorder = createRecorder(
        {
          stream,
          facts: sink,
          letters: sink,
          progress,
          onWatermark,
          failpoint,
          wallNow: Date.now,
          log: stores.log,
        },
        { watermark: watermarkPolicy(stores.config) },
      );
      return recorder.run(signal).finally(() => stream.close());
    }),
  );
  await Promise.all(recorders);
};

const stageHandlers = (stores: Stores, { queues, progress, env }: Around): StageHandlers => {
  const { config, log, ledger, loop } = stores;
  const failpoint = createFailpoints(env["FLYBALL_FAILPOINTS"], Math.random, config.home);
  const { windows, training, clock } = config.service;
  const policy = loadPolicy(config);
  const checkpoints = createCheckpoints({ home: config.home, origin: config.service.clickhouse.database });
  const ports = { ...stores, registry: stores.bundles, progress: loop.progress };
  const progressOf = async (name: string): Promise<number | null> => loop.progress.get(`loop:${name}`);
  const reached = (name: string, ms: number): Promise<void> => loop.progress.set(`loop:${name}`, ms);
  const executePorts = {
    ledger,
    decisions: stores.decisions,
    measures: stores.measures,
    registry: stores.bundles,
    work: queues,
    now: () => stores.now(),
    checkpoint: async () => {
      await checkpoints.write(await ledger.sealedState(), new Date(await stores.now()).toISOString());
    },
    log,
  };
  const channels: readonly Channel[] = [
    {
      name: "log",
      deliver: (alert) => {
        log.warn(
          { alert: alert.alert, severity: alert.severity, model: alert.model, value: alert.value },
          alert.detail,
        );
        return Promise.resolve();
      },
    },
  ];
  return {
    look: {
      roll: async (throughMs) => {
        const watermark = deploymentWatermark(await progress.watermarks(), watermarkPolicy(config)).ms;
        const through = Math.max(throughMs ?? 0, watermark ?? 0);
        if (through === 0) return;
        await roll(ports, windows, through - durationMs(windows.allowed_lateness));
        await reached("rolled", through);
        await queues.look("measure", through);
      },
      measure: async () => {
        const through = await progressOf("rolled");
        if (through === null) return;
        await measure(
          ports,
          { windows, profile: driftProfile(policy) },
          through - durationMs(windows.allowed_lateness),
        );
        await reached("measured", through);
        await queues.look("decide", through);
      },
      decide: async () => {
        const through = await progressOf("measured");
        if (through === null) return;
        const options = { windows, clock, training, policy };
        const { more } = await decide(
          { ...ports, failpoint },
          options,
          through - durationMs(windows.allowed_lateness),
        );
        if (!more) await reached("decided", through);
        await queues.look("execute", more ? null : through);
      },
      execute: async () => {
        const through = await progressOf("decided");
        await execute({ ...executePorts, failpoint }, { policy, windows });
        if (through !== null) await reached("settled", through);
        // Windows that waited for this execution are decided next.
        const measured = await progressOf("measured");
        if (measured !== null && (through ?? 0) < measured) await queues.look("decide", measured);
      },
      notify: async () => {
        await notify({
          ledger,
          decisions: stores.decisions,
          alerts: stores.alerts,
          channels,
          progress: loop.progress,
          log,
          linkOf: (id) => `/decisions/${id}`,
        });
      },
    },
    retrain: async (job, signal) => {
      await retrain(
        {
          ledger,
          registry: stores.bundles,
          train: trainer(stores, env),
          now: () => stores.now(),
          log,
          failpoint,
        },
        job,
        signal,
      );
      await queues.look("execute", null);
    },
  };
};

/** Trains in a child process on the stores this process uses. */
const trainer =
  ({ config }: Stores, env: NodeJS.ProcessEnv): RetrainPorts["train"] =>
  async ({ model, training, parent, quarantined, signal }) => {
    const { service } = config;
    const throughMs = Date.parse(training.through);
    const job = {
      model,
      training_id: training.trainingId,
      parent,
      start_ms: throughMs - durationMs(service.training.span),
      end_ms: throughMs,
      quarantined,
      created_at: training.requestedAt,
    };
    try {
      const answer = await runTraining(job, { env: { ...env, FLYBALL_HOME: config.home }, signal });
      return answer.ok
        ? { ok: true, version: answer.version }
        : { ok: false, outcome: "refused", detail: `${answer.refused}: ${answer.detail}` };
    } catch (cause) {
      return { ok: false, outcome: "failed", detail: cause instanceof Error ? cause.message : String(cause) };
    }
  };
