// Bench `batch`: rows a second through POST /api/v1/predict/batch with 1,000-row bodies, every row validated, scored and durable.
import { writeFile } from "node:fs/promises";
import { contractFile, machine, median, runLoad, startBenchRedis, startServer } from "./processes.ts";

export interface BatchBench {
  readonly name: "batch";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  readonly rows_per_second: number;
  readonly rows_per_cpu_second: number;
  readonly p99_ms: number;
  readonly rss_mb: number;
  readonly not_ok: number;
}

const ROWS = 1_000;

/** Measures over `rounds` runs of `seconds` each. */
export const run = async (
  args: { json?: string; seconds?: number; rounds?: number } = {},
): Promise<BatchBench> => {
  const { seconds = 5, rounds = 5 } = args;
  const redis = await startBenchRedis();
  const plan = JSON.stringify({ redisUrl: redis.url, contractFile: contractFile(), shadow: false });
  const server = await startServer(`startApi(${plan})`);
  try {
    const runs: { rows: number; perCpu: number; p99: number; notOk: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const before = await server.cpuS();
      const result = await runLoad({
        port: server.port,
        path: "/api/v1/predict/batch",
        bodies: [bodyOf(round), bodyOf(round + rounds)],
        connections: 4,
        seconds,
      });
      const rows = result.requests_per_second * ROWS;
      const perCpu = (rows * seconds) / ((await server.cpuS()) - before);
      runs.push({ rows, perCpu, p99: result.p99_ms, notOk: result.not_ok });
    }
    const result: BatchBench = {
      name: "batch",
      machine: machine(),
      runs: rounds,
      rows_per_second: median(runs.map((one) => one.rows)),
      rows_per_cpu_second: median(runs.map((one) => one.perCpu)),
      p99_ms: median(runs.map((one) => one.p99)),
      rss_mb: await server.rssMb(),
      not_ok: runs.reduce((sum, one) => sum + one.notOk, 0),
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await server.stop();
    await redis.stop();
  }
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
