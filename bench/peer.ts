// Bench `peer`: the same requests to this api (contract, score, durable event) and to FastAPI with scikit-learn doing only the prediction,
// each in one process on the same core. Interleaved, medians of ratios. Needs Debian's packages; says so where they are absent.
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { projectRoot } from "../src/adapters/config.ts";
import { BODIES, CONNECTIONS } from "./predict.ts";
import {
  contractFile,
  freePort,
  machine,
  median,
  pinned,
  runLoad,
  startBenchRedis,
  startServer,
} from "./processes.ts";
import { serveFlights } from "./serving-model.ts";

export interface PeerBench {
  readonly name: "peer";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  readonly ratio: number;
  readonly own_rps: number;
  readonly peer_rps: number;
  readonly own_p99_ms: number;
  readonly peer_p99_ms: number;
  readonly not_ok: number;
}

/** Measures; `seconds` is the length of one run, `rounds` how often the two are repeated. */
export const run = async (
  args: { json?: string; seconds?: number; rounds?: number } = {},
): Promise<PeerBench> => {
  const { seconds = 5, rounds = 5 } = args;
  const python = findPython();
  const redis = await startBenchRedis();
  const plan = JSON.stringify({ redisUrl: redis.url, contractFile: contractFile(), shadow: false });
  const own = await startServer(`startApi(${plan})`);
  const peer = await startPeer(python);
  try {
    const measure = (port: number) =>
      runLoad({ port, path: "/api/v1/predict", bodies: BODIES, connections: CONNECTIONS, seconds });
    const results: { own: Awaited<ReturnType<typeof measure>>; peer: Awaited<ReturnType<typeof measure>> }[] =
      [];
    for (let round = 0; round < rounds; round++)
      results.push({ own: await measure(own.port), peer: await measure(peer.port) });
    const middle = (pick: (one: (typeof results)[number]) => number) => median(results.map(pick));
    const result: PeerBench = {
      name: "peer",
      machine: machine(),
      runs: rounds,
      ratio: middle((one) => one.own.requests_per_second / one.peer.requests_per_second),
      own_rps: middle((one) => one.own.requests_per_second),
      peer_rps: middle((one) => one.peer.requests_per_second),
      own_p99_ms: middle((one) => one.own.p99_ms),
      peer_p99_ms: middle((one) => one.peer.p99_ms),
      not_ok: results.reduce((sum, one) => sum + one.own.not_ok + one.peer.not_ok, 0),
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await Promise.all([own.stop(), peer.stop()]);
    await redis.stop();
  }
};

/** A Python that has the three packages: the one on PATH, else the system's. */
const findPython = (): string => {
  for (const python of ["python3", "/usr/bin/python3"])
    if (spawnSync(python, ["-c", "import fastapi, uvicorn, sklearn"]).status === 0) return python;
  throw new Error(
    "the peer is not installed: `apt-get install python3-fastapi python3-uvicorn python3-sklearn` (only this bench needs it)",
  );
};

/** Starts the peer on the rows that our own model is trained on; resolves once it answers. */
const startPeer = async (python: string): Promise<{ port: number; stop(): Promise<void> }> => {
  const { rows, label } = await serveFlights(contractFile(), { trees: 1, seed: 1, version: "1.0.0" });
  const dir = await mkdtemp(path.join(tmpdir(), "flyball-bench-peer-"));
  const source = path.join(dir, "rows.json");
  const column = (name: keyof (typeof rows)[number]) => rows.map((row) => row[name]);
  const table = {
    distance: column("distance"),
    hour: column("hour"),
    weekday: column("weekday"),
    origin: column("origin"),
    destination: column("destination"),
    label: [...label],
  };
  await writeFile(source, JSON.stringify(table));
  const port = await freePort();
  const script = path.join(projectRoot(), "bench", "peers", "predict.py");
  const [command, args] = pinned(0, python, [script, source, String(port)]);
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  let ended = false;
  child.once("exit", () => (ended = true));
  for (let tries = 0; !(await answers(port)); tries++) {
    if (ended || tries > 600) throw new Error("the peer did not start");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    port,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", () => void rm(dir, { recursive: true, force: true }).then(resolve));
        child.kill("SIGKILL");
      }),
  };
};

const answers = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/api/v1/predict`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: BODIES[0] ?? "",
  }).then(
    (response) => response.ok,
    () => false,
  );
