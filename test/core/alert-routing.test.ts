// Alerts as sentences: which channels they take, when one comes too soon, when a channel is tried again and when it is given up. Boundaries
// are tested at the threshold itself.
import { describe, expect, it } from "vitest";
import { AlertRule, type Alert } from "../../contracts/alerts.ts";
import { isPublicAddress } from "../../src/core/address.ts";
import { EMPTY_OUTBOX, channelsOf, dueWays, enter, noted, outcomesOf } from "../../src/core/alert-routing.ts";
import { lossAlerts } from "../../src/core/found-alerts.ts";

const alert = (over: Partial<Alert> = {}): Alert => ({
  id: "a1",
  model: "flight-delay",
  at: "2026-01-01T00:00:00.000Z",
  alert: "drift",
  severity: "warning",
  detail: "d",
  value: 1,
  threshold: 0.5,
  decision_id: "x",
  link: "http://localhost/decisions/x",
  ...over,
});
const rule = (over: Partial<AlertRule>): AlertRule => AlertRule.parse({ channels: ["ops"], ...over });

describe("rules", () => {
  it.each([
    [{}, true],
    [{ severity: ["critical" as const] }, false],
    [{ alert: "drift" }, true],
    [{ alert: "drif" }, false],
    [{ alert: "dr*" }, true],
    [{ alert: "*ft" }, true],
    [{ alert: "d*i*t" }, true],
    [{ alert: "d*ift*ift" }, false],
    [{ alert: "drift*t" }, false],
    [{ model: "flight-*" }, true],
    [{ model: "*.*" }, false],
  ])("%j: %s", (over, expected) => {
    expect(channelsOf(alert(), [rule(over)]).has("ops")).toBe(expected);
  });
  it("that fit together take every channel once, with the shorter cooldown", () => {
    const rules = [rule({ cooldown: "24h" }), rule({ channels: ["ops", "pager"], cooldown: "1h" })];
    expect([...channelsOf(alert(), rules)]).toEqual([
      ["ops", 3_600_000],
      ["pager", 3_600_000],
    ]);
  });
});

describe("an outbox", () => {
  const rules = [rule({ cooldown: "1h" })];
  const at = (ms: number, id: string, over: Partial<Alert> = {}) =>
    alert({ id, at: new Date(ms).toISOString(), ...over });
  const ways = (outbox: typeof EMPTY_OUTBOX) =>
    outbox.pending.map(({ ways }) => ways["ops"]?.outcome ?? null);

  it("holds an alert once", () => {
    const once = enter(EMPTY_OUTBOX, alert(), { rules, nowMs: 0 });
    expect(enter(once, alert(), { rules, nowMs: 1 })).toBe(once);
  });
  it("suppresses the same alert of the same model until the cooldown is over, and notes that it did", () => {
    let outbox = enter(EMPTY_OUTBOX, at(0, "a"), { rules, nowMs: 0 });
    outbox = enter(outbox, at(3_599_999, "b"), { rules, nowMs: 0 });
    outbox = enter(outbox, at(3_599_999, "c", { model: "other" }), { rules, nowMs: 0 });
    outbox = enter(outbox, at(3_600_000, "d"), { rules, nowMs: 0 });
    expect(ways(outbox)).toEqual([null, "suppressed: cooldown", null, null]);
  });
  it("keeps an alert that nobody wants to hear of, at once", () => {
    const outbox = enter(EMPTY_OUTBOX, alert(), { rules: [rule({ severity: ["critical"] })], nowMs: 0 });
    expect(outbox.pending.map(outcomesOf)).toEqual([{}]);
  });
  it("tries again later and later, and gives up at the end of its time", () => {
    let [pending] = enter(EMPTY_OUTBOX, alert(), { rules, nowMs: 0 }).pending;
    if (pending === undefined) throw new Error("not entered");
    const attempt = { ok: false, final: false, detail: "away" } as const;
    const waits: number[] = [];
    let nowMs = 0;
    while (outcomesOf(pending) === null) {
      expect(dueWays(pending, nowMs)).toEqual(["ops"]);
      pending = noted(pending, { channel: "ops", attempt, nowMs, giveUpMs: 3_600_000 });
      const next = pending.ways["ops"]?.nextMs ?? 0;
      if (next > nowMs) expect(dueWays(pending, next - 1)).toEqual([]);
      waits.push((next - nowMs) / 1_000);
      nowMs = next;
    }
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 0]);
    expect(outcomesOf(pending)).toEqual({ ops: "failed: away" });
  });
  it("does not try again what can never work", () => {
    const [pending] = enter(EMPTY_OUTBOX, alert(), { rules, nowMs: 0 }).pending;
    if (pending === undefined) throw new Error("not entered");
    const attempt = { ok: false, final: true, detail: "answered 404" } as const;
    const tried = noted(pending, { channel: "ops", attempt, nowMs: 0, giveUpMs: 1e9 });
    expect(outcomesOf(tried)).toEqual({ ops: "failed: answered 404" });
  });
});

describe("addresses", () => {
  it.each(["8.8.8.8", "1.1.1.1", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8", "2002:808:808::1"])(
    "%s is public",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );
  it.each([
    ...[
      "127.0.0.1",
      "10.1.2.3",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
    ],
    ...["0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1"],
    ...["::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00::1", "ff02::1", "2001:db8::1", "2001::1"],
    ...[
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "[::ffff:a9fe:a9fe]",
      "64:ff9b::10.0.0.1",
      "2002:7f00:1::",
      "2002:c0a8:101::1",
    ],
    ...[
      "",
      "localhost",
      "127.1",
      "0x7f.0.0.1",
      "127.0.0.1.",
      "1.2.3",
      "256.1.1.1",
      "01.1.1.1",
      ":::1",
      "1::2::3",
      "12345::",
    ],
  ])("%s is not", (address) => expect(isPublicAddress(address)).toBe(false));
  it("the blocks end where they end", () => {
    expect(
      ["172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "11.0.0.0"].map(isPublicAddress),
    ).toEqual(Array.from({ length: 5 }, () => true));
  });
});

describe("losses", () => {
  const hole = { kind: "events" as const, producer: "0-1", from: 3, to: 5, afterMs: 0, beforeMs: 1, rows: 3 };
  const at = (second: string) => ({ at: `2026-01-01T00:00:0${second}.000Z`, link: "http://localhost" });
  it("found twice are one alert, and none is made of what is still on its way", () => {
    const streams = [
      { kind: "events" as const, partition: 0, missing: null },
      { kind: "labels" as const, partition: 1, missing: 0 },
      { kind: "labels" as const, partition: 2, missing: 4 },
    ];
    const [first, second] = [at("1"), at("2")].map((by) => lossAlerts({ holes: [hole], streams }, by));
    expect(first?.map(({ alert: name, value }) => [name, value])).toEqual([
      ["rows_lost", 3],
      ["entries_lost", 4],
    ]);
    expect(second?.map(({ id }) => id)).toEqual(first?.map(({ id }) => id));
  });
});
