// Door: the hidden `flyball train-production`, one training of the ledger in a process of its own: its job comes on stdin, its result
// is the last line on stdout. It publishes a bundle that names the training, and never touches the ledger.
import { z } from "zod";
import { loadConfig, type Config } from "../adapters/config.ts";
import { createOutcomes } from "../adapters/outcome-store.ts";
import { openRegistry } from "../adapters/registry-open.ts";
import { durationMs } from "../core/duration.ts";
import { startFrom } from "../core/training/start.ts";
import type { RowsToLearn, TrainJob } from "../stages/train.ts";
import { wireClickhouse } from "../wiring.ts";
import { elsewhere, fittingOf, trainerOf, trainOnward } from "./training.ts";

const Job = z.strictObject({
  model: z.string(),
  training_id: z.string(),
  parent: z.string(),
  start_ms: z.number(),
  end_ms: z.number(),
  quarantined: z.array(z.strictObject({ startMs: z.number(), endMs: z.number() })),
  created_at: z.string(),
});

/** Trains on labelled production windows and says what came of it. */
export const trainProduction = async (): Promise<void> => {
  const job = Job.parse(JSON.parse(await textOf(process.stdin)));
  const config = loadConfig();
  const registry = openRegistry(config);
  const rows = await rowsOf(job, config, registry);
  const command = config.service.trainer.command;
  const trained =
    command === null
      ? await trainOnward(config.home, registry, {
          ...rows,
          ...fittingOf(config, config.service.training.family),
        })
      : await elsewhere(registry, rows, trainerOf(config, command, new AbortController().signal));
  const said = trained.ok ? { ok: true, version: trained.version } : trained;
  process.stdout.write(`${JSON.stringify(said)}\n`);
};

/** More rows than this are sampled evenly by request. */
const ROWS_MAX = 1_000_000;

const rowsOf = async (
  job: z.infer<typeof Job>,
  config: Config,
  registry: ReturnType<typeof openRegistry>,
): Promise<RowsToLearn & Pick<TrainJob, "start">> => {
  const parent = await registry.load(job.model, job.parent);
  const { definition: contract, digest } = parent.preprocessor.contract;
  const { startMs, start } = await startOf(job, config, registry);
  const clickhouse = wireClickhouse(config);
  const rows = await createOutcomes(clickhouse)
    .trainingRows({
      model: job.model,
      encoding: parent.metadata.encoding_digest,
      span: { startMs, endMs: job.end_ms },
      horizonMs: durationMs(config.service.windows.dedup_horizon),
      asOfMs: job.end_ms,
      quarantined: job.quarantined,
      features: parent.encoding.features.length,
      rowsMax: ROWS_MAX,
    })
    .finally(() => clickhouse.close());
  return {
    contract,
    contractDigest: digest,
    encoding: parent.encoding,
    matrix: { rows: rows.rows, codes: columnsOf(rows.codes, rows.rows), label: rows.labels },
    timesMs: rows.timesMs,
    test: null,
    split: "temporal",
    seed: config.service.training.seed,
    source: "production",
    dataset: rows.digest,
    parent: job.parent,
    trainingId: job.training_id,
    createdAt: job.created_at,
    start,
  };
};

/** The serving model's trees to go on from; where it has none, those of the newest version that has seen none of the span. */
const startOf = async (
  job: z.infer<typeof Job>,
  { service }: Config,
  registry: ReturnType<typeof openRegistry>,
): Promise<ReturnType<typeof startFrom>> => {
  const span = { startMs: job.start_ms, endMs: job.end_ms };
  const scratch = { startMs: span.startMs, start: null };
  if (service.trainer.command !== null || service.training.family !== "gradient-boosted-trees")
    return scratch;
  const parent = await registry.load(job.model, job.parent);
  const digest = parent.metadata.encoding_digest;
  const others = (await registry.list(job.model)).map(({ version }) => version).reverse();
  for (const version of [job.parent, ...others.filter((other) => other !== job.parent)]) {
    // A bundle that cannot be read is nothing to go on from; `models verify` says what ails it.
    const bundle = await registry.load(job.model, version).catch(() => null);
    if (bundle === null || bundle.metadata.encoding_digest !== digest) continue;
    const { explainer } = bundle.preprocessor;
    const from = startFrom({ explainer, seenTo: bundle.metadata.provenance.to }, span);
    if (from.start !== null && (version === job.parent || from.startMs === span.startMs)) return from;
  }
  return scratch;
};

/** Turns row-major codes into columns. */
const columnsOf = (codes: Uint8Array, rows: number): Uint8Array[] => {
  const features = rows === 0 ? 0 : codes.length / rows;
  return Array.from({ length: features }, (_, feature) => {
    const column = new Uint8Array(rows);
    for (let row = 0; row < rows; row++) column[row] = codes[row * features + feature] ?? 0;
    return column;
  });
};

const textOf = async (stream: AsyncIterable<unknown>): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(String(chunk)));
  return Buffer.concat(chunks).toString("utf8");
};
