// Adapter: the ledger (DESIGN, decision 6), behind `KeepsLedger`: head and entries in Redis, the sealed copy in ClickHouse.
// It promises one order of entries for all writers, that a retried append is not doubled, and that serving sees only what is
// sealed. It never starts a second ledger beside a sealed one: a lost Redis stops writers until `recover` has rebuilt it.
import { Redis } from "ioredis";
import type { LedgerDraft, LedgerEntry, LedgerState } from "../../contracts/governance.ts";
import { Fault } from "../core/fault.ts";
import { foldEntries } from "../core/governance.ts";
import { admit } from "../core/governance-laws.ts";
import { initialState, WHOLE_LEDGER } from "../core/governance-state.ts";
import { chainProblems, EMPTY_HEAD, RECOVERY_JUMP, seal, type Head } from "../core/ledger.ts";
import { createLedgerCopy, soundEntries, type CopyReading, type LedgerCopy } from "./ledger-copy.ts";
import { createLedgerRedis, type LedgerReading, type LedgerRedis } from "./ledger-redis.ts";
import { LEDGER_KEYS } from "./ledger-scripts.ts";
import type { RedisClient } from "./redis.ts";
import type { Engine } from "./rows.ts";

export type Appended =
  { readonly ok: true; readonly entry: LedgerEntry } | { readonly ok: false; readonly generation: number };

export type Recovery =
  | { readonly recovered: false; readonly detail: string }
  | { readonly recovered: true; readonly entries: number; readonly detail: string };

export interface Ledger {
  /** The fold of all entries; a `Fault` with code `ledger-lost` when Redis does not hold what the copy has. */
  state(): Promise<LedgerState>;
  /** Writes an entry onto the state of that generation; otherwise says which generation it is now. */
  append(draft: LedgerDraft, by: { readonly generation: number }): Promise<Appended>;
  /** Copies what is not sealed yet to ClickHouse, reads it back, then moves the mark. Only the execute stage calls it. */
  seal(): Promise<{ seq: number; generation: number }>;
  sealed(): Promise<Head>;
  /** The fold of sealed entries, from the copy where Redis cannot tell: what serving follows. */
  sealedState(): Promise<LedgerState>;
  /** Rebuilds a Redis that lost the ledger, or went back in time, from the copy; nothing when all is well. */
  recover(by: { readonly at: string; readonly actor: string }): Promise<Recovery>;
  /** Entries after a seq, oldest first. */
  read(after: number, limit: number): Promise<readonly LedgerEntry[]>;
  /** What an audit looks at: the sealed copy with what is wrong in it, and Redis as it is. */
  evidence(): LedgerEvidence;
  /** Calls back when entries were sealed; gives the function that ends it. */
  onMoved(moved: () => void): Promise<() => void>;
}

export interface LedgerEvidence {
  readonly copy: () => Promise<CopyReading>;
  readonly redis: (after: number) => Promise<LedgerReading | null>;
}

/** Code of the fault that only `recover` ends. */
export const LEDGER_LOST = "ledger-lost";

/** Entries one insert carries. */
const SEAL_CHUNK = 500;

/** Opens the ledger over a connection and an engine of the caller, who closes both. */
export const createLedger = (by: { readonly redis: RedisClient; readonly clickhouse: Engine }): Ledger => {
  const store = createLedgerRedis(by.redis);
  const copy = createLedgerCopy(by.clickhouse);
  const newest = createFollower(store, (reading) => reading.head);
  const sealedOnes = createFollower(store, (reading) => reading.sealed);
  let confirmedSeq = 0;

  /** Asked of the copy once a process, and whenever Redis is empty or went back: a writer must not continue a forked past. */
  const confirm = async (head: Head): Promise<void> => {
    const goesOn = confirmedSeq > 0 && head.seq >= confirmedSeq;
    confirmedSeq = goesOn ? head.seq : 0;
    if (goesOn) return;
    const sealedHead = await copy.head();
    if (sealedHead !== null && !(await holds(store, sealedHead)))
      throw lost(`Redis is at entry ${head.seq} and does not hold the sealed entry ${sealedHead.seq}`);
    confirmedSeq = head.seq;
  };

  const state = async (): Promise<LedgerState> => {
    const current = await newest();
    await confirm(current);
    return current;
  };

  return {
    state,
    append: async (draft, { generation }) => {
      const current = await state();
      if (current.generation !== generation) return earlierAppend(store, draft, generation, current);
      const refusal = admit(current, draft);
      // Deciders do not make unlawful entries, and trying again cannot help.
      if (refusal !== null)
        throw new Fault("poison", `unlawful entry: ${refusal.detail}`, { code: refusal.code });
      const entry = seal(draft, current);
      if (await store.append(entry, current)) return { ok: true, entry };
      return { ok: false, generation: (await state()).generation };
    },
    seal: async () => {
      await state(); // sound, lawful, and of the past the copy knows
      return sealNewest(store, copy);
    },
    sealed: async () => (await store.read(0, 0)).sealed,
    sealedState: async () => {
      const marked = await sealedOnes().catch((fault: unknown) => {
        if (fault instanceof Fault && fault.kind === "transient") return null;
        throw fault;
      });
      return marked !== null && marked.seq > 0 ? marked : foldCopy(copy);
    },
    recover: (told) => recover(store, copy, told),
    read: async (after, limit) => (await store.read(after, limit)).entries,
    evidence: () => ({
      copy: () => copy.after(0),
      redis: (after) =>
        store.read(after).catch((fault: unknown) => {
          if (fault instanceof Fault && fault.kind === "transient") return null;
          throw fault;
        }),
    }),
    onMoved: async (moved) => {
      const listener: RedisClient = by.redis instanceof Redis ? by.redis.duplicate() : by.redis.duplicate();
      listener.on("error", () => undefined); // it reconnects and subscribes again; a missed word is found by polling
      listener.on("message", () => moved());
      await listener.subscribe(LEDGER_KEYS.moved);
      return () => listener.disconnect();
    },
  };
};

/**
 * Folds what Redis holds up to a place, reading only what is new. When the new entries do not follow what was folded before, Redis
 * was rebuilt meanwhile and everything is read again. Calls take turns, so that the cache never goes back.
 */
const createFollower = (
  store: LedgerRedis,
  placeOf: (reading: LedgerReading) => Head,
): (() => Promise<LedgerState>) => {
  let folded = initialState();
  let turn: Promise<unknown> = Promise.resolve();

  const follow = async (from: LedgerState): Promise<LedgerState> => {
    const reading = await store.read(from.seq);
    if (!reading.whole) throw lost("the head and the list of entries in Redis do not belong together");
    const place = placeOf(reading);
    const entries = reading.entries.filter((entry) => entry.seq <= place.seq);
    const reached = entries.at(-1) ?? from;
    const follows = (entries[0]?.prev_hash ?? from.hash) === from.hash && reached.hash === place.hash;
    if (!follows && from.seq > 0) return follow(initialState());
    return foldSound(entries, from, place);
  };

  return () => {
    const mine = turn.then(async () => (folded = await follow(folded)));
    turn = mine.catch(() => undefined);
    return mine;
  };
};

/** Folds entries whose chain and laws hold; anything else stops everybody until a person has looked. */
const foldSound = (entries: readonly LedgerEntry[], from: LedgerState, place: Head): LedgerState => {
  const [problem] = chainProblems(entries, [{ ...place, of: "the head" }], from);
  if (problem !== undefined && entries.length > 0)
    throw new Fault("poison", `the ledger is damaged: ${problem.problem}`, { code: "ledger-damaged" });
  const result = foldEntries(entries, from);
  if (result.ok) return result.state;
  throw new Fault("poison", `ledger entry ${result.seq} is unlawful: ${result.problem}`, {
    code: "ledger-unlawful",
  });
};

const foldCopy = async (copy: LedgerCopy): Promise<LedgerState> => {
  const entries = soundEntries(await copy.after(0));
  return foldSound(entries, initialState(), entries.at(-1) ?? EMPTY_HEAD);
};

/** A reply that was lost hides an append that happened: the very same draft on the same generation is that append. */
const earlierAppend = async (
  store: LedgerRedis,
  draft: LedgerDraft,
  generation: number,
  current: Head,
): Promise<Appended> => {
  const behind = current.generation - generation;
  if (behind > 0 && behind <= current.seq) {
    const [entry] = (await store.read(current.seq - behind, 1)).entries;
    if (entry?.generation === generation + 1) {
      const again = seal(draft, { seq: entry.seq - 1, generation, hash: entry.prev_hash });
      if (again.hash === entry.hash) return { ok: true, entry };
    }
  }
  return { ok: false, generation: current.generation };
};

const sealNewest = async (
  store: LedgerRedis,
  copy: LedgerCopy,
): Promise<{ seq: number; generation: number }> => {
  const { head, sealed } = await store.read(0, 0);
  if (head.seq > 0 && sealed.hash === head.hash) return { seq: sealed.seq, generation: sealed.generation };
  const copied = (await copy.head()) ?? EMPTY_HEAD;
  if (copied.seq > 0 && !(await holds(store, copied)))
    throw lost(`Redis is at entry ${head.seq} and does not hold the sealed entry ${copied.seq}`);
  let mark: Head = copied;
  while (mark.seq < head.seq) {
    const { entries } = await store.read(mark.seq, Math.min(SEAL_CHUNK, head.seq - mark.seq));
    const last = entries.at(-1);
    if (last === undefined) throw lost(`entry ${mark.seq + 1} is gone from Redis`);
    foldSoundChain(entries, mark);
    await copy.insert(entries);
    await readBack(copy, entries, mark.seq);
    mark = last;
  }
  const [last] = head.seq === 0 ? [] : (await store.read(head.seq - 1, 1)).entries;
  if (last === undefined) return { seq: 0, generation: 0 };
  if (!(await store.markSealed(last))) throw lost(`entry ${last.seq} is not in Redis any more`);
  return { seq: last.seq, generation: last.generation };
};

const foldSoundChain = (entries: readonly LedgerEntry[], after: Head): void => {
  const [problem] = chainProblems(entries, [], after);
  if (problem !== undefined)
    throw new Fault("poison", `the ledger is damaged: ${problem.problem}`, { code: "ledger-damaged" });
};

/** An insert that was acknowledged and cannot be read is not evidence. */
const readBack = async (copy: LedgerCopy, entries: readonly LedgerEntry[], after: number): Promise<void> => {
  const stored = soundEntries(await copy.after(after, entries.length));
  const same = entries.every((entry, n) => stored[n]?.hash === entry.hash);
  if (!same)
    throw new Fault("transient", `entries after ${after} could not be read back from the sealed copy`);
};

const recover = async (
  store: LedgerRedis,
  copy: LedgerCopy,
  { at, actor }: { readonly at: string; readonly actor: string },
): Promise<Recovery> => {
  const { head: found, whole } = await store.read(0, 0);
  const copied = await copy.head();
  if (copied === null) {
    if (whole) return { recovered: false, detail: "nothing is sealed yet, Redis is the ledger" };
    throw new Fault("poison", "Redis lost part of the ledger and nothing was ever sealed", {
      code: LEDGER_LOST,
    });
  }
  if (whole && (await holds(store, copied)))
    return { recovered: false, detail: "Redis holds every sealed entry" };
  const entries = soundEntries(await copy.after(0));
  foldSound(entries, initialState(), copied);
  const detail =
    found.seq === 0
      ? `Redis was empty: ${entries.length} sealed entries are back`
      : `Redis was at entry ${found.seq} of another past: ${entries.length} sealed entries are back, its unsealed ones are gone`;
  const draft: LedgerDraft = {
    at,
    model: WHOLE_LEDGER,
    actor,
    reason: detail,
    events: [{ type: "recovered", entries: entries.length, detail }],
  };
  const step = RECOVERY_JUMP + Math.max(0, found.generation - copied.generation);
  const rebuilt = await store.rebuild([...entries, seal(draft, copied, step)], { found, sealed: copied });
  return rebuilt
    ? { recovered: true, entries: entries.length, detail }
    : { recovered: false, detail: "somebody else rebuilt the ledger meanwhile" };
};

/** Whether Redis holds this very entry. */
const holds = async (store: LedgerRedis, place: Head): Promise<boolean> => {
  const [entry] = (await store.read(place.seq - 1, 1)).entries;
  return entry?.hash === place.hash;
};

const lost = (message: string): Fault => new Fault("transient", message, { code: LEDGER_LOST });
