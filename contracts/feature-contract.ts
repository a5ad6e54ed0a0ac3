// Words: the feature contract (SPEC §2). One shape shared by training, serving, monitoring and retraining; what is not
// in it does not exist. Parsing with file, line and key lives in src/core/contract.ts.
import { z } from "zod";

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "lower-case letters, digits, dot, dash or underscore");
const column = z.string().min(1).max(200);
/** Columns that are never a feature may be unnamed in the file: row numbers often have an empty header. */
const anyColumn = z.string().max(200);
const cycle = z.enum(["day", "week"]);
const missing = z.enum(["reject", "allow"]);

export const Semver = z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$/, "MAJOR.MINOR.PATCH");

export const FeatureSpec = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("continuous"),
    min: z.number(),
    max: z.number(),
    integer: z.boolean().optional(),
    unit: z.string().optional(),
    missing: missing.optional(),
  }),
  z.strictObject({
    kind: z.literal("ordinal"),
    values: z.array(z.number()).min(1).max(250),
    cycle: cycle.optional(),
    missing: missing.optional(),
  }),
  z.strictObject({
    kind: z.literal("nominal"),
    /** `frozen`: the vocabulary is taken from the reference data when the encoding is frozen. */
    values: z.union([z.literal("frozen"), z.array(z.string()).min(1).max(240)]),
    unseen: z.enum(["reject", "other"]).default("reject"),
    missing: missing.optional(),
  }),
]);
export type FeatureSpec = z.infer<typeof FeatureSpec>;

export const FeatureContract = z.strictObject({
  name,
  version: Semver,
  source: z
    .strictObject({
      delimiter: z.string().length(1).default(","),
      null_values: z.array(z.string()).default([""]),
      sql: z.string().optional(),
    })
    .default({ delimiter: ",", null_values: [""] }),
  label: z.strictObject({
    name: column,
    positive: z.union([z.string(), z.number()]),
    negative: z.union([z.string(), z.number()]),
  }),
  event_time: column.nullable(),
  entity: anyColumn.nullable().default(null),
  features: z.record(column, FeatureSpec).refine((f) => Object.keys(f).length > 0, "at least one feature"),
  forbidden: z.array(anyColumn).default([]),
  segments: z.array(z.strictObject({ feature: column, top: z.int().min(1).max(20) })).default([]),
  missing: missing.default("reject"),
  label_maturity: z
    .strictObject({ horizon: z.string(), min_coverage: z.number().min(0).max(1) })
    .default({ horizon: "24h", min_coverage: 0.3 }),
  evaluation: z
    .strictObject({ threshold: z.union([z.literal("max_f1"), z.number().gt(0).lt(1)]) })
    .default({ threshold: "max_f1" }),
  interpretation: z.strictObject({ risk_bands: z.record(z.string(), z.number().gt(0).lt(1)) }).optional(),
});
export type FeatureContract = z.infer<typeof FeatureContract>;
