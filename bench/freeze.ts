// Bench `freeze`: `flyball data freeze` by the real command on made-up rows of twenty features, a time and a label, from every kind of
// source. The same rows must give the same digest whatever they came from, and the bench fails where they do not. Memory is that of
// the command and of the engine it starts, together, at a quarter of the rows and at all of them: it must not follow the rows.
import { spawn } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { startClickhouse } from "../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../src/adapters/clickhouse.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { watchMemory } from "./memory.ts";
import { machine } from "./processes.ts";

const CLI = join(projectRoot(), "dist", "src", "cli.js");
/** What the rows come as, and how the engine writes it. */
const FORMATS = [
  { source: "csv", file: "rows.csv", writes: "CSVWithNames" },
  { source: "csv.gz", file: "rows.csv.gz", writes: "CSVWithNames" },
  { source: "jsonl", file: "rows.jsonl", writes: "JSONEachRow" },
  { source: "parquet", file: "rows.parquet", writes: "Parquet" },
  // A query over the file before it.
  { source: "sql", file: "rows.parquet", writes: null },
] as const;

export interface FreezeBench {
  readonly name: "freeze";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: 1;
  readonly columns: number;
  readonly sources: readonly {
    readonly source: (typeof FORMATS)[number]["source"];
    readonly file_mb: number;
    readonly rows: number;
    readonly seconds: number;
    /** Largest sum of the two processes' resident memory, and the same at a quarter of the rows; null without /proc. */
    readonly rss_mb: number | null;
    readonly rss_mb_quarter: number | null;
  }[];
}

/** Measures; `rows` of the larger files. */
export const run = async (args: { json?: string; rows?: number } = {}): Promise<FreezeBench> => {
  const { rows = 1_000_000 } = args;
  const folder = await mkdtemp(join(tmpdir(), "flyball-bench-"));
  try {
    await writeFile(join(folder, "contract.yaml"), stringify(CONTRACT));
    const quarter = await freezeAll(folder, Math.floor(rows / 4));
    const whole = await freezeAll(folder, rows);
    const result: FreezeBench = {
      ...{ name: "freeze", machine: machine(), runs: 1, columns: Object.keys(CONTRACT.features).length + 2 },
      sources: whole.map((one, at) => ({ ...one, rss_mb_quarter: quarter[at]?.rss_mb ?? null })),
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const named = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${letter}${at + 1}`);
const CONTINUOUS = named("c", 14);
const ORDINAL = named("o", 3);
const NOMINAL = named("n", 3);

const CONTRACT = {
  name: "bench-freeze",
  version: "1.0.0",
  label: { name: "y", positive: 1, negative: 0 },
  event_time: "at",
  features: Object.fromEntries([
    ...CONTINUOUS.map((name) => [name, { kind: "continuous", min: -100, max: 100 }] as const),
    ...ORDINAL.map(
      (name) => [name, { kind: "ordinal", values: Array.from({ length: 24 }, (_, at) => at) }] as const,
    ),
    ...NOMINAL.map((name) => [name, { kind: "nominal", values: "frozen" }] as const),
  ]),
};

/** Every cell is a hash of its row and its column: the same at every run. */
const rowsSql = (): string => {
  const hash = (name: string, salt = 0): string => `cityHash64(number, '${name}', ${salt})`;
  const uniform = (name: string, salt: number): string =>
    `((${hash(name, salt)} % 1000000007 + 1) / 1000000008)`;
  const cells = [
    "toDateTime(978307200 + number * 30, 'UTC') AS at",
    ...CONTINUOUS.map(
      (name) =>
        `round(sqrt(-2 * log(${uniform(name, 1)})) * cos(2 * pi() * ${uniform(name, 2)}), 4) AS ${name}`,
    ),
    ...ORDINAL.map((name) => `toUInt8(${hash(name)} % 24) AS ${name}`),
    ...NOMINAL.map((name) => `concat('v', toString(${hash(name)} % 30)) AS ${name}`),
    `toUInt8(${hash("y")} % 5 = 0) AS y`,
  ];
  return `INSERT INTO FUNCTION file({file:String}, {format:String}) SELECT ${cells.join(", ")} FROM numbers({rows:UInt64}) SETTINGS output_format_parquet_row_group_size = 100000`;
};

type Measured = Omit<FreezeBench["sources"][number], "rss_mb_quarter">;

/** Writes the files, freezes each in a home of its own, and holds their digests against each other. */
const freezeAll = async (folder: string, rows: number): Promise<Measured[]> => {
  await makeFiles(folder, rows);
  const found: (Measured & { readonly digest: string })[] = [];
  for (const format of FORMATS) found.push(await freezeOnce(folder, rows, format));
  if (new Set(found.map(({ digest }) => digest)).size !== 1)
    throw new Error(
      `the same rows gave different datasets: ${found.map(({ source, digest }) => `${source} ${digest}`).join(", ")}`,
    );
  return found.map(({ digest: _, ...measured }) => measured);
};

const makeFiles = async (folder: string, rows: number): Promise<void> => {
  const path = join(folder, "engine");
  const engine = await startClickhouse({ path, allowFiles: true });
  const queriesDir = join(projectRoot(), "clickhouse", "queries");
  const clickhouse = createClickhouse({ url: engine.url, database: "default", queriesDir });
  try {
    for (const { file, writes } of FORMATS) {
      if (writes === null) continue;
      await rm(join(folder, file), { force: true });
      await clickhouse.command(rowsSql(), { rows, file: join(folder, file), format: writes });
    }
  } finally {
    await clickhouse.close();
    await engine.close();
    await rm(path, { recursive: true, force: true });
  }
};

const Frozen = z.looseObject({ ok: z.literal(true), digest: z.string(), rows: z.int() });

const freezeOnce = async (
  folder: string,
  rows: number,
  { source, file }: (typeof FORMATS)[number],
): Promise<Measured & { digest: string }> => {
  const home = join(folder, "home");
  const path = join(folder, file);
  const data = source === "sql" ? `sql:SELECT * FROM file('${path}', 'Parquet')` : path;
  const words = ["data", "freeze", data, "--contract", join(folder, "contract.yaml"), "--json"];
  const begin = performance.now();
  const child = spawn(process.execPath, [CLI, ...words], {
    env: { ...process.env, FLYBALL_HOME: home },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const watch = watchMemory(child.pid ?? 0);
  const code = await ended;
  const seconds = (performance.now() - begin) / 1000;
  const rssMb = await watch.end();
  if (code !== 0) throw new Error(`freezing ${source} ended with ${code}: ${said.slice(0, 2000)}`);
  const frozen = Frozen.parse(JSON.parse(said));
  if (frozen.rows !== rows) throw new Error(`${source}: ${frozen.rows} of ${rows} rows were frozen`);
  await rm(home, { recursive: true, force: true });
  process.stderr.write(`${rows} rows of ${source}: ${seconds.toFixed(1)} s, ${rssMb ?? "?"} MB\n`);
  const fileMb = Math.round((await stat(path)).size / 2 ** 20);
  return { source, file_mb: fileMb, rows, seconds, rss_mb: rssMb, digest: frozen.digest };
};
