// Bench `compare`: `flyball drift compare` by the real command on two made-up files of a million rows and fifty columns, as Parquet and
// as CSV, with the table in the terminal and the HTML file. The second file differs in six columns, and the bench fails where other
// features than those are found. Memory is that of the command and of the engine it starts, together.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { startClickhouse } from "../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../src/adapters/clickhouse.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { watchMemory } from "./memory.ts";
import { machine, median } from "./processes.ts";

const CONTINUOUS = 40;
const ORDINAL = 5;
const NOMINAL = 5;
/** Columns of the second file that differ from the first. */
const MOVED = ["c1", "c2", "c3", "o1", "n1", "n2"];
const FORMATS = ["parquet", "csv"] as const;
const CLI = join(projectRoot(), "dist", "src", "cli.js");

export interface CompareBench {
  readonly name: "compare";
  readonly machine: ReturnType<typeof machine>;
  readonly load: readonly number[];
  readonly runs: number;
  readonly rows: number;
  readonly columns: number;
  readonly formats: readonly {
    readonly format: (typeof FORMATS)[number];
    readonly file_mb: number;
    readonly seconds: number;
    /** Largest sum of the two processes' resident memory; null where the system has no /proc. */
    readonly rss_mb: number | null;
    readonly html_kb: number;
  }[];
}

/** Measures; `keep` names a folder for the reports. */
export const run = async (
  args: { json?: string; rows?: number; runs?: number; keep?: string } = {},
): Promise<CompareBench> => {
  const { rows = 1_000_000, runs = 3 } = args;
  const home = await mkdtemp(join(tmpdir(), "flyball-bench-"));
  try {
    await makeFiles(home, rows);
    await writeFile(join(home, "contract.yaml"), stringify(CONTRACT));
    const reports = args.keep ?? home;
    await mkdir(reports, { recursive: true });
    const formats = [];
    for (const format of FORMATS) {
      const measured: Measured[] = [];
      const html = join(reports, `${format}.html`);
      for (let at = 0; at < runs; at++) measured.push(await compareOnce(home, format, html));
      const memory = measured.flatMap(({ rssMb }) => (rssMb === null ? [] : [rssMb]));
      formats.push({
        format,
        file_mb: Math.round((await stat(join(home, `reference.${format}`))).size / 2 ** 20),
        seconds: median(measured.map(({ seconds }) => seconds)),
        rss_mb: memory.length === 0 ? null : Math.max(...memory),
        html_kb: Math.round((await stat(html)).size / 1024),
      });
    }
    const result: CompareBench = {
      ...{ name: "compare", machine: machine(), load: loadavg(), runs, rows },
      ...{ columns: CONTINUOUS + ORDINAL + NOMINAL, formats },
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
};

const named = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${letter}${at + 1}`);

const CONTRACT = {
  name: "bench-compare",
  version: "1.0.0",
  label: { name: "y", positive: 1, negative: 0 },
  event_time: null,
  features: Object.fromEntries([
    ...named("c", CONTINUOUS).map((name) => [name, { kind: "continuous", min: -100, max: 100 }] as const),
    ...named("o", ORDINAL).map(
      (name) => [name, { kind: "ordinal", values: Array.from({ length: 24 }, (_, at) => at) }] as const,
    ),
    ...named("n", NOMINAL).map((name) => [name, { kind: "nominal", values: "frozen" }] as const),
  ]),
};

/** Two files in each format, the same at every run: every cell is a hash of its row, its column and its file. */
const makeFiles = async (home: string, rows: number): Promise<void> => {
  const engine = await startClickhouse({ path: join(home, "engine"), allowFiles: true });
  const clickhouse = createClickhouse({
    url: engine.url,
    database: "default",
    queriesDir: join(projectRoot(), "clickhouse", "queries"),
  });
  try {
    for (const [seed, side] of ["reference", "current"].entries())
      for (const format of FORMATS)
        await clickhouse.command(rowsSql(seed), {
          rows,
          file: join(home, `${side}.${format}`),
          format: format === "csv" ? "CSVWithNames" : "Parquet",
        });
  } finally {
    await clickhouse.close();
    await engine.close();
  }
};

const rowsSql = (seed: number): string => {
  const moved = (name: string, by: number): number => (seed > 0 && MOVED.includes(name) ? by : 0);
  const hash = (name: string, salt = 0): string => `cityHash64(number, '${name}', ${seed}, ${salt})`;
  const uniform = (name: string, salt: number): string =>
    `((${hash(name, salt)} % 1000000007 + 1) / 1000000008)`;
  const gauss = (name: string): string =>
    `sqrt(-2 * log(${uniform(name, 1)})) * cos(2 * pi() * ${uniform(name, 2)})`;
  const cells = [
    ...named("c", CONTINUOUS).map((name) => `round(${gauss(name)} + ${moved(name, 0.6)}, 4) AS ${name}`),
    ...named("o", ORDINAL).map(
      (name) => `toUInt8(least(23, ${hash(name)} % 24 + ${moved(name, 5)})) AS ${name}`,
    ),
    ...named("n", NOMINAL).map(
      (name) => `concat('v', toString(intDiv(${hash(name)} % 900, ${moved(name, 30) + 30}))) AS ${name}`,
    ),
    `toUInt8(${hash("y")} % 5 = 0) AS y`,
  ];
  return (
    `INSERT INTO FUNCTION file({file:String}, {format:String}) SELECT ${cells.join(", ")} FROM numbers({rows:UInt64}) ` +
    "SETTINGS output_format_parquet_row_group_size = 100000"
  );
};

interface Measured {
  readonly seconds: number;
  readonly rssMb: number | null;
}

const compareOnce = async (home: string, format: string, html: string): Promise<Measured> => {
  const sides = ["reference", "current"].flatMap((side) => [`--${side}`, join(home, `${side}.${format}`)]);
  const words = ["drift", "compare", "--contract", join(home, "contract.yaml"), ...sides, "--html", html];
  const begin = performance.now();
  const child = spawn(process.execPath, [CLI, ...words], {
    env: { ...process.env, FLYBALL_HOME: join(home, "home") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const watch = watchMemory(child.pid ?? 0);
  const code = await ended;
  const seconds = (performance.now() - begin) / 1000;
  const rssMb = await watch.end();
  const found = [...said.matchAll(/^(\S+) +▲ drifted/gm)].map(([, name]) => name ?? "").sort();
  if (code !== 0 || found.join() !== MOVED.toSorted().join())
    throw new Error(`the comparison ended with ${code}:\n${said.slice(0, 2000)}`);
  process.stderr.write(`${format}: ${seconds.toFixed(1)} s, ${rssMb ?? "?"} MB\n`);
  return { seconds, rssMb };
};
