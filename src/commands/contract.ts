// Door: `flyball contract check|infer`. Check names every mistake with its line and, against an older version, what a change
// breaks; infer drafts a contract from data, as a proposal with its reasons.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import type { Command } from "commander";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { ContractChange } from "../core/contract-changes.ts";

type CheckFlags = { against?: string; json?: boolean };
type InferFlags = { label: string; name?: string; delimiter?: string; json?: boolean };

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const contract = program.command("contract").description("feature contracts: check and draft");
  contract
    .command("check")
    .description("validate a contract, and what it changes against an older version")
    .argument("<file>", "a contract file, or <name>@<version>")
    .option("--against <old>", "the older contract")
    .option("--json", "machine output")
    .action(check);
  contract
    .command("infer")
    .description("draft a contract from a dataset")
    .argument("<data>", "a .csv, .jsonl (each also .gz) or .parquet file")
    .requiredOption("--label <column>", "the column to predict")
    .option("--name <name>", "the contract's name (default: the file's)")
    .option("--delimiter <character>", "of a CSV file (default: the commonest in its header)")
    .option("--json", "machine output")
    .action(infer);
};

const check = async (reference: string, flags: CheckFlags): Promise<void> => {
  const { answer, contractFile, mistakes, readContract } = await import("./offline.ts");
  const { parseContract } = await import("../core/contract.ts");
  const file = await contractFile(reference);
  const parsed = parseContract(await readFile(file, "utf8"), file);
  if (!parsed.ok) {
    if (flags.json === true) answer(flags, { ok: false, errors: parsed.errors }, "");
    process.stderr.write(`${mistakes(file, parsed.errors)}\n`);
    process.exitCode = 1;
    return;
  }
  const { contract, digest } = parsed;
  const named = { name: contract.name, version: contract.version, digest };
  const line = `${contract.name}@${contract.version} ${digest}`;
  const others = await frozenUnderOthers(contract, digest);
  if (others.length > 0)
    process.stderr.write(
      `note: ${named.name}@${named.version} had other rules when ${others.join(", ")} ${others.length === 1 ? "was" : "were"} frozen: training refuses that mix; freeze again under this contract, or raise its version\n`,
    );
  if (flags.against === undefined)
    return answer(flags, { ok: true, ...named, frozen_under_other_rules: others }, line);

  const { breakingChanges } = await import("../core/contract-changes.ts");
  const old = await readContract(flags.against);
  const { level, changes } = breakingChanges(old.contract, contract);
  const refusal = versionRefusal(old.contract, contract, level);
  const value = {
    ok: refusal === null,
    ...named,
    frozen_under_other_rules: others,
    level,
    changes,
    ...(refusal === null ? {} : { reason: refusal }),
  };
  answer(flags, value, [line, ...changes.map(listed), `${level} change`].join("\n"));
  if (refusal === null) return;
  process.stderr.write(`refused: ${refusal}\n`);
  process.exitCode = 1;
};

/** Datasets, by name or short digest, that were frozen under this very version when it said something else. */
const frozenUnderOthers = async (
  { name, version }: FeatureContract,
  digest: string,
): Promise<readonly string[]> => {
  const { homeOf } = await import("./offline.ts");
  const { listDatasets } = await import("../adapters/dataset-store.ts");
  return (await listDatasets(homeOf())).datasets
    .filter(({ manifest: { contract } }) => contract.name === name && contract.version === version)
    .filter(({ manifest: { contract } }) => contract.digest !== digest)
    .map(({ manifest, names }) => names[0] ?? manifest.digest.slice(0, 12));
};

const listed = ({ level, key, message }: ContractChange): string => `${level}: ${key}: ${message}`;

/** A version must be raised by at least as much as its contract changed; null where it was. */
const versionRefusal = (
  old: FeatureContract,
  next: FeatureContract,
  level: "none" | "minor" | "major",
): string | null => {
  if (level === "none") return null;
  const [oldMajor = 0, oldMinor = 0, oldPatch = 0] = old.version.split(".").map(Number);
  const [major = 0, minor = 0, patch = 0] = next.version.split(".").map(Number);
  const newer = major - oldMajor || minor - oldMinor || patch - oldPatch;
  if (newer <= 0) return `the contract changed, so its version must come after ${old.version}`;
  if (level === "major" && major === oldMajor) return `a major change needs version ${oldMajor + 1}.0.0`;
  return null;
};

const infer = async (path: string, flags: InferFlags): Promise<void> => {
  const { answer, homeOf, withEngine } = await import("./offline.ts");
  const { profileDataset } = await import("../adapters/dataset-profile.ts");
  const { draftContract } = await import("../core/infer.ts");
  const options = {
    label: flags.label,
    ...(flags.delimiter === undefined ? {} : { delimiter: flags.delimiter }),
  };
  const { columns, delimiter } = /\.(parquet|pq)$/i.test(path)
    ? await withEngine(homeOf(), (engineUrl) => profileDataset(path, { ...options, engineUrl }))
    : await profileDataset(path, options);
  const name = flags.name ?? nameFrom(path);
  const draft = draftContract({ name, label: flags.label, delimiter, columns });
  answer(flags, draft, draft.yaml.trimEnd());
  for (const note of draft.notes) process.stderr.write(`${note}\n`);
};

const nameFrom = (path: string): string =>
  basename(path)
    .replace(/\..*$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "")
    .slice(0, 63) || "model";
