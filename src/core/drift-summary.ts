// Core: rows of one window summed up: the dataset summary and the window's verdict. Share is drifted/evaluated, its threshold
// stands beside it; nothing evaluated is null, never false and never "no action".
import type { DriftRow, DriftStatus, DriftSummary, DriftVerdict } from "../../contracts/drift.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import { exceeds, reaches } from "./threshold.ts";

const EVALUATED: readonly DriftStatus[] = ["steady", "watch", "breach"];

/** Breaching features that ask for a retraining at once, and watched subjects that ask for attention. */
const BREACHES_REQUIRED = 2;
const WATCHES_MONITOR = 3;

/** The dataset summary of a window's rows; `timestamp` is the window's end. */
export function summarise(
  rows: readonly DriftRow[],
  window: { timestamp: string; profile: Pick<DriftProfile, "drift_share"> },
): DriftSummary {
  const features = rows.filter(isJudgedFeature);
  const evaluated = features.filter((row) => EVALUATED.includes(row.status));
  const drifted = evaluated.filter((row) => row.status === "breach").length;
  const share = evaluated.length === 0 ? null : drifted / evaluated.length;
  const scores = evaluated.flatMap((row) => (row.value === null ? [] : [row.value]));
  const { threshold, compare } = window.profile.drift_share;
  const passes = compare === "above" ? exceeds : reaches;
  return {
    timestamp: window.timestamp,
    dataset_drift_detected: share === null ? null : passes(share, threshold),
    drift_share: share,
    drift_share_threshold: threshold,
    num_drifted_features: drifted,
    num_features_total: features.length,
    num_features_evaluated: evaluated.length,
    num_features_excluded: features.length - evaluated.length,
    mean_score: scores.length === 0 ? null : scores.reduce((a, b) => a + b, 0) / scores.length,
    max_score: scores.length === 0 ? null : scores.reduce((a, b) => Math.max(a, b)),
    excluded_features: features
      .filter((row) => !EVALUATED.includes(row.status))
      .map((row) => ({ feature: row.feature, reason: `${row.status}: ${row.reason}` })),
    features: features.map((row) => ({
      feature: row.feature,
      drift_detected: EVALUATED.includes(row.status) ? row.status === "breach" : null,
      stat_test: row.statistic,
      drift_score: row.value,
      threshold: row.threshold,
      p_value: row.p_value,
      p_adjusted: row.p_adjusted,
      status: row.status,
    })),
  };
}

/**
 * The verdict of one window: a shifted prediction or two breaching features require a retraining, one recommends it, three
 * watched subjects ask for attention. Null where nothing was evaluated: no evidence is neither good nor bad news.
 */
export function verdict(rows: readonly DriftRow[]): DriftVerdict | null {
  const judged = rows.filter(
    (row) => isJudgedFeature(row) || (row.subject === "prediction" && row.threshold !== null),
  );
  if (!judged.some((row) => EVALUATED.includes(row.status))) return null;
  const featuresAt = (status: DriftStatus): number =>
    judged.filter((row) => row.subject === "feature" && row.status === status).length;
  const predictionIs = (status: DriftStatus): boolean =>
    judged.some((row) => row.subject === "prediction" && row.status === status);
  const breaches = featuresAt("breach");
  if (predictionIs("breach") || breaches >= BREACHES_REQUIRED) return "RETRAIN_REQUIRED";
  if (breaches > 0) return "RETRAIN_RECOMMENDED";
  const watched = featuresAt("watch") + (predictionIs("watch") ? 1 : 0);
  return watched >= WATCHES_MONITOR ? "MONITOR" : "NO_ACTION";
}

/** A feature's judging row is the one with a threshold; rows without are shown only. */
function isJudgedFeature(row: DriftRow): boolean {
  return row.subject === "feature" && row.threshold !== null;
}
