// Core: which published rows are neither facts nor dead letters. It promises a hole for every sequence number that is missing and no other,
// with the times between which it was published; it never guesses why.
import { LABEL_COLUMNS, PREDICTION_COLUMNS } from "../../contracts/event.ts";
import type { StreamKind } from "../../contracts/event.ts";

/** Sequence numbers `from`…`to` (inclusive) absent from the facts; the times are of the neighbours, null where there is none. */
export type Gap = {
  readonly kind: StreamKind;
  readonly producer: string;
  readonly from: number;
  readonly to: number;
  readonly afterMs: number | null;
  readonly beforeMs: number | null;
};

/** A gap that no dead letter explains: `rows` published rows are lost. */
export type Hole = Gap & { readonly rows: number };

export type ParkedRow = { readonly kind: StreamKind; readonly producer: string; readonly seq: number };

/** Takes out of the gaps what was parked: an explained row is not lost. A gap may fall into several holes. */
export const holesOf = (gaps: readonly Gap[], parked: readonly ParkedRow[]): Hole[] => {
  const known = new Map<string, Set<number>>();
  for (const { kind, producer, seq } of parked) {
    const key = `${kind} ${producer}`;
    known.set(key, (known.get(key) ?? new Set()).add(seq));
  }
  return gaps.flatMap((gap) => {
    const inside = [...(known.get(`${gap.kind} ${gap.producer}`) ?? [])]
      .filter((seq) => seq >= gap.from && seq <= gap.to)
      .sort((a, b) => a - b);
    const holes: Hole[] = [];
    let from = gap.from;
    for (const seq of [...inside, gap.to + 1]) {
      if (seq > from) holes.push({ ...gap, from, to: seq - 1, rows: seq - from });
      from = seq + 1;
    }
    return holes;
  });
};

/** Producer and sequence of each row in a dead letter's body; lines that cannot be read explain nothing. */
export const parkedRows = (kind: StreamKind, body: string): ParkedRow[] => {
  const columns: readonly string[] = kind === "events" ? PREDICTION_COLUMNS : LABEL_COLUMNS;
  const [producerAt, seqAt] = [columns.indexOf("producer"), columns.indexOf("producer_seq")];
  return body.split("\n").flatMap((line) => {
    const row = rowOf(line);
    const [producer, seq] = [row[producerAt], row[seqAt]];
    return typeof producer === "string" && typeof seq === "number" && Number.isSafeInteger(seq)
      ? [{ kind, producer, seq }]
      : [];
  });
};

const rowOf = (line: string): readonly unknown[] => {
  try {
    const row: unknown = JSON.parse(line);
    return Array.isArray(row) ? row : [];
  } catch {
    return [];
  }
};
