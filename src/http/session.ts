// Stage room: a person's session at the dashboard. Logging in proves a key once; from then on an HttpOnly cookie stands for it, and dies with
// it: at its revocation, its expiry, or after twelve hours. No script of any page ever sees key or cookie.
import { Hono } from "hono";
import type { Context } from "hono";
import { z } from "zod";
import { problem } from "../core/problem.ts";
import { isoOf } from "../core/time.ts";
import { createBuckets } from "../core/token-bucket.ts";
import type { ChecksKeys } from "../ports-serving.ts";
import { answerProblem, readJsonText, refuseWith } from "./body.ts";
import { cookieName, credentialsOf, forgeryOf } from "./credentials.ts";
import { holderOf } from "./guard.ts";
import { parseJson } from "./predict-request.ts";
import { answer } from "./read-page.ts";

const SESSION_MS = 12 * 3_600_000;
const BODY_BYTES_MAX = 4_096;

const Login = z.strictObject({ key: z.string().max(512) });

/** Routes to log in, out, and to ask who one is. */
export const sessionRoutes = (
  deps: { readonly keys: ChecksKeys; readonly epochMs: () => number; readonly monotonicMs: () => number },
  options: { readonly publicUrl: string | null; readonly failuresPerMinute: number },
): Hono => {
  const { keys } = deps;
  const { publicUrl } = options;
  const perMinute = options.failuresPerMinute;
  const failures = createBuckets({ burst: perMinute, refillPerMs: perMinute / 60_000 });
  const app = new Hono();

  const login = async (c: Context): Promise<Response> => {
    const forged = forgeryOf(c, publicUrl);
    if (forged !== null) return refuseWith("forbidden", forged);
    const text = await readJsonText(c, BODY_BYTES_MAX);
    if (!text.ok) return answerProblem(text.problem);
    const parsed = parseJson(text.body);
    const body = Login.safeParse(parsed.ok ? parsed.value : undefined);
    if (!body.success) return refuseWith("invalid-body", "The body must be {key}.");
    const nowMs = deps.epochMs();
    const holder = keys.byKey(body.data.key, nowMs);
    if (holder === null) {
      // All who log in through a proxy share a bucket: only failures take from it.
      const waitMs = failures.take("login", deps.monotonicMs());
      if (waitMs === 0)
        return refuseWith("unauthenticated", "This is no key of this deployment, or no longer.");
      const why = problem("too-many-requests", "Too many attempts with keys that are none.");
      return answerProblem(why, { "retry-after": String(Math.ceil(waitMs / 1_000)) });
    }
    const token = keys.openSession(holder, { nowMs, untilMs: nowMs + SESSION_MS });
    const response = answer({ actor: `key:${holder.name}`, roles: holder.roles, models: holder.models });
    response.headers.set("set-cookie", cookie(token, SESSION_MS / 1_000));
    return response;
  };
  const cookie = (token: string, ageS: number): string => {
    const secure = publicUrl?.startsWith("https:") === true ? "; Secure" : "";
    return `${cookieName(publicUrl)}=${token}; Path=/; Max-Age=${ageS}; HttpOnly; SameSite=Strict${secure}`;
  };

  app.post("/api/v1/session", async (c) => ((await isFresh(keys)) ? login(c) : unchecked()));
  app.get("/api/v1/session", async (c) => {
    if (!(await isFresh(keys))) return unchecked();
    const nowMs = deps.epochMs();
    const holder = holderOf(keys, credentialsOf(c, publicUrl).authorization, nowMs);
    return answer({
      keys_configured: keys.configured(),
      at: isoOf(nowMs),
      actor: holder === null ? null : `key:${holder.name}`,
      roles: holder?.roles ?? [],
      models: holder?.models ?? null,
    });
  });
  app.delete("/api/v1/session", (c) => {
    const forged = forgeryOf(c, publicUrl);
    if (forged !== null) return refuseWith("forbidden", forged);
    const response = answer({});
    response.headers.set("set-cookie", cookie("", 0));
    return response;
  });
  return app;
};

const isFresh = async (keys: ChecksKeys): Promise<boolean> => {
  const waiting = keys.freshness();
  if (waiting === null) return true;
  return waiting.then(
    () => true,
    () => false,
  );
};

const unchecked = (): Response => refuseWith("unavailable", "The keys cannot be read; nobody can log in.");
