// Bench `record`: a backlog of predictions in Redis drained into ClickHouse by one recorder process and the embedded engine, on real
// neighbours with production durability. It reports events a second and how flat memory stays; afterwards every row is counted.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ENTRY_VERSION, streamKey } from "../contracts/event.ts";
import { startClickhouse } from "../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../src/adapters/clickhouse.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { createFactSink } from "../src/adapters/fact-sink.ts";
import { migrate } from "../src/adapters/migrations.ts";
import { connectRedis } from "../src/adapters/redis.ts";
import { createStreamProgress } from "../src/adapters/stream-progress.ts";
import { createStreamReader } from "../src/adapters/streams.ts";
import { createRecorder } from "../workers/record.ts";
import { machine, startBenchRedis } from "./processes.ts";

export interface RecordBench {
  readonly name: "record";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  readonly events: number;
  readonly events_per_second: number;
  readonly bytes_per_second: number;
  /** Facts in the table afterwards; must equal `events`. */
  readonly recorded: number;
  /** Processor seconds spent on the drain: what holds on a machine shared with others. */
  readonly cpu_s: { readonly recorder: number; readonly engine: number };
  /** Resident memory (MB) of the recorder after a quarter and at the end, and of the engine at the end. */
  readonly recorder_rss_mb: readonly [number, number];
  readonly engine_rss_mb: readonly [number, number];
}

/** Rows of one tick's entry under load. */
const ENTRY_ROWS = 64;
const CODES = 20;

/** Measures; `events` is the size of the backlog, `partitions` how many streams it lies in. */
export const run = async (
  args: { json?: string; events?: number; partitions?: number } = {},
): Promise<RecordBench> => {
  const { events = 3_000_000, partitions = 2 } = args;
  const home = await mkdtemp(join(tmpdir(), "flyball-bench-"));
  const redis = await startBenchRedis();
  const engine = await startClickhouse({ path: join(home, "clickhouse"), allowFiles: true });
  const sqlDir = join(projectRoot(), "clickhouse");
  const clickhouse = createClickhouse({
    url: engine.url,
    database: "flyball",
    queriesDir: join(sqlDir, "queries"),
  });
  try {
    await fetch(engine.url, { method: "POST", body: "CREATE DATABASE IF NOT EXISTS flyball" });
    await migrate(clickhouse, join(sqlDir, "migrations"), new Date());
    const bytes = await fill(redis.url, events, partitions);
    const memory: (readonly [number, number])[] = [];
    const sample = async (): Promise<void> => {
      const { rssMb } = await processOf(engine.pid);
      memory.push([Math.round(process.memoryUsage.rss() / 1_048_576), rssMb]);
    };
    const sampler = setInterval(() => void sample(), 1_000);
    const before = { own: process.cpuUsage(), engine: await processOf(engine.pid) };
    const startedAt = performance.now();
    await drainAll(redis.url, partitions, clickhouse);
    const seconds = (performance.now() - startedAt) / 1_000;
    clearInterval(sampler);
    const own = process.cpuUsage(before.own);
    const after = await processOf(engine.pid);
    await sample();
    const [counted] = await clickhouse.ask<{ n: number }>("SELECT toUInt32(count()) AS n FROM predictions");
    const [quarter, end] = [memory[memory.length >> 2] ?? [0, 0], memory.at(-1) ?? [0, 0]];
    const result: RecordBench = {
      name: "record",
      machine: machine(),
      runs: 1,
      events,
      events_per_second: Math.round(events / seconds),
      bytes_per_second: Math.round(bytes / seconds),
      recorded: counted?.n ?? 0,
      cpu_s: {
        recorder: Math.round((own.user + own.system) / 1e5) / 10,
        engine: after.cpuS - before.engine.cpuS,
      },
      recorder_rss_mb: [quarter[0], end[0]],
      engine_rss_mb: [quarter[1], end[1]],
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await clickhouse.close();
    await engine.close();
    await redis.stop();
    await rm(home, { recursive: true, force: true });
  }
};

/** One recorder a partition, side by side in this process, until nothing is left. */
const drainAll = async (
  redisUrl: string,
  partitions: number,
  clickhouse: ReturnType<typeof createClickhouse>,
): Promise<void> => {
  const redis = { url: redisUrl };
  const progress = createStreamProgress({ redis, partitions });
  const silent = (): void => undefined;
  const readers = Array.from({ length: partitions }, (_, partition) =>
    createStreamReader({
      redis,
      kind: "events",
      partition,
      consumer: "bench",
      notice: silent,
      blockMs: 50,
      lingerMs: 0,
    }),
  );
  await Promise.all(
    readers.map((stream) => {
      const sink = createFactSink(clickhouse, "events");
      return createRecorder(
        {
          stream,
          facts: sink,
          letters: sink,
          progress,
          onWatermark: () => Promise.resolve(),
          failpoint: silent,
          wallNow: () => Date.now(),
          log: { debug: silent, info: silent, warn: console.error, error: console.error },
        },
        { watermark: { clock: "replay" } },
      ).drain();
    }),
  );
  await Promise.all([...readers.map((reader) => reader.close()), progress.close()]);
};

/** Publishes the backlog, a day of event time, and returns its size in bytes. */
const fill = async (redisUrl: string, events: number, partitions: number): Promise<number> => {
  const redis = connectRedis({ url: redisUrl }, { timeoutMs: 60_000 });
  const startMs = Date.UTC(2026, 5, 1);
  let bytes = 0;
  let sent: Promise<unknown>[] = [];
  for (let at = 0; at < events; at += ENTRY_ROWS) {
    const n = Math.min(ENTRY_ROWS, events - at);
    let rows = "";
    for (let i = at; i < at + n; i += 1) rows += rowOf(i, startMs + Math.floor((i / events) * 86_400_000));
    bytes += rows.length;
    const partition = Math.floor(at / ENTRY_ROWS) % partitions;
    const words = ["v", String(ENTRY_VERSION), "n", String(n), "rows", rows];
    sent.push(redis.xadd(streamKey("events", partition), "*", ...words));
    if (sent.length === 500) {
      await Promise.all(sent);
      sent = [];
    }
  }
  await Promise.all(sent);
  redis.disconnect();
  return bytes;
};

const rowOf = (i: number, ms: number): string => {
  const hex = (Math.imul(i + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, "0");
  const id = `${hex}-${i.toString(16).padStart(4, "0").slice(-4)}-5000-8000-${i.toString(16).padStart(12, "0")}`;
  const at = new Date(ms).toISOString().replace("T", " ").slice(0, 23);
  let codes = "";
  for (let c = 0; c < CODES; c += 1) codes += `${c === 0 ? "" : ","}${(i * 31 + c * 17) % 200}`;
  const probability = ((i * 7919) % 100_003) / 100_003;
  return `["${at}","flight-delay","1.0.0","production","${id}","${id}","ok",${probability},${i % 5_000},"e5d1",[${codes}],"0-bench",${i},"${at}"]\n`;
};

/** Resident memory and processor time of a process, as `ps` tells them everywhere. */
const processOf = async (pid: number): Promise<{ rssMb: number; cpuS: number }> => {
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=,time=", "-p", String(pid)]);
  const [rss = "0", time = "0"] = stdout.trim().split(/\s+/);
  const cpuS = time.split(/[-:]/).reduce((sum, part) => sum * 60 + Number(part), 0);
  return { rssMb: Math.round(Number(rss) / 1_024), cpuS: Math.round(cpuS) };
};
