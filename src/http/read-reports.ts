// Stage room: the kept reports of a model: their list, each as the JSON that was kept, and as the page made from it. Reads what was written
// once; makes nothing.
import type { Hono } from "hono";
import type { KeepsReports } from "../ports-reading.ts";
import { answer, readApp, unknown } from "./read-page.ts";

export interface ReportsPorts {
  readonly reports: KeepsReports;
}

/** Routes of reports. */
export const reportRoutes = ({ reports }: ReportsPorts): Hono => {
  const app = readApp();
  app.get("/api/v1/models/:model/reports", async (c) =>
    answer({ items: await reports.list(c.req.param("model")), next_cursor: null }),
  );
  app.get("/api/v1/models/:model/reports/:day", async (c) =>
    send(await reports.read(c.req.param("model"), c.req.param("day"), "json"), "application/json"),
  );
  app.get("/api/v1/models/:model/reports/:day/page", async (c) =>
    send(await reports.read(c.req.param("model"), c.req.param("day"), "html"), "text/html; charset=utf-8"),
  );
  return app;
};

const send = (text: string | null, type: string): Response =>
  text === null
    ? unknown("No report of that day is kept: `flyball report --window DAY` makes one.")
    : new Response(text, { headers: { "content-type": type, "cache-control": "no-store" } });
