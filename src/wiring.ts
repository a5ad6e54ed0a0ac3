// Wiring: with src/wiring-reading.ts the only file that knows both a port and who implements it. Each function opens what one process
// needs and returns it with a close() that closes in the reverse of the opening order.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { DRIFT_PROFILES, type DriftProfile } from "../contracts/drift-profile.ts";
import { createClickhouse, type Clickhouse } from "./adapters/clickhouse.ts";
import { ConfigError, projectRoot, type Config } from "./adapters/config.ts";
import { createAlerts, createDecisions } from "./adapters/decision-store.ts";
import { openKeys, type KeyStore } from "./adapters/keys.ts";
import { createLedger, type Ledger } from "./adapters/ledger.ts";
import { createLog } from "./adapters/log.ts";
import { createLoopState, type LoopState } from "./adapters/loop-state.ts";
import { createMeasures } from "./adapters/measure-store.ts";
import { createOutcomes } from "./adapters/outcome-store.ts";
import { connectRedis, type RedisClient, type RedisWhere } from "./adapters/redis.ts";
import type { Registry } from "./adapters/registry.ts";
import { openRegistry } from "./adapters/registry-open.ts";
import { createRegistryReader } from "./adapters/registry-reader.ts";
import type { Engine } from "./adapters/rows.ts";
import { createSnapshots, createTraffic } from "./adapters/snapshot-store.ts";
import { parsePolicy, type ReadyPolicy } from "./core/policy.ts";
import { createGuard } from "./http/guard.ts";
import type {
  KeepsAlerts,
  KeepsDecisions,
  KeepsMeasures,
  KeepsSnapshots,
  Log,
  ReadsOutcomes,
  ReadsRegistry,
  ReadsTraffic,
} from "./ports.ts";
import type { Guard } from "./ports-serving.ts";

/** Longer than any answer a healthy neighbour takes. */
const COMMAND_TIMEOUT_MS = 5_000;

export interface Stores {
  readonly config: Config;
  readonly redis: RedisClient;
  readonly redisUrl: string;
  /** Where the streams lie. */
  readonly streamsAt: RedisWhere;
  readonly clickhouse: Clickhouse;
  readonly ledger: Ledger;
  readonly loop: LoopState;
  readonly traffic: ReadsTraffic;
  readonly snapshots: KeepsSnapshots;
  readonly outcomes: ReadsOutcomes;
  readonly measures: KeepsMeasures;
  readonly decisions: KeepsDecisions;
  readonly alerts: KeepsAlerts;
  readonly registry: Registry;
  readonly bundles: ReadsRegistry;
  readonly log: Log;
  /** The deployment's clock: the wall, or the last event time told under replay (the epoch before the first). */
  now(): Promise<number>;
  close(): Promise<void>;
}

/** Opens all stores of a deployment. */
export const wireStores = (config: Config, name: string): Stores => {
  const { redisUrl } = neighbours(config);
  const log = createLog({ name, level: config.service.log.level });
  const redis = connectRedis({ url: redisUrl }, { timeoutMs: COMMAND_TIMEOUT_MS });
  const clickhouse = wireClickhouse(config);
  const engine: Engine = clickhouse;
  const loop = createLoopState(redis, Date.now);
  const registry = openRegistry(config);
  return {
    config,
    redis,
    redisUrl,
    streamsAt: streamsAt(config, redisUrl),
    clickhouse,
    ledger: createLedger({ redis, clickhouse: engine }),
    loop,
    traffic: createTraffic(engine),
    snapshots: createSnapshots(engine),
    outcomes: createOutcomes(engine),
    measures: createMeasures(engine),
    decisions: createDecisions(engine),
    alerts: createAlerts(engine),
    registry,
    bundles: createRegistryReader(registry),
    log,
    now: async () => (config.service.clock === "wall" ? Date.now() : ((await loop.clock.read()) ?? 0)),
    close: async () => {
      await clickhouse.close();
      redis.disconnect();
    },
  };
};

/** Opens the keys of a deployment; rejects where they are there and cannot be read. */
export const wireKeys = async (config: Config, env: NodeJS.ProcessEnv): Promise<KeyStore> => {
  const keys = openKeys({
    home: config.home,
    bootstrap: env["FLYBALL_BOOTSTRAP_KEY"],
    monotonicMs: () => performance.now(),
  });
  await keys.refresh();
  return keys;
};

/** Who may pass a door of this deployment, and how often. */
export const wireGuard = ({ service: { api } }: Config, keys: KeyStore): Guard =>
  createGuard(
    { keys, epochMs: Date.now, monotonicMs: () => performance.now() },
    {
      perKeyPerSecond: api.rate_per_key,
      perAddressPerSecond: api.rate_per_address,
      failuresPerMinute: api.auth_failures_per_minute,
    },
  );

/** Opens ClickHouse alone. */
export const wireClickhouse = (config: Config): Clickhouse => {
  const { clickhouse } = config.service;
  return createClickhouse({
    url: neighbours(config).clickhouseUrl,
    database: clickhouse.database,
    queriesDir: path.join(projectRoot(), "clickhouse", "queries"),
    ...(clickhouse.user === null ? {} : { user: clickhouse.user }),
    ...(clickhouse.password === null ? {} : { password: clickhouse.password }),
  });
};

/** Where Redis and ClickHouse are; a clear error with the way out where nobody said and nothing runs. */
export const neighbours = (config: Config): { redisUrl: string; clickhouseUrl: string } => {
  const { redis, clickhouse } = config.service;
  if (redis.url === null || clickhouse.url === null)
    throw new ConfigError(
      `${redis.url === null ? "redis.url" : "clickhouse.url"} is not set and no stack runs in ${config.home}: start one with \`flyball up\`, or set it in config/service.yaml`,
    );
  return { redisUrl: redis.url, clickhouseUrl: clickhouse.url };
};

/** The Redis, or the nodes of the cluster, that the configuration gives the streams. */
export const streamsAt = ({ service }: Pick<Config, "service">, redisUrl: string): RedisWhere => {
  const nodes = service.streams.cluster;
  if (nodes === null) return { url: redisUrl };
  return {
    cluster: nodes.map((node) => {
      const [host = "", port] = node.split(":");
      return { host, port: Number(port) };
    }),
  };
};

/** The policy of the deployment; every mistake with its line. */
export const loadPolicy = (config: Config): ReadyPolicy => {
  const file = path.join(config.configDir, "policy.yaml");
  if (!existsSync(file))
    throw new ConfigError(`${file} is missing: a deployment decides by an explicit policy`);
  const parsed = parsePolicy(readFileSync(file, "utf8"), "policy.yaml");
  if (parsed.ok) return parsed.policy;
  throw new ConfigError(
    parsed.errors
      .map((e) => `policy.yaml:${e.line}:${e.column}: ${e.key === "" ? "" : `${e.key}: `}${e.message}`)
      .join("\n"),
  );
};

/** The drift profile a policy names, with the policy's own thresholds, and its false-alarm budget where the profile spends one. */
export const driftProfile = ({ drift }: Pick<ReadyPolicy, "drift">): DriftProfile => {
  const profile: DriftProfile = DRIFT_PROFILES[drift.profile];
  const own: Readonly<Record<string, { watch: number; breach: number } | undefined>> = drift.thresholds ?? {};
  return {
    ...profile,
    alpha: typeof profile.alpha === "number" ? profile.alpha : drift.budget,
    features: profile.features.map((rule) => ({ ...rule, ...own[rule.statistic] })),
    prediction: profile.prediction.map((rule) => ({ ...rule, ...own[rule.statistic] })),
  };
};
