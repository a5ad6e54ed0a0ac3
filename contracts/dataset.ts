// Words: a frozen dataset's manifest (SPEC §1 `data freeze`). The digest is of the rows themselves, so the same rows under the
// same contract are the same dataset, whatever file they came in; nothing in it depends on when or where it was frozen.
import { z } from "zod";
import { Semver } from "./feature-contract.ts";

export const DatasetManifest = z.strictObject({
  v: z.literal(1),
  /** SHA-256 of the contract's digest, the columns and every row in order. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  contract: z.strictObject({ name: z.string(), version: Semver, digest: z.string() }),
  source: z.strictObject({
    kind: z.enum(["csv", "jsonl", "parquet", "sql"]),
    /** SHA-256 of the file's bytes, or of the query and its parameters. */
    digest: z.string(),
  }),
  rows: z.int().min(1),
  /** Rows whose label is known, and how many of those are positive. */
  labelled: z.int().min(0),
  positives: z.int().min(0),
  /** First and last event time, ISO 8601 UTC; null where the contract has no event time. */
  from: z.string().nullable(),
  to: z.string().nullable(),
  /** Whether the rows lie in order of event time; readers sort stably where they do not. Null without event time. */
  sorted: z.boolean().nullable(),
  /** Columns of the Parquet file, in the contract's order; `__row` (from 1) precedes them. */
  columns: z.array(
    z.strictObject({
      name: z.string(),
      role: z.enum(["feature", "label", "event_time", "entity"]),
      type: z.string(),
      nullable: z.boolean(),
    }),
  ),
  /** Columns the source had and the contract forbids: left out, and named here. */
  dropped: z.array(z.string()),
  file: z.strictObject({ sha256: z.string(), bytes: z.int() }),
});
export type DatasetManifest = z.infer<typeof DatasetManifest>;
