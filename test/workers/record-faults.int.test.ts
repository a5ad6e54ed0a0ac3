// Tests: what is wrong with the rows, the streams or the engine, on the real neighbours: bad rows are parked one by one, an ill engine is
// waited for, a lost entry is reported with its ids, and nothing else is lost or doubled.
import { cpSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RECORDERS, streamKey } from "../../contracts/event.ts";
import { createFactSink } from "../../src/adapters/fact-sink.ts";
import { createReconciliationStore } from "../../src/adapters/reconciliation-store.ts";
import { createStreamProgress } from "../../src/adapters/stream-progress.ts";
import { createClickhouse } from "../../src/adapters/clickhouse.ts";
import { Fault } from "../../src/core/fault.ts";
import { reconcile } from "../../workers/reconcile.ts";
import type { Reconciliation } from "../../workers/reconcile.ts";
import { checkFacts, entryOf, EXACT, predictionRow, publish, range } from "../support/facts.ts";
import { localRecorder } from "../support/recorder.ts";
import { startStack } from "../support/stack.ts";
import type { TestStack } from "../support/stack.ts";

let stack: TestStack;
let redis: Redis;
let nextPartition = 0;

beforeAll(async () => {
  stack = await startStack();
  redis = new Redis(stack.redisUrl);
});
afterAll(async () => {
  redis.disconnect();
  await stack.close();
});

const place = (): { partition: number; producer: string; key: string } => {
  nextPartition += 1;
  return {
    partition: nextPartition,
    producer: `${nextPartition}-f`,
    key: streamKey("events", nextPartition),
  };
};
const drain = async (partition: number): Promise<ReturnType<typeof localRecorder>> => {
  const recorder = localRecorder(stack, { partition });
  await recorder.drain();
  await recorder.close();
  return recorder;
};
const letters = (key: string): Promise<Record<string, unknown>[]> =>
  stack.sql(`SELECT entry_id, reason, n, body FROM dead_letters WHERE stream = '${key}' ORDER BY entry_id`);
const balance = async (): Promise<Reconciliation> => {
  const progress = createStreamProgress({ redis: { url: stack.redisUrl }, partitions: nextPartition + 1 });
  const engine = {
    query: stack.clickhouse.query,
    bytes: stack.clickhouse.bytes,
    insert: () => Promise.reject(new Error("reads only")),
  };
  const sequences = createReconciliationStore(engine);
  const found = await reconcile({ sequences, progress }, { windowMs: 3_600_000, graceMs: 0 });
  await progress.close();
  return found;
};

describe("bad input", () => {
  it("is parked with its bytes and reason, and its neighbours are recorded", async () => {
    const { partition, producer, key } = place();
    await publish(redis, { partition, producer, from: 0, rows: 10, each: 5 });
    const bad = [
      await redis.xadd(key, "*", "v", "7", "n", "1", "rows", "[1]\n"),
      await redis.xadd(key, "*", "v", "1", "n", "5", "rows", "[1]\n"),
      await redis.xadd(key, "*", "v", "1", "n", "1", "rows", Buffer.from([0xff, 0xfe])),
    ];
    await publish(redis, { partition, producer, from: 10, rows: 10, each: 5 });
    await drain(partition);
    expect(await checkFacts(stack.sql, producer, range(0, 20))).toEqual(EXACT);
    const parked = await letters(key);
    expect(parked.map((letter) => [letter["entry_id"], letter["reason"]])).toEqual([
      [bad[0], "schema"],
      [bad[1], "rows"],
      [bad[2], "rows"],
    ]);
    expect(parked.map((letter) => letter["body"])).toEqual(["[1]\n", "[1]\n", "base64://4="]);
  });

  it.each([
    ["an unknown status", predictionRow("p", 7, { status: "weird" })],
    ["a broken id", predictionRow("p", 7).replace(/"[0-9a-f]{8}-/, '"zz-')],
    ["a time that is none", predictionRow("p", 7).replace("2026-", "nonsense")],
    ["too few columns", "[1,2]\n"],
    ["broken JSON", '["2026-01-01 00:00:00.000",}]\n'],
  ])("bisects a batch down to the one row with %s", async (_, row) => {
    const { partition, producer, key } = place();
    await publish(redis, { partition, producer, from: 0, rows: 60, each: 6 });
    const mixed = predictionRow(producer, 60) + row + predictionRow(producer, 61);
    const id = await redis.xadd(key, "*", "v", "1", "n", "3", "rows", mixed);
    await publish(redis, { partition, producer, from: 62, rows: 60, each: 6 });
    const { counts } = await drain(partition);
    expect(await letters(key)).toEqual([{ entry_id: `${id}/1`, reason: "engine", n: 1, body: row }]);
    expect(await checkFacts(stack.sql, producer, range(0, 122))).toEqual(EXACT);
    expect(counts()).toMatchObject({ rows: 122, parked: 1 });
  });

  it("stays pending while the letters cannot be kept, and is parked once they can", async () => {
    const { partition, producer, key } = place();
    await redis.xadd(key, "*", "v", "9", "rows", "[1]\n");
    await publish(redis, { partition, producer, from: 0, rows: 5, each: 5 });
    const sink = createFactSink(stack.clickhouse, "events");
    const ending = new AbortController();
    let refusals = 0;
    const closed = {
      park: () => {
        refusals += 1;
        if (refusals === 3) ending.abort();
        return Promise.reject(new Fault("transient", "the letters' table is away"));
      },
    };
    const recorder = localRecorder(stack, { partition, ports: { facts: sink, letters: closed } });
    await recorder.run(ending.signal);
    await recorder.close();
    expect(refusals).toBe(3);
    expect((await redis.xpending(key, "recorders"))[0]).toBe(2);
    expect(await letters(key)).toEqual([]);
    await drain(partition);
    expect((await redis.xpending(key, "recorders"))[0]).toBe(0);
    expect(await letters(key)).toHaveLength(1);
    expect(await checkFacts(stack.sql, producer, range(0, 5))).toEqual(EXACT);
  });
});

describe("what vanishes", () => {
  it("while pending is reported with its id and leaves a hole that reconciliation finds", async () => {
    const { partition, producer, key } = place();
    const ids = await publish(redis, { partition, producer, from: 0, rows: 30, each: 10 });
    const failing = {
      insert: () => Promise.reject(new Error("a bug ends this run before anything is inserted")),
    };
    const broken = localRecorder(stack, { partition, ports: { facts: failing } });
    await expect(broken.drain()).rejects.toThrow("a bug");
    await broken.close();
    await redis.xdel(key, String(ids[1]));
    await drain(partition);
    expect(await letters(key)).toEqual([{ entry_id: ids[1], reason: "lost", n: 0, body: "" }]);
    expect(await checkFacts(stack.sql, producer, range(0, 30))).toMatchObject({ lost: 10, doubled: 0 });
    const found = await balance();
    expect(found.balanced).toBe(false);
    expect(found.holes.filter((hole) => hole.producer === producer)).toMatchObject([
      { kind: "events", from: 10, to: 19, rows: 10 },
    ]);
  });

  it("before it was read shows as an entry nobody settled and as a hole at the start", async () => {
    const { partition, producer, key } = place();
    const [first] = await publish(redis, { partition, producer, from: 0, rows: 30, each: 10 });
    await redis.xdel(key, String(first));
    await drain(partition);
    const { holes, streams } = await balance();
    expect(holes.filter((hole) => hole.producer === producer)).toMatchObject([{ from: 0, to: 9, rows: 10 }]);
    const stream = streams.find((one) => one.kind === "events" && one.partition === partition);
    expect(stream).toMatchObject({ entriesAdded: 3, acked: 2, pending: 0, missing: 1 });
  });

  it("but is parked is accounted for: no hole", async () => {
    const { partition, producer, key } = place();
    const rows = [0, 1, 2].map((seq) => predictionRow(producer, seq, seq === 1 ? { status: "weird" } : {}));
    await redis.xadd(key, "*", "v", "1", "n", "3", "rows", rows.join(""));
    await drain(partition);
    expect(await letters(key)).toHaveLength(1);
    const { holes, streams } = await balance();
    expect(holes.filter((hole) => hole.producer === producer)).toEqual([]);
    expect(streams.find((one) => one.kind === "events" && one.partition === partition)?.missing).toBe(0);
  });
});

describe("an ill engine", () => {
  it("killed before, during and after its commit records every row once", async () => {
    const { partition, producer } = place();
    const recorder = localRecorder(stack, { partition, recorder: { batchRowsMax: 500 } });
    const ending = new AbortController();
    const running = recorder.run(ending.signal);
    let published = 0;
    for (let kill = 0; kill < 3; kill += 1) {
      for (let i = 0; i < 20; i += 1) {
        await redis.xadd(streamKey("events", partition), "*", ...entryOf(producer, published, 100));
        published += 100;
      }
      await stack.killClickhouse();
      await stack.restartClickhouse();
    }
    const all = range(0, published);
    await expect
      .poll(async () => (await checkFacts(stack.sql, producer, all)).lost, { timeout: 20_000 })
      .toBe(0);
    ending.abort();
    await running;
    await recorder.close();
    expect(recorder.counts().retries).toBeGreaterThan(0);
    expect(await checkFacts(stack.sql, producer, all)).toEqual(EXACT);
  });

  it("stopped past the client's patience meets the retry with the token: once", async () => {
    const { partition, producer } = place();
    await publish(redis, { partition, producer, from: 0, rows: 100, each: 10 });
    const impatient = createClickhouse({
      url: stack.clickhouseUrl,
      database: "flyball",
      queriesDir: "clickhouse/queries",
      timeoutMs: 300,
    });
    process.kill(stack.clickhousePid(), "SIGSTOP");
    const ports = { facts: createFactSink(impatient, "events") };
    const recorder = localRecorder(stack, { partition, ports });
    const draining = recorder.drain();
    await expect.poll(() => recorder.counts().retries, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
    process.kill(stack.clickhousePid(), "SIGCONT");
    await draining;
    await recorder.close();
    await impatient.close();
    expect(await checkFacts(stack.sql, producer, range(0, 100))).toEqual(EXACT);
  });

  it("that forgot the token doubles rows, and their identity still counts them once", async () => {
    const { partition, producer } = place();
    await stack.sql("ALTER TABLE predictions MODIFY SETTING non_replicated_deduplication_window = 2");
    await publish(redis, { partition, producer, from: 0, rows: 40, each: 40 });
    const crash = {
      failpoint: (name: string): void => {
        if (name === "after_insert") throw new Error("dies after the insert");
      },
    };
    const first = localRecorder(stack, { partition, ports: crash });
    await expect(first.drain()).rejects.toThrow("dies after");
    await first.close();
    for (let i = 0; i < 6; i += 1) {
      const other = place();
      await publish(redis, {
        partition: other.partition,
        producer: other.producer,
        from: 0,
        rows: 4,
        each: 4,
      });
      await drain(other.partition);
    }
    await drain(partition);
    await stack.sql("ALTER TABLE predictions MODIFY SETTING non_replicated_deduplication_window = 10000");
    const verdict = await checkFacts(stack.sql, producer, range(0, 40));
    expect(verdict).toMatchObject({ lost: 0, doubled: 40 });
    const [row] = await stack.sql(
      `SELECT toUInt32(uniqExact(event_id)) AS n FROM predictions WHERE producer = '${producer}'`,
    );
    expect(row).toEqual({ n: 40 });
  });
});

describe("an answer that is lost on its way", () => {
  /** Passes bytes on to the engine; of the first answers only as many bytes come back as it says, then the connection is cut. */
  const cutting = async (bytesOf: readonly number[]) => {
    const cuts = [...bytesOf];
    const proxy = createServer((client) => {
      const engine = connect(Number(new URL(stack.clickhouseUrl).port), "127.0.0.1");
      const end = (): void => void (client.destroy(), engine.destroy());
      client.on("error", end).on("close", end).pipe(engine);
      engine
        .on("error", end)
        .on("close", end)
        .on("data", (answer) => {
          const bytes = cuts.shift();
          if (bytes === undefined) client.write(answer);
          else client.write(answer.subarray(0, bytes), end);
        });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", () => resolve()));
    const address = proxy.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    return { url: `http://127.0.0.1:${port}`, cuts, close: () => proxy.close() };
  };

  it("whole, in its first line or in its headers, is unknown: the repeat meets its token", async () => {
    const { partition, producer } = place();
    await publish(redis, { partition, producer, from: 0, rows: 60, each: 10 });
    const proxy = await cutting([0, 8, 40]);
    const client = createClickhouse({
      url: proxy.url,
      database: "flyball",
      queriesDir: "clickhouse/queries",
    });
    const recorder = localRecorder(stack, { partition, ports: { facts: createFactSink(client, "events") } });
    await recorder.drain();
    await recorder.close();
    await client.close();
    proxy.close();
    expect(proxy.cuts).toEqual([]);
    expect(recorder.counts()).toMatchObject({ retries: 3, parked: 0 });
    expect(await checkFacts(stack.sql, producer, range(0, 60))).toEqual(EXACT);
  });

  it("of the stream, to a reader that had given up, is found among what is pending; never looking again would not: the control", async () => {
    for (const recoverEveryMs of [100, 3_600_000]) {
      const { partition, producer, key } = place();
      await publish(redis, { partition, producer, from: 0, rows: 10, each: 10 });
      const recorder = localRecorder(stack, { partition, recorder: { recoverEveryMs } });
      const ending = new AbortController();
      const running = recorder.run(ending.signal);
      const lost = async (upTo: number) => (await checkFacts(stack.sql, producer, range(0, upTo))).lost;
      await expect.poll(() => lost(10), { timeout: 20_000 }).toBe(0);
      // Delivered under the recorder's name in the step that added it; nobody hears the answer.
      await redis
        .multi()
        .xadd(key, "*", ...entryOf(producer, 10, 10))
        .xreadgroup("GROUP", RECORDERS, "a", "COUNT", 10, "STREAMS", key, ">")
        .exec();
      await publish(redis, { partition, producer, from: 20, rows: 10, each: 10 });
      const looks = recoverEveryMs === 100;
      await expect.poll(() => lost(30), { timeout: 20_000 }).toBe(looks ? 0 : 10);
      ending.abort();
      await running;
      await recorder.close();
      if (looks) expect(await checkFacts(stack.sql, producer, range(0, 30))).toEqual(EXACT);
    }
  });
});

it("the same token over other bytes, were there such a bug, loses rows that reconciliation names", async () => {
  const { partition, producer } = place();
  await publish(redis, { partition, producer, from: 0, rows: 30, each: 10 });
  const sink = createFactSink(stack.clickhouse, "events");
  const tokens = ["first", "first", "third"].map((word) => `bug/${producer}/${word}`);
  const facts = {
    insert: (rows: readonly Uint8Array[]) => sink.insert(rows, { token: tokens.shift() ?? "one too many" }),
  };
  const recorder = localRecorder(stack, { partition, recorder: { batchRowsMax: 10 }, ports: { facts } });
  await recorder.drain();
  await recorder.close();
  expect(tokens).toEqual([]);
  expect(await checkFacts(stack.sql, producer, range(0, 30))).toMatchObject({ lost: 10, doubled: 0 });
  const { balanced, holes } = await balance();
  expect(balanced).toBe(false);
  expect(holes.filter((hole) => hole.producer === producer)).toMatchObject([{ from: 10, to: 19, rows: 10 }]);
});

describe("a Redis restored from an older copy", () => {
  it("delivers again what was recorded: the same batch once, another cut of it under the same identities", async () => {
    const [same, other] = [place(), place()];
    for (const { partition, producer } of [same, other])
      await publish(redis, { partition, producer, from: 0, rows: 40, each: 10 });
    const copy = join(stack.home, "aof-copy");
    const aof = join(stack.redis.dir, "appendonlydir");
    cpSync(aof, copy, { recursive: true });
    await drain(same.partition);
    const small = localRecorder(stack, { partition: other.partition, recorder: { batchRowsMax: 10 } });
    await small.drain();
    await small.close();
    await stack.redis.kill();
    rmSync(aof, { recursive: true });
    cpSync(copy, aof, { recursive: true });
    await stack.redis.restart();
    for (const { partition } of [same, other]) await drain(partition);
    expect(await checkFacts(stack.sql, same.producer, range(0, 40))).toEqual(EXACT);
    expect(await checkFacts(stack.sql, other.producer, range(0, 40))).toMatchObject({ lost: 0, doubled: 40 });
    const [row] = await stack.sql(
      `SELECT toUInt32(uniqExact(event_id)) AS n FROM predictions WHERE producer = '${other.producer}'`,
    );
    expect(row).toEqual({ n: 40 });
  });
});

describe("a wiped Redis", () => {
  it("gets its group again at 0, says so, and records what comes", async () => {
    const { partition, producer } = place();
    await publish(redis, { partition, producer, from: 0, rows: 10, each: 10 });
    const recorder = localRecorder(stack, { partition });
    const ending = new AbortController();
    const running = recorder.run(ending.signal);
    await expect.poll(async () => (await checkFacts(stack.sql, producer, range(0, 10))).lost).toBe(0);
    await redis.flushall();
    await publish(redis, { partition, producer, from: 10, rows: 10, each: 10 });
    await expect
      .poll(async () => (await checkFacts(stack.sql, producer, range(0, 20))).lost, { timeout: 15_000 })
      .toBe(0);
    ending.abort();
    await running;
    await recorder.close();
    const made = recorder.notices.filter(({ notice }) => notice === "group-created");
    expect(made).toHaveLength(2);
    expect(made[1]).toHaveProperty("lastSeen", expect.stringMatching(/^\d+-\d+$/));
    expect(await checkFacts(stack.sql, producer, range(0, 20))).toEqual(EXACT);
  });
});
