// Core: from counts to measured rows. Joins a window's snapshot with its version's reference into drift rows, an estimate and a
// trust score, and labelled counts into realised metrics. Pure; what is absent stays absent.
import type {
  Bucketed,
  FeatureCounts,
  Histogram,
  LabelledCounts,
  PerformanceRow,
  ScoreHistogram,
} from "../../contracts/counts.ts";
import type { DriftRow } from "../../contracts/drift.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { Encoding } from "../../contracts/encoding.ts";
import type { Reference } from "../../contracts/bundle.ts";
import { ALL, BRIER_SCALE, LOG_LOSS_SCALE, type Snapshot } from "../../contracts/snapshot.ts";
import { judgeWindow } from "./drift.ts";
import type { FeatureEvidence } from "./feature-drift.ts";
import { referenceFacts, scoreCells, type EqualCells, type ReferenceFacts } from "./reference-facts.ts";
import { estimateFromScores, estimateValidity, maturedCalibration } from "./estimation.ts";
import {
  addCounts,
  emptyCounts,
  fromSparse,
  latencyQuantile,
  LATENCY_BINS,
  SCORE_BINS,
  totalOf,
  type Counts,
} from "./histogram.ts";
import { confusionMetrics, rankingMetrics } from "./performance.ts";
import { proxiesOf } from "./proxies.ts";
import { volumeBaseline } from "./traffic-drift.ts";
import { trustOf } from "./trust.ts";

const DAY_MS = 86_400_000;

/** Counts of a sparse histogram; size 256 for codes, 1,000 for scores. */
export const countsOf = (histogram: Histogram | undefined, size: number): Counts => {
  const counts = emptyCounts(size);
  if (histogram === undefined) return counts;
  // A day of windows comes through here: no pairs are made only to be taken apart again.
  const { keys, counts: rows } = histogram;
  for (let i = 0; i < keys.length; i++) {
    const [key, n] = [keys[i] ?? -1, rows[i] ?? 0];
    if (!Number.isInteger(key) || key < 0 || key >= size) throw new RangeError(`no bin ${key} of ${size}`);
    if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`bin ${key} holds ${n} rows`);
    counts[key] = (counts[key] ?? 0) + n;
  }
  return counts;
};

/** A reference as counts, worked out once for all windows held against it. */
export interface ReferenceCounts {
  /** In the encoding's order. */
  readonly features: readonly ReferenceFacts[];
  readonly scores: Counts;
  readonly scoreCells: EqualCells;
}

/** Counts of a reference on its encoding. */
export const referenceCounts = (encoding: Encoding, reference: Reference): ReferenceCounts => {
  const scores = referenceScores(reference);
  return {
    features: encoding.features.map((feature) =>
      referenceFacts(feature, fromSparse(reference.features[feature.feature] ?? [])),
    ),
    scores,
    scoreCells: scoreCells(scores),
  };
};

/** Reference scores whatever their label. */
export const referenceScores = (reference: Reference): Counts =>
  addCounts(
    fromSparse(reference.scores.negative, SCORE_BINS),
    fromSparse(reference.scores.positive, SCORE_BINS),
  );

/** Rows by their window, so that a day of windows is read once and each window looks at its own rows only. */
export const byWindow = <T>(rows: readonly Bucketed<T>[]): ReadonlyMap<number, readonly Bucketed<T>[]> => {
  const windows = new Map<number, Bucketed<T>[]>();
  for (const row of rows) {
    const own = windows.get(row.windowStartMs);
    if (own === undefined) windows.set(row.windowStartMs, [row]);
    else own.push(row);
  }
  return windows;
};

type Shares = Readonly<Record<string, number>>;

export interface WindowMeasurement {
  readonly snapshot: Snapshot;
  readonly windowMs: number;
  /** Did this version answer from the window's begin to its end? In part of a week its weekdays would pass for drift. */
  readonly whole: boolean;
  /** A longer window judges only what swings with a cycle, beside a shorter one: it may spend no more than that one. */
  readonly budgetMs: number;
  readonly encoding: Encoding;
  readonly encodingDigest: string;
  readonly reference: Reference;
  readonly counted: ReferenceCounts;
  readonly profile: DriftProfile;
  readonly segments: readonly string[];
  readonly features: readonly Bucketed<FeatureCounts>[];
  readonly scores: readonly Bucketed<ScoreHistogram>[];
  /** Importance shares of the version and of the one it followed; absent for the first and for models made elsewhere. */
  readonly importance?: { readonly previous: Shares; readonly current: Shares };
  /** Volumes of earlier windows of the same size. */
  readonly history: readonly { readonly windowStartMs: number; readonly volume: number }[];
}

/** Drift rows of one production snapshot against its own version's reference. */
export const driftOf = (by: WindowMeasurement): DriftRow[] => {
  const startMs = Date.parse(by.snapshot.window_start);
  const own: (Bucketed<FeatureCounts> | undefined)[] = [];
  for (const row of by.features) {
    const isOwn =
      row.windowStartMs === startMs && row.version === by.snapshot.version && row.role === by.snapshot.role;
    if (isOwn) own[row.position - 1] ??= row;
  }
  const evidence = by.encoding.features.map((encoding, i): FeatureEvidence & { reference: Counts } => {
    const found = own[i];
    const isReadable = found === undefined || found.encoding === by.encodingDigest;
    const current = isReadable ? (found?.counts ?? emptyCounts()) : null;
    const rows = found === undefined ? 0 : found.rows;
    const facts = by.counted.features[i];
    return {
      encoding,
      reference: facts?.counts ?? emptyCounts(),
      current,
      rows: current === null ? null : rows,
      ...(facts === undefined ? {} : { facts }),
    };
  });
  const earlier = by.history.filter((h) => h.windowStartMs < startMs);
  const slots = earlier.filter((h) => (startMs - h.windowStartMs) % (7 * DAY_MS) === 0);
  return judgeWindow({
    profile: by.profile,
    windowMs: by.whole ? by.windowMs : 0,
    budgetMs: by.budgetMs,
    features: evidence,
    ...(by.importance === undefined ? {} : { importance: by.importance }),
    scores: { reference: by.counted.scores, current: scoresOf(by), cells: by.counted.scoreCells },
    invalid: {
      reference: { k: 0, n: by.reference.n },
      current: { k: by.snapshot.invalid, n: by.snapshot.volume },
    },
    volume: {
      baseline: volumeBaseline({
        sameSlot: slots.map((h) => h.volume),
        recent: earlier.slice(-28).map((h) => h.volume),
      }),
      // Of all versions, as the baseline is: a version promoted at noon has half a day's.
      current: by.history.find((h) => h.windowStartMs === startMs)?.volume ?? by.snapshot.volume,
    },
    segments: evidence.flatMap(({ encoding, reference, current: now }) =>
      by.segments.includes(encoding.feature) && now !== null
        ? [{ feature: encoding.feature, reference, current: now }]
        : [],
    ),
  });
};

/** Score counts of the snapshot itself. */
export const scoresOf = (by: Pick<WindowMeasurement, "snapshot" | "scores">): Counts => {
  const startMs = Date.parse(by.snapshot.window_start);
  const found = by.scores.find(
    (s) =>
      s.windowStartMs === startMs &&
      s.scope === ALL &&
      s.version === by.snapshot.version &&
      s.role === by.snapshot.role,
  );
  return countsOf(found?.histogram, SCORE_BINS);
};

/** Estimated performance (CBPE) of a snapshot as a row of kind `estimated`; null where nothing can be estimated. */
export const estimateOf = (
  by: Pick<WindowMeasurement, "snapshot" | "scores" | "reference"> & {
    threshold: number;
    /** The newest matured realised row of the same version, for the validity guard. */
    matured: PerformanceRow | null;
  },
): PerformanceRow | null => {
  const scores = scoresOf(by);
  const estimate = estimateFromScores(scores, by.threshold);
  if (estimate === null) return null;
  const validity = estimateValidity({
    scores,
    calibration: referenceScores(by.reference),
    matured:
      by.matured === null
        ? null
        : maturedCalibration(
            countsOf(by.matured.negative, SCORE_BINS),
            countsOf(by.matured.positive, SCORE_BINS),
          ),
  });
  const startMs = Date.parse(by.snapshot.window_start);
  return {
    ...NO_COUNTS,
    version: by.snapshot.version,
    role: by.snapshot.role,
    scope: ALL,
    kind: "estimated",
    windowStartMs: startMs,
    maturedAtMs: Date.parse(by.snapshot.window_end),
    requests: by.snapshot.ok,
    threshold: by.threshold,
    metrics: {
      ...NO_METRICS,
      accuracy: estimate.metrics.accuracy,
      precision: estimate.metrics.precision,
      recall: estimate.metrics.recall,
      f1: estimate.metrics.f1,
      roc_auc: estimate.metrics.roc_auc,
    },
    valid: validity.state === "holds",
    detail: validity.reasons.join("; "),
    revision: by.snapshot.revision,
  };
};

const NO_METRICS = {
  accuracy: null,
  precision: null,
  recall: null,
  f1: null,
  brier: null,
  log_loss: null,
  roc_auc: null,
  pr_auc: null,
  ece: null,
} as const;

const NO_COUNTS = {
  labelled: 0,
  positives: 0,
  tp: 0,
  fp: 0,
  fn: 0,
  tn: 0,
  brierSum: "0",
  logLossSum: "0",
  negative: { keys: [], counts: [] },
  positive: { keys: [], counts: [] },
} as const;

/** Metrics of labelled counts: exact for confusion, Brier and log loss, from 1,000 score bins for AUC, PR-AUC and ECE. */
export const realisedMetrics = (counts: LabelledCounts): PerformanceRow["metrics"] => {
  const { labelled: n, tp, fp, fn, tn } = counts;
  if (n === 0) return NO_METRICS;
  const at = confusionMetrics({ tp, fp, fn, tn });
  const ranking = rankingMetrics(
    countsOf(counts.negative, SCORE_BINS),
    countsOf(counts.positive, SCORE_BINS),
  );
  return {
    accuracy: (tp + tn) / n,
    precision: at.precision,
    recall: at.recall,
    f1: at.f1,
    brier: Number(BigInt(counts.brierSum)) / BRIER_SCALE / n,
    log_loss: Number(BigInt(counts.logLossSum)) / LOG_LOSS_SCALE / n,
    roc_auc: ranking.roc_auc,
    pr_auc: ranking.pr_auc,
    ece: ranking.ece,
  };
};

/** Trust in a window: newest realised accuracy and F1, the window's own confidence, mean PSI and p95 latency. */
export const trustScore = (by: {
  drift: readonly DriftRow[];
  scores: Counts;
  snapshot: Snapshot;
  matured: PerformanceRow | null;
}): { trust: number | null; components: Readonly<Record<string, number>> } => {
  const psi = by.drift.filter(
    (row) => row.subject === "feature" && row.statistic === "psi_10" && row.value !== null,
  );
  const latency = fromSparse(by.snapshot.latency, LATENCY_BINS);
  const p95 = totalOf(latency) === 0 ? null : latencyQuantile(latency, 0.95);
  const trust = trustOf({
    accuracy: by.matured?.metrics.accuracy ?? null,
    f1: by.matured?.metrics.f1 ?? null,
    confidence: proxiesOf(by.scores, null)?.confidence ?? null,
    psi: psi.length === 0 ? null : psi.reduce((sum, row) => sum + (row.value ?? 0), 0) / psi.length,
    latencyMs: p95 === null ? null : p95 / 1000,
  });
  return trust.state === "valid"
    ? { trust: trust.trust, components: trust.parts }
    : { trust: null, components: {} };
};
