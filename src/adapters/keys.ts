// Adapter: keys under <home>/keys, shared by every process of a deployment that shares its home. Files are only ever added, each whole and
// readable by its owner alone, so concurrent commands cannot undo each other and a revocation is final. A reader is at most seconds
// behind; it keeps no secret, and compares digests in constant time, with the same steps for a key that does not exist.
import { createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { closeSync, existsSync, futimesSync, mkdirSync, openSync } from "node:fs";
import { chmod, link, readFile, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { KeyFile, RevocationFile, SecretFile, type KeyRole } from "../../contracts/keys.ts";
import { SECRET_ALPHABET, SECRET_LENGTH, isLive, keyId, keyText, liveDigests } from "../core/keys.ts";
import type { KeyRecord } from "../core/keys.ts";
import type { ChecksKeys, KeyHolder } from "../ports-serving.ts";
import { isCode, makeDirectory, syncPath, writeNew } from "./durable.ts";

/** A cache younger than this is not looked after; older than the second it is not trusted to know of a revocation. */
const REFRESH_MS = 1_000;
const TRUSTED_MS = 4_000;
/** A key's last use is noted once in so long, to the minute: it is there to find keys nobody needs, not to log requests. */
const USE_NOTED_EVERY_MS = 60_000;
const BOOTSTRAP = "bootstrap";
const BOOTSTRAP_LENGTH_MIN = 16;
/** Compared with where there is no such key, so that the steps are the same. */
const NOBODY = "0".repeat(64);

export interface KeyStore extends ChecksKeys {
  /** Reads all files now; rejects where that cannot be done. */
  refresh(): Promise<void>;
  all(): readonly KeyRecord[];
  /** When each key last opened something, by id, to the minute; a key that never did is absent. */
  lastUsed(): Promise<ReadonlyMap<string, number>>;
  /** Makes a key; its text is given this once and kept nowhere. Null where a live key has the name. */
  create(by: {
    name: string;
    env: string;
    roles: readonly KeyRole[];
    models: readonly string[] | null;
    nowMs: number;
    expiresMs: number | null;
  }): Promise<{ id: string; key: string } | null>;
  /** Gives a key a second secret; the one before opens until `previousUntilMs`. Null where there is no such live key. */
  rotate(by: { id: string; nowMs: number; previousUntilMs: number }): Promise<{ key: string } | null>;
  /** Final; false where there is no such key. */
  revoke(by: { id: string; nowMs: number }): Promise<boolean>;
}

/** Opens the keys of a deployment; `bootstrap` is one more key with every role, for the first steps. */
export const openKeys = (by: {
  readonly home: string;
  readonly bootstrap: string | undefined;
  readonly monotonicMs: () => number;
}): KeyStore => {
  if (by.bootstrap !== undefined && by.bootstrap.length < BOOTSTRAP_LENGTH_MIN)
    throw new Error(`FLYBALL_BOOTSTRAP_KEY is too short: ${BOOTSTRAP_LENGTH_MIN} characters at least`);
  const folder = path.join(by.home, "keys");
  let records: ReadonlyMap<string, KeyRecord> = new Map();
  /** Of this process alone until the deployment has one: a session of the bootstrap key then ends with the process. */
  let pepper: Buffer = randomBytes(32);
  let readAt = -Infinity;
  let reading: Promise<void> | null = null;
  /** Never taken back: files that vanish close the doors instead of opening them. */
  let wasConfigured = by.bootstrap !== undefined;

  const readAll = async (): Promise<void> => {
    const began = by.monotonicMs();
    const found = await readRecords(folder);
    if (found.size > 0) pepper = await readPepper(folder);
    records = found;
    wasConfigured ||= found.size > 0;
    readAt = began;
  };
  const refresh = (): Promise<void> => {
    reading ??= readAll().finally(() => (reading = null));
    return reading;
  };

  const digestOf = (text: string): Buffer => createHmac("sha256", pepper).update(text).digest();
  const bootstrapHolder: KeyHolder = { id: BOOTSTRAP, name: BOOTSTRAP, roles: ["admin"], models: null };

  const noted = new Map<string, number>();
  const noteUse = (holder: KeyHolder, nowMs: number): KeyHolder => {
    if (nowMs - (noted.get(holder.id) ?? -Infinity) >= USE_NOTED_EVERY_MS) {
      noted.set(holder.id, nowMs);
      touch(path.join(folder, USES), holder.id, nowMs);
    }
    return holder;
  };

  const byKey = (text: string, nowMs: number): KeyHolder | null => {
    const offered = digestOf(text);
    const record = records.get(keyId(text) ?? "");
    const live = record === undefined ? [] : liveDigests(record, nowMs);
    const fits = [live[0] ?? NOBODY, live[1] ?? NOBODY].map((known) =>
      same(offered, Buffer.from(known, "hex")),
    );
    const first = by.bootstrap !== undefined && same(offered, digestOf(by.bootstrap));
    if (record !== undefined && fits.some((fit) => fit)) return noteUse(record, nowMs);
    return first ? bootstrapHolder : null;
  };

  const secretsOf = (id: string, nowMs: number): readonly string[] => {
    if (id === BOOTSTRAP && by.bootstrap !== undefined) return [digestOf(by.bootstrap).toString("hex")];
    const record = records.get(id);
    return record === undefined ? [] : liveDigests(record, nowMs);
  };
  const sealOf = (id: string, untilMs: number, digest: string): Buffer =>
    digestOf(`session|${id}|${untilMs}|${digest}`);

  const write = async (file: string, content: object): Promise<boolean> =>
    putNew(folder, file, `${JSON.stringify(content)}\n`);

  const newSecret = (record: { id: string; env: string }): { text: string; digest: string } => {
    const letters = Array.from({ length: SECRET_LENGTH }, () => SECRET_ALPHABET.charAt(randomInt(62)));
    const text = keyText({ ...record, secret: letters.join("") });
    return { text, digest: digestOf(text).toString("hex") };
  };

  return {
    refresh,
    all: () => [...records.values()].sort((a, b) => a.createdMs - b.createdMs),
    lastUsed: () => readUses(path.join(folder, USES)),
    configured: () => wasConfigured,
    freshness: () => {
      const ageMs = by.monotonicMs() - readAt;
      if (ageMs > REFRESH_MS) void refresh().catch(() => undefined);
      return ageMs <= TRUSTED_MS ? null : refresh();
    },
    byKey,
    bySession: (token, nowMs) => {
      const [id = "", until = "", seal = ""] = token.split(".");
      if (!/^[0-9a-f]{64}$/.test(seal)) return null;
      const offered = Buffer.from(seal, "hex");
      const fits = secretsOf(id, nowMs).map((digest) => same(offered, sealOf(id, Number(until), digest)));
      if (!fits.some((fit) => fit) || !(nowMs < Number(until))) return null;
      if (id === BOOTSTRAP) return bootstrapHolder;
      const holder = records.get(id);
      return holder === undefined ? null : noteUse(holder, nowMs);
    },
    openSession: (holder, by) => {
      const record = records.get(holder.id);
      const untilMs = Math.min(by.untilMs, record?.expiresMs ?? Infinity);
      const digest = secretsOf(holder.id, by.nowMs).at(-1) ?? NOBODY;
      return `${holder.id}.${untilMs}.${sealOf(holder.id, untilMs, digest).toString("hex")}`;
    },
    create: async ({ nowMs, expiresMs, ...given }) => {
      await makeFolder(folder);
      pepper = await ensurePepper(folder);
      await readAll();
      if ([...records.values()].some((one) => one.name === given.name && isLive(one, nowMs))) return null;
      const id = Array.from({ length: 12 }, () =>
        "abcdefghijklmnopqrstuvwxyz0123456789".charAt(randomInt(36)),
      ).join("");
      const record = KeyFile.parse({
        ...given,
        id,
        created_at: new Date(nowMs).toISOString(),
        expires_at: expiresMs === null ? null : new Date(expiresMs).toISOString(),
      });
      const { text, digest } = newSecret(record);
      // The secret first: a key without one would be a record that opens nothing.
      const secret: SecretFile = { digest, created_at: record.created_at, previous_until: null };
      await write(`${id}.secret-1.json`, secret);
      await write(`${id}.key.json`, record);
      await readAll();
      return { id, key: text };
    },
    rotate: async ({ id, nowMs, previousUntilMs }) => {
      await readAll();
      const record = records.get(id);
      if (record === undefined || !isLive(record, nowMs)) return null;
      const { text, digest } = newSecret(record);
      const secret: SecretFile = {
        digest,
        created_at: new Date(nowMs).toISOString(),
        previous_until: new Date(previousUntilMs).toISOString(),
      };
      const written = await write(`${id}.secret-${record.secrets.length + 1}.json`, secret);
      if (!written) throw new Error(`${id} was given a new secret at this very moment: look again`);
      await readAll();
      return { key: text };
    },
    revoke: async ({ id, nowMs }) => {
      await readAll();
      if (!records.has(id)) return false;
      await write(`${id}.revoked.json`, { revoked_at: new Date(nowMs).toISOString() });
      await readAll();
      return true;
    },
  };
};

/** False for different lengths, too; those are no secret. */
const same = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

const NAME = /^([a-z0-9]{12})\.(key|secret-(\d+)|revoked)\.json$/;

/** Every key on disk. A file that cannot be read or is none of ours rejects: half a set of keys is no set. */
const readRecords = async (folder: string): Promise<Map<string, KeyRecord>> => {
  const names = await readdir(folder).catch((cause: unknown) => {
    if (isCode(cause, "ENOENT")) return [];
    throw cause;
  });
  const parsed = await Promise.all(
    names.map(async (name) => {
      const [, id = "", kind = "", n = ""] = NAME.exec(name) ?? [];
      return id === "" ? null : { id, kind, n: Number(n), body: await readJson(path.join(folder, name)) };
    }),
  );
  const files = parsed.filter((file) => file !== null);
  const records = new Map<string, KeyRecord>();
  for (const { id, body } of files.filter(({ kind }) => kind === "key")) {
    const { created_at, expires_at, ...key } = KeyFile.parse(body);
    const own = files.filter((file) => file.id === id);
    const secrets = own
      .filter(({ kind }) => kind.startsWith("secret"))
      .sort((a, b) => a.n - b.n)
      .map((file) => SecretFile.parse(file.body));
    const revoked = own.find(({ kind }) => kind === "revoked");
    records.set(id, {
      ...key,
      createdMs: Date.parse(created_at),
      expiresMs: expires_at === null ? null : Date.parse(expires_at),
      revokedMs: revoked === undefined ? null : Date.parse(RevocationFile.parse(revoked.body).revoked_at),
      secrets: secrets.map(({ digest }, index) => {
        const until = secrets[index + 1]?.previous_until ?? null;
        return { digest, untilMs: until === null ? null : Date.parse(until) };
      }),
    });
  }
  return records;
};

const readJson = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, "utf8"));

const makeFolder = async (folder: string): Promise<void> => {
  await makeDirectory(folder);
  await chmod(folder, 0o700);
};

/** Adds a file whole, or answers false where one of the name is there. */
const putNew = async (folder: string, name: string, content: string): Promise<boolean> => {
  const sibling = path.join(folder, `.${name}.${randomBytes(6).toString("hex")}`);
  try {
    await writeNew(sibling, content, 0o600);
    await link(sibling, path.join(folder, name));
    await syncPath(folder);
    return true;
  } catch (cause) {
    if (isCode(cause, "EEXIST")) return false;
    throw cause;
  } finally {
    await rm(sibling, { force: true });
  }
};

/** Empty files by key id; the time of the file is the time of the use, whichever process wrote it. */
const USES = "used";

/** At once, so that nothing is written after its caller has gone; once a minute a key. A disk that takes no note keeps nobody out. */
const touch = (folder: string, id: string, atMs: number): void => {
  try {
    // Beside the keys only: a home that is gone stays gone.
    if (!existsSync(folder)) mkdirSync(folder, { mode: 0o700 });
    const file = openSync(path.join(folder, id), "a", 0o600);
    futimesSync(file, atMs / 1_000, atMs / 1_000);
    closeSync(file);
  } catch {
    return;
  }
};

const readUses = async (folder: string): Promise<ReadonlyMap<string, number>> => {
  const ids = await readdir(folder).catch((cause: unknown) => {
    if (isCode(cause, "ENOENT")) return [];
    throw cause;
  });
  const uses = ids.map(async (id): Promise<[string, number]> => [
    id,
    (await stat(path.join(folder, id))).mtimeMs,
  ]);
  return new Map(await Promise.all(uses));
};

const ensurePepper = async (folder: string): Promise<Buffer> => {
  await putNew(folder, "pepper", randomBytes(32).toString("hex"));
  return readPepper(folder);
};

/** Anyone who reads the pepper can test guesses at digests: a wider mode than the owner's is refused. */
const readPepper = async (folder: string): Promise<Buffer> => {
  const file = path.join(folder, "pepper");
  if (((await stat(file)).mode & 0o077) !== 0)
    throw new Error(`${file} can be read by others: chmod 600 it, then rotate every key`);
  const text = (await readFile(file, "utf8")).trim();
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} is damaged: keys cannot be checked`);
  return Buffer.from(text, "hex");
};
