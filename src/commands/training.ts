// Door: what the commands that train share: hyper-parameters from the configuration, and a trainer made elsewhere with all it needs.
import type { ServiceConfig } from "../../contracts/config.ts";
import type { Config } from "../adapters/config.ts";
import type { Registry } from "../adapters/registry.ts";
import { startShadowChild } from "../adapters/shadow-child.ts";
import { createTeacher } from "../adapters/trainer.ts";
import { openTreeLog } from "../adapters/tree-log.ts";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { durationMs } from "../core/duration.ts";
import { encodingDigest } from "../core/encode.ts";
import type { Family, TrainingParameters } from "../core/training/fit-model.ts";
import { trainElsewhere } from "../stages/train-elsewhere.ts";
import {
  train,
  type PublishesBundles,
  type RowsToLearn,
  type Trained,
  type TrainJob,
} from "../stages/train.ts";
import { withEngine } from "./offline.ts";
import { progressBar } from "./progress.ts";

/** How a family of the house is fitted, as the configuration has it. */
export const fittingOf = (
  { service }: Pick<Config, "service">,
  family: Family,
): Pick<TrainJob, "family" | "parameters" | "search"> => ({
  family,
  parameters: parametersOf(service.training),
  search: service.training.search,
});

/** Ways of growing trees: one more whenever the same rows and parameters would give other trees. */
const GROWTH = 1;

/** Trains a family of the house, going on where the same training was interrupted. */
export const trainOnward = async (
  home: string,
  registry: PublishesBundles,
  job: Omit<TrainJob, "log">,
): Promise<Trained> => {
  const { contractDigest, dataset, split, seed, family, parameters, search } = job;
  const test = job.test?.dataset ?? null;
  const start = job.start === undefined || job.start === null ? null : sha256Hex(canonicalJson(job.start));
  const encoding = encodingDigest(job.encoding);
  const decides = { growth: GROWTH, contractDigest, encoding, dataset, test, start };
  const key = sha256Hex(canonicalJson({ ...decides, split, seed, family, parameters, search }));
  const log = openTreeLog(home, key, Date.now());
  if (log.found > 0)
    process.stderr.write(`going on after ${log.found} trees of a training that was interrupted\n`);
  const trained = await train(registry, { ...job, log });
  log.forget();
  return trained;
};

export interface Trainer {
  readonly home: string;
  readonly command: readonly string[];
  readonly positive: string | null;
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

/** A trainer made elsewhere as the configuration has it, and the command it runs. */
export const trainerOf = (
  { home, service }: Pick<Config, "home" | "service">,
  command: readonly string[],
  signal: AbortSignal,
): Trainer => ({
  home,
  command,
  positive: service.trainer.positive,
  timeMs: durationMs(service.trainer.timeout),
  signal,
});

/** What a trainer prints is passed on to stderr so far and no further. */
const OUTPUT_MAX = 64 * 1024;

/** Trains with a trainer made elsewhere. */
export const elsewhere = async (
  registry: Registry,
  rows: RowsToLearn,
  trainer: Trainer,
): Promise<Trained> => {
  let shown = 0;
  const bar = progressBar("scoring");
  const teach = createTeacher({
    ...trainer,
    withEngine: (use) => withEngine(trainer.home, use),
    onOutput: (text) => {
      if (shown < OUTPUT_MAX) process.stderr.write(text.slice(0, OUTPUT_MAX - shown));
      shown += text.length;
    },
  });
  return trainElsewhere(
    {
      registry,
      teach,
      open: ({ bytes, feed, positive }, { features }) =>
        startShadowChild({ bytes, spec: { feed, positive, features } }, { hangMs: 60_000 }),
      onProgress: (done, total) => bar.at(done, total),
    },
    rows,
  ).finally(() => bar.end());
};

/** The configuration's names are those of a bundle's metadata; the core's are its own. */
const parametersOf = ({ parameters, class_weight }: ServiceConfig["training"]): TrainingParameters => {
  const { boosting, logistic } = parameters;
  const set = {
    trees: boosting.trees,
    learningRate: boosting.learning_rate,
    leaves: boosting.leaves,
    depth: boosting.depth,
    minRows: boosting.min_rows,
    minHessian: boosting.min_hessian,
    l2: boosting.l2,
    rowShare: boosting.row_share,
    featureShare: boosting.feature_share,
    patience: boosting.patience,
  };
  return { boosting: given(set), logistic: given(logistic), classWeight: class_weight };
};

/** Leaves out what was not set, so that its default holds. */
const given = <K extends string>(values: { readonly [key in K]?: number | undefined }): {
  [key in K]?: number;
} => {
  const found: { [key in K]?: number } = {};
  for (const key in values) {
    const value = values[key];
    if (value !== undefined) found[key] = value;
  }
  return found;
};
