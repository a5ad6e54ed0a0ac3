// Door: `flyball register`: a model made elsewhere into the registry, judged on frozen rows first. A refusal publishes nothing.
import type { Command } from "commander";

type Flags = { contract: string; onnx: string; data: string; positive?: string; json?: boolean };

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("register")
    .description(
      "register a model made elsewhere: inspected, run in a process of its own, measured, published",
    )
    .requiredOption("--contract <contract>", "a contract file, or <name>@<version>")
    .requiredOption("--onnx <file>", "the model")
    .requiredOption("--data <dataset>", "a frozen dataset with labels: name, digest or name@digest")
    .option(
      "--positive <output[:index]>",
      "where the positive class's probability is (a column or a class name)",
    )
    .option("--json", "machine output")
    .action(run);
};

/** Rows the first run is made on. */
const SAMPLE = 32;

const run = async (flags: Flags): Promise<void> => {
  const { readFile } = await import("node:fs/promises");
  const { answer, homeOf, readContract, registryHere, withEngine } = await import("./offline.ts");
  const { encodingFor, ownRows } = await import("./frozen.ts");
  const { progressBar } = await import("./progress.ts");
  const { readFrozen } = await import("../adapters/dataset.ts");
  const { openExternal } = await import("../adapters/external-model.ts");
  const { startShadowChild } = await import("../adapters/shadow-child.ts");
  const { inspectOnnx } = await import("../core/onnx-inspect.ts");
  const { encodeBatches } = await import("../core/row-batches.ts");
  const { registerModel } = await import("../stages/register.ts");
  const refuse = (refused: string, detail: string): void => {
    if (flags.json === true) answer(flags, { ok: false, refused, detail }, "");
    process.exitCode = 1;
    process.stderr.write(`refused: ${refused}: ${detail}\n`);
  };
  const { contract, digest } = await readContract(flags.contract);
  const file = await readFile(flags.onnx);
  // Before any engine is started: a hostile file costs nothing.
  const inspected = inspectOnnx(file);
  if ("refused" in inspected) return refuse(inspected.refused, inspected.detail);
  const registry = registryHere();
  const frozen = await withEngine(homeOf(), async (url) =>
    ownRows(await readFrozen(homeOf(), flags.data, url), digest, flags.data),
  );
  const encoding = await encodingFor(registry, contract, digest, frozen);
  const source = { rows: frozen.rows, columns: frozen.columns, contract, encoding };
  const sample = encodeBatches({ ...source, rows: Math.min(SAMPLE, frozen.rows) }, SAMPLE).next();
  if (sample.done === true) return refuse("too_few_rows", "the dataset is empty");
  const asked = flags.positive ?? null;
  const model = await openExternal(file, {
    contract,
    features: encoding.features,
    asked,
    sample: sample.value,
  });
  if ("refused" in model) return refuse(model.refused, model.detail);
  const spec = { feed: model.feed, positive: model.positive, features: encoding.features };
  const session = await startShadowChild({ bytes: model.bytes, spec }, { hangMs: 60_000 });
  const bar = progressBar("scoring");
  const registered = await registerModel(registry, {
    ...model,
    contract,
    contractDigest: digest,
    encoding,
    session,
    rows: frozen.rows,
    columns: frozen.columns,
    label: frozen.label,
    timesMs: frozen.eventTimeMs,
    dataset: frozen.manifest.digest,
    createdAt: new Date().toISOString(),
    onProgress: (done, total) => bar.at(done, total),
  }).finally(() => session.close());
  bar.end();
  if (!registered.ok) return refuse(registered.refused, registered.detail);
  const { metrics, path, version } = registered;
  const { confusion: _confusion, f1_low: _low, positives: _positives, ...shown } = metrics.test;
  answer(
    flags,
    {
      model: registered.model,
      version,
      feed: model.feed,
      positive: model.positive,
      metrics: { test: shown },
    },
    [
      `${registered.model}@${version} is published: ${path}`,
      ...Object.entries(shown).map(([name, value]) => `  ${name.padEnd(10)} ${value ?? "–"}`),
    ].join("\n"),
  );
};
