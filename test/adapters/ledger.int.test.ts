// The ledger's laws against a real Redis and the real engine: one order for all writers, nothing doubled, nothing served that is
// not sealed, and no second ledger beside a sealed one.
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LedgerDraft } from "../../contracts/governance.ts";
import { createLedger, LEDGER_LOST, type Ledger } from "../../src/adapters/ledger.ts";
import { LEDGER_KEYS } from "../../src/adapters/ledger-scripts.ts";
import { connectRedis } from "../../src/adapters/redis.ts";
import { hashOf, verifyChain } from "../../src/core/ledger.ts";
import { startStack, type TestStack } from "../support/stack.ts";

const MODEL = "flight-delay";
const AT = "2001-01-01T00:00:00.000Z";

let stack: TestStack;
let redis: Redis;
const opened: Redis[] = [];

beforeAll(async () => {
  stack = await startStack();
  redis = client();
});
afterAll(async () => {
  for (const each of opened) each.disconnect();
  await stack.close();
});
beforeEach(async () => {
  await redis.flushall();
  await stack.sql("TRUNCATE TABLE governance_log");
});

const client = (): Redis => {
  const connected = connectRedis({ url: stack.redisUrl }, { timeoutMs: 2_000 });
  if (!(connected instanceof Redis)) throw new Error("a single Redis was asked for");
  opened.push(connected);
  return connected;
};
const open = (connection: Redis = redis): Ledger =>
  createLedger({ redis: connection, clickhouse: stack.clickhouse });

const freeze = (actor: string): LedgerDraft => ({
  at: AT,
  model: MODEL,
  actor,
  reason: "a test",
  events: [{ type: "frozen", until: null }],
});

/** Appends until it has had its turn, as every writer does. */
const append = async (ledger: Ledger, actor: string): Promise<number> => {
  for (let tries = 1; ; tries += 1) {
    const { generation } = await ledger.state();
    const result = await ledger.append(freeze(actor), { generation });
    if (result.ok) return tries;
  }
};
const actorsOf = async (ledger: Ledger): Promise<string[]> =>
  (await ledger.read(0, 100_000)).map(({ actor }) => actor);
const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "no fault",
    (fault: unknown) => (fault instanceof Error && "code" in fault ? fault.code : fault),
  );

describe("appending", () => {
  test("gives each entry its place in the chain", async () => {
    const ledger = open();
    expect(await ledger.state()).toMatchObject({ seq: 0, generation: 0, models: {} });
    for (const actor of ["ann", "bob", "cid"]) await append(ledger, actor);
    const entries = await ledger.read(0, 10);
    expect(entries.map(({ seq, generation }) => [seq, generation])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(verifyChain(entries).ok).toBe(true);
    expect((await ledger.state()).models[MODEL]?.frozen?.actor).toBe("cid");
    expect((await ledger.read(1, 1)).map(({ actor }) => actor)).toEqual(["bob"]);
  });

  test("of two writers on the same generation one wins, and the other is told the generation", async () => {
    const [a, b] = [open(client()), open(client())];
    await append(a, "first");
    await b.state();
    const results = await Promise.all([
      a.append(freeze("ann"), { generation: 1 }),
      b.append(freeze("bob"), { generation: 1 }),
    ]);
    expect(results.filter(({ ok }) => ok)).toHaveLength(1);
    expect(results.find(({ ok }) => !ok)).toEqual({ ok: false, generation: 2 });
    expect(await actorsOf(a)).toHaveLength(2);
  });

  test("200 writers at once all have their turn, each once", async () => {
    const ledgers = Array.from({ length: 8 }, () => open(client()));
    const actors = Array.from({ length: 200 }, (_, n) => `writer-${n}`);
    await Promise.all(
      ledgers.map(async (ledger, slot) => {
        for (const actor of actors.filter((_, n) => n % ledgers.length === slot)) await append(ledger, actor);
      }),
    );
    expect((await actorsOf(open())).sort()).toEqual([...actors].sort());
    expect(verifyChain(await open().read(0, 1000)).ok).toBe(true);
  });

  test("again, because the reply was lost, is the same entry and not a second one", async () => {
    const ledger = open();
    const first = await ledger.append(freeze("ann"), { generation: 0 });
    await append(ledger, "bob"); // others went on meanwhile
    expect(await ledger.append(freeze("ann"), { generation: 0 })).toEqual(first);
    expect(await open(client()).append(freeze("ann"), { generation: 0 })).toEqual(first);
    expect(await ledger.append(freeze("eve"), { generation: 0 })).toEqual({ ok: false, generation: 2 });
    expect(await actorsOf(ledger)).toEqual(["ann", "bob"]);
  });

  test("what no lawful writer writes is refused for good", async () => {
    const move = {
      type: "transition",
      version: "1.0.0",
      from: "TRAINING",
      to: "PROMOTED",
      baseline: null,
    } as const;
    const work = open().append({ ...freeze("eve"), events: [move] }, { generation: 0 });
    expect(await codeOf(work)).toBe("unknown-version");
    expect(await actorsOf(open())).toEqual([]);
  });

  test("an entry altered in Redis stops everybody", async () => {
    await append(open(), "ann");
    const text = (await redis.lindex(LEDGER_KEYS.entries, 0)) ?? "";
    await redis.lset(LEDGER_KEYS.entries, 0, text.replace("a test", "a lie!"));
    expect(await codeOf(open().state())).toBe("ledger-damaged");
    await redis.lset(LEDGER_KEYS.entries, 0, "{}");
    expect(await codeOf(open().state())).toBe("ledger-unreadable");
  });
});

describe("sealing", () => {
  test("copies what is new, once, and only then lets serving see it", async () => {
    const ledger = open();
    expect(await ledger.seal()).toEqual({ seq: 0, generation: 0 });
    await append(ledger, "ann");
    await append(ledger, "bob");
    expect(await ledger.sealed()).toMatchObject({ seq: 0, generation: 0 });
    expect((await ledger.sealedState()).seq).toBe(0);
    expect(await ledger.seal()).toEqual({ seq: 2, generation: 2 });
    await append(ledger, "cid");
    expect((await ledger.sealedState()).models[MODEL]?.frozen?.actor).toBe("bob");
    expect(await ledger.seal()).toEqual({ seq: 3, generation: 3 });
    expect(await ledger.seal()).toEqual({ seq: 3, generation: 3 });
    expect(await ledger.sealedState()).toEqual(await ledger.state());
    const rows = await stack.sql("SELECT seq, actor, entry FROM governance_log ORDER BY seq");
    expect(rows.map(({ actor }) => actor)).toEqual(["ann", "bob", "cid"]);
  });

  test("half-way (inserted, mark not moved) is finished by the next one without doubling", async () => {
    const ledger = open();
    await append(ledger, "ann");
    await ledger.seal();
    await append(ledger, "bob");
    await ledger.seal();
    await redis.del(LEDGER_KEYS.sealed); // the crash came between the copy and the mark
    expect(await open(client()).seal()).toEqual({ seq: 2, generation: 2 });
    expect(await stack.sql("SELECT toString(count()) AS n FROM governance_log")).toEqual([{ n: "2" }]);
  });

  test("tells those who serve", async () => {
    const ledger = open();
    let told: () => void = () => undefined;
    const moved = new Promise<void>((resolve) => (told = resolve));
    const end = await ledger.onMoved(told);
    await append(ledger, "ann");
    await ledger.seal();
    await moved;
    end();
  });

  test("a copy that lost its rows is filled again by the next seal", async () => {
    const ledger = open();
    for (const actor of ["ann", "bob"]) await append(ledger, actor);
    await ledger.seal();
    await stack.sql("TRUNCATE TABLE governance_log");
    await append(ledger, "cid");
    await ledger.seal();
    expect(await stack.sql("SELECT toString(count()) AS n FROM governance_log")).toEqual([{ n: "3" }]);
  });

  test("serving goes on from the copy while Redis is away", async () => {
    const ledger = open();
    await append(ledger, "ann");
    await ledger.seal();
    const expected = await ledger.state();
    await stack.redis.kill();
    const alone = open(client());
    expect(await alone.sealedState()).toEqual(expected);
    expect(await codeOf(alone.state())).not.toBe("no fault");
    await stack.redis.restart();
    expect(await open(client()).state()).toEqual(expected); // SIGKILL lost nothing
  });
});

describe("a lost Redis", () => {
  const sealedLedger = async (): Promise<Ledger> => {
    const ledger = open();
    for (const actor of ["ann", "bob", "cid"]) await append(ledger, actor);
    await ledger.seal();
    return ledger;
  };

  test("stops writers, is rebuilt from the copy with a higher generation, and goes on", async () => {
    const ledger = await sealedLedger();
    const before = await ledger.state();
    await redis.flushall();
    expect(await codeOf(ledger.state())).toBe(LEDGER_LOST);
    expect(await codeOf(open(client()).append(freeze("eve"), { generation: 0 }))).toBe(LEDGER_LOST);
    expect((await ledger.sealedState()).models).toEqual(before.models);
    expect(await ledger.recover({ at: AT, actor: "execute" })).toMatchObject({ recovered: true, entries: 3 });
    const after = await ledger.state();
    expect(after).toMatchObject({ seq: 4, generation: 1003, models: before.models });
    // A writer that read the old Redis cannot write onto the new one.
    expect(await ledger.append(freeze("eve"), { generation: before.generation })).toEqual({
      ok: false,
      generation: 1003,
    });
    await append(ledger, "dan");
    expect(await ledger.seal()).toEqual({ seq: 5, generation: 1004 });
    expect(await actorsOf(ledger)).toEqual(["ann", "bob", "cid", "execute", "dan"]);
    expect(verifyChain(await ledger.read(0, 10)).ok).toBe(true);
  });

  test("is rebuilt once when two recover at the same time; recovering a healthy one does nothing", async () => {
    await sealedLedger();
    await redis.flushall();
    const results = await Promise.all(
      [open(client()), open(client())].map((ledger) => ledger.recover({ at: AT, actor: "execute" })),
    );
    expect(results.filter(({ recovered }) => recovered)).toHaveLength(1);
    expect(await open().recover({ at: AT, actor: "execute" })).toMatchObject({ recovered: false });
    expect((await open().state()).seq).toBe(4);
    expect(await redis.keys("flyball:{ledger}:rebuilding:*")).toEqual([]);
  });

  test("that came back from an old backup and was written to is recognised as another past", async () => {
    const ledger = await sealedLedger();
    await redis.ltrim(LEDGER_KEYS.entries, 0, 0);
    const [first] = await ledger.read(0, 1);
    if (first === undefined) throw new Error("no first entry");
    const place = { seq: 1, generation: 1, hash: first.hash };
    await redis.hset(LEDGER_KEYS.head, place);
    await redis.hset(LEDGER_KEYS.sealed, place);
    expect(await codeOf(open(client()).state())).toBe(LEDGER_LOST);
    expect(await codeOf(ledger.state())).toBe(LEDGER_LOST); // also a process that was running all the time
    expect(await codeOf(ledger.seal())).toBe(LEDGER_LOST);
    expect(await ledger.recover({ at: AT, actor: "execute" })).toMatchObject({ recovered: true });
    expect(await actorsOf(ledger)).toEqual(["ann", "bob", "cid", "execute"]);
  });

  test("is not rebuilt from a copy somebody altered", async () => {
    const ledger = await sealedLedger();
    const [row] = await ledger.read(1, 1);
    if (row === undefined) throw new Error("no second entry");
    await stack.sql("ALTER TABLE governance_log DELETE WHERE seq = 2 SETTINGS mutations_sync = 2");
    await redis.flushall();
    expect(await codeOf(ledger.recover({ at: AT, actor: "execute" }))).toBe("ledger-damaged");
    expect(hashOf(row)).toBe(row.hash);
    expect(await redis.exists(LEDGER_KEYS.head)).toBe(0);
  });
});
