// http/clickhouse-plan: from a request in ClickHouse's dialect to one statement the engine can run. It promises that a
// setting reaches this statement only, that every placeholder has a value of this request, and that one request is one
// statement; it runs nothing.
import { readStatement, settingsList } from "../core/statement.ts";
import type { Into, Statement } from "../core/statement.ts";
import type { EngineStatement } from "../core/sql-engine.ts";
import { refuse } from "./clickhouse-errors.ts";
import { refuseOutside } from "./clickhouse-guard.ts";
import type { ClickhouseRequest } from "./clickhouse-request.ts";

export type PlanRules = {
  readonly allowFiles: boolean;
  readonly tableFunctions: readonly string[];
  /** Largest result that is held whole in memory, for formats that cannot be streamed; bytes. */
  readonly resultMax: number;
};

export type Plan = { readonly statement: EngineStatement; readonly format: string | undefined };

/** Plans the request; throws the server's errors for what it cannot be. */
export function planRequest(request: ClickhouseRequest, rules: PlanRules): Plan | undefined {
  const { statement, rows, text } = split(request);
  if (statement.kind === "empty") return undefined;
  if (statement.kind === "several") refuse("SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)");
  refuseWritesBy(request, statement);
  const parameters = valuesFor(statement, request.parameters);
  if (!rules.allowFiles) {
    const names = [...statement.placeholders]
      .filter(([, type]) => type === "Identifier")
      .map(([name]) => name);
    const values = names.map((name) => parameters[name] ?? "");
    refuseOutside(statement.tokens, values, rules.tableFunctions);
  }
  const database = request.database ?? "default";
  const common = { database, parameters, alone: false, session: {} };
  switch (statement.kind) {
    case "select": {
      const format = statement.format ?? request.format ?? "TabSeparated";
      const streams =
        STREAMABLE.has(format.toLowerCase()) && !request.waitEndOfQuery && !readsNewNative(request, format);
      if (streams)
        return {
          format,
          statement: {
            ...common,
            lane: "read",
            writes: [],
            work: { how: "stream", sql: statement.sql, format },
          },
        };
      const cap = {
        max_result_bytes: String(rules.resultMax),
        result_overflow_mode: "throw",
        ...request.settings,
      };
      const capped = readStatement(text, cap);
      const sql = capped.kind === "select" ? capped.sql : statement.sql;
      return {
        format,
        statement: { ...common, lane: "read", writes: [], work: { how: "whole", sql, format } },
      };
    }
    case "insert-rows": {
      if (/^\s*SETTINGS\s+\w+\s*=/i.test(rows.subarray(0, 200).toString("latin1"))) {
        // A server reads these as settings; taken for rows they would vanish as a header or a bad line.
        refuse("NOT_IMPLEMENTED", "SETTINGS after FORMAT in an INSERT; write them before FORMAT");
      }
      const work = rowsWork(statement.into, statement.format, rows, request.settings);
      // Twins must meet one after another; inserts of different tokens have nothing to do with each other, and share their fsyncs.
      const token = work.how === "rows" ? (work.settings["insert_deduplication_token"] ?? "") : "";
      const writes = [`${tableKey(statement.into, database)}${token === "" ? "" : `#${token}`}`];
      return { format: undefined, statement: { ...common, lane: "write", writes, work } };
    }
    case "insert-sql": {
      const lane = statement.source === "values" ? "write" : "read";
      if (
        statement.tokens.some((token, i) => token.key === "INPUT" && statement.tokens[i + 1]?.key === "(")
      ) {
        // The embedded engine answers such an insert with success and stores nothing.
        refuse("NOT_IMPLEMENTED", "INSERT ... SELECT FROM input() is not offered by the embedded engine");
      }
      const work = { how: "whole", sql: statement.sql, format: "TabSeparated" } as const;
      return {
        format: undefined,
        statement: { ...common, lane, writes: [tableKey(statement.into, database)], work },
      };
    }
    case "other": {
      const format = statement.format ?? request.format ?? "TabSeparated";
      const alone = !READS.has(statement.verb) || Object.keys(request.settings).length > 0;
      const work = { how: "whole", sql: statement.sql, format } as const;
      return {
        format,
        statement: { ...common, lane: "read", writes: [], alone, session: request.settings, work },
      };
    }
  }
}

/** Whether the client reads a newer dialect of Native than the engine writes: its blocks are put into it whole. */
export const readsNewNative = ({ revision }: ClickhouseRequest, format: string | undefined): boolean =>
  revision > 0 && format?.toLowerCase() === "native";

/** Formats whose chunks may simply follow one another: no head, no foot, nothing between rows. */
const STREAMABLE = new Set(
  (
    "jsoneachrow jsoncompacteachrow jsonstringseachrow jsoncompactstringseachrow ndjson jsonlines jsonl csv tsv " +
    "tabseparated tsvraw tabseparatedraw raw rowbinary native lineasstring tskv"
  ).split(" "),
);
/** Formats whose rows the binding takes as bytes, by their names in any case. */
const RAW_ROWS = new Map(
  [
    "JSONEachRow",
    "JSONCompactEachRow",
    "CSV",
    "CSVWithNames",
    "TSV",
    "TabSeparated",
    "TSVWithNames",
    "TabSeparatedWithNames",
  ].map((name) => [name.toLowerCase(), name]),
);
const READS = new Set(["SHOW", "DESCRIBE", "DESC", "EXISTS", "EXPLAIN", "CHECK"]);
/** How much of a body is read for its statement before its rows; a longer statement is read whole. */
const HEAD_BYTES = 256 * 1024;
const PLAIN_NAME = /^[A-Za-z0-9_]+$/;

type Split = { readonly statement: Statement; readonly rows: Buffer; readonly text: string };

/** Query of the URL and body are one text on a server: the body goes on where the URL ended. */
function split({ query, body, settings }: ClickhouseRequest): Split {
  const none = Buffer.alloc(0);
  if (query !== "") {
    const inUrl = `${query}\n`;
    const statement = readStatement(inUrl, settings);
    // The common insert: statement in the URL, nothing but rows in the body, which is then handed on uncopied.
    if (statement.kind === "insert-rows" && statement.dataAt >= inUrl.trimEnd().length) {
      return { statement, rows: body, text: inUrl };
    }
  }
  const whole = query === "" ? body : Buffer.concat([Buffer.from(`${query}\n`, "utf8"), body]);
  const peeked = readStatement(whole.subarray(0, HEAD_BYTES).toString("latin1"));
  const rowsAt = peeked.kind === "insert-rows" ? peeked.dataAt : whole.length;
  const text = whole.subarray(0, rowsAt).toString("utf8");
  const rows = peeked.kind === "insert-rows" ? whole.subarray(rowsAt) : none;
  return { statement: readStatement(text, settings), rows, text };
}

/** A GET only reads, and so does a request that says `readonly`; the server enforces both before running anything. */
function refuseWritesBy(
  request: ClickhouseRequest,
  statement: Exclude<Statement, { kind: "empty" | "several" }>,
): void {
  const limited = (request.settings["readonly"] ?? "0") !== "0";
  if (request.method === "POST" && !limited) return;
  if (statement.kind === "select" || (statement.kind === "other" && READS.has(statement.verb))) return;
  const advice =
    "For queries over HTTP, method GET implies readonly. You should use method POST for modifying queries";
  refuse(
    "READONLY",
    limited ? "Cannot execute query in readonly mode" : `Cannot execute query in readonly mode. ${advice}`,
  );
}

function valuesFor(
  statement: Exclude<Statement, { kind: "empty" | "several" }>,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const values: Record<string, string> = {};
  // A parameterised view keeps its placeholders; whoever reads it gives the values.
  const creates = statement.kind === "other" && statement.verb === "CREATE";
  const parameterised = creates && statement.tokens.some(({ key, depth }) => key === "VIEW" && depth === 0);
  for (const name of statement.placeholders.keys()) {
    const value = given[name];
    if (value === undefined && parameterised) continue;
    if (value === undefined) refuse("UNKNOWN_QUERY_PARAMETER", `Substitution \`${name}\` is not set`);
    values[name] = value;
  }
  return values;
}

const tableKey = (into: Into, database: string): string => `${into.database ?? database}.${into.table}`;

function rowsWork(
  into: Into,
  format: string,
  rows: Buffer,
  settings: Readonly<Record<string, string>>,
): EngineStatement["work"] {
  const raw = RAW_ROWS.get(format.toLowerCase());
  const names = [
    ...(into.database === undefined ? [] : [into.database]),
    into.table,
    ...(into.columns ?? []),
  ];
  if (
    raw !== undefined &&
    into.plain &&
    into.settings !== undefined &&
    names.every((name) => PLAIN_NAME.test(name))
  ) {
    const table = into.database === undefined ? into.table : `${into.database}.${into.table}`;
    return {
      how: "rows",
      table,
      columns: into.columns,
      format: raw,
      settings: { ...settings, ...into.settings },
      rows,
    };
  }
  if (!PLAIN_NAME.test(format)) refuse("UNKNOWN_FORMAT", `Unknown format ${format.slice(0, 100)}`);
  const clause = [settingsList(settings), into.settingsText].filter((part) => part !== "").join(", ");
  const after = `${clause === "" ? "" : `SETTINGS ${clause} `}FORMAT ${format}`;
  return { how: "spool", before: `${into.head} FROM INFILE`, after, rows };
}
