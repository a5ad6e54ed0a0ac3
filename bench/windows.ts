// Bench `windows`: what a look costs on the real engine. Rolling one window of a million events of 20 features, through the roll
// stage's own queries; and judging 200 features over a day of 5-minute windows, reading included, through the measure stage's own.
// The second is measured at two volumes a window: its cost must not follow the traffic.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, loadavg } from "node:os";
import { join } from "node:path";
import type { Reference } from "../contracts/bundle.ts";
import { DRIFT_PROFILES } from "../contracts/drift-profile.ts";
import type { Encoding } from "../contracts/encoding.ts";
import { startClickhouse } from "../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../src/adapters/clickhouse.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { migrate } from "../src/adapters/migrations.ts";
import { createSnapshots, createTraffic } from "../src/adapters/snapshot-store.ts";
import { referenceCounts } from "../src/core/measurement.ts";
import { judgeWindows } from "../src/stages/judgements.ts";
import { machine, median } from "./processes.ts";

const START = Date.UTC(2026, 0, 5);
const MINUTE = 60_000;
const HORIZON = 1_440 * MINUTE;
const WINDOWS = 288;
const FEATURES = 200;
/** Inner bins of the judged features: as many as an encoding can have. */
const BINS = 230;

export interface WindowsBench {
  readonly name: "windows";
  readonly machine: ReturnType<typeof machine>;
  readonly load: readonly number[];
  readonly runs: number;
  readonly events: number;
  /** Median of the runs, and the engine's part of a first cold one. */
  readonly roll_seconds: number;
  readonly roll_seconds_first: number;
  readonly drift: readonly {
    readonly rows_a_window: number;
    /** Reading and judging, which go on side by side. */
    readonly seconds: number;
    /** User and system time of this process; what the engine spends on the reading is not in it. */
    readonly cpu_seconds: number;
    readonly results: number;
  }[];
}

/** Measures; `events` in the rolled window. */
export const run = async (
  args: { json?: string; events?: number; runs?: number } = {},
): Promise<WindowsBench> => {
  const { events = 1_000_000, runs = 3 } = args;
  const home = await mkdtemp(join(tmpdir(), "flyball-bench-"));
  const engine = await startClickhouse({ path: join(home, "clickhouse"), allowFiles: true });
  const sqlDir = join(projectRoot(), "clickhouse");
  const clickhouse = createClickhouse({
    url: engine.url,
    database: "flyball",
    queriesDir: join(sqlDir, "queries"),
  });
  try {
    await clickhouse.createDatabase();
    await migrate(
      clickhouse,
      { migrations: join(sqlDir, "migrations"), views: join(sqlDir, "views") },
      new Date(),
    );
    await clickhouse.command(EVENTS, { events, start: START / 1000 });
    const rolls: number[] = [];
    for (let at = 0; at < runs; at++) {
      const begin = performance.now();
      const [contents] = await Promise.all([
        createTraffic(clickhouse).contents({
          model: "m",
          sizeMs: 5 * MINUTE,
          span: { startMs: START, endMs: START + 5 * MINUTE },
          horizonMs: HORIZON,
          segments: [{ name: "f1=3", position: 1, code: 3 }],
        }),
        createTraffic(clickhouse).holes({ startMs: START, endMs: START + 5 * MINUTE }),
      ]);
      rolls.push((performance.now() - begin) / 1000);
      process.stderr.write(`rolled ${events} events in ${rolls.at(-1)?.toFixed(2) ?? ""} s\n`);
      if (contents.get(START)?.rows[0]?.volume !== events)
        throw new Error("the roll did not count every event");
    }
    const drift = [];
    for (const rows of [2_000, 200_000]) drift.push(await judgeDay(clickhouse, rows, runs));
    const result: WindowsBench = {
      name: "windows",
      machine: machine(),
      load: loadavg(),
      runs,
      events,
      roll_seconds: median(rolls),
      roll_seconds_first: rolls[0] ?? 0,
      drift,
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await clickhouse.close();
    await engine.close();
    await rm(home, { recursive: true, force: true });
  }
};

/** Distinct production events of 20 features within one 5-minute window. */
const EVENTS = `INSERT INTO predictions
(event_time, model, version, role, request_id, event_id, status, probability, latency_us, encoding, codes, producer, producer_seq, ingested_at)
SELECT toDateTime64({start:UInt32} + number % 300, 3, 'UTC'), 'm', '1.0.0', 'production', generateUUIDv4(number) AS id, id, 'ok',
       (cityHash64(number) % 10000 + 1) / 10002, cityHash64(number, 1) % 5000, 'e',
       arrayMap(i -> toUInt8(8 + cityHash64(number, i) % 200), range(20)), 'p', number,
       toDateTime64({start:UInt32} + number % 300, 3, 'UTC')
FROM numbers({events:UInt64})`;

type Clickhouse = ReturnType<typeof createClickhouse>;

const HISTOGRAMS = `INSERT INTO feature_histograms (* EXCEPT batch)
SELECT {model:String}, '1.0.0', 'production', '5m', toDateTime64({start:UInt32} + 300 * intDiv(number, {features:UInt32}), 3, 'UTC'), 1,
       'all', number % {features:UInt32} + 1, concat('f', toString(number % {features:UInt32} + 1)), 'e',
       arrayMap(i -> toUInt8(i + 8), range({bins:UInt16})),
       arrayMap(i -> toUInt64(intDiv({rows:UInt32}, {bins:UInt16}) + cityHash64(number, i) % 5), range({bins:UInt16}))
FROM numbers({windows:UInt32} * {features:UInt32})`;

const SCORES = `INSERT INTO score_histograms (* EXCEPT batch)
SELECT {model:String}, '1.0.0', 'production', '5m', toDateTime64({start:UInt32} + 300 * number, 3, 'UTC'), 1, 'all', NULL,
       arrayMap(i -> toUInt16(i + 200), range(400)),
       arrayMap(i -> toUInt64(intDiv({rows:UInt32}, 400) + cityHash64(number, i) % 5), range(400))
FROM numbers({windows:UInt32})`;

const SNAPSHOTS = `INSERT INTO snapshots
(model, version, role, window_size, window_start, window_end, revision, rows_raw, volume, ok, encoding, flags, digest)
SELECT {model:String}, '1.0.0', 'production', '5m', toDateTime64({start:UInt32} + 300 * number, 3, 'UTC'),
       toDateTime64({start:UInt32} + 300 * (number + 1), 3, 'UTC'), 1, {rows:UInt32}, {rows:UInt32}, {rows:UInt32}, 'e', [], toString(number)
FROM numbers({windows:UInt32})`;

/** A day of snapshots written, then read and judged. */
const judgeDay = async (
  clickhouse: Clickhouse,
  rows: number,
  runs: number,
): Promise<WindowsBench["drift"][number]> => {
  const model = `m${rows}`;
  const params = { model, rows, start: START / 1000, features: FEATURES, windows: WINDOWS, bins: BINS };
  for (const statement of [HISTOGRAMS, SCORES, SNAPSHOTS]) await clickhouse.command(statement, params);
  const store = createSnapshots(clickhouse);
  const span = { startMs: START, endMs: START + WINDOWS * 5 * MINUTE };
  const { encoding, reference } = world();
  const seconds: number[] = [];
  const cpu: number[] = [];
  let results = 0;
  for (let at = 0; at < runs; at++) {
    const windows = await store.unjudged({ model, sizes: ["5m"], span });
    const [begin, beginCpu] = [performance.now(), process.cpuUsage()];
    const counted = referenceCounts(encoding, reference);
    const standard = { encoding, encodingDigest: "e", reference, counted, segments: [] };
    const judged = judgeWindows(store, () => Promise.resolve(standard), {
      ...{ model, size: "5m", sizeMs: 5 * MINUTE, begunMs: START, budgetMs: 5 * MINUTE, windows },
      profile: DRIFT_PROFILES.governance,
    });
    results = 0;
    for await (const part of judged) for (const { rows: found } of part) results += found.length;
    seconds.push((performance.now() - begin) / 1000);
    cpu.push(secondsOf(process.cpuUsage(beginCpu)));
    process.stderr.write(`${rows} rows a window: read and judged in ${(seconds.at(-1) ?? 0).toFixed(2)} s\n`);
  }
  return { rows_a_window: rows, seconds: median(seconds), cpu_seconds: median(cpu), results };
};

const secondsOf = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1e6;

const world = (): { encoding: Encoding; reference: Reference } => {
  const names = Array.from({ length: FEATURES }, (_, at) => `f${at + 1}`);
  const edges = Array.from({ length: BINS }, (_, at) => at + 1);
  const means = edges.map((edge) => edge - 0.5);
  const counts = edges.map((_, at): [number, number] => [at + 8, 100]);
  const shape = { low: 0, high: BINS, edges, means, mean: BINS / 2, sd: BINS / Math.sqrt(12) };
  const encoding: Encoding = {
    ...{ v: 1, model: "m", contract_major: 1, contract_digest: "bench", dataset: "bench" },
    features: names.map((feature) => ({ feature, kind: "continuous", ...shape })),
  };
  const n = BINS * 100;
  const reference: Reference = {
    ...{ v: 1, encoding_digest: "e", n, positives: 0, from: null, to: null },
    features: Object.fromEntries(names.map((name) => [name, counts])),
    scores: { negative: counts.map(([, c], at): [number, number] => [at + 300, c]), positive: [] },
  };
  return { encoding, reference };
};
