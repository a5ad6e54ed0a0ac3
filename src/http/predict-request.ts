// Stage room: the body of a prediction, read by hand because a schema walk a request is too dear here. Accepts exactly what
// contracts/api.ts PredictRequest says; a body that has features but breaks a rule is a contract violation and leaves an event.
import type { FieldError, Problem } from "../../contracts/api.ts";
import { UtcTime } from "../../contracts/api.ts";
import { countKeys, duplicateKeyPath, hasDuplicateKeys } from "../core/duplicate-keys.ts";
import { alternatives } from "../core/nearest.ts";
import { problem } from "../core/problem.ts";
import type { ServesModels, ServingModel } from "../ports-serving.ts";

export type JsonObject = Readonly<Record<string, unknown>>;
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export interface Instance {
  /** Null: none was given, or none that can be used. */
  readonly requestId: string | null;
  readonly eventMs: number | null;
  readonly features: unknown;
  /** What is wrong around the features; null where nothing is. */
  readonly errors: readonly FieldError[] | null;
}

export type ReadPredict =
  | { readonly ok: true; readonly model: string | undefined; readonly instance: Instance }
  | { readonly ok: false; readonly problem: Problem };

/** RFC 9562, as contracts/event.ts has it: versions 1 to 8, nil and max. */
const UUID =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|0{8}-0{4}-0{4}-0{4}-0{12}|f{8}-f{4}-f{4}-f{4}-f{12})$/i;

/** True for a UUID, in either case. */
export const isUuid = (text: string): boolean => UUID.test(text);

/** Parses a JSON body, refusing what is none and what names a key twice. */
export const parseJson = (text: string): { ok: true; value: unknown } | { ok: false; problem: Problem } => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, problem: problem("not-json", "The body must be one JSON document.") };
  }
  if (hasDuplicateKeys(text, countKeys(value))) return namedTwice(text);
  return { ok: true, value };
};

const namedTwice = (text: string): { ok: false; problem: Problem } => {
  const path = duplicateKeyPath(text);
  const errors = path === null ? [] : [{ path, message: "named twice" }];
  return { ok: false, problem: problem("not-json", "An object of the body names a key twice.", errors) };
};

/** Reads `{model?, request_id?, event_time?, features}`. */
export const readPredict = (text: string, replay: boolean): ReadPredict => {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { ok: false, problem: problem("not-json", "The body must be one JSON document.") };
  }
  if (!isObject(body) || !isObject(body["features"])) {
    const errors = [{ path: "features", message: "expected an object of features" }];
    return {
      ok: false,
      problem: problem("invalid-body", "The body must be an object with features.", errors),
    };
  }
  const flatKeys = Object.keys(body).length + Object.keys(body["features"]).length;
  // A mismatch is a key named twice, or a nested value; only the second look is exact.
  if (hasDuplicateKeys(text, flatKeys) && hasDuplicateKeys(text, countKeys(body))) return namedTwice(text);
  const model = body["model"];
  if (model !== undefined && typeof model !== "string")
    return {
      ok: false,
      problem: problem("invalid-body", "The model must be named.", [
        { path: "model", message: "expected a string" },
      ]),
    };
  return { ok: true, model, instance: readInstance(body, replay, "", "model") };
};

/** Reads what stands around one instance's features; `prefix` leads each error's path, `also` is one more key it may have. */
export const readInstance = (
  item: JsonObject,
  replay: boolean,
  prefix: string,
  also: string | null,
): Instance => {
  let errors: FieldError[] | null = null;
  const add = (path: string, message: string) => (errors ??= []).push({ path: prefix + path, message });
  let requestId: string | null = null;
  let eventMs: number | null = null;
  for (const key of Object.keys(item)) {
    if (key === "features" || key === also) continue;
    const value = item[key];
    if (key === "request_id") {
      if (typeof value === "string" && isUuid(value)) requestId = value.toLowerCase();
      else add(key, "expected a UUID");
    } else if (key === "event_time") {
      if (!replay) add(key, "accepted only under clock: replay");
      else if (UtcTime.safeParse(value).success) eventMs = Date.parse(String(value));
      else add(key, "expected RFC 3339 UTC with Z, to the millisecond");
    } else add(key.slice(0, 64), "unknown field");
  }
  return { requestId, eventMs, features: item["features"], errors };
};

/** The version that answers a request, read once; or why none does. */
export const resolveModel = (
  models: ServesModels,
  name: string | undefined,
): { ok: true; model: ServingModel } | { ok: false; problem: Problem } => {
  const model = models.current(name);
  if (model !== null) return { ok: true, model };
  if (name === undefined && models.names().length > 1) {
    const errors = [{ path: "model", message: "required: more than one model is served" }];
    return { ok: false, problem: problem("invalid-body", "Several models are served; name one.", errors) };
  }
  if (name !== undefined && !models.knows(name) && models.names().length > 0)
    return {
      ok: false,
      problem: problem(
        "unknown-model",
        `No model of this name is governed here${alternatives(name, models.names())}`,
      ),
    };
  return { ok: false, problem: problem("no-model", "No version of this model has been promoted yet.") };
};
