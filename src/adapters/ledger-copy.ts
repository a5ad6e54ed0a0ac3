// Adapter: the sealed copy of the ledger in ClickHouse (`governance_log`). Every entry is stored as its own columns for people
// and once as the canonical JSON that was hashed; reading checks that the two agree. Rows doubled by a retried insert are one.
import { z } from "zod";
import { LedgerEntry } from "../../contracts/governance.ts";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { Fault } from "../core/fault.ts";
import type { Head } from "../core/ledger.ts";
import { clickhouseTime } from "../core/time.ts";
import { ask, type Engine } from "./rows.ts";

export interface LedgerCopy {
  /** The last entry of the copy; null when it is empty. */
  head(): Promise<Head | null>;
  /** Entries after a seq; a row whose columns contradict its entry, or that cannot be read, is a problem instead. */
  after(seq: number, limit?: number): Promise<CopyReading>;
  insert(entries: readonly LedgerEntry[]): Promise<void>;
}

export interface CopyReading {
  readonly entries: readonly LedgerEntry[];
  readonly problems: readonly { readonly seq: number; readonly problem: string }[];
}

/** Entries a single query answers. */
const CHUNK = 1000;

const Count = z.coerce.number().int().nonnegative();
const HeadRow = z.object({ seq: Count, generation: Count, hash: z.string() });
const Row = HeadRow.extend({
  prev_hash: z.string(),
  at_ms: z.coerce.number(),
  model: z.string(),
  actor: z.string(),
  reason: z.string(),
  events: z.string(),
  entry: z.string(),
});
type Row = z.infer<typeof Row>;

/** Opens the ledger's copy in ClickHouse. */
export const createLedgerCopy = (engine: Engine): LedgerCopy => ({
  head: async () => (await ask(engine, "ledger-head", {}, HeadRow))[0] ?? null,
  after: async (seq, limit = Number.MAX_SAFE_INTEGER) => {
    const rows: Row[] = [];
    // The place is (seq, hash): a forged second row of a seq must be seen, not paged over.
    let place = { seq, hash: "~" };
    for (;;) {
      const page = await ask(
        engine,
        "ledger-after",
        { seq: place.seq, hash: place.hash, limit: Math.min(CHUNK, limit - rows.length) },
        Row,
      );
      rows.push(...page);
      const last = page.at(-1);
      if (last === undefined || page.length < CHUNK || rows.length >= limit) return readingOf(rows);
      place = last;
    }
  },
  insert: async (entries) => {
    const [first] = entries;
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    // The last hash chains all before it: the token names exactly these rows.
    const token = `ledger/${sha256Hex(`${first.hash} ${last.hash}`)}`;
    await engine.insert("governance_log", entries.map(rowOf), { token });
  },
});

const rowOf = (entry: LedgerEntry): object => ({
  seq: entry.seq,
  generation: entry.generation,
  prev_hash: entry.prev_hash,
  hash: entry.hash,
  at: clickhouseTime(Date.parse(entry.at)),
  model: entry.model,
  actor: entry.actor,
  reason: entry.reason,
  events: canonicalJson(entry.events),
  entry: canonicalJson(entry),
});

const readingOf = (rows: readonly Row[]): CopyReading => {
  const entries: LedgerEntry[] = [];
  const problems: { seq: number; problem: string }[] = [];
  for (const row of rows) {
    const entry = entryOf(row);
    if (entry === null) {
      problems.push({ seq: row.seq, problem: `the stored entry ${row.seq} cannot be read` });
      continue;
    }
    entries.push(entry);
    const contradicted = contradictions(row, entry);
    if (contradicted.length > 0)
      problems.push({
        seq: row.seq,
        problem: `columns of ${row.seq} contradict its entry: ${contradicted.join(", ")}`,
      });
  }
  return { entries, problems };
};

const entryOf = (row: Row): LedgerEntry | null => {
  try {
    return LedgerEntry.parse(JSON.parse(row.entry));
  } catch {
    return null; // told as a problem by the caller, with its seq
  }
};

const contradictions = (row: Row, entry: LedgerEntry): readonly string[] => [
  ...(["seq", "generation", "prev_hash", "hash", "model", "actor", "reason"] as const).filter(
    (column) => row[column] !== entry[column],
  ),
  ...(row.at_ms === Date.parse(entry.at) ? [] : ["at"]),
  ...(row.events === canonicalJson(entry.events) ? [] : ["events"]),
];

/** Gives the entries of a reading that has no problems; one with problems must not be built upon. */
export const soundEntries = ({ entries, problems }: CopyReading): readonly LedgerEntry[] => {
  const [first] = problems;
  if (first === undefined) return entries;
  throw new Fault("poison", `the sealed ledger is damaged: ${first.problem}`, { code: "ledger-damaged" });
};
