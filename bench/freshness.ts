// Bench `freshness`: from an answer to its row being visible in ClickHouse, while the api serves half of the peak it was first measured
// at. Real recorder with its production pauses, real engine, every write synced. Probes are requests of the bench's own.
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { startClickhouse } from "../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../src/adapters/clickhouse.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { createFactSink } from "../src/adapters/fact-sink.ts";
import { migrate } from "../src/adapters/migrations.ts";
import { createStreamProgress } from "../src/adapters/stream-progress.ts";
import { createStreamReader } from "../src/adapters/streams.ts";
import { createRecorder } from "../workers/record.ts";
import { BODIES, CONNECTIONS } from "./predict.ts";
import { contractFile, machine, median, runLoad, startBenchRedis, startServer } from "./processes.ts";

export interface FreshnessBench {
  readonly name: "freshness";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  readonly peak_rps: number;
  /** Requests a second that were served while the probes were followed. */
  readonly served_rps: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly probes: number;
  /** Probes not seen within ten seconds; they count as ten seconds. */
  readonly unseen: number;
}

const PROBE_EVERY_MS = 50;
const LOOK_EVERY_MS = 20;
const UNSEEN_MS = 10_000;

type Clickhouse = ReturnType<typeof createClickhouse>;

/** Measures for `seconds` at half of peak. */
export const run = async (args: { json?: string; seconds?: number } = {}): Promise<FreshnessBench> => {
  const { seconds = 20 } = args;
  const home = await mkdtemp(path.join(tmpdir(), "flyball-bench-"));
  const redis = await startBenchRedis();
  const engine = await startClickhouse({ path: path.join(home, "clickhouse"), allowFiles: true });
  const sql = path.join(projectRoot(), "clickhouse");
  const clickhouse = createClickhouse({
    url: engine.url,
    database: "flyball",
    queriesDir: path.join(sql, "queries"),
  });
  const plan = JSON.stringify({ redisUrl: redis.url, contractFile: contractFile(), shadow: false });
  const server = await startServer(`startApi(${plan})`);
  const ending = new AbortController();
  let recording: Promise<void> = Promise.resolve();
  try {
    await fetch(engine.url, { method: "POST", body: "CREATE DATABASE IF NOT EXISTS flyball" });
    await migrate(clickhouse, path.join(sql, "migrations"), new Date());
    recording = record(redis.url, clickhouse, ending.signal);
    const load = { port: server.port, path: "/api/v1/predict", bodies: BODIES, connections: CONNECTIONS };
    const peaks = [];
    for (let round = 0; round < 3; round++)
      peaks.push((await runLoad({ ...load, seconds: 4 })).requests_per_second);
    const peak = median(peaks);
    await caughtUp(server.port, clickhouse);
    const half = runLoad({ ...load, seconds, requestsPerSecond: peak / 2 });
    const ages = (await probe(server.port, clickhouse, seconds - 1)).sort((a, b) => a - b);
    const at = (share: number) => ages[Math.min(ages.length - 1, Math.floor(ages.length * share))] ?? NaN;
    const result: FreshnessBench = {
      name: "freshness",
      machine: machine(),
      runs: 1,
      peak_rps: peak,
      served_rps: (await half).requests_per_second,
      p50_ms: at(0.5),
      p99_ms: at(0.99),
      probes: ages.length,
      unseen: ages.filter((age) => age >= UNSEEN_MS).length,
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    ending.abort();
    await recording;
    await server.stop();
    await clickhouse.close();
    await engine.close();
    await redis.stop();
    await rm(home, { recursive: true, force: true });
  }
};

/** The recorder of the one partition, until told to end. */
const record = async (redisUrl: string, clickhouse: Clickhouse, signal: AbortSignal): Promise<void> => {
  const redis = { url: redisUrl };
  const silent = (): void => undefined;
  const stream = createStreamReader({
    redis,
    kind: "events",
    partition: 0,
    consumer: "bench",
    notice: silent,
  });
  const progress = createStreamProgress({ redis, partitions: 1 });
  const sink = createFactSink(clickhouse, "events");
  const recorder = createRecorder(
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
  );
  await recorder.run(signal);
  await Promise.all([stream.close(), progress.close()]);
};

const ask = async (port: number): Promise<{ id: string; answeredAt: number }> => {
  const id = randomUUID();
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: (BODIES[0] ?? "").replace("{", `{"request_id":"${id}",`),
  });
  if (!response.ok) throw new Error(`a probe was answered ${response.status}`);
  await response.arrayBuffer();
  return { id, answeredAt: performance.now() };
};

const isVisible = async (clickhouse: Clickhouse, ids: readonly string[]): Promise<ReadonlySet<string>> => {
  const list = ids.map((id) => `'${id}'`).join(",");
  const found = await clickhouse.ask<{ id: string }>(
    `SELECT toString(request_id) AS id FROM predictions WHERE event_time > now() - 60 AND request_id IN (${list})`,
  );
  return new Set(found.map(({ id }) => id));
};

/** Sends probes for a while and follows each to its row; milliseconds from answer to sight. */
const probe = async (port: number, clickhouse: Clickhouse, seconds: number): Promise<number[]> => {
  const waiting = new Map<string, number>();
  const ages: number[] = [];
  const until = performance.now() + seconds * 1000;
  let nextAt = performance.now();
  while (waiting.size > 0 || performance.now() < until) {
    if (performance.now() < until && performance.now() >= nextAt) {
      nextAt += PROBE_EVERY_MS;
      const { id, answeredAt } = await ask(port);
      waiting.set(id, answeredAt);
    }
    const seen = waiting.size === 0 ? new Set<string>() : await isVisible(clickhouse, [...waiting.keys()]);
    for (const [id, answeredAt] of waiting) {
      const age = performance.now() - answeredAt;
      if (!seen.has(id) && age < UNSEEN_MS) continue;
      waiting.delete(id);
      ages.push(seen.has(id) ? age : UNSEEN_MS);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return ages;
};

/** Waits until what the peak left behind is recorded. */
const caughtUp = async (port: number, clickhouse: Clickhouse): Promise<void> => {
  const { id, answeredAt } = await ask(port);
  while (!(await isVisible(clickhouse, [id])).has(id)) {
    if (performance.now() - answeredAt > 120_000) throw new Error("the recorder does not catch up");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
