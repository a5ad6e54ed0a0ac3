// Durable publishing against a real Redis that is killed, stopped, filled and brought back: every acknowledged row is in the stream
// afterwards, in order of its producer sequence, with no hole.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Durability } from "../../src/ports-serving.ts";
import { labelRow } from "../../src/core/event-row.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { publisherOn, readStream } from "../support/api.ts";
import type { TestRedis } from "../support/redis.ts";
import { startRedis } from "../support/redis.ts";

let redis: TestRedis;
beforeEach(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  await redis.stop();
});

const ids = createIds();
const row = (seq: number): string =>
  labelRow({
    model: "flight-delay",
    requestId: ids.random(),
    label: 1,
    observedAt: "2001-05-01 00:00:00.000",
    receivedAt: "2001-05-01 00:00:00.000",
    source: "api",
    producer: "0-test",
    seq,
  });
const rowsFrom = (n: number) => (first: number) =>
  Array.from({ length: n }, (_, at) => row(first + at)).join("");
const seqsOf = async (): Promise<number[]> =>
  (await readStream(redis.url, "labels")).rows.map((line) => Number(/(\d+)\]$/.exec(line)?.[1]));
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at);

type Publisher = Awaited<ReturnType<typeof publisherOn>>["publisher"];
const publishMany = async (publisher: Publisher, entries: number): Promise<Durability[]> => {
  const results: Durability[] = [];
  for (let at = 0; at < entries; at++) results.push(await publisher.publish("labels", 2, rowsFrom(2)));
  return results;
};

describe("Redis goes away", () => {
  it("killed and restarted: nothing acknowledged is lost, order is kept, nothing new overtakes", async () => {
    const { publisher, cleanUp } = await publisherOn(redis.url);
    expect(await publishMany(publisher, 5)).toEqual(upTo(5).map(() => "redis"));
    await redis.kill();
    expect(await publishMany(publisher, 20)).toEqual(upTo(20).map(() => "spool"));
    expect(publisher.state()).toMatchObject({ mode: "spooling", refusedRows: 0 });
    await redis.restart();
    expect(await publisher.drained(10_000)).toBe(true);
    expect(await publishMany(publisher, 5)).toEqual(upTo(5).map(() => "redis"));
    expect(await seqsOf()).toEqual(upTo(60));
    expect(publisher.state().spoolBytes).toBe(0);
    await cleanUp();
  });

  it("stopped (no reply): a timed-out entry is unknown and sent again as the same bytes", async () => {
    const { publisher, cleanUp } = await publisherOn(redis.url);
    await publishMany(publisher, 1);
    const control = new Redis(redis.url);
    const pid = Number(/process_id:(\d+)/.exec(await control.info("server"))?.[1]);
    process.kill(pid, "SIGSTOP");
    expect(await publishMany(publisher, 3)).toEqual(["spool", "spool", "spool"]);
    process.kill(pid, "SIGCONT");
    expect(await publisher.drained(10_000)).toBe(true);
    await control.quit();
    const { rows } = await readStream(redis.url, "labels");
    // The first stopped entry may be there twice: the very same rows, so the same events.
    expect([...new Set(rows)].map((line) => Number(/(\d+)\]$/.exec(line)?.[1]))).toEqual(upTo(8));
    expect(rows.length).toBeGreaterThanOrEqual(8);
    await cleanUp();
  });

  it("full: goes to the spool and heals without a restart", async () => {
    const { publisher, cleanUp } = await publisherOn(redis.url);
    const control = new Redis(redis.url);
    await control.config("SET", "maxmemory", "1mb");
    expect(await publishMany(publisher, 4)).toEqual(upTo(4).map(() => "spool"));
    await control.config("SET", "maxmemory", "0");
    expect(await publisher.drained(10_000)).toBe(true);
    expect(await seqsOf()).toEqual(upTo(8));
    await control.quit();
    await cleanUp();
  });

  it("absent at the start: the process starts, spools and catches up", async () => {
    await redis.kill();
    const { publisher, cleanUp } = await publisherOn(redis.url);
    expect(await publishMany(publisher, 3)).toEqual(["spool", "spool", "spool"]);
    expect(await publisher.watermark(1, "own")).toBe(false);
    await redis.restart();
    expect(await publisher.drained(10_000)).toBe(true);
    expect(await seqsOf()).toEqual(upTo(6));
    await cleanUp();
  });

  it("a full spool refuses instead of pretending", async () => {
    await redis.kill();
    const { publisher, cleanUp } = await publisherOn(redis.url, { spoolBytesMax: 1000 });
    const results = await publishMany(publisher, 8);
    expect(results[0]).toBe("spool");
    expect(results.at(-1)).toBe("refused");
    expect(publisher.state().refusedRows).toBe(results.filter((one) => one === "refused").length * 2);
    await cleanUp();
  });

  it("strict: refuses at once, takes no sequence number, and leaves no hole behind", async () => {
    const { publisher, cleanUp } = await publisherOn(redis.url, { durability: "strict" });
    await publishMany(publisher, 1);
    await redis.kill();
    expect(await publishMany(publisher, 3)).toEqual(["refused", "refused", "refused"]);
    await redis.restart();
    expect(await publisher.drained(10_000)).toBe(true);
    expect(await publishMany(publisher, 1)).toEqual(["redis"]);
    const seqs = await seqsOf();
    expect(seqs).toEqual(upTo(seqs.length));
    await cleanUp();
  });
});

describe("what an earlier process left", () => {
  const leave = async () => {
    await redis.kill();
    const first = await publisherOn(redis.url);
    await publishMany(first.publisher, 5);
    await first.publisher.close();
    await redis.restart();
    const [file] = readdirSync(first.dir);
    return { dir: first.dir, file: path.join(first.dir, file ?? "") };
  };

  it("is handed over before anything new", async () => {
    const { dir } = await leave();
    const second = await publisherOn(redis.url, { dir });
    expect(await second.publisher.drained(10_000)).toBe(true);
    expect(await seqsOf()).toEqual(upTo(10));
    expect(readdirSync(dir)).toEqual([]);
    await second.cleanUp();
  });

  it("a flipped byte costs its own record only, and is counted", async () => {
    const { dir, file } = await leave();
    const bytes = readFileSync(file);
    const middle = bytes.length >> 1;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 0x20, middle);
    writeFileSync(file, bytes);
    const second = await publisherOn(redis.url, { dir });
    expect(await second.publisher.drained(10_000)).toBe(true);
    expect(await seqsOf()).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
    expect(second.publisher.state().corruptRecords).toBe(1);
    await second.cleanUp();
  });

  it("a torn end costs the torn record only", async () => {
    const { dir, file } = await leave();
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length - 7));
    const second = await publisherOn(redis.url, { dir });
    expect(await second.publisher.drained(10_000)).toBe(true);
    expect(await seqsOf()).toEqual(upTo(8));
    await second.cleanUp();
  });
});

it("a watermark reaches its own partition or every one, on both streams", async () => {
  const { publisher, cleanUp } = await publisherOn(redis.url);
  expect(await publisher.watermark(1_000, "own")).toBe(true);
  expect(await publisher.watermark(2_000, "every")).toBe(true);
  for (const kind of ["events", "labels"] as const) {
    const own = (await readStream(redis.url, kind, 0)).entries.map((entry) => entry.watermark);
    const other = (await readStream(redis.url, kind, 1)).entries.map((entry) => entry.watermark);
    expect(own).toEqual(["1000", "2000"]);
    expect(other).toEqual(["2000"]);
  }
  await cleanUp();
});
