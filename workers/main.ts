// Door: the worker process. Starts the recorders of every partition and the workers of every stage, and chains them: each stage leaves
// word that there may be work for the next. Importing it does nothing; `runWorkers` does everything and its close() undoes it.
import { loadAlerts, openChannels } from "../src/adapters/channels.ts";
import { createCheckpoints } from "../src/adapters/checkpoints.ts";
import type { Config } from "../src/adapters/config.ts";
import { createFailpoints } from "../src/adapters/failpoints.ts";
import { createFactRetention } from "../src/adapters/fact-retention.ts";
import { createFactSink } from "../src/adapters/fact-sink.ts";
import { createQueues, startStageWorkers, type Queues } from "../src/adapters/queues.ts";
import { createMetricsStore } from "../src/adapters/metrics-store.ts";
import { createReadStore } from "../src/adapters/read-store.ts";
import { createReconciliationStore } from "../src/adapters/reconciliation-store.ts";
import { createReportStore } from "../src/adapters/report-store.ts";
import { createStreamProgress } from "../src/adapters/stream-progress.ts";
import { createStreamReader } from "../src/adapters/streams.ts";
import { createTraining } from "../src/adapters/training-process.ts";
import type { StageHandlers } from "../src/ports.ts";
import type { ReadsProgress } from "../src/ports-recording.ts";
import { durationMs } from "../src/core/duration.ts";
import { lossAlerts } from "../src/core/found-alerts.ts";
import { ticksOf, watermarkPolicyOf } from "../src/core/pace.ts";
import { deploymentWatermark } from "../src/core/watermark.ts";
import { refuseOpenDoor } from "../src/http/guard.ts";
import { createWorkerMetrics, serveWorkerMetrics, type WorkerMetrics } from "../src/http/worker-metrics.ts";
import { driftProfile, loadPolicy, wireGuard, wireKeys, wireStores, type Stores } from "../src/wiring.ts";
import { Alert } from "../contracts/alerts.ts";
import { decide } from "./decide.ts";
import { execute } from "./execute.ts";
import { measure } from "./measure.ts";
import { notify } from "./notify.ts";
import { reconcile } from "./reconcile.ts";
import { runRecorders } from "./recorders.ts";
import { recovering } from "./recovery.ts";
import { report } from "./report.ts";
import { retain } from "./retain.ts";
import { retrain } from "./retrain.ts";
import { roll } from "./roll.ts";

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
  const progress = createStreamProgress({
    redis: stores.streamsAt,
    partitions: config.service.streams.partitions,
  });
  const alerting = openAlerting(stores, env);
  const metrics = openMetrics(stores, progress);
  const shown = await showMetrics(stores, metrics, env);
  const ending = new AbortController();
  const around = { queues, progress, env, alerting, metrics };
  const recording = startRecorders(stores, around, ending.signal);
  const handlers = recovering(stores, stageHandlers(stores, around));
  const stages = startStageWorkers(stores.redisUrl, handlers, stores.log);
  await queues.schedule(ticksOf(config));
  // A Redis that was emptied has lost the ticks too.
  const minding = setInterval(
    () =>
      void queues
        .schedule(ticksOf(config))
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
    watermark: async () => deploymentWatermark(await streams.watermarks(), watermarkPolicyOf(config)).ms,
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
  const guard = wireGuard(config, keys);
  return serveWorkerMetrics(metrics, { host, port, guard }).catch((cause: unknown) => {
    log.warn({ host, port, cause: String(cause) }, "no /metrics of the workers: set FLYBALL_METRICS_PORT");
    return null;
  });
};

interface Around {
  readonly queues: Queues;
  readonly progress: ReadsProgress;
  readonly env: NodeJS.ProcessEnv;
  readonly alerting: ReturnType<typeof openAlerting>;
  readonly metrics: WorkerMetrics;
}

/** One recorder a stream partition, each with a stable name, so that a restarted process finds its own pending batch. */
const startRecorders = (
  stores: Stores,
  { queues, progress, env }: Around,
  signal: AbortSignal,
): Promise<void> => {
  const { service, home } = stores.config;
  const replay = service.clock === "replay";
  return runRecorders(
    {
      open: (kind, partition) => {
        const sink = createFactSink(stores.clickhouse, kind);
        const stream = createStreamReader({
          redis: stores.streamsAt,
          ...{ kind, partition, consumer: `recorder-${env["FLYBALL_SLOT"] ?? "0"}` },
          notice: (notice) => stores.log.warn(notice, "stream"),
          // Company makes fewer, larger inserts; under replay the watermark at a step's end is what ends the wait.
          ...(replay ? { lingerMs: 1_000, pollMs: 15 } : {}),
        });
        return { stream, facts: sink, letters: sink };
      },
      progress,
      lookAt: (ms) => queues.look("roll", ms),
      failpoint: createFailpoints(env["FLYBALL_FAILPOINTS"], Math.random, home),
      wallNow: Date.now,
      log: stores.log,
    },
    {
      partitions: service.streams.partitions,
      watermark: watermarkPolicyOf(stores.config),
      // Under replay every step is worth a look, because the replayer waits for it.
      window: replay
        ? null
        : {
            sizeMs: durationMs(service.windows.sizes[0] ?? "5m"),
            latenessMs: durationMs(service.windows.allowed_lateness),
          },
    },
    signal,
  );
};

/** Losses as reconciliation saw them last; notify takes in those it does not know. */
const FOUND = "found";
/** A day is looked back over, and a gap is given the time a recorder may hold a batch. */
const RECONCILED = { windowMs: 86_400_000, graceMs: 5 * 60_000 };

const stageHandlers = (stores: Stores, by: Around): StageHandlers => {
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
        const watermark = deploymentWatermark(await progress.watermarks(), watermarkPolicyOf(config)).ms;
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
          train: createTraining(config, env),
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
