// Door: `flyball models ls|show|verify`: what lies in the registry and whether it is still what was published. Reads only.
import type { Command } from "commander";

type Flags = { json?: boolean };

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const models = program.command("models").description("the registry of published bundles");
  models
    .command("ls")
    .description("list models and versions, oldest first")
    .argument("[model]", "only this model's")
    .option("--json", "machine output")
    .action(async (model: string | undefined, flags: Flags) => {
      const { answer, homeOf } = await import("./offline.ts");
      const { createRegistry } = await import("../adapters/registry.ts");
      const versions = await createRegistry(homeOf()).list(model);
      answer(flags, { versions }, versions.map((v) => `${v.model}@${v.version}`).join("\n"));
    });
  models
    .command("show")
    .description("show a version's metadata and metrics, its bytes verified")
    .argument("<model@version>")
    .option("--json", "machine output")
    .action(async (reference: string, flags: Flags) => {
      const { answer, homeOf } = await import("./offline.ts");
      const { createRegistry } = await import("../adapters/registry.ts");
      const { stringify } = await import("yaml");
      const { model, version } = split(reference);
      const { metadata, metrics } = await createRegistry(homeOf()).load(model, version);
      answer(flags, { metadata, metrics }, stringify({ ...metadata, metrics: metrics.test }).trimEnd());
    });
  models
    .command("verify")
    .description("compare every byte of a version, or of all, with what was published")
    .argument("[model@version]")
    .option("--json", "machine output")
    .action(async (reference: string | undefined, flags: Flags) => {
      const { answer, homeOf } = await import("./offline.ts");
      const { createRegistry } = await import("../adapters/registry.ts");
      const registry = createRegistry(homeOf());
      const chosen = reference === undefined ? await registry.list() : [split(reference)];
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
};

const split = (reference: string): { model: string; version: string } => {
  const [model, version, more] = reference.split("@");
  if (model === undefined || version === undefined || more !== undefined)
    throw new Error(`${reference}: expected <model>@<version>`);
  return { model, version };
};
