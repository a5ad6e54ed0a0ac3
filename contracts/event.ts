// Words: what crosses the streams (SPEC §4). An event is already a ClickHouse row: a stream entry carries JSONCompactEachRow
// lines in the facts table's column order, and the recorder concatenates bytes.
import { z } from "zod";

export const Role = z.enum(["production", "shadow"]);
export type Role = z.infer<typeof Role>;

export const EventStatus = z.enum(["ok", "invalid", "error", "timeout", "shed"]);
export type EventStatus = z.infer<typeof EventStatus>;

/** UTC, millisecond, as ClickHouse reads it fastest: `YYYY-MM-DD hh:mm:ss.SSS`. */
export const ClickHouseTime = z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}$/);

/** Schema version of a stream entry; a reader refuses (dead-letters) any other. */
export const ENTRY_VERSION = 1;

/** Column order of `predictions` and of a row in an event entry. */
export const PREDICTION_COLUMNS = [
  "event_time",
  "model",
  "version",
  "role",
  "request_id",
  "event_id",
  "status",
  "probability",
  "latency_us",
  "encoding",
  "codes",
  "producer",
  "producer_seq",
  "ingested_at",
] as const;

export const PredictionRow = z.tuple([
  ClickHouseTime,
  z.string(),
  z.string(),
  Role,
  z.uuid(),
  z.uuid(),
  EventStatus,
  z.number().min(0).max(1).nullable(),
  /** Null where time is not the wall's (`clock: replay`): a latency would not be reproducible. */
  z.int().min(0).nullable(),
  z.string(),
  z.array(z.int().min(0).max(255)),
  z.string(),
  z.int().min(0),
  ClickHouseTime,
]);
export type PredictionRow = z.infer<typeof PredictionRow>;

/** Column order of `labels` and of a row in a label entry. */
export const LABEL_COLUMNS = [
  "model",
  "request_id",
  "label",
  "observed_at",
  "received_at",
  "source",
  "producer",
  "producer_seq",
] as const;

export const LabelRow = z.tuple([
  z.string(),
  z.uuid(),
  z.union([z.literal(0), z.literal(1)]),
  ClickHouseTime,
  ClickHouseTime,
  z.string(),
  z.string(),
  z.int().min(0),
]);
export type LabelRow = z.infer<typeof LabelRow>;

/** Namespace of all event ids; chosen once, never changed: another one would make a retried request a new event. */
export const EVENT_NAMESPACE = "5f0e7b0a-6f3c-5d1c-9b7e-2a6d1c8e4f90";

/** The name an event's UUIDv5 is made of: a retried request gets the same, a candidate's answer to it another. */
export const eventName = (model: string, requestId: string, shadowVersion: string | null): string =>
  shadowVersion === null
    ? `${model}|${requestId}|production`
    : `${model}|${requestId}|shadow|${shadowVersion}`;

export type StreamKind = "events" | "labels";

/** The only place that knows a stream's name. All keys of a partition share its hash tag. */
export const streamKey = (kind: StreamKind, partition: number): string => `flyball:{p${partition}}:${kind}`;

/** Group of the recorders on every stream. */
export const RECORDERS = "recorders";

/**
 * A stream entry's fields. `rows`: newline-terminated JSONCompactEachRow lines, `n` of them; their producer sequence is contiguous.
 * A watermark entry has n = 0, empty rows and `watermark` (ms since epoch): nothing earlier will follow from this producer.
 */
export const StreamEntry = z.strictObject({
  v: z.literal(String(ENTRY_VERSION)),
  n: z.string().regex(/^\d+$/),
  rows: z.string(),
  watermark: z.string().regex(/^\d+$/).optional(),
  producer: z.string().optional(),
});
export type StreamEntry = z.infer<typeof StreamEntry>;
