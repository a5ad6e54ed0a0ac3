// Plumbing: the rows of a dataset in their frozen form: which columns a contract freezes, in which order, and the digest that names
// them. Two sources with the same rows under the same contract have one digest, whatever their format.
import { createHash, type Hash } from "node:crypto";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { canonicalJson } from "../core/canonical.ts";

export type ColumnRole = "feature" | "label" | "event_time" | "entity";
/** A column of the frozen file. `nullable`: a gap is allowed and kept as NULL. */
export type FrozenColumn = {
  readonly name: string;
  readonly role: ColumnRole;
  readonly type: "Float64" | "String" | "UInt8" | "DateTime64(6, 'UTC')";
  readonly nullable: boolean;
};

/** Lists the columns a contract freezes: features in order, then label, event time and entity. */
export const frozenColumns = (
  contract: FeatureContract,
  labels: "required" | "optional",
): readonly FrozenColumn[] => {
  const features = Object.entries(contract.features).map(([name, spec]): FrozenColumn => ({
    name,
    role: "feature",
    type: spec.kind === "nominal" ? "String" : "Float64",
    nullable: (spec.missing ?? contract.missing) === "allow",
  }));
  const label: FrozenColumn = {
    name: contract.label.name,
    role: "label",
    type: "UInt8",
    nullable: labels === "optional",
  };
  const time: FrozenColumn[] =
    contract.event_time === null
      ? []
      : [{ name: contract.event_time, role: "event_time", type: "DateTime64(6, 'UTC')", nullable: false }];
  const entity: FrozenColumn[] =
    contract.entity === null
      ? []
      : [{ name: contract.entity, role: "entity", type: "String", nullable: false }];
  return [...features, label, ...time, ...entity];
};

/** Starts the digest of rows frozen under a contract; their packed bytes follow. */
export const rowsHash = (contractDigest: string, columns: readonly FrozenColumn[]): Hash =>
  createHash("sha256").update(canonicalJson({ contract: contractDigest, columns }));

/** What a packer has seen of a source. */
export type RowsSeen = {
  readonly rows: number;
  readonly positives: number;
  readonly labelled: number;
  readonly sorted: boolean;
  /** Microseconds since 1970; infinite where there was no time. */
  readonly minMicros: number;
  readonly maxMicros: number;
};

/** The counts and the span that a manifest and a comparison tell of rows. */
export const countedRows = (
  { event_time }: FeatureContract,
  { rows, labelled, positives, minMicros, maxMicros }: RowsSeen,
) => ({
  ...{ rows, labelled, positives },
  from: event_time === null ? null : isoOfMicros(minMicros),
  to: event_time === null ? null : isoOfMicros(maxMicros),
});

/** Microseconds as ISO 8601 with the fraction that is there. */
const isoOfMicros = (micros: number): string => {
  const iso = new Date(Math.floor(micros / 1e6) * 1000).toISOString().slice(0, 19);
  const fraction = micros - Math.floor(micros / 1e6) * 1e6;
  return fraction === 0 ? `${iso}Z` : `${iso}.${String(fraction).padStart(6, "0")}Z`;
};
