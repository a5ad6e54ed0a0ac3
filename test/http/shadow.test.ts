// The shadow: whatever a candidate does is its own row and never an answer's business. Real model, real event loop; entries in memory.
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { FlightRow } from "../../bench/serving-model.ts";
import type { ServingModel } from "../../src/ports-serving.ts";
import {
  apiOn,
  handClock,
  memoryPublisher,
  modelSet,
  post,
  rowAt,
  trainFlights,
  withSession,
} from "../support/api.ts";

let model: ServingModel;
let rows: readonly FlightRow[];
beforeAll(async () => {
  ({ model, rows } = await trainFlights());
});

const setUp = (
  candidate: ServingModel,
  options: { timeoutMs?: number; queueRowsMax?: number; replay?: boolean } = {},
) => {
  const { held, models } = modelSet();
  held.current = model;
  held.candidates = [candidate];
  const memory = memoryPublisher();
  const clock = handClock(options.replay === true ? "replay" : "wall", Date.UTC(2001, 4, 1));
  const api = apiOn(
    { models, publisher: memory.publisher, clock: clock.clock },
    {
      shadow: {
        queueRowsMax: options.queueRowsMax ?? 8192,
        timeoutMs: options.timeoutMs ?? 1000,
        lingerMs: 5,
      },
    },
  );
  const shadows = () => memory.events().filter((row) => row[3] === "shadow");
  return { api, memory, shadows, clock };
};
const ask = async (api: ReturnType<typeof apiOn>, count: number) => {
  const started = performance.now();
  const answers = await Promise.all(
    Array.from({ length: count }, (_, at) => post(api, "/api/v1/predict", { features: rowAt(rows, at) })),
  );
  const tookMs = performance.now() - started;
  const given = await Promise.all(answers.map((answer) => answer.json()));
  const probabilities = given.map((body): unknown => Reflect.get(Object(body), "probability"));
  return { statuses: answers.map((answer) => answer.status), probabilities, tookMs };
};
/** What production gives the first rows by itself. */
const alone = async (count: number): Promise<unknown[]> => {
  const { held, models } = modelSet();
  held.current = model;
  return (await ask(apiOn({ models, publisher: memoryPublisher().publisher }), count)).probabilities;
};

describe("a healthy candidate", () => {
  it("scores the same rows under its own event ids, paired by request", async () => {
    const other = (await trainFlights(5, "1.1.0")).model;
    const { api, memory, shadows } = setUp(other);
    await ask(api, 10);
    await api.idle();
    const production = memory.events().filter((row) => row[3] === "production");
    expect(
      shadows()
        .map((row) => row[4])
        .sort(),
    ).toEqual(production.map((row) => row[4]).sort());
    expect(new Set(memory.events().map((row) => row[5])).size).toBe(20);
    expect(new Set(shadows().map((row) => row[2]))).toEqual(new Set(["1.1.0"]));
    const seqs = memory.events().map((row) => row[12]);
    expect(seqs).toEqual(seqs.map((_, at) => at));
  });
});

it("ticks that waited for a slow candidate are scored together, each row as its own", async () => {
  const sizes: number[] = [];
  let wake = (): void => undefined;
  const woken = new Promise<void>((resolve) => (wake = resolve));
  const slowAtFirst = withSession(model, "1.1.0", {
    run: async (vector, n) => {
      sizes.push(n);
      await woken;
      return model.session.run(vector, n);
    },
  });
  const { api, memory, shadows } = setUp(slowAtFirst, { timeoutMs: 30_000 });
  for (let round = 0; round < 12; round++) await ask(api, 3 + round);
  wake();
  await api.idle();
  expect(sizes.reduce((sum, n) => sum + n, 0)).toBe(102);
  expect(shadows()).toHaveLength(102);
  expect(sizes).toHaveLength(2);
  const production = new Map(
    memory
      .events()
      .filter((row) => row[3] === "production")
      .map((row) => [row[4], row]),
  );
  // The same model behind it: a row that got its neighbour's score, or codes, would differ from its own prediction.
  for (const row of shadows())
    expect([row[6], row[7], row[10]]).toEqual([
      "ok",
      production.get(row[4])?.[7],
      production.get(row[4])?.[10],
    ]);
});

describe("an ill candidate", () => {
  it("that sleeps 2 s delays nothing and is a timeout", async () => {
    const sleepy = withSession(model, "1.1.0", {
      run: (_, n) => new Promise((resolve) => setTimeout(() => resolve(new Float64Array(n)), 2000)),
    });
    const { api, shadows } = setUp(sleepy, { timeoutMs: 100 });
    const wanted = await alone(5);
    for (let round = 0; round < 3; round++) {
      const { statuses, probabilities, tookMs } = await ask(api, 5);
      expect(statuses).toEqual(Array.from({ length: 5 }, () => 200));
      expect(probabilities).toEqual(wanted);
      expect(tookMs).toBeLessThan(1000);
    }
    await api.idle();
    expect(shadows().map((row) => row[6])).toEqual(Array.from({ length: 15 }, () => "timeout"));
  });

  it.each([
    ["throws", () => Promise.reject(new Error("boom"))],
    [
      "throws at once",
      () => {
        throw new Error("boom");
      },
    ],
    ["gives NaN", (_: Float32Array, n: number) => Promise.resolve(new Float64Array(n).fill(NaN))],
    ["gives 1.5", (_: Float32Array, n: number) => Promise.resolve(new Float64Array(n).fill(1.5))],
    ["gives too few", () => Promise.resolve(new Float64Array(0))],
  ])("that %s is an error and the answers are production's", async (_, run) => {
    const { api, shadows } = setUp(withSession(model, "1.1.0", { run }));
    const { statuses, probabilities } = await ask(api, 7);
    expect(statuses).toEqual(Array.from({ length: 7 }, () => 200));
    expect(probabilities).toEqual(await alone(7));
    await api.idle();
    expect(shadows().map((row) => [row[6], row[7]])).toEqual(
      Array.from({ length: 7 }, () => ["error", null]),
    );
  });

  it("that cannot keep up is shed, each row recorded", async () => {
    let wake = (): void => undefined;
    const woken = new Promise<void>((resolve) => (wake = resolve));
    const slow = withSession(model, "1.1.0", {
      run: async (vector, n) => {
        await woken;
        return model.session.run(vector, n);
      },
    });
    const { api, shadows } = setUp(slow, { queueRowsMax: 4, timeoutMs: 30_000 });
    const wanted = await alone(3);
    for (let round = 0; round < 6; round++) expect((await ask(api, 3)).probabilities).toEqual(wanted);
    wake();
    await api.idle();
    const statuses = shadows().map((row) => row[6]);
    expect(statuses.length).toBe(18);
    expect(statuses).toContain("shed");
    expect(statuses).toContain("ok");
  });
});

describe("under a replay clock", () => {
  it("nothing is shed or timed out, latencies are unknown, and an answer means the shadow is written", async () => {
    const slow = withSession(model, "1.1.0", {
      run: (vector, n) =>
        new Promise((resolve) => setTimeout(() => resolve(model.session.run(vector, n)), 120)),
    });
    const { api, memory, shadows } = setUp(slow, { replay: true, timeoutMs: 20, queueRowsMax: 1 });
    const body = { event_time: "2001-05-01T06:00:00Z", features: rowAt(rows, 0) };
    expect((await post(api, "/api/v1/predict", body)).status).toBe(200);
    expect(shadows().map((row) => [row[0], row[6], row[8]])).toEqual([
      ["2001-05-01 06:00:00.000", "ok", null],
    ]);
    expect(memory.entries.events.length).toBe(1);
    expect(memory.events()[0]?.[8]).toBeNull();
  });

  it("the clock moves forward only, writes a watermark everywhere, and is closed under a wall clock", async () => {
    const { api, memory } = setUp(model, { replay: true });
    const moved = await post(api, "/api/v1/clock", { now: "2001-05-02T00:00:00Z" });
    expect(await moved.json()).toEqual({ now: "2001-05-02T00:00:00.000Z", settled_through: null });
    expect(memory.watermarks).toEqual([{ ms: Date.UTC(2001, 4, 2), where: "every" }]);
    expect((await post(api, "/api/v1/clock", { now: "2001-05-01T00:00:00Z" })).status).toBe(409);
    expect((await post(api, "/api/v1/clock", { now: "yesterday" })).status).toBe(422);
    const wall = setUp(model);
    expect((await post(wall.api, "/api/v1/clock", { now: "2001-05-02T00:00:00Z" })).status).toBe(422);
    expect((await wall.api.hono.request("/api/v1/clock")).status).toBe(422);
  });
});

it("mirrored traffic is scored by the candidates alone", async () => {
  const { api, memory, shadows } = setUp((await trainFlights(5, "1.1.0")).model);
  const response = await post(api, "/api/v1/shadow", { features: rowAt(rows, 0) });
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ accepted: 1, candidates: ["1.1.0"] });
  expect((await post(api, "/api/v1/shadow", { features: {} })).status).toBe(422);
  await api.idle();
  expect(memory.events().length).toBe(2);
  expect(
    shadows()
      .map((row) => row[6])
      .sort(),
  ).toEqual(["invalid", "ok"]);
});

it("the heartbeat never passes what is still under way", async () => {
  let release: (() => void) | null = null;
  const held = withSession(model, "1.1.0", {
    run: (vector, n) => new Promise((resolve) => (release = () => resolve(model.session.run(vector, n)))),
  });
  const { api, memory, clock } = setUp(held, { timeoutMs: 60_000 });
  await ask(api, 1);
  clock.held.now += 5000;
  await api.heartbeat();
  expect(memory.watermarks.at(-1)).toEqual({ ms: Date.UTC(2001, 4, 1), where: "own" });
  await vi.waitFor(() => {
    if (release === null) throw new Error("not called yet");
    release();
  });
  await api.idle();
  await api.heartbeat();
  expect(memory.watermarks.at(-1)).toEqual({ ms: Date.UTC(2001, 4, 1) + 5000, where: "own" });
});
