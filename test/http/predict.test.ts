// The predict routes on the real model and ONNX Runtime, entries kept in memory: answers, events, refusals, shadows, bounds.
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { PredictAnswer, Problem } from "../../contracts/api.ts";
import { EVENT_NAMESPACE } from "../../contracts/event.ts";
import { createIds } from "../../src/adapters/uuid.ts";
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

const setUp = (clock = handClock("wall", Date.UTC(2001, 4, 1, 6, 0, 0, 5)).clock, options = {}) => {
  const { held, models } = modelSet();
  held.current = model;
  const memory = memoryPublisher();
  return { held, memory, api: apiOn({ models, publisher: memory.publisher, clock }, options) };
};
const ID = "0b6f2b4e-7c1a-4d54-9d3e-1f2a3b4c5d6e";
const problemOf = async (response: Response): Promise<Problem> => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  return Problem.parse(await response.json());
};

describe("a good request", () => {
  it("is answered with the model's own probability, after its event is written", async () => {
    const { api, memory } = setUp();
    const features = rowAt(rows, 0);
    const response = await post(api, "/api/v1/predict", { request_id: ID.toUpperCase(), features });
    expect(response.status).toBe(200);
    const answer = PredictAnswer.parse(await response.json());
    const vector = new Float32Array(5);
    const codes = new Uint8Array(5);
    expect(model.encoder.encode(features, codes, 0, vector, 0)).toBeNull();
    const [expected] = await model.session.run(vector, 1);
    expect(answer).toMatchObject({
      request_id: ID,
      model: "flight-delay",
      model_version: "1.0.0",
      probability: expected,
    });
    const [event, ...others] = memory.events();
    expect(others).toEqual([]);
    expect(event).toEqual([
      "2001-05-01 06:00:00.005",
      "flight-delay",
      "1.0.0",
      "production",
      ID,
      createIds().within(EVENT_NAMESPACE, `flight-delay|${ID}|production`),
      "ok",
      expected,
      expect.any(Number),
      model.encodingDigest,
      [...codes],
      "0-test",
      0,
      expect.any(String),
    ]);
  });

  it("gets a fresh id when it brings none, and the same event id when it is sent again", async () => {
    const { api, memory } = setUp();
    const features = rowAt(rows, 1);
    const first = PredictAnswer.parse(await (await post(api, "/api/v1/predict", { features })).json());
    await post(api, "/api/v1/predict", { request_id: first.request_id, features });
    await post(api, "/api/v1/predict", { features });
    const ids = memory.events().map((row) => row[5]);
    expect(ids[0]).toBe(ids[1]);
    expect(ids[2]).not.toBe(ids[0]);
    expect(memory.events().map((row) => row[12])).toEqual([0, 1, 2]);
  });

  it("is read in the contract's words on request", async () => {
    const { api } = setUp();
    const response = await post(api, "/api/v1/predict?interpret=true", { features: rowAt(rows, 2) });
    const { probability, interpretation } = PredictAnswer.parse(await response.json());
    const band = probability < 0.2 ? "low" : probability < 0.5 ? "medium" : "high";
    expect(interpretation).toEqual({
      label: probability >= 0.5 ? 1 : 0,
      risk_level: band,
      confidence: Math.max(probability, 1 - probability),
    });
  });

  it("is answered only once its entry is durable", async () => {
    const { held, models } = modelSet();
    held.current = model;
    const memory = memoryPublisher();
    let synced = (): void => undefined;
    const disk = new Promise<void>((resolve) => (synced = resolve));
    const publish: typeof memory.publisher.publish = async (...entry) => {
      const durability = await memory.publisher.publish(...entry);
      await disk;
      return durability;
    };
    const api = apiOn({ models, publisher: { ...memory.publisher, publish } });
    let isAnswered = false;
    const asking = post(api, "/api/v1/predict", { features: rowAt(rows, 0) });
    void asking.then(() => (isAnswered = true));
    while (memory.entries.events.length === 0) await new Promise((resolve) => setImmediate(resolve));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isAnswered).toBe(false);
    synced();
    expect((await asking).status).toBe(200);
  });

  it("shares one run of the model and one entry with all others of its tick, each with its own answer", async () => {
    const { api, held, memory } = setUp();
    const runs: number[] = [];
    held.current = withSession(model, "1.0.0", {
      run: (vector, n) => {
        runs.push(n);
        return model.session.run(vector, n);
      },
    });
    const bodies = Array.from({ length: 40 }, (_, at) => ({
      request_id: createIds().random(),
      features: rowAt(rows, at),
    }));
    const answers = await Promise.all(
      bodies.map(async (body) =>
        PredictAnswer.parse(await (await post(api, "/api/v1/predict", body)).json()),
      ),
    );
    expect(answers.map((answer) => answer.request_id)).toEqual(bodies.map((body) => body.request_id));
    const events = new Map(memory.events().map((row) => [row[4], row[7]]));
    for (const answer of answers) expect(events.get(answer.request_id)).toBe(answer.probability);
    expect(memory.entries.events.length).toBeLessThan(10);
    expect(runs).toHaveLength(memory.entries.events.length);
    expect(runs.reduce((sum, n) => sum + n, 0)).toBe(40);
  });
});

describe("a request that breaks the contract", () => {
  const good = { distance: 500, hour: 6, weekday: 2, origin: "AAA", destination: "AAB" };
  it.each([
    ["unknown field", { features: good, colour: "canary-7" }, "colour"],
    ["unknown feature", { features: { ...good, colour: "canary-7" } }, "features.colour"],
    ["forbidden feature", { features: { ...good, delay: 77123 } }, "features.delay"],
    ["missing", { features: { ...good, hour: undefined } }, "features.hour"],
    ["null", { features: { ...good, hour: null } }, "features.hour"],
    ["out of range", { features: { ...good, distance: 77123 } }, "features.distance"],
    ["a number as text", { features: { ...good, distance: "77123" } }, "features.distance"],
    ["nested", { features: { ...good, distance: { a: { b: 77123 } } } }, "features.distance"],
    ["not of the values", { features: { ...good, weekday: 77123 } }, "features.weekday"],
    ["a bad id", { request_id: "canary-7", features: good }, "request_id"],
    [
      "an event time under a wall clock",
      { event_time: "2001-01-01T00:00:00Z", features: good },
      "event_time",
    ],
  ])("%s: 422 naming the path, an invalid event, no value echoed", async (_, body, path) => {
    const { api, memory } = setUp();
    const response = await post(api, "/api/v1/predict", body);
    expect(response.status).toBe(422);
    const text = await response.clone().text();
    expect((await problemOf(response)).errors?.map((error) => error.path)).toContain(path);
    expect(text).not.toMatch(/canary-7|77123/);
    const [event] = memory.events();
    expect(event?.slice(6, 11)).toEqual(["invalid", null, null, model.encodingDigest, []]);
    expect(memory.entries.events.join("")).not.toMatch(/canary-7|77123/);
  });

  it.each([
    [
      "1e999 is not finite",
      '{"features":{"distance":1e999,"hour":6,"weekday":2,"origin":"AAA","destination":"AAB"}}',
      422,
      "features.distance",
    ],
    [
      "__proto__ is an unknown feature",
      '{"features":{"__proto__":{"hour":6},"distance":5,"weekday":2,"origin":"A","destination":"B"}}',
      422,
      "features.__proto__",
    ],
    [
      "__proto__ is an unknown field",
      '{"__proto__":{"x":1},"features":{"distance":5,"hour":6,"weekday":2,"origin":"A","destination":"B"}}',
      422,
      "__proto__",
    ],
    ["NaN is no JSON", '{"features":{"distance":NaN}}', 400, null],
    [
      "a key given twice",
      '{"features":{"hour":6,"hour":7,"distance":5,"weekday":2,"origin":"A","destination":"B"}}',
      400,
      "features.hour",
    ],
    [
      "the envelope's key given twice",
      '{"model":"a","model":"flight-delay","features":{"distance":5}}',
      400,
      "model",
    ],
    [
      "a key given twice, once in another spelling",
      '{"features":{"hour":6,"ho\\u0075r":7,"distance":5,"weekday":2,"origin":"A","destination":"B"}}',
      400,
      "features.hour",
    ],
    ["an array", "[1,2]", 422, "features"],
    ["no features", '{"model":"flight-delay"}', 422, "features"],
    ["features of the wrong type", '{"features":[1]}', 422, "features"],
    ["a model that is no name", '{"model":7,"features":{}}', 422, "model"],
    ["empty", "", 400, null],
    ["cut off", '{"features":', 400, null],
    ["100,000 deep", `${'{"features":'.repeat(100_000)}1${"}".repeat(100_000)}`, 422, "features.features"],
  ])("%s", async (_, body, status, path) => {
    const { api } = setUp();
    const response = await post(api, "/api/v1/predict", body);
    expect(response.status).toBe(status);
    const { errors = [] } = await problemOf(response);
    // What is no JSON has no place to name.
    if (path === null) expect(errors).toEqual([]);
    else expect(errors.map((error) => error.path)).toContain(path);
  });

  it("is told apart from a strange model, no model, a strange type and too many bytes", async () => {
    const { api, held } = setUp(undefined, { bodyBytesMax: 2048 });
    const ask = (body: unknown, headers = {}) => post(api, "/api/v1/predict", body, headers);
    expect((await ask({ model: "flight-delay", features: good })).status).toBe(200);
    expect((await ask({ model: "other", features: good })).status).toBe(404);
    expect((await ask({ features: good }, { "content-type": "text/plain" })).status).toBe(415);
    expect((await ask({ features: { pad: "x".repeat(4096) } })).status).toBe(413);
    held.current = null;
    const none = await ask({ features: good });
    expect(none.status).toBe(503);
    expect((await problemOf(none)).type).toBe("urn:flyball:problem:no-model");
  });

  it("accepts strings that look like keys", async () => {
    const { api } = setUp();
    const body = '{"features":{"distance":5,"hour":6,"weekday":2,"origin":":a\\":b","destination":"x\\\\"}}';
    expect((await post(api, "/api/v1/predict", body)).status).toBe(200);
  });
});

describe("no answer without its event", () => {
  it("is a 503 where neither Redis nor the spool takes it", async () => {
    const { api, memory } = setUp();
    memory.held.refuse = true;
    const response = await post(api, "/api/v1/predict", { features: rowAt(rows, 0) });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
    expect((await problemOf(response)).type).toBe("urn:flyball:problem:not-durable");
  });

  it("records a failing production model as error and answers 500", async () => {
    const { api, held, memory } = setUp();
    held.current = withSession(model, "1.0.0", { run: () => Promise.reject(new Error("broken")) });
    expect((await post(api, "/api/v1/predict", { features: rowAt(rows, 0) })).status).toBe(500);
    held.current = withSession(model, "1.0.0", { run: () => Promise.resolve(Float64Array.of(NaN)) });
    expect((await post(api, "/api/v1/predict", { features: rowAt(rows, 0) })).status).toBe(500);
    expect(memory.events().map((row) => [row[6], row[7]])).toEqual([
      ["error", null],
      ["error", null],
    ]);
  });

  it("bounds what is under way", async () => {
    const { api } = setUp(undefined, { pendingMax: 8 });
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, at) => post(api, "/api/v1/predict", { features: rowAt(rows, at) })),
    );
    const statuses = answers.map((answer) => answer.status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(8);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    for (const { status, headers } of answers)
      expect(headers.get("retry-after")).toBe(status === 503 ? "1" : null);
  });
});

describe("switching models", () => {
  it("answers every request with the version it met, none failing, also where the switch comes between score and answer", async () => {
    const { held, models } = modelSet();
    held.current = model;
    const next = (await trainFlights(2, "1.1.0")).model;
    const memory = memoryPublisher();
    const publish: typeof memory.publisher.publish = async (...entry) => {
      const durability = await memory.publisher.publish(...entry);
      held.current = held.current === model ? next : model;
      return durability;
    };
    const api = apiOn({ models, publisher: { ...memory.publisher, publish } });
    const seen: string[] = [];
    for (let round = 0; round < 20; round++) {
      const features = Array.from({ length: 10 }, (_, at) => rowAt(rows, at));
      const asked = await Promise.all(features.map((row) => post(api, "/api/v1/predict", { features: row })));
      for (const [at, response] of asked.entries()) {
        expect(response.status).toBe(200);
        const answer = PredictAnswer.parse(await response.json());
        const met = answer.model_version === "1.0.0" ? model : next;
        const vector = new Float32Array(5);
        met.encoder.encode(features[at], new Uint8Array(5), 0, vector, 0);
        expect(answer.probability).toBe((await met.session.run(vector, 1))[0]);
        const event = memory.events().find((row) => row[4] === answer.request_id);
        expect([event?.[2], event?.[7]]).toEqual([met.version, answer.probability]);
        seen.push(met.version);
      }
    }
    expect(new Set(seen)).toEqual(new Set(["1.0.0", "1.1.0"]));
  });
});

describe("slips of the hand", () => {
  const detailOf = async (route: string, body: object): Promise<[number, unknown]> => {
    const answer = await post(setUp().api, route, body);
    return [answer.status, await answer.json()];
  };
  it("one label alone is told how it goes into the list, in words and not in a schema's", async () => {
    const label = { request_id: crypto.randomUUID(), label: 1, observed_at: "2001-01-01T00:00:00Z" };
    const [status, problem] = await detailOf("/api/v1/labels", label);
    expect(status).toBe(422);
    expect(problem).toMatchObject({
      detail: expect.stringMatching(/one label alone.*"labels": \[/),
      errors: [{ path: "labels", message: "expected a list of labels" }],
    });
    expect((await detailOf("/api/v1/labels", { labels: [label] }))[0]).toBe(202);
  });
  it("a model and a feature nobody knows are met with the nearest", async () => {
    const unknown = await detailOf("/api/v1/predict", { model: "flight-dealy", features: {} });
    expect(unknown).toEqual([
      404,
      expect.objectContaining({ detail: expect.stringContaining("did you mean flight-delay?") }),
    ]);
    const { distance: distanc, ...rest } = rowAt(rows, 0);
    const [, problem] = await detailOf("/api/v1/predict", { features: { ...rest, distanc } });
    expect(JSON.stringify(problem)).toContain("the nearest feature is distance");
  });
});

it("serves on while the head cannot be confirmed, and says for how long", async () => {
  const { held, models } = modelSet();
  held.current = model;
  const unsure = { ...models, generation: () => ({ loaded: 3, head: 4, stale: true, ageS: 61.5 }) };
  const api = apiOn({ models: unsure, publisher: memoryPublisher().publisher });
  const ready = await api.hono.request("/readyz");
  expect(ready.status).toBe(200);
  expect(await ready.json()).toMatchObject({ ready: true, generation: 3, head: "stale", age_s: 61.5 });
  expect((await post(api, "/api/v1/predict", { features: rowAt(rows, 0) })).status).toBe(200);
  expect(await api.metrics.registry.metrics()).toMatch(/^flyball_serving_head_age_seconds 61\.5$/m);
});

describe("the openapi document", () => {
  it("is served, describes predict, and every served route is in the table", async () => {
    const { api } = setUp();
    const document = z
      .object({ openapi: z.literal("3.1.0"), paths: z.record(z.string(), z.record(z.string(), z.unknown())) })
      .parse(await (await api.hono.request("/openapi.json")).json());
    expect(document.paths["/api/v1/predict"]?.["post"]).toMatchObject({
      requestBody: { content: { "application/json": { schema: { required: ["features"] } } } },
    });
    for (const route of api.hono.routes.filter((one) => one.method !== "ALL")) {
      const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
      expect(document.paths[path]?.[route.method.toLowerCase()], `${route.method} ${path}`).toBeDefined();
    }
    expect(await (await api.hono.request("/docs")).text()).toContain("POST /api/v1/predict");
  });

  it("keeps unlisted routes and methods shut", async () => {
    const { api } = setUp();
    expect((await api.hono.request("/api/v1/secret")).status).toBe(404);
    expect((await api.hono.request("/api/v1/predict", { method: "DELETE" })).status).toBe(405);
    expect((await api.hono.request("/api/v1/predict")).headers.get("allow")).toBe("POST");
  });
});

it("writes rows that hold nothing but codes: the word for a nominal value is nowhere", async () => {
  const { api, memory } = setUp();
  await post(api, "/api/v1/predict", { features: { ...rowAt(rows, 0), origin: "CANARYPORT" } });
  expect(memory.events()[0]?.[6]).toBe("ok");
  expect(memory.entries.events.join("")).not.toContain("CANARYPORT");
});
