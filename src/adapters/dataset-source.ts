// Plumbing: reads CSV, JSONL, Parquet or a ClickHouse query row by row into a packer, in the source's own order, with memory
// flat in the number of rows. Never skips, repairs or reorders a row; what a row cannot be is reported, with its number.
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createGunzip } from "node:zlib";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { Fault } from "../core/fault.ts";
import type { ValueClass } from "../core/findings.ts";
import { nearestWord } from "../core/nearest.ts";
import { createCsvReader, type CsvRow } from "./csv.ts";
import type { CellWriter, RowPacker } from "./dataset-cells.ts";
import { parquet, subquery, wireOf, type DatasetEngine, type Relation } from "./dataset-engine.ts";
import { createRowBinaryReader } from "./row-binary.ts";

/** What to read: a file, or a query with its parameters. */
export type DatasetInput =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "sql"; readonly sql: string; readonly parameters: Readonly<Record<string, string>> };

/** Where rows came from and what was left out on the way. */
export type DatasetOrigin = {
  readonly kind: "csv" | "jsonl" | "parquet" | "sql";
  readonly digest: string;
  readonly dropped: readonly string[];
};

type Reading = {
  readonly contract: FeatureContract;
  readonly packer: RowPacker;
  readonly engine: DatasetEngine;
  /** Awaited between chunks, so that a slow writer slows the reader. */
  flush(): Promise<void>;
};

/** Reads a source to its end into the packer. */
export const readSource = async (input: DatasetInput, reading: Reading): Promise<DatasetOrigin> => {
  if (input.kind === "sql") {
    const digest = sha256Hex(canonicalJson({ sql: input.sql, parameters: input.parameters }));
    return {
      kind: "sql",
      digest,
      dropped: await readRelation(subquery(input.sql, input.parameters), reading),
    };
  }
  const format = FORMAT.exec(input.path.toLowerCase())?.[1];
  try {
    switch (format) {
      case "csv":
      case "tsv":
        return await readCsv(input.path, reading);
      case "jsonl":
      case "ndjson":
        return await readJsonl(input.path, reading);
      default:
        return await readParquet(input.path, reading);
    }
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("poison", `${input.path} cannot be read`, { cause });
  }
};

const FORMAT = /\.(csv|tsv|jsonl|ndjson)(?:\.gz)?$/;

/** Reads `sql:@file` from disk; other queries are as they stand. */
export const sqlText = async (text: string): Promise<string> =>
  text.startsWith("@") ? readFile(text.slice(1), "utf8") : text;

const readParquet = async (path: string, reading: Reading): Promise<DatasetOrigin> => {
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

const readCsv = async (path: string, reading: Reading): Promise<DatasetOrigin> => {
  const { contract, packer } = reading;
  let places: Placement | null = null;
  const csv = createCsvReader({
    delimiter: contract.source.delimiter,
    onRow: (row, number) => {
      if (places === null) places = place(headerOf(row), reading);
      else packCsvRow(row, number - 1, places, packer);
    },
    onProblem: (problem, number) =>
      packer.report(
        { row: number - 1, column: "", class: "text", rule: problem },
        "expected quotes only around a whole cell, doubled inside it",
      ),
  });
  const hash = createHash("sha256");
  for await (const chunk of plainBytes(path, hash)) {
    csv.push(chunk);
    await reading.flush();
  }
  csv.end();
  return { kind: "csv", digest: hash.digest("hex"), dropped: droppedOf(places) };
};

const packCsvRow = (row: CsvRow, number: number, { sources, width }: Placement, packer: RowPacker): void => {
  if (row.cells !== width) {
    const message = `expected ${width} cells, as in the header`;
    return packer.report({ row: number, column: "", class: "text", rule: "cells" }, message);
  }
  packer.begin(number);
  for (let index = 0; index < packer.cells.length; index++) {
    const cell = packer.cells[index];
    const at = sources[index] ?? -1;
    if (cell === undefined) continue;
    if (at >= 0) cell.bytes(row.bytes, row.starts[at] ?? 0, row.ends[at] ?? 0);
    else if (cell.column.nullable && cell.column.role === "label") cell.gap("absent");
  }
  packer.end();
};

const headerOf = (row: CsvRow): string[] =>
  Array.from({ length: row.cells }, (_, i) => row.bytes.toString("utf8", row.starts[i], row.ends[i]));

const readJsonl = async (path: string, reading: Reading): Promise<DatasetOrigin> => {
  const { contract, packer } = reading;
  const roles = rolesOf(contract, packer);
  const dropped = new Set<string>();
  const hash = createHash("sha256");
  let number = 0;
  const line = (text: string): void => {
    number++;
    const row = objectIn(text);
    if (row === null)
      return packer.report(
        { row: number, column: "", class: "text", rule: "json" },
        "expected a JSON object a line",
      );
    packer.begin(number);
    for (const cell of packer.cells) giveJson(cell, row.get(cell.column.name));
    for (const key of row.keys()) {
      const role = roles.get(key);
      if (role === "forbidden") dropped.add(key);
      else if (role === undefined)
        packer.report(
          { row: number, column: key.slice(0, 64), class: "object", rule: "unlisted_column" },
          UNLISTED,
        );
    }
    packer.end();
  };
  for await (const lines of textLines(path, hash)) {
    for (const text of lines) line(text);
    await reading.flush();
  }
  return { kind: "jsonl", digest: hash.digest("hex"), dropped: [...dropped].sort() };
};

/** The lines of a UTF-8 text file, some at a time; bytes that are not UTF-8 are an error. */
export async function* textLines(path: string, hash: Hash): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of plainBytes(path, hash)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield lines;
  }
  rest += decoder.decode();
  if (rest !== "") yield [rest];
}

const giveJson = (cell: CellWriter, value: unknown): void => {
  if (typeof value === "number") cell.number(value);
  else if (typeof value === "string") cell.text(value);
  else if (value === undefined) cell.gap("absent");
  else if (value === null) cell.gap("null");
  else cell.wrong(typeof value === "boolean" ? "boolean" : "object");
};

/** A JSON object's entries, or null where the text is none. */
export const objectIn = (text: string): ReadonlyMap<string, unknown> | null => {
  try {
    const value: unknown = JSON.parse(text);
    const isRow = typeof value === "object" && value !== null && !Array.isArray(value);
    return isRow ? new Map(Object.entries(value)) : null;
  } catch {
    return null; // not JSON: the caller reports the line
  }
};

const readRelation = async (relation: Relation, reading: Reading): Promise<readonly string[]> => {
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
const UNLISTED = "not in the contract: list the column as forbidden, or remove it";

/** Where each frozen column lies in the source (−1: absent), how wide a row is, and which forbidden columns are left out. */
type Placement = {
  readonly sources: readonly number[];
  readonly width: number;
  readonly dropped: readonly string[];
};

const droppedOf = (places: Placement | null): readonly string[] => places?.dropped ?? [];

const place = (header: readonly string[], { contract, packer }: Reading): Placement => {
  const roles = rolesOf(contract, packer);
  header.forEach((name, index) => {
    if (!roles.has(name)) {
      const near = nearestWord(name, [...roles.keys()]);
      const hint = near === null || header.includes(near) ? "" : `; did you mean ${near}?`;
      packer.report({ row: null, column: name, class: "text", rule: "unlisted_column" }, UNLISTED + hint);
    } else if (header.indexOf(name) < index)
      packer.report(
        { row: null, column: name, class: "text", rule: "duplicate_column" },
        "expected each column once",
      );
  });
  const sources = packer.cells.map(({ column }) => {
    const at = header.indexOf(column.name);
    const optional = column.role === "label" && column.nullable;
    if (at < 0 && !optional)
      packer.report(
        { row: null, column: column.name, class: "absent", rule: "missing_column" },
        `expected a column for the ${column.role.replace("_", " ")} ${column.name}`,
      );
    return at;
  });
  const dropped = contract.forbidden.filter((name) => header.includes(name)).sort();
  return { sources, width: header.length, dropped };
};

const rolesOf = (contract: FeatureContract, packer: RowPacker): ReadonlyMap<string, string> =>
  new Map([
    ...packer.cells.map(({ column }): [string, string] => [column.name, column.role]),
    ...contract.forbidden.map((name): [string, string] => [name, "forbidden"]),
  ]);

/** A file's content, unzipped where its name ends in .gz; the hash is of the bytes on disk. */
export async function* plainBytes(path: string, hash: Hash): AsyncGenerator<Buffer> {
  if (!path.toLowerCase().endsWith(".gz")) {
    for await (const chunk of bytesOf(path)) {
      hash.update(chunk);
      yield chunk;
    }
    return;
  }
  const file = createReadStream(path, { highWaterMark: 1 << 18 });
  const plain = createGunzip({ chunkSize: 1 << 18 });
  file.on("data", (chunk) => void hash.update(chunk));
  file.on("error", (error) => void plain.destroy(error));
  file.pipe(plain);
  for await (const chunk of plain) if (Buffer.isBuffer(chunk)) yield chunk;
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }))
    if (Buffer.isBuffer(chunk)) yield chunk;
}
