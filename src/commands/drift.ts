// Door: `flyball drift compare`: two datasets held against each other by the contract, as a table in the terminal, JSON for programs
// and one HTML file for people. Reads only; drift found is an answer, not a failure, so it exits 0.
import type { Command } from "commander";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { CompareReport } from "../core/compare-report.ts";
import type { LendsColumns } from "../stages/compare.ts";
import type { RowsBy } from "./rows.ts";

type Flags = {
  contract: string;
  reference: string;
  current: string;
  profile: string;
  html?: string;
  domain?: boolean;
  seed: string;
  json?: boolean;
};

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("drift")
    .description("drift between datasets")
    .command("compare")
    .description("compare two datasets feature by feature, KS and Wasserstein exact on raw values")
    .requiredOption("--contract <contract>", "a contract file, or <name>@<version>")
    .requiredOption(
      "--reference <data>",
      "a frozen dataset, or a .csv, .jsonl (each also .gz) or .parquet file",
    )
    .requiredOption("--current <data>", "the same, to be judged against the reference; labels are optional")
    .option(
      "--profile <name>",
      "governance, psi, evidently_auto, ks_p, thresholds or a YAML file",
      "governance",
    )
    .option("--domain", "also train a classifier to tell the two apart (domain_auc)")
    .option("--seed <number>", "seed of the classifier", "1")
    .option("--html <file>", "write a report for people")
    .option("--json", "machine output")
    .action(run);
};

const run = async (flags: Flags): Promise<void> => {
  const { writeFile } = await import("node:fs/promises");
  const { answer, homeOf, readContract, withEngineAtNeed } = await import("./offline.ts");
  const { compare } = await import("../stages/compare.ts");
  const { reportHtml } = await import("../core/report-html.ts");
  const { reportText } = await import("../core/report-text.ts");
  const { progressBar } = await import("./progress.ts");
  const { contract, digest } = await readContract(flags.contract);
  const profile = await profileOf(flags.profile);
  const bar = progressBar("comparing");
  const report = await withEngineAtNeed(homeOf(), async (engine): Promise<CompareReport> => {
    const by: LentBy = { home: homeOf(), engine, contract, contractDigest: digest };
    const joint = flags.domain === true ? [await domainOf(flags, profile, by)] : [];
    const at = new Date().toISOString();
    const onProgress = (done: number, total: number): void => bar.at(done, total);
    /** Where a raw Parquet file breaks the contract, the strict validator is asked instead, which says how. */
    const attempt = async (strict: boolean): Promise<CompareReport | null> => {
      const names = [...new Set([flags.reference, flags.current])];
      const sides = await Promise.all(names.map((name) => lent(name, by, strict)));
      try {
        const [reference, current = reference] = await opened(sides);
        if (reference === null || reference === undefined || current === null || current === undefined)
          return null;
        const compared = await compare({ contract, profile, reference, current, joint, at, onProgress });
        return compared.ok ? compared.report : null;
      } finally {
        await Promise.all(sides.map((side) => side.close()));
      }
    };
    const found = (await attempt(false)) ?? (await attempt(true));
    if (found === null) throw new Error("the datasets could not be compared under this contract");
    return found;
  });
  bar.end();
  if (flags.html !== undefined) await writeFile(flags.html, reportHtml(report));
  const { summary, rows, features: _features, others: _others, ...told } = report;
  const written = flags.html === undefined ? "" : `\nreport: ${flags.html}`;
  answer(flags, { ...summary, ...told, rows }, `${reportText(report)}${written}`);
};

const profileOf = async (name: string): Promise<DriftProfile> => {
  const { DriftProfile: Word, DRIFT_PROFILES } = await import("../../contracts/drift-profile.ts");
  const shipped = Object.entries(DRIFT_PROFILES).find(([key]) => key === name)?.[1];
  if (shipped !== undefined) return shipped;
  const { readFile } = await import("node:fs/promises");
  const { parse } = await import("yaml");
  const text = await readFile(name, "utf8").catch(() => null);
  if (text === null)
    throw new Error(`${name}: no such profile or file; known are ${Object.keys(DRIFT_PROFILES).join(", ")}`);
  return Word.parse(parse(text));
};

type LentBy = Omit<RowsBy, "engineUrl"> & { engine(): Promise<string> };
type Lent = { open(): Promise<LendsColumns | null>; close(): Promise<void> };

/** Opens one side after the other, so that of two that are refused always the first is named. */
const opened = async (sides: readonly Lent[]): Promise<(LendsColumns | null)[]> => {
  const columns = [];
  for (const side of sides) columns.push(await side.open());
  return columns;
};

/** A dataset's columns: a text file's are being read from now on, Parquet's as it stands, a frozen dataset's as it is. */
const lent = async (reference: string, by: LentBy, strict: boolean): Promise<Lent> => {
  const { frozenColumns, rawColumns } = await import("../adapters/dataset-columns.ts");
  const { isTextFile } = await import("../adapters/dataset-text.ts");
  const { freezeForNow, isFile, refused } = await import("./rows.ts");
  const nothing = (): Promise<void> => Promise.resolve();
  const frozen = async (at: { home: string; reference: string }): Promise<LendsColumns> =>
    frozenColumns({ ...at, name: reference }, by.contract, by.contractDigest, await by.engine());
  if (!(await isFile(reference))) return { open: () => frozen({ home: by.home, reference }), close: nothing };
  if (isTextFile(reference)) {
    const { startTextColumns } = await import("../adapters/text-columns-reader.ts");
    const reading = await startTextColumns({ ...by, path: reference });
    const open = async (): Promise<LendsColumns> => {
      const columns = await reading.opened;
      if (!columns.ok) throw refused(reference, columns.findings);
      return columns.source;
    };
    return { open, close: reading.close };
  }
  if (!strict && /\.(parquet|pq)$/i.test(reference))
    return { open: async () => rawColumns(reference, by.contract, await by.engine()), close: nothing };
  let remove = nothing;
  const open = async (): Promise<LendsColumns> => {
    const now = await freezeForNow(reference, { ...by, engineUrl: await by.engine() });
    remove = now.remove;
    return frozen({ home: now.home, reference: now.digest });
  };
  return { open, close: () => remove() };
};

/** Rows a side that the classifier sees, taken evenly from the file. */
const DOMAIN_ROWS = 20_000;

const domainOf = async (flags: Flags, profile: DriftProfile, lentBy: LentBy) => {
  const by: RowsBy = { ...lentBy, engineUrl: await lentBy.engine() };
  const { readRows } = await import("./rows.ts");
  const { encodeFrozen, freezeEncoding } = await import("../core/encode.ts");
  const { domainAuc } = await import("../core/domain-auc.ts");
  const { compareAlpha } = await import("../core/compare-report.ts");
  const reference = await readRows(flags.reference, by);
  const current = flags.reference === flags.current ? reference : await readRows(flags.current, by);
  const encoding = freezeEncoding({
    contract: by.contract satisfies FeatureContract,
    contractDigest: by.contractDigest,
    dataset: reference.manifest.digest,
    columns: reference.columns,
  });
  const sample = (of: typeof reference): Uint8Array[] => {
    const every = Math.max(1, Math.ceil(of.rows / DOMAIN_ROWS));
    return encodeFrozen(of, encoding).codes.map((column) => column.filter((_, row) => row % every === 0));
  };
  return domainAuc(
    encoding,
    { reference: sample(reference), current: sample(current) },
    { seed: Number(flags.seed), alpha: compareAlpha(profile) },
  );
};
