// Words: counts as they travel between the stores, the stages and the core: plain data, integers only, instants in
// milliseconds since the epoch.
import type { DriftRow } from "./drift.ts";
import type { Role } from "./event.ts";
import type { Snapshot } from "./snapshot.ts";

/** A sparse histogram: keys ascending, integer counts. */
export interface Histogram {
  readonly keys: readonly number[];
  readonly counts: readonly number[];
}

export interface FeatureHistogram {
  readonly version: string;
  readonly role: Role;
  readonly encoding: string;
  /** 1-based place of the feature in contract order. */
  readonly position: number;
  readonly histogram: Histogram;
}

/** The same as counts by code, 256 of them: what a day of windows is judged by, without a pair made for each bin. */
export interface FeatureCounts extends Omit<FeatureHistogram, "histogram"> {
  readonly counts: Float64Array;
  /** Rows counted; null where these are no counts. */
  readonly rows: number | null;
}

export interface ScoreHistogram {
  readonly version: string;
  readonly role: Role;
  /** `all` or a segment such as `origin=ATL`. */
  readonly scope: string;
  readonly histogram: Histogram;
}

export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** A segment to slice by: the code at a 1-based position of the vector. */
export interface SegmentKey {
  readonly name: string;
  readonly position: number;
  readonly code: number;
}

/** A histogram of one bucket of time. */
export type Bucketed<T> = T & { readonly windowStartMs: number };

export interface WindowContent {
  readonly rows: readonly Omit<
    Snapshot,
    "model" | "window_size" | "window_start" | "window_end" | "revision" | "late_rows" | "flags" | "digest"
  >[];
  readonly features: readonly FeatureHistogram[];
  readonly scores: readonly ScoreHistogram[];
}

export interface LabelledCounts {
  readonly version: string;
  readonly role: Role;
  readonly scope: string;
  readonly requests: number;
  readonly labelled: number;
  readonly positives: number;
  readonly threshold: number;
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  /** Integer sums as decimal strings: Σ round((p−y)²·1e12), Σ round(−ln p̂·1e9). */
  readonly brierSum: string;
  readonly logLossSum: string;
  readonly negative: Histogram;
  readonly positive: Histogram;
}

export interface PairCounts {
  readonly productionVersion: string;
  readonly version: string;
  readonly scope: string;
  readonly windowStartMs: number;
  readonly productionRequests: number;
  readonly productionErrors: number;
  readonly pairs: number;
  readonly unpaired: number;
  readonly ok: number;
  readonly errors: number;
  readonly timeouts: number;
  readonly sheds: number;
  readonly identical: number;
  readonly matured: number;
  readonly cells: readonly number[];
  readonly dSum: string;
  readonly dSumSquares: string;
  readonly logWealth: readonly number[];
  readonly logWealthReversed: readonly number[];
  readonly delta: Histogram;
  readonly productionBrierSum: string;
  readonly brierSum: string;
  readonly productionLogLossSum: string;
  readonly logLossSum: string;
  readonly productionNegative: Histogram;
  readonly productionPositive: Histogram;
  readonly negative: Histogram;
  readonly positive: Histogram;
  readonly latency: Histogram;
  readonly productionLatency: Histogram;
}

export interface PerformanceRow extends LabelledCounts {
  readonly windowStartMs: number;
  readonly maturedAtMs: number;
  readonly kind: "realised" | "estimated";
  readonly metrics: Readonly<
    Record<
      "accuracy" | "precision" | "recall" | "f1" | "brier" | "log_loss" | "roc_auc" | "pr_auc" | "ece",
      number | null
    >
  >;
  readonly valid: boolean;
  readonly detail: string;
  /** Of the snapshot an estimate was worked out from; 1 where nothing can revise it. */
  readonly revision: number;
}

export interface DriftResult {
  readonly size: string;
  readonly windowStartMs: number;
  readonly version: string;
  readonly revision: number;
  readonly digest: string;
  readonly rows: readonly DriftRow[];
}
