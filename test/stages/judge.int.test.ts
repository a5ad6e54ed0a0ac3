// Judging on the real pipeline, from facts in the engine to the ledger: a drift that stays is let in by itself once it has lasted, ill
// data only by a person, a one-day shift never; and POST /api/v1/decisions/simulate answers what the decide stage then decides, to
// callers who may read and to nobody else.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { KeyRole } from "../../contracts/keys.ts";
import { openKeys } from "../../src/adapters/keys.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { canonicalJson } from "../../src/core/canonical.ts";
import { createApp, type Api } from "../../src/http/app.ts";
import { createGuard } from "../../src/http/guard.ts";
import { simulateRoutes } from "../../src/http/simulate-route.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { decide } from "../../workers/decide.ts";
import { execute } from "../../workers/execute.ts";
import { measure } from "../../workers/measure.ts";
import { roll } from "../../workers/roll.ts";
import { memoryPublisher, modelSet, post, wallClock } from "../support/api.ts";
import { startCommand } from "../support/command.ts";
import { DAY, MODEL, START, startDeployment, type Deployment, type Fact } from "../support/deployment.ts";
import { policyText } from "../core/decision-world.ts";

let house: Deployment;
beforeAll(async () => {
  house = await startDeployment();
});
afterAll(() => house.close());
beforeEach(() => house.reset());

/** A window is judged this long after its end. */
const LATENESS = 300_000;

const executeOnce = () =>
  execute(
    {
      ledger: house.stores.ledger,
      decisions: house.stores.decisions,
      measures: house.stores.measures,
      registry: house.stores.bundles,
      work: { look: () => Promise.resolve(), retrain: () => Promise.resolve() },
      now: () => Promise.resolve(START),
      checkpoint: () => Promise.resolve(),
      log: house.stores.log,
    },
    { policy: house.policy, windows: house.windows },
  );
const options = () => ({
  windows: house.windows,
  clock: "replay" as const,
  training: house.stores.config.service.training,
  policy: house.policy,
});
const give = async (command: "promote" | "release", id: string, actor = "ann"): Promise<void> => {
  await giveCommand(house.stores.ledger, {
    commandId: id,
    model: MODEL,
    command,
    version: command === "promote" ? "1.0.0" : null,
    actor,
    reason: "a test",
    expiresAt: null,
    generation: null,
    at: new Date(START).toISOString(),
  });
  await executeOnce();
};

/** A day of traffic, each request labelled an hour later. */
const liveDay = async (day: number, change: (fact: Fact) => Fact): Promise<void> => {
  const by = { fromMs: START + day * DAY, hours: 24, perHour: 20, seed: day + 1, firstSeq: day * 480 };
  const facts = house.traffic(by).map(change);
  await house.record(facts);
  await house.label(facts.map(({ request, label, atMs }) => ({ request, label, atMs: atMs + 3_600_000 })));
};
const look = async (throughMs: number): Promise<void> => {
  await roll(house.ports, house.windows, throughMs);
  await measure(house.ports, { windows: house.windows, profile: house.profile }, throughMs);
};
/** Lives through days and judges each, oldest first; answers each day's action. */
const live = async (days: readonly ((fact: Fact) => Fact)[]): Promise<string[]> => {
  await executeOnce();
  await give("promote", "bootstrap");
  for (const [day, change] of days.entries()) await liveDay(day, change);
  await look(START + days.length * DAY);
  const actions: string[] = [];
  for (const day of days.keys()) {
    await decide(house.ports, options(), START + (day + 1) * DAY);
    await executeOnce();
    actions.push((await house.stores.decisions.last(MODEL))?.decision.action ?? "none");
  }
  return actions;
};
const quarantines = async (): Promise<readonly (readonly [number, string, boolean])[]> => {
  const of = (await house.stores.ledger.state()).models[MODEL]?.quarantines ?? [];
  return of.map((q) => [(Date.parse(q.windowStart) - START) / DAY, q.kind, q.released] as const);
};

const same = (fact: Fact): Fact => fact;
/** Everybody asks for the same price at the same shop: inputs that are lawful and unlike the reference. */
const moved = (fact: Fact): Fact => ({ ...fact, codes: fact.codes.map(() => 9) });
/** A quarter of the requests broke the contract. */
const ill = (fact: Fact): Fact =>
  fact.seq % 4 === 0 ? { ...fact, status: "invalid", p: null, codes: [] } : fact;

describe("a quarantine", () => {
  it("of a drift that lasts is lifted by itself, of one that passed or of ill data by a person only", async () => {
    const actions = await live([same, ill, moved, same, moved, moved, moved, moved, moved]);
    expect(actions.slice(0, 5)).toEqual(["NONE", "QUARANTINE", "QUARANTINE", "NONE", "QUARANTINE"]);
    const kept = [
      [1, "data_quality", false],
      [2, "drift", false],
    ];
    // Windows 5, 6 and 7 follow the one of day 4; the third one's labels are mature when window 8 is judged.
    const run = [4, 5, 6, 7].map((day) => [day, "drift", true]);
    expect(await quarantines()).toEqual([...kept, ...run]);
    const entries = await house.stores.ledger.read(0, 1000);
    const lifts = entries.filter(({ events }) => events.some(({ type }) => type === "released"));
    const at = new Date(START + 9 * DAY + LATENESS).toISOString();
    expect(lifts.map((entry) => [entry.actor, entry.at])).toEqual([["policy", at]]);
    await give("release", "let-them-in", "bob");
    expect((await quarantines()).every(([, , released]) => released)).toBe(true);
  });
});

describe("`flyball policy calibrate`", () => {
  const calibrate = (...words: string[]) =>
    startCommand(["policy", "calibrate", ...words], {
      FLYBALL_HOME: house.stack.home,
      FLYBALL_REDIS_URL: house.stack.redisUrl,
      FLYBALL_CLICKHOUSE_URL: house.stack.clickhouseUrl,
      FLYBALL_WINDOWS_SIZES: '["6h", "12h", "24h"]',
    }).ended;

  it("draws thresholds from the calm days of the past, none of which they would alarm, and leaves the others out by name", async () => {
    await executeOnce();
    await give("promote", "bootstrap");
    for (let day = 0; day < 15; day++) await liveDay(day, same);
    await liveDay(15, moved);
    await look(START + 16 * DAY);
    const told = await calibrate("--model", MODEL, "--json");
    expect(told).toMatchObject({ status: 0, err: "" });
    const Band = z.object({ watch: z.number(), breach: z.number() });
    const { policy, ...found } = z
      .looseObject({ policy: z.record(z.string(), Band) })
      .parse(JSON.parse(told.out));
    const day = START + 15 * DAY;
    expect(found).toMatchObject({ model: MODEL, window: "24h", windows: 16, calm: 15 });
    expect(found).toMatchObject({ rejected: [{ window_start_ms: day, reason: "breached: price ks_d" }] });
    const ks = policy["ks_d"] ?? { watch: NaN, breach: NaN };
    expect(ks.watch).toBeLessThanOrEqual(ks.breach);
    const span = { startMs: START, endMs: START + 16 * DAY };
    const days = await house.stores.measures.drift({ model: MODEL, size: "24h", span });
    const beyond = days.filter(({ rows }) =>
      rows.some(
        ({ statistic, threshold, value }) =>
          statistic === "ks_d" && threshold !== null && (value ?? 0) > ks.breach,
      ),
    );
    expect(beyond.map(({ windowStartMs }) => windowStartMs)).toEqual([day]);
    // The overview counts what each day's verdict names, a feature once.
    const trends = await house.stack.clickhouse.query<{ breaches: number }>("list-trends", {
      ...{ model: "", size: "24h", start: "2000-01-01 00:00:00", end: "2100-01-01 00:00:00" },
    });
    const breached = days.map(({ rows }) =>
      rows.filter(({ subject, status }) => subject === "feature" && status === "breach"),
    );
    expect(trends.map(({ breaches }) => Number(breaches))).toEqual(
      breached.map((rows) => new Set(rows.map(({ feature }) => feature)).size),
    );
    expect(Number(trends.at(-1)?.breaches)).toBeGreaterThan(0);
    expect((await calibrate("--model", MODEL)).out).toMatch(
      new RegExp(
        `^demand: 15 calm windows of 16\\n {2}left out .*: breached: price ks_d\\n[^]*    ks_d: \\{ watch: `,
      ),
    );
  });

  it("says what is missing where history is too short, or not of this model", async () => {
    await executeOnce();
    await give("promote", "bootstrap");
    for (const day of [0, 1]) await liveDay(day, same);
    await look(START + 2 * DAY);
    expect(await calibrate("--model", MODEL)).toMatchObject({
      ...{ status: 1, out: "" },
      err: "no thresholds: 2 calm windows of 2: at least 14 are needed\n",
    });
    expect(await calibrate("--model", "nobody")).toMatchObject({
      ...{ status: 1, out: "" },
      err: "nobody is not in the ledger\n",
    });
  });
});

describe("POST /api/v1/decisions/simulate", () => {
  const Answer = z.object({ decision: z.looseObject({}), memory: z.looseObject({}) });
  const Problem = z.object({
    detail: z.string(),
    errors: z.array(z.object({ path: z.string() })).optional(),
  });
  let atMs = START;
  const route = "/api/v1/decisions/simulate";
  const open = async (): Promise<{
    api: Api;
    as(roles: readonly KeyRole[], models?: string[]): Promise<object>;
  }> => {
    const keys = openKeys({
      home: `${house.stack.home}/${atMs}`,
      bootstrap: undefined,
      monotonicMs: () => 0,
    });
    const wall = { epochMs: () => START, monotonicMs: () => performance.now() };
    const limits = { perKeyPerSecond: 1e6, perAddressPerSecond: 1e6, failuresPerMinute: 1e6 };
    const { windows, clock, training } = options();
    const app = simulateRoutes({
      ...house.ports,
      now: () => Promise.resolve(atMs),
      simulation: { windows, clock, training },
      policy: () => house.policy,
    });
    const api = createApp(
      {
        models: modelSet().models,
        publisher: memoryPublisher().publisher,
        clock: wallClock,
        wall,
        ids: createIds(),
        guard: createGuard({ keys, ...wall }, limits),
      },
      { mounts: [{ path: "/", app }] },
    );
    let made = 0;
    return {
      api,
      as: async (roles, models) => {
        const by = { name: `k${made++}`, env: "test", roles: [...roles], models: models ?? null };
        const key = await keys.create({ ...by, nowMs: START, expiresMs: null });
        await keys.refresh();
        return { authorization: `Bearer ${key?.key}` };
      },
    };
  };

  it("TC-27 answers the bytes that are then decided, before, after and from the state alone", async () => {
    const { api, as } = await open();
    const reader = await as(["read"]);
    const ask = async (body: object) => {
      const told = await post(api, route, body, { ...reader });
      expect(told.status, JSON.stringify(Object.keys(body))).toBe(200);
      const { decision, memory } = Answer.parse(await told.json());
      return { decision: canonicalJson(decision), memory: canonicalJson(memory) };
    };
    await executeOnce();
    await give("promote", "bootstrap");
    for (const [day, change] of [same, moved, ill].entries()) {
      const endMs = START + (day + 1) * DAY;
      atMs = endMs + LATENESS;
      await liveDay(day, change);
      await look(endMs);
      const before = await ask({ model: MODEL });
      await decide(house.ports, options(), endMs);
      const stored = await house.stores.decisions.last(MODEL);
      if (stored === null) throw new Error("nothing was decided");
      const wanted = { decision: stored.decisionJson, memory: stored.memoryJson };
      expect(before).toEqual(wanted);
      expect(await ask({ decision_id: stored.decision.id })).toEqual(wanted);
      expect(await ask({ inputs: JSON.parse(stored.inputsJson) as object })).toEqual(wanted);
      expect(await ask({ decision_id: stored.decision.id, policy: policyText("conservative") })).toEqual(
        wanted,
      );
      const other = await ask({ decision_id: stored.decision.id, policy: policyText("classic") });
      expect(other.decision).not.toBe(wanted.decision);
      await executeOnce();
    }
    expect(await house.count("decisions")).toBe(3);
  });

  it("is for readers of every model, and says what is wrong with a question", async () => {
    const { api, as } = await open();
    const reader = await as(["read"]);
    const status = async (headers: object, body: unknown) =>
      (await post(api, route, body, { ...headers })).status;
    expect(await status({}, { model: MODEL })).toBe(401);
    expect(await status(await as(["predict"]), { model: MODEL })).toBe(403);
    expect(await status(await as(["read"], [MODEL]), { model: MODEL })).toBe(403);
    const asked = async (body: unknown): Promise<[number, string, (string | undefined)[]]> => {
      const told = await post(api, route, body, { ...reader });
      const text = await told.text();
      expect(text).not.toContain("CANARY");
      const { detail, errors } = Problem.parse(JSON.parse(text));
      return [told.status, detail, (errors ?? []).map(({ path }) => path)];
    };
    expect((await asked("{"))[0]).toBe(400);
    expect((await asked({}))[0]).toBe(422);
    expect((await asked({ model: MODEL, decision_id: "0".repeat(64) }))[0]).toBe(422);
    const [unspelt, , where] = await asked({ decision_id: "CANARY" });
    expect([unspelt, where]).toEqual([422, ["decision_id"]]);
    expect((await asked({ model: MODEL, colour: "CANARY" }))[0]).toBe(422);
    expect((await asked({ inputs: { evidence: {}, memory: {} } }))[0]).toBe(422);
    expect((await asked({ model: "nobody" }))[0]).toBe(404);
    expect((await asked({ decision_id: "0".repeat(64) }))[0]).toBe(404);
    const [code, , paths] = await asked({
      model: MODEL,
      policy: `${policyText("conservative")}\nsurprise: 1\n`,
    });
    expect([code, paths]).toEqual([422, [expect.stringMatching(/^policy:\d+:surprise$/)]]);
    const bad = { inputs: { evidence: { trust: "CANARY" }, memory: {}, governance: {} } };
    expect((await post(api, route, bad, { ...reader })).status).toBe(200);
  });
});
