// Words: the jobs between stages. A job says only "look for due work"; what is due comes from durable state, so a lost or
// repeated job does no harm. The queue names are owned here.
import { z } from "zod";

export const Stage = z.enum([
  "roll",
  "measure",
  "decide",
  "execute",
  "retrain",
  "notify",
  "reconcile",
  "trim",
  "report",
]);
export type Stage = z.infer<typeof Stage>;

/** BullMQ key prefix; the braces keep every queue key in one Redis Cluster slot. */
export const QUEUE_PREFIX = "{flyball}";

/** `through`: the watermark (ms) that made this look worth while; null on a timer's tick. */
export const LookJob = z.strictObject({ through: z.int().nullable() });
export type LookJob = z.infer<typeof LookJob>;

export const RetrainJob = z.strictObject({ model: z.string(), training_id: z.string() });
export type RetrainJob = z.infer<typeof RetrainJob>;
