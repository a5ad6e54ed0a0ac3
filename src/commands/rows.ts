// Door: rows to score or compare: a frozen dataset, or any file the contract accepts whole. A raw file is frozen under a temporary
// home, read back and removed, so that it passes the same strict validation; labels may be missing.
import { randomUUID } from "node:crypto";
import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { readFrozen, type FrozenDataset } from "../adapters/dataset.ts";
import { createDatasets } from "../adapters/dataset-store.ts";
import { makeDirectory } from "../adapters/durable.ts";
import type { Findings } from "../core/findings.ts";
import { freeze } from "../stages/freeze.ts";
import { ownRows } from "./frozen.ts";

export type RowsBy = {
  readonly home: string;
  readonly engineUrl: string;
  readonly contract: FeatureContract;
  readonly contractDigest: string;
};

/** Reads a dataset by name or digest, or a file; throws with every violation where the contract refuses it. */
export const readRows = async (reference: string, by: RowsBy): Promise<FrozenDataset> => {
  if (!(await isFile(reference)))
    return ownRows(await readFrozen(by.home, reference, by.engineUrl), by.contractDigest, reference);
  const frozen = await freezeForNow(reference, by);
  try {
    return await readFrozen(frozen.home, frozen.digest, by.engineUrl);
  } finally {
    await frozen.remove();
  }
};

/** Freezes a file under a temporary home, which is the caller's to remove. */
export const freezeForNow = async (
  path: string,
  by: RowsBy,
): Promise<{ home: string; digest: string; remove(): Promise<void> }> => {
  const home = join(by.home, "tmp", `rows-${randomUUID()}`);
  await makeDirectory(home);
  const remove = (): Promise<void> => rm(home, { recursive: true, force: true });
  try {
    const frozen = await freeze(createDatasets({ home, engineUrl: by.engineUrl }), {
      contract: by.contract,
      contractDigest: by.contractDigest,
      source: { kind: "file", path },
      as: null,
      labels: "optional",
    });
    if (!frozen.ok) throw refused(path, frozen.findings);
    return { home, digest: frozen.manifest.digest, remove };
  } catch (error) {
    await remove();
    throw error;
  }
};

/** What a person is told of a file that breaks the contract. */
export const refused = (path: string, findings: Findings): Error =>
  new Error(`${path}: ${findings.total} violation${findings.total === 1 ? "" : "s"}\n${complaint(findings)}`);

/** Whether a reference is a file on disk. */
export const isFile = (reference: string): Promise<boolean> =>
  access(reference).then(
    () => true,
    () => false,
  );

/** Violations by rule and column, with the first rows of each; never a value. */
export const complaint = ({ counts, examples }: Findings): string =>
  counts
    .map(({ rule, column, count, message }) => {
      const rows = examples.filter((e) => e.rule === rule && e.column === column && e.row !== null);
      const where = rows.slice(0, 5).map((e) => `row ${String(e.row)} (${e.class})`);
      return `${column === "" ? "" : `${column}: `}${rule} ×${count}: ${message}${where.length > 0 ? `; ${where.join(", ")}` : ""}`;
    })
    .join("\n");
