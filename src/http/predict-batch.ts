// Stage room: POST /api/v1/predict/batch. One body is one batch: encoded side by side, run once, published as one entry. Each
// instance gets its result or its problem; one bad row spoils none of its neighbours.
import { INSTANCES_MAX } from "../../contracts/api.ts";
import type { FieldError, Problem } from "../../contracts/api.ts";
import { writeAscii, writeFew } from "../core/ascii.ts";
import { problem } from "../core/problem.ts";
import { UUID_BYTES, copyUuid } from "../core/uuid-text.ts";
import type { MakesIds, ServesModels, ServingClock, WallTime } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";
import { openBatch, requestIdOf } from "./batch.ts";
import { isProbability } from "./event-rows.ts";
import type { Wants } from "./interpretation.ts";
import { extrasOf } from "./interpretation.ts";
import { take, violation } from "./predict.ts";
import { isObject, parseJson, readInstance, resolveModel } from "./predict-request.ts";
import type { ReadsPlainBatch } from "./plain-batch.ts";
import type { Scorer } from "./scorer.ts";

export interface BatchDeps {
  readonly models: ServesModels;
  readonly scorer: Scorer;
  readonly ids: MakesIds;
  readonly clock: ServingClock;
  readonly wall: WallTime;
}

export type BatchOutcome =
  | { readonly ok: true; readonly body: Uint8Array<ArrayBuffer> | string }
  | { readonly ok: false; readonly problem: Problem };

/** Answers a batch body. Rows under way are bounded by `rowsMax` over all requests. */
export const predictBatch = async (
  deps: BatchDeps & { readonly readPlain: ReadsPlainBatch },
  body: Buffer,
  options: { readonly wants: Wants; readonly rowsMax: number },
): Promise<BatchOutcome> => {
  const { models, scorer, clock, wall } = deps;
  const arrivedMs = wall.monotonicMs();
  const plain = deps.readPlain(models, body, clock.now());
  const read: Read | BatchOutcome =
    plain === null ? readCarefully(deps, body, options.rowsMax) : { batch: plain, heads: null, problems: [] };
  if ("ok" in read) return read;
  const { batch } = read;
  if (scorer.rowsUnderWay() + (read.heads?.length ?? batch.n) > options.rowsMax) return OVERLOADED;
  const { durability, scores } = await scorer.score(batch);
  if (durability === "refused")
    return {
      ok: false,
      problem: problem("not-durable", "The events could be stored nowhere; send the batch again."),
    };
  return {
    ok: true,
    body: render({ ...read, scores, wants: options.wants, tookMs: wall.monotonicMs() - arrivedMs }),
  };
};

interface Read {
  readonly batch: Batch;
  /** Request ids, one an instance; null where all are in the batch. */
  readonly heads: readonly string[] | null;
  /** By instance; none where all is well. */
  readonly problems: readonly (Problem | null)[];
}

const OVERLOADED: BatchOutcome = {
  ok: false,
  problem: problem("overloaded", "Too many rows are under way; come back shortly."),
};

/** Reads any body: what is wrong with an instance becomes its own problem. */
const readCarefully = (deps: BatchDeps, body: Buffer, rowsMax: number): Read | BatchOutcome => {
  const { models, scorer, ids, clock } = deps;
  const parsed = parseJson(new TextDecoder().decode(body));
  if (!parsed.ok) return parsed;
  const read = readBatch(parsed.value);
  if (!read.ok) return read;
  const found = resolveModel(models, read.model);
  if (!found.ok) return found;
  // Before the rows are encoded: what is over the bound should cost little.
  if (scorer.rowsUnderWay() + read.instances.length > rowsMax) return OVERLOADED;

  const { model } = found;
  const replay = clock.mode === "replay";
  const batch = openBatch(model, read.instances.length);
  const now = clock.now();
  const heads: string[] = [];
  const problems: (Problem | null)[] = [];
  for (const item of read.instances) {
    const instance = isObject(item) ? readInstance(item, replay, "", null) : NO_INSTANCE;
    const requestId = instance.requestId ?? ids.random();
    const errors = take(batch, instance.features, requestId, instance.eventMs ?? now, instance.errors);
    heads.push(requestId);
    problems.push(errors === null ? null : violation(errors));
  }
  return { batch, heads, problems };
};

const NO_INSTANCE = {
  requestId: null,
  eventMs: null,
  features: null,
  errors: [{ path: "", message: "expected an object with features" }],
};

const readBatch = (
  body: unknown,
):
  | { ok: true; model: string | undefined; instances: readonly unknown[] }
  | { ok: false; problem: Problem } => {
  const errors: FieldError[] = [];
  if (!isObject(body)) errors.push({ path: "", message: "expected an object" });
  const fields = isObject(body) ? body : {};
  for (const key of Object.keys(fields)) {
    if (key !== "model" && key !== "instances")
      errors.push({ path: key.slice(0, 64), message: "unknown field" });
  }
  const model = fields["model"];
  if (model !== undefined && typeof model !== "string")
    errors.push({ path: "model", message: "expected a string" });
  const instances = fields["instances"];
  if (!Array.isArray(instances) || instances.length === 0 || instances.length > INSTANCES_MAX)
    errors.push({ path: "instances", message: `expected 1 to ${INSTANCES_MAX} instances` });
  if (errors.length > 0 || !Array.isArray(instances))
    return { ok: false, problem: problem("invalid-body", "The body must be {model?, instances}.", errors) };
  return { ok: true, model: typeof model === "string" ? model : undefined, instances };
};

const render = (
  made: Read & {
    readonly scores: ArrayLike<number>;
    readonly wants: Wants;
    readonly tookMs: number;
  },
): Uint8Array<ArrayBuffer> | string => {
  const { model } = made.batch;
  const latency = Math.round(made.tookMs * 1000) / 1000;
  const head =
    `{"model":${JSON.stringify(model.model)},"model_version":${JSON.stringify(model.version)},` +
    `"latency_ms":${latency},"predictions":[`;
  return renderPlain(made, head) ?? `${head}${renderItems(made)}]}`;
};

const renderItems = ({ batch, heads, problems, scores, wants }: Parameters<typeof render>[0]): string => {
  let row = 0;
  const requestIds = heads ?? Array.from({ length: batch.n }, (_, index) => requestIdOf(batch, index));
  const items = requestIds.map((requestId, index) => {
    const why = problems[index] ?? null;
    if (why !== null) return `{"request_id":"${requestId}","error":${JSON.stringify(why)}}`;
    const at = row++;
    const score = scores[at];
    if (!isProbability(score)) return `{"request_id":"${requestId}","error":${MODEL_FAILED}}`;
    return `{"request_id":"${requestId}","probability":${score}${extrasOf(batch, at, score, wants)}}`;
  });
  return items.join(",");
};

/** An answer of nothing but probabilities, written as bytes: joining a thousand strings would cost more. Null where it is another. */
const renderPlain = (
  { batch, problems, scores, wants }: Parameters<typeof render>[0],
  head: string,
): Uint8Array<ArrayBuffer> | null => {
  if (problems.some((why) => why !== null) || wants.interpret || wants.explain) return null;
  const out = Buffer.allocUnsafe(head.length + batch.n * ITEM_BYTES_MAX + 2);
  let at = writeAscii(out, 0, head);
  for (let row = 0; row < batch.n; row++) {
    const score = scores[row];
    if (!isProbability(score)) return null;
    at = writeFew(out, at, row === 0 ? FIRST_ITEM : NEXT_ITEM);
    at = copyUuid(out, at, batch.requestIds, row * UUID_BYTES);
    at = writeFew(out, at, PROBABILITY);
    at = writeAscii(out, at, String(score));
    out[at++] = UNBRACE;
  }
  return out.subarray(0, writeAscii(out, at, "]}"));
};

const FIRST_ITEM = Buffer.from('{"request_id":"');
const NEXT_ITEM = Buffer.from(',{"request_id":"');
const PROBABILITY = Buffer.from('","probability":');
const UNBRACE = 0x7d;
/** Fixed text, a UUID and a number as JSON writes it. */
const ITEM_BYTES_MAX = 34 + UUID_BYTES + 24;

const MODEL_FAILED = JSON.stringify(problem("model-failed", "The model gave no probability for this row."));
