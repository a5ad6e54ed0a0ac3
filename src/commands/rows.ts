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
export const readRows = async (reference: string, by: RowsBy): Promise<FrozenDataset> =>
  (await isFile(reference))
    ? withFrozenFile(reference, by, (home, digest) => readFrozen(home, digest, by.engineUrl))
    : ownRows(await readFrozen(by.home, reference, by.engineUrl), by.contractDigest, reference);

/** Freezes a file under a temporary home, lends it, and removes it. */
export const withFrozenFile = async <T>(
  path: string,
  by: RowsBy,
  use: (home: string, digest: string) => Promise<T>,
): Promise<T> => {
  const home = join(by.home, "tmp", `rows-${randomUUID()}`);
  await makeDirectory(home);
  try {
    const frozen = await freeze(createDatasets({ home, engineUrl: by.engineUrl }), {
      contract: by.contract,
      contractDigest: by.contractDigest,
      source: { kind: "file", path },
      as: null,
      labels: "optional",
    });
    if (!frozen.ok)
      throw new Error(
        `${path}: ${frozen.findings.total} violation${frozen.findings.total === 1 ? "" : "s"}\n${complaint(frozen.findings)}`,
      );
    return await use(home, frozen.manifest.digest);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
};

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
