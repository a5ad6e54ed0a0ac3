// The key files on a real disk: what is written and with which rights, two processes on one home, rotation, revocation, damage, sessions.
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openKeys } from "../../src/adapters/keys.ts";

let home: string;
let monotonic: number;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "flyball-keys-"));
  monotonic = 0;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const open = (bootstrap?: string) => openKeys({ home, bootstrap, monotonicMs: () => monotonic });
const made = async (store = open(), over: object = {}) => {
  const by = {
    name: "alice",
    env: "test",
    roles: ["read" as const],
    models: null,
    nowMs: 1000,
    expiresMs: null,
  };
  const key = await store.create({ ...by, ...over });
  if (key === null) throw new Error("not made");
  return key;
};

describe("keys on disk", () => {
  it("hold no secret and are their owner's alone", async () => {
    const { key } = await made();
    const folder = path.join(home, "keys");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const secret = key.split("_").at(-1) ?? "";
    for (const file of readdirSync(folder)) {
      expect(statSync(path.join(folder, file)).mode & 0o777, file).toBe(0o600);
      expect(readFileSync(path.join(folder, file), "utf8")).not.toContain(secret.slice(0, 16));
    }
    expect(readdirSync(folder).filter((file) => file.startsWith("."))).toEqual([]);
  });

  it("open for their holder and for nobody else", async () => {
    const store = open();
    const { key, id } = await made(store);
    expect(store.byKey(key, 2000)).toMatchObject({ id, name: "alice", roles: ["read"] });
    const other = await made(store, { name: "bob" });
    const mixed = key.replace(id, other.id);
    for (const wrong of [mixed, key.slice(0, -1), "", "fb_test_aaaaaaaaaaaa_x"])
      expect(store.byKey(wrong, 2000)).toBeNull();
  });

  it("tell when they last opened something, to any process, and nothing of refusals", async () => {
    const store = open();
    const { key, id } = await made(store);
    const idle = await made(store, { name: "idle" });
    expect((await store.lastUsed()).size).toBe(0);
    store.byKey(key.slice(0, -1), 50_000);
    store.byKey(key, 60_000);
    await expect.poll(async () => (await open().lastUsed()).get(id)).toBe(60_000);
    // Within a minute nothing is written again; after it, it is.
    store.byKey(key, 119_999);
    const session = store.openSession(
      { id, name: "alice", roles: ["read"], models: null },
      { nowMs: 60_000, untilMs: 900_000 },
    );
    expect(store.bySession(session, 120_000)?.id).toBe(id);
    await expect.poll(async () => (await open().lastUsed()).get(id)).toBe(120_000);
    expect((await store.lastUsed()).has(idle.id)).toBe(false);
    expect(statSync(path.join(home, "keys", "used", id)).mode & 0o777).toBe(0o600);
    // What was noted is no key file: the set is read as before.
    const again = open();
    await again.refresh();
    expect(again.all()).toHaveLength(2);
  });

  it("are refused a second live holder of a name, and given it again after a revocation", async () => {
    const store = open();
    const { id } = await made(store);
    const by = {
      name: "alice",
      env: "test",
      roles: ["read" as const],
      models: null,
      nowMs: 2000,
      expiresMs: null,
    };
    expect(await store.create(by)).toBeNull();
    await store.revoke({ id, nowMs: 3000 });
    expect(await store.create(by)).not.toBeNull();
  });

  it("revoked by one process are dead in another once its cache has aged, and stay so", async () => {
    const [cli, api] = [open(), open()];
    const { key, id } = await made(cli);
    await api.refresh();
    expect(api.byKey(key, 2000)).not.toBeNull();
    expect(api.freshness()).toBeNull();
    await cli.revoke({ id, nowMs: 2500 });
    monotonic = 5000;
    const waiting = api.freshness();
    expect(waiting).not.toBeNull();
    await waiting;
    expect(api.byKey(key, 3000)).toBeNull();
    expect(await cli.rotate({ id, nowMs: 3000, previousUntilMs: 4000 })).toBeNull();
  });

  it("change over: both secrets open, then only the new one", async () => {
    const store = open();
    const { key, id } = await made(store);
    const second = await store.rotate({ id, nowMs: 2000, previousUntilMs: 5000 });
    expect(store.byKey(key, 4999)).not.toBeNull();
    expect(store.byKey(second?.key ?? "", 4999)).not.toBeNull();
    expect(store.byKey(key, 5000)).toBeNull();
    expect(store.byKey(second?.key ?? "", 5000)).not.toBeNull();
  });

  it("made at the same moment by two processes are both there, under one pepper", async () => {
    const stores = [open(), open(), open(), open()];
    const keys = await Promise.all(stores.map((store, at) => made(store, { name: `n${at}` })));
    const reader = open();
    await reader.refresh();
    expect(keys.map(({ key }) => reader.byKey(key, 2000)?.name)).toEqual(["n0", "n1", "n2", "n3"]);
  });

  it("are not read where the pepper is open to others, lost, or a file is damaged: half a set is no set", async () => {
    const { key, id } = await made();
    const pepper = path.join(home, "keys", "pepper");
    chmodSync(pepper, 0o644);
    await expect(open().refresh()).rejects.toThrow(/read by others/);
    chmodSync(pepper, 0o600);
    const store = open();
    await store.refresh();
    writeFileSync(path.join(home, "keys", `${id}.revoked.json`), "{", { mode: 0o600 });
    await expect(store.refresh()).rejects.toThrow();
    rmSync(path.join(home, "keys", `${id}.revoked.json`));
    rmSync(pepper);
    await expect(store.refresh()).rejects.toThrow();
    rmSync(path.join(home, "keys"), { recursive: true });
    await store.refresh();
    expect(store.configured()).toBe(true);
    expect(store.byKey(key, 2000)).toBeNull();
  });
});

describe("the bootstrap key", () => {
  const first = "a-first-key-of-the-operator";
  it("opens everything before there is any other, and a short one is refused", async () => {
    const store = open(first);
    await store.refresh();
    expect(store.configured()).toBe(true);
    expect(store.byKey(first, 1)).toMatchObject({ name: "bootstrap", roles: ["admin"] });
    expect(store.byKey(`${first}x`, 1)).toBeNull();
    expect(() => open("short")).toThrow(/too short/);
  });
  it("is no key where none is set", async () => {
    const store = open();
    await store.refresh();
    expect(store.configured()).toBe(false);
    expect(store.byKey("bootstrap", 1)).toBeNull();
    expect(store.bySession("bootstrap.9999999999999.00", 1)).toBeNull();
  });
});

describe("sessions", () => {
  it("stand for a key until their end, its end, its rotation's end or its revocation", async () => {
    const store = open();
    const { key, id } = await made(store, { expiresMs: 8000 });
    const holder = store.byKey(key, 1000);
    if (holder === null) throw new Error("no holder");
    const short = store.openSession(holder, { nowMs: 1000, untilMs: 3000 });
    expect(store.bySession(short, 2999)).toMatchObject({ id });
    expect(store.bySession(short, 3000)).toBeNull();
    const long = store.openSession(holder, { nowMs: 1000, untilMs: 1e12 });
    expect(store.bySession(long, 7999)).toMatchObject({ id });
    expect(store.bySession(long, 8000)).toBeNull();
    expect(store.bySession(long.replace(/\.\d+\./, ".99999999999999."), 2000)).toBeNull();
    const restarted = open();
    await restarted.refresh();
    expect(restarted.bySession(long, 2000)).toMatchObject({ id });
    await store.revoke({ id, nowMs: 2000 });
    expect(store.bySession(long, 2001)).toBeNull();
  });
});
