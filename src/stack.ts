// Wiring: a whole stack on one machine: Redis, ClickHouse, api and workers, in that order, supervised. Redis and ClickHouse are private ones
// under the home folder unless the configuration names others, which are then never started, stopped or configured by us.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync, renameSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { RunningStack } from "../contracts/config.ts";
import { ConfigError, loadConfig, projectRoot, type Config } from "./adapters/config.ts";
import { migrate } from "./adapters/migrations.ts";
import { connectRedis, REDIS_SETTINGS } from "./adapters/redis.ts";
import { API_FLAGS, supervise, type Supervised } from "./adapters/supervisor.ts";
import { loadPolicy, wireClickhouse, wireStores } from "./wiring.ts";

export interface Stack {
  readonly apiUrl: string;
  readonly redisUrl: string;
  readonly clickhouseUrl: string;
  readonly children: readonly Supervised[];
  /** Ends what was started, in reverse, drained. */
  stop(): Promise<void>;
}

/** Starts everything and resolves once the api answers; on failure everything started is stopped again. */
export const startStack = async (env: NodeJS.ProcessEnv, told: (message: string) => void): Promise<Stack> => {
  const config = loadConfig(env);
  if (config.running !== null)
    throw new ConfigError(
      `a stack already runs in ${config.home} (pid ${config.running.pid}, ${config.running.api})`,
    );
  // Mistakes an operator can make are told before anything is started.
  loadPolicy(config);
  const { host, port } = config.service.api;
  if (port !== 0 && !(await isFree(host, port)))
    throw new ConfigError(
      `port ${port} on ${host} is taken: stop what uses it, or set FLYBALL_API_PORT (0 takes a free one)`,
    );
  mkdirSync(config.home, { recursive: true });
  const children: Supervised[] = [];
  const stop = async (): Promise<void> => {
    for (const child of [...children].reverse()) await child.stop();
    rmSync(path.join(config.home, "run.json"), { force: true });
  };
  try {
    if (config.service.redis.url !== null) await refuseSilent(config.service.redis.url);
    const redisUrl = config.service.redis.url ?? (await startRedis(config, env, children, told));
    const clickhouseUrl =
      config.service.clickhouse.url ?? (await startClickhouse(config, env, children, told));
    const inner = {
      ...env,
      FLYBALL_HOME: config.home,
      FLYBALL_REDIS_URL: redisUrl,
      FLYBALL_CLICKHOUSE_URL: clickhouseUrl,
    };
    await migrateAll(loadConfig(inner));
    await refuseDamaged(loadConfig(inner));
    const api = await startOwn("api", ["serve"], { config, env: inner, children, told });
    const apiPort = Number(api.said()["port"] ?? port);
    api.pin(ownArgs(["serve", "--port", String(apiPort)]));
    await startOwn("workers", ["work"], { config, env: inner, children, told });
    const apiUrl = `http://${host}:${apiPort}`;
    leaveWord(config, {
      pid: process.pid,
      redis: redisUrl,
      clickhouse: clickhouseUrl,
      api: apiUrl,
      started_at: new Date().toISOString(),
    });
    return { apiUrl, redisUrl, clickhouseUrl, children, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
};

const migrateAll = async (config: Config): Promise<void> => {
  const clickhouse = wireClickhouse(config);
  const root = path.join(projectRoot(), "clickhouse");
  try {
    await migrate(
      clickhouse,
      { migrations: path.join(root, "migrations"), views: path.join(root, "views") },
      new Date(),
    );
  } finally {
    await clickhouse.close();
  }
};

/** A version that serves is as it was published, or nothing starts: an api without its model would answer nobody. */
const refuseDamaged = async (config: Config): Promise<void> => {
  const stores = wireStores(config, "up");
  try {
    // A ledger that cannot be read is for the workers to mend: they rebuild it from its copy.
    const state = await stores.ledger.state().catch(() => null);
    for (const { model, promoted } of Object.values(state?.models ?? {})) {
      if (promoted === null) continue;
      const { ok, files } = await stores.registry.verify(model, promoted);
      if (ok) continue;
      const damaged = files.filter((one) => !one.ok).map(({ file, reason }) => `${file} ${reason}`);
      throw new ConfigError(
        `${model}@${promoted} serves, and is damaged in the registry (${damaged.join(", ")}): restore it from a backup; flyball models verify looks at every version`,
      );
    }
  } finally {
    await stores.close();
  }
};

interface Around {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly children: Supervised[];
  readonly told: (message: string) => void;
}

const ownArgs = (args: readonly string[]): string[] => [
  "--disable-proto=delete",
  ...(args[0] === "serve" ? API_FLAGS : []),
  path.join(projectRoot(), "dist", "src", "cli.js"),
  ...args,
];

const startOwn = async (name: string, args: readonly string[], by: Around): Promise<Supervised> => {
  const logDir = path.join(by.config.home, "logs");
  const child = await supervise(
    {
      name,
      command: process.execPath,
      args: ownArgs(args),
      env: by.env,
      logDir,
      leash: "pipe",
      ready: "line",
    },
    by.told,
  );
  by.children.push(child);
  return child;
};

/** A Redis that is away while the stack runs is waited for; one that is away when it starts is a mistake of who starts it. */
const refuseSilent = async (url: string): Promise<void> => {
  const redis = connectRedis({ url }, { timeoutMs: 3_000 });
  try {
    await redis.call("PING");
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigError(
      `Redis at ${new URL(url).host} does not answer (${said}): start it, or unset redis.url so that \`flyball up\` starts its own`,
      { cause },
    );
  } finally {
    redis.disconnect();
  }
};

const startClickhouse = async (
  config: Config,
  env: NodeJS.ProcessEnv,
  children: Supervised[],
  told: Around["told"],
): Promise<string> => {
  const folder = path.join(config.home, "clickhouse");
  const args = (port: number): string[] => [
    "clickhouse",
    "--path",
    folder,
    "--host",
    "127.0.0.1",
    "--port",
    String(port),
  ];
  const threads = { ...env, UV_THREADPOOL_SIZE: "8" };
  const engine = await startOwn("clickhouse", args(0), { config, env: threads, children, told });
  const port = Number(engine.said()["port"]);
  // Everybody knows its address by now: a successor must take the same one.
  engine.pin(ownArgs(args(port)));
  return `http://127.0.0.1:${port}`;
};

const startRedis = async (
  config: Config,
  env: NodeJS.ProcessEnv,
  children: Supervised[],
  told: Around["told"],
): Promise<string> => {
  const server = findRedis(env);
  const folder = path.join(config.home, "redis");
  mkdirSync(folder, { recursive: true });
  const port = await freePort("127.0.0.1");
  const url = `redis://127.0.0.1:${port}`;
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, ...REDIS_SETTINGS];
  const ask = async (): Promise<boolean> => {
    const client = connectRedis({ url }, { timeoutMs: 1_000 });
    try {
      return (await client.ping()) === "PONG";
    } finally {
      client.disconnect();
    }
  };
  const logDir = path.join(config.home, "logs");
  children.push(
    await supervise({ name: "redis", command: server, args, env, logDir, leash: "guard", ready: ask }, told),
  );
  return url;
};

const findRedis = (env: NodeJS.ProcessEnv): string => {
  const folders = (env["PATH"] ?? "").split(path.delimiter);
  const found = folders.map((folder) => path.join(folder, "redis-server")).find((file) => existsSync(file));
  if (found === undefined)
    throw new ConfigError(
      "redis-server was not found on PATH: run scripts/setup.sh, install Redis 7 or newer, or set redis.url in config/service.yaml",
    );
  const version = /v=(\d+)\.(\d+)/.exec(execFileSync(found, ["--version"], { encoding: "utf8" }));
  if (Number(version?.[1] ?? 0) < 7)
    throw new ConfigError(`${found} is Redis ${version?.[1] ?? "?"}: 7.0 or newer is needed`);
  return found;
};

const leaveWord = (config: Config, running: RunningStack): void => {
  const file = path.join(config.home, "run.json");
  writeFileSync(`${file}.tmp`, `${JSON.stringify(RunningStack.parse(running))}\n`, { mode: 0o600 });
  renameSync(`${file}.tmp`, file);
};

const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject);
    probe.listen(0, host, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

const isFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer().once("error", () => resolve(false));
    probe.listen(port, host, () => probe.close(() => resolve(true)));
  });
