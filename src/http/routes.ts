// Stage room: who may call what. Deny by default: a request that matches no line of this table is answered 404 before any handler
// sees it, so a route that is mounted but not listed cannot be reached.
import type { ApiRole } from "../ports-serving.ts";

export interface RouteRule {
  readonly method: "GET" | "POST" | "DELETE";
  /** `:name` is one segment; a final `*` is any rest, none included. */
  readonly path: string;
  readonly role: ApiRole;
}

/** Every route of the api and the role that opens it. */
export const ROUTES: readonly RouteRule[] = [
  { method: "GET", path: "/healthz", role: "public" },
  { method: "GET", path: "/readyz", role: "public" },
  { method: "GET", path: "/openapi.json", role: "public" },
  { method: "GET", path: "/docs", role: "public" },
  { method: "GET", path: "/metrics", role: "read" },
  { method: "POST", path: "/api/v1/predict", role: "predict" },
  { method: "POST", path: "/api/v1/predict/batch", role: "predict" },
  { method: "POST", path: "/api/v1/shadow", role: "predict" },
  { method: "POST", path: "/api/v1/labels", role: "ingest" },
  { method: "GET", path: "/api/v1/labels/summary", role: "read" },
  { method: "POST", path: "/api/v1/clock", role: "operate" },
  { method: "GET", path: "/api/v1/clock", role: "read" },
  { method: "GET", path: "/v2", role: "public" },
  { method: "GET", path: "/v2/health/live", role: "public" },
  { method: "GET", path: "/v2/health/ready", role: "public" },
  { method: "GET", path: "/v2/models/:model", role: "read" },
  { method: "GET", path: "/v2/models/:model/ready", role: "read" },
  { method: "GET", path: "/v2/models/:model/versions/:version", role: "read" },
  { method: "GET", path: "/v2/models/:model/versions/:version/ready", role: "read" },
  { method: "POST", path: "/v2/models/:model/infer", role: "predict" },
  { method: "POST", path: "/v2/models/:model/versions/:version/infer", role: "predict" },
  { method: "POST", path: "/api/v1/governance/:model/approve", role: "approve" },
  { method: "POST", path: "/api/v1/governance/:model/:command", role: "operate" },
  { method: "GET", path: "/api/v1/governance/*", role: "read" },
  { method: "GET", path: "/api/v1/models/*", role: "read" },
  { method: "POST", path: "/api/v1/decisions/simulate", role: "read" },
  { method: "GET", path: "/api/v1/decisions/*", role: "read" },
  { method: "GET", path: "/api/v1/audit/*", role: "read" },
  { method: "GET", path: "/api/v1/alerts/*", role: "read" },
  { method: "GET", path: "/jobs/*", role: "read" },
  { method: "GET", path: "/api/v1/events", role: "read" },
  // Logging in proves a key by itself; the other two tell and end what the cookie holds.
  { method: "POST", path: "/api/v1/session", role: "public" },
  { method: "GET", path: "/api/v1/session", role: "public" },
  { method: "DELETE", path: "/api/v1/session", role: "public" },
  // The dashboard's files hold no data; what they show comes from the routes above.
  { method: "GET", path: "/assets/*", role: "public" },
  { method: "GET", path: "/dashboard/*", role: "public" },
  { method: "GET", path: "/decisions/:id", role: "public" },
  { method: "GET", path: "/", role: "public" },
];

export type RouteMatch =
  | { readonly found: true; readonly rule: RouteRule }
  /** `allow`: the methods this path does have. */
  | { readonly found: false; readonly allow: readonly string[] };

/** Compiles a table; HEAD is asked as GET. The first line that fits decides. */
export const matchRoutes = (rules: readonly RouteRule[]): ((method: string, path: string) => RouteMatch) => {
  const compiled = rules.map((rule) => ({ rule, pattern: patternOf(rule.path) }));
  return (asked, path) => {
    const method = asked === "HEAD" ? "GET" : asked;
    const fitting = compiled.filter(({ pattern }) => pattern.test(path));
    const hit = fitting.find(({ rule }) => rule.method === method);
    if (hit !== undefined) return { found: true, rule: hit.rule };
    return { found: false, allow: [...new Set(fitting.map(({ rule }) => rule.method))] };
  };
};

const patternOf = (path: string): RegExp => {
  const source = path
    .split("/")
    .map((segment) => {
      if (segment === "*") return "*";
      return segment.startsWith(":") ? "[^/]+" : segment.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    })
    .join("/")
    .replace(/\/\*$/, "(?:/.*)?");
  return new RegExp(`^${source}$`);
};
