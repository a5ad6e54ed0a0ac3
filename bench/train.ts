// Bench `train`: 100 boosted trees on synthetic rows of 20 features, on one and on two threads, which must give the same bytes;
// interleaved with LightGBM on the same rows where a Python has it. Then quality, in train-quality.ts. Runs from the build.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { FeatureContract } from "../contracts/feature-contract.ts";
import { startTrainingThreads } from "../src/adapters/training-threads.ts";
import { canonicalJson, sha256Hex } from "../src/core/canonical.ts";
import { encodeFrozen, freezeEncoding } from "../src/core/encode.ts";
import { BOOSTING_DEFAULTS, fitBoosting } from "../src/core/training/boosting.ts";
import type { FeatureShape, TrainingMatrix } from "../src/core/training/matrix.ts";
import { shapesOf } from "../src/core/training/matrix.ts";
import { seeded } from "../src/core/training/seeded.ts";
import { machine, median } from "./processes.ts";
import { measureQuality, type QualityRow } from "./train-quality.ts";

export interface TrainSpeed {
  readonly runs: number;
  readonly rows: number;
  readonly seconds_one_thread: number;
  readonly seconds_two_threads: number;
  readonly same_bytes: boolean;
  readonly lightgbm_seconds: number | null;
  /** Two threads of ours over two of LightGBM, the median of the rounds' ratios. */
  readonly ratio_lightgbm: number | null;
  readonly rss_mb: number;
}

export interface TrainBench extends TrainSpeed {
  readonly name: "train";
  readonly machine: ReturnType<typeof machine>;
  readonly quality: readonly QualityRow[];
}

const FEATURES = 20;
const PARAMETERS = { ...BOOSTING_DEFAULTS, trees: 100, leaves: 31, patience: 0 };
const Peer = z.object({ seconds: z.number() });

/** Measures; without a Python that has the peers there is no comparison. */
export const run = async (
  args: { json?: string; rows?: number; rounds?: number } = {},
): Promise<TrainBench> => {
  const python = findPython();
  const folder = await mkdtemp(path.join(tmpdir(), "flyball-bench-"));
  try {
    const speed = await measureSpeed({
      rows: args.rows ?? 1_000_000,
      rounds: args.rounds ?? 3,
      folder,
      python,
    });
    const quality = await measureQuality(folder, python);
    const result: TrainBench = { name: "train", machine: machine(), ...speed, quality };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Fits the same rows in turn with one thread, with two and with LightGBM on two. */
const measureSpeed = async (by: {
  readonly rows: number;
  readonly rounds: number;
  readonly folder: string;
  readonly python: string | null;
}): Promise<TrainSpeed> => {
  const { rows, rounds, folder, python } = by;
  const { matrix, shapes, files } = await synthetic(rows, folder);
  const results: { one: Timed; two: Timed; peer: number | null }[] = [];
  for (let round = 0; round < rounds; round++) {
    const result = {
      one: await timed(matrix, shapes, 1),
      two: await timed(matrix, shapes, 2),
      peer: python === null ? null : lightgbm(python, files, rows),
    };
    const { one, two, peer } = result;
    const said = peer === null ? "" : `, LightGBM ${peer.toFixed(1)} s`;
    process.stderr.write(
      `one thread ${one.seconds.toFixed(1)} s, two ${two.seconds.toFixed(1)} s${said}, load ${(loadavg()[0] ?? 0).toFixed(1)}\n`,
    );
    results.push(result);
  }
  const peers = results.flatMap(({ two, peer }) =>
    peer === null ? [] : [{ peer, ratio: two.seconds / peer }],
  );
  return {
    runs: rounds,
    rows,
    seconds_one_thread: median(results.map(({ one }) => one.seconds)),
    seconds_two_threads: median(results.map(({ two }) => two.seconds)),
    same_bytes: new Set(results.flatMap(({ one, two }) => [one.digest, two.digest])).size === 1,
    lightgbm_seconds: peers.length === 0 ? null : median(peers.map(({ peer }) => peer)),
    ratio_lightgbm: peers.length === 0 ? null : median(peers.map(({ ratio }) => ratio)),
    rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
  };
};

/** An interpreter with the peers: the one the environment names, else the one on the path. */
const findPython = (): string | null => {
  const python = process.env["FLYBALL_BENCH_PYTHON"] ?? "python3";
  if (spawnSync(python, ["-c", "import lightgbm, sklearn, pandas"]).status === 0) return python;
  process.stderr.write(
    "no peers: `pip install lightgbm scikit-learn pandas` (FLYBALL_BENCH_PYTHON names the interpreter)\n",
  );
  return null;
};

type Timed = { readonly seconds: number; readonly digest: string };

const timed = async (
  matrix: TrainingMatrix,
  shapes: readonly FeatureShape[],
  threads: number,
): Promise<Timed> => {
  const crew = await startTrainingThreads(threads);
  try {
    const begin = performance.now();
    const { ensemble } = fitBoosting({ matrix, shapes, parameters: PARAMETERS, seed: 1, crew });
    return { seconds: (performance.now() - begin) / 1000, digest: sha256Hex(canonicalJson(ensemble)) };
  } finally {
    await crew.close();
  }
};

const lightgbm = (python: string, files: { x: string; y: string }, rows: number): number => {
  const script = fileURLToPath(new URL("../../bench/peers/train.py", import.meta.url)); // from dist/bench
  const said = execFileSync(python, [script, files.x, files.y, String(rows), String(FEATURES), "2"]);
  return Peer.parse(JSON.parse(said.toString())).seconds;
};

/** Gaussian features and a law with a curve and a product, so that trees have something to find. */
const synthetic = async (rows: number, folder: string) => {
  const draw = seeded(1);
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw());
  const names = Array.from({ length: FEATURES }, (_, at) => `f${at}`);
  const slopes = names.map(gauss);
  const columns = Object.fromEntries(names.map((name) => [name, Float64Array.from({ length: rows }, gauss)]));
  const label = Uint8Array.from({ length: rows }, (_, row) => {
    const x = names.map((name) => columns[name]?.[row] ?? 0);
    const [first = 0, second = 0, third = 0] = x;
    const linear = x.reduce((sum, value, at) => sum + value * (slopes[at] ?? 0), 0);
    return draw() < 1 / (1 + Math.exp(-(linear / 2 + 1.5 * Math.sin(2 * first) + second * third))) ? 1 : 0;
  });
  const contract = FeatureContract.parse({
    name: "bench-train",
    version: "1.0.0",
    label: { name: "y", positive: 1, negative: 0 },
    event_time: null,
    features: Object.fromEntries(names.map((name) => [name, { kind: "continuous", min: -100, max: 100 }])),
  });
  const encoding = freezeEncoding({ contract, contractDigest: "bench", dataset: "bench", columns });
  const vectors = new Float32Array(rows * FEATURES);
  names.forEach((name, at) => columns[name]?.forEach((value, row) => (vectors[row * FEATURES + at] = value)));
  const files = { x: path.join(folder, "x"), y: path.join(folder, "y") };
  await writeFile(files.x, vectors);
  await writeFile(files.y, label);
  const matrix: TrainingMatrix = { rows, ...encodeFrozen({ columns, label }, encoding) };
  return { matrix, shapes: shapesOf(encoding), files };
};
