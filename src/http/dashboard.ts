// Stage room: the dashboard's files as they were built, and the headers that keep a browser safe. The files hold no data and are open to
// all; what they show comes from the read routes, which ask for a key. Every page is the same document: the path says what it shows.
import { Hono } from "hono";
import type { Context } from "hono";
import type { ServesFiles, WebFile } from "../ports-reading.ts";
import { refuseWith } from "./body.ts";

const SAFE: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

/** Routes of the pages and their assets. */
export const dashboardRoutes = (files: ServesFiles): Hono => {
  const app = new Hono();
  const page = (c: Context): Response => {
    const file = files("index.html");
    return file === null
      ? refuseWith("not-found", "The dashboard is not built: npm run build.")
      : send(c, file);
  };
  app.get("/", page);
  app.get("/dashboard", page);
  app.get("/dashboard/*", page);
  // Alerts link to a decision by its short path.
  app.get("/decisions/:id", (c) =>
    c.redirect(`/dashboard/decisions/${encodeURIComponent(c.req.param("id"))}`),
  );
  app.get("/assets/:file", (c) => {
    const file = files(`assets/${c.req.param("file")}`);
    return file === null ? refuseWith("not-found", "No such file.") : send(c, file);
  });
  return app;
};

const send = (c: Context, file: WebFile): Response => {
  const headers = { ...SAFE, "cache-control": "no-cache", etag: file.etag };
  if (c.req.header("if-none-match") === file.etag) return new Response(null, { status: 304, headers });
  return new Response(Buffer.from(file.bytes), { headers: { ...headers, "content-type": file.type } });
};
