// Plumbing: a file of labels row by row: CSV (also TSV), JSONL, each also .gz, or Parquet through an engine. Cells come out as the words of
// `POST /api/v1/labels`, times in UTC; whether they hold together is for that word to say. Never skips or repairs a row.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { timeInText } from "../core/text-cells.ts";
import { Fault } from "../core/fault.ts";
import { createCsvReader } from "./csv.ts";
import { createDatasetEngine, parquet, wireOf } from "./dataset-engine.ts";
import { objectIn, plainBytes, textLines } from "./dataset-text.ts";
import { createRowBinaryReader } from "./row-binary.ts";

export interface LabelLine {
  /** From 1; a CSV's header is not counted. */
  readonly row: number;
  /** Null where the row cannot be read at all. */
  readonly item: Readonly<Record<string, unknown>> | null;
}

/** Lends an engine's URL; asked for Parquet only. */
export type WithEngine = <T>(use: (url: string) => Promise<T>) => Promise<T>;

/** Calls `take` for every row in the file's order, waiting for it. */
export const readLabelFile = async (
  path: string,
  withEngine: WithEngine,
  take: (lines: readonly LabelLine[]) => Promise<void> | void,
): Promise<void> => {
  const format = /\.(csv|tsv|jsonl|ndjson)(?:\.gz)?$/.exec(path.toLowerCase())?.[1];
  if (format === "csv") return readCsv(path, ",", take);
  if (format === "tsv") return readCsv(path, "\t", take);
  if (format !== undefined) return readJsonl(path, take);
  if (/\.(parquet|pq)$/.test(path.toLowerCase()))
    return withEngine((url) => readParquet(resolve(path), url, take));
  throw new Fault("poison", `${path}: expected .csv, .tsv, .jsonl (each also .gz) or .parquet`);
};

const readCsv = async (
  path: string,
  delimiter: string,
  take: (lines: readonly LabelLine[]) => Promise<void> | void,
): Promise<void> => {
  let header: readonly string[] | null = null;
  let lines: LabelLine[] = [];
  const csv = createCsvReader({
    delimiter,
    onRow: (row, number) => {
      const cells = Array.from({ length: row.cells }, (_, i) =>
        row.bytes.toString("utf8", row.starts[i], row.ends[i]),
      );
      if (header === null) header = cells;
      else
        lines.push({ row: number - 1, item: cells.length === header.length ? itemOf(header, cells) : null });
    },
    onProblem: (_, number) => void lines.push({ row: number - 1, item: null }),
  });
  for await (const chunk of plainBytes(path, createHash("sha256"))) {
    csv.push(chunk);
    await take(lines);
    lines = [];
  }
  csv.end();
  await take(lines);
};

/** An empty cell says nothing; a number is one, so that 1 in a file is the contract's 1. */
const itemOf = (header: readonly string[], cells: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(
    header.flatMap((name, i) => {
      const text = cells[i] ?? "";
      if (text === "") return [];
      if (name === "label") return [[name, /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text]];
      return [[name, TIMES.has(name) ? utc(text) : text]];
    }),
  );

const readJsonl = async (
  path: string,
  take: (lines: readonly LabelLine[]) => Promise<void> | void,
): Promise<void> => {
  let row = 0;
  for await (const texts of textLines(path, createHash("sha256")))
    await take(
      texts
        .filter((text) => text.trim() !== "")
        .map((text) => {
          const found = objectIn(text);
          const entries = [...(found ?? [])].map(([name, value]): [string, unknown] => [
            name,
            TIMES.has(name) && typeof value === "string" ? utc(value) : value,
          ]);
          return { row: ++row, item: found === null ? null : Object.fromEntries(entries) };
        }),
    );
};

const readParquet = async (
  file: string,
  url: string,
  take: (lines: readonly LabelLine[]) => Promise<void> | void,
): Promise<void> => {
  const engine = createDatasetEngine(url);
  const relation = parquet(file);
  const columns = await engine.describe(relation);
  const wires = columns.map(({ type }) => wireOf(type));
  let row = 0;
  let lines: LabelLine[] = [];
  const reader = createRowBinaryReader(
    wires.map((wire) => (wire === "number" || wire === "micros" ? "eight" : "text")),
    ({ bytes, starts, ends }) => {
      const item: Record<string, unknown> = {};
      columns.forEach(({ name }, i) => {
        const from = starts[i] ?? -1;
        if (from < 0) return;
        const wire = wires[i];
        if (wire === "number") item[name] = bytes.readDoubleLE(from);
        else if (wire === "micros")
          item[name] = new Date(Math.floor(Number(bytes.readBigInt64LE(from)) / 1_000)).toISOString();
        else {
          const text = bytes.toString("utf8", from, ends[i]);
          item[name] = wire === "boolean" ? text === "true" : TIMES.has(name) ? utc(text) : text;
        }
      });
      lines.push({ row: ++row, item });
    },
  );
  for await (const chunk of await engine.rows(relation, columns)) {
    reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    await take(lines);
    lines = [];
  }
  if (!reader.end()) throw new Fault("transient", `${file}: the engine's answer broke off`);
};

const TIMES: ReadonlySet<string> = new Set(["observed_at", "received_at"]);

/** A time without a zone is UTC; what is no time is passed on, for the word to refuse. */
const utc = (text: string): string => {
  const micros = timeInText(text);
  return micros === null ? text : new Date(Math.floor(micros / 1_000)).toISOString();
};
