// Core: keys and roles. A key is `fb_<env>_<id>_<secret><checksum>`: the prefix and the checksum let scanners find a leaked one, the id
// finds its record, the secret proves it. Promises to tell a key's form and what a record allows; never sees a clock or a store.
import type { KeyRole } from "../../contracts/keys.ts";

/** A key as its files tell it together: digests only, never a secret. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  readonly env: string;
  readonly roles: readonly KeyRole[];
  /** Models the key is for; null: all. */
  readonly models: readonly string[] | null;
  readonly createdMs: number;
  /** Null: until revoked. */
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
  /** Oldest first; the last two can be live, so that a holder changes over without a gap. */
  readonly secrets: readonly KeySecret[];
}

export interface KeySecret {
  readonly digest: string;
  /** Set on the older one when a new one is made; null: as long as the key. */
  readonly untilMs: number | null;
}

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
export const SECRET_LENGTH = 32;
const FORM = /^fb_([a-z0-9]{1,16})_([a-z0-9]{12})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

/** The characters a secret is drawn from. */
export const SECRET_ALPHABET = BASE62;

/** Writes a key as its holder gets it, once. */
export const keyText = (by: { env: string; id: string; secret: string }): string => {
  const body = `fb_${by.env}_${by.id}_${by.secret}`;
  return body + checksum(body);
};

/** Reads a key's id; null where the text is no key or was mistyped. */
export const keyId = (text: string): string | null => {
  const parts = FORM.exec(text);
  if (parts === null) return null;
  const [, , id, , sum] = parts;
  return id !== undefined && checksum(text.slice(0, -6)) === sum ? id : null;
};

/** Digests a holder may present now; empty where the key is dead. */
export const liveDigests = (record: KeyRecord, nowMs: number): readonly string[] =>
  isLive(record, nowMs)
    ? record.secrets
        .slice(-2)
        .filter(({ untilMs }) => untilMs === null || nowMs < untilMs)
        .map(({ digest }) => digest)
    : [];

/** Whether a key opens anything at all now. At the very instant of its expiry it does not. */
export const isLive = (record: KeyRecord, nowMs: number): boolean =>
  record.revokedMs === null && (record.expiresMs === null || nowMs < record.expiresMs);

/** Whether roles open what asks for one: admin opens all, who may command may also look, nobody else gets more than they hold. */
export const opens = (roles: readonly KeyRole[], asked: KeyRole | "public"): boolean => {
  if (asked === "public" || roles.includes("admin")) return true;
  if (roles.includes(asked)) return true;
  return asked === "read" && (roles.includes("operate") || roles.includes("approve"));
};

/** The model a path is about; null where it is about none or about all. */
export const modelOfPath = (path: string): string | null => {
  const [, name] = /^\/(?:api\/v1\/(?:models|governance)|v2\/models)\/([^/]+)/.exec(path) ?? [];
  if (name === undefined) return null;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
};

/** Routes whose body names the model: their handlers see only the models of the key. */
const BY_BODY: ReadonlySet<string> = new Set([
  "/api/v1/predict",
  "/api/v1/predict/batch",
  "/api/v1/shadow",
  "/api/v1/labels",
]);

/** Whether a key for some models may ask this path; a path that is about every model is closed to it. */
export const inScope = (models: readonly string[] | null, path: string): boolean => {
  if (models === null || BY_BODY.has(path)) return true;
  const model = modelOfPath(path);
  return model !== null && models.includes(model);
};

/** CRC-32 (IEEE) of ASCII text as six base-62 digits. */
const checksum = (text: string): string => {
  let crc = 0xffffffff;
  for (let at = 0; at < text.length; at++) {
    crc ^= text.charCodeAt(at);
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  let rest = (crc ^ 0xffffffff) >>> 0;
  let digits = "";
  for (let at = 0; at < 6; at++) {
    digits = (BASE62[rest % 62] ?? "0") + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
};
