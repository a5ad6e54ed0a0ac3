// Door: the api process. Loads what the sealed ledger says is promoted, follows it without a restart, and serves. Importing it does
// nothing; `runServer` opens everything and its close() drains and undoes it in reverse.
import path from "node:path";
import type { LedgerState } from "../contracts/governance.ts";
import type { Config } from "./adapters/config.ts";
import { createPublisher } from "./adapters/event-publisher.ts";
import { createServingModels, type ServingModels, type ServingTarget } from "./adapters/serving-models.ts";
import { openSpool } from "./adapters/spool.ts";
import { createIds } from "./adapters/uuid.ts";
import { createApp } from "./http/app.ts";
import { refuseOpenDoor } from "./http/guard.ts";
import { serve } from "./http/serve.ts";
import { sessionRoutes } from "./http/session.ts";
import { durationMs } from "./core/duration.ts";
import { readMounts } from "./http/mounts.ts";
import type { ServingClock } from "./ports-serving.ts";
import { wireReading } from "./wiring-reading.ts";
import { wireGuard, wireKeys, wireStores, type Stores } from "./wiring.ts";

/** How often the sealed head is confirmed when nobody called. */
const POLL_MS = 250;
const INSTANCE_MS = 1_000;

export interface Server {
  readonly port: number;
  close(): Promise<void>;
}

/** Runs one api process on a slot; slots spread producers over the partitions. */
export const runServer = async (
  config: Config,
  by: { slot: number; bootMs: number; env: NodeJS.ProcessEnv },
): Promise<Server> => {
  const { service } = config;
  const keys = await wireKeys(config, by.env);
  refuseOpenDoor(keys.configured(), service.api.host);
  const stores = wireStores(config, "api");
  const replay = service.clock === "replay";
  const spool = openSpool({
    dir: path.join(config.home, "spool", String(by.slot)),
    bytesMax: service.api.spool_bytes_max,
  });
  const publisher = await createPublisher({
    redis: stores.streamsAt,
    producer: `${by.slot}-${by.bootMs}`,
    partition: by.slot % service.streams.partitions,
    partitions: service.streams.partitions,
    spool,
    durability: service.api.durability,
    // Under replay nothing times out by the wall.
    ...(replay ? { commandTimeoutMs: 60_000 } : {}),
  });
  const models = createServingModels({
    registry: stores.registry,
    isolate: service.shadow.isolation === "process" ? "all" : "external",
    hangMs: replay ? null : 4 * durationMs(service.shadow.timeout),
    monotonicMs: () => performance.now(),
  });
  const clock = await servingClock(stores, models);
  const follow = follower(stores, models);
  await follow
    .now()
    .catch((cause: unknown) => stores.log.warn({ cause: String(cause) }, "the ledger cannot be read yet"));
  const ids = createIds();
  const reading = wireReading(stores, ids.random);
  const wall = { epochMs: () => Date.now(), monotonicMs: () => performance.now() };
  const { public_url: publicUrl, auth_failures_per_minute: failuresPerMinute } = service.api;
  const guard = wireGuard(config, keys);
  const api = createApp(
    {
      models,
      publisher,
      clock,
      wall,
      ids,
      guard,
      log: ["debug", "trace"].includes(service.log.level) ? stores.log : null,
    },
    {
      bodyBytesMax: service.api.body_bytes_max,
      shadow: {
        queueRowsMax: service.shadow.queue,
        timeoutMs: durationMs(service.shadow.timeout),
        lingerMs: replay ? 1 : 10,
      },
      publicUrl,
      mounts: [
        ...readMounts(reading.ports),
        { path: "/", app: sessionRoutes({ keys, ...wall }, { publicUrl, failuresPerMinute }) },
      ],
    },
  );
  const serving = await serve(api, { host: service.api.host, port: service.api.port });
  const instance = `${by.slot}-${process.pid}`;
  const tell = (): void =>
    void stores.loop.instances.tell(instance, models.generation().loaded).catch(() => undefined);
  tell();
  const stopFollowing = await follow.start(tell);
  const telling = setInterval(tell, INSTANCE_MS);
  return {
    port: serving.port,
    close: async () => {
      await serving.close();
      clearInterval(telling);
      stopFollowing();
      await publisher.drained(5_000);
      await publisher.close();
      await spool.close();
      await stores.loop.instances.leave(instance).catch(() => undefined);
      await models.close();
      await reading.close();
      await stores.close();
    },
  };
};

/** What the sealed ledger wants served: the promoted version, and candidate and standby beside it. */
export const targetsOf = ({ models }: LedgerState): ServingTarget[] =>
  Object.values(models).map(({ model, promoted, candidate, standby }) => ({
    model,
    promoted,
    shadows: [candidate, standby].filter((version) => version !== null),
  }));

const follower = (stores: Stores, models: ServingModels) => {
  let applied = -1;
  let turn: Promise<void> = Promise.resolve();
  const look = async (): Promise<void> => {
    const state = await stores.ledger.sealedState();
    if (state.generation !== applied) {
      const failures = await models.apply(targetsOf(state), state.generation);
      for (const failure of failures) stores.log.error(failure, "a version could not be loaded");
      applied = state.generation;
    }
    models.confirmHead(state.generation);
  };
  /** Looks take turns; a failed one is tried again at the next poll, and serving goes on meanwhile. */
  const now = (): Promise<void> => {
    const mine = turn.then(look);
    turn = mine.catch(() => undefined);
    return mine;
  };
  return {
    now,
    start: async (told: () => void): Promise<() => void> => {
      const quietly = (): void => void now().then(told, () => undefined);
      const poll = setInterval(quietly, POLL_MS);
      const end = await stores.ledger.onMoved(quietly).catch(() => () => undefined);
      return () => {
        clearInterval(poll);
        end();
      };
    },
  };
};

/** The deployment's clock as serving needs it. Under replay the loop has settled when every stage, training and server has. */
const servingClock = async (stores: Stores, models: ServingModels): Promise<ServingClock> => {
  if (stores.config.service.clock === "wall")
    return {
      mode: "wall",
      now: () => Date.now(),
      advance: () => Promise.resolve(false),
      settledThrough: () => Promise.resolve(null),
    };
  const { loop, ledger } = stores;
  let last = (await loop.clock.read()) ?? 0;
  return {
    mode: "replay",
    now: () => last,
    advance: async (ms) => {
      if (ms < last) return false;
      last = await loop.clock.forward(ms);
      return last === ms;
    },
    settledThrough: async () => {
      const [settled, state, sealed, serving] = await Promise.all([
        loop.progress.get("loop:settled"),
        ledger.state(),
        ledger.sealed(),
        loop.instances.generations(),
      ]);
      if (settled === null) return null;
      const training = Object.values(state.models).some((model) => model.training !== null);
      const behind =
        sealed.generation !== state.generation || models.generation().loaded !== sealed.generation;
      const others = serving.some((generation) => generation !== sealed.generation);
      return training || behind || others ? Math.min(settled, last) - 1 : settled;
    },
  };
};
