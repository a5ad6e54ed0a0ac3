// Words: keys as they rest under <home>/keys, one small file a fact, written once: a key, each of its secrets, its revocation. Only digests
// of secrets are kept. What a role opens is said in src/core/keys.ts.
import { z } from "zod";
import { UtcTime } from "./api.ts";

export const KeyRole = z.enum(["predict", "ingest", "read", "operate", "approve", "admin"]);
export type KeyRole = z.infer<typeof KeyRole>;

const Digest = z.string().regex(/^[0-9a-f]{64}$/);

/** `<id>.key.json` */
export const KeyFile = z.strictObject({
  id: z.string().regex(/^[a-z0-9]{12}$/),
  /** Who or what holds it; actions are logged under it. */
  name: z.string().regex(/^[\w.@-]{1,64}$/, "up to 64 letters, digits and . _ @ -"),
  env: z.string().regex(/^[a-z0-9]{1,16}$/, "up to 16 small letters and digits"),
  roles: z.array(KeyRole).min(1),
  /** Models the key is for; null: all. */
  models: z.array(z.string()).min(1).nullable(),
  created_at: UtcTime,
  expires_at: UtcTime.nullable(),
});
export type KeyFile = z.infer<typeof KeyFile>;

/** `<id>.secret-<n>.json`, n from 1. */
export const SecretFile = z.strictObject({
  /** HMAC-SHA256 of the whole key text under the deployment's pepper. */
  digest: Digest,
  created_at: UtcTime,
  /** Until when the secret before this one still opens; null for the first. */
  previous_until: UtcTime.nullable(),
});
export type SecretFile = z.infer<typeof SecretFile>;

/** `<id>.revoked.json` */
export const RevocationFile = z.strictObject({ revoked_at: UtcTime });
