// The plain reader of batch bodies against the careful one: what it takes has the same rows, codes and vectors; what is wrong or unusual
// it leaves. Random bodies, spelled in many ways and broken in more, get the same answer with it and without it.
import { beforeAll, expect, it } from "vitest";
import type { FlightRow } from "../../bench/serving-model.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { requestIdOf } from "../../src/http/batch.ts";
import { createPlainBatchReader } from "../../src/http/plain-batch.ts";
import { createTextReader, takeNumber } from "../../src/core/plain-json.ts";
import type { ServingModel } from "../../src/ports-serving.ts";
import { lcg } from "../core/lcg.ts";
import { apiOn, memoryPublisher, modelSet, rowAt, trainFlights, withSession } from "../support/api.ts";

let rows: readonly FlightRow[];
let model: ServingModel;
const ids = createIds();
beforeAll(async () => {
  ({ rows, model } = await trainFlights());
});

const read = (text: string) => {
  const { models, held } = modelSet();
  held.current = model;
  return createPlainBatchReader(ids)(models, Buffer.from(text), 5);
};
const instances = (n: number): object[] =>
  Array.from({ length: n }, (_, at) => ({ features: rowAt(rows, at) }));

it.each([
  ["as JSON.stringify writes it", (body: object) => JSON.stringify(body)],
  ["spaced out", (body: object) => JSON.stringify(body, null, 3).replaceAll("\n", "\r\n\t")],
])("takes a plain body %s", (_, spell) => {
  const items = instances(100).map((item, at) =>
    at % 3 === 0 ? item : { ...item, request_id: ids.random() },
  );
  const batch = read(spell({ model: "flight-delay", instances: items }));
  expect(batch?.n).toBe(100);
  const [codes, vector] = [new Uint8Array(batch?.width ?? 0), new Float32Array(batch?.width ?? 0)];
  items.forEach((item, at) => {
    expect(model.encoder.encode(rowAt(rows, at), codes, 0, vector, 0)).toBeNull();
    const [from, to] = [at * codes.length, (at + 1) * codes.length];
    expect(batch?.codes.subarray(from, to)).toEqual(codes);
    expect(batch?.vector.subarray(from, to)).toEqual(vector);
    const given: unknown = Reflect.get(item, "request_id");
    const id = batch === null ? null : requestIdOf(batch, at);
    if (given !== undefined) expect(id).toBe(given);
    else expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
  expect(batch?.readFeatures?.()).toEqual(items.map((_item, at) => rowAt(rows, at)));
});

it("reads numbers as JSON.parse does, and takes nothing for a number that is none", () => {
  const good =
    "0 -0 7 1.5 -12.25 0.1 123456789012345 0.000001 3.141592653589793 12345678901234567890 1e3 1E-7 -2.5e+10 5e-324 1e999";
  const random = lcg(3);
  const drawn = Array.from({ length: 2_000 }, () =>
    String((random() - 0.5) * 10 ** Math.floor(random() * 20 - 8)),
  );
  for (const text of [...good.split(" "), ...drawn])
    expect(takeNumber({ bytes: Buffer.from(`${text},`), at: 0 }), text).toBe(Number(JSON.parse(text)));
  for (const text of ["", "-", "01", "1.", ".5", "+1", "1e", "1e+", "--1", "NaN", "Infinity", "0x1"]) {
    const cursor = { bytes: Buffer.from(text), at: 0 };
    const value = takeNumber(cursor);
    expect(Number.isNaN(value) || cursor.at < text.length, text).toBe(true);
  }
});

it("gives back each string that was written, however they collide", () => {
  const take = createTextReader(4);
  for (let turn = 0; turn < 3; turn++)
    for (let at = 0; at < 200; at++) {
      const cursor = { bytes: Buffer.from(`"word ${at}",`), at: 0 };
      expect(take(cursor)).toBe(`word ${at}`);
      expect(cursor.bytes[cursor.at]).toBe(0x2c);
    }
});

/** Ways to change a text so that it is odd or wrong. */
const mangle = (text: string, random: () => number): string => {
  const at = Math.floor(random() * text.length);
  const pick = <T>(of: readonly [T, ...T[]]): T => of[Math.floor(random() * of.length)] ?? of[0];
  switch (pick(["keep", "drop", "insert", "swap", "value", "cut", "append"])) {
    case "keep":
      return text;
    case "drop":
      return text.slice(0, at) + text.slice(at + 1);
    case "insert":
      return (
        text.slice(0, at) +
        pick(['"', ",", "{", "}", "[", "]", ":", " ", "0", "\\", "é", "\u0000", "-", "e"]) +
        text.slice(at)
      );
    case "swap":
      return text.replace(
        pick(["distance", "origin", "features", "instances", "model"]),
        pick(["hour", "__proto__", "x", "features", "request_id"]),
      );
    case "value":
      return text.replace(
        /:\d+/,
        `:${pick(["null", "true", "1e999", "-5", '"7"', "[1]", "{}", "01", "1.0", "NaN", "99999"])}`,
      );
    case "cut":
      return text.slice(0, at);
    default:
      return text + pick([" ", "\n", "}", "x", ",{}"]);
  }
};

it("never answers otherwise than the careful reader", async () => {
  const held = modelSet();
  held.held.current = model;
  const api = apiOn({ models: held.models, publisher: memoryPublisher().publisher });
  const answer = async (text: string): Promise<unknown> => {
    const response = await api.hono.request("/api/v1/predict/batch", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: text,
    });
    const masked = (await response.text())
      .replace(/"latency_ms":[\d.]+/, "")
      .replace(/"request_id":"[^"]*"/g, "");
    return { status: response.status, masked };
  };
  const random = lcg(11);
  let plain = 0;
  for (let turn = 0; turn < 1_500; turn++) {
    const n = 1 + Math.floor(random() * 3);
    let text = JSON.stringify({ model: "flight-delay", instances: instances(n) });
    for (let times = Math.floor(random() * 3); times > 0; times--) text = mangle(text, random);
    if (read(text) !== null) plain++;
    // A key order that is not the plain one, or any white space before a known key, cannot change what a body means.
    const careful = text.replace(/^\{"model":"flight-delay",(.*)\}$/s, '{$1,"model":"flight-delay"}');
    expect(careful === text || read(careful) === null).toBe(true);
    expect(await answer(text), text).toEqual(await answer(careful));
  }
  expect(plain).toBeGreaterThan(300);
  expect(plain).toBeLessThan(1_200);
});

it("keeps the features for a candidate whose encoding differs", async () => {
  const publisher = memoryPublisher();
  const held = modelSet();
  held.held.current = model;
  const candidate = { ...withSession(model, "1.1.0", {}), encodingDigest: "another" };
  held.held.candidates = [candidate];
  const api = apiOn({ models: held.models, publisher: publisher.publisher });
  const response = await api.hono.request("/api/v1/predict/batch", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ instances: instances(7) }),
  });
  expect(response.status).toBe(200);
  await api.idle();
  const of = (wanted: string) =>
    publisher
      .events()
      .filter(([, , , role]) => role === wanted)
      .map(([, , , , requestId, , status, probability]) => ({ requestId, status, probability }));
  expect(of("shadow").map(({ status }) => status)).toEqual(Array(7).fill("ok"));
  expect(of("shadow")).toEqual(of("production"));
});

it("gives a row of a body that the model runs over in parts what it gives the row alone", async () => {
  const held = modelSet();
  held.held.current = model;
  const api = apiOn({ models: held.models, publisher: memoryPublisher().publisher });
  const ask = async (items: readonly object[]): Promise<unknown[]> => {
    const response = await api.hono.request("/api/v1/predict/batch", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ instances: items }),
    });
    const answer: unknown = await response.json();
    const predictions: unknown = Reflect.get(Object(answer), "predictions");
    return Array.isArray(predictions)
      ? predictions.map((one) => Reflect.get(Object(one), "probability"))
      : [];
  };
  const items = instances(300);
  const together = await ask(items);
  expect(together).toHaveLength(300);
  const alone: unknown[] = [];
  for (const item of items) alone.push(...(await ask([item])));
  expect(together).toEqual(alone);
  expect(new Set(together).size).toBeGreaterThan(20);
});
