// Ports of the read side: what people look at, as lists that can be paged and filtered. Everything here reads; what writes are the
// operator's commands, and those go through the ledger like a timer's. Who fills the ports is known to the wiring only.
import type {
  AlertItem,
  DecisionItem,
  DriftItem,
  EvidencePoint,
  HeatRow,
  LabelDay,
  PerformanceItem,
  ShadowItem,
  SnapshotItem,
  TrendPoint,
} from "../contracts/read.ts";
import type { Histogram, Span } from "../contracts/counts.ts";
import type { LedgerEntry } from "../contracts/governance.ts";
import type { ModelReport, ReportItem } from "../contracts/report.ts";

/** Where a page ended: rows after it are older, or of the same instant with a later key. */
export interface Place {
  readonly ms: number;
  readonly key: string;
}
export interface Paging {
  readonly after: Place | null;
  readonly limit: number;
}
/** One row of a list with its place in it. */
export type Placed<T> = { readonly item: T; readonly place: Place };

/** Which rows of a model's list; an absent filter lets everything through. */
export interface Slice extends Paging {
  readonly model: string;
  readonly size: string;
  readonly span: Span;
  readonly filters: Readonly<Record<string, string>>;
}

export interface ReadsForPeople {
  snapshots(slice: Slice): Promise<readonly Placed<SnapshotItem>[]>;
  drift(slice: Slice): Promise<readonly Placed<DriftItem>[]>;
  performance(slice: Slice): Promise<readonly Placed<PerformanceItem>[]>;
  shadow(slice: Slice): Promise<readonly Placed<ShadowItem>[]>;
  decisions(
    by: Paging & { readonly model: string; readonly action: string },
  ): Promise<readonly Placed<DecisionItem>[]>;
  alerts(by: Paging & { readonly model: string }): Promise<readonly Placed<AlertItem>[]>;
  labels(by: { readonly model: string; readonly span: Span }): Promise<readonly LabelDay[]>;
  /** Volume, trust and breaches by window, of one model or (null) of every one. */
  trends(by: {
    readonly model: string | null;
    readonly size: string;
    readonly span: Span;
  }): Promise<readonly (TrendPoint & { readonly model: string })[]>;
  /** Production's distinct requests recorded of a span, of one model or (null) of every one that has any. */
  open(by: {
    readonly model: string | null;
    readonly span: Span;
  }): Promise<readonly { readonly model: string; readonly requests: number; readonly newest: string }[]>;
  /** The newest decision of every model. */
  lastDecisions(): Promise<readonly DecisionItem[]>;
  /** Of the windows that begin in one step the worst one speaks. */
  heat(by: {
    readonly model: string;
    readonly size: string;
    readonly span: Span;
    readonly stepMs: number;
  }): Promise<readonly HeatRow[]>;
  /** Counts of one feature (1-based position) in one window, newest revision; null where there are none. */
  histogram(by: {
    readonly model: string;
    readonly size: string;
    readonly version: string;
    readonly startMs: number;
    /** Null: the scores. */
    readonly position: number | null;
  }): Promise<Histogram | null>;
  evidence(by: { readonly model: string; readonly limit: number }): Promise<readonly EvidencePoint[]>;
  /** Shadow versions that ever had pairs, newest first. */
  shadows(by: { readonly model: string; readonly size: string }): Promise<readonly string[]>;
  delta(by: { readonly model: string; readonly size: string; readonly version: string }): Promise<Histogram>;
  /** A sample of (production, shadow) scores on the same requests, always the same one. */
  pairs(by: {
    readonly model: string;
    readonly version: string;
    readonly span: Span;
    readonly limit: number;
  }): Promise<readonly (readonly [number, number])[]>;
  /** Newest (time, id) of decisions and alerts, for those who wait for news. */
  news(): Promise<readonly News[]>;
}

export interface News {
  readonly kind: "decision" | "alert";
  readonly id: string;
  readonly model: string;
  readonly atMs: number;
  readonly text: string;
}

export interface ReadsLedger {
  /** Entries after a seq, oldest first. */
  read(after: number, limit: number): Promise<readonly LedgerEntry[]>;
}

export interface VerifiesBundles {
  verify(
    model: string,
    version: string,
  ): Promise<{
    readonly ok: boolean;
    readonly files: readonly { file: string; ok: boolean; reason: string }[];
  }>;
}

/** A file of the dashboard as it was built. */
export interface WebFile {
  readonly bytes: Uint8Array;
  readonly type: string;
  readonly etag: string;
}

export type ServesFiles = (path: string) => WebFile | null;

/** Reports of whole days, each written once and never changed. */
export interface KeepsReports {
  has(model: string, day: string): Promise<boolean>;
  /** False where the day was kept already, by whomever: the first one stays. */
  keep(day: string, report: ModelReport): Promise<boolean>;
  /** Newest first. */
  list(model: string): Promise<readonly ReportItem[]>;
  /** The bytes as they were kept; null where there are none. */
  read(model: string, day: string, as: "json" | "html"): Promise<string | null>;
}
