// Stage room: the Open Inference Protocol V2 (KServe, Triton), so that existing clients work unchanged. One tensor a feature in,
// `probability` out; row i of request `id` is the event UUIDv5(id, i). All rows or none: the protocol has no place for one bad row.
import { Hono, type Context } from "hono";
import { INSTANCES_MAX, V2Request } from "../../contracts/api.ts";
import type { Problem, V2Tensor } from "../../contracts/api.ts";
import { EVENT_NAMESPACE } from "../../contracts/event.ts";
import type { FeatureSpec } from "../../contracts/feature-contract.ts";
import { problem } from "../core/problem.ts";
import type { ServingModel } from "../ports-serving.ts";
import { allowedOf } from "./admission.ts";
import { openBatch } from "./batch.ts";
import { isJsonType, readBytes } from "./body.ts";
import { isProbability } from "./event-rows.ts";
import { fieldErrors } from "./labels.ts";
import type { BatchDeps } from "./predict-batch.ts";
import { take, violation } from "./predict.ts";
import { parseJson, resolveModel } from "./predict-request.ts";
import { scopedModels } from "./scope.ts";
import { readTensors } from "./v2-tensors.ts";

export interface V2Options {
  readonly bodyBytesMax: number;
  readonly rowsMax: number;
  readonly version: string;
  readonly ready: () => boolean;
}

/** The routes under /v2. */
export const v2Routes = (deps: BatchDeps, options: V2Options): Hono => {
  const app = new Hono();
  app.get("/v2", (c) =>
    c.json({ name: "flyball", version: options.version, extensions: ["binary_tensor_data"] }),
  );
  app.get("/v2/health/live", (c) => c.json({ live: true }));
  app.get("/v2/health/ready", (c) => c.json({ ready: options.ready() }, options.ready() ? 200 : 503));

  const at = (
    c: Context,
    name: string,
    version: string | undefined,
  ): { ok: true; model: ServingModel } | { ok: false; problem: Problem } => {
    const found = resolveModel(scopedModels(deps.models, allowedOf(c)), name);
    if (found.ok && version !== undefined && found.model.version !== version)
      return {
        ok: false,
        problem: problem("version-not-promoted", `Version ${found.model.version} is promoted.`),
      };
    return found;
  };
  const infer = async (
    c: Context,
    name: string,
    version: string | undefined,
    body: Uint8Array,
  ): Promise<Response> => {
    const found = at(c, name, version);
    if (!found.ok) return refuse(found.problem);
    const read = readRequest(c.req.raw, body);
    if (!read.ok) return refuse(read.problem);
    return inferRows(deps, options, found.model, read);
  };

  for (const base of ["/v2/models/:model", "/v2/models/:model/versions/:version"]) {
    app.get(base, (c) => {
      const found = at(c, c.req.param("model") ?? "", c.req.param("version"));
      return found.ok ? c.json(metadataOf(found.model)) : refuse(found.problem);
    });
    app.get(`${base}/ready`, (c) => {
      const found = at(c, c.req.param("model") ?? "", c.req.param("version"));
      return found.ok ? c.json({ name: found.model.model, ready: true }) : refuse(found.problem);
    });
    app.post(`${base}/infer`, async (c) => {
      const body = await readBytes(c, options.bodyBytesMax);
      if (!body.ok) return refuse(body.problem);
      return infer(c, c.req.param("model") ?? "", c.req.param("version"), body.body);
    });
  }
  return app;
};

/** A problem document that carries the protocol's own `error` member too. */
const refuse = (why: Problem): Response =>
  new Response(JSON.stringify({ ...why, error: why.detail }), {
    status: why.status,
    headers: {
      "content-type": "application/problem+json",
      ...(why.status === 503 ? { "retry-after": "1" } : {}),
    },
  });

const metadataOf = ({ model, version, contract }: ServingModel) => ({
  name: model,
  versions: [version],
  platform: "onnxruntime_onnx",
  inputs: Object.entries(contract.features).map(([name, spec]) => ({
    name,
    datatype: datatypeOf(spec),
    shape: [-1, 1],
  })),
  outputs: [{ name: "probability", datatype: "FP64", shape: [-1] }],
});

const datatypeOf = (spec: FeatureSpec): V2Tensor["datatype"] => {
  if (spec.kind === "nominal") return "BYTES";
  return spec.kind === "ordinal" && spec.values.every(Number.isInteger) ? "INT64" : "FP64";
};

interface ReadInfer {
  readonly ok: true;
  readonly request: V2Request;
  readonly binary: Uint8Array;
}

const readRequest = (request: Request, body: Uint8Array): ReadInfer | { ok: false; problem: Problem } => {
  const headerLength = request.headers.get("inference-header-content-length");
  const split = headerLength === null ? body.length : Number(headerLength);
  if (headerLength === null && !isJsonType(request.headers.get("content-type") ?? "application/json"))
    return { ok: false, problem: problem("not-json-type", "Send JSON, or name the JSON header's length.") };
  if (!Number.isInteger(split) || split < 0 || split > body.length)
    return {
      ok: false,
      problem: problem("bad-request", "Inference-Header-Content-Length does not fit the body."),
    };
  const parsed = parseJson(new TextDecoder().decode(body.subarray(0, split)));
  if (!parsed.ok) return parsed;
  const checked = V2Request.safeParse(parsed.value);
  if (!checked.success)
    return {
      ok: false,
      problem: problem("invalid-body", "This is no inference request.", fieldErrors(checked.error)),
    };
  return { ok: true, request: checked.data, binary: body.subarray(split) };
};

const inferRows = async (
  deps: BatchDeps,
  options: V2Options,
  model: ServingModel,
  { request, binary }: ReadInfer,
): Promise<Response> => {
  const tensors = readTensors(request.inputs, binary, INSTANCES_MAX);
  if (!tensors.ok) return refuse(problem("invalid-body", "The inputs cannot be read.", tensors.errors));
  if (deps.scorer.rowsUnderWay() + tensors.rows > options.rowsMax)
    return refuse(problem("overloaded", "Too many rows are under way; come back shortly."));

  const id = request.id ?? deps.ids.random();
  const namespace = UUID.test(id) ? id.toLowerCase() : deps.ids.within(EVENT_NAMESPACE, `v2|${id}`);
  const now = deps.clock.now();
  const batch = openBatch(model, tensors.rows);
  const broken: { path: string; message: string }[] = [];
  for (let row = 0; row < tensors.rows; row++) {
    const features: Record<string, unknown> = { __proto__: null };
    for (const [name, values] of tensors.columns) {
      // JSON null is a missing value; NaN is never one.
      if (values[row] !== null) features[name] = values[row];
    }
    const errors = take(batch, features, deps.ids.within(namespace, String(row)), now, null);
    for (const error of errors ?? []) broken.push({ path: `${row}.${error.path}`, message: error.message });
  }
  if (broken.length > 0) {
    // The good rows are not answered, so they are no events; the bad ones are.
    const only = { ...openBatch(model, 1), invalid: batch.invalid };
    const { durability } = await deps.scorer.score(only);
    return refuse(durability === "refused" ? NOT_DURABLE : violation(broken.slice(0, 100)));
  }
  const { durability, scores } = await deps.scorer.score(batch);
  if (durability === "refused") return refuse(NOT_DURABLE);
  const probabilities = Float64Array.from(scores);
  if (!probabilities.every(isProbability))
    return refuse(problem("model-failed", "The model gave no probability for some row."));
  return answer(model, id, probabilities, wantsBinary(request));
};

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const NOT_DURABLE = problem("not-durable", "The events could be stored nowhere; send the request again.");

const wantsBinary = ({ parameters, outputs }: V2Request): boolean =>
  parameters?.["binary_data_output"] === true ||
  (outputs ?? []).some((output) => output.parameters?.["binary_data"] === true);

const answer = (model: ServingModel, id: string, probabilities: Float64Array, binary: boolean): Response => {
  const bytes = Buffer.from(probabilities.buffer, probabilities.byteOffset, probabilities.byteLength);
  const output = {
    name: "probability",
    datatype: "FP64",
    shape: [probabilities.length],
    ...(binary ? { parameters: { binary_data_size: bytes.length } } : { data: [...probabilities] }),
  };
  const head = JSON.stringify({
    model_name: model.model,
    model_version: model.version,
    id,
    outputs: [output],
  });
  if (!binary) return new Response(head, { headers: { "content-type": "application/json" } });
  const header = Buffer.from(head, "utf8");
  return new Response(Buffer.concat([header, bytes]), {
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(header.length),
    },
  });
};
