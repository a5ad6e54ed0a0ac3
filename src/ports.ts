// Ports: the whole outside world of the stages on one page. Each is named by a need; who fills it is known to src/wiring.ts only.
// Instants are milliseconds since the epoch, UTC, in the deployment's clock unless a name says otherwise.
import type { Alert } from "../contracts/alerts.ts";
import type { BundleMetadata, BundleMetrics, Preprocessor, Reference } from "../contracts/bundle.ts";
import type {
  Bucketed,
  DriftResult,
  FeatureCounts,
  FeatureHistogram,
  LabelledCounts,
  PairCounts,
  PerformanceRow,
  ScoreHistogram,
  SegmentKey,
  Span,
  WindowContent,
} from "../contracts/counts.ts";
import type { Decision, Memory } from "../contracts/decision.ts";
import type { Encoding } from "../contracts/encoding.ts";
import type { FeatureContract } from "../contracts/feature-contract.ts";
import type { LedgerDraft, LedgerEntry, LedgerState, Training } from "../contracts/governance.ts";
import type { RetrainJob, Stage } from "../contracts/jobs.ts";
import type { Snapshot } from "../contracts/snapshot.ts";
import type { Column } from "./core/encode.ts";

export interface ReadsTraffic {
  models(): Promise<readonly { model: string; firstMs: number }[]>;
  /** Window starts that received rows since `seen` (engine clock, as given by `engineNow`). */
  touched(by: { model: string; sizeMs: number; seen: string; throughMs: number }): Promise<readonly number[]>;
  engineNow(): Promise<string>;
  /** What each window of a span holds, by its start; windows without a row are absent. A span is at most the deduplication horizon. */
  contents(by: {
    model: string;
    sizeMs: number;
    span: Span;
    horizonMs: number;
    segments: readonly SegmentKey[];
  }): Promise<ReadonlyMap<number, WindowContent>>;
  /** Rows missing from producers' sequences around the window. */
  holes(span: Span): Promise<number>;
}

/** New snapshots of one window, and the histograms they vouch for. */
export interface RolledWindow {
  readonly snapshots: readonly Snapshot[];
  readonly features: readonly FeatureHistogram[];
  readonly scores: readonly ScoreHistogram[];
}

export interface KeepsSnapshots {
  latest(by: { model: string; size: string; span: Span }): Promise<readonly Snapshot[]>;
  /** Production's newest snapshots that end within the span and have no drift rows yet; `alone`: no other version answered in the window. */
  unjudged(by: {
    model: string;
    sizes: readonly string[];
    span: Span;
  }): Promise<readonly { readonly snapshot: Snapshot; readonly alone: boolean }[]>;
  /** Summed over `bucketMs`, a multiple of the size; the newest revisions only. */
  features(by: {
    model: string;
    size: string;
    span: Span;
    bucketMs: number;
  }): Promise<readonly Bucketed<FeatureHistogram>[]>;
  /** Of every window of the size, not summed; a histogram that cannot be read holds NaN and leaves the others alone. */
  counts(by: { model: string; size: string; span: Span }): Promise<readonly Bucketed<FeatureCounts>[]>;
  scores(by: {
    model: string;
    size: string;
    span: Span;
    bucketMs: number;
  }): Promise<readonly Bucketed<ScoreHistogram>[]>;
  /** Requests of production by window, for the usual volume. */
  volumes(by: {
    model: string;
    size: string;
    span: Span;
  }): Promise<readonly { windowStartMs: number; volume: number }[]>;
  /** Writes windows of one model and size, each whole: histograms first and the snapshots that vouch for them last. Names are by version. */
  keep(by: {
    windows: readonly RolledWindow[];
    featureNames: ReadonlyMap<string, readonly string[]>;
  }): Promise<void>;
  /** Writes an encoding's meanings and a version's reference counts once; later calls do nothing. */
  keepReference(bundle: Bundle): Promise<void>;
}

/** A verified bundle as read from the registry. */
export interface Bundle {
  readonly metadata: BundleMetadata;
  readonly metrics: BundleMetrics;
  readonly preprocessor: Omit<Preprocessor, "encoding">;
  readonly encoding: Encoding;
  readonly reference: Reference;
}

export interface ReadsRegistry {
  models(): Promise<readonly string[]>;
  versions(model: string): Promise<readonly string[]>;
  /** Verified on first read, then remembered: bundles never change. */
  bundle(model: string, version: string): Promise<Bundle>;
}

/** Remembers how far a stage has come; losing it costs time, never truth. */
export interface Progress {
  get(name: string): Promise<number | null>;
  /** Moves forward only. */
  set(name: string, ms: number): Promise<void>;
  getText(name: string): Promise<string | null>;
  setText(name: string, text: string): Promise<void>;
}

export interface ReadsOutcomes {
  /** Labelled counts of one window as known at `asOfMs`, by version, role and scope. */
  labelled(by: {
    model: string;
    span: Span;
    horizonMs: number;
    asOfMs: number;
    thresholds: Readonly<Record<string, number>>;
    segments: readonly SegmentKey[];
  }): Promise<readonly LabelledCounts[]>;
  /** One shadow against production on the same requests of one window, by production version and scope. */
  pairs(by: {
    model: string;
    version: string;
    span: Span;
    horizonMs: number;
    asOfMs: number;
    thresholds: Readonly<Record<string, number>>;
    segments: readonly SegmentKey[];
    lambdas: readonly number[];
  }): Promise<readonly PairCounts[]>;
  /** Labelled production rows for training: codes row-major, event-time order. */
  trainingRows(by: {
    model: string;
    encoding: string;
    span: Span;
    horizonMs: number;
    asOfMs: number;
    quarantined: readonly Span[];
    features: number;
    rowsMax: number;
  }): Promise<{ rows: number; codes: Uint8Array; labels: Uint8Array; timesMs: Float64Array; digest: string }>;
}

export interface KeepsMeasures {
  /** `about: labels`: rows of a matured window; they do not say that its inputs were judged. */
  keepDrift(by: {
    model: string;
    profile: string;
    results: readonly DriftResult[];
    about?: "labels";
  }): Promise<void>;
  keepPerformance(by: { model: string; size: string; rows: readonly PerformanceRow[] }): Promise<void>;
  drift(by: { model: string; size: string; span: Span }): Promise<readonly DriftResult[]>;
  /** Of one scope; both roles, realised and estimated. */
  performance(by: {
    model: string;
    size: string;
    span: Span;
    scope: string;
  }): Promise<readonly PerformanceRow[]>;
  keepPairs(by: {
    model: string;
    size: string;
    maturedAtMs: number;
    rows: readonly PairCounts[];
  }): Promise<void>;
  pairs(by: { model: string; size: string; version: string; span: Span }): Promise<readonly PairCounts[]>;
  keepTrust(by: {
    model: string;
    size: string;
    windowStartMs: number;
    version: string;
    /** Of the snapshot it was worked out from. */
    revision: number;
    trust: number | null;
    components: Readonly<Record<string, number>>;
  }): Promise<void>;
  trust(by: { model: string; size: string; windowStartMs: number }): Promise<number | null>;
}

export interface DecisionRecord {
  readonly decision: Decision;
  readonly decisionJson: string;
  readonly memory: Memory;
  readonly memoryJson: string;
  readonly inputsJson: string;
  readonly policyJson: string;
}

export interface KeepsDecisions {
  keep(record: DecisionRecord): Promise<void>;
  last(model: string): Promise<DecisionRecord | null>;
  /** In window order, oldest first, after the given window end. */
  after(model: string, windowEndMs: number | null, limit: number): Promise<readonly DecisionRecord[]>;
  byId(id: string): Promise<DecisionRecord | null>;
}

export interface KeepsLedger {
  state(): Promise<LedgerState>;
  append(
    draft: LedgerDraft,
    by: { generation: number },
  ): Promise<{ ok: true; entry: LedgerEntry } | { ok: false; generation: number }>;
  /** Copies unsealed entries to ClickHouse; serving follows only sealed ones. */
  seal(): Promise<{ seq: number; generation: number }>;
  sealed(): Promise<{ seq: number; generation: number }>;
  sealedState(): Promise<LedgerState>;
}

export interface EnqueuesWork {
  look(stage: Stage, throughMs: number | null): Promise<void>;
  retrain(job: RetrainJob): Promise<void>;
}

/** What a stage does with a look or a training; `signal` is aborted when the job's lock is lost. */
export interface StageHandlers {
  readonly look: Partial<Record<Stage, (throughMs: number | null, signal: AbortSignal) => Promise<void>>>;
  readonly retrain: (job: RetrainJob, signal: AbortSignal) => Promise<void>;
}

export interface KeepsAlerts {
  keep(alert: {
    id: string;
    model: string;
    atMs: number;
    alert: string;
    severity: string;
    detail: string;
    value: number | null;
    threshold: number | null;
    decisionId: string;
    link: string;
    delivered: Readonly<Record<string, string>>;
  }): Promise<void>;
  known(ids: readonly string[]): Promise<ReadonlySet<string>>;
}

/** A number with two labels: model and action or version or status, alert and severity, stream and reason. */
export interface Figure {
  readonly what: "decisions" | "alerts" | "letters" | "trust" | "drift";
  readonly a: string;
  readonly b: string;
  readonly n: number;
}

export interface ReadsFigures {
  figures(): Promise<readonly Figure[]>;
}

/** What came of a training: `refused` for its rows, which others may lift, or `failed` for whatever else. */
export type TrainingResult =
  | { readonly ok: true; readonly version: string }
  | { readonly ok: false; readonly outcome: "failed" | "refused"; readonly detail: string };

/** Trains on rows up to the training's `through`, leaving out quarantined spans; publishes under the training's id. */
export type TrainsOnWindows = (by: {
  readonly model: string;
  readonly training: Training;
  readonly parent: string;
  readonly quarantined: readonly { startMs: number; endMs: number }[];
  readonly signal: AbortSignal;
}) => Promise<TrainingResult>;

/** One way to reach people. Rejects with a Fault: transient when trying again may help. */
export type DeliversAlerts = (alert: Alert) => Promise<void>;

/** Structured log lines; never a raw input. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The rows a trainer learns from, as its model will be fed. */
export interface Lesson {
  readonly contract: FeatureContract;
  readonly encoding: Encoding;
  readonly rows: number;
  readonly columns: Readonly<Record<string, Column>>;
  readonly label: Uint8Array;
  /** Milliseconds since 1970; null where rows have no time. */
  readonly timesMs: Float64Array | null;
  readonly seed: number;
  /** A few rows of the model's vector, to run it on for the first time. */
  readonly sample: { readonly vector: Float32Array; readonly n: number };
}
