// Words: the report of one model over one span, as it is kept (`<home>/reports/<model>/<day>.json`) and made into a page. It repeats what the
// stores said when it was made and judges nothing again; what is not known is null, never 0.
import { z } from "zod";
import { AlertItem, DecisionItem, HeatRow, PerformanceItem, TrendPoint } from "./read.ts";

const count = z.number();

/** Requests of production in a span; rates are left to the reader, counts are exact. */
export const ReportTraffic = z.strictObject({
  volume: count,
  ok: count,
  invalid: count,
  errors: count,
  late_rows: count,
  /** Null where no row was scored. */
  mean_score: z.number().nullable(),
});
export type ReportTraffic = z.infer<typeof ReportTraffic>;

export const ReportChange = z.strictObject({
  seq: z.int(),
  at: z.string(),
  actor: z.string(),
  reason: z.string(),
  /** Each event of the entry in a few words. */
  what: z.array(z.string()),
});
export type ReportChange = z.infer<typeof ReportChange>;

export const ModelReport = z.strictObject({
  v: z.literal(1),
  model: z.string(),
  window: z.strictObject({ start: z.string(), end: z.string() }),
  /** The deployment's clock when it was made: labels and revisions that came later are not in it. */
  as_of: z.string(),
  /** After every decision of the span was carried out. */
  standing: z.strictObject({
    promoted: z.string().nullable(),
    candidate: z.string().nullable(),
    standby: z.string().nullable(),
    frozen: z.string().nullable(),
    open_quarantines: z.int(),
  }),
  changes: z.array(ReportChange),
  decisions: z.array(DecisionItem),
  alerts: z.array(AlertItem.pick({ id: true, at: true, alert: true, severity: true, detail: true })),
  traffic: ReportTraffic,
  /** The span of the same length before; null where nothing was served in it. */
  before: ReportTraffic.nullable(),
  /** Decision windows up to the end of the span, oldest first: the context of its pictures. */
  trend: z.array(TrendPoint),
  drift: z.array(HeatRow),
  performance: z.array(PerformanceItem),
});
export type ModelReport = z.infer<typeof ModelReport>;

/** One line of the list of kept reports. */
export const ReportItem = z.strictObject({
  model: z.string(),
  day: z.string(),
  headline: z.string(),
  /** Of the kept JSON's bytes. */
  sha256: z.string(),
});
export type ReportItem = z.infer<typeof ReportItem>;
