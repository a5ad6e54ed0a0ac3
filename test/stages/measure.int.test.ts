// The measure stage on the real engine: once, twice and half-way. Drift, performance, pairs and trust of a window are written once, only
// when its labels have matured, and by the label that came first.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createReadStore } from "../../src/adapters/read-store.ts";
import { measure, type MeasurePorts } from "../../workers/measure.ts";
import { roll } from "../../workers/roll.ts";
import {
  DAY,
  HOUR,
  MODEL,
  START,
  startDeployment,
  type Deployment,
  type Fact,
} from "../support/deployment.ts";

let house: Deployment;
beforeAll(async () => {
  house = await startDeployment();
  await house.publish({ seed: 2 });
});
afterAll(() => house.close());
beforeEach(() => house.reset());

const TABLES = ["drift", "performance_snapshots", "shadow_snapshots", "trust_scores"];
const contents = () =>
  Promise.all(TABLES.map((table) => house.stack.sql(`SELECT * FROM ${table} ORDER BY ALL`)));
const measureThrough = (ms: number, ports: MeasurePorts = house.ports) =>
  measure(ports, { windows: house.windows, profile: house.profile }, ms);

/** A day of production with a shadow on the same requests, rolled. */
const rolledDay = async (): Promise<Fact[]> => {
  const facts = house.traffic({ fromMs: START, hours: 24, perHour: 20 });
  const shadow = facts.map((fact): Fact => ({
    ...fact,
    role: "shadow",
    version: "1.1.0",
    seq: fact.seq + facts.length,
    p: 0.9 * (fact.p ?? 0),
  }));
  await house.record([...facts, ...shadow]);
  await roll(house.ports, house.windows, START + 3 * DAY);
  return facts;
};
const sold = (facts: readonly Fact[], afterMs = HOUR) =>
  facts.map(({ request, label, atMs }) => ({ request, label, atMs: atMs + afterMs }));
const realised = async (role = "production") => {
  const span = { startMs: START, endMs: START + DAY };
  const rows = await house.stores.measures.performance({ model: MODEL, size: "24h", span, scope: "all" });
  return rows.filter((row) => row.kind === "realised" && row.role === role && row.scope === "all");
};

describe("labels", () => {
  it("are counted when they have matured, not a millisecond before, each version by its own answers", async () => {
    const facts = await rolledDay();
    await house.label(sold(facts));
    await measureThrough(START + 2 * DAY - 1);
    expect(await realised()).toEqual([]);
    await measureThrough(START + 2 * DAY);
    const [row] = await realised();
    const positives = facts.filter(({ label }) => label === 1).length;
    const hits = facts.filter(({ label, p }) => label === 1 && (p ?? 0) >= 0.5).length;
    expect(row).toMatchObject({ requests: 480, labelled: 480, positives, tp: hits, fn: positives - hits });
    // Sliced by shop: each segment's rows are counted from the same answers, and together they are no more than all.
    const segments = await house.stack.sql(
      "SELECT scope, requests, labelled, tp FROM performance_snapshots WHERE role = 'production' AND kind = 'realised' AND scope != 'all' ORDER BY scope",
    );
    const inShop = (code: number) => facts.filter(({ codes }) => codes[1] === code);
    const hitsIn = (code: number) =>
      inShop(code).filter(({ label, p }) => label === 1 && (p ?? 0) >= 0.5).length;
    expect(segments).toEqual(
      ["north", "south"].map((shop, code) => {
        const requests = inShop(code).length;
        return { scope: `shop=${shop}`, requests, labelled: requests, tp: hitsIn(code) };
      }),
    );
    const inShadow = facts.filter(({ label, p }) => label === 1 && 0.9 * (p ?? 0) >= 0.5).length;
    expect((await realised("shadow"))[0]).toMatchObject({ labelled: 480, tp: inShadow });
    const span = { startMs: START, endMs: START + DAY };
    const pairs = await house.stores.measures.pairs({ model: MODEL, size: "24h", version: "1.1.0", span });
    const whole = pairs.find(({ scope }) => scope === "all");
    expect(whole).toMatchObject({ productionVersion: "1.0.0", pairs: 480, unpaired: 0, matured: 480 });
    expect(whole?.cells.reduce((sum, n) => sum + n, 0)).toBe(480);
  });

  it("the first one counts: a changed one is a conflict, one after maturity comes too late, one twice is one, one of nobody is none", async () => {
    const facts = await rolledDay();
    const [changed, late, twice, ...others] = facts;
    if (changed === undefined || late === undefined || twice === undefined) throw new Error("no traffic");
    const rest = [twice, ...others];
    const stranger = {
      request: "00000000-0000-5000-8000-000000000000",
      label: 1,
      atMs: START + HOUR,
    } as const;
    await house.label(sold(rest));
    await house.label(sold([changed]));
    await house.label([
      { request: changed.request, label: changed.label === 1 ? 0 : 1, atMs: changed.atMs + 2 * HOUR },
    ]);
    await house.label([{ request: late.request, label: late.label, atMs: START + 2 * DAY + 1 }]);
    await house.label([...sold([twice], 3 * HOUR), stranger]);
    await measureThrough(START + 2 * DAY);
    const counted = facts.filter((fact) => fact !== late);
    const positives = counted.filter(({ label }) => label === 1).length;
    expect((await realised())[0]).toMatchObject({ requests: 480, labelled: 479, positives });
    expect(await house.count("labels")).toBe(483);
    const days = await createReadStore(house.stores.clickhouse).labels({
      model: MODEL,
      span: { startMs: START, endMs: START + 3 * DAY },
    });
    const sum = (key: "received" | "requests" | "conflicting" | "unknown"): number =>
      days.reduce((total, day) => total + day[key], 0);
    expect(sum("received")).toBe(483);
    expect(sum("requests")).toBe(481);
    expect(sum("conflicting")).toBe(1); // one label sent twice is no contradiction
    expect(sum("unknown")).toBe(1); // and one of nobody's request counts for nobody
  });
});

describe("a window that is revised", () => {
  it("is judged anew, and its newest estimate and trust score are the ones that are read", async () => {
    const facts = house.traffic({ fromMs: START, hours: 24, perHour: 20 });
    const late = facts.filter((_, at) => at % 4 === 1);
    await house.record(facts.filter((fact) => !late.includes(fact)));
    await roll(house.ports, house.windows, START + DAY + 6 * HOUR);
    await measureThrough(START + DAY + 6 * HOUR);
    const outlook = async () => {
      const by = { model: MODEL, size: "24h", windowStartMs: START };
      const rows = await house.stores.measures.performance({
        ...by,
        span: { startMs: START, endMs: START + DAY },
        scope: "all",
      });
      const [estimate] = rows.filter(({ kind }) => kind === "estimated");
      return {
        revision: estimate?.revision,
        requests: estimate?.requests,
        trust: await house.stores.measures.trust(by),
      };
    };
    const first = await outlook();
    expect(first).toMatchObject({ revision: 1, requests: 360 });
    await house.record(late.map((fact) => ({ ...fact, p: 0.5 })));
    await roll(house.ports, house.windows, START + DAY + 12 * HOUR);
    await measureThrough(START + DAY + 12 * HOUR);
    const second = await outlook();
    expect(second).toMatchObject({ revision: 2, requests: 480 });
    expect(second.trust).not.toBe(first.trust);
    const kept = "window_size = '24h' AND version = '1.0.0'";
    expect(await house.count("trust_scores", kept)).toBe(2);
    expect(await house.count("performance_snapshots", `${kept} AND kind = 'estimated'`)).toBe(2);
    const [trend] = await house.stack.clickhouse.query<{ trust: number }>("list-trends", {
      ...{ model: "", size: "24h", start: "2000-01-01 00:00:00", end: "2100-01-01 00:00:00" },
    });
    expect(trend?.trust).toBe(second.trust);
  });
});

describe("a window in which another version took over", () => {
  it("is known as one that no version answered alone", async () => {
    const facts = house.traffic({ fromMs: START, hours: 48, perHour: 5 });
    await house.record(
      facts.map((fact, at) => (at < facts.length / 4 ? fact : { ...fact, version: "1.1.0" })),
    );
    await roll(house.ports, house.windows, START + 3 * DAY);
    const span = { startMs: START, endMs: START + 2 * DAY };
    const found = await house.stores.snapshots.unjudged({ model: MODEL, sizes: ["24h"], span });
    expect(
      found.map(({ snapshot, alone }) => [snapshot.window_start.slice(8, 10), snapshot.version, alone]),
    ).toEqual([
      ["01", "1.0.0", false],
      ["01", "1.1.0", false],
      ["02", "1.1.0", true],
    ]);
  });

  it("is told beside it how far the importance of the features moved from version to version", async () => {
    const facts = house.traffic({ fromMs: START, hours: 24, perHour: 10 });
    await house.record(facts.map((fact, at) => (at % 2 === 0 ? fact : { ...fact, version: "1.1.0" })));
    await roll(house.ports, house.windows, START + 2 * DAY);
    await measureThrough(START + 2 * DAY);
    const [before, after] = await Promise.all(
      ["1.0.0", "1.1.0"].map((version) => house.stores.bundles.bundle(MODEL, version)),
    );
    const share = (bundle: typeof before, name: string): number => bundle?.metrics.importance[name] ?? NaN;
    const moved =
      ["price", "shop"].reduce((sum, name) => sum + Math.abs(share(after, name) - share(before, name)), 0) /
      2;
    expect(moved).toBeGreaterThan(0);
    const results = await house.stores.measures.drift({
      ...{ model: MODEL, size: "24h", span: { startMs: START, endMs: START + DAY } },
    });
    const told = results.map(({ version, rows }) => [
      version,
      rows.find(({ statistic }) => statistic === "importance_shift")?.value,
    ]);
    expect(told).toEqual([
      ["1.0.0", undefined],
      ["1.1.0", moved],
    ]);
  });
});

describe("twice", () => {
  it("adds nothing, also when progress was lost", async () => {
    await house.label(sold(await rolledDay()));
    await measureThrough(START + 3 * DAY);
    const before = await contents();
    expect(before.map((rows) => rows.length > 0)).toEqual([true, true, true, true]);
    await measureThrough(START + 3 * DAY);
    await house.redis.flushall();
    await measureThrough(START + 3 * DAY);
    expect(await contents()).toEqual(before);
  });
});

describe("half-way", () => {
  /** Where a process may die: at a write, of any rows or of estimates alone. */
  const steps = [
    { step: "keepDrift", what: "" },
    { step: "keepPerformance", what: "" },
    { step: "keepPerformance", what: '"kind":"estimated"' },
    { step: "keepPairs", what: "" },
    { step: "keepTrust", what: "" },
  ] as const;

  it.each(steps)(
    "a crash before or after $step $what costs nothing and doubles nothing",
    async ({ step, what }) => {
      await house.label(sold(await rolledDay()));
      await measureThrough(START + 3 * DAY);
      const straight = await contents();

      for (const written of [false, true]) {
        await house.redis.flushall();
        for (const table of TABLES) await house.stack.sql(`TRUNCATE TABLE ${table}`);
        const real = house.stores.measures[step];
        const dying = async (by: never): Promise<void> => {
          const now = JSON.stringify(by).includes(what);
          if (written || !now) await real(by);
          if (now) throw new Error("killed");
        };
        const ports = { ...house.ports, measures: { ...house.stores.measures, [step]: dying } };
        await expect(measureThrough(START + 3 * DAY, ports)).rejects.toThrow("killed");
        await measureThrough(START + 3 * DAY);
        expect(await contents()).toEqual(straight);
      }
    },
  );
});
