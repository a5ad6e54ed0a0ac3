// Core: what a report of one model over one span says, put together from what the stores hold: changes of the ledger with their reasons,
// decisions, alerts, traffic beside the span before, drift and performance. Pure; it judges nothing that the governor did not judge.
import type { LedgerEntry, LedgerEvent } from "../../contracts/governance.ts";
import type {
  AlertItem,
  DecisionItem,
  HeatRow,
  PerformanceItem,
  SnapshotItem,
  TrendPoint,
} from "../../contracts/read.ts";
import type { ModelReport, ReportChange, ReportTraffic } from "../../contracts/report.ts";
import type { Span } from "../../contracts/counts.ts";
import { briefly } from "./brief.ts";
import { evolve } from "./governance.ts";
import { initialState, modelOf } from "./governance-state.ts";
import { isoOf } from "./time.ts";

export interface ReportParts {
  readonly model: string;
  readonly span: Span;
  readonly asOfMs: number;
  /** The whole ledger, oldest first: where the model stands is its fold. */
  readonly entries: readonly LedgerEntry[];
  readonly decisions: readonly DecisionItem[];
  readonly alerts: readonly AlertItem[];
  /** Of the span and of the one before, each window once. */
  readonly snapshots: readonly SnapshotItem[];
  readonly trend: readonly TrendPoint[];
  readonly drift: readonly HeatRow[];
  readonly performance: readonly PerformanceItem[];
}

/** Puts a report together. */
export const dayReport = (parts: ReportParts): ModelReport => {
  const { model, span, entries, decisions } = parts;
  const lengthMs = span.endMs - span.startMs;
  const told = changesOf(parts);
  const lastSeq = told.at(-1)?.seq ?? 0;
  const ruling = entries.filter(({ at, seq }) => Date.parse(at) < span.endMs || seq <= lastSeq);
  const state = modelOf(ruling.reduce(evolve, initialState()), model);
  return {
    v: 1,
    model,
    window: { start: isoOf(span.startMs), end: isoOf(span.endMs) },
    as_of: isoOf(parts.asOfMs),
    standing: {
      promoted: state.promoted,
      candidate: state.candidate,
      standby: state.standby,
      frozen: state.frozen === null ? null : `${state.frozen.reason} (${state.frozen.actor})`,
      open_quarantines: state.quarantines.filter(({ released }) => !released).length,
    },
    changes: told,
    decisions: [...decisions].sort((a, b) => (a.window_end < b.window_end ? -1 : 1)),
    alerts: parts.alerts.map(({ id, at, alert, severity, detail }) => ({ id, at, alert, severity, detail })),
    traffic: trafficOf(parts.snapshots, span) ?? NO_TRAFFIC,
    before: trafficOf(parts.snapshots, { startMs: span.startMs - lengthMs, endMs: span.startMs }),
    trend: [...parts.trend],
    drift: [...parts.drift],
    performance: [...parts.performance],
  };
};

/** One line for lists and for the page's title. */
export const headlineOf = ({
  as_of: asOf,
  window,
  changes,
  decisions,
  traffic,
  standing,
}: ModelReport): string => {
  const acted = decisions.filter(({ action }) => action !== "NONE" && action !== "HOLD");
  const [first] = acted;
  if (first !== undefined)
    return `${briefly(first.sentence)}${acted.length === 1 ? "" : ` And ${acted.length - 1} more decisions.`}`;
  // What an open window took is not counted yet: that is no quiet day.
  if (traffic.volume === 0)
    return Date.parse(asOf) < Date.parse(window.end)
      ? "Not over yet: requests are counted when their window closes"
      : "No request was served";
  const moved = changes.some(({ what }) => what.some((text) => text.includes("→")));
  const serving = standing.promoted === null ? "nothing is promoted" : `${standing.promoted} serves`;
  return moved ? `Versions moved; ${serving}` : `Nothing changed; ${serving}`;
};

/** Nothing served, asked, decided or moved: a report of it would tell nobody anything, and be kept for ever. */
export const isEmptyReport = ({ standing, traffic, changes, decisions, alerts }: ModelReport): boolean =>
  standing.promoted === null &&
  traffic.volume === 0 &&
  changes.length + decisions.length + alerts.length === 0;

const NO_TRAFFIC: ReportTraffic = { volume: 0, ok: 0, invalid: 0, errors: 0, late_rows: 0, mean_score: null };

/** Entries of the span, and those that carry out its decisions a moment after its end. */
const changesOf = ({ model, span, entries, decisions }: ReportParts): ReportChange[] => {
  const ids = new Set(decisions.map(({ id }) => id));
  return entries
    .filter((entry) => {
      if (entry.model !== model) return false;
      const ms = Date.parse(entry.at);
      const carriesOut = entry.events.some(
        (event) => event.type === "executed" && ids.has(event.decision_id),
      );
      const isOlder = entry.events.some((event) => event.type === "executed" && !ids.has(event.decision_id));
      return carriesOut || (ms >= span.startMs && ms < span.endMs && !isOlder);
    })
    .map(({ seq, at, actor, reason, events }) => ({ seq, at, actor, reason, what: events.map(eventText) }))
    .filter(({ what }) => what.length > 1 || what[0] !== NOTHING);
};

const NOTHING = "nothing was to be done";

const eventText = (event: LedgerEvent): string => {
  switch (event.type) {
    case "transition":
      return `${event.version}: ${event.from} → ${event.to}`;
    case "registered":
      return `${event.version} registered (${event.family})`;
    case "command":
      return `command ${event.command}${event.version === null ? "" : ` ${event.version}`}`;
    case "command_done":
      return `command ${event.outcome}: ${event.detail}`;
    case "executed":
      return event.outcome === "nothing" ? NOTHING : `${event.action} carried out: ${event.outcome}`;
    case "training_requested":
      return `training asked for, attempt ${event.attempt}`;
    case "training_finished":
      return `training ${event.outcome}${event.version === null ? "" : ` ${event.version}`}: ${event.detail}`;
    case "quarantined":
    case "released":
      return `window of ${event.window_start} ${event.type} (${event.kind}): ${event.detail}`;
    case "frozen":
      return event.until === null ? "frozen" : `frozen until ${event.until}`;
    case "unfrozen":
      return "unfrozen";
    case "circuit_opened":
    case "circuit_closed":
      return `${event.type === "circuit_opened" ? "trainings stopped" : "trainings allowed again"}: ${event.detail}`;
    case "recovered":
      return `recovered ${event.entries} entries: ${event.detail}`;
  }
};

/** Sums of production's windows in a span; null where there is none. */
const trafficOf = (snapshots: readonly SnapshotItem[], span: Span): ReportTraffic | null => {
  const inside = snapshots.filter(({ role, window_start }) => {
    const ms = Date.parse(window_start);
    return role === "production" && ms >= span.startMs && ms < span.endMs;
  });
  if (inside.length === 0) return null;
  const sum = (pick: (one: SnapshotItem) => number): number =>
    inside.reduce((total, one) => total + pick(one), 0);
  const ok = sum((one) => one.ok);
  return {
    volume: sum((one) => one.volume),
    ok,
    invalid: sum((one) => one.invalid),
    errors: sum((one) => one.errors),
    late_rows: sum((one) => one.late_rows),
    mean_score: ok === 0 ? null : sum((one) => (one.mean_score ?? 0) * one.ok) / ok,
  };
};
