// The api with everything it mounts, over real stores: its description names every route and no other. And the model card as a page: for
// readers of the model and nobody else, the very page the command line writes, with headers under which no script runs; and no page where
// there is no version or its bytes are not as published.
import { appendFile, chmod } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import type { KeyRole } from "../../contracts/keys.ts";
import { DriftMap, ModelsAnswer } from "../../contracts/read.ts";
import { openKeys } from "../../src/adapters/keys.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { modelCard } from "../../src/core/model-card.ts";
import { createApp, type Api } from "../../src/http/app.ts";
import { createGuard } from "../../src/http/guard.ts";
import { readMounts } from "../../src/http/mounts.ts";
import { matchRoutes, ROUTES } from "../../src/http/routes.ts";
import { sessionRoutes } from "../../src/http/session.ts";
import { wireReading } from "../../src/wiring-reading.ts";
import { memoryPublisher, modelSet, wallClock } from "../support/api.ts";
import { DAY, HOUR, MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

const SESSION = { publicUrl: null, failuresPerMinute: 1e6 };
/** Files and pages for people, which no program asks for: below these the description says nothing. */
const FOR_PEOPLE = /^\/(?:$|dashboard|assets|jobs|decisions\/)/;

const PAGES = ["Needs the role public.", "Needs the role public."];

let house: Deployment;
let api: Api;
let made = 0;
let reading: ReturnType<typeof wireReading>;
let as: (role: KeyRole, models: readonly string[] | null) => Promise<Record<string, string>>;
beforeAll(async () => {
  house = await startDeployment();
  reading = wireReading(house.stores, () => crypto.randomUUID());
  const keys = openKeys({ home: house.stack.home, bootstrap: undefined, monotonicMs: () => 0 });
  const wall = { epochMs: () => START, monotonicMs: () => performance.now() };
  const limits = { perKeyPerSecond: 1e6, perAddressPerSecond: 1e6, failuresPerMinute: 1e6 };
  api = createApp(
    {
      ...{ models: modelSet().models, publisher: memoryPublisher().publisher, clock: wallClock, wall },
      ...{ ids: createIds(), guard: createGuard({ keys, ...wall }, limits) },
    },
    { mounts: [...readMounts(reading.ports), { path: "/", app: sessionRoutes({ keys, ...wall }, SESSION) }] },
  );
  as = async (role, models) => {
    const by = { env: "test", roles: [role], models: models === null ? null : [...models] } as const;
    const key = await keys.create({ ...by, name: `k${made++}`, nowMs: START, expiresMs: null });
    await keys.refresh();
    return { authorization: `Bearer ${key?.key}` };
  };
});
afterAll(async () => {
  await reading.close();
  await house.close();
});

const cardOf = (version: string, headers: Record<string, string>) =>
  api.hono.request(`/api/v1/models/${MODEL}/versions/${version}/card`, { headers });

it("describes every route that is mounted and reachable, each by its own words, and no other", async () => {
  const { paths } = z
    .object({ paths: z.record(z.string(), z.record(z.string(), z.object({ summary: z.string() }))) })
    .parse(await (await api.hono.request("/openapi.json")).json());
  const described = Object.entries(paths).flatMap(([at, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${at}`),
  );
  const match = matchRoutes(ROUTES);
  const mounted = api.hono.routes
    .filter(({ method, path: at }) => method !== "ALL" && match(method, at).found)
    .map(({ method, path: at }) => `${method} ${at.replaceAll(/:(\w+)(?:\{[^}]*\})?/g, "{$1}")}`);
  // A rule narrower than the route it opens is described beside it.
  const listed = ROUTES.filter(({ path: at }) => !at.includes("*")).map(
    ({ method, path: at }) => `${method} ${at.replaceAll(/:(\w+)/g, "{$1}")}`,
  );
  const asked = (list: readonly string[]): string[] =>
    [...new Set(list)].filter((one) => !FOR_PEOPLE.test(one.split(" ")[1] ?? "")).sort();
  expect(asked(described)).toEqual(asked([...mounted, ...listed]));
  const summaries = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ summary }) => summary),
  );
  expect(summaries.filter((summary) => summary.startsWith("Needs the role"))).toEqual(PAGES);
  expect(asked(mounted)).toContain("GET /api/v1/models/{model}/reports/{day}/page");
});

it("counts what the open window holds so far, and says when it is decided, to the millisecond of its lateness", async () => {
  const { ledger, loop } = house.stores;
  const { generation } = await ledger.state();
  const version = { type: "registered", version: "1.0.0", digest: "d", family: "f", parent: null } as const;
  const draft = { at: new Date(START).toISOString(), model: MODEL, actor: "till", reason: "for the count" };
  await ledger.append({ ...draft, events: [{ ...version, training_id: null }] }, { generation });
  const day = house.traffic({ fromMs: START, hours: 3, perHour: 10 });
  await house.record(day);
  // A request sent twice is one, and the next window's is none of this one's.
  await house.record(day.slice(0, 2), "again");
  await house.record(house.traffic({ fromMs: START + DAY, hours: 1, perHour: 1, seed: 6 }));
  const reader = await as("read", null);
  const open = async (nowMs: number): Promise<unknown> => {
    await loop.clock.forward(nowMs);
    const answer = await api.hono.request("/api/v1/models", { headers: reader });
    return ModelsAnswer.parse(await answer.json()).items.map((item) => item.open);
  };
  const iso = (ms: number): string => new Date(ms).toISOString();
  const late = 5 * 60_000;
  const newest = iso(START + 2 * HOUR + 9 * (HOUR / 10));
  expect(await open(START + DAY + late - 1)).toEqual([
    { since: iso(START), due: iso(START + DAY + late), requests: 30, newest },
  ]);
  expect(await open(START + DAY + late)).toEqual([
    { since: iso(START + DAY), due: iso(START + 2 * DAY + late), requests: 1, newest: iso(START + DAY) },
  ]);
  const stranger = await api.hono.request("/api/v1/models/demnad", { headers: reader });
  expect([stranger.status, await stranger.text()]).toEqual([
    404,
    expect.stringContaining(`did you mean ${MODEL}?`),
  ]);
});

it("puts each window of the drift map where it begins, also where that is no Monday", async () => {
  const THURSDAY = Date.UTC(2001, 0, 4);
  const row = {
    ...({ subject: "feature", feature: "hour", statistic: "ks_d", value: 0.3, at_least: false } as const),
    ...({ threshold_watch: 0.05, threshold: 0.2, p_value: null, p_adjusted: null } as const),
    ...({ n_reference: 100, n_current: 100, status: "breach", reason: "" } as const),
  };
  const result = { size: "7d", version: "1.0.0", revision: 1, digest: "d", rows: [row] };
  const results = [0, 7].map((days) => ({ ...result, windowStartMs: THURSDAY + days * DAY }));
  await house.stores.measures.keepDrift({ model: MODEL, profile: "governance", results });
  await house.stores.loop.clock.forward(THURSDAY + 15 * DAY);
  const mapOf = async (query: string): Promise<DriftMap> => {
    const route = `/api/v1/models/${MODEL}/drift/map?size=7d${query}`;
    const answer = await api.hono.request(route, { headers: await as("read", null) });
    return DriftMap.parse(await answer.json());
  };
  const begun = results.map(({ windowStartMs }) => new Date(windowStartMs).toISOString());
  for (const query of ["", "&step=7d", "&step=1d"]) {
    const map = await mapOf(query);
    expect([map.step, map.windows]).toEqual(["7d", begun]);
    expect(map.rows.flatMap(({ cells }) => cells.map((cell) => cell.window_start))).toEqual(begun);
  }
  const wide = await mapOf("&step=28d");
  expect([wide.step, wide.windows.length]).toEqual(["28d", 1]);
});

it("is the page the command line writes, for who may read the model", async () => {
  const reader = await as("read", null);
  expect((await cardOf("1.0.0", {})).status).toBe(401);
  expect((await cardOf("1.0.0", await as("predict", null))).status).toBe(403);
  expect((await cardOf("1.0.0", await as("read", ["another"]))).status).toBe(403);
  const told = await cardOf("1.0.0", reader);
  expect(told.status).toBe(200);
  expect(told.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(told.headers.get("content-security-policy")).toContain(
    "default-src 'none'; style-src 'unsafe-inline'",
  );
  const { preprocessor, ...bundle } = await house.stores.bundles.bundle(MODEL, "1.0.0");
  const page = await told.text();
  expect(page).toBe(modelCard({ ...bundle, contract: preprocessor.contract.definition }));
  expect(page).toContain("Before you rely on it");
  expect(page).not.toMatch(/<script|\son\w+=|https?:/i);
});

it("is none of a version that is not there, or is not as it was published", async () => {
  const reader = await as("read", null);
  for (const stranger of ["9.0.0", "..%2F1.0.0", "1.0.0%00", "1.0"])
    expect([stranger, (await cardOf(stranger, reader)).status]).toEqual([stranger, 404]);
  const version = await house.publish({ seed: 2 });
  const metrics = path.join(house.stack.home, "registry", MODEL, version, "metrics.json");
  await chmod(metrics, 0o644);
  await appendFile(metrics, " ");
  const refused = await cardOf(version, reader);
  expect(refused.status).toBe(404);
  expect(await refused.text()).toContain("cannot be read");
});
