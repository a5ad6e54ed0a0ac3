// core/sql-engine: the words between whoever asks for SQL and the engine that runs it. Shapes only; an engine promises
// that nothing set for one statement is seen by another, and that an insert which began is finished.

/** Which part of the pool a statement may use: reads never take the last session, so that rows can always be written. */
export type Lane = "read" | "write";

/** One statement, ready to run: text already holds its settings, parameters and database are told beside it. */
export type EngineStatement = {
  readonly lane: Lane;
  readonly database: string;
  /** What this statement writes to: `db.table`, or `db.table#token` where a token keeps twins apart; equal names run one after another. */
  readonly writes: readonly string[];
  /** Values of `{name:Type}` placeholders as the HTTP interface takes them. */
  readonly parameters: Readonly<Record<string, string>>;
  /** True for a statement that may change its session (SET, USE, temporary tables): it gets one that dies with it. */
  readonly alone: boolean;
  /** Settings that have no clause in this kind of statement; only a statement that runs alone may have any. */
  readonly session: Readonly<Record<string, string>>;
  readonly work:
    | { readonly how: "whole"; readonly sql: string; readonly format: string }
    | { readonly how: "stream"; readonly sql: string; readonly format: string }
    | {
        readonly how: "rows";
        readonly table: string;
        readonly columns: readonly string[] | undefined;
        readonly format: string;
        readonly settings: Readonly<Record<string, string>>;
        readonly rows: Uint8Array;
      }
    /** Rows the engine has to read from a file of the gateway's own; the file's name goes between the two texts. */
    | { readonly how: "spool"; readonly before: string; readonly after: string; readonly rows: Uint8Array };
};

/** What the engine counted; a key is absent where it did not count. */
export type EngineCounts = {
  readonly elapsedSeconds: number;
  readonly rowsRead?: number;
  readonly bytesRead?: number;
  readonly rowsWritten?: number;
  readonly bytesWritten?: number;
};

export type EngineAnswer = {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Settles when the statement ended; never rejects before `chunks` threw the same error. */
  readonly counts: () => EngineCounts | undefined;
  /** Stops reading; a stream ends at its next chunk, anything else runs on to its end. */
  readonly cancel: () => void;
};

/** A refusal of the engine, with ClickHouse's own code. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export type SqlEngine = {
  readonly version: string;
  readonly timezone: string;
  /** Table functions and the like the engine offers, for the guard. */
  readonly tableFunctions: readonly string[];
  /** Resolves with the answer once its first bytes or its end are there; rejects with EngineError. */
  readonly run: (statement: EngineStatement) => Promise<EngineAnswer>;
  /** Waits for running statements, at most `drainMs`; false when some still ran: then only a kill ends the process. */
  readonly close: (drainMs: number) => Promise<boolean>;
};
