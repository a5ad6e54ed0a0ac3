// Door: `flyball evaluate`: candidate against production on one frozen dataset, every gate with its value, threshold and n. Exits 1
// where the candidate would not pass, with the gates that say so on stderr.
import type { Command } from "commander";
import type { GateResult } from "../../contracts/decision.ts";
import type { ScoringSession } from "../ports-serving.ts";
import type { RowSource } from "../core/row-batches.ts";

type Flags = {
  contract: string;
  data: string;
  production: string;
  candidate: string;
  policy?: string;
  json?: boolean;
};

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("evaluate")
    .description("compare a candidate with production on the same rows, by every gate of the policy")
    .requiredOption("--contract <contract>", "a contract file, or <name>@<version>")
    .requiredOption("--data <dataset>", "a frozen dataset the candidate has not seen")
    .requiredOption("--production <model@version>", "the version it would replace")
    .requiredOption("--candidate <model@version>", "the version to judge")
    .option("--policy <file>", "a policy (default: config/policy.yaml)")
    .option("--json", "machine output")
    .action(run);
};

const run = async (flags: Flags): Promise<void> => {
  const { answer, homeOf, readContract, withEngine } = await import("./offline.ts");
  const { ownRows } = await import("./frozen.ts");
  const { progressBar } = await import("./progress.ts");
  const { readFrozen } = await import("../adapters/dataset.ts");
  const { evaluate } = await import("../stages/evaluate.ts");
  const { contract, digest } = await readContract(flags.contract);
  const home = homeOf();
  const policy = await readPolicy(flags.policy);
  const [production, candidate] = [
    await open(flags.production, contract.name),
    await open(flags.candidate, contract.name),
  ];
  try {
    const trainedOn = candidate.metadata.provenance;
    const [frozen, training] = await withEngine(home, async (url) => {
      const rows = ownRows(await readFrozen(home, flags.data, url), digest, flags.data);
      if (trainedOn.source !== "frozen" || trainedOn.dataset === rows.manifest.digest) return [rows, null];
      return [rows, await readFrozen(home, trainedOn.dataset, url).catch(() => null)];
    });
    const source = { rows: frozen.rows, columns: frozen.columns, contract };
    const bar = progressBar("scoring");
    const evaluated = await evaluate({
      ...source,
      label: frozen.label,
      dataset: { digest: frozen.manifest.digest, from: frozen.manifest.from, to: frozen.manifest.to },
      production: { ...production, latencyP95Ms: await latencyOf(production, source) },
      candidate: { ...candidate, latencyP95Ms: await latencyOf(candidate, source) },
      training,
      policy,
      onProgress: (done, total) => bar.at(done, total),
    });
    bar.end();
    if (!evaluated.ok) {
      if (flags.json === true) answer(flags, evaluated, "");
      process.exitCode = 1;
      process.stderr.write(`refused: ${evaluated.refused}: ${evaluated.detail}\n`);
      return;
    }
    const { verdict, paired, provenance } = evaluated;
    const shown = {
      ok: verdict.result === "pass",
      result: verdict.result,
      because: verdict.because,
      production: { version: paired.production_version, metrics: paired.production },
      candidate: { version: paired.version, metrics: paired.other },
      n: paired.matured,
      in_sample: provenance,
      gates: verdict.gates,
      segments: paired.segments,
    };
    answer(flags, shown, table(verdict.gates));
    if (provenance.seen === "unknown") process.stderr.write(`note: ${provenance.detail}\n`);
    if (verdict.result === "pass") return;
    process.exitCode = 1;
    process.stderr.write(`refused: ${verdict.result}: ${verdict.because.join(", ")}\n`);
  } finally {
    await production.session.close();
    await candidate.session.close();
  }
};

const readPolicy = async (file: string | undefined) => {
  const { readFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const { loadConfig } = await import("../adapters/config.ts");
  const { parsePolicy } = await import("../core/policy.ts");
  const path = file ?? join(loadConfig().configDir, "policy.yaml");
  const parsed = parsePolicy(await readFile(path, "utf8"), path);
  if (!parsed.ok)
    throw new Error(
      parsed.errors.map(({ line, key, message }) => `${path}:${line}: ${key}: ${message}`).join("\n"),
    );
  return parsed.policy;
};

const open = async (reference: string, model: string) => {
  const { splitReference } = await import("./frozen.ts");
  const { registryHere } = await import("./offline.ts");
  const { openBundle } = await import("../adapters/bundle-session.ts");
  const at = splitReference(reference);
  if (at.model !== model) throw new Error(`${reference} is not a version of ${model}`);
  const bundle = await registryHere().load(at.model, at.version);
  return { ...bundle, session: await openBundle(bundle) };
};

/** Rows answered alone, one after another, to measure what one request costs each model. */
const ALONE = 300;

const latencyOf = async (
  of: { session: ScoringSession; encoding: RowSource["encoding"] },
  source: Omit<RowSource, "encoding">,
): Promise<number | null> => {
  const { encodeBatches } = await import("../core/row-batches.ts");
  const times: number[] = [];
  for (const batch of encodeBatches(
    { ...source, rows: Math.min(ALONE, source.rows), encoding: of.encoding },
    1,
  )) {
    const began = performance.now();
    const failed = await of.session.run(batch.vector, 1).then(
      () => false,
      () => true,
    );
    if (failed) return null;
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return times[Math.ceil(0.95 * times.length) - 1] ?? null;
};

const MARKS = {
  pass: "pass",
  fail: "FAIL",
  insufficient: "too little",
  not_evaluated: "not judged",
} as const;

const table = (gates: readonly GateResult[]): string =>
  gates
    .map(({ gate, result, value, threshold, unit, n, detail }) => {
      const number = (x: number | null): string => (x === null ? "–" : String(Number(x.toPrecision(5))));
      return `${gate.padEnd(13)} ${MARKS[result].padEnd(10)} ${number(value).padStart(11)} of ${number(threshold).padEnd(11)} ${unit}, n ${n ?? "–"}; ${detail}`;
    })
    .join("\n");
