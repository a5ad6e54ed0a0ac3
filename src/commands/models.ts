// Door: `flyball models ls|show|card|verify|probe`: what lies in the registry, whether it is still what was published, and what any
// ONNX file answers, run where it can do no harm. Reads only.
import type { Command } from "commander";
import type { Config } from "../adapters/config.ts";

type Flags = { json?: boolean };

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const models = program.command("models").description("the registry of published bundles");
  models
    .command("ls")
    .description("list models and versions with their states and test metrics, oldest first")
    .argument("[model]", "only this model's")
    .option("--json", "machine output")
    .action(list);
  models
    .command("show")
    .description("show a version's metadata and metrics, its bytes verified")
    .argument("<model@version>")
    .option("--json", "machine output")
    .action(async (reference: string, flags: Flags) => {
      const { answer, registryHere } = await import("./offline.ts");
      const { stringify } = await import("yaml");
      const { splitReference } = await import("./frozen.ts");
      const { model, version } = splitReference(reference);
      const { metadata, metrics } = await registryHere().load(model, version);
      answer(flags, { metadata, metrics }, stringify({ ...metadata, metrics: metrics.test }).trimEnd());
    });
  models
    .command("card")
    .description("write a version's model card, one HTML page made of its verified bundle")
    .argument("<model@version>")
    .option("--html <file>", "where to write it (default: standard output)")
    .option("--json", "machine output: the page as text")
    .action(async (reference: string, flags: Flags & { html?: string }) => {
      const { writeFile } = await import("node:fs/promises");
      const { answer, registryHere } = await import("./offline.ts");
      const { splitReference } = await import("./frozen.ts");
      const { modelCard } = await import("../core/model-card.ts");
      const { model, version } = splitReference(reference);
      const {
        metadata,
        metrics,
        reference: counts,
        preprocessor,
      } = await registryHere().load(model, version);
      const contract = preprocessor.contract.definition;
      const html = modelCard({ metadata, metrics, reference: counts, contract });
      if (flags.html === undefined) return answer(flags, { model, version, html }, html.trimEnd());
      await writeFile(flags.html, html);
      answer(flags, { model, version, file: flags.html }, `${model}@${version}: ${flags.html}`);
    });
  models
    .command("verify")
    .description("compare every byte of a version, or of all, with what was published")
    .argument("[model@version]")
    .option("--json", "machine output")
    .action(async (reference: string | undefined, flags: Flags) => {
      const { answer, registryHere } = await import("./offline.ts");
      const { splitReference } = await import("./frozen.ts");
      const registry = registryHere();
      const chosen = reference === undefined ? await registry.list() : [splitReference(reference)];
      const results = [];
      for (const { model, version } of chosen)
        results.push({ model, version, ...(await registry.verify(model, version)) });
      const ok = results.every((result) => result.ok);
      const lines = results.flatMap(({ model, version, ok: whole, files }) =>
        whole
          ? [`${model}@${version}: ok`]
          : files.filter((f) => !f.ok).map((f) => `${model}@${version}: ${f.file} ${f.reason}`),
      );
      answer(flags, { ok, versions: results }, lines.join("\n"));
      if (ok) return;
      process.exitCode = 1;
      process.stderr.write("refused: the registry is not as it was published\n");
    });
  models
    .command("probe")
    .description("run an ONNX file once, in a process of its own with limits, and print its outputs")
    .argument("<file>")
    .option(
      "--inputs <json>",
      "{input: rows} as JSON, or a file that holds it; without it the model is only described",
    )
    .option("--json", "machine output")
    .action(probe);
};

const list = async (model: string | undefined, flags: Flags): Promise<void> => {
  const { loadConfig } = await import("../adapters/config.ts");
  const { answer, registryHere } = await import("./offline.ts");
  const { metricCell, tableLines, timeCell, UNKNOWN } = await import("./table.ts");
  const registry = registryHere();
  const found = await registry.list(model);
  const states = found.length === 0 ? null : await statesHere(loadConfig());
  const versions = await Promise.all(
    found.map(async (one) => {
      const read = await registry.load(one.model, one.version).then(
        (bundle) => ({ bundle, fault: null }),
        (cause: unknown) => ({ bundle: null, fault: cause instanceof Error ? cause.message : String(cause) }),
      );
      return {
        ...one,
        state: states?.get(`${one.model}@${one.version}`) ?? null,
        family: read.bundle?.metadata.family ?? null,
        created_at: read.bundle?.metadata.created_at ?? null,
        metrics: read.bundle?.metrics.test ?? null,
        fault: read.fault,
      };
    }),
  );
  const head = ["VERSION", "STATE", "FAMILY", "CREATED (UTC)", "F1", "ROC AUC", "BRIER"];
  const rows = versions.map(({ model: name, version, state, family, created_at, metrics, fault }) => [
    `${name}@${version}`,
    state ?? UNKNOWN,
    family ?? UNKNOWN,
    timeCell(created_at),
    ...(fault === null
      ? [metricCell(metrics?.f1), metricCell(metrics?.roc_auc), metricCell(metrics?.brier)]
      : [`cannot be read: ${fault}`]),
  ]);
  const none = model === undefined ? "no version is published yet (flyball train)" : `no version of ${model}`;
  const without = states === null ? ["states are in the ledger, and no stack runs here (flyball up)"] : [];
  const text = rows.length === 0 ? none : [...tableLines([head, ...rows]), ...without].join("\n");
  answer(flags, { versions }, text);
};

/** State of every version in the ledger of the stack that runs here; null where none runs or its ledger cannot be read. */
const statesHere = async (config: Config): Promise<ReadonlyMap<string, string> | null> => {
  if (config.running === null && config.service.redis.url === null) return null;
  const { withStores } = await import("./stores.ts");
  const states = new Map<string, string>();
  try {
    await withStores(async ({ ledger }) => {
      for (const { model, versions } of Object.values((await ledger.state()).models))
        for (const { version, state } of Object.values(versions)) states.set(`${model}@${version}`, state);
    });
  } catch {
    return null;
  }
  return states;
};

const probe = async (file: string, flags: Flags & { inputs?: string }): Promise<void> => {
  const { readFile } = await import("node:fs/promises");
  const { answer } = await import("./offline.ts");
  const { probeOnnx } = await import("../adapters/onnx-probe.ts");
  const { sha256Hex } = await import("../core/canonical.ts");
  const { inspectOnnx } = await import("../core/onnx-inspect.ts");
  const { listsOf, tensorsIn } = await import("../core/onnx-tensors.ts");
  const { stripZipMaps } = await import("../core/onnx-zipmap.ts");
  const bytes = await readFile(file);
  const model = inspectOnnx(bytes);
  const refuse = (refused: string, detail: string): void => {
    if (flags.json === true) answer(flags, { ok: false, refused, detail }, "");
    process.exitCode = 1;
    process.stderr.write(`refused: ${refused}: ${detail}\n`);
  };
  if ("refused" in model) return refuse(model.refused, model.detail);
  const described = { ok: true, sha256: sha256Hex(bytes), model };
  if (flags.inputs === undefined) return answer(flags, described, JSON.stringify(model, null, 2));
  const text = /^\s*\{/.test(flags.inputs) ? flags.inputs : await readFile(flags.inputs, "utf8");
  const given: unknown = JSON.parse(text);
  const stripped = stripZipMaps(bytes);
  const probed = await probeOnnx({ bytes: stripped.bytes, inputs: tensorsIn(given, model) });
  if (!probed.ok) return refuse(probed.refused, probed.detail);
  const outputs = Object.fromEntries(
    Object.entries(probed.outputs).map(([name, tensor]) => {
      const map = stripped.maps.find((one) => one.output === name);
      return [name, listsOf(tensor, map)];
    }),
  );
  answer(flags, { ...described, outputs }, JSON.stringify(outputs, null, 1));
};
