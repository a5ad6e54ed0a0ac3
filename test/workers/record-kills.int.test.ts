// Tests: a recorder killed in each commit gap, and its Redis in the middle of the work, on a real Redis and the real engine: every
// acknowledged row is a fact exactly once. Each mechanism has its control: with it switched off the same kill must show, or the test
// would prove nothing.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { streamKey } from "../../contracts/event.ts";
import type { RecorderOptions } from "../../workers/record.ts";
import { checkFacts, entryOf, EXACT, publish, range } from "../support/facts.ts";
import type { Verdict } from "../support/facts.ts";
import { localRecorder, spawnRecorder } from "../support/recorder.ts";
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

/** A partition and producer of one's own: tests share nothing but the neighbours. */
const place = (): { partition: number; producer: string } => {
  nextPartition += 1;
  return { partition: nextPartition, producer: `${nextPartition}-t` };
};
const pendingIn = async (partition: number): Promise<number> =>
  Number((await redis.xpending(streamKey("events", partition), "recorders"))[0]);

interface Killed {
  readonly verdict: Verdict;
  readonly letters: number;
  readonly signal: string | null;
  /** What the second recorder told. */
  readonly watermarks: readonly number[];
  /** Rows that were no facts yet when the first one died after it had told the watermark that follows them. */
  readonly toldTooEarly: number;
  /** Entries left with a consumer. */
  readonly pending: number;
}

/** Publishes 300 rows, lets a recorder die at the gap, publishes 60 more, lets a second one finish, and compares. */
const killedAt = async (
  gap: string,
  without: NonNullable<RecorderOptions["without"]> = [],
): Promise<Killed> => {
  const { partition, producer } = place();
  await publish(redis, { partition, producer, from: 0, rows: 300, each: 10 });
  const mark = ["v", "1", "n", "0", "rows", "", "watermark", "5", "producer", producer];
  await redis.xadd(streamKey("events", partition), "*", ...mark);
  if (gap === "after_dead_letter") await redis.xadd(streamKey("events", partition), "*", "v", "9");
  const recorder = { without };
  const reader = { lingerMs: 50 };
  const first = await spawnRecorder(stack, { partition, failpoints: gap, reader, recorder });
  const signal = await first.ended;
  const atDeath = await checkFacts(stack.sql, producer, range(0, 300));
  await publish(redis, { partition, producer, from: 300, rows: 60, each: 10 });
  const second = localRecorder(stack, { partition, reader, recorder });
  await second.drain();
  await second.close();
  const verdict = await checkFacts(stack.sql, producer, range(0, 360));
  const letters = await stack.sql(
    `SELECT entry_id FROM dead_letters WHERE stream = '${streamKey("events", partition)}'`,
  );
  return {
    ...{ verdict, letters: letters.length, signal, watermarks: second.watermarks },
    toldTooEarly: first.lines.includes("watermark 5") ? atDeath.lost : 0,
    pending: await pendingIn(partition),
  };
};

describe("a recorder killed by SIGKILL", () => {
  it.each([
    "after_read",
    "before_insert",
    "after_insert",
    "after_dead_letter",
    "before_ack",
    "after_ack",
    "after_watermark",
  ])("at %s loses nothing and doubles nothing", async (gap) => {
    const letters = gap === "after_dead_letter" ? 1 : 0;
    expect(await killedAt(gap)).toEqual({
      ...{ verdict: EXACT, letters, signal: "SIGKILL", watermarks: [5] },
      ...{ toldTooEarly: 0, pending: 0 },
    });
  });

  it("after the read loses the batch when nobody looks for what is pending: the control", async () => {
    const { verdict, pending, watermarks } = await killedAt("after_read", ["recovery"]);
    expect(verdict).toMatchObject({ lost: 300, doubled: 0 });
    expect([pending, watermarks]).toEqual([31, []]);
  });

  it.each(["after_insert", "before_ack"])(
    "%s doubles the batch when tokens are switched off: the control",
    async (gap) => {
      const { verdict } = await killedAt(gap, ["tokens"]);
      expect(verdict).toMatchObject({ lost: 0, doubled: 300 });
    },
  );

  it("after the insert doubles rows when a retry is not the same batch: the control", async () => {
    const { verdict } = await killedAt("after_insert", ["whole-batch"]);
    expect(verdict).toMatchObject({ lost: 0, doubled: 300 });
  });

  it("after the dead letter writes it twice when tokens are switched off: the control", async () => {
    expect(await killedAt("after_dead_letter", ["tokens"])).toMatchObject({ letters: 2 });
  });

  it("after the acknowledgement leaves its watermark untold when nobody tells it first thing: the control", async () => {
    const { verdict, watermarks } = await killedAt("after_ack", ["first-announcement"]);
    expect(verdict).toEqual(EXACT);
    expect(watermarks).toEqual([]);
  });

  it("after the watermark has told of rows that are no facts when it is told first: the control", async () => {
    expect(await killedAt("after_watermark", ["watermark-order"])).toMatchObject({ toldTooEarly: 300 });
  });

  it("before the insert loses the batch when it is acknowledged first: the control", async () => {
    const { verdict, watermarks } = await killedAt("before_insert", ["ack-order"]);
    expect(verdict).toMatchObject({ lost: 300, doubled: 0 });
    expect(watermarks).toEqual([]);
  });
});

describe("a run of random kills", () => {
  it("records every acknowledged row once, whatever the moments of death", async () => {
    const { partition, producer } = place();
    const failpoints = "after_read:0.08,before_insert:0.08,after_insert:0.15,before_ack:0.15,after_ack:0.08";
    const end = performance.now() + 12_000;
    let published = 0;
    const publishing = (async () => {
      while (performance.now() < end) {
        await redis.xadd(streamKey("events", partition), "*", ...entryOf(producer, published, 20));
        published += 20;
        if (published % 400 === 0) await new Promise((resume) => setTimeout(resume, 10));
      }
    })();
    const deaths = { failpoint: 0, timer: 0 };
    while (performance.now() < end) {
      const victim = await spawnRecorder(stack, { partition, failpoints, reader: { leaseMs: 450 } });
      let timed = false;
      const timer = setTimeout(() => {
        timed = true;
        void victim.kill();
      }, 1_500);
      await victim.ended;
      clearTimeout(timer);
      deaths[timed ? "timer" : "failpoint"] += 1;
    }
    await publishing;
    const meanwhile = await checkFacts(stack.sql, producer, range(0, published));
    const last = localRecorder(stack, { partition });
    await last.drain();
    await last.close();
    expect(deaths.failpoint).toBeGreaterThanOrEqual(5);
    expect(meanwhile.lost).toBeLessThan(published / 2);
    expect(published).toBeGreaterThan(2_000);
    expect(await pendingIn(partition)).toBe(0);
    expect(await checkFacts(stack.sql, producer, range(0, published))).toEqual(EXACT);
  }, 60_000);
});

describe("a Redis killed", () => {
  it("while its entries are read, recorded and acknowledged: every row once", async () => {
    const { partition, producer } = place();
    const recorder = localRecorder(stack, { partition, recorder: { batchRowsMax: 500 } });
    const ending = new AbortController();
    const running = recorder.run(ending.signal);
    const recorded = async (upTo: number) => (await checkFacts(stack.sql, producer, range(0, upTo))).lost;
    let published = 0;
    for (let kill = 0; kill < 3; kill += 1) {
      for (let i = 0; i < 20; i += 1) {
        await redis.xadd(streamKey("events", partition), "*", ...entryOf(producer, published, 100));
        published += 100;
      }
      // In the middle of it: something of this turn is recorded, and not all.
      await expect.poll(() => recorded(published), { timeout: 20_000, interval: 5 }).toBeLessThan(2_000);
      await stack.redis.kill();
      await stack.redis.restart();
    }
    await expect.poll(() => recorded(published), { timeout: 20_000 }).toBe(0);
    ending.abort();
    await running;
    await recorder.close();
    expect(recorder.warnings.some((warning) => warning.startsWith("recording pauses"))).toBe(true);
    expect(await checkFacts(stack.sql, producer, range(0, published))).toEqual(EXACT);
    expect(await pendingIn(partition)).toBe(0);
  });
});

describe("a recorder stopped and passed over", () => {
  it("resumes beside its heir without losing or doubling a row", async () => {
    const { partition, producer } = place();
    await publish(redis, { partition, producer, from: 0, rows: 200, each: 10 });
    // Stopped inside its batch: read, inserted, not yet acknowledged, while the engine is away.
    process.kill(stack.clickhousePid(), "SIGSTOP");
    const stopped = await spawnRecorder(stack, { partition, consumer: "old", reader: { leaseMs: 1_200 } });
    await expect.poll(() => pendingIn(partition)).toBe(20);
    process.kill(stopped.pid, "SIGSTOP");
    process.kill(stack.clickhousePid(), "SIGCONT");
    const heir = localRecorder(stack, { partition, consumer: "new" });
    await expect
      .poll(
        async () => {
          await heir.drain();
          return heir.notices.some(({ notice }) => notice === "adopted");
        },
        { timeout: 15_000 },
      )
      .toBe(true);
    await heir.drain();
    process.kill(stopped.pid, "SIGCONT");
    await publish(redis, { partition, producer, from: 200, rows: 50, each: 10 });
    await expect
      .poll(async () => (await checkFacts(stack.sql, producer, range(0, 250))).lost, { timeout: 10_000 })
      .toBe(0);
    await stopped.stop();
    await heir.drain();
    await heir.close();
    expect(await pendingIn(partition)).toBe(0);
    expect(await checkFacts(stack.sql, producer, range(0, 250))).toEqual(EXACT);
  });

  it("for good leaves its batch to whoever comes, under another name", async () => {
    const { partition, producer } = place();
    await publish(redis, { partition, producer, from: 0, rows: 100, each: 10 });
    const lost = await spawnRecorder(stack, { partition, consumer: "host-1", failpoints: "after_insert" });
    await lost.ended;
    const heir = localRecorder(stack, { partition, consumer: "host-2" });
    await expect
      .poll(
        async () => {
          await heir.drain();
          return pendingIn(partition);
        },
        { timeout: 15_000 },
      )
      .toBe(0);
    await heir.close();
    expect(await checkFacts(stack.sql, producer, range(0, 100))).toEqual(EXACT);
  });
});
