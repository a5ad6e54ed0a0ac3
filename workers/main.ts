// Door: the worker process. Starts the recorders of every partition and the workers of every stage, and chains them: each stage leaves
// word that there may be work for the next. Importing it does nothing; `runWorkers` does everything and its close() undoes it.
import { loadAlerts, openChannels } from "../src/adapters/channels.ts";
import { createCheckpoints } from "../src/adapters/checkpoints.ts";
import type { Config } from "../src/adapters/config.ts";
import { createFailpoints } from "../src/adapters/failpoints.ts";
import { createFactRetention } from "../src/adapters/fact-retention.ts";
import { createFactSink } from "../src/adapters/fact-sink.ts";
import { createQueues, startStageWorkers, type Queues, type StageHandlers } from "../src/adapters/queues.ts";
import { createMetricsStore } from "../src/adapters/metrics-store.ts";
import { createReadStore } from "../src/adapters/read-store.ts";
import { createReconciliationStore } from "../src/adapters/reconciliation-store.ts";
import { createReportStore } from "../src/adapters/report-store.ts";
import { createStreamProgress } from "../src/adapters/stream-progress.ts";
import { createStreamReader } from "../src/adapters/streams.ts";
import { runTraining } from "../src/adapters/training-process.ts";
import type { ReadsProgress } from "../src/ports-recording.ts";
import { durationMs } from "../src/core/duration.ts";
import { lossAlerts } from "../src/core/found-alerts.ts";
import { windowStart } from "../src/core/time.ts";
import { deploymentWatermark, type WatermarkPolicy } from "../src/core/watermark.ts";
import { createGuard, refuseOpenDoor } from "../src/http/guard.ts";
import { createWorkerMetrics, serveWorkerMetrics, type WorkerMetrics } from "../src/http/worker-metrics.ts";
import { driftProfile, loadPolicy, wireKeys, wireStores, type Stores } from "../src/wiring.ts";
import { Alert } from "../contracts/alerts.ts";
import type { Stage } from "../contracts/jobs.ts";
import type { StreamKind } from "../contracts/event.ts";
import { decide } from "./decide.ts";
import { execute } from "./execute.ts";
import { measure } from "./measure.ts";
import { notify } from "./notify.ts";
import { reconcile } from "./reconcile.ts";
import { createRecorder } from "./record.ts";
import { withRecovery } from "./recovery.ts";
import { report } from "./report.ts";
import { retain } from "./retain.ts";
import { retrain, type RetrainPorts } from "./retrain.ts";
import { roll } from "./roll.ts";

const KINDS: readonly StreamKind[] = ["events", "labels"];

export interface Workers {
  /** Of /metrics; null where none is served. */
  readonly metricsPort: number | null;
  close(): Promise<void>;
}

/** Runs recorders and stages until closed. */
export const runWorkers = async (config: Config, env: NodeJS.ProcessEnv): Promise<Workers> => {
  const stores = wireStores(config, "workers");
  await stores.ledger.recover({ at: new Date(await stores.now()).toISOString(), actor: "workers" });
  const queues = createQueues(stores.redisUrl);
  const { partitions } = config.service.streams;
  const progress = createStreamProgress({ redis: stores.streamsAt, partitions });
  const alerting = openAlerting(stores, env);
  const metrics = openMetrics(stores, progress);
  const shown = await showMetrics(stores, metrics, env);
  const ending = new AbortController();
  const recording = startRecorders(stores, { queues, progress, signal: ending.signal, env });
  const stages = startStageWorkers(
    stores.redisUrl,
    recovering(stores, stageHandlers(stores, { queues, progress, env, alerting, metrics })),
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
    metricsPort: shown?.port ?? null,
    close: async () => {
      clearInterval(minding);
      ending.abort();
      await recording;
      await stages.close();
      await alerting.close();
      await shown?.close();
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

/** Under replay the watermark drives the stages: there ticks only catch what a fault left undone. */
const ticks = ({ schedule, service }: Config): Partial<Record<Stage, number>> => {
  const rollMs = service.clock === "replay" ? REPLAY_TICK_MS : durationMs(schedule.roll);
  return {
    roll: rollMs,
    measure: rollMs,
    decide: rollMs,
    execute: durationMs(schedule.execute),
    notify: rollMs,
    reconcile: durationMs(schedule.reconcile),
    trim: durationMs(schedule.trim),
    // A replay's days are over in seconds: they are reported when somebody asks.
    ...(schedule.report === null || service.clock === "replay"
      ? {}
      : { report: durationMs(schedule.report) }),
  };
};

const REPLAY_TICK_MS = 30_000;

interface Watched {
  readonly alerting: ReturnType<typeof openAlerting>;
  readonly metrics: WorkerMetrics;
}

const openAlerting = ({ config, log }: Stores, env: NodeJS.ProcessEnv) => {
  const alerts = loadAlerts(config.configDir, env);
  return { config: alerts, ...openChannels(alerts, { log, wallNow: Date.now }) };
};

const openMetrics = (
  { config, loop, ledger, clickhouse, now }: Stores,
  streams: ReadsProgress,
): WorkerMetrics =>
  createWorkerMetrics({
    streams,
    watermark: async () => deploymentWatermark(await streams.watermarks(), watermarkPolicy(config)).ms,
    reached: (stage) => loop.progress.get(`loop:${stage}`),
    ledger,
    figures: createMetricsStore(clickhouse, config.service.windows.decide),
    now,
  });

/** A port that is taken costs the figures, not the work; an open address without keys costs the start. */
const showMetrics = async ({ config, log }: Stores, metrics: WorkerMetrics, env: NodeJS.ProcessEnv) => {
  const { host, port } = config.service.metrics;
  if (port === null) return null;
  const keys = await wireKeys(config, env);
  refuseOpenDoor(keys.configured(), host);
  const { api } = config.service;
  const guard = createGuard(
    { keys, epochMs: Date.now, monotonicMs: () => performance.now() },
    {
      perKeyPerSecond: api.rate_per_key,
      perAddressPerSecond: api.rate_per_address,
      failuresPerMinute: api.auth_failures_per_minute,
    },
  );
  return serveWorkerMetrics(metrics, { host, port, guard }).catch((cause: unknown) => {
    log.warn({ host, port, cause: String(cause) }, "no /metrics of the workers: set FLYBALL_METRICS_PORT");
    return null;
  });
};

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
        redis: stores.streamsAt,
        kind,
        partition,
        consumer: `recorder-${env["FLYBALL_SLOT"] ?? "0"}`,
        notice: (notice) => stores.log.warn(notice, "stream"),
        // A replayer waits for each step; under the wall clock company makes fewer, larger inserts.
        ...(replay ? { lingerMs: 150 } : {}),
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

/** Losses as reconciliation saw them last; notify takes in those it does not know. */
const FOUND = "found";
/** A day is looked back over, and a gap is given the time a recorder may hold a batch. */
const RECONCILED = { windowMs: 86_400_000, graceMs: 5 * 60_000 };

const stageHandlers = (stores: Stores, by: Around & Watched): StageHandlers => {
  const { queues, progress, env, alerting, metrics } = by;
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
  const { public_url: publicUrl, host, port } = config.service.api;
  const base = publicUrl ?? config.running?.api ?? `http://${host}:${port}`;
  const reconcilePorts = { sequences: createReconciliationStore(stores.clickhouse), progress };
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
        const { pending } = await notify({
          ledger,
          decisions: stores.decisions,
          alerts: stores.alerts,
          channels: alerting.channels,
          config: alerting.config,
          progress: loop.progress,
          found: async () => Alert.array().parse(JSON.parse((await loop.progress.getText(FOUND)) ?? "[]")),
          wallNow: Date.now,
          log,
          linkOf: (id) => new URL(`/decisions/${id}`, base).href,
          counted: (channel, outcome) => metrics.deliveries.inc({ channel, outcome }),
        });
        metrics.alertsPending.set(pending);
      },
      reconcile: async () => {
        const found = await reconcile(reconcilePorts, RECONCILED);
        metrics.lostRows.set(found.rowsLost);
        const at = new Date(await stores.now()).toISOString();
        const due = lossAlerts(found, { at, link: new URL("/dashboard", base).href });
        await loop.progress.setText(FOUND, JSON.stringify(due));
        if (due.length > 0) await queues.look("notify", null);
      },
      trim: async () => {
        const replaySlackMs = durationMs(config.service.streams.replay_slack);
        metrics.trimmed.inc(await progress.trim({ replaySlackMs }));
        const settled = await progressOf("settled");
        const facts = createFactRetention(stores.clickhouse);
        if (settled !== null) await retain({ ...ports, facts }, config.service, settled);
      },
      report: async () => {
        const settled = await progressOf("settled");
        const lists = createReadStore(stores.clickhouse);
        const reports = createReportStore(config.home);
        const reportPorts = { ledger, lists, reports, size: windows.decide, now: () => stores.now(), log };
        if (settled !== null) await report(reportPorts, settled - durationMs(windows.allowed_lateness));
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

/** Refusals that other rows may lift; any other is the trainer's failure, and three of those in a row open the circuit. */
const OF_ROWS = new Set(
  "too_few_rows no_rows too_many_rows one_class unlabelled_rows not_finite encoding_exhausted".split(" "),
);

/** Trains in a child process on the stores this process uses. */
export const trainer =
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
        : {
            ok: false,
            outcome: OF_ROWS.has(answer.refused) ? "refused" : "failed",
            detail: `${answer.refused}: ${answer.detail}`,
          };
    } catch (cause) {
      return { ok: false, outcome: "failed", detail: cause instanceof Error ? cause.message : String(cause) };
    }
  };
