// Door: `flyball run STAGE`: one pass of one stage, then exit, for cron, Airflow or Kubernetes. It does what the worker of the stage does on a
// look, on the same durable state, so that passes and workers may alternate; it waits for nobody and hands nothing on.
import { Argument, type Command } from "commander";
import type { Stores } from "../wiring.ts";
import { answer } from "./offline.ts";
import { instantOf, withStores } from "./stores.ts";

/** `evaluate` judges matured labels and pairs, which is part of measuring. */
const STAGES = ["roll", "measure", "decide", "execute", "evaluate", "report"] as const;
type Stage = (typeof STAGES)[number];

interface Flags {
  model?: string;
  until?: string;
  json?: boolean;
}
interface Pass {
  readonly stage: Stage;
  /** Event time up to which everything this stage needs has been done; null: nothing has arrived yet. */
  readonly through: string | null;
  readonly detail: string;
}

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("run")
    .description("one pass of a stage, then exit")
    .addArgument(new Argument("<stage>", "evaluate is the part of measure that needs labels").choices(STAGES))
    .option("--model <name>", "only this model (not execute: its order is the whole ledger's)")
    .option("--until <time>", "take nothing after this instant (UTC) into account (not execute)")
    .option("--json", "machine output")
    .action((stage: Stage, flags: Flags, command: Command) => {
      if (stage === "execute" && (flags.model !== undefined || flags.until !== undefined))
        command.error("execute carries out whatever was decided: it takes neither --model nor --until");
      return withStores(async (stores) => {
        const { withRecovery } = await import("../../workers/recovery.ts");
        const untilMs = flags.until === undefined ? Infinity : instantOf(flags.until, "--until");
        const pass = await withRecovery(stores, () =>
          PASSES[stage](narrowed(stores, flags.model), untilMs, flags),
        );
        const { through, detail } = pass;
        answer(flags, pass, `${stage}: ${detail}${through === null ? "" : `, through ${through}`}`);
      });
    });
};

type Narrowed = Stores & { readonly only: string | null };

/** The stores as if there were only this model. */
const narrowed = (stores: Stores, only: string | undefined): Narrowed => ({
  ...stores,
  only: only ?? null,
  traffic: {
    ...stores.traffic,
    models: async () =>
      (await stores.traffic.models()).filter(({ model }) => only === undefined || model === only),
  },
});

const PASSES: Readonly<Record<Stage, (stores: Narrowed, untilMs: number, flags: Flags) => Promise<Pass>>> = {
  roll: async (stores, untilMs) => {
    const { roll } = await import("../../workers/roll.ts");
    const throughMs = least(untilMs, await watermarkOf(stores));
    if (throughMs === null) return idle("roll");
    const { windows } = stores.config.service;
    await roll(portsOf(stores), windows, throughMs - (await latenessOf(stores)));
    await reached(stores, "rolled", throughMs);
    return done("roll", throughMs, "every closed window is rolled");
  },
  measure: (stores, untilMs) => measured("measure", stores, untilMs),
  evaluate: (stores, untilMs) => measured("evaluate", stores, untilMs),
  decide: async (stores, untilMs) => {
    const { decide } = await import("../../workers/decide.ts");
    const { loadPolicy } = await import("../wiring.ts");
    const { windows, clock, training } = stores.config.service;
    const throughMs = least(untilMs, await progressOf(stores, "measured"));
    if (throughMs === null) return idle("decide");
    const options = { windows, clock, training, policy: loadPolicy(stores.config) };
    const { decided, more } = await decide(portsOf(stores), options, throughMs - (await latenessOf(stores)));
    if (!more) await reached(stores, "decided", throughMs);
    return done(
      "decide",
      throughMs,
      `${decided} windows decided${more ? ", more wait for `run execute`" : ""}`,
    );
  },
  execute: async (stores) => {
    const { createQueues } = await import("../adapters/queues.ts");
    const { createCheckpoints } = await import("../adapters/checkpoints.ts");
    const { execute } = await import("../../workers/execute.ts");
    const { loadPolicy } = await import("../wiring.ts");
    const { home, service } = stores.config;
    const checkpoints = createCheckpoints({ home, origin: service.clickhouse.database });
    const throughMs = await progressOf(stores, "decided");
    const queues = createQueues(stores.redisUrl);
    try {
      const checkpoint = async (): Promise<void> => {
        await checkpoints.write(
          await stores.ledger.sealedState(),
          new Date(await stores.now()).toISOString(),
        );
      };
      const moved = await execute(
        { ...portsOf(stores), work: queues, checkpoint },
        { policy: loadPolicy(stores.config), windows: service.windows },
      );
      if (throughMs !== null) await reached(stores, "settled", throughMs);
      return done("execute", throughMs, moved ? "the ledger moved" : "nothing was due");
    } finally {
      await queues.close();
    }
  },
  report: async (stores, untilMs) => {
    const { createReadStore } = await import("../adapters/read-store.ts");
    const { createReportStore } = await import("../adapters/report-store.ts");
    const { report } = await import("../../workers/report.ts");
    const throughMs = least(untilMs, await progressOf(stores, "settled"));
    if (throughMs === null) return idle("report");
    const { ledger, log, now, only, config } = stores;
    const kept = await report(
      {
        ledger:
          only === null ? ledger : { ...ledger, state: async () => onlyModel(await ledger.state(), only) },
        lists: createReadStore(stores.clickhouse),
        reports: createReportStore(config.home),
        size: config.service.windows.decide,
        now,
        log,
      },
      throughMs - (await latenessOf(stores)),
    );
    return done("report", throughMs, `${kept} days kept`);
  },
};

const measured = async (stage: "measure" | "evaluate", stores: Narrowed, untilMs: number): Promise<Pass> => {
  const { measure } = await import("../../workers/measure.ts");
  const { driftProfile, loadPolicy } = await import("../wiring.ts");
  const throughMs = least(untilMs, await progressOf(stores, "rolled"));
  if (throughMs === null) return idle(stage);
  const { windows } = stores.config.service;
  const options = { windows, profile: driftProfile(loadPolicy(stores.config)) };
  await measure(portsOf(stores), options, throughMs - (await latenessOf(stores)));
  await reached(stores, "measured", throughMs);
  return done(stage, throughMs, "every rolled window is measured, matured labels are counted");
};

const portsOf = (stores: Narrowed) => ({
  ...stores,
  registry: stores.bundles,
  progress: stores.loop.progress,
});

/** How far recorded event time reaches. */
const watermarkOf = async (stores: Stores): Promise<number | null> => {
  const { createStreamProgress } = await import("../adapters/stream-progress.ts");
  const { deploymentWatermark } = await import("../core/watermark.ts");
  const { durationMs } = await import("../core/duration.ts");
  const { clock, streams } = stores.config.service;
  const progress = createStreamProgress({ redis: stores.streamsAt, partitions: streams.partitions });
  try {
    const policy =
      clock === "replay"
        ? ({ clock } as const)
        : ({ clock, producerTimeoutMs: durationMs(streams.producer_timeout) } as const);
    return deploymentWatermark(await progress.watermarks(), policy).ms;
  } finally {
    await progress.close();
  }
};

/** Where a whole deployment has come to; one model alone is behind or ahead of it, which its own progress knows. */
const progressOf = async (stores: Narrowed, name: string): Promise<number | null> => {
  const { progress } = stores.loop;
  const whole = await progress.get(`loop:${name}`);
  const { only } = stores;
  if (only === null) return whole;
  const own = await progress.get(`loop:${name}:${only}`);
  return own === null || whole === null ? (own ?? whole) : Math.max(own, whole);
};

const reached = ({ loop, only }: Narrowed, name: string, ms: number): Promise<void> =>
  loop.progress.set(only === null ? `loop:${name}` : `loop:${name}:${only}`, ms);

const latenessOf = async ({ config }: Stores): Promise<number> => {
  const { durationMs } = await import("../core/duration.ts");
  return durationMs(config.service.windows.allowed_lateness);
};

const onlyModel = <S extends { readonly models: Readonly<Record<string, unknown>> }>(
  state: S,
  only: string,
): S => ({
  ...state,
  models: Object.fromEntries(Object.entries(state.models).filter(([model]) => model === only)),
});

const least = (untilMs: number, reachedMs: number | null): number | null =>
  reachedMs === null ? null : Math.min(untilMs, reachedMs);
const done = (stage: Stage, throughMs: number | null, detail: string): Pass => ({
  stage,
  through: throughMs === null ? null : new Date(throughMs).toISOString(),
  detail,
});
const idle = (stage: Stage): Pass => ({ stage, through: null, detail: "nothing has come this far yet" });
