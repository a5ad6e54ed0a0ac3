// Unit: lists are paged by place, wrong queries are named, other sites' pages may not command, and news end with their readers.
import { describe, expect, it } from "vitest";
import { Hono } from "hono";
import { z } from "zod";
import { pageOf } from "../../contracts/read.ts";
import { commandRoutes } from "../../src/http/governance.ts";
import { answerPage, pagingOf, readApp, readList, sliceOf } from "../../src/http/read-page.ts";
import { Fault } from "../../src/core/fault.ts";
import { emptyModel, initialState } from "../../src/core/governance-state.ts";
import type { Placed } from "../../src/ports-reading.ts";

const rows: Placed<number>[] = Array.from({ length: 5 }, (_, i) => ({
  item: i,
  place: { ms: -1000 + Math.floor(i / 2), key: `é.${i}` },
}));

const numbers = () => {
  const app = readApp();
  app.get("/numbers", (c) =>
    readList(c, ["colour"], (query, chosen) => {
      const { after, limit } = pagingOf(query);
      const from = after === null ? 0 : rows.findIndex(({ place }) => place.key === after.key) + 1;
      return Promise.resolve(
        chosen["colour"] === "none"
          ? answerPage([], query.limit)
          : answerPage(rows.slice(from, from + limit), query.limit),
      );
    }),
  );
  app.get("/ill", () => {
    throw new Fault("transient", "the store is away");
  });
  return app;
};

const Page = pageOf(z.number());
const pageIn = async (query: string) =>
  Page.parse(await (await numbers().request(`/numbers?${query}`)).json());
const Errors = z.object({ errors: z.array(z.object({ path: z.string() })) });

describe("a list", () => {
  it("gives every row once over its pages, and no cursor on the last", async () => {
    const seen: number[] = [];
    let next: string | null = "";
    let pages = 0;
    while (next !== null) {
      const cursor: string = next === "" ? "" : `&cursor=${next}`;
      const page = await pageIn(`limit=2${cursor}`);
      seen.push(...page.items);
      next = page.next_cursor;
      pages += 1;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(pages).toBe(3);
  });
  it("that ends with a full page has no next one", async () => {
    const page = await pageIn("limit=5");
    expect(page.next_cursor).toBeNull();
  });
  it("takes its own filters", async () => {
    const page = await pageIn("colour=none");
    expect(page).toEqual({ items: [], next_cursor: null });
  });
  it.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=x", "limit"],
    ["cursor=nonsense", "cursor"],
    ["from=2001-02-03", "from"],
    ["size=1y", "size"],
  ])("refuses %s by its name", async (query, path) => {
    const answer = await numbers().request(`/numbers?${query}`);
    expect(answer.status).toBe(422);
    const { errors } = Errors.parse(await answer.json());
    expect(errors.map((error) => error.path)).toEqual([path]);
  });
  it("refuses words it does not know", async () => {
    expect((await numbers().request("/numbers?color=red")).status).toBe(422);
  });
  it("answers 503 with a reason when its store is ill", async () => {
    const answer = await numbers().request("/ill");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ detail: "the store is away" });
  });
  it("looks thirty days back unless told", () => {
    const nowMs = Date.parse("2001-03-31T00:00:00Z");
    const { span } = sliceOf({ limit: 1 }, { model: "m", size: "24h", nowMs, filters: {} });
    expect(new Date(span.startMs).toISOString()).toBe("2001-03-01T00:00:00.000Z");
    expect(span.endMs).toBeGreaterThan(nowMs);
  });
});

describe("a command", () => {
  const app = commandRoutes({
    ledger: {
      state: () => Promise.resolve(initialState()),
      append: () => Promise.reject(new Error("nothing may be written here")),
    },
    now: () => Promise.resolve(0),
    newId: () => "id",
  });
  const give = (path: string, body: string, headers: Record<string, string> = {}) =>
    app.request(`http://here/api/v1/governance/${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", host: "here", ...headers },
    });
  const reason = JSON.stringify({ reason: "because" });

  it.each([
    ["another site's page", { origin: "https://evil.example" }],
    ["a page without an origin", { origin: "null" }],
    ["a cross-site fetch", { "sec-fetch-site": "cross-site" }],
  ])("from %s is refused", async (_, headers) => {
    expect((await give("m/freeze", reason, headers)).status).toBe(403);
  });
  it("from this origin, or from no page, is looked at", async () => {
    expect((await give("m/freeze", reason, { origin: "http://here" })).status).toBe(404);
    expect((await give("m/freeze", reason)).status).toBe(404);
  });
  it.each([
    "{}",
    '{"reason":""}',
    '{"reason":"x","force":true}',
    "no json",
    '{"reason":"x","generation":-1}',
  ])("with the body %s is refused as such", async (body) => {
    expect((await give("m/freeze", body)).status).toBe(422);
  });
  it("for a model nobody knows is met with the one that was meant, as far as the caller may know of it", async () => {
    const empty = initialState();
    const state = {
      ...empty,
      models: { "flight-delay": emptyModel("flight-delay"), other: emptyModel("other") },
    };
    const known = (models: readonly string[] | null) => {
      const scoped = new Hono();
      scoped.use(async (c, next) => {
        c.set("models" as never, models as never);
        await next();
      });
      const append = () => Promise.reject(new Error("nothing may be written here"));
      const ledger = { state: () => Promise.resolve(state), append };
      return scoped.route("/", commandRoutes({ ledger, now: () => Promise.resolve(0), newId: () => "id" }));
    };
    const detailOf = async (models: readonly string[] | null, model: string): Promise<string> => {
      const answered = await known(models).request(`/api/v1/governance/${model}`);
      return z.object({ detail: z.string() }).parse(await answered.json()).detail;
    };
    expect(await detailOf(null, "flight-dealy")).toMatch(/did you mean flight-delay\?$/);
    expect(await detailOf(null, "churn")).toMatch(/there are flight-delay, other$/);
    expect(await detailOf(["churn"], "churn")).toBe("churn is not in the ledger");
  });
  it("nobody knows is not there", async () => {
    expect((await give("m/explode", reason)).status).toBe(404);
  });
  it("needs JSON", async () => {
    expect((await give("m/freeze", reason, { "content-type": "text/plain" })).status).toBe(415);
  });
});
