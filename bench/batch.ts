// Bench `batch`: rows a second through POST /api/v1/predict/batch with 1,000-row bodies, every row validated, scored and durable:
// one process on one core, and one process a core.
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import type { Server } from "./processes.ts";
import { contractFile, machine, median, runLoad, startBenchRedis, startServer } from "./processes.ts";

export interface BatchBench {
  readonly name: "batch";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  /** One process a core, as `flyball serve --processes` has it. */
  readonly processes: number;
  readonly rows_per_second: number;
  /** The same of one process on one core. */
  readonly rows_per_second_one: number;
  readonly rows_per_cpu_second: number;
  readonly p99_ms: number;
  /** Of the largest process. */
  readonly rss_mb: number;
  readonly not_ok: number;
}

const ROWS = 1_000;

/** Measures over `rounds` runs of `seconds` each; one process and all of them take turns. */
export const run = async (
  args: { json?: string; seconds?: number; rounds?: number } = {},
): Promise<BatchBench> => {
  const { seconds = 5, rounds = 5 } = args;
  const redis = await startBenchRedis("any");
  const processes = Math.max(2, availableParallelism());
  const startOne = (core: 0 | "any", partition: number): Promise<Server> => {
    const plan = { redisUrl: redis.url, contractFile: contractFile(), shadow: false, partition };
    return startServer(`startApi(${JSON.stringify(plan)})`, core);
  };
  const one = await startOne(0, 0);
  const all = await Promise.all(Array.from({ length: processes }, (_, slot) => startOne("any", slot + 1)));
  try {
    const alone: Measured[] = [];
    const together: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      alone.push(await measure([one], round, seconds));
      together.push(await measure(all, round, seconds));
    }
    const result: BatchBench = {
      name: "batch",
      machine: machine(),
      runs: rounds,
      processes,
      rows_per_second: median(together.map(({ rows }) => rows)),
      rows_per_second_one: median(alone.map(({ rows }) => rows)),
      rows_per_cpu_second: median(together.map(({ perCpu }) => perCpu)),
      p99_ms: median(together.map(({ p99 }) => p99)),
      rss_mb: Math.max(...(await Promise.all([one, ...all].map((server) => server.rssMb())))),
      not_ok: [...alone, ...together].reduce((sum, { notOk }) => sum + notOk, 0),
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await Promise.all([one, ...all].map((server) => server.stop()));
    await redis.stop();
  }
};

type Measured = {
  readonly rows: number;
  readonly perCpu: number;
  readonly p99: number;
  readonly notOk: number;
};

/** Loads these servers at once. */
const measure = async (servers: readonly Server[], round: number, seconds: number): Promise<Measured> => {
  const used = async () => (await Promise.all(servers.map((s) => s.cpuS()))).reduce((sum, s) => sum + s, 0);
  const bodies = [bodyOf(round), bodyOf(round + 7)];
  const load = { path: "/api/v1/predict/batch", bodies, rows: ROWS, connections: 4, seconds };
  const before = await used();
  const results = await Promise.all(servers.map(({ port }) => runLoad({ ...load, port })));
  const rows = results.reduce((sum, result) => sum + result.requests_per_second, 0) * ROWS;
  return {
    rows,
    perCpu: (rows * seconds) / ((await used()) - before),
    p99: Math.max(...results.map((result) => result.p99_ms)),
    notOk: results.reduce((sum, result) => sum + result.not_ok, 0),
  };
};

const bodyOf = (turn: number): string =>
  JSON.stringify({
    model: "flight-delay",
    instances: Array.from({ length: ROWS }, (_, at) => ({
      features: {
        distance: 100 + (((at + turn) * 37) % 2800),
        hour: (at + turn) % 24,
        weekday: 1 + (at % 7),
        origin: `AA${String.fromCharCode(65 + (at % 26))}`,
        destination: `AB${String.fromCharCode(65 + ((at * 7) % 26))}`,
      },
    })),
  });
