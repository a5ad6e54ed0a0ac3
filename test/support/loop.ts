// Test support: the whole loop as real processes for end-to-end tests: Redis, engine, api and a worker process that is started again at
// once whenever it dies, under a replayed clock and a faster policy. Promises that close() leaves no process and no file.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { loadConfig, projectRoot } from "../../src/adapters/config.ts";
import { createHttpClient } from "../../src/adapters/http-client.ts";
import { migrate } from "../../src/adapters/migrations.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import type { ReplaySource } from "../../src/ports-replay.ts";
import { wireStores, type Stores } from "../../src/wiring.ts";
import { startStack } from "./stack.ts";

export interface Told {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Loop {
  readonly home: string;
  readonly stores: Stores;
  readonly client: ReturnType<typeof createHttpClient>;
  /** Runs the command line against this loop; a worker that dies meanwhile is started again. */
  flyball(...words: readonly string[]): Promise<Told>;
  /** How often the worker process was started again. */
  deaths(): number;
  close(): Promise<void>;
}

const CLI = path.join(projectRoot(), "dist", "src", "cli.js");

/** Starts the neighbours and api; the worker once `begin` is called by the caller's first command. */
export const startLoop = async (by: {
  /** Replacements in the shipped policy; each must be found. */
  readonly policy: readonly (readonly [string, string])[];
  readonly env: Readonly<Record<string, string>>;
  readonly failpoints?: string;
}): Promise<Loop> => {
  if (!existsSync(CLI)) throw new Error("end-to-end tests run what was built: npm run build");
  const stack = await startStack();
  const sql = path.join(projectRoot(), "clickhouse");
  const folders = { migrations: path.join(sql, "migrations"), views: path.join(sql, "views") };
  await migrate(stack.clickhouse, folders, new Date());
  const config = path.join(stack.home, "config");
  cpSync(path.join(projectRoot(), "config"), config, { recursive: true });
  writeFileSync(path.join(config, "policy.yaml"), patched(by.policy));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...by.env,
    FLYBALL_HOME: stack.home,
    FLYBALL_CONFIG: config,
    FLYBALL_REDIS_URL: stack.redisUrl,
    FLYBALL_CLICKHOUSE_URL: stack.clickhouseUrl,
    FLYBALL_CLOCK: "replay",
    FLYBALL_STREAMS_PARTITIONS: "1",
  };
  const logs = path.join(stack.home, "logs");
  mkdirSync(logs);
  const running = new Set<ChildProcess>();
  let ending = false;
  let deaths = 0;
  const start = async (name: string, words: readonly string[], extra: NodeJS.ProcessEnv): Promise<number> => {
    const child = spawn(process.execPath, [CLI, ...words], {
      env: { ...env, ...extra, FLYBALL_SUPERVISED: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    running.add(child);
    const keep = (line: string): void =>
      writeFileSync(path.join(logs, `${name}.log`), `${line}\n`, { flag: "a" });
    createInterface({ input: child.stderr }).on("line", keep);
    const port = new Promise<number>((resolve, reject) => {
      createInterface({ input: child.stdout }).on("line", (line) => {
        keep(line);
        const said = /"ready":true.*?"port":(\d+)/.exec(line);
        if (line.startsWith('{"ready":true')) resolve(Number(said?.[1] ?? 0));
      });
      child.once("exit", (code, signal) => reject(new Error(`${name} ended with ${code ?? signal}`)));
    });
    child.once("exit", () => running.delete(child));
    return port;
  };
  const startWorker = async (): Promise<void> => {
    const ready = start("workers", ["work"], { FLYBALL_FAILPOINTS: by.failpoints ?? "" });
    const [child] = [...running].slice(-1);
    child?.once("exit", () => {
      if (ending) return;
      deaths += 1;
      startWorker().catch(() => undefined);
    });
    await ready;
  };
  const port = await start("api", ["serve", "--port", "0"], {});
  await startWorker();
  const client = createHttpClient(`http://127.0.0.1:${port}`);
  const stores = wireStores(loadConfig(env), "test");
  return {
    home: stack.home,
    stores,
    client,
    flyball: async (...words) => {
      const child = spawn(process.execPath, [CLI, ...words], { env, stdio: ["ignore", "pipe", "pipe"] });
      let [out, err] = ["", ""];
      child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
      child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
      await once(child, "close");
      return { status: child.exitCode ?? -1, out, err };
    },
    deaths: () => deaths,
    close: async () => {
      ending = true;
      await Promise.all(
        [...running].map(async (child) => {
          const gone = once(child, "exit");
          child.kill("SIGKILL");
          await gone;
        }),
      );
      await client.close();
      await stores.close();
      await stack.close();
    },
  };
};

const patched = (replacements: readonly (readonly [string, string])[]): string => {
  let text = readFileSync(path.join(projectRoot(), "config", "policy.yaml"), "utf8");
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`the shipped policy does not say: ${from}`);
    text = text.replace(from, to);
  }
  return text;
};

export interface Row {
  readonly features: Readonly<Record<string, string | number>>;
  readonly label: 0 | 1;
}

const NAMESPACE = "0b0f5b1c-7a55-5d0e-9d3c-1f0d6f6c2a41";

/** Rows as a replay reads them, so many a day from an instant on; every label comes. */
export const sourceOf = (
  rows: readonly Row[],
  by: { readonly startMs: number; readonly perDay: number },
): ReplaySource => {
  const ids = createIds();
  const at = (row: number): Row => {
    const found = rows[row];
    if (found === undefined) throw new Error(`no row ${row}`);
    return found;
  };
  return {
    rows: rows.length,
    eventTimeMs: (row) => by.startMs + Math.floor((row * 86_400_000) / by.perDay),
    features: (row) => at(row).features,
    label: (row) => at(row).label,
    requestId: (row) => ids.within(NAMESPACE, String(row)),
    draw: () => 0,
  };
};

/** Writes rows as the CSV file a contract's `at` and `label` columns describe. */
export const writeCsv = (
  file: string,
  rows: readonly Row[],
  by: { readonly label: string; readonly startMs: number },
): void => {
  const names = Object.keys(rows[0]?.features ?? {});
  const lines = rows.map(({ features, label }, i) =>
    [new Date(by.startMs + i * 60_000).toISOString(), ...names.map((name) => features[name]), label].join(
      ",",
    ),
  );
  writeFileSync(file, `${["at", ...names, by.label].join(",")}\n${lines.join("\n")}\n`);
};
