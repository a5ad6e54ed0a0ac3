// Adapter: the ledger's head and entries in Redis, behind scripts that are one step each. It promises that an append either
// happened on the head its writer read or did not happen, and that a reply that was lost is a transient fault, never a
// guess. It knows nothing of ClickHouse and judges no law.
import { randomUUID } from "node:crypto";
import { z } from "zod";
import { LedgerEntry } from "../../contracts/governance.ts";
import { canonicalJson } from "../core/canonical.ts";
import { Fault } from "../core/fault.ts";
import type { Head } from "../core/ledger.ts";
import { APPEND, LEDGER_KEYS as KEYS, MARK_SEALED, READ, REBUILD } from "./ledger-scripts.ts";
import type { RedisClient } from "./redis.ts";

/** What Redis knows at one moment; `whole` is false when head and list do not belong together. */
export interface LedgerReading {
  readonly head: Head;
  readonly sealed: Head;
  readonly whole: boolean;
  /** Entries after the seq asked for, in order. */
  readonly entries: readonly LedgerEntry[];
}

export interface LedgerRedis {
  read(after: number, limit?: number): Promise<LedgerReading>;
  /** True when appended; otherwise the head was another one. */
  append(entry: LedgerEntry, onto: Head): Promise<boolean>;
  markSealed(entry: LedgerEntry): Promise<boolean>;
  /** Replaces everything by these entries, if Redis still is as it was `found`. */
  rebuild(entries: readonly LedgerEntry[], by: { found: Head; sealed: Head }): Promise<boolean>;
}

/** Entries a single reply or command may carry. */
const CHUNK = 1000;
/** A rebuild that died leaves its list this long (s). */
const REBUILDING_TTL_S = 3600;

const Count = z.coerce.number().int().nonnegative();
const Reading = z.tuple([Count, Count, z.string(), Count, Count, z.string(), Count, z.array(z.string())]);
const Appended = z.tuple([z.number(), z.string()]);

/** Opens the ledger's part in Redis on a connection of the caller. */
export const createLedgerRedis = (redis: RedisClient): LedgerRedis => {
  const run = (
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> =>
    redis.eval(script, keys.length, ...keys, ...args).catch((error: unknown) => {
      throw redisFault(error);
    });

  const readOnce = async (after: number, limit: number): Promise<LedgerReading> => {
    const reply = await run(READ, [KEYS.head, KEYS.sealed, KEYS.entries], [after, limit]);
    const [seq, generation, hash, sealedSeq, sealedGeneration, sealedHash, length, texts] =
      Reading.parse(reply);
    return {
      head: { seq, generation, hash },
      sealed: { seq: sealedSeq, generation: sealedGeneration, hash: sealedHash },
      whole: length === seq && sealedSeq <= seq,
      entries: texts.map((text, n) => parseEntry(text, after + n + 1)),
    };
  };

  return {
    read: async (after, limit = Number.MAX_SAFE_INTEGER) => {
      let reading = await readOnce(after, Math.min(CHUNK, limit));
      const entries = [...reading.entries];
      while (entries.length < limit && reading.entries.length === CHUNK) {
        reading = await readOnce(after + entries.length, Math.min(CHUNK, limit - entries.length));
        entries.push(...reading.entries);
      }
      return { ...reading, entries };
    },
    append: async (entry, onto) => {
      const args = [...placeArgs(onto), ...placeArgs(entry), canonicalJson(entry)];
      return Appended.parse(await run(APPEND, [KEYS.head, KEYS.entries], args))[0] === 1;
    },
    markSealed: async (entry) => {
      const args = [...placeArgs(entry), canonicalJson(entry), KEYS.moved];
      return (await run(MARK_SEALED, [KEYS.sealed, KEYS.entries], args)) === 1;
    },
    rebuild: async (entries, { found, sealed }) => {
      const last = entries.at(-1);
      if (last === undefined) throw new Error("a ledger is not rebuilt from nothing");
      // A name nobody else writes to: two recoveries at once must not mix their lists.
      const rebuilt = `${KEYS.rebuilding}${randomUUID()}`;
      for (let at = 0; at < entries.length; at += CHUNK) {
        const texts = entries.slice(at, at + CHUNK).map((entry) => canonicalJson(entry));
        await redis.rpush(rebuilt, ...texts).catch((error: unknown) => {
          throw redisFault(error);
        });
      }
      await redis.expire(rebuilt, REBUILDING_TTL_S);
      const args = [...placeArgs(found), ...placeArgs(last), ...placeArgs(sealed), KEYS.moved];
      return (await run(REBUILD, [KEYS.head, KEYS.entries, KEYS.sealed, rebuilt], args)) === 1;
    },
  };
};

const placeArgs = ({ seq, generation, hash }: Head): readonly (string | number)[] => [seq, generation, hash];

/** An entry we cannot read is nobody's to skip: the ledger stops here until a person has looked. */
const parseEntry = (text: string, seq: number): LedgerEntry => {
  try {
    return LedgerEntry.parse(JSON.parse(text));
  } catch (cause) {
    throw new Fault("poison", `ledger entry ${seq} in Redis cannot be read`, {
      cause,
      code: "ledger-unreadable",
    });
  }
};

/** Replies that no retry changes; everything else (OOM, MISCONF, READONLY, LOADING, lost connections) may pass. */
const POISON = new Set(["WRONGTYPE", "NOPERM", "WRONGPASS", "NOAUTH"]);

const redisFault = (error: unknown): Fault => {
  if (error instanceof Fault) return error;
  const message = error instanceof Error ? error.message : String(error);
  const code = /^[A-Z]+/.exec(message)?.[0] ?? "CONNECTION";
  return new Fault(POISON.has(code) ? "poison" : "transient", `the ledger in Redis: ${message}`, {
    cause: error,
    code,
  });
};
