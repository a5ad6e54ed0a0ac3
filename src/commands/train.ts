// Door: `flyball train` on a frozen dataset, and the hidden `train-production` that a worker runs in a process of its own.
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { TrainingParameters } from "../core/training/fit-model.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { Trained } from "../stages/train.ts";
import type { FrozenDataset } from "../adapters/dataset.ts";

type Flags = {
  contract: string;
  data: string;
  family: "logistic-regression" | "gradient-boosted-trees";
  split: "temporal" | "random";
  test?: string;
  seed: number;
  search: number;
  threads: number;
  json?: boolean;
};

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  program
    .command("train")
    .description("fit, calibrate, evaluate and publish a model from a frozen dataset")
    .requiredOption("--contract <contract>", "a contract file, or <name>@<version>")
    .requiredOption("--data <dataset>", "a frozen dataset: name, digest or name@digest")
    .requiredOption("--family <family>", "logistic-regression or gradient-boosted-trees", family)
    .option("--split <split>", "temporal or random (default: temporal where rows have a time)", split)
    .option("--test <dataset>", "test on this frozen dataset instead of the newest rows")
    .option("--seed <number>", "seed of everything random", whole, 1)
    .option("--search <number>", "parameter sets to try", whole, 1)
    .option("--threads <number>", "threads to fit with", whole, 2)
    .option("--json", "machine output")
    .action(trainFrozen);
  program.command("train-production", { hidden: true }).action(trainProduction);
};

const trainFrozen = async (flags: Flags): Promise<void> => {
  const { answer, homeOf, readContract, withEngine } = await import("./offline.ts");
  const { readFrozen } = await import("../adapters/dataset.ts");
  const { ownRows } = await import("./frozen.ts");
  const { contract, digest } = await readContract(flags.contract);
  const [frozen, test] = await withEngine(homeOf(), async (url) => [
    ownRows(await readFrozen(homeOf(), flags.data, url), digest, flags.data),
    flags.test === undefined
      ? null
      : ownRows(await readFrozen(homeOf(), flags.test, url), digest, flags.test),
  ]);
  const trained = await trainOn({ ...flags, contract, digest, frozen, test });
  if (!trained.ok) throw new Error(`refused: ${trained.refused}: ${trained.detail}`);
  const { model, version, metrics, path } = trained;
  const { confusion: _confusion, f1_low: _low, positives: _positives, ...shown } = metrics.test;
  answer(flags, { model, version, metrics: { test: shown } }, told(`${model}@${version}`, path, shown));
};

/** Trains on a frozen dataset in memory and publishes; shows progress on a terminal. */
export const trainOn = async (by: {
  contract: FeatureContract;
  digest: string;
  frozen: FrozenDataset;
  test: FrozenDataset | null;
  family: Flags["family"];
  split?: Flags["split"];
  seed: number;
  search: number;
  threads: number;
}): Promise<Trained> => {
  const { registryHere } = await import("./offline.ts");
  const { startTrainingThreads } = await import("../adapters/training-threads.ts");
  const { encodeFrozen } = await import("../core/encode.ts");
  const { encodingFor } = await import("./frozen.ts");
  const { train } = await import("../stages/train.ts");
  const { progressBar } = await import("./progress.ts");
  const { contract, digest, frozen, test, family: name } = by;
  const registry = registryHere();
  const encoding = await encodingFor(registry, contract, digest, frozen);
  const matrixOf = (rows: FrozenDataset) => ({ rows: rows.rows, ...encodeFrozen(rows, encoding) });
  const crew = await startTrainingThreads(by.threads);
  const bar = progressBar(`training ${name}`);
  try {
    return await train(registry, {
      contract,
      contractDigest: digest,
      encoding,
      matrix: matrixOf(frozen),
      timesMs: frozen.eventTimeMs,
      test: test === null ? null : { matrix: matrixOf(test), dataset: test.manifest.digest },
      family: name,
      parameters: {},
      split: by.split ?? "temporal",
      seed: by.seed,
      search: by.search,
      source: "frozen",
      dataset: frozen.manifest.digest,
      parent: null,
      trainingId: null,
      createdAt: new Date().toISOString(),
      crew,
      onProgress: (done, total) => bar.at(done, total),
    });
  } finally {
    bar.end();
    await crew.close();
  }
};

const told = (name: string, path: string, metrics: Record<string, number | null>): string =>
  [
    `${name} is published: ${path}`,
    ...Object.entries(metrics).map(
      ([metric, value]) =>
        `  ${metric.padEnd(10)} ${value === null ? "–" : Number.isInteger(value) ? value : value.toFixed(4)}`,
    ),
  ].join("\n");

/** Reads its job from stdin; its last line on stdout is the result. */
const trainProduction = async (): Promise<void> => {
  const { z } = await import("zod");
  const { loadConfig } = await import("../adapters/config.ts");
  const { wireClickhouse } = await import("../wiring.ts");
  const { createOutcomes } = await import("../adapters/outcome-store.ts");
  const { openRegistry } = await import("../adapters/registry-open.ts");
  const { durationMs } = await import("../core/duration.ts");
  const { train } = await import("../stages/train.ts");
  const span = z.strictObject({ startMs: z.number(), endMs: z.number() });
  const Job = z.strictObject({
    model: z.string(),
    training_id: z.string(),
    parent: z.string(),
    start_ms: z.number(),
    end_ms: z.number(),
    quarantined: z.array(span),
    created_at: z.string(),
  });
  const job = Job.parse(JSON.parse(await text(process.stdin)));
  const config = loadConfig();
  const { training, windows } = config.service;
  const registry = openRegistry(config);
  const parent = await registry.load(job.model, job.parent);
  const { definition: contract, digest } = parent.preprocessor.contract;
  const clickhouse = wireClickhouse(config);
  const rows = await createOutcomes(clickhouse)
    .trainingRows({
      model: job.model,
      encoding: parent.metadata.encoding_digest,
      span: { startMs: job.start_ms, endMs: job.end_ms },
      horizonMs: durationMs(windows.dedup_horizon),
      asOfMs: job.end_ms,
      quarantined: job.quarantined,
      features: parent.encoding.features.length,
      rowsMax: ROWS_MAX,
    })
    .finally(() => clickhouse.close());
  const trained = await train(registry, {
    contract,
    contractDigest: digest,
    encoding: parent.encoding,
    matrix: { rows: rows.rows, codes: columnsOf(rows.codes, rows.rows), label: rows.labels },
    timesMs: rows.timesMs,
    test: null,
    family: training.family,
    parameters: parametersOf(training.family, training.parameters),
    split: "temporal",
    seed: training.seed,
    search: 1,
    source: "production",
    dataset: rows.digest,
    parent: job.parent,
    trainingId: job.training_id,
    createdAt: job.created_at,
  });
  const said = trained.ok ? { ok: true, version: trained.version } : trained;
  process.stdout.write(`${JSON.stringify(said)}\n`);
};

/** More rows than this are sampled evenly by request. */
const ROWS_MAX = 1_000_000;

/** Turns row-major codes into columns. */
const columnsOf = (codes: Uint8Array, rows: number): Uint8Array[] => {
  const features = rows === 0 ? 0 : codes.length / rows;
  return Array.from({ length: features }, (_, feature) => {
    const column = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) column[row] = codes[row * features + feature] ?? 0;
    return column;
  });
};

const parametersOf = (
  name: Flags["family"],
  given: Record<string, number | string | boolean>,
): TrainingParameters => {
  const { class_weight: weight, ...numbers } = given;
  const set = Object.fromEntries(Object.entries(numbers).filter(([, value]) => typeof value === "number"));
  return {
    ...(name === "gradient-boosted-trees" ? { boosting: set } : { logistic: set }),
    ...(weight === "balanced" ? { classWeight: "balanced" as const } : {}),
  };
};

const text = async (stream: AsyncIterable<unknown>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(String(chunk)));
  return Buffer.concat(chunks).toString("utf8");
};

const family = (value: string): Flags["family"] => {
  if (value === "logistic-regression" || value === "gradient-boosted-trees") return value;
  throw new InvalidArgumentError("expected logistic-regression or gradient-boosted-trees");
};

const split = (value: string): Flags["split"] => {
  if (value === "temporal" || value === "random") return value;
  throw new InvalidArgumentError("expected temporal or random");
};

const whole = (value: string): number => {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError("expected a whole number");
  return Number(value);
};
