// The Open Inference Protocol V2 as its clients speak it: metadata, JSON and binary tensors, identity of rows, refusals.
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { FlightRow } from "../../bench/serving-model.ts";
import { V2Answer } from "../../contracts/api.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import type { ServingModel } from "../../src/ports-serving.ts";
import type { AppOptions } from "../../src/http/app.ts";
import { apiOn, memoryPublisher, modelSet, post, rowAt, trainFlights } from "../support/api.ts";

let model: ServingModel;
let rows: readonly FlightRow[];
beforeAll(async () => {
  ({ model, rows } = await trainFlights());
});
const setUp = (options: Partial<AppOptions> = {}) => {
  const { held, models } = modelSet();
  held.current = model;
  const memory = memoryPublisher();
  return { held, memory, api: apiOn({ models, publisher: memory.publisher }, options) };
};
const ID = "0b6f2b4e-7c1a-4d54-9d3e-1f2a3b4c5d6e";
const N = 3;
const FEATURES = [
  ["distance", "FP64"],
  ["hour", "INT64"],
  ["weekday", "INT64"],
  ["origin", "BYTES"],
  ["destination", "BYTES"],
] as const;
const column = (name: keyof FlightRow) => Array.from({ length: N }, (_, at) => rowAt(rows, at)[name]);
const jsonInputs = () =>
  FEATURES.map(([name, datatype]) => ({ name, datatype, shape: [N, 1], data: column(name) }));

/** The same inputs in the binary extension: JSON header, then the tensors' bytes. */
const binaryBody = (extra: object = {}) => {
  const parts = FEATURES.map(([name, datatype]) => {
    const values = column(name);
    if (datatype === "BYTES")
      return Buffer.concat(
        values.map((value) => {
          const text = Buffer.from(String(value));
          const length = Buffer.alloc(4);
          length.writeUInt32LE(text.length);
          return Buffer.concat([length, text]);
        }),
      );
    const bytes = Buffer.alloc(8 * N);
    values.forEach((value, at) =>
      datatype === "FP64"
        ? bytes.writeDoubleLE(Number(value), at * 8)
        : bytes.writeBigInt64LE(BigInt(value), at * 8),
    );
    return bytes;
  });
  const inputs = FEATURES.map(([name, datatype], at) => ({
    name,
    datatype,
    shape: [N, 1],
    parameters: { binary_data_size: parts[at]?.length },
  }));
  const header = Buffer.from(JSON.stringify({ id: ID, inputs, ...extra }));
  return { body: Buffer.concat([header, ...parts]), headerLength: header.length };
};

describe("the protocol", () => {
  it("describes server and model", async () => {
    const { api, held } = setUp();
    const get = async (path: string): Promise<unknown> => (await api.hono.request(path)).json();
    expect(await get("/v2")).toMatchObject({ name: "flyball", extensions: ["binary_tensor_data"] });
    expect(await get("/v2/health/live")).toEqual({ live: true });
    expect(await get("/v2/models/flight-delay")).toMatchObject({
      name: "flight-delay",
      versions: ["1.0.0"],
      inputs: FEATURES.map(([name, datatype]) => ({ name, datatype, shape: [-1, 1] })),
      outputs: [{ name: "probability", datatype: "FP64" }],
    });
    expect((await api.hono.request("/v2/models/flight-delay/versions/1.0.0/ready")).status).toBe(200);
    expect((await api.hono.request("/v2/models/flight-delay/versions/9.0.0/ready")).status).toBe(409);
    expect((await api.hono.request("/v2/models/other/ready")).status).toBe(404);
    expect((await api.hono.request("/v2/health/ready")).status).toBe(200);
    held.current = null;
    expect((await api.hono.request("/v2/health/ready")).status).toBe(503);
  });

  it("answers JSON and binary tensors alike, and both like predict; row i is UUIDv5(id, i)", async () => {
    const { api, memory } = setUp();
    const json = await post(api, "/v2/models/flight-delay/infer", { id: ID, inputs: jsonInputs() });
    const answer = V2Answer.parse(await json.json());
    const single = await Promise.all(
      Array.from({ length: N }, async (_, at) => {
        const response = await post(api, "/api/v1/predict", { features: rowAt(rows, at) });
        return z.object({ probability: z.number() }).parse(await response.json()).probability;
      }),
    );
    expect(answer).toMatchObject({ model_name: "flight-delay", model_version: "1.0.0", id: ID });
    expect(answer.outputs[0]).toMatchObject({ shape: [N], data: single });
    expect(
      memory
        .events()
        .slice(0, N)
        .map((row) => row[4]),
    ).toEqual(Array.from({ length: N }, (_, at) => createIds().within(ID, String(at))));

    const { body, headerLength } = binaryBody({ parameters: { binary_data_output: true } });
    const binary = await api.hono.request("/v2/models/flight-delay/versions/1.0.0/infer", {
      method: "POST",
      headers: {
        "content-type": "application/octet-stream",
        "inference-header-content-length": String(headerLength),
      },
      body,
    });
    expect(binary.status).toBe(200);
    const bytes = Buffer.from(await binary.arrayBuffer());
    const at = Number(binary.headers.get("inference-header-content-length"));
    expect(Array.from({ length: N }, (_, row) => bytes.readDoubleLE(at + row * 8))).toEqual(single);
  });

  it.each([
    [
      "a version that is not promoted",
      "/v2/models/flight-delay/versions/9.0.0/infer",
      () => ({ inputs: jsonInputs() }),
      409,
    ],
    ["an unknown model", "/v2/models/other/infer", () => ({ inputs: jsonInputs() }), 404],
    ["no inputs", "/v2/models/flight-delay/infer", () => ({ inputs: [] }), 422],
    [
      "a short column",
      "/v2/models/flight-delay/infer",
      () => ({ inputs: jsonInputs().map((t) => ({ ...t, data: [1] })) }),
      422,
    ],
    ["a missing feature", "/v2/models/flight-delay/infer", () => ({ inputs: jsonInputs().slice(1) }), 422],
    [
      "a huge shape",
      "/v2/models/flight-delay/infer",
      () => ({ inputs: jsonInputs().map((t) => ({ ...t, shape: [1e9, 1] })) }),
      422,
    ],
    ["not JSON", "/v2/models/flight-delay/infer", () => "{", 400],
  ])("%s is refused with the protocol's error member", async (_, route, body, status) => {
    const { api } = setUp();
    const response = await post(api, route, body());
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ status, error: expect.any(String) });
  });

  it("bytes that do not fit their header are refused", async () => {
    const { api } = setUp();
    const { body, headerLength } = binaryBody();
    const send = (bytes: Uint8Array, length: string) =>
      api.hono.request("/v2/models/flight-delay/infer", {
        method: "POST",
        headers: { "content-type": "application/octet-stream", "inference-header-content-length": length },
        body: bytes,
      });
    expect((await send(body.subarray(0, body.length - 3), String(headerLength))).status).toBe(422);
    expect((await send(Buffer.concat([body, Buffer.alloc(4)]), String(headerLength))).status).toBe(422);
    expect((await send(body, "99999999")).status).toBe(400);
    expect((await send(body, "-1")).status).toBe(400);
  });

  it("one bad row refuses all; only it becomes an invalid event", async () => {
    const { api, memory } = setUp();
    const inputs = jsonInputs().map((tensor) =>
      tensor.name === "hour" ? { ...tensor, data: [1, 99, 3] } : tensor,
    );
    const response = await post(api, "/v2/models/flight-delay/infer", { id: ID, inputs });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ errors: [{ path: "1.features.hour" }] });
    expect(memory.events().map((row) => [row[4], row[6]])).toEqual([
      [createIds().within(ID, "1"), "invalid"],
    ]);
  });
});

it("a batch that cannot be kept, or is too much at once, is told when to come back", async () => {
  const { api, memory } = setUp();
  const instances = Array.from({ length: 3 }, (_, at) => ({ features: rowAt(rows, at) }));
  const told = async (on: typeof api): Promise<unknown[]> => {
    const response = await post(on, "/api/v1/predict/batch", { instances });
    const { type } = z.object({ type: z.string() }).parse(await response.json());
    return [response.status, response.headers.get("retry-after"), type];
  };
  memory.held.refuse = true;
  expect(await told(api)).toEqual([503, "1", "urn:flyball:problem:not-durable"]);
  // Rows under way may be twice the requests: two fit, three do not.
  const small = setUp({ pendingMax: 1 }).api;
  expect(await told(small)).toEqual([503, "1", "urn:flyball:problem:overloaded"]);
});

it("a batch body gives each instance its result or its problem", async () => {
  const { api, memory } = setUp();
  const response = await post(api, "/api/v1/predict/batch", {
    instances: [
      { request_id: ID, features: rowAt(rows, 0) },
      { features: { hour: 1 } },
      7,
      { features: rowAt(rows, 1) },
    ],
  });
  expect(response.status).toBe(200);
  const { predictions } = z
    .object({
      predictions: z.array(
        z.object({ probability: z.number().optional(), error: z.object({ status: z.number() }).optional() }),
      ),
    })
    .parse(await response.json());
  expect(predictions.map((one) => one.error?.status ?? 200)).toEqual([200, 422, 422, 200]);
  expect(memory.events().map((row) => row[6])).toEqual(["ok", "ok", "invalid", "invalid"]);
  expect(memory.entries.events.length).toBe(1);
  for (const body of [{ instances: [] }, { instances: {} }, { instances: [1], extra: 1 }, []])
    expect((await post(api, "/api/v1/predict/batch", body)).status).toBe(422);
});
