// Stage room: the door of every route but the fast ones. Refuses what the table of routes does not list, whoever lacks the role it asks
// for, a key for other models, and pages of other sites; counts every answer and sends it out with its safe headers.
import type { Context } from "hono";
import type { Problem } from "../../contracts/api.ts";
import { inScope } from "../core/keys.ts";
import { problem } from "../core/problem.ts";
import type { Admission, ApiRole, Guard } from "../ports-serving.ts";
import { answerProblem, refuseWith } from "./body.ts";
import { credentialsOf, forgeryOf, isStrangeHost } from "./credentials.ts";
import { LOCAL_ACTOR } from "./guard.ts";
import { PREDICT_ROUTE, type ServingMetrics } from "./metrics.ts";
import { matchRoutes, type RouteRule } from "./routes.ts";
import { makeSafe } from "./safe-headers.ts";

/** Refuses what is not listed, and whoever lacks the listed role or asks about a model their key is not for. */
export const guardRoutes = (
  guard: Guard | null,
  rules: readonly RouteRule[],
  by: { readonly metrics: ServingMetrics; readonly publicUrl: string | null },
) => {
  const match = matchRoutes(rules);
  const { metrics, publicUrl } = by;
  return async function guardRoute(c: Context, next: () => Promise<void>): Promise<Response | undefined> {
    const route = match(c.req.method, c.req.path);
    if (!route.found) {
      if (route.allow.length === 0) return answerProblem(problem("not-found", "No route has this path."));
      return answerProblem(problem("method-not-allowed", `Allowed: ${route.allow.join(", ")}.`), {
        allow: route.allow.join(", "),
      });
    }
    const { rule } = route;
    const refused = rule.role === "public" ? null : await turnedAway(guard, rule.role, c, publicUrl);
    if (refused === null) await next();
    else c.res = refused;
    makeSafe(c.res.headers, publicUrl);
    // The predictor counts its own answers, at every door.
    if (refused !== null || rule.path !== PREDICT_ROUTE)
      metrics.requests.inc({ method: rule.method, route: rule.path, status: String(c.res.status) });
    return undefined;
  };
};

/** The refusal of a caller who may not pass; null, with actor and models noted, for one who may. */
const turnedAway = async (
  guard: Guard | null,
  role: ApiRole,
  c: Context,
  publicUrl: string | null,
): Promise<Response | null> => {
  const { authorization, ambient } = credentialsOf(c, publicUrl);
  const admission: Admission =
    guard === null ? { ok: true, actor: LOCAL_ACTOR } : await guard(authorization, role, remoteOf(c));
  if (!admission.ok) return answerProblem(refusalOf(admission), waitOf(admission.retryAfterS));
  const open = admission.actor === LOCAL_ACTOR;
  if (open && isStrangeHost(c.req.header("host")))
    return refuseWith(
      "forbidden",
      "No keys are configured: this api answers to localhost and 127.0.0.1 only.",
    );
  if ((ambient || open) && c.req.method === "POST") {
    const forged = forgeryOf(c, publicUrl);
    if (forged !== null && (ambient || isBrowser(c))) return refuseWith("forbidden", forged);
  }
  const models = admission.models ?? null;
  if (!inScope(models, c.req.path)) return refuseWith("forbidden", "The key is for other models.");
  c.set("actor", admission.actor);
  c.set("models", models);
  return null;
};

/** Programs send neither header; without keys they may send what they like, as the tensor extension does. */
const isBrowser = (c: Context): boolean =>
  c.req.header("origin") !== undefined || c.req.header("sec-fetch-site") !== undefined;

const waitOf = (retryAfterS: number | undefined): Record<string, string> =>
  retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) };

/** The models the caller's key is for, as the guard noted them; null: all. */
export const allowedOf = (c: Context): readonly string[] | null => {
  const models: unknown = c.get("models");
  return Array.isArray(models) ? models.map(String) : null;
};

/** The problem of a caller the guard turned away. */
export const refusalOf = (refused: Extract<Admission, { ok: false }>): Problem =>
  problem(REFUSALS[refused.status], refused.detail);

const REFUSALS = {
  401: "unauthenticated",
  403: "forbidden",
  429: "too-many-requests",
  503: "unavailable",
} as const;

/** Address of the peer, as @hono/node-server hands it on; empty where there is no socket (tests). */
const remoteOf = (c: Context): string => {
  const incoming: unknown = Reflect.get(Object(c.env), "incoming");
  const socket: unknown = Reflect.get(Object(incoming), "socket");
  const address: unknown = Reflect.get(Object(socket), "remoteAddress");
  return typeof address === "string" ? address : "";
};
