// Words: bodies and answers of the serving routes (SPEC §6). OpenAPI is generated from these; the predict routes check the same
// shapes by hand because a schema walk a request is what the hot path cannot afford. Unknown fields are refused everywhere.
import { z } from "zod";

/** RFC 3339 in UTC with `Z`, to the millisecond at most. */
export const UtcTime = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/, "RFC 3339 UTC, such as 2001-05-01T06:00:00Z")
  .refine((text) => !Number.isNaN(Date.parse(text)), "a date that exists");

const requestId = z.uuid().describe("Any UUID; the same id is the same event however often it is sent.");
const features = z
  .record(z.string(), z.union([z.number(), z.string(), z.null()]))
  .describe("One value a contract feature: numbers for continuous and ordinal, strings for nominal.");
const eventTime = UtcTime.optional().describe("Accepted only under `clock: replay`.");

export const PredictRequest = z.strictObject({
  model: z.string().optional(),
  request_id: requestId.optional(),
  event_time: eventTime,
  features,
});

export const Interpretation = z.strictObject({
  label: z.union([z.string(), z.number()]),
  risk_level: z.string().nullable(),
  confidence: z.number().min(0.5).max(1),
});

/** With `?explain=true`, on the log-odds before the calibrator: base + the contributions' sum = margin. */
const explanation = {
  contributions: z
    .record(z.string(), z.number())
    .nullable()
    .optional()
    .describe("One a feature; null where the model was made elsewhere and says nothing."),
  base: z.number().optional().describe("Mean margin over the training rows."),
  margin: z.number().optional(),
};

export const PredictAnswer = z.strictObject({
  request_id: z.uuid(),
  model: z.string(),
  model_version: z.string(),
  probability: z.number().min(0).max(1),
  latency_ms: z.number().min(0),
  interpretation: Interpretation.optional(),
  ...explanation,
});

export const FieldError = z.strictObject({ path: z.string(), message: z.string() });
export type FieldError = z.infer<typeof FieldError>;

/** RFC 9457. Never carries a value the client sent. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(FieldError).optional(),
});
export type Problem = z.infer<typeof Problem>;

export const INSTANCES_MAX = 10_000;

export const BatchRequest = z.strictObject({
  model: z.string().optional(),
  instances: z
    .array(z.strictObject({ request_id: requestId.optional(), event_time: eventTime, features }))
    .min(1)
    .max(INSTANCES_MAX),
});

export const BatchAnswer = z.strictObject({
  model: z.string(),
  model_version: z.string(),
  latency_ms: z.number().min(0),
  predictions: z.array(
    z.union([
      z.strictObject({
        request_id: z.uuid(),
        probability: z.number().min(0).max(1),
        interpretation: Interpretation.optional(),
        ...explanation,
      }),
      z.strictObject({ request_id: z.uuid(), error: Problem }),
    ]),
  ),
});

export const ShadowAnswer = z.strictObject({ accepted: z.int(), candidates: z.array(z.string()) });

export const LABELS_MAX = 10_000;

export const LabelItem = z.strictObject({
  request_id: z.uuid(),
  label: z
    .union([z.string(), z.number(), z.boolean()])
    .describe("The contract's positive or negative value, or 1 or 0."),
  observed_at: UtcTime,
  received_at: UtcTime.optional().describe("Accepted only under `clock: replay`."),
  source: z
    .string()
    .regex(/^[A-Za-z0-9._:-]{1,64}$/, "1 to 64 letters, digits, dot, dash, underscore or colon")
    .optional(),
});

export const LabelsRequest = z.strictObject({
  model: z.string().optional(),
  labels: z.array(LabelItem).min(1).max(LABELS_MAX),
});

export const LabelsAnswer = z.strictObject({
  accepted: z.int(),
  rejected: z.array(z.strictObject({ index: z.int(), errors: z.array(FieldError) })),
});

export const ClockRequest = z.strictObject({ now: UtcTime });
export const ClockAnswer = z.strictObject({ now: UtcTime, settled_through: UtcTime.nullable() });

export const Health = z.strictObject({ status: z.literal("ok") });

export const Readiness = z.strictObject({
  ready: z.boolean(),
  models: z.record(z.string(), z.string()).describe("Promoted version of each model."),
  generation: z.int().nullable(),
  head: z.enum(["confirmed", "stale"]),
  age_s: z.number().nullable(),
  publisher: z.enum(["redis", "spooling"]),
  spool_bytes: z.int(),
  durability: z.enum(["spool", "strict"]),
});

/** One tensor of the Open Inference Protocol V2; `data` is absent where the bytes follow in binary. */
export const V2Tensor = z.strictObject({
  name: z.string(),
  datatype: z.enum(["FP64", "FP32", "INT64", "INT32", "BYTES"]),
  shape: z.array(z.int().min(0)).min(1).max(2),
  data: z.array(z.unknown()).optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
});
export type V2Tensor = z.infer<typeof V2Tensor>;

export const V2Request = z.strictObject({
  id: z.string().max(200).optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  inputs: z.array(V2Tensor).min(1),
  outputs: z
    .array(z.strictObject({ name: z.string(), parameters: z.record(z.string(), z.unknown()).optional() }))
    .optional(),
});

export const V2Answer = z.strictObject({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string(),
  outputs: z.array(V2Tensor),
});

export type V2Request = z.infer<typeof V2Request>;
