// Bench: child processes of a bench: compiled modules run by name, pinned to a core where the machine can, always ended.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { z } from "zod";
import { projectRoot } from "../src/adapters/config.ts";
import { REDIS_SETTINGS } from "../src/adapters/redis.ts";
import { API_FLAGS } from "../src/adapters/supervisor.ts";
import type { LoadPlan, LoadResult } from "./load.ts";

const CAN_PIN =
  process.platform === "linux" && availableParallelism() > 1 && spawnSync("taskset", ["-V"]).status === 0;

/** Where a process runs. */
export type Core = 0 | 1 | "any";

/** A command, kept to one core where that is possible: servers on the first, all else on the second. */
export const pinned = (
  core: Core,
  command: string,
  args: readonly string[],
): readonly [string, readonly string[]] =>
  CAN_PIN && core !== "any" ? ["taskset", ["-c", String(core), command, ...args]] : [command, args];

/** Starts an exported function of a bench module in its own process. */
const start = (core: Core, module: string, call: string, flags: readonly string[] = []): ChildProcess => {
  const url = new URL(`./${module}.js`, import.meta.url).href;
  const [command, args] = pinned(core, process.execPath, [
    ...flags,
    "--input-type=module",
    "-e",
    `(await import(${JSON.stringify(url)})).${call}`,
  ]);
  return spawn(command, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
};

const message = <T>(child: ChildProcess, word: z.ZodType<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`a bench process ended with ${code}`));
    child.once("exit", ended);
    child.once("message", (content) => {
      child.off("exit", ended);
      resolve(word.parse(content));
    });
  });

export interface Server {
  readonly port: number;
  readonly pid: number;
  rssMb(): Promise<number>;
  /** Processor seconds used so far. */
  cpuS(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a server of servers.ts, with node's settings as an api process has them. */
export const startServer = async (call: string, core: Core = 0): Promise<Server> => {
  const child = start(core, "servers", call, API_FLAGS);
  const { port } = await message(child, z.object({ port: z.int() }));
  return {
    port,
    pid: child.pid ?? 0,
    rssMb: async () => {
      child.send("rss");
      return (await message(child, z.object({ rss: z.number() }))).rss / 1024 / 1024;
    },
    cpuS: async () => {
      child.send("cpu");
      return (await message(child, z.object({ cpu_s: z.number() }))).cpu_s;
    },
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  };
};

const Result = z.object({
  requests_per_second: z.number(),
  p50_ms: z.number(),
  p99_ms: z.number(),
  not_ok: z.int(),
});

/** Runs the load generator once. */
export const runLoad = async (plan: LoadPlan): Promise<LoadResult> => {
  const child = start(1, "load", "loadForParent()");
  child.send(plan);
  return message(child, Result);
};

/** A private Redis with every write synced before its reply. */
export const startBenchRedis = async (core: Core = 1): Promise<{ url: string; stop(): Promise<void> }> => {
  const dir = mkdtempSync(path.join(tmpdir(), "flyball-bench-redis-"));
  const port = await freePort();
  const settings = ["--port", String(port), "--dir", dir, ...REDIS_SETTINGS];
  const [command, args] = pinned(core, "redis-server", settings);
  const child = spawn(command, args, { stdio: "ignore" });
  const url = `redis://127.0.0.1:${port}`;
  const redis = new Redis(url);
  redis.on("error", () => undefined);
  await redis.ping();
  redis.disconnect();
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => {
          rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
          resolve();
        });
        child.kill("SIGKILL");
      }),
  };
};

/** A port that nobody listens on. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === "object" ? address.port : 0));
    });
  });

/** The machine a result was measured on. */
export const machine = () => ({
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  node: process.version,
  at: new Date().toISOString(),
  /** Beside the bench's own work: above the cores, ratios are noise. */
  load_average: loadavg().map((load) => Math.round(load * 100) / 100),
});

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
};

/** The shipped contract. */
export const contractFile = (): string =>
  path.join(projectRoot(), "contracts/features/flight-delay@1.0.0.yaml");
