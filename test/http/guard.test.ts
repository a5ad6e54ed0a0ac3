// Every route with every role, keys against real key files, sessions, forged and foreign requests, rates. The whole table is walked: a new
// route is refused here until somebody has said who may call it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Hono } from "hono";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeyRole } from "../../contracts/keys.ts";
import { openKeys, type KeyStore } from "../../src/adapters/keys.ts";
import { opens } from "../../src/core/keys.ts";
import { createGuard, refuseOpenDoor } from "../../src/http/guard.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { sessionRoutes } from "../../src/http/session.ts";
import { apiOn, memoryPublisher, modelSet, trainFlights } from "../support/api.ts";

const home = mkdtempSync(path.join(tmpdir(), "flyball-guard-"));
const held = { now: 1_000_000, monotonic: 0 };
const time = { epochMs: () => held.now, monotonicMs: () => held.monotonic };
let keys: KeyStore;
const texts = new Map<string, string>();
const { held: served, models } = modelSet();

beforeAll(async () => {
  served.current = (await trainFlights()).model;
  keys = openKeys({ home, bootstrap: undefined, monotonicMs: time.monotonicMs });
  const make = async (
    name: string,
    roles: readonly KeyRole[],
    only: readonly string[] | null,
  ): Promise<void> => {
    const made = await keys.create({ name, env: "test", roles, models: only, nowMs: 0, expiresMs: null });
    texts.set(name, made?.key ?? "");
  };
  for (const role of KeyRole.options) await make(role, [role], null);
  await make("other", ["admin"], ["other-model"]);
  await make("flights", ["admin"], ["flight-delay"]);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const LIMITS = { perKeyPerSecond: 10_000, perAddressPerSecond: 10_000, failuresPerMinute: 1_000 };

/** The real app with a handler behind every line of the table, so that what answers 404 is the door alone. */
const guarded = (limits: Partial<typeof LIMITS> = {}, publicUrl: string | null = null, store = keys) => {
  const everything = new Hono();
  everything.all("*", (c) => c.json({ reached: true, actor: c.get("actor" as never) ?? null }));
  const guard = createGuard({ keys: store, ...time }, { ...LIMITS, ...limits });
  const session = sessionRoutes({ keys: store, ...time }, { publicUrl, failuresPerMinute: 3 });
  return apiOn(
    { models, publisher: memoryPublisher().publisher, guard },
    {
      publicUrl,
      mounts: [
        { path: "/", app: session },
        { path: "/", app: everything },
      ],
    },
  );
};
const pathOf = (pattern: string): string =>
  pattern
    .replace(":model", "flight-delay")
    .replace(":version", "1.0.0")
    .replace(/:\w+/, "x")
    .replace("/*", "/x");
const ask = async (
  api: ReturnType<typeof guarded>,
  method: string,
  at: string,
  headers: Record<string, string> = {},
  body?: string,
): Promise<Response> =>
  api.hono.request(at, {
    method,
    headers: { ...(method === "POST" ? { "content-type": "application/json" } : {}), ...headers },
    ...(method === "POST" ? { body: body ?? "{}" } : {}),
  });
const bearer = (name: string) => ({ authorization: `Bearer ${texts.get(name) ?? ""}` });

describe("every route of the table", () => {
  it.each(ROUTES.map((rule) => [rule.method, rule.path, rule.role] as const))(
    "%s %s opens to %s",
    async (method, pattern, role) => {
      const api = guarded();
      const at = pathOf(pattern);
      for (const holder of KeyRole.options) {
        const { status } = await ask(api, method, at, bearer(holder));
        expect(status === 403, `${holder} is answered ${status}`).toBe(!opens([holder], role));
        expect([401, 405, 429]).not.toContain(status);
      }
      for (const headers of [
        {},
        { authorization: "Bearer " },
        { authorization: `Bearer ${"fb_test_aaaaaaaaaaaa_x"}` },
        { authorization: `Basic ${texts.get("admin") ?? ""}` },
      ]) {
        const { status } = await ask(api, method, at, headers);
        if (role === "public") expect(status).not.toBe(403);
        else expect(status).toBe(401);
      }
    },
  );

  it("and what is not in it does not exist, whoever asks", async () => {
    const api = guarded();
    for (const at of ["/admin", "/api/v1", "/api/v1/keys", "/api/v2/predict", "/jobs/../metrics/x", "/.env"])
      expect((await ask(api, "GET", at, bearer("admin"))).status, at).toBe(404);
    expect((await ask(api, "POST", "/jobs/api/queues/roll/clean", bearer("admin"))).status).toBe(405);
    expect((await ask(api, "PUT", "/api/v1/predict", bearer("admin"))).status).toBe(405);
  });

  it("a key for another model sees nothing of this one and nothing that is about all", async () => {
    const api = guarded();
    for (const { method, path: pattern, role } of ROUTES.filter((rule) => rule.role !== "public")) {
      const { status } = await ask(api, method, pathOf(pattern), bearer("other"));
      const byBody = [
        "/api/v1/predict",
        "/api/v1/predict/batch",
        "/api/v1/shadow",
        "/api/v1/labels",
      ].includes(pattern);
      if (byBody) expect(status, pattern).toBeGreaterThanOrEqual(400);
      else expect(status, `${method} ${pattern} (${role})`).toBe(403);
    }
    const named = JSON.stringify({ model: "flight-delay", features: {} });
    expect((await ask(api, "POST", "/api/v1/predict", bearer("other"), named)).status).toBe(503);
    expect((await ask(api, "POST", "/api/v1/predict", bearer("flights"), named)).status).toBe(422);
    expect(
      (await ask(api, "POST", "/api/v1/governance/flight-delay/approve", bearer("flights"))).status,
    ).toBe(200);
  });

  it("tells the handler who acts", async () => {
    const answer = await ask(guarded(), "POST", "/api/v1/governance/flight-delay/approve", bearer("approve"));
    expect(await answer.json()).toEqual({ reached: true, actor: "key:approve" });
  });
});

describe("answers", () => {
  it("carry headers that keep a browser safe, and a style of their own where they need one", async () => {
    const plain = await ask(guarded(), "GET", "/healthz");
    expect(plain.headers.get("x-content-type-options")).toBe("nosniff");
    expect(plain.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(plain.headers.get("cache-control")).toBe("no-store");
    expect(plain.headers.get("strict-transport-security")).toBeNull();
    expect(plain.headers.get("access-control-allow-origin")).toBeNull();
    const secure = await ask(guarded({}, "https://flyball.example.com"), "GET", "/docs");
    expect(secure.headers.get("strict-transport-security")).toContain("max-age=31536000");
    expect(secure.headers.get("content-security-policy")).toContain("style-src 'unsafe-inline'");
  });

  it("are counted by route and status, predictions and V2 among them", async () => {
    const api = guarded();
    await ask(api, "POST", "/api/v1/predict", bearer("predict"));
    await ask(api, "POST", "/api/v1/predict");
    await ask(api, "POST", "/v2/models/flight-delay/infer", bearer("predict"));
    const text = await api.metrics.registry.metrics();
    expect(text).toMatch(/http_requests_total\{method="POST",route="\/api\/v1\/predict",status="422"\} 1/);
    expect(text).toMatch(/http_requests_total\{method="POST",route="\/api\/v1\/predict",status="401"\} 1/);
    expect(text).toMatch(
      /http_requests_total\{method="POST",route="\/v2\/models\/:model\/infer",status="4\d\d"\} 1/,
    );
  });
});

describe("rates", () => {
  it("of a key, of an address and of failures are bounded, and say when to come back", async () => {
    const perKey = guarded({ perKeyPerSecond: 1 });
    for (const expected of [200, 200, 429])
      expect((await ask(perKey, "GET", "/api/v1/models/x", bearer("read"))).status).toBe(expected);
    expect((await ask(perKey, "GET", "/api/v1/models/x", bearer("admin"))).status).toBe(200);
    const address = guarded({ perAddressPerSecond: 1 });
    for (const name of ["read", "admin"]) await ask(address, "GET", "/api/v1/models/x", bearer(name));
    const late = await ask(address, "GET", "/api/v1/models/x", bearer("operate"));
    expect([late.status, late.headers.get("retry-after")]).toEqual([429, "1"]);
    const failing = guarded({ failuresPerMinute: 2 });
    for (const expected of [401, 401, 429])
      expect((await ask(failing, "GET", "/metrics")).status).toBe(expected);
    expect((await ask(failing, "GET", "/metrics")).headers.get("retry-after")).toBe("30");
    expect((await ask(failing, "GET", "/metrics", bearer("read"))).status).toBe(200);
  });
});

describe("keys that cannot be read", () => {
  it("open predictions on what was known last, and nothing else", async () => {
    const store: KeyStore = { ...keys, freshness: () => Promise.reject(new Error("EIO")) };
    const api = guarded({}, null, store);
    expect((await ask(api, "POST", "/api/v1/predict", bearer("predict"))).status).toBe(422);
    expect((await ask(api, "POST", "/api/v1/predict")).status).toBe(401);
    for (const at of ["/api/v1/governance/flight-delay/approve", "/api/v1/governance/flight-delay/rollback"])
      expect((await ask(api, "POST", at, bearer("admin"))).status).toBe(503);
    expect((await ask(api, "GET", "/metrics", bearer("admin"))).status).toBe(503);
  });
});

describe("without any key", () => {
  const open = openKeys({ home: path.join(home, "none"), bootstrap: undefined, monotonicMs: () => 0 });
  beforeAll(() => open.refresh());
  it("this machine may do everything, by this machine's names only", async () => {
    const api = guarded({}, null, open);
    expect((await ask(api, "GET", "http://127.0.0.1:8080/api/v1/models/x")).status).toBe(200);
    expect((await ask(api, "GET", "/api/v1/models/x", { host: "localhost:8080" })).status).toBe(200);
    expect((await ask(api, "GET", "/api/v1/models/x", { host: "evil.example" })).status).toBe(403);
    const at = "/api/v1/governance/flight-delay/rollback";
    expect((await ask(api, "POST", at, { host: "localhost", origin: "https://evil.example" })).status).toBe(
      403,
    );
    expect((await ask(api, "POST", at, { host: "localhost", "sec-fetch-site": "cross-site" })).status).toBe(
      403,
    );
    expect((await ask(api, "POST", at, { host: "localhost", origin: "http://localhost" })).status).toBe(200);
  });
  it("no address but loopback is opened", () => {
    for (const host of ["127.0.0.1", "::1", "localhost"])
      expect(() => refuseOpenDoor(false, host)).not.toThrow();
    for (const host of ["0.0.0.0", "::", "10.0.0.1"]) {
      expect(() => refuseOpenDoor(false, host)).toThrow(/keys create/);
      expect(() => refuseOpenDoor(true, host)).not.toThrow();
    }
  });
});

describe("sessions of the dashboard", () => {
  const login = (api: ReturnType<typeof guarded>, key: string, headers: Record<string, string> = {}) =>
    ask(api, "POST", "/api/v1/session", headers, JSON.stringify({ key }));
  const cookieOf = (response: Response): string =>
    (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";

  it("a key becomes a cookie no script can read, which opens what the key opens", async () => {
    const api = guarded();
    const answer = await login(api, texts.get("approve") ?? "");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("set-cookie")).toMatch(
      /^flyball=[\w.]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    const cookie = cookieOf(answer);
    expect((await ask(api, "GET", "/api/v1/models/x", { cookie })).status).toBe(200);
    const who = await ask(api, "GET", "/api/v1/session", { cookie });
    expect(await who.json()).toMatchObject({
      actor: "key:approve",
      roles: ["approve"],
      keys_configured: true,
    });
    const approve = "/api/v1/governance/flight-delay/approve";
    expect(
      (await ask(api, "POST", approve, { cookie, origin: "http://localhost", host: "localhost" })).status,
    ).toBe(200);
    expect((await ask(api, "POST", "/api/v1/governance/flight-delay/rollback", { cookie })).status).toBe(403);
    expect(
      (await ask(api, "POST", approve, { cookie, origin: "https://evil.example", host: "localhost" })).status,
    ).toBe(403);
    expect((await ask(api, "POST", approve, { cookie, "sec-fetch-site": "same-site" })).status).toBe(403);
    expect((await ask(api, "POST", approve, { cookie, "content-type": "text/plain" })).status).toBe(403);
    expect((await ask(api, "GET", "/api/v1/models/x", { cookie: `${cookie}0` })).status).toBe(401);
    const out = await ask(api, "DELETE", "/api/v1/session", { cookie });
    expect(out.headers.get("set-cookie")).toMatch(/^flyball=; Path=\/; Max-Age=0/);
  });

  it("under https the cookie is bound to this host, and one of another name is none", async () => {
    const api = guarded({}, "https://flyball.example.com");
    const answer = await login(api, texts.get("read") ?? "", { origin: "https://flyball.example.com" });
    expect(answer.headers.get("set-cookie")).toMatch(
      /^__Host-flyball=.*; Path=\/; .*; SameSite=Strict; Secure$/,
    );
    const cookie = cookieOf(answer);
    expect((await ask(api, "GET", "/api/v1/models/x", { cookie })).status).toBe(200);
    expect(
      (await ask(api, "GET", "/api/v1/models/x", { cookie: cookie.replace("__Host-", "") })).status,
    ).toBe(401);
  });

  it("guesses are refused, then slowed down, and a real key still passes", async () => {
    const api = guarded();
    for (const expected of [401, 401, 401, 429]) expect((await login(api, "fb_guess")).status).toBe(expected);
    expect((await login(api, texts.get("read") ?? "")).status).toBe(200);
  });
});
