// What a client sends must not rest anywhere. Values that occur nowhere else are planted in every place of a request; then every byte that
// was written is searched for them: the log at debug, the append-only file, the spool, the engine's files, and every table in clear,
// because files are compressed. The same workers then meet a hole in a producer's numbers.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../src/adapters/config.ts";
import { createQueues } from "../src/adapters/queues.ts";
import { createLog } from "../src/adapters/log.ts";
import { createIds } from "../src/adapters/uuid.ts";
import { createApp, type Api } from "../src/http/app.ts";
import { createGuard } from "../src/http/guard.ts";
import { openKeys } from "../src/adapters/keys.ts";
import { runWorkers, type Workers } from "../workers/main.ts";
import { modelSet, post, publisherOn, rowAt, trainFlights, wallClock } from "./support/api.ts";
import { startStack, type TestStack } from "./support/stack.ts";

const NUMBER = 1234.56789;
const CANARIES = [
  "1234.56789",
  "CANARY-airport",
  "CANARY-key",
  "CANARY-value",
  "CANARY-header",
  "CANARY-bearer",
];
const PLAIN = "planted-source-that-is-kept";

let stack: TestStack;
let workers: Workers;
let api: Api;
let published: Awaited<ReturnType<typeof publisherOn>>;
const home = mkdtempSync(path.join(tmpdir(), "flyball-canary-"));
const logFile = path.join(home, "api.log");

beforeAll(async () => {
  stack = await startStack();
  published = await publisherOn(stack.redisUrl);
  const { held, models } = modelSet();
  const { model, rows } = await trainFlights();
  held.current = model;
  const keys = openKeys({ home, bootstrap: undefined, monotonicMs: () => performance.now() });
  await keys.refresh();
  const wall = { epochMs: () => Date.now(), monotonicMs: () => performance.now() };
  const limits = { perKeyPerSecond: 1e6, perAddressPerSecond: 1e6, failuresPerMinute: 1e6 };
  api = createApp({
    models,
    publisher: published.publisher,
    clock: wallClock,
    wall,
    ids: createIds(),
    guard: createGuard({ keys, ...wall }, limits),
    log: createLog({ name: "api", level: "debug", file: logFile }),
  });
  workers = await runWorkers(
    loadConfig({
      FLYBALL_HOME: home,
      FLYBALL_REDIS_URL: stack.redisUrl,
      FLYBALL_CLICKHOUSE_URL: stack.clickhouseUrl,
      FLYBALL_STREAMS_PARTITIONS: "2",
      FLYBALL_METRICS_PORT: "0",
      FLYBALL_LOG_LEVEL: "error",
    }),
    {},
  );
  const features = { ...rowAt(rows, 0), distance: NUMBER };
  const headers = { "x-note": "CANARY-header", authorization: "Bearer CANARY-bearer" };
  const bodies = [
    { features },
    { features: { ...features, origin: "CANARY-airport" } },
    { features: { ...features, "CANARY-key": 1 } },
    { features: { ...features, distance: "CANARY-value" } },
    { features, note: "CANARY-value" },
    { request_id: "CANARY-value", features },
    { model: "CANARY-value", features },
  ];
  for (const body of bodies) {
    await post(api, "/api/v1/predict", body, headers);
    await post(api, "/api/v1/predict/batch", { instances: [body] }, headers);
    await post(api, "/api/v1/shadow", body, headers);
  }
  await post(api, "/api/v1/predict", '{"features":{"distance":CANARY-value', headers);
  const label = { request_id: createIds().random(), label: 1, observed_at: "2026-01-01T00:00:00Z" };
  await post(api, "/api/v1/labels", {
    labels: [
      { ...label, source: PLAIN },
      { ...label, label: "CANARY-value" },
    ],
  });
});
afterAll(async () => {
  await workers?.close();
  await published?.cleanUp();
  await stack?.close();
  rmSync(home, { recursive: true, force: true });
});

const eventually = async <T>(ask: () => Promise<T>, good: (value: T) => boolean): Promise<T> => {
  for (const end = performance.now() + 20_000; ;) {
    const value = await ask();
    if (good(value) || performance.now() > end) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};
const bytesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "latin1"));
const countOf = async (table: string): Promise<number> =>
  Number((await stack.sql(`SELECT count() AS n FROM ${table}`))[0]?.["n"]);

describe("planted values", () => {
  it("rest nowhere, though the search finds what may be kept", async () => {
    expect(
      await eventually(
        () => countOf("predictions"),
        (n) => n >= 4,
      ),
    ).toBeGreaterThanOrEqual(4);
    expect(
      await eventually(
        () => countOf("labels"),
        (n) => n > 0,
      ),
    ).toBe(1);
    const tables = await stack.sql(
      "SELECT name FROM system.tables WHERE database = 'flyball' AND engine LIKE '%MergeTree'",
    );
    const clear: string[] = [];
    for (const { name } of tables)
      clear.push(JSON.stringify(await stack.sql(`SELECT * FROM ${String(name)}`)));
    const log = readFileSync(logFile, "utf8");
    const places = {
      log: [log],
      tables: clear,
      redis: bytesUnder(stack.redis.dir),
      disk: bytesUnder(stack.home),
      home: bytesUnder(home),
      spool: bytesUnder(published.dir),
    };
    expect(log.split("\n").filter((line) => line.includes('"predicted"')).length).toBeGreaterThanOrEqual(4);
    expect(places.redis.some((text) => text.includes(PLAIN))).toBe(true);
    expect(places.tables.some((text) => text.includes(PLAIN))).toBe(true);
    for (const [place, texts] of Object.entries(places))
      for (const canary of CANARIES)
        expect(
          texts.some((text) => text.includes(canary)),
          `${canary} in ${place}`,
        ).toBe(false);
  });
});

describe("the workers' watch", () => {
  it("a hole in a producer's numbers becomes one alert and a figure", async () => {
    const old = "now64(3) - INTERVAL 10 MINUTE";
    await stack.sql(
      `INSERT INTO labels (model, request_id, label, observed_at, received_at, source, producer, producer_seq, recorded_at) SELECT 'flight-delay', generateUUIDv4(), 1, ${old}, ${old}, 's', '7-hole', arrayJoin([0, 1, 4]), ${old}`,
    );
    const queues = createQueues(stack.redisUrl);
    await queues.look("reconcile", null);
    const alerts = await eventually(
      () => stack.sql("SELECT * FROM alerts"),
      (rows) => rows.length > 0,
    );
    expect(alerts).toMatchObject([
      { alert: "rows_lost", value: 2, severity: "critical", delivered: { log: "delivered" } },
    ]);
    expect(String(alerts[0]?.["detail"])).toContain("7-hole numbered 2 to 3");
    const metrics = await (await fetch(`http://127.0.0.1:${workers.metricsPort ?? 0}/metrics`)).text();
    expect(metrics).toContain("flyball_lost_rows 2\n");
    expect(metrics).toMatch(/flyball_alert_deliveries_total\{channel="log",outcome="delivered"\} 1\n/);
    expect(metrics).toMatch(/flyball_source_up\{source="clickhouse"\} 1\n/);
    expect(metrics).toMatch(/flyball_alerts_total\{alert="rows_lost",severity="critical"\} 1\n/);
    await queues.look("reconcile", null);
    await queues.look("trim", null);
    await eventually(
      async () => Promise.all(queues.queues.map((queue) => queue.getJobCountByTypes("active", "waiting"))),
      (counts) => counts.every((n) => n === 0),
    );
    expect(await countOf("alerts")).toBe(1);
    await queues.close();
  });
});
