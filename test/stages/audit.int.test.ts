// The audit against the real neighbours and real signatures: an honest ledger fits, and each way of altering it is found, also a
// chain rewritten whole and consistently in Redis and ClickHouse.
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LedgerEntry } from "../../contracts/governance.ts";
import { createCheckpoints, type Checkpoints } from "../../src/adapters/checkpoints.ts";
import { createLedger, type Ledger } from "../../src/adapters/ledger.ts";
import { createLedgerCopy } from "../../src/adapters/ledger-copy.ts";
import { createLedgerRedis } from "../../src/adapters/ledger-redis.ts";
import { LEDGER_KEYS } from "../../src/adapters/ledger-scripts.ts";
import { EMPTY_HEAD, hashOf, seal, type Head } from "../../src/core/ledger.ts";
import { audit, type AuditReport } from "../../src/stages/audit.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { startStack, type TestStack } from "../support/stack.ts";

const MODEL = "flight-delay";
const day = (n: number): string => new Date(Date.UTC(2001, 0, 1 + n)).toISOString();

let stack: TestStack;
let redis: Redis;
let home: string;
let ledger: Ledger;
let checkpoints: Checkpoints;

beforeAll(async () => {
  stack = await startStack();
  redis = new Redis(stack.redisUrl);
});
afterAll(async () => {
  redis.disconnect();
  await stack.close();
});
afterEach(() => rm(home, { recursive: true, force: true }));
beforeEach(async () => {
  await redis.flushall();
  await stack.sql("TRUNCATE TABLE governance_log");
  home = await mkdtemp(join(tmpdir(), "flyball-audit-"));
  ledger = createLedger({ redis, clickhouse: stack.clickhouse });
  checkpoints = createCheckpoints({ home });
  await write(6);
  await ledger.seal();
  await checkpoints.write(await ledger.sealed(), day(10));
});

const write = async (count: number, reason = "a test"): Promise<void> => {
  for (let n = 1; n <= count; n += 1) {
    const { generation } = await ledger.state();
    const events = [{ type: "frozen", until: day(n) } as const];
    await ledger.append({ at: day(n), model: MODEL, actor: "ann", reason, events }, { generation });
  }
};

const look = (by: Checkpoints = checkpoints): Promise<AuditReport> =>
  audit({ ...ledger.evidence(), checkpoints: by.all });

const problems = async (): Promise<string[]> =>
  (await look()).problems.map(({ where, seq, problem }) => `${where} ${seq ?? "-"} ${problem}`);

/** Replaces the stored copy by these entries, as someone with the database's password could. */
const store = async (entries: readonly LedgerEntry[]): Promise<void> => {
  await stack.sql("TRUNCATE TABLE governance_log");
  await createLedgerCopy(stack.clickhouse).insert(entries);
};
const stored = async (): Promise<LedgerEntry[]> => [
  ...(await createLedgerCopy(stack.clickhouse).after(0)).entries,
];

test("an honest ledger fits, also while entries wait to be sealed", async () => {
  expect(await look()).toMatchObject({ ok: true, entries: 6, checkpoints: 1, unsealed: 0, problems: [] });
  await write(2);
  expect(await look()).toMatchObject({ ok: true, entries: 6, unsealed: 2 });
});

describe("finds", () => {
  test("an edited entry, its hash left or made good", async () => {
    const edit = (entry: LedgerEntry): LedgerEntry =>
      entry.seq === 3 ? { ...entry, reason: "nothing" } : entry;
    const honest = await stored();
    await store(honest.map(edit));
    expect(await problems()).toEqual([
      expect.stringContaining("clickhouse 3 entry 3 does not have the content"),
    ]);
    await store(
      honest.map((entry) => (entry.seq === 3 ? { ...edit(entry), hash: hashOf(edit(entry)) } : entry)),
    );
    expect(await problems()).toEqual([expect.stringContaining("clickhouse 4 entry 4 was not written after")]);
  });

  test("an edited column beside an untouched entry", async () => {
    await stack.sql(
      "ALTER TABLE governance_log UPDATE actor = 'bob' WHERE seq = 2 SETTINGS mutations_sync = 2",
    );
    expect(await problems()).toEqual(["clickhouse 2 columns of 2 contradict its entry: actor"]);
  });

  test("a deleted entry", async () => {
    await stack.sql("ALTER TABLE governance_log DELETE WHERE seq = 3 SETTINGS mutations_sync = 2");
    expect(await problems()).toContain("clickhouse 4 entries 3 to 3 are missing");
  });

  test("an inserted entry", async () => {
    const [, , third] = await stored();
    if (third === undefined) throw new Error("no third entry");
    const draft = {
      at: day(3),
      model: MODEL,
      actor: "eve",
      reason: "mine",
      events: [{ type: "unfrozen" } as const],
    };
    await createLedgerCopy(stack.clickhouse).insert([seal(draft, third)]);
    expect(
      (await problems()).some((problem) => problem.startsWith("clickhouse 4 entry 4 stands after")),
    ).toBe(true);
  });

  test("two entries that changed places", async () => {
    const swapped = (await stored()).map((entry) =>
      entry.seq === 3 ? { ...entry, seq: 4 } : entry.seq === 4 ? { ...entry, seq: 3 } : entry,
    );
    await store(swapped);
    expect(await problems()).toEqual(
      expect.arrayContaining([
        expect.stringContaining("clickhouse 3 entry 3 does not have the content"),
        expect.stringContaining("clickhouse 4 entry 4 does not have the content"),
      ]),
    );
  });

  test("a cut end", async () => {
    await stack.sql("ALTER TABLE governance_log DELETE WHERE seq > 4 SETTINGS mutations_sync = 2");
    expect(await problems()).toContain(
      `checkpoint 6 the checkpoint of ${day(10)} knows entry 6, the chain does not have it`,
    );
  });

  test("a chain rewritten whole in ClickHouse and Redis, by its old checkpoint alone", async () => {
    let head: Head = EMPTY_HEAD;
    const rewritten = (await stored()).map((entry) => {
      const { at, model, actor, events } = entry;
      const next = seal({ at, model, actor, events, reason: "another story" }, head);
      head = next;
      return LedgerEntry.parse(next);
    });
    await store(rewritten);
    await redis.flushall();
    const empty = (await createLedgerRedis(redis).read(0, 0)).head;
    await createLedgerRedis(redis).rebuild(rewritten, { found: empty, sealed: head });
    expect(await look(createCheckpoints({ home: join(home, "none") }))).toMatchObject({
      ok: true,
      entries: 6,
    });
    expect(await problems()).toEqual([
      `checkpoint 6 the checkpoint of ${day(10)} knows another entry 6 than the chain has`,
    ]);
  });

  test("a Redis that went back, and one whose head was changed", async () => {
    await redis.hset(LEDGER_KEYS.head, { hash: "f".repeat(64) });
    expect(await problems()).toEqual(["redis 6 Redis's head knows another entry 6 than the chain has"]);
    await redis.flushall();
    expect(await problems()).toEqual(["redis 6 Redis is at 0, the copy at 6"]);
  });

  test("a state no lawful writer reaches, though every hash fits", async () => {
    const move = {
      type: "transition",
      version: "1.0.0",
      from: "SHADOWING",
      to: "PROMOTABLE",
      baseline: null,
    } as const;
    const draft = { at: day(9), model: MODEL, actor: "eve", reason: "mine", events: [move] };
    const last = (await stored()).at(-1);
    if (last === undefined) throw new Error("no entries");
    await createLedgerCopy(stack.clickhouse).insert([seal(draft, last)]);
    expect(await problems()).toContain("laws 7 unknown-version: 1.0.0 is not registered");
  });
});

describe("checkpoints", () => {
  const file = (): string => join(home, "audit", "checkpoints", "6.json");

  test("are signed, written once, by a key only its owner reads", async () => {
    expect(statSync(join(home, "audit", "signing-key.pem")).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(file(), "utf8");
    expect(await checkpoints.write(await ledger.sealed(), day(11))).toBeNull();
    expect(readFileSync(file(), "utf8")).toBe(bytes);
    expect(await checkpoints.check(file())).toMatchObject({
      problem: null,
      checkpoint: { seq: 6, at: day(10) },
    });
  });

  test.each([
    [3_599_999, false],
    [3_600_000, true],
  ])("come an hour apart: after %d ms %s", async (ms, due) => {
    await write(1);
    await ledger.seal();
    const at = new Date(Date.parse(day(10)) + ms).toISOString();
    expect((await checkpoints.write(await ledger.sealed(), at)) !== null).toBe(due);
    expect((await checkpoints.all()).length).toBe(due ? 2 : 1);
  });

  test("refuse to sign a rewritten head, also in a new process", async () => {
    const head = { ...(await ledger.sealed()), hash: "f".repeat(64) };
    for (const each of [checkpoints, createCheckpoints({ home })])
      await expect(each.write(head, day(20))).rejects.toMatchObject({
        code: "ledger-rewritten",
        kind: "poison",
      });
  });

  test.each([
    [
      "another hash",
      (text: string) => text.replace(/"hash":"[0-9a-f]{64}"/, `"hash":"${"0".repeat(64)}"`),
      "signature",
    ],
    ["another time", (text: string) => text.replace(day(10), day(9)), "signature"],
    [
      "an unknown key",
      (text: string) => text.replace(/"key_id":"[0-9a-f]{16}"/, `"key_id":"${"0".repeat(16)}"`),
      "key",
    ],
    ["half its bytes", (text: string) => text.slice(0, 50), "cannot be read"],
  ])("with %s do not verify", async (_, change, wanted) => {
    const text = readFileSync(file(), "utf8");
    expect(change(text)).not.toBe(text);
    chmodSync(file(), 0o644);
    writeFileSync(file(), change(text));
    expect((await problems()).some((problem) => problem.includes(wanted))).toBe(true);
  });
});

describe("a command", () => {
  const wish = {
    commandId: "c1",
    model: MODEL,
    command: "freeze",
    version: null,
    actor: "ann",
    reason: "holidays",
    expiresAt: null,
    generation: null,
    at: day(12),
  } as const;

  test("is recorded once, on the generation it names", async () => {
    expect(await giveCommand(ledger, { ...wish, generation: 5 })).toEqual({
      outcome: "stale",
      generation: 6,
    });
    const given = await giveCommand(ledger, { ...wish, generation: 6 });
    expect(given).toEqual({ outcome: "recorded", commandId: "c1", generation: 7 });
    expect(await giveCommand(ledger, wish)).toEqual(given);
    expect((await ledger.state()).models[MODEL]?.commands).toMatchObject([
      { commandId: "c1", status: "pending" },
    ]);
  });

  test("of many operators at once is not lost", async () => {
    const ids = Array.from({ length: 20 }, (_, n) => `many-${n}`);
    const given = await Promise.all(ids.map((commandId) => giveCommand(ledger, { ...wish, commandId })));
    expect(given.every(({ outcome }) => outcome === "recorded")).toBe(true);
    const known = (await ledger.state()).models[MODEL]?.commands.map(({ commandId }) => commandId) ?? [];
    expect(known.sort()).toEqual([...ids].sort());
  });

  test.each([
    [{ model: "other" }, "unknown-model"],
    [{ model: "constructor" }, "unknown-model"],
    [{ version: "1" }, "bad-version"],
    [{ version: "1.0.0" }, "unknown-version"],
    [{ command: "approve" }, "version-needed"],
    [{ reason: "  " }, "no-reason"],
    [{ actor: "" }, "no-actor"],
    [{ expiresAt: "tomorrow" }, "bad-time"],
    [{ expiresAt: "2001-02-03T04:05:06+00:00Z" }, "bad-time"],
  ] as const)("with %o is refused and leaves nothing", async (change, code) => {
    expect(await giveCommand(ledger, { ...wish, ...change })).toMatchObject({
      outcome: "refused",
      refusal: { code },
    });
    expect((await ledger.state()).seq).toBe(6);
  });
});
