// The model card as a page of the api, over the real registry: for readers of the model and nobody else, the very page the command line
// writes, with headers under which no script runs; and no page where there is no version or its bytes are not as published.
import { appendFile, chmod } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KeyRole } from "../../contracts/keys.ts";
import { openKeys } from "../../src/adapters/keys.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { modelCard } from "../../src/core/model-card.ts";
import { createApp, type Api } from "../../src/http/app.ts";
import { createGuard } from "../../src/http/guard.ts";
import { modelRoutes } from "../../src/http/read-models.ts";
import { wireReading } from "../../src/wiring.ts";
import { memoryPublisher, modelSet, wallClock } from "../support/api.ts";
import { MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

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
    { mounts: [{ path: "/", app: modelRoutes(reading.ports) }] },
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
