// Adapter: what reconciliation asks of ClickHouse, behind `ReadsSequences`. It reads only; every count comes from the rows themselves, and
// "lately" is measured on the engine's clock by which rows were recorded.
import { z } from "zod";
import type { StreamKind } from "../../contracts/event.ts";
import { parkedRows } from "../core/reconciliation.ts";
import type { Gap } from "../core/reconciliation.ts";
import type { ReadsSequences } from "../ports-recording.ts";
import { ask } from "./rows.ts";
import type { Engine } from "./rows.ts";

const count = z.number();
const Kind = z.enum(["events", "labels"]);
const SequenceRow = z.object({
  kind: Kind,
  producer: z.string(),
  low: count,
  high: count,
  present: count,
  appeared: count,
});
const GapRow = z.object({
  first_missing: count,
  last_missing: count,
  after_ms: count,
  before_ms: count,
});
const BeforeRow = z.object({ previous_seq: count, after_ms: count });
const LetterRow = z.object({
  stream: z.string(),
  entry_id: z.string(),
  reason: z.string(),
  n: count,
  body: z.string(),
});

/** Makes the reader of sequences over the named queries `reconcile-*`. */
export const createReconciliationStore = (engine: Engine): ReadsSequences => {
  /** A producer that appears in mid-sequence has lost its start, unless older facts hold it. */
  const head = async (row: z.infer<typeof SequenceRow>): Promise<Gap[]> => {
    if (row.low === 0 || row.appeared === 0) return [];
    const { kind, producer, low } = row;
    const [previous] = await ask(engine, "reconcile-before", { kind, producer, low }, BeforeRow);
    const first = previous === undefined ? 0 : previous.previous_seq + 1;
    const afterMs = previous === undefined ? null : previous.after_ms;
    return first === low ? [] : [{ kind, producer, from: first, to: low - 1, afterMs, beforeMs: null }];
  };

  const inner = async (row: z.infer<typeof SequenceRow>, windowS: number, graceS: number): Promise<Gap[]> => {
    if (row.present === row.high - row.low + 1) return [];
    const { kind, producer } = row;
    const by = { kind, producer, window_s: windowS, grace_s: graceS };
    const gaps = await ask(engine, "reconcile-gaps", by, GapRow);
    return gaps.map((gap) => ({
      kind,
      producer,
      from: gap.first_missing,
      to: gap.last_missing,
      afterMs: gap.after_ms,
      beforeMs: gap.before_ms,
    }));
  };

  return {
    gaps: async ({ windowMs, graceMs }) => {
      const windowS = Math.ceil(windowMs / 1_000);
      const rows = await ask(engine, "reconcile-sequences", { window_s: windowS }, SequenceRow);
      const gaps: Gap[] = [];
      for (const row of rows) {
        gaps.push(...(await head(row)), ...(await inner(row, windowS, Math.ceil(graceMs / 1_000))));
      }
      return { producers: rows.length, gaps };
    },
    letters: async ({ windowMs }) => {
      const by = { window_s: Math.ceil(windowMs / 1_000) };
      const letters = await ask(engine, "reconcile-letters", by, LetterRow);
      return letters.map(({ stream, entry_id, reason, n, body }) => ({
        stream,
        entryId: entry_id,
        reason,
        rows: n,
        parked: parkedRows(kindOf(stream), body),
      }));
    },
  };
};

const kindOf = (stream: string): StreamKind => (stream.endsWith(":labels") ? "labels" : "events");
