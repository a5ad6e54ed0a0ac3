// Bench `predict`: durable, validated, scored predictions beside a bare Hono echo of the same request on the same core. Interleaved
// A B C A B C, medians of ratios, because on a shared machine only ratios mean anything.
import { writeFile } from "node:fs/promises";
import type { LoadResult } from "./load.ts";
import type { Server } from "./processes.ts";
import { contractFile, machine, median, runLoad, startBenchRedis, startServer } from "./processes.ts";

export interface PredictBench {
  readonly name: "predict";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  readonly ratio_alone: number;
  readonly ratio_shadow: number;
  /** The same ratios per processor second of the server: what holds on a machine shared with others. */
  readonly cpu_ratio_alone: number;
  readonly cpu_ratio_shadow: number;
  readonly p99_ratio: number;
  readonly rss_mb: number;
  /** With `--minutes N`: resident set under load with a shadow, at the end of each minute. */
  readonly rss_minutes_mb: readonly number[];
  readonly echo_rps: number;
  readonly alone_rps: number;
  readonly shadow_rps: number;
  readonly not_ok: number;
}

export const CONNECTIONS = 64;

type Measured = LoadResult & { readonly per_cpu_s: number };

/** Measures; `seconds` is the length of one run, `rounds` how often the three are repeated. */
export const run = async (
  args: { json?: string; seconds?: number; rounds?: number; minutes?: number } = {},
): Promise<PredictBench> => {
  const { seconds = 5, rounds = 5, minutes = 0 } = args;
  const redis = await startBenchRedis();
  const plan = (shadow: boolean) =>
    JSON.stringify({ redisUrl: redis.url, contractFile: contractFile(), shadow });
  const servers = {
    echo: await startServer("startEcho()"),
    alone: await startServer(`startApi(${plan(false)})`),
    shadow: await startServer(`startApi(${plan(true)})`),
  };
  try {
    const results: { echo: Measured; alone: Measured; shadow: Measured }[] = [];
    for (let round = 0; round < rounds; round++) {
      const one = async (server: Server): Promise<Measured> => {
        const before = await server.cpuS();
        const bodies = BODIES;
        const result = await runLoad({
          port: server.port,
          path: "/api/v1/predict",
          bodies,
          connections: CONNECTIONS,
          seconds,
        });
        return {
          ...result,
          per_cpu_s: (result.requests_per_second * seconds) / ((await server.cpuS()) - before),
        };
      };
      results.push({
        echo: await one(servers.echo),
        alone: await one(servers.alone),
        shadow: await one(servers.shadow),
      });
    }
    const soaked: number[] = [];
    for (let minute = 0; minute < minutes; minute++) {
      const { port } = servers.shadow;
      await runLoad({
        port,
        path: "/api/v1/predict",
        bodies: BODIES,
        connections: CONNECTIONS,
        seconds: 60,
      });
      soaked.push(await servers.shadow.rssMb());
    }
    const rate = (pick: (result: (typeof results)[number]) => number) => median(results.map(pick));
    const result: PredictBench = {
      name: "predict",
      machine: machine(),
      runs: rounds,
      ratio_alone: rate(({ alone, echo }) => alone.requests_per_second / echo.requests_per_second),
      ratio_shadow: rate(({ shadow, echo }) => shadow.requests_per_second / echo.requests_per_second),
      cpu_ratio_alone: rate(({ alone, echo }) => alone.per_cpu_s / echo.per_cpu_s),
      cpu_ratio_shadow: rate(({ shadow, echo }) => shadow.per_cpu_s / echo.per_cpu_s),
      p99_ratio: rate(({ alone, echo }) => alone.p99_ms / echo.p99_ms),
      rss_mb: Math.max(await servers.alone.rssMb(), await servers.shadow.rssMb(), ...soaked),
      rss_minutes_mb: soaked,
      echo_rps: rate(({ echo }) => echo.requests_per_second),
      alone_rps: rate(({ alone }) => alone.requests_per_second),
      shadow_rps: rate(({ shadow }) => shadow.requests_per_second),
      not_ok: results.reduce((sum, r) => sum + r.alone.not_ok + r.shadow.not_ok, 0),
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await Promise.all([servers.echo.stop(), servers.alone.stop(), servers.shadow.stop()]);
    await redis.stop();
  }
};

/** Requests as clients send them, different enough that nothing can be remembered between them. */
export const BODIES: readonly string[] = Array.from({ length: 512 }, (_, at) =>
  JSON.stringify({
    model: "flight-delay",
    features: {
      distance: 100 + ((at * 37) % 2800),
      hour: at % 24,
      weekday: 1 + (at % 7),
      origin: `A${String.fromCharCode(65 + (at % 2))}${String.fromCharCode(65 + (at % 26))}`,
      destination: `A${String.fromCharCode(65 + ((at >> 1) % 2))}${String.fromCharCode(65 + ((at * 7) % 26))}`,
    },
  }),
);
