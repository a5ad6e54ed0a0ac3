// The open port on a real Redis: both doors of predict agree, hostile input gets a 4xx and harms nothing, a killed Redis costs no
// answer and no event.
import { once } from "node:events";
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { FlightRow } from "../../bench/serving-model.ts";
import { PredictAnswer, Problem } from "../../contracts/api.ts";
import type { Api } from "../../src/http/app.ts";
import type { Serving } from "../../src/http/serve.ts";
import { serve } from "../../src/http/serve.ts";
import { apiOn, modelSet, post, publisherOn, readStream, rowAt, trainFlights } from "../support/api.ts";
import type { TestRedis } from "../support/redis.ts";
import { startRedis } from "../support/redis.ts";

let redis: TestRedis;
let api: Api;
let serving: Serving;
let published: Awaited<ReturnType<typeof publisherOn>>;
let rows: readonly FlightRow[];
beforeAll(async () => {
  redis = await startRedis();
  published = await publisherOn(redis.url);
  const { held, models } = modelSet();
  const trained = await trainFlights();
  ({ rows } = trained);
  held.current = trained.model;
  api = apiOn({ models, publisher: published.publisher }, { bodyBytesMax: 64 * 1024 });
  serving = await serve(api, { host: "127.0.0.1", port: 0, requestTimeoutMs: 1_000, heartbeatMs: 50 });
});
afterAll(async () => {
  await serving.close();
  await published.cleanUp();
  await redis.stop();
});

const send = (body: string, headers: Record<string, string> = {}, route = "/api/v1/predict") =>
  fetch(`http://127.0.0.1:${serving.port}${route}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
/** Raw bytes to the port; gives everything that comes back. */
const raw = (text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(serving.port, "127.0.0.1", () => socket.write(text));
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => (answer += chunk));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
  });

describe("both doors of predict", () => {
  const id = "0b6f2b4e-7c1a-4d54-9d3e-1f2a3b4c5d6e";
  it.each([
    ["good", () => JSON.stringify({ request_id: id, features: rowAt(rows, 0) })],
    ["violating", () => JSON.stringify({ request_id: id, features: {} })],
    ["not JSON", () => "{"],
    ["too large", () => JSON.stringify({ features: { pad: "x".repeat(70_000) } })],
    ["of another model", () => JSON.stringify({ model: "other", features: {} })],
  ])("%s: the same status, type and body", async (_, make) => {
    for (const query of ["", "?interpret=true"]) {
      const fast = await send(make(), {}, `/api/v1/predict${query}`);
      const slow = await post(api, `/api/v1/predict${query}`, make());
      expect(fast.status).toBe(slow.status);
      expect(fast.headers.get("content-type")).toBe(slow.headers.get("content-type"));
      const strip = (text: string) => text.replace(/"latency_ms":[\d.e-]+/, '"latency_ms":0');
      expect(strip(await fast.text())).toBe(strip(await slow.text()));
    }
  });
});

/** In a thread of its own: a client that shares the server's turn has read its answer before the connection can be reset. */
const POURING = `
const { request } = require("node:http");
const { parentPort, workerData } = require("node:worker_threads");
const headers = { "content-type": "application/json" };
const asking = request({ ...workerData, host: "127.0.0.1", method: "POST", headers }, (response) => {
  response.resume();
  parentPort.postMessage(response.statusCode);
});
asking.on("error", (error) => parentPort.postMessage(error.message));
let left = 32;
const more = () => {
  while (left-- > 0) if (!asking.write("x".repeat(1 << 20))) return asking.once("drain", more);
  asking.end();
};
more();`;

/** Pours 32 MB without saying how many they will be, on a connection that is kept; gives the status, or what became of the connection. */
const pour = async (route: string): Promise<unknown> => {
  const client = new Worker(POURING, { eval: true, workerData: { port: serving.port, path: route } });
  const [said]: unknown[] = await once(client, "message");
  await client.terminate();
  return said;
};

describe("hostile input", () => {
  it("wrong types and 100 MB bodies are refused before they are held", async () => {
    expect((await send("{}", { "content-type": "text/plain" })).status).toBe(415);
    const before = process.memoryUsage.rss();
    for (const route of ["/api/v1/predict", "/api/v1/predict/batch", "/api/v1/labels"]) {
      const announced = await raw(
        `POST ${route} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 104857600\r\n\r\n{`,
      );
      expect(announced).toMatch(/^HTTP\/1\.1 413 /);
      const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
      const chunked = await raw(
        `POST ${route} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk}${chunk}`,
      );
      expect(chunked).toMatch(/^HTTP\/1\.1 413 /);
      expect(await pour(route), route).toBe(413);
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
  });

  it("slow bodies and broken HTTP end with a problem document", async () => {
    const slow = await raw(
      "POST /api/v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{",
    );
    expect(slow).toMatch(/^HTTP\/1\.1 408 [\s\S]*urn:flyball:problem:request-timeout/);
    expect(await raw("NONSENSE\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 [\s\S]*urn:flyball:problem:bad-request/);
    expect(await raw(`GET / HTTP/1.1\r\nhost: x\r\npad: ${"x".repeat(20_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 /,
    );
  });

  it("800 generated bodies: each a 200 or a 4xx problem, the process unharmed", async () => {
    let state = 12345;
    const draw = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state % below;
    };
    const odd: readonly unknown[] = [
      null,
      true,
      -0,
      1e308,
      -1e308,
      1e-320,
      "",
      "canary-99",
      [],
      {},
      [[[[1]]]],
      { a: { b: 1 } },
      "\u0000",
      "6",
    ];
    const mutate = (): string => {
      const features: Record<string, unknown> = { ...rowAt(rows, draw(1000)) };
      const names = [...Object.keys(features), "delay", "late", "__proto__", "constructor", "x".repeat(300)];
      for (let times = draw(3); times > 0; times--)
        Object.defineProperty(features, names[draw(names.length)] ?? "x", {
          value: odd[draw(odd.length)],
          enumerable: true,
          configurable: true,
        });
      const text = JSON.stringify({ features });
      switch (draw(6)) {
        case 0:
          return text.slice(0, draw(text.length));
        case 1:
          return text.replace('"hour"', '"distance"');
        case 2:
          return text.slice(0, 5) + String.fromCharCode(draw(65_536)) + text.slice(5 + draw(3));
        default:
          return text;
      }
    };
    const seen = new Set<number>();
    const invalidRows = async (): Promise<number> =>
      (await readStream(redis.url, "events")).events().filter((row) => row[6] === "invalid").length;
    const invalidBefore = await invalidRows();
    let violations = 0;
    for (let round = 0; round < 16; round++) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const response = await send(mutate());
          seen.add(response.status);
          const text = await response.text();
          if (response.status === 200) PredictAnswer.parse(JSON.parse(text));
          else {
            expect(response.headers.get("content-type")).toBe("application/problem+json");
            expect(text).not.toContain("canary-99");
            const { type, errors = [] } = Problem.parse(JSON.parse(text));
            // What is no JSON has no place to name.
            if (response.status === 422) expect(errors[0]?.path ?? "").not.toBe("");
            if (type === "urn:flyball:problem:contract-violation") violations += 1;
          }
        }),
      );
    }
    expect([...seen].sort()).toEqual([200, 400, 422]);
    const stored = await readStream(redis.url, "events");
    expect(stored.rows.join("")).not.toContain("canary-99");
    expect(violations).toBeGreaterThan(100);
    expect((await invalidRows()) - invalidBefore).toBe(violations);
  });
});

it("a killed Redis costs no answer and no event, and labels follow the same way", async () => {
  const answered: string[] = [];
  const labels: string[] = [];
  const ask = async (count: number) => {
    for (let at = 0; at < count; at++) {
      const response = await send(JSON.stringify({ features: rowAt(rows, at) }));
      expect(response.status).toBe(200);
      const { request_id } = PredictAnswer.parse(await response.json());
      answered.push(request_id);
      const label = { request_id, label: at % 2, observed_at: "2001-05-01T00:00:00Z" };
      const taken = await send(
        JSON.stringify({ labels: [label, { ...label, label: 7 }] }),
        {},
        "/api/v1/labels",
      );
      expect(taken.status).toBe(202);
      expect(
        z
          .object({ accepted: z.literal(1), rejected: z.array(z.unknown()).length(1) })
          .parse(await taken.json()),
      ).toBeDefined();
      labels.push(request_id);
    }
  };
  await ask(10);
  await redis.kill();
  await ask(20);
  const ready = z
    .object({ ready: z.boolean(), publisher: z.string() })
    .parse(await (await fetch(`http://127.0.0.1:${serving.port}/readyz`)).json());
  expect(ready).toEqual({ ready: true, publisher: "spooling" });
  await redis.restart();
  expect(await published.publisher.drained(10_000)).toBe(true);
  await ask(10);
  const stored = await readStream(redis.url, "events");
  const events = stored.events();
  for (const id of answered) expect(events.filter((row) => row[4] === id).length).toBeGreaterThanOrEqual(1);
  const seqs = [...new Set(events.map((row) => row[12]))];
  expect(seqs).toEqual(seqs.map((_, at) => at));
  const labelRows = (await readStream(redis.url, "labels")).rows.join("");
  for (const id of labels) expect(labelRows).toContain(id);
  expect(stored.entries.some((entry) => entry.watermark !== undefined)).toBe(true);
});

it("strict: a killed Redis makes it answer 503 and unready instead of keeping events itself, until it is back", async () => {
  const strict = await publisherOn(redis.url, { durability: "strict", producer: "1-test", partition: 1 });
  const { held, models } = modelSet();
  held.current = (await trainFlights()).model;
  const apart = await serve(apiOn({ models, publisher: strict.publisher }), { host: "127.0.0.1", port: 0 });
  const at = `http://127.0.0.1:${apart.port}`;
  const ask = async () => {
    const [headers, body] = [
      { "content-type": "application/json" },
      JSON.stringify({ features: rowAt(rows, 0) }),
    ];
    const response = await fetch(`${at}/api/v1/predict`, { method: "POST", headers, body });
    const said: unknown = await response.json();
    return {
      ...{ status: response.status, wait: response.headers.get("retry-after") },
      ...{ type: Reflect.get(Object(said), "type") as unknown, id: Reflect.get(Object(said), "request_id") },
    };
  };
  const first = await ask();
  expect(first.status).toBe(200);
  await redis.kill();
  const refused = { status: 503, wait: "1", type: "urn:flyball:problem:not-durable" };
  expect(await ask()).toMatchObject(refused);
  expect(await ask()).toMatchObject(refused);
  expect((await fetch(`${at}/readyz`)).status).toBe(503);
  await redis.restart();
  expect(await strict.publisher.drained(10_000)).toBe(true);
  expect((await fetch(`${at}/readyz`)).status).toBe(200);
  const last = await ask();
  expect(last.status).toBe(200);
  const events = (await readStream(redis.url, "events", 1)).events();
  expect(events.map((row) => row[4])).toEqual(expect.arrayContaining([first.id, last.id]));
  expect(events.map((row) => row[12])).toEqual(events.map((_, seq) => seq));
  await apart.close();
  await strict.cleanUp();
});

it("without keys no other machine can reach it", async () => {
  await expect(serve(api, { host: "0.0.0.0", port: 0 })).rejects.toThrow(/loopback only/);
});
