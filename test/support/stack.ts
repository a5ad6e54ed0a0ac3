// Test support: the two real neighbours of the house for one test file: a redis-server and the embedded ClickHouse engine as a process,
// migrated. Promises fresh directories, free ports and that close() leaves nothing behind; the engine can be killed and
// started again on the same directory and address.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickhouse } from "../../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../../src/adapters/clickhouse.ts";
import { projectRoot } from "../../src/adapters/config.ts";
import { migrate } from "../../src/adapters/migrations.ts";
import { startRedis } from "./redis.ts";
import type { TestRedis } from "./redis.ts";

export interface TestStack {
  readonly home: string;
  readonly redisUrl: string;
  readonly redis: TestRedis;
  readonly clickhouseUrl: string;
  readonly clickhouse: ReturnType<typeof createClickhouse>;
  /** Pid of the engine's process as it runs now. */
  clickhousePid(): number;
  /** SIGKILL to the engine's process; its directory stays. */
  killClickhouse(): Promise<void>;
  /** Starts the engine again on the same directory and address. */
  restartClickhouse(): Promise<void>;
  /** A statement of the test's own in the database, rows as objects; 64-bit integers come as text. */
  sql(statement: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const DATABASE = "flyball";

export const startStack = async (): Promise<TestStack> => {
  const home = mkdtempSync(join(tmpdir(), "flyball-stack-"));
  const redis = await startRedis();
  const path = join(home, "clickhouse");
  // Tests may ask with any function of the engine.
  const settings = { path, allowFiles: true };
  let engine = await startClickhouse(settings);
  const url = engine.url;
  const clickhouse = createClickhouse({
    url,
    database: DATABASE,
    queriesDir: join(projectRoot(), "clickhouse", "queries"),
  });
  const reap = (): void => void kill(engine.pid, "SIGKILL");
  process.once("exit", reap);
  const close = async (): Promise<void> => {
    await clickhouse.close();
    kill(engine.pid, "SIGCONT");
    await engine.close();
    await redis.stop();
    process.off("exit", reap);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await fetch(url, { method: "POST", body: `CREATE DATABASE IF NOT EXISTS ${DATABASE}` });
    await migrate(clickhouse, join(projectRoot(), "clickhouse", "migrations"), new Date());
  } catch (cause) {
    await close();
    throw cause;
  }

  return {
    home,
    redisUrl: redis.url,
    redis,
    clickhouseUrl: url,
    clickhouse,
    clickhousePid: () => engine.pid,
    killClickhouse: () => engine.kill(),
    restartClickhouse: async () => {
      engine = await startClickhouse({ ...settings, port: Number(new URL(url).port) });
    },
    sql: async (statement) => {
      const target = `${url}/?database=${DATABASE}&default_format=JSONEachRow`;
      const answer = await fetch(target, { method: "POST", body: statement });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`ClickHouse ${answer.status}: ${text}`);
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    close,
  };
};

/** A process that is gone already is as dead as asked. */
const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch {
    return;
  }
};
