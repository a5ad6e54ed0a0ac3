// Stage room: what every list of the read side shares: the query's words, the cursor, the page. A cursor is the place of the last row shown,
// so rows that arrive meanwhile neither repeat nor skip one. A fault of a store is 503 and says which kind; nothing is retried here.
import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import { UtcTime } from "../../contracts/api.ts";
import { Duration } from "../../contracts/config.ts";
import { Fault } from "../core/fault.ts";
import { alternatives } from "../core/nearest.ts";
import { problem } from "../core/problem.ts";
import type { Paging, Place, Placed, Slice } from "../ports-reading.ts";
import { allowedOf } from "./admission.ts";
import { answerJson, answerProblem, refuseWith } from "./body.ts";

const LIMIT = 100;
const LIMIT_MAX = 1000;
const DAY_MS = 86_400_000;
/** How far back a list looks unless `from` says otherwise. */
const SPAN_DAYS = 30;

/** A sub-app whose faults are answered as problems. */
export const readApp = (): Hono => {
  const app = new Hono();
  app.onError((cause) => {
    if (cause instanceof Fault) return answerProblem(problem("unavailable", cause.message.slice(0, 300)));
    throw cause;
  });
  return app;
};

const Cursor = z
  .string()
  .max(2000)
  .transform((text, context): Place => {
    const [ms, key, ...rest] = text.split(".");
    const place = { ms: Number(ms), key: Buffer.from(key ?? "", "base64url").toString("utf8") };
    if (rest.length > 0 || key === undefined || !Number.isSafeInteger(place.ms)) {
      context.addIssue({ code: "custom", message: "not a cursor of this list" });
      return z.NEVER;
    }
    return place;
  });

const cursorOf = ({ ms, key }: Place): string => `${ms}.${Buffer.from(key, "utf8").toString("base64url")}`;

const paging = {
  cursor: Cursor.optional(),
  limit: z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT),
};

/** Words of a list of windows. */
export const spanWords = { size: Duration.optional(), from: UtcTime.optional(), to: UtcTime.optional() };

const ListQuery = z.strictObject({ ...paging, ...spanWords });

/** Reads the query of a list that takes these filters beside its paging. */
export const readList = async (
  c: Context,
  filters: readonly string[],
  answerList: (
    query: z.infer<typeof ListQuery>,
    chosen: Readonly<Record<string, string>>,
  ) => Promise<Response>,
): Promise<Response> => {
  const asked = Object.entries(c.req.query());
  const word = z.object({
    query: ListQuery,
    chosen: z.record(z.string(), z.string().max(200)),
  });
  const split = {
    query: Object.fromEntries(asked.filter(([name]) => !filters.includes(name))),
    chosen: Object.fromEntries(asked.filter(([name]) => filters.includes(name))),
  };
  const parsed = word.safeParse(split);
  return parsed.success ? answerList(parsed.data.query, parsed.data.chosen) : refuseQuery(parsed.error);
};

const refuseQuery = (error: z.ZodError): Response => {
  const errors = error.issues.map(({ path, message }) => ({
    path: path.filter((part) => part !== "query" && part !== "chosen").join("."),
    message,
  }));
  return answerProblem(problem("invalid-query", "The query is not what this route takes.", errors));
};

/** Reads the query, or answers what is wrong with it. */
export const readQuery = async <T>(
  c: Context,
  word: z.ZodType<T>,
  answerQuery: (query: T) => Promise<Response>,
): Promise<Response> => {
  const parsed = word.safeParse(c.req.query());
  return parsed.success ? answerQuery(parsed.data) : refuseQuery(parsed.error);
};

/** The part of a list the query asks for; times before the epoch's first ms are clipped. */
export const sliceOf = (
  query: {
    size?: string | undefined;
    from?: string | undefined;
    to?: string | undefined;
    cursor?: Place | undefined;
    limit: number;
  },
  by: { model: string; size: string; nowMs: number; filters: Readonly<Record<string, string>> },
): Slice => {
  const endMs = query.to === undefined ? by.nowMs + DAY_MS : Date.parse(query.to);
  const startMs =
    query.from === undefined ? Math.min(endMs, by.nowMs) - SPAN_DAYS * DAY_MS : Date.parse(query.from);
  return {
    model: by.model,
    size: query.size ?? by.size,
    span: { startMs: Math.max(0, startMs), endMs: Math.max(0, endMs) },
    filters: by.filters,
    ...pagingOf(query),
  };
};

/** One row more than asked tells whether there is a next page. */
export const pagingOf = (query: { cursor?: Place | undefined; limit: number }): Paging => ({
  after: query.cursor ?? null,
  limit: query.limit + 1,
});

/** Answers one page of what was read with `pagingOf`. */
export const answerPage = <T>(rows: readonly Placed<T>[], limit: number): Response => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? cursorOf(last.place) : null;
  return answer({ items: shown.map(({ item }) => item), next_cursor: next });
};

/** Answers a word; read again by every caller, because it may have moved. */
export const answer = (body: unknown, status = 200): Response => {
  const response = answerJson(JSON.stringify(body), status);
  response.headers.set("cache-control", "no-store");
  return response;
};

/** What is said of a model the ledger does not have: with the ones it has, as far as the caller's key may know of them. */
export const notIn = (
  { models }: { readonly models: Readonly<Record<string, unknown>> },
  model: string,
  c: Context,
): string => {
  const allowed = allowedOf(c);
  const known = Object.keys(models).filter((name) => allowed === null || allowed.includes(name));
  return `${model.slice(0, 80)} is not in the ledger${alternatives(model, known)}`;
};

/** Answers that the thing asked for does not exist. */
export const unknown = (what: string): Response => refuseWith("unknown-thing", what);
