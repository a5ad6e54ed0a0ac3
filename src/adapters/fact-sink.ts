// Adapter: where recorded rows and dead letters go in ClickHouse, behind `WritesFacts` and `ParksLetters`. Rows travel as the bytes
// they came in. It never retries: the token makes a repeat harmless, and whether to repeat is the recorder's decision.
import { LABEL_COLUMNS, PREDICTION_COLUMNS } from "../../contracts/event.ts";
import type { StreamKind } from "../../contracts/event.ts";
import { Fault } from "../core/fault.ts";
import { clickhouseTime } from "../core/time.ts";
import type { ParksLetters, WritesFacts } from "../ports-recording.ts";

/** What the sink needs of the ClickHouse adapter. */
export interface InsertsRows {
  insert(
    table: string,
    rows: Buffer | readonly object[],
    by: { token?: string; columns?: readonly string[] },
  ): Promise<void>;
}

const TABLES = {
  events: { table: "predictions", columns: PREDICTION_COLUMNS },
  labels: { table: "labels", columns: LABEL_COLUMNS },
} as const satisfies Record<StreamKind, { table: string; columns: readonly string[] }>;

/**
 * ClickHouse's codes for rows that can never be read as this table's. Only these condemn rows: a missing column, a statement the
 * engine does not know or any other failure says something of the engine, and innocent rows wait for it.
 */
const BAD_ROWS = new Set(
  "6 25 26 27 28 29 32 33 38 41 53 69 70 72 117 130 131 321 349 376 467 469 675 676 691".split(" "),
);

/** Makes the sink of one kind of stream. */
export const createFactSink = (engine: InsertsRows, kind: StreamKind): WritesFacts & ParksLetters => {
  const { table, columns } = TABLES[kind];
  return {
    insert: async (rows, { token }) => {
      try {
        await engine.insert(table, Buffer.concat(rows), { columns, token });
      } catch (cause) {
        if (!(cause instanceof Fault) || cause.code === undefined) throw cause;
        const kind = BAD_ROWS.has(cause.code) ? "poison" : "transient";
        throw new Fault(kind, cause.message, { cause, code: cause.code });
      }
    },
    park: (stream, letters, { token, nowMs }) =>
      engine.insert(
        "dead_letters",
        letters.map(({ id, reason, detail, n, body }) => ({
          stream,
          entry_id: id,
          reason,
          detail,
          n,
          body: textOf(body),
          parked_at: clickhouseTime(nowMs),
        })),
        { token },
      ),
  };
};

/** JSON carries text only: bytes that are not UTF-8 are kept whole as `base64:…`. */
const textOf = (body: Uint8Array): string => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return `base64:${Buffer.from(body).toString("base64")}`;
  }
};
