// Bench: the two servers that are compared, each in a process of its own. The echo is the bare Hono app any team would start from;
// the other is this api on its real parts: trained model, ONNX Runtime, Redis with every entry synced to disk.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { serve as serveHono } from "@hono/node-server";
import { Hono } from "hono";
import { createPublisher } from "../src/adapters/event-publisher.ts";
import { openSpool } from "../src/adapters/spool.ts";
import { createIds } from "../src/adapters/uuid.ts";
import { createApp } from "../src/http/app.ts";
import { serve } from "../src/http/serve.ts";
import type { ServesModels } from "../src/ports-serving.ts";
import { serveFlights } from "./serving-model.ts";

export interface ApiPlan {
  readonly redisUrl: string;
  readonly contractFile: string;
  readonly shadow: boolean;
  /** The partition this process sticks to; absent: 0. */
  readonly partition?: number;
}

/** A bare Hono JSON echo. */
export const startEcho = (): void => {
  const app = new Hono();
  app.post("/*", async (c) => c.json(await c.req.json()));
  serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => process.send?.({ port }));
  reportUse();
};

/** This api with one promoted version and, when asked, a candidate on all traffic. */
export const startApi = async ({ redisUrl, contractFile, shadow, partition = 0 }: ApiPlan): Promise<void> => {
  const { model } = await serveFlights(contractFile, { trees: 100, seed: 1, version: "1.0.0" });
  const candidates = shadow
    ? [(await serveFlights(contractFile, { trees: 100, seed: 2, version: "1.1.0" })).model]
    : [];
  const models: ServesModels = {
    current: (name) => (name === undefined || name === model.model ? model : null),
    candidates: () => candidates,
    knows: (name) => name === model.model,
    names: () => [model.model],
    generation: () => ({ loaded: 1, head: 1, stale: false, ageS: 0 }),
  };
  const publisher = await createPublisher({
    redis: { url: redisUrl },
    producer: `${partition}-${Date.now()}`,
    partition,
    partitions: partition + 1,
    spool: openSpool({
      dir: mkdtempSync(path.join(tmpdir(), "flyball-bench-spool-")),
      bytesMax: 64 * 1024 * 1024,
    }),
    durability: "strict",
    commandTimeoutMs: 2_000,
  });
  const api = createApp({
    models,
    publisher,
    clock: {
      mode: "wall",
      now: Date.now,
      advance: () => Promise.resolve(false),
      settledThrough: () => Promise.resolve(null),
    },
    wall: { epochMs: Date.now, monotonicMs: () => performance.now() },
    ids: createIds(),
    guard: null,
  });
  const { port } = await serve(api, { host: "127.0.0.1", port: 0 });
  process.send?.({ port });
  reportUse();
};

/** Tells the parent the resident set and the processor time whenever it asks. */
const reportUse = (): void => {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ rss: process.memoryUsage.rss(), cpu_s: (user + system) / 1e6 });
  });
  process.on("disconnect", () => process.exit(0));
};
