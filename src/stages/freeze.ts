// Stage: validate a dataset strictly and freeze it (SPEC §1). Reads the whole source, asks the contract about every cell, and
// keeps all rows or none. Idempotent by content: the same rows under the same contract are the same dataset. Nothing is ever
// cleaned, imputed, reordered or dropped silently.
import type { DatasetManifest } from "../../contracts/dataset.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { Findings } from "../core/findings.ts";

/** What freezing needs of the outside world; `Source` and `Origin` are whatever the one who fills it reads from. */
export type KeepsDatasets<Source, Origin> = {
  draft(by: { contract: FeatureContract; contractDigest: string; labels: "required" | "optional" }): Promise<{
    read(source: Source): Promise<Origin>;
    findings(): Findings;
    keep(origin: Origin): Promise<{ manifest: DatasetManifest; existed: boolean }>;
    close(): Promise<void>;
  }>;
  name(name: string, digest: string): Promise<string | null>;
};

export type Frozen =
  | {
      readonly ok: true;
      readonly manifest: DatasetManifest;
      /** The same rows were frozen before: nothing was written. */
      readonly existed: boolean;
      /** The digest the name pointed to before, where that was another. */
      readonly renamed: string | null;
    }
  | { readonly ok: false; readonly findings: Findings };

/** Freezes a source under a contract, or says everything that is wrong with it. */
export const freeze = async <Source, Origin>(
  datasets: KeepsDatasets<Source, Origin>,
  job: {
    contract: FeatureContract;
    contractDigest: string;
    source: Source;
    /** A name for the dataset, or null. */
    as: string | null;
    /** `optional` takes rows whose label is not known (traffic to score or compare, not to train on). */
    labels: "required" | "optional";
  },
): Promise<Frozen> => {
  const draft = await datasets.draft(job);
  try {
    const origin = await draft.read(job.source);
    const findings = draft.findings();
    if (findings.total > 0) return { ok: false, findings };
    const { manifest, existed } = await draft.keep(origin);
    const before = job.as === null ? null : await datasets.name(job.as, manifest.digest);
    return { ok: true, manifest, existed, renamed: before === manifest.digest ? null : before };
  } finally {
    await draft.close();
  }
};
