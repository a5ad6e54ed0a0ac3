// Stage: report. Loads what the stores hold of one model over one span, has the core put it together, and hands it back; whole days are kept
// once and never written again. Idempotent: a day that is kept already is left alone. Moves nothing.
import type { Span } from "../../contracts/counts.ts";
import type { LedgerEntry } from "../../contracts/governance.ts";
import type { ModelReport } from "../../contracts/report.ts";
import { durationMs } from "../core/duration.ts";
import { dayReport, isEmptyReport } from "../core/report-day.ts";
import type {
  KeepsReports,
  Paging,
  Place,
  Placed,
  ReadsForPeople,
  ReadsLedger,
  Slice,
} from "../ports-reading.ts";

export interface ReportPorts {
  readonly ledger: ReadsLedger;
  readonly lists: Pick<
    ReadsForPeople,
    "snapshots" | "performance" | "decisions" | "alerts" | "trends" | "heat"
  >;
  /** The window size that decides. */
  readonly size: string;
  now(): Promise<number>;
}

export const DAY_MS = 86_400_000;
/** What pictures show before the span, so that a change has something to stand against. */
const CONTEXT_MS = 30 * DAY_MS;
const PAGE = 1_000;

/** Makes a report; writes nothing. */
export const makeReport = async (
  ports: ReportPorts,
  { model, span }: { readonly model: string; readonly span: Span },
): Promise<ModelReport> => {
  const { lists, size } = ports;
  const context = { startMs: Math.max(0, span.endMs - CONTEXT_MS), endMs: span.endMs };
  const twice = { startMs: Math.max(0, 2 * span.startMs - span.endMs), endMs: span.endMs };
  const slice = (over: Span, filters: Slice["filters"]) => ({ model, size, span: over, filters });
  const [entries, decisions, alerts, snapshots, trend, drift, performance] = await Promise.all([
    entriesOf(ports.ledger),
    since(span, (paging) => lists.decisions({ model, action: "", ...paging })),
    since(span, (paging) => lists.alerts({ model, ...paging })),
    allOf((paging) => lists.snapshots({ ...slice(twice, { role: "production" }), ...paging })),
    lists.trends({ model, size, span: context }),
    lists.heat({ model, size, span: context, stepMs: durationMs(size) }),
    allOf((paging) => lists.performance({ ...slice(context, { scope: "all" }), ...paging })),
  ]);
  return dayReport({
    model,
    span,
    asOfMs: await ports.now(),
    entries,
    decisions: decisions.filter((one) => Date.parse(one.window_end) > span.startMs),
    alerts: alerts.filter(({ at }) => Date.parse(at) >= span.startMs),
    snapshots,
    trend: trend.map(({ model: _, ...point }) => point),
    drift,
    performance,
  });
};

/** Makes and keeps the whole UTC day; false where it was kept before, or there is nothing to tell of it. */
export const keepDay = async (
  ports: ReportPorts & { readonly reports: KeepsReports },
  by: { readonly model: string; readonly dayMs: number },
): Promise<boolean> => {
  const day = dayOf(by.dayMs);
  if (await ports.reports.has(by.model, day)) return false;
  const span = { startMs: by.dayMs, endMs: by.dayMs + DAY_MS };
  const report = await makeReport(ports, { model: by.model, span });
  return !isEmptyReport(report) && ports.reports.keep(day, report);
};

/** `2001-05-02` of a day's first ms. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

const entriesOf = async (ledger: ReadsLedger): Promise<LedgerEntry[]> => {
  const all: LedgerEntry[] = [];
  for (;;) {
    const page = await ledger.read(all.at(-1)?.seq ?? 0, PAGE);
    all.push(...page);
    if (page.length < PAGE) return all;
  }
};

type ReadPage<T> = (paging: Paging) => Promise<readonly Placed<T>[]>;

const allOf = async <T>(read: ReadPage<T>): Promise<T[]> => {
  const all: T[] = [];
  let after: Place | null = null;
  for (;;) {
    const page: readonly Placed<T>[] = await read({ after, limit: PAGE });
    all.push(...page.map(({ item }) => item));
    after = page.at(-1)?.place ?? null;
    if (page.length < PAGE) return all;
  }
};

/** Newest first from the end of a span, as far as its pages reach back to the span's start; the caller cuts the older rest. */
const since = async <T>(span: Span, read: ReadPage<T>): Promise<T[]> => {
  const all: T[] = [];
  let after: Place = { ms: -span.endMs, key: "" };
  for (;;) {
    const page = await read({ after, limit: PAGE });
    all.push(...page.map(({ item }) => item));
    const last = page.at(-1);
    // Places count backwards from the epoch: a newest-first list ascends.
    if (last === undefined || page.length < PAGE || -last.place.ms <= span.startMs) return all;
    after = last.place;
  }
};
