// Core: drift thresholds from a model's own history, for those who would otherwise turn them by hand. Only calm windows count: what
// breached, was quarantined or lies far off the others is left out with its reason, however lax today's thresholds are. Gives, for
// each statistic, the value that calm windows reach about as often as the false-alarm budget allows. Changes no policy.
import type { DriftResult } from "../../contracts/counts.ts";
import type { DriftRow, DriftStatistic } from "../../contracts/drift.ts";
import type { FalseAlarmBudget } from "../../contracts/drift-profile.ts";
import { normalQuantile } from "./distributions.ts";
import { round9 } from "./threshold.ts";

export interface CalibratedThreshold {
  readonly statistic: DriftStatistic;
  /** The feature whose calm windows move most; empty for the score. */
  readonly feature: string;
  readonly windows: number;
  readonly median: number;
  readonly largest: number;
  /** About one calm window in twenty of the statistic's worst feature lies above. */
  readonly watch: number;
  /** Calm windows lie above about as often as the budget allows. */
  readonly breach: number;
  readonly watch_now: number | null;
  readonly breach_now: number | null;
}

export interface Calibration {
  readonly windows: number;
  readonly calm: number;
  readonly rejected: readonly { readonly window_start_ms: number; readonly reason: string }[];
  /** Level of one window and feature that spends the budget. */
  readonly level: number;
  readonly thresholds: readonly CalibratedThreshold[];
}

export type CalibrationAnswer =
  { readonly ok: true; readonly calibration: Calibration } | { readonly ok: false; readonly reason: string };

/** Two whole weeks: with fewer, the days of a week have not been seen twice. */
const CALM_MIN = 14;
/** A window this many robust standard deviations off its statistic's median is another world, not noise. */
const OUTLIER_SDS = 6;
/** A robust standard deviation of 0 (identical windows) would reject every other value. */
const SD_FLOOR = 0.01;
const DAY_MS = 86_400_000;
const WATCH_LEVEL = 0.05;

/** Calibrates on one model's judged windows; `quarantined` gives the starts of windows ever put under quarantine. */
export const calibrate = (
  results: readonly DriftResult[],
  by: {
    readonly quarantined: ReadonlySet<number>;
    readonly budget: FalseAlarmBudget;
    readonly windowMs: number;
  },
): CalibrationAnswer => {
  const rejected: { window_start_ms: number; reason: string }[] = [];
  const sound = results.filter((result) => {
    const reason = illness(result, by.quarantined);
    if (reason !== null) rejected.push({ window_start_ms: result.windowStartMs, reason });
    return reason === null;
  });
  const calm = withoutOutliers(sound, rejected);
  if (calm.length < CALM_MIN)
    return {
      ok: false,
      reason: `${calm.length} calm windows of ${results.length}: at least ${CALM_MIN} are needed`,
    };
  const series = seriesOf(calm);
  const judged = series.size;
  const perWindow = (by.budget.false_alarms * by.windowMs) / (by.budget.per_days * DAY_MS);
  const level = Math.min(WATCH_LEVEL, perWindow / Math.max(1, judged));
  const each = [...series.values()].map((one) => thresholdOf(one, level));
  rejected.sort((a, b) => a.window_start_ms - b.window_start_ms);
  return {
    ok: true,
    calibration: {
      windows: results.length,
      calm: calm.length,
      rejected,
      level: round9(level),
      thresholds: worstOf(each),
    },
  };
};

/** Why a window is no witness of calm; null when it is one. */
const illness = ({ windowStartMs, rows }: DriftResult, quarantined: ReadonlySet<number>): string | null => {
  if (quarantined.has(windowStartMs)) return "was quarantined";
  const breach = rows.find(({ status }) => status === "breach");
  if (breach !== undefined)
    return `breached: ${breach.feature === "" ? breach.subject : breach.feature} ${breach.statistic}`;
  return rows.some(isJudged) ? null : "nothing was judged";
};

/** A row whose value the profile holds against a threshold. */
const isJudged = (row: DriftRow): boolean =>
  (row.subject === "feature" || row.subject === "prediction") &&
  row.threshold !== null &&
  row.value !== null &&
  (row.status === "steady" || row.status === "watch");

interface Series {
  readonly statistic: DriftStatistic;
  readonly feature: string;
  readonly rows: readonly DriftRow[];
  readonly values: readonly number[];
}

const seriesOf = (results: readonly DriftResult[]): ReadonlyMap<string, Series> => {
  const series = new Map<string, { rows: DriftRow[]; values: number[] }>();
  for (const { rows } of results)
    for (const row of rows)
      if (isJudged(row) && row.value !== null) {
        const key = `${row.statistic} ${row.feature}`;
        const one = series.get(key) ?? { rows: [], values: [] };
        one.rows.push(row);
        one.values.push(row.value);
        series.set(key, one);
      }
  const named = new Map<string, Series>();
  for (const [key, { rows, values }] of series) {
    const [first] = rows;
    if (first !== undefined)
      named.set(key, { statistic: first.statistic, feature: first.feature, rows, values });
  }
  return named;
};

/** Takes windows out that lie far above the others, again and again until none does. */
const withoutOutliers = (
  results: readonly DriftResult[],
  rejected: { window_start_ms: number; reason: string }[],
): readonly DriftResult[] => {
  const series = seriesOf(results);
  const isFar = (row: DriftRow): boolean => {
    const own = series.get(`${row.statistic} ${row.feature}`);
    if (own === undefined || row.value === null || !isJudged(row)) return false;
    const centre = median(own.values);
    const sd = Math.max(SD_FLOOR, 1.4826 * median(own.values.map((value) => Math.abs(value - centre))));
    return row.value - centre > OUTLIER_SDS * sd;
  };
  const kept: DriftResult[] = [];
  for (const result of results) {
    const far = result.rows.find(isFar);
    if (far === undefined) kept.push(result);
    else
      rejected.push({
        window_start_ms: result.windowStartMs,
        reason: `far off: ${far.feature === "" ? "score" : far.feature} ${far.statistic} ${String(far.value)}`,
      });
  }
  return kept.length === results.length ? kept : withoutOutliers(kept, rejected);
};

/** Distances are skewed and positive: the quantile is a log-normal's, widened for what so few windows cannot show, never below one seen. */
const thresholdOf = ({ statistic, feature, rows, values }: Series, level: number): CalibratedThreshold => {
  const logs = values.map((value) => Math.log(Math.max(value, 1e-6)));
  const n = logs.length;
  const mean = logs.reduce((sum, value) => sum + value, 0) / n;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, n - 1);
  const spread = Math.sqrt(variance * (1 + 1 / n));
  const at = (tail: number): number => Math.exp(mean + normalQuantile(1 - tail) * spread);
  const largest = Math.max(...values);
  return {
    statistic,
    feature,
    windows: n,
    median: round9(median(values)),
    largest: round9(largest),
    watch: round9(at(WATCH_LEVEL)),
    breach: round9(Math.max(largest, at(level))),
    watch_now: rows.at(-1)?.threshold_watch ?? null,
    breach_now: rows.at(-1)?.threshold ?? null,
  };
};

/** A profile has one threshold a statistic, so the feature that moves most in calm times decides it. */
const worstOf = (each: readonly CalibratedThreshold[]): CalibratedThreshold[] => {
  const worst = new Map<DriftStatistic, CalibratedThreshold>();
  for (const one of each) {
    const known = worst.get(one.statistic);
    if (known === undefined || one.breach > known.breach) worst.set(one.statistic, one);
  }
  return [...worst.values()].sort((a, b) => (a.statistic < b.statistic ? -1 : 1));
};

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
};
