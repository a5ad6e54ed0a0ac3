// Adapter: signed checkpoints of the ledger under `<home>/audit/`: `checkpoints/<seq>.json` written once, the key pair beside
// them (the private key readable by its owner only). It signs what it is given and checks signatures against the public
// keys it holds; whether the chain still has that entry is the audit stage's question. It never replaces a checkpoint.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from "node:crypto";
import { sign, verify, type KeyObject } from "node:crypto";
import { chmod, link, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { Checkpoint } from "../../contracts/checkpoint.ts";
import { canonicalJson } from "../core/canonical.ts";
import { checkpointBody, signedText } from "../core/checkpoint.ts";
import { Fault } from "../core/fault.ts";
import type { Head } from "../core/ledger.ts";
import { entriesOf, isCode, makeDirectory, syncPath, writeNew } from "./durable.ts";

export interface CheckedCheckpoint {
  readonly file: string;
  /** Null when the file is no checkpoint at all. */
  readonly checkpoint: Checkpoint | null;
  /** What is wrong with the file or its signature; null when nothing is. */
  readonly problem: string | null;
}

export interface Checkpoints {
  /**
   * Signs a head and writes it down, when it moved and the last checkpoint is `everyMs` old; null when nothing was due. Another entry
   * than the one already signed at that seq is a poison fault: the ledger was rewritten.
   */
  write(head: Head, at: string): Promise<Checkpoint | null>;
  /** Every checkpoint on disk, oldest first, its signature checked. */
  all(): Promise<readonly CheckedCheckpoint[]>;
  /** One file, from wherever it was kept. */
  check(file: string): Promise<CheckedCheckpoint>;
}

const PRIVATE_KEY = "signing-key.pem";
const PUBLIC_SUFFIX = ".pub.pem";

/** Checkpoints are this far apart unless told otherwise. */
const EVERY_MS = 3_600_000;

/** Opens the checkpoints of a home folder; a key pair is made at the first `write`. */
export const createCheckpoints = (by: {
  readonly home: string;
  /** Which ledger this is, for readers who keep checkpoints of several. */
  readonly origin?: string;
  readonly everyMs?: number;
}): Checkpoints => {
  const { home, origin = "flyball", everyMs = EVERY_MS } = by;
  const folder = path.join(home, "audit");
  const files = path.join(folder, "checkpoints");
  let last: Checkpoint | null | undefined;

  const all = async (): Promise<readonly CheckedCheckpoint[]> => {
    const names = (await entriesOf(files)).filter((name) => /^\d+\.json$/.test(name));
    names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
    return Promise.all(
      names.map(async (name) => {
        const one = await checkFile(path.join(files, name), folder);
        const misnamed = one.checkpoint !== null && name !== `${one.checkpoint.seq}.json`;
        return misnamed ? { ...one, problem: "it is named after another entry" } : one;
      }),
    );
  };

  const isDue = (head: Head, at: string, known: Checkpoint | null): boolean => {
    if (head.seq === 0) return false;
    if (known === null) return true;
    if (known.seq === head.seq) return known.hash !== head.hash;
    const agoMs = Date.parse(at) - Date.parse(known.at);
    return !(agoMs >= 0 && agoMs < everyMs); // a clock that went back does not hold checkpoints up
  };

  const sealOnDisk = async (head: Head, at: string): Promise<Checkpoint> => {
    await makeDirectory(files);
    await chmod(folder, 0o700);
    const key = await signingKey(folder);
    const body = checkpointBody(head, { origin, at, keyId: keyIdOf(key) });
    const signature = sign(null, Buffer.from(signedText(body)), key).toString("base64");
    const checkpoint: Checkpoint = { ...body, signature };
    const file = path.join(files, `${head.seq}.json`);
    if (await writeOnce(file, `${canonicalJson(checkpoint)}\n`, 0o444)) return checkpoint;
    const known = await checkFile(file, folder);
    if (known.problem === null && known.checkpoint?.hash === head.hash) return known.checkpoint;
    const told = `${file} does not vouch for entry ${head.seq} as the ledger has it now`;
    throw new Fault("poison", told, { code: "ledger-rewritten" });
  };

  return {
    check: (file) => checkFile(file, folder),
    all,
    write: async (head, at) => {
      last ??= (await all()).at(-1)?.checkpoint ?? null;
      if (!isDue(head, at, last)) return null;
      return (last = await sealOnDisk(head, at));
    },
  };
};

const checkFile = async (file: string, keys: string): Promise<CheckedCheckpoint> => {
  const checkpoint = await readCheckpoint(file);
  if (checkpoint === null) return { file, checkpoint, problem: "it cannot be read as a checkpoint" };
  const key = await publicKey(path.join(keys, `${checkpoint.key_id}${PUBLIC_SUFFIX}`));
  // The key's name is its own digest: a foreign key under a known name is no known key.
  if (key === null || keyIdOf(key) !== checkpoint.key_id)
    return { file, checkpoint, problem: `it is signed by the unknown key ${checkpoint.key_id}` };
  const signature = Buffer.from(checkpoint.signature, "base64");
  const genuine = verify(null, Buffer.from(signedText(checkpoint)), key, signature);
  return { file, checkpoint, problem: genuine ? null : "its signature does not fit its content" };
};

const readCheckpoint = async (file: string): Promise<Checkpoint | null> => {
  try {
    return Checkpoint.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return null; // told as a problem of this file by the caller
  }
};

/** The public key is written first: a private key without its public half would sign what nobody can check. */
const signingKey = async (folder: string): Promise<KeyObject> => {
  const file = path.join(folder, PRIVATE_KEY);
  const known = await textOf(file);
  if (known !== null) return createPrivateKey(known);
  const { privateKey, publicKey: shared } = generateKeyPairSync("ed25519");
  const name = `${keyIdOf(shared)}${PUBLIC_SUFFIX}`;
  await writeOnce(path.join(folder, name), shared.export({ type: "spki", format: "pem" }).toString(), 0o644);
  const secret = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  if (await writeOnce(file, secret, 0o600)) return privateKey;
  return createPrivateKey(await readFile(file)); // another process made one at the same time: that one signs
};

const publicKey = async (file: string): Promise<KeyObject | null> => {
  const text = await textOf(file);
  return text === null ? null : createPublicKey(text);
};

const keyIdOf = (key: KeyObject): string => {
  const shared = key.type === "private" ? createPublicKey(key) : key;
  return createHash("sha256")
    .update(shared.export({ type: "spki", format: "der" }))
    .digest("hex")
    .slice(0, 16);
};

/** Whole or not at all, and never over another file: written beside, synced, then linked. False when it was there. */
const writeOnce = async (file: string, text: string, mode: number): Promise<boolean> => {
  const draft = `${file}.${randomUUID()}`;
  await writeNew(draft, text, mode);
  try {
    await link(draft, file);
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  } finally {
    await rm(draft);
  }
  await syncPath(path.dirname(file));
  return true;
};

const textOf = async (file: string): Promise<string | null> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
};
