// Plumbing: reads CSV and JSONL, plain or gzipped, row by row into a packer, in the file's own order, with memory flat in the number of
// rows. Never skips, repairs or reorders a row; what a row cannot be is reported, with its number. Asks no engine.
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { Fault } from "../core/fault.ts";
import { createCsvReader, type CsvRow } from "./csv.ts";
import type { CellWriter, RowPacker } from "./dataset-cells.ts";
import { droppedOf, place, rolesOf, UNLISTED, type Placement } from "./dataset-placement.ts";

/** Where rows came from and what was left out on the way. */
export type DatasetOrigin = {
  readonly kind: "csv" | "jsonl" | "parquet" | "sql";
  readonly digest: string;
  readonly dropped: readonly string[];
};

export type Reading = {
  readonly contract: FeatureContract;
  readonly packer: RowPacker;
  /** Awaited between chunks, so that a slow writer slows the reader. */
  flush(): Promise<void>;
};

const FORMAT = /\.(csv|tsv|jsonl|ndjson)(?:\.gz)?$/;

/** Whether a file's name says that `readText` reads it. */
export const isTextFile = (path: string): boolean => FORMAT.test(path.toLowerCase());

/** Reads a file to its end into the packer. */
export const readText = async (path: string, reading: Reading): Promise<DatasetOrigin> => {
  const format = FORMAT.exec(path.toLowerCase())?.[1];
  return readable(path, () =>
    format === "jsonl" || format === "ndjson" ? readJsonl(path, reading) : readCsv(path, reading),
  );
};

/** Says which file could not be read; what is a fault already says so itself. */
export const readable = async <T>(path: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    throw new Fault("poison", `${path} cannot be read`, { cause });
  }
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

/** A file's bytes as they lie on disk. */
export async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }))
    if (Buffer.isBuffer(chunk)) yield chunk;
}
