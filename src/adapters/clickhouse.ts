// adapters/clickhouse: the one door to ClickHouse, a server or our embedded engine alike: named queries from
// clickhouse/queries, inserts of ready rows, commands. It classifies every failure once, by its code, and never retries:
// the caller repeats the same bytes with the same token.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { ClickHouseSettings } from "@clickhouse/client";
import { Fault } from "../core/fault.ts";
import type { FaultKind } from "../core/fault.ts";

export type ClickhouseOptions = {
  readonly url: string;
  readonly database: string;
  readonly user?: string;
  readonly password?: string;
  readonly queriesDir: string;
  /** How long one statement may take before its outcome is called unknown; milliseconds. */
  readonly timeoutMs?: number;
};

export type QueryParameters = Readonly<Record<string, unknown>>;
export type InsertBy = {
  /** A second insert with this token stores nothing, whatever its rows; derive it from the rows' identities. */
  readonly token?: string;
  readonly columns?: readonly string[];
  /** Format of ready bytes; JSONCompactEachRow unless told. */
  readonly format?: "JSONCompactEachRow" | "JSONEachRow";
};

export type Clickhouse = ReturnType<typeof createClickhouse>;

/** Connects to the ClickHouse at `url`; opens nothing until the first call. */
export function createClickhouse(options: ClickhouseOptions) {
  const connection = {
    url: options.url,
    ...(options.user === undefined ? {} : { username: options.user }),
    ...(options.password === undefined ? {} : { password: options.password }),
    request_timeout: options.timeoutMs ?? 120_000,
    max_open_connections: 16,
    clickhouse_settings: SETTINGS,
    log: { level: ClickHouseLogLevel.OFF }, // a failure is thrown to the caller, who logs it once
  };
  const client = createClient({ ...connection, database: options.database });
  const texts = new Map<string, Promise<string>>();
  const textOf = (name: string): Promise<string> => {
    if (!/^[a-z0-9-]+$/.test(name)) throw new Error(`not a query's name: ${name}`);
    const known = texts.get(name) ?? readFile(join(options.queriesDir, `${name}.sql`), "utf8");
    texts.set(name, known);
    return known;
  };
  const ask = async (name: string, params: QueryParameters, format: string): Promise<Buffer> => {
    const text = await textOf(name);
    return faults(async () => {
      const query = `${withoutEnd(text)}\nFORMAT ${format}`;
      const asked = await client.exec({
        query,
        query_params: { ...params },
        clickhouse_settings: { wait_end_of_query: 1 },
      });
      return drain(asked.stream);
    });
  };

  return {
    /** The rows of the named query; complete or an error, never cut short. */
    async query<T>(name: string, params: QueryParameters = {}): Promise<T[]> {
      const lines = (await ask(name, params, "JSONEachRow")).toString("utf8").split("\n");
      return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as T);
    },
    /** The answer of the named query as the engine wrote it in `format`. */
    bytes: (name: string, params: QueryParameters, format: string): Promise<Buffer> =>
      ask(name, params, format),
    /** Stores rows, ready bytes or objects; resolves once they are durable. */
    async insert(table: string, rows: Buffer | readonly object[], by: InsertBy = {}): Promise<void> {
      const ready = Buffer.isBuffer(rows);
      const body = ready ? rows : Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""), "utf8");
      if (body.length === 0) return;
      const columns = by.columns === undefined ? "" : ` (${by.columns.map(plainName).join(", ")})`;
      const format = ready ? (by.format ?? "JSONCompactEachRow") : "JSONEachRow";
      await faults(async () => {
        const stored = await client.exec({
          query: `INSERT INTO ${table.split(".").map(plainName).join(".")}${columns} FORMAT ${format}`,
          values: Readable.from([body], { objectMode: false }),
          clickhouse_settings: {
            ...DURABLE,
            ...(by.token === undefined ? {} : { insert_deduplication_token: by.token }),
          },
        });
        await drain(stored.stream);
      });
    },
    /** Runs one statement that answers nothing. */
    command: (sql: string, params: QueryParameters = {}): Promise<void> =>
      faults(async () => {
        await client.command({ query: sql, query_params: { ...params } });
      }),
    /** The rows of a statement that is no named query: for migrations and health checks only. */
    ask: <T>(sql: string, params: QueryParameters = {}): Promise<T[]> =>
      faults(async () => {
        const asked = await client.query({ query: sql, query_params: { ...params }, format: "JSONEachRow" });
        return asked.json<T>();
      }),
    /** Makes the database this client names; the one statement that cannot be sent from within it. */
    createDatabase: (): Promise<void> =>
      faults(async () => {
        const outside = createClient({ ...connection, database: "default" });
        await outside
          .command({ query: `CREATE DATABASE IF NOT EXISTS ${plainName(options.database)}` })
          .finally(() => outside.close());
      }),
    /** True when it answers. */
    ping: async (): Promise<boolean> => (await client.ping()).success,
    close: (): Promise<void> => client.close(),
  };
}

const SETTINGS: ClickHouseSettings = {
  output_format_json_quote_64bit_integers: 0,
  date_time_input_format: "best_effort",
};
/** An acknowledgement means stored: engines since 26.2 acknowledge from a memory buffer unless told otherwise. */
const DURABLE: ClickHouseSettings = { async_insert: 0, wait_for_async_insert: 1, wait_end_of_query: 1 };

/**
 * What no repetition can cure: the statement or its rows are wrong. Everything else (network, overload, limits, a table
 * not yet migrated) may pass. Numbers are ClickHouse's error codes.
 */
const POISON = new Set(
  (
    "6 7 8 10 16 19 20 26 27 32 33 34 35 36 38 41 42 43 44 46 47 49 50 53 62 63 69 70 72 73 117 130 131 153 158 170 190 " +
    "215 321 349 386 395 441 456 457 469 636 675"
  ).split(" "),
);
const kindOf = (code: string): FaultKind => (POISON.has(code) ? "poison" : "transient");

async function faults<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof ClickHouseError) {
      const said = `ClickHouse ${cause.code} ${cause.type ?? ""}: ${cause.message}`;
      throw new Fault(kindOf(cause.code), said, { cause, code: cause.code });
    }
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new Fault("transient", `ClickHouse did not answer: ${said}`, { cause });
  }
}

async function drain(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) if (Buffer.isBuffer(part)) parts.push(part);
  return Buffer.concat(parts);
}

/** A query file ends with or without a semicolon and may end in a comment. */
const withoutEnd = (text: string): string => text.trimEnd().replace(/;$/, "");

function plainName(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new Error(`not a plain name: ${name}`);
  return name;
}
