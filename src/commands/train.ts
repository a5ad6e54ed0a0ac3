// Door: `flyball train` on a frozen dataset, with a family of the house or a trainer made elsewhere, and the hidden `train-production`
// that a worker runs in a process of its own.
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { Registry } from "../adapters/registry.ts";
import type { Family } from "../core/training/fit-model.ts";
import type { RowsToLearn, Trained, TrainJob } from "../stages/train.ts";
import type { FrozenDataset } from "../adapters/dataset.ts";

type Flags = {
  contract: string;
  data: string;
  family?: Family;
  trainer?: string | true;
  split?: "temporal" | "random";
  test?: string;
  seed?: number;
  search?: number;
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
    .option("--family <family>", "logistic-regression or gradient-boosted-trees", family)
    .option(
      "--trainer [command]",
      "train with a program of your own instead: words, or a JSON list of them (default: trainer.command of the configuration)",
    )
    .option("--split <split>", "temporal or random (default: temporal where rows have a time)", split)
    .option("--test <dataset>", "test on this frozen dataset instead of the newest rows")
    .option("--seed <number>", "seed of everything random (default: training.seed)", whole)
    .option("--search <number>", "parameter sets to try (default: training.search)", whole)
    .option("--threads <number>", "threads to fit with", whole, 2)
    .option("--json", "machine output")
    .action(trainFrozen);
  program.command("train-production", { hidden: true }).action(async () => {
    const { trainProduction } = await import("./train-production.ts");
    await trainProduction();
  });
};

const trainFrozen = async (flags: Flags, command: Command): Promise<void> => {
  const { answer, homeOf, readContract, withEngine } = await import("./offline.ts");
  const { readFrozen } = await import("../adapters/dataset.ts");
  const { ownRows } = await import("./frozen.ts");
  const how = await howOf(flags, command);
  const { contract, digest } = await readContract(flags.contract);
  const [frozen, test] = await withEngine(homeOf(), async (url) => [
    ownRows(await readFrozen(homeOf(), flags.data, url), digest, flags.data),
    flags.test === undefined
      ? null
      : ownRows(await readFrozen(homeOf(), flags.test, url), digest, flags.test),
  ]);
  const { seed, search, split, threads } = flags;
  const trained = await trainOn({ contract, digest, frozen, test, how, seed, search, split, threads });
  if (!trained.ok) throw new Error(`refused: ${trained.refused}: ${trained.detail}`);
  const { model, version, metrics, path } = trained;
  const { confusion: _confusion, f1_low: _low, positives: _positives, ...shown } = metrics.test;
  answer(flags, { model, version, metrics: { test: shown } }, told(`${model}@${version}`, path, shown));
  const { registryHere } = await import("./offline.ts");
  const isFirst = (await registryHere().list(model)).length === 1;
  process.stderr.write(
    isFirst
      ? `next: flyball up, and there: flyball governance promote ${model}@${version} --reason "first version"\n`
      : `next: a running stack takes it up as a candidate by itself (flyball governance status ${model})\n`,
  );
};

/** A family of the house, or the command of a trainer made elsewhere. */
type How = { readonly family: Family } | { readonly command: readonly string[] };

const howOf = async ({ family, trainer }: Flags, command: Command): Promise<How> => {
  if (family !== undefined && trainer === undefined) return { family };
  if (family !== undefined || trainer === undefined)
    return command.error("error: train needs either --family or --trainer", { exitCode: 2 });
  if (typeof trainer === "string") return { command: wordsOf(trainer) };
  const { loadConfig } = await import("../adapters/config.ts");
  const configured = loadConfig().service.trainer.command;
  if (configured === null)
    return command.error("error: --trainer names no command and trainer.command is not set", { exitCode: 2 });
  return { command: configured };
};

/** A JSON list as it is, anything else parted at blanks. */
const wordsOf = (text: string): string[] => {
  const words: unknown = text.trimStart().startsWith("[") ? JSON.parse(text) : text.trim().split(/\s+/);
  if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string"))
    return words;
  throw new Error("--trainer: expected words, or a JSON list of texts");
};

/** Trains on a frozen dataset in memory and publishes; shows progress on a terminal. What is not given is as configured. */
export const trainOn = async (by: {
  contract: FeatureContract;
  digest: string;
  frozen: FrozenDataset;
  test: FrozenDataset | null;
  how: How;
  split?: Flags["split"] | undefined;
  seed?: number | undefined;
  search?: number | undefined;
  threads: number;
}): Promise<Trained> => {
  const { loadConfig } = await import("../adapters/config.ts");
  const { openRegistry } = await import("../adapters/registry-open.ts");
  const { encodeFrozen } = await import("../core/encode.ts");
  const { overlap } = await import("../core/in-sample.ts");
  const { encodingFor } = await import("./frozen.ts");
  const { elsewhere, fittingOf, trainerOf } = await import("./training.ts");
  const { contract, digest, frozen, test, how } = by;
  // What a later evaluation on these rows trusts: that they were tested on and never fitted.
  const sighting = test === null ? null : overlap(frozen, test);
  if (sighting?.seen === "yes") return { ok: false, refused: "in_sample", detail: sighting.detail };
  const config = loadConfig();
  const registry = openRegistry(config);
  const encoding = await encodingFor(registry, contract, digest, frozen);
  const matrixOf = (rows: FrozenDataset) => ({ rows: rows.rows, ...encodeFrozen(rows, encoding) });
  const rows: RowsToLearn = {
    contract,
    contractDigest: digest,
    encoding,
    matrix: matrixOf(frozen),
    timesMs: frozen.eventTimeMs,
    test: test === null ? null : { matrix: matrixOf(test), dataset: test.manifest.digest },
    split: by.split ?? "temporal",
    seed: by.seed ?? config.service.training.seed,
    source: "frozen",
    dataset: frozen.manifest.digest,
    parent: null,
    trainingId: null,
    createdAt: new Date().toISOString(),
  };
  if ("command" in how)
    return untilInterrupted((signal) => elsewhere(registry, rows, trainerOf(config, how.command, signal)));
  const fitting = fittingOf(config, how.family);
  const job = { ...rows, ...fitting, search: by.search ?? fitting.search };
  return fitHere(config.home, registry, job, by.threads);
};

const fitHere = async (
  home: string,
  registry: Registry,
  job: TrainJob,
  threads: number,
): Promise<Trained> => {
  const { startTrainingThreads } = await import("../adapters/training-threads.ts");
  const { trainOnward } = await import("./training.ts");
  const { progressBar } = await import("./progress.ts");
  const crew = await startTrainingThreads(threads);
  const bar = progressBar(`training ${job.family}`);
  try {
    return await trainOnward(home, registry, {
      ...job,
      crew,
      onProgress: (done, total) => bar.at(done, total),
    });
  } finally {
    bar.end();
    await crew.close();
  }
};

/** Ctrl-C ends the trainer and cleans up after it; fitting here needs no such care: all it leaves is where to go on. */
const untilInterrupted = async <T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  process.once("SIGINT", abort).once("SIGTERM", abort);
  return work(stop.signal).finally(() => process.off("SIGINT", abort).off("SIGTERM", abort));
};

const told = (name: string, path: string, metrics: Record<string, number | null>): string =>
  [
    `${name} is published: ${path}`,
    ...Object.entries(metrics).map(
      ([metric, value]) =>
        `  ${metric.padEnd(10)} ${value === null ? "–" : Number.isInteger(value) ? value : value.toFixed(4)}`,
    ),
  ].join("\n");

const family = (value: string): Family => {
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
