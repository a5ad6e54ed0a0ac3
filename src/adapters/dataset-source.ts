// Plumbing: reads any source row by row into a packer: text files by themselves, Parquet and ClickHouse queries through the engine, in
// the source's own order, with memory flat in the number of rows. What a row cannot be is reported, with its number.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { Fault } from "../core/fault.ts";
import type { ValueClass } from "../core/findings.ts";
import { parquet, subquery, wireOf, type DatasetEngine, type Relation } from "./dataset-engine.ts";
import { place } from "./dataset-placement.ts";
import { bytesOf, isTextFile, readable, readText, type DatasetOrigin, type Reading } from "./dataset-text.ts";
import { createRowBinaryReader } from "./row-binary.ts";

/** What to read: a file, or a query with its parameters. */
export type DatasetInput =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "sql"; readonly sql: string; readonly parameters: Readonly<Record<string, string>> };

type SourceReading = Reading & { readonly engine: DatasetEngine };

/** Reads a source to its end into the packer. */
export const readSource = async (input: DatasetInput, reading: SourceReading): Promise<DatasetOrigin> => {
  if (input.kind === "sql") {
    const digest = sha256Hex(canonicalJson({ sql: input.sql, parameters: input.parameters }));
    return {
      kind: "sql",
      digest,
      dropped: await readRelation(subquery(input.sql, input.parameters), reading),
    };
  }
  const { path } = input;
  return isTextFile(path) ? readText(path, reading) : readable(path, () => readParquet(path, reading));
};

/** Reads `sql:@file` from disk; other queries are as they stand. */
export const sqlText = async (text: string): Promise<string> =>
  text.startsWith("@") ? readFile(text.slice(1), "utf8") : text;

const readParquet = async (path: string, reading: SourceReading): Promise<DatasetOrigin> => {
  if (!/\.(parquet|pq)$/.test(path.toLowerCase()))
    throw new Fault(
      "poison",
      `${path}: expected .csv, .jsonl (each also .gz), .parquet, or sql: and a query`,
    );
  const hash = createHash("sha256");
  for await (const chunk of bytesOf(path)) hash.update(chunk);
  const dropped = await readRelation(parquet(resolve(path)), reading);
  return { kind: "parquet", digest: hash.digest("hex"), dropped };
};

const readRelation = async (relation: Relation, reading: SourceReading): Promise<readonly string[]> => {
  const { engine, packer } = reading;
  const available = await engine.describe(relation);
  const places = place(
    available.map((column) => column.name),
    reading,
  );
  const present = packer.cells.flatMap((cell, index) => {
    const column = available[places.sources[index] ?? -1];
    return column === undefined ? [] : [{ cell, column, wire: wireOf(column.type) }];
  });
  const absent = packer.cells.filter((cell) => !present.some((p) => p.cell === cell) && cell.column.nullable);
  let number = 0;
  const reader = createRowBinaryReader(
    present.map(({ wire }) => (wire === "number" || wire === "micros" ? "eight" : "text")),
    ({ bytes, starts, ends }) => {
      packer.begin(++number);
      for (let index = 0; index < present.length; index++) {
        const from = starts[index] ?? -1;
        const column = present[index];
        if (column === undefined) continue;
        if (from < 0) column.cell.gap("null");
        else if (column.wire === "number") column.cell.number(bytes.readDoubleLE(from));
        else if (column.wire === "micros") column.cell.micros(Number(bytes.readBigInt64LE(from)));
        else if (column.wire === "text") column.cell.text(bytes.toString("utf8", from, ends[index]));
        else column.cell.wrong(ODD[column.wire]);
      }
      for (const cell of absent) cell.gap("absent");
      packer.end();
    },
  );
  const rows = await engine.rows(
    relation,
    present.map(({ column }) => column),
  );
  for await (const chunk of rows) {
    reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    await reading.flush();
  }
  // A stream that breaks off may end between two rows: only the count shows it.
  if (!reader.end() || number !== (await engine.count(relation)))
    throw new Fault("transient", "the engine's answer broke off, or the query gives other rows each time");
  return places.dropped;
};

const ODD = { boolean: "boolean", other: "object" } as const satisfies Record<string, ValueClass>;
