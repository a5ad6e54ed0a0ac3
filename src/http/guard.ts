// Stage room: who may pass. Decides by key or session, role and rate, and names the reason it says no for. Keys that cannot be checked for
// a revocation open nothing but predictions and labels. Without any key everyone may pass: then only the loopback listens.
import type { KeyRole } from "../../contracts/keys.ts";
import { opens } from "../core/keys.ts";
import { createBuckets, type Buckets } from "../core/token-bucket.ts";
import type { Admission, ApiRole, ChecksKeys, Guard, KeyHolder } from "../ports-serving.ts";

/** Who acts while no key was ever made. */
export const LOCAL_ACTOR = "http:local";

export interface GuardLimits {
  readonly perKeyPerSecond: number;
  readonly perAddressPerSecond: number;
  readonly failuresPerMinute: number;
}

/** Makes the guard of one api process; buckets are its own, so n processes let n times as much through. */
export const createGuard = (
  deps: { readonly keys: ChecksKeys; readonly epochMs: () => number; readonly monotonicMs: () => number },
  limits: GuardLimits,
): Guard => {
  const { keys, monotonicMs } = deps;
  const byKey = perSecond(limits.perKeyPerSecond);
  const byAddress = perSecond(limits.perAddressPerSecond);
  const failures = createBuckets({
    burst: limits.failuresPerMinute,
    refillPerMs: limits.failuresPerMinute / 60_000,
  });

  const refuse = (remote: string): Admission => {
    const waitMs = failures.take(remote, monotonicMs());
    return waitMs === 0
      ? { ok: false, status: 401, detail: "Send a key of this deployment: authorization: Bearer fb_…" }
      : tooMany("Too many requests without a valid key.", waitMs);
  };
  const judge = (authorization: string | undefined, role: ApiRole, remote: string): Admission => {
    const holder = holderOf(keys, authorization, deps.epochMs());
    if (holder === null) return refuse(remote);
    const waitMs = byKey.take(holder.id, monotonicMs());
    if (waitMs > 0) return tooMany("Too many requests with this key.", waitMs);
    if (!opens(holder.roles, role))
      return {
        ok: false,
        status: 403,
        detail: `This needs the role ${role}; the key has ${holder.roles.join(", ")}.`,
      };
    return { ok: true, actor: `key:${holder.name}`, models: holder.models };
  };

  const answer = (authorization: string | undefined, role: ApiRole, remote: string): Admission => {
    if (!keys.configured()) return OPEN;
    const waitMs = byAddress.take(remote, monotonicMs());
    return waitMs > 0
      ? tooMany("Too many requests from this address.", waitMs)
      : judge(authorization, role, remote);
  };

  return (authorization, role, remote) => {
    const waiting = keys.freshness();
    if (waiting === null) return answer(authorization, role, remote);
    return waiting.then(
      () => answer(authorization, role, remote),
      () => (TRAFFIC.has(role) && keys.configured() ? answer(authorization, role, remote) : UNCHECKED),
    );
  };
};

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "localhost"]);

/** Throws where a port would be open to other machines and nobody stands at it. */
export const refuseOpenDoor = (configured: boolean, host: string): void => {
  if (!configured && !LOOPBACK.has(host))
    throw new Error(
      `no keys are configured: loopback only, not ${host} (\`flyball keys create\` makes one, FLYBALL_BOOTSTRAP_KEY sets a first)`,
    );
};

/** Served on what was known last: a prediction does less harm than none at all, a command does more. */
const TRAFFIC: ReadonlySet<ApiRole> = new Set<KeyRole>(["predict", "ingest"]);

const OPEN: Admission = { ok: true, actor: LOCAL_ACTOR, models: null };
const UNCHECKED: Admission = {
  ok: false,
  status: 503,
  detail: "The keys cannot be read, so nobody knows whether this one was revoked.",
  retryAfterS: 5,
};

/** Whose key or session this is; null for nobody's. */
export const holderOf = (
  keys: ChecksKeys,
  authorization: string | undefined,
  nowMs: number,
): KeyHolder | null => {
  if (authorization === undefined) return null;
  const [, scheme = "", proof = ""] = /^(Bearer|Session) +(\S{1,512})$/i.exec(authorization) ?? [];
  if (proof === "") return null;
  return scheme.toLowerCase() === "bearer" ? keys.byKey(proof, nowMs) : keys.bySession(proof, nowMs);
};

/** Bursts of two seconds' worth are let through. */
const perSecond = (rate: number): Buckets => createBuckets({ burst: 2 * rate, refillPerMs: rate / 1_000 });

const tooMany = (detail: string, waitMs: number): Admission => ({
  ok: false,
  status: 429,
  detail,
  retryAfterS: Math.max(1, Math.ceil(waitMs / 1_000)),
});
