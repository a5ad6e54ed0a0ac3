// Adapter: bull-board over the queues of the stages, read-only: the route table lets GET through and nothing else, and every queue is
// opened so that the board itself offers no button.
import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { HonoAdapter } from "@bull-board/hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import type { Queues } from "./queues.ts";

/** The board brings its own styles inline; nothing may come from another host. */
const SAFE: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'self'; frame-ancestors 'none'; object-src 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

/** The page asks another host for a typeface; without that line it uses what the machine has. */
const FOREIGN = /<link href="https?:\/\/[^>]*>/g;

/** The board as a sub-app with full paths below `at`. */
export const createJobBoard = (queues: Queues["queues"], at: string): Hono => {
  const server = new HonoAdapter(serveStatic);
  server.setBasePath(at);
  createBullBoard({
    queues: queues.map((queue) => new BullMQAdapter(queue, { readOnlyMode: true })),
    serverAdapter: server,
    options: { uiConfig: { boardTitle: "Flyball jobs", hideRedisDetails: true } },
  });
  const app = new Hono();
  app.use(`${at}/*`, async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(SAFE)) c.res.headers.set(name, value);
    if (c.res.headers.get("content-type")?.startsWith("text/html") !== true) return;
    const page = (await c.res.text()).replaceAll(FOREIGN, "");
    c.res = new Response(page, { status: c.res.status, headers: c.res.headers });
  });
  return app.route(at, server.registerPlugin());
};
