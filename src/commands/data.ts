// Door: `flyball data freeze|ls`. Validates a file or query by a contract and freezes it, or prints what is wrong and exits 1; lists what
// is frozen. Violations are shown by row, column, class and rule; a value is never printed.
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { DatasetInput } from "../adapters/dataset-source.ts";
import type { Frozen } from "../stages/freeze.ts";

type Flags = {
  contract: string;
  as?: string;
  param: Record<string, string>;
  unlabelled?: boolean;
  json?: boolean;
};

/** Adds the command to the program. */
export const register = (program: Command): void => {
  const datasets = program.command("data").description("datasets: validate and freeze, and what is frozen");
  datasets
    .command("ls")
    .description("list frozen datasets: their names, rows, span and contract")
    .option("--json", "machine output")
    .action(list);
  datasets
    .command("freeze")
    .description("validate a dataset by a contract and freeze it, whole or not at all")
    .argument(
      "<data>",
      "a .csv, .jsonl (each also .gz) or .parquet file, sql: and a query, or sql:@ and its file",
    )
    .requiredOption("--contract <contract>", "a contract file, or <name>@<version>")
    .option("--as <name>", "a name for the dataset")
    .option("--param <name=value>", "a parameter of the query, {name:Type} in its text", parameter, {})
    .option("--unlabelled", "take rows whose label is not known yet")
    .option("--json", "machine output")
    .action(async (data: string, flags: Flags) => {
      const { answer, homeOf, readContract, withEngine } = await import("./offline.ts");
      const { createDatasets } = await import("../adapters/dataset-store.ts");
      const { freeze } = await import("../stages/freeze.ts");
      const { complaint } = await import("./rows.ts");
      const { contract, digest } = await readContract(flags.contract);
      const source = await sourceOf(data, flags.param, contract.source.sql);
      const frozen = await withEngine(homeOf(), (engineUrl) =>
        freeze(createDatasets({ home: homeOf(), engineUrl }), {
          contract,
          contractDigest: digest,
          source,
          as: flags.as ?? null,
          labels: flags.unlabelled === true ? "optional" : "required",
        }),
      );
      answer(flags, machine(frozen), frozen.ok ? told(frozen, flags.as) : complaint(frozen.findings));
      if (frozen.ok) {
        const name = flags.as ?? frozen.manifest.digest.slice(0, 12);
        process.stderr.write(
          `next: flyball train --contract ${flags.contract} --data ${name} --family gradient-boosted-trees\n`,
        );
        return;
      }
      process.exitCode = 1;
      process.stderr.write(
        `refused: ${frozen.findings.total} violation${frozen.findings.total === 1 ? "" : "s"}; nothing was written\n`,
      );
    });
};

const list = async (flags: { json?: boolean }): Promise<void> => {
  const { answer, homeOf } = await import("./offline.ts");
  const { listDatasets } = await import("../adapters/dataset-store.ts");
  const { tableLines, timeCell, UNKNOWN } = await import("./table.ts");
  const { datasets, damaged } = await listDatasets(homeOf());
  for (const digest of damaged)
    process.stderr.write(`note: ${digest.slice(0, 12)} is left out: its manifest.json cannot be read\n`);
  const rows = datasets.map(({ manifest, names }) => [
    names.length === 0 ? UNKNOWN : names.join(","),
    manifest.digest.slice(0, 12),
    `${manifest.contract.name}@${manifest.contract.version}`,
    String(manifest.rows),
    String(manifest.labelled),
    String(manifest.positives),
    timeCell(manifest.from),
    timeCell(manifest.to),
  ]);
  const head = ["NAME", "DIGEST", "CONTRACT", "ROWS", "LABELLED", "POSITIVE", "FROM (UTC)", "TO (UTC)"];
  answer(
    flags,
    { datasets: datasets.map(({ manifest, names }) => ({ ...manifest, names })), damaged },
    rows.length === 0
      ? "nothing is frozen yet (flyball data freeze)"
      : tableLines([head, ...rows]).join("\n"),
  );
};

/** A file, or a query: `sql:` alone means the contract's own. */
const sourceOf = async (
  data: string,
  parameters: Record<string, string>,
  own: string | undefined,
): Promise<DatasetInput> => {
  if (!data.startsWith("sql:")) return { kind: "file", path: data };
  const { sqlText } = await import("../adapters/dataset-source.ts");
  const text = data === "sql:" ? own : await sqlText(data.slice("sql:".length));
  if (text === undefined) throw new Error("sql: without a query needs source.sql in the contract");
  return { kind: "sql", sql: text, parameters };
};

const machine = (frozen: Frozen): unknown =>
  frozen.ok
    ? { ok: true, ...frozen.manifest, existed: frozen.existed, renamed: frozen.renamed }
    : {
        ok: false,
        total: frozen.findings.total,
        violations: frozen.findings.counts,
        examples: frozen.findings.examples,
      };

const told = (
  { manifest, existed, renamed }: Extract<Frozen, { ok: true }>,
  name: string | undefined,
): string => {
  const span = manifest.from === null ? "" : `, ${manifest.from} to ${manifest.to ?? ""}`;
  const dropped =
    manifest.dropped.length === 0 ? "" : `\nleft out (forbidden): ${manifest.dropped.join(", ")}`;
  const moved = renamed === null ? "" : `\nthe name pointed to ${renamed} before`;
  const named = name === undefined ? "" : `${name}@`;
  return `${named}${manifest.digest}${existed ? " (frozen before)" : ""}: ${manifest.rows} rows, ${manifest.positives} positive${span}${dropped}${moved}`;
};

const parameter = (text: string, before: Record<string, string>): Record<string, string> => {
  const at = text.indexOf("=");
  if (at < 1 || !/^\w+$/.test(text.slice(0, at))) throw new InvalidArgumentError("expected name=value");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
};
