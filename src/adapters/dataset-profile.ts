// Plumbing: looks at every column of a file to draft a contract from: types, ranges, distinct values, spellings of "missing",
// and how much a column alone says about the label. One pass; memory is bounded by the columns, not the rows.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { Fault } from "../core/fault.ts";
import type { ColumnProfile } from "../core/infer.ts";
import { timeInText } from "../core/text-cells.ts";
import { createCsvReader } from "./csv.ts";
import { createDatasetEngine, parquet, wireOf } from "./dataset-engine.ts";
import { objectIn, plainBytes, textLines } from "./dataset-text.ts";
import { createRowBinaryReader } from "./row-binary.ts";

const DISTINCT_MAX = 50_000;
/** Rows whose values are kept to rank them against the label. */
const RANKED_ROWS_MAX = 100_000;
const SUSPECTS = new Set(["", "NA", "N/A", "NULL", "null", "NaN", "nan", "?"]);
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Profiles the columns of a CSV, JSONL or (with an engine) Parquet file. */
export const profileDataset = async (
  path: string,
  options: { label: string; delimiter?: string; engineUrl?: string },
): Promise<{ columns: ColumnProfile[]; delimiter: string }> => {
  const hash = createHash("sha256"); // the readers want one; a draft has no use for it
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(path)) {
    const table = createTable(options.label);
    for await (const lines of textLines(path, hash))
      for (const line of lines) {
        const row = objectIn(line);
        if (row === null) throw new Fault("poison", `${path}: expected a JSON object a line`);
        table.row([...row].map(([name, value]): [string, string] => [name, textOf(value)]));
      }
    return { columns: table.profiles(), delimiter: "," };
  }
  if (options.engineUrl !== undefined)
    return { columns: await profileParquet(path, options.label, options.engineUrl), delimiter: "," };
  return profileCsv(path, options);
};

const textOf = (value: unknown): string =>
  value === null || value === undefined
    ? ""
    : typeof value === "object"
      ? JSON.stringify(value)
      : String(value);

const profileCsv = async (
  path: string,
  options: { label: string; delimiter?: string },
): Promise<{ columns: ColumnProfile[]; delimiter: string }> => {
  const table = createTable(options.label);
  let header: string[] | null = null;
  const open = (delimiter: string) =>
    createCsvReader({
      delimiter,
      onRow: ({ bytes, starts, ends, cells }, number) => {
        const texts = Array.from({ length: cells }, (_, i) => bytes.toString("utf8", starts[i], ends[i]));
        if (header === null) header = texts;
        else if (texts.length !== header.length)
          throw new Fault(
            "poison",
            `${path}: row ${number - 1} has ${texts.length} cells, the header ${header.length}`,
          );
        else table.row(header.map((name, i): [string, string] => [name, texts[i] ?? ""]));
      },
      onProblem: (problem, number) => {
        throw new Fault("poison", `${path}: row ${number - 1}: ${problem}`);
      },
    });
  let delimiter = options.delimiter;
  let csv: ReturnType<typeof createCsvReader> | null = null;
  for await (const chunk of plainBytes(path, createHash("sha256"))) {
    delimiter ??= commonestDelimiter(chunk);
    csv ??= open(delimiter);
    csv.push(chunk);
  }
  csv?.end();
  return { columns: table.profiles(), delimiter: delimiter ?? "," };
};

const commonestDelimiter = (chunk: Buffer): string => {
  const line = chunk.toString("utf8", 0, Math.max(0, chunk.indexOf(0x0a)));
  const counts = [",", ";", "\t", "|"].map((c): [string, number] => [c, line.split(c).length]);
  return counts.reduce((best, next) => (next[1] > best[1] ? next : best))[0];
};

const profileParquet = async (path: string, label: string, engineUrl: string): Promise<ColumnProfile[]> => {
  const engine = createDatasetEngine(engineUrl);
  const relation = parquet(resolve(path));
  const available = await engine.describe(relation);
  const wires = available.map(({ type }) => wireOf(type));
  const table = createTable(label);
  const reader = createRowBinaryReader(
    wires.map((wire) => (wire === "number" || wire === "micros" ? "eight" : "text")),
    ({ bytes, starts, ends }) =>
      table.row(
        available.map(({ name }, i): [string, string] => {
          const from = starts[i] ?? -1;
          if (from < 0) return [name, ""];
          if (wires[i] === "number") return [name, String(bytes.readDoubleLE(from))];
          if (wires[i] === "micros")
            return [name, new Date(Number(bytes.readBigInt64LE(from)) / 1000).toISOString()];
          return [name, bytes.toString("utf8", from, ends[i])];
        }),
      ),
  );
  for await (const chunk of await engine.rows(relation, available)) reader.push(Buffer.from(chunk));
  return table.profiles();
};

/** Collects cells by column, and the label beside them. */
const createTable = (label: string) => {
  const columns = new Map<string, ReturnType<typeof createColumn>>();
  const labels: string[] = [];
  let rows = 0;
  return {
    row: (cells: readonly [string, string][]): void => {
      const at = rows++;
      for (const [name, text] of cells) {
        let column = columns.get(name);
        if (column === undefined) columns.set(name, (column = createColumn()));
        column.add(at, text);
        if (name === label && at < RANKED_ROWS_MAX) labels[at] = text;
      }
    },
    profiles: (): ColumnProfile[] => {
      const global = new Set(["", "NULL", "null"]);
      for (const column of columns.values()) for (const text of column.certainGaps()) global.add(text);
      return [...columns].map(([name, column]) =>
        column.profile(name, rows, global, name === label ? [] : labels),
      );
    },
  };
};

const createColumn = () => {
  const counts = new Map<string, number>();
  const ranked: { at: number; text: string }[] = [];
  const seen = { cells: 0, numbers: 0, integers: 0, times: 0, min: Infinity, max: -Infinity, more: false };
  const suspects = new Map<string, number>();
  const count = (text: string, times: number): void => {
    const before = counts.get(text);
    if (before !== undefined || counts.size < DISTINCT_MAX) counts.set(text, (before ?? 0) + times);
    else seen.more = true;
  };
  return {
    add: (at: number, text: string): void => {
      if (SUSPECTS.has(text)) return void suspects.set(text, (suspects.get(text) ?? 0) + 1);
      seen.cells++;
      count(text, 1);
      if (at < RANKED_ROWS_MAX) ranked.push({ at, text });
      if (NUMBER.test(text)) {
        const value = Number(text);
        seen.numbers++;
        if (Number.isInteger(value)) seen.integers++;
        seen.min = Math.min(seen.min, value);
        seen.max = Math.max(seen.max, value);
      } else if (timeInText(text) !== null) seen.times++;
    },
    /** Spellings that must mean "missing" here, because everything else is a number or a time. */
    certainGaps: (): string[] =>
      seen.cells > 0 && (seen.numbers === seen.cells || seen.times === seen.cells)
        ? [...suspects.keys()]
        : [],
    profile: (
      name: string,
      total: number,
      global: ReadonlySet<string>,
      labels: readonly string[],
    ): ColumnProfile => {
      const missing: Record<string, number> = {};
      let given = seen.cells;
      for (const [text, times] of suspects)
        if (global.has(text)) [missing[text], given] = [times, given + times];
        else {
          count(text, times);
          given += times;
        }
      if (given < total) missing[""] = (missing[""] ?? 0) + (total - given); // keys absent from JSON objects
      const values = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([text]) => text);
      const numeric = seen.numbers === seen.cells;
      const repeats = counts.size * 20 <= seen.cells && !seen.more;
      const labelAuc = labels.length > 0 && (numeric || repeats) ? aucOf(ranked, labels, numeric) : null;
      const hasGaps = Object.keys(missing).length > 0;
      const presenceAuc = labels.length > 0 && hasGaps ? presenceAucOf(ranked, labels) : null;
      const { numbers, integers, times, min, max, more } = seen;
      return {
        name,
        rows: total,
        missing,
        numbers,
        integers,
        times,
        min,
        max,
        values,
        distinct: counts.size,
        more,
        labelAuc,
        presenceAuc,
      };
    },
  };
};

/** ROC-AUC of one column: numbers by their order, text by each value's share of the label; direction does not matter. */
const aucOf = (
  cells: readonly { at: number; text: string }[],
  labels: readonly string[],
  numeric: boolean,
): number | null => {
  const positive = labels.find((text) => !SUSPECTS.has(text));
  const groups = new Map<string, { positives: number; negatives: number }>();
  for (const { at, text } of cells) {
    const label = labels[at];
    if (label === undefined || SUSPECTS.has(label)) continue;
    const key = numeric ? String(Number(text)) : text;
    const group = groups.get(key) ?? { positives: 0, negatives: 0 };
    if (label === positive) group.positives++;
    else group.negatives++;
    groups.set(key, group);
  }
  const share = (g: { positives: number; negatives: number }) => g.positives / (g.positives + g.negatives);
  const ordered = [...groups].sort(([a, x], [b, y]) =>
    numeric ? Number(a) - Number(b) : share(x) - share(y),
  );
  let [positivesBelow, negativesBelow, wins] = [0, 0, 0];
  for (const [, { positives, negatives }] of ordered) {
    wins += positives * (negativesBelow + negatives / 2);
    positivesBelow += positives;
    negativesBelow += negatives;
  }
  if (positivesBelow === 0 || negativesBelow === 0) return null;
  const auc = wins / (positivesBelow * negativesBelow);
  return Math.max(auc, 1 - auc);
};

/** ROC-AUC of nothing but whether a cell is given: a date of cancellation says that there was one. */
const presenceAucOf = (cells: readonly { at: number }[], labels: readonly string[]): number | null => {
  const positive = labels.find((text) => !SUSPECTS.has(text));
  const given = new Set(cells.map(({ at }) => at));
  const seen = { positives: 0, negatives: 0, positivesGiven: 0, negativesGiven: 0 };
  labels.forEach((label, at) => {
    if (SUSPECTS.has(label)) return;
    seen[label === positive ? "positives" : "negatives"]++;
    if (given.has(at)) seen[label === positive ? "positivesGiven" : "negativesGiven"]++;
  });
  if (seen.positives === 0 || seen.negatives === 0) return null;
  return 0.5 + Math.abs(seen.positivesGiven / seen.positives - seen.negativesGiven / seen.negatives) / 2;
};
