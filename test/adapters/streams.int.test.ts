// Tests: laws of the stream reader against a real Redis. What is pending with a consumer is one batch, whole, under its lease;
// nothing unread is ever trimmed; a watermark never overtakes an older entry.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Redis } from "ioredis";
import { streamKey } from "../../contracts/event.ts";
import { connectRedis } from "../../src/adapters/redis.ts";
import { createStreamProgress } from "../../src/adapters/stream-progress.ts";
import { createStreamReader } from "../../src/adapters/streams.ts";
import type { StreamReaderOptions } from "../../src/adapters/streams.ts";
import type { ReadsStream, StreamNotice } from "../../src/ports-recording.ts";
import { publisherOn } from "../support/api.ts";
import { startRedis } from "../support/redis.ts";
import type { TestRedis } from "../support/redis.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const KEY = streamKey("events", 0);
const wide = { bytesMax: 1e6, rowsMax: 1e5 };
const going = new AbortController().signal;
let server: TestRedis;
let redis: Redis;
let readers: ReadsStream[] = [];
let notices: StreamNotice[] = [];

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await Promise.all(readers.map((reader) => reader.close()));
  readers = [];
  notices = [];
  await redis.flushall();
});
afterAll(async () => {
  await Promise.all(readers.map((reader) => reader.close()));
  redis.disconnect();
  await server.stop();
});

const open = async (consumer: string, over: Partial<StreamReaderOptions> = {}): Promise<ReadsStream> => {
  const reader = createStreamReader({
    redis: { url: server.url },
    kind: "events",
    partition: 0,
    consumer,
    notice: (notice) => notices.push(notice),
    blockMs: 100,
    lingerMs: 0,
    leaseMs: 3_000,
    takeoverIdleMs: 0,
    ...over,
  });
  readers.push(reader);
  await reader.hold(going);
  return reader;
};
const publish = async (from: number, n: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let i = from; i < from + n; i += 1) {
    ids.push(String(await redis.xadd(KEY, "*", "v", "1", "n", "1", "rows", `[${i}]\n`)));
  }
  return ids;
};
const watermark = async (ms: number, producer = "0-a"): Promise<string> =>
  String(await redis.xadd(KEY, "*", "v", "1", "n", "0", "rows", "", "watermark", ms, "producer", producer));
const idsOf = (batch: Awaited<ReturnType<ReadsStream["read"]>>): string[] =>
  batch.entries.map(({ id }) => id);

describe("one consumer", () => {
  it("reads what was there before its group: a group never starts at $", async () => {
    const ids = await publish(0, 3);
    const reader = await open("a");
    expect(idsOf(await reader.read(wide))).toEqual(ids);
  });

  it("gets its whole batch back, in order and paged, until it is settled", async () => {
    const ids = await publish(0, 600);
    const reader = await open("a");
    let batch = await reader.read(wide);
    expect(idsOf(batch)).toEqual(ids);
    await reader.close();
    const reborn = await open("a");
    batch = await reborn.recover();
    expect(idsOf(batch)).toEqual(ids);
    expect(await reborn.settle(batch.entries, [])).toEqual({ acked: 600, watermarkMoved: false });
    expect((await reborn.recover()).entries).toEqual([]);
    expect((await reborn.read(wide)).entries).toEqual([]);
  });

  it("stops a batch at its byte budget and leaves the rest unread", async () => {
    const row = `["${"x".repeat(10_000)}"]\n`;
    for (let i = 0; i < 100; i += 1) await redis.xadd(KEY, "*", "v", "1", "n", "1", "rows", row);
    const reader = await open("a");
    const { entries } = await reader.read({ bytesMax: 300_000, rowsMax: 1e5 });
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.length).toBeLessThan(45);
    const standing = await redis.xpending(KEY, "recorders");
    expect(standing[0]).toBe(entries.length);
  });

  it("shows an entry deleted while pending as lost, with its id", async () => {
    const ids = await publish(0, 3);
    const reader = await open("a");
    await reader.read(wide);
    await redis.xdel(KEY, String(ids[1]));
    const { entries } = await reader.recover();
    expect(entries.map(({ id, fields }) => [id, fields === null])).toEqual([
      [ids[0], false],
      [ids[1], true],
      [ids[2], false],
    ]);
  });

  it("isolates, then gives up, a batch that keeps killing its reader, by Redis's own count", async () => {
    const ids = await publish(0, 2);
    const reader = await open("a", { deliveriesMax: 3 });
    await reader.read(wide);
    expect((await reader.recover()).entries).toHaveLength(2);
    expect((await reader.recover()).entries).toHaveLength(2);
    const tries = [];
    for (let i = 0; i < 4; i += 1) tries.push(await reader.recover());
    expect(tries.map((batch) => [idsOf(batch)[0], batch.entries.length, batch.exhausted])).toEqual([
      [ids[0], 1, false],
      [ids[0], 1, false],
      [ids[0], 1, false],
      [ids[0], 1, true],
    ]);
  });

  it("makes its group again at 0 when Redis was wiped, and says what it had seen", async () => {
    const ids = await publish(0, 1);
    const reader = await open("a");
    await reader.read(wide);
    await redis.flushall();
    await expect(reader.read(wide)).rejects.toMatchObject({ kind: "transient" });
    const again = await publish(1, 1);
    await reader.hold(going);
    expect(idsOf(await reader.read(wide))).toEqual(again);
    expect(notices.at(-1)).toEqual({ notice: "group-created", stream: KEY, lastSeen: ids[0] });
  });
});

describe("the lease", () => {
  it("is held by one at a time and passes when its holder closes", async () => {
    const first = await open("a");
    const waiting = open("a", { leaseMs: 480 });
    let passed = false;
    void waiting.then(() => (passed = true));
    await first.read(wide);
    expect(passed).toBe(false);
    await first.close();
    await waiting;
    expect(passed).toBe(true);
  });

  it("once lost, refuses to settle and to read", async () => {
    await publish(0, 1);
    const reader = await open("a");
    const batch = await reader.read(wide);
    await redis.set("flyball:{p0}:lease:events:a", "999");
    await expect(reader.settle(batch.entries, [])).rejects.toMatchObject({ kind: "transient" });
    await expect(reader.read(wide)).rejects.toMatchObject({ kind: "transient" });
    expect((await redis.xpending(KEY, "recorders"))[0]).toBe(1);
  });
});

describe("a dead consumer's batch", () => {
  it("is adopted whole and in order, beyond 1,000 entries and past those of living consumers", async () => {
    const alive = await open("alive");
    await publish(0, 1_200);
    const kept = await alive.read({ bytesMax: 1e9, rowsMax: 1e9 });
    expect(kept.entries).toHaveLength(1_200);
    const dead = await open("dead");
    const ids = await publish(1_200, 1_100);
    await dead.read({ bytesMax: 1e9, rowsMax: 1e9 });
    await dead.close();
    const heir = await open("heir");
    expect(await heir.adopt()).toBe(true);
    expect(idsOf(await heir.recover())).toEqual(ids);
    expect(await heir.adopt()).toBe(false);
    expect(idsOf(await alive.recover())).toEqual(idsOf(kept));
    expect(notices.at(-1)).toEqual({ notice: "adopted", stream: KEY, from: "dead", entries: 1_100 });
  });

  it("stays where it is until all of it has rested", async () => {
    const dead = await open("dead");
    await publish(0, 2);
    await dead.read(wide);
    await dead.close();
    const heir = await open("heir", { takeoverIdleMs: 60_000 });
    expect(await heir.adopt()).toBe(false);
    expect((await heir.recover()).entries).toEqual([]);
  });

  it("raises an alarm with the ids that vanished from under it", async () => {
    const dead = await open("dead");
    const ids = await publish(0, 3);
    await dead.read(wide);
    await dead.close();
    await redis.xdel(KEY, String(ids[1]));
    const heir = await open("heir");
    expect(await heir.adopt()).toBe(true);
    expect(idsOf(await heir.recover())).toEqual([ids[0], ids[2]]);
    expect(notices).toContainEqual({ notice: "lost", stream: KEY, ids: [ids[1]] });
  });
});

describe("watermarks and standing", () => {
  const view = () => createStreamProgress({ redis: { url: server.url }, partitions: 1 });

  it("moves forward only, and only once nothing older is pending", async () => {
    const progress = view();
    const [slow, fast] = [await open("slow"), await open("fast")];
    await publish(0, 1);
    const older = await slow.read(wide);
    const id = await watermark(5_000);
    const newer = await fast.read(wide);
    const marks = [{ id, producer: "0-a", ms: 5_000 }];
    expect(await fast.settle(newer.entries, marks)).toEqual({ acked: 1, watermarkMoved: false });
    expect((await progress.watermarks())[0]).toMatchObject({ producers: [], drained: false });
    expect(await slow.settle(older.entries, [])).toEqual({ acked: 1, watermarkMoved: true });
    const seenMs = Number(id.split("-")[0]);
    expect((await progress.watermarks())[0]).toMatchObject({
      producers: [{ producer: "0-a", ms: 5_000, seenMs }],
      drained: true,
    });
    await watermark(4_000);
    const back = await fast.read(wide);
    const [earlier] = back.entries;
    const settled = await fast.settle(back.entries, [{ id: earlier?.id ?? "", producer: "0-a", ms: 4_000 }]);
    expect(settled).toEqual({ acked: 1, watermarkMoved: false });
    expect((await progress.watermarks())[0]?.producers[0]?.ms).toBe(5_000);
    await progress.close();
  });

  it("counts added, acknowledged and pending, and shows an entry that vanished unread", async () => {
    const progress = view();
    const reader = await open("a");
    const ids = await publish(0, 4);
    await redis.xdel(KEY, String(ids[3]));
    const batch = await reader.read(wide);
    expect((await progress.standing())[0]).toMatchObject({ entriesAdded: 4, pending: 3, unsettled: 1 });
    await reader.settle(batch.entries, []);
    expect((await progress.standing())[0]).toMatchObject({
      entriesAdded: 4,
      acked: 3,
      pending: 0,
      unsettled: 1,
    });
    expect((await progress.standing())[1]).toMatchObject({ kind: "labels", entriesAdded: 0, drained: true });
    await progress.close();
  });
});

describe("trimming", () => {
  const later = (id: string, than: string): boolean => {
    const [[a, b], [c, d]] = [id.split("-").map(Number), than.split("-").map(Number)];
    return a !== c ? Number(a) > Number(c) : Number(b) > Number(d);
  };

  it("never removes what any expected group has not settled, in any order of reads and acks", async () => {
    const progress = createStreamProgress({
      redis: { url: server.url },
      partitions: 1,
      groups: ["recorders", "second"],
    });
    const reader = await open("a");
    await publish(0, 5);
    expect(await progress.trim({ replaySlackMs: 0 })).toBe(0);
    await redis.xgroup("CREATE", KEY, "second", "0");
    let state = 7;
    const dice = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const pending = new Set<string>();
    let removed = 0;
    for (let round = 0; round < 60; round += 1) {
      await publish(5 + round * 20, dice(20));
      await redis.xreadgroup("GROUP", "second", "x", "COUNT", 1 + dice(25), "STREAMS", KEY, ">");
      const batch = await reader.read({ bytesMax: 1e6, rowsMax: 1 + dice(30) });
      await reader.settle(batch.entries, []);
      const rest = await redis.xpending(KEY, "second", "-", "+", 500);
      const ids = rest.map((row) => String((row as unknown[])[0])).filter(() => dice(3) > 0);
      if (ids.length > 0) await redis.xack(KEY, "second", ...ids);
      removed += await progress.trim({ replaySlackMs: 0 });
    }
    for (const row of await redis.xpending(KEY, "second", "-", "+", 10_000)) {
      pending.add(String((row as unknown[])[0]));
    }
    const here = new Set((await redis.xrange(KEY, "-", "+")).map(([id]) => id));
    expect(removed).toBeGreaterThan(50);
    expect(pending.size).toBeGreaterThan(0);
    for (const id of pending) expect(here.has(id)).toBe(true);
    await progress.close();
  });

  it("keeps what is younger than the replay slack though everyone has settled it", async () => {
    const progress = createStreamProgress({ redis: { url: server.url }, partitions: 1 });
    await redis.xadd(KEY, "1-1", "v", "1", "n", "1", "rows", "[0]\n");
    const [young] = await publish(1, 1);
    const reader = await open("a");
    const batch = await reader.read(wide);
    await reader.settle(batch.entries, []);
    expect(later(String(young), "1-1")).toBe(true);
    expect(await progress.trim({ replaySlackMs: 60_000 })).toBe(1);
    expect((await redis.xrange(KEY, "-", "+")).map(([id]) => id)).toEqual([young]);
    await progress.close();
  });

  it("by length instead would lose unread entries: the control", async () => {
    await publish(0, 10);
    const reader = await open("a");
    await redis.xtrim(KEY, "MAXLEN", 5);
    expect((await reader.read(wide)).entries).toHaveLength(5);
  });
});

describe("on Redis Cluster", () => {
  it("publishes, records, adopts, settles and trims every partition, whichever node serves it", async () => {
    const cluster = await startRedisCluster();
    const where = { cluster: cluster.nodes };
    const client = connectRedis(where, { timeoutMs: 5_000 });
    const progress = createStreamProgress({ redis: where, partitions: 6 });
    const opened: ReadsStream[] = [];
    const published: Awaited<ReturnType<typeof publisherOn>>[] = [];
    const slots = new Set<number>();
    try {
      for (let partition = 0; partition < 6; partition += 1) {
        slots.add(
          Math.floor(Number(await client.call("CLUSTER", "KEYSLOT", streamKey("events", partition))) / 5_462),
        );
        const make = (consumer: string): ReadsStream => {
          const settings = { blockMs: 100, lingerMs: 0, takeoverIdleMs: 0, notice: () => undefined };
          const reader = createStreamReader({
            redis: where,
            kind: "events",
            partition,
            consumer,
            ...settings,
          });
          opened.push(reader);
          return reader;
        };
        const dead = make("dead");
        await dead.hold(going);
        const producer = await publisherOn(where, { producer: `${partition}-c`, partition, partitions: 6 });
        published.push(producer);
        for (let i = 0; i < 3; i += 1)
          expect(await producer.publisher.publish("events", 1, (seq) => `[${seq}]\n`)).toBe("redis");
        expect((await dead.read(wide)).entries).toHaveLength(3);
        await dead.close();
        const heir = make("heir");
        await heir.hold(going);
        expect(await heir.adopt()).toBe(true);
        const batch = await heir.recover();
        const rows = batch.entries.map(({ fields }) => Buffer.from(fields?.get("rows") ?? []).toString());
        expect(rows).toEqual(["[0]\n", "[1]\n", "[2]\n"]);
        const marks = [{ id: batch.entries[2]?.id ?? "", producer: "0-a", ms: partition + 1 }];
        expect(await heir.settle(batch.entries, marks)).toEqual({ acked: 3, watermarkMoved: true });
      }
      expect(slots.size).toBe(3);
      const events = (await progress.watermarks()).filter(({ kind }) => kind === "events");
      expect(events.map(({ producers }) => producers[0]?.ms)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await progress.trim({ replaySlackMs: 0 })).toBeGreaterThanOrEqual(6);
      await expect.poll(() => published[0]?.publisher.watermark(7, "every"), { timeout: 20_000 }).toBe(true);
      expect((await progress.standing()).filter(({ length }) => length > 0).length).toBeGreaterThanOrEqual(
        12,
      );
    } finally {
      await Promise.all(published.map((one) => one.cleanUp()));
      await Promise.all(opened.map((reader) => reader.close()));
      await progress.close();
      client.disconnect();
      await cluster.stop();
    }
  });
});
