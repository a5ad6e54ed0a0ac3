// Plumbing: the embedded engine as `data freeze` and dataset readers use it, over the ClickHouse HTTP interface. The one place
// outside clickhouse/queries where SQL is written: these statements are lists of a contract's columns, so they cannot be files.
// Every name is quoted and every value travels as a parameter or a quoted literal; nothing is pasted.
import { z } from "zod";
import { Fault } from "../core/fault.ts";
import type { FrozenColumn } from "./dataset-rows.ts";

export type DatasetEngine = ReturnType<typeof createDatasetEngine>;
/** A column of something readable: its name and ClickHouse type. */
export type EngineColumn = { readonly name: string; readonly type: string };
/** How a column travels from the engine: eight bytes (a double or microseconds) or text. */
export type Wire = "number" | "micros" | "text" | "boolean" | "other";

/** Order matters more than speed wherever rows are read: one thread reads a file from its first row to its last. */
const IN_ORDER =
  "max_threads = 1, max_parsing_threads = 1, input_format_parquet_preserve_order = 1, " +
  "storage_file_read_method = 'pread'"; // mapped files would count as memory of their own size

/** Opens the engine's interface at a URL. */
export const createDatasetEngine = (url: string) => {
  const ask = async (
    statement: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Response> => {
    const search = new URLSearchParams(
      Object.entries(parameters).map(([name, value]): [string, string] => [`param_${name}`, value]),
    );
    const response = await fetch(`${url}/?${search.toString()}`, { method: "POST", body: statement }).catch(
      (cause: unknown) => {
        throw new Fault("transient", "the engine does not answer", { cause });
      },
    );
    if (response.ok && !response.headers.has("x-clickhouse-exception-code")) return response;
    const message = (await response.text()).split("\n")[0] ?? "";
    throw new Fault("poison", `the engine refused: ${message.slice(0, 500)}`);
  };
  const run = async (statement: string): Promise<void> => {
    await (await ask(statement)).arrayBuffer();
  };
  const number = async (statement: string, parameters: Readonly<Record<string, string>>): Promise<number> =>
    Number((await (await ask(`${statement} FORMAT TSV`, parameters)).text()).trim());

  return {
    /** The columns of a relation, without reading its rows. */
    describe: async (relation: Relation): Promise<EngineColumn[]> => {
      const answer = await ask(`DESCRIBE TABLE ${relation.sql} FORMAT TSV`, relation.parameters);
      return (await answer.text())
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => line.split("\t"))
        .map(([name = "", type = ""]) => ({ name: unescapeTsv(name), type: unescapeTsv(type) }));
    },
    count: (relation: Relation): Promise<number> =>
      number(`SELECT count() FROM ${relation.sql} SETTINGS ${IN_ORDER}`, relation.parameters),
    /** Streams columns in the relation's own order, each Nullable, as RowBinary. */
    rows: async (
      relation: Relation,
      columns: readonly EngineColumn[],
    ): Promise<AsyncIterable<Uint8Array>> => {
      const list = columns.map(({ name, type }) => wireExpression(quoted(name), wireOf(type))).join(", ");
      const statement = `SELECT ${list} FROM ${relation.sql} SETTINGS ${IN_ORDER} FORMAT RowBinary`;
      return bodyOf(await ask(statement, relation.parameters));
    },
    /** Turns a file of RowBinary rows into a Parquet file, in order, and says how many rows that has. */
    writeParquet: async (
      rows: string,
      columns: readonly FrozenColumn[],
      file: string,
      rowNumbers: "kept" | "left out" = "kept",
    ): Promise<number> => {
      const structure = literal(["`__row` UInt64", ...columns.map(definition)].join(", "));
      await run(
        `INSERT INTO FUNCTION file(${literal(file)}, 'Parquet') ` +
          `SELECT * ${rowNumbers === "kept" ? "" : "EXCEPT __row "}FROM file(${literal(rows)}, 'RowBinary', ${structure}) ` +
          `SETTINGS ${IN_ORDER}, max_insert_threads = 1, output_format_parquet_compression_method = 'zstd', ` +
          // Small row groups keep the writer's memory flat: it holds a whole one.
          `output_format_parquet_row_group_size = 100000, output_format_parquet_row_group_size_bytes = 33554432`,
      );
      return number(`SELECT count() FROM ${parquet(file).sql}`, {});
    },
    /** One column of a frozen file, whole: doubles (NaN for NULL), microseconds, bytes or text. */
    column: async (file: string, column: FrozenColumn | "row numbers"): Promise<Buffer> => {
      const cells =
        column === "row numbers" ? "toFloat64(__row)" : readExpression(quoted(column.name), column);
      const statement = `SELECT ${cells} FROM ${parquet(file).sql} SETTINGS ${IN_ORDER} FORMAT RowBinary`;
      return Buffer.from(await (await ask(statement)).arrayBuffer());
    },
    /** The numbers of one column of so many rows in ascending order, missing ones left out (NaN comes last). */
    sorted: async (relation: Relation, name: string, rows: number): Promise<Float64Array> => {
      const statement =
        `SELECT assumeNotNull(toFloat64(${quoted(name)})) AS v FROM ${relation.sql} ` +
        `WHERE ${quoted(name)} IS NOT NULL ORDER BY v FORMAT RowBinary`;
      return doublesOf(bodyOf(await ask(statement, relation.parameters)), rows);
    },
    /** How often each value of one column occurs, as text; null counts what is missing. */
    counts: async (relation: Relation, name: string): Promise<Map<string | null, number>> => {
      const statement =
        `SELECT CAST(${quoted(name)} AS Nullable(String)) AS v, toFloat64(count()) FROM ${relation.sql} ` +
        `GROUP BY v FORMAT JSONCompactEachRow`;
      const lines = (await (await ask(statement, relation.parameters)).text()).split("\n");
      const pairs = lines.filter((line) => line !== "").map((line) => Counted.parse(JSON.parse(line)));
      return new Map(pairs);
    },
  };
};

const Counted = z.tuple([z.string().nullable(), z.number()]);

/** Something to select from, with the parameters its text refers to. */
export type Relation = { readonly sql: string; readonly parameters: Readonly<Record<string, string>> };

/** A Parquet file as a relation. */
export const parquet = (file: string): Relation => ({
  sql: `file(${literal(file)}, 'Parquet')`,
  parameters: {},
});

/** A user's query as a relation; the line end keeps a trailing comment from swallowing the bracket. */
export const subquery = (sql: string, parameters: Readonly<Record<string, string>>): Relation => ({
  sql: `(\n${sql.trim().replace(/;+$/, "")}\n)`,
  parameters,
});

/** How a column of a ClickHouse type travels. */
export const wireOf = (type: string): Wire => {
  const bare = /^(?:LowCardinality\()?(?:Nullable\()?([A-Za-z]+\d*)/.exec(type)?.[1] ?? "";
  if (/^(U?Int\d+|Float\d+|BFloat16|Decimal\d*)$/.test(bare)) return "number";
  if (/^Date(32|Time|Time64)?$/.test(bare)) return "micros";
  if (/^(String|FixedString|Enum\d*|UUID)$/.test(bare)) return "text";
  return bare === "Bool" ? "boolean" : "other";
};

const wireExpression = (name: string, wire: Wire): string => {
  switch (wire) {
    case "number":
      return `toNullable(toFloat64(${name}))`;
    case "micros":
      return `toNullable(toUnixTimestamp64Micro(toDateTime64(${name}, 6, 'UTC')))`;
    case "text":
    case "boolean":
      return `CAST(${name} AS Nullable(String))`;
    case "other": // only its presence is of interest: no column takes such a value
      return `CAST('' AS Nullable(String))`;
  }
};

const readExpression = (name: string, column: FrozenColumn): string => {
  switch (column.type) {
    case "Float64":
      return `assumeNotNull(ifNull(${name}, nan))`;
    case "UInt8":
      return `assumeNotNull(ifNull(${name}, 255))::UInt8`;
    case "String":
      return `toNullable(${name})`;
    case "DateTime64(6, 'UTC')":
      return `toFloat64(toUnixTimestamp64Micro(assumeNotNull(${name})))`;
  }
};

const definition = ({ name, type, nullable }: FrozenColumn): string =>
  `${quoted(name)} ${nullable ? `Nullable(${type})` : type}`;

/** A column without a name (row numbers often have none) needs one in SQL and in Parquet. */
const UNNAMED = "__unnamed";
const quoted = (name: string): string => `\`${escaped(name === "" ? UNNAMED : name, "`")}\``;
const literal = (text: string): string => `'${escaped(text, "'")}'`;
const escaped = (text: string, quote: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll(quote, `\\${quote}`);

/** Undoes what TSV escapes in names and types. */
const unescapeTsv = (text: string): string =>
  text.replace(/\\(.)/g, (_, c: string) => (c === "t" ? "\t" : c === "n" ? "\n" : c));

/** Fills one array as the bytes come: columns of a wide file in several copies kept the collector busy. Little-endian, as the platform is. */
const doublesOf = async (chunks: AsyncIterable<Uint8Array>, most: number): Promise<Float64Array> => {
  const values = new Float64Array(most);
  const bytes = new Uint8Array(values.buffer);
  let at = 0;
  for await (const chunk of chunks) {
    if (at + chunk.length > bytes.length)
      throw new Fault("transient", "the engine gave more rows than it has");
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (at % 8 !== 0) throw new Fault("transient", "the engine's answer broke off");
  return values.subarray(0, at / 8);
};

async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}
