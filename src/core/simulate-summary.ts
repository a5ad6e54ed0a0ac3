// Core: many simulated runs in one table: rates with Wilson intervals, delays as medians with the spread of the middle nine tenths.
// A rate over no runs is null, never zero.
import { wilsonInterval } from "./distributions.ts";
import type { RunResult } from "./simulate-tally.ts";

export interface Rate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}
export interface Spread {
  readonly median: number;
  readonly p05: number;
  readonly p95: number;
  readonly n: number;
}

/** The share of runs in which each thing happened, and how long or how often. */
export const summariseRuns = (runs: readonly RunResult[]) => {
  const rate = (holds: (run: RunResult) => boolean): Rate | null =>
    wilsonInterval(runs.filter(holds).length, runs.length);
  const spread = (of: (run: RunResult) => number | null): Spread | null =>
    spreadOf(runs.flatMap((run) => of(run) ?? []));
  const sum = (of: (run: RunResult) => number) => runs.reduce((total, run) => total + of(run), 0);
  const quiet = sum(({ quietWindows }) => quietWindows);
  return {
    promotion_rate: rate(({ promotions }) => promotions > 0),
    false_promotion_rate: rate(({ falsePromotions }) => falsePromotions > 0),
    rollback_rate: rate(({ rollbacks }) => rollbacks > 0),
    false_rollback_rate: rate(({ falseRollbacks }) => falseRollbacks > 0),
    quarantine_rate: rate(({ quarantines }) => quarantines > 0),
    actions_on_unsound_windows: rate(({ actionsOnUnsound }) => actionsOnUnsound > 0),
    false_alarms_per_30_days: quiet === 0 ? null : (30 * sum(({ falseAlarms }) => falseAlarms)) / quiet,
    detection_delay_windows: spread(({ detectionDelay }) => detectionDelay),
    training_delay_windows: spread(({ trainingDelay }) => trainingDelay),
    blocks_to_promotion: spread(({ firstPromotion }) =>
      firstPromotion === null ? null : firstPromotion + 1,
    ),
    blocks_to_rollback: spread(({ firstRollback }) => (firstRollback === null ? null : firstRollback + 1)),
    promotions: spread(({ promotions }) => promotions),
    trainings: spread(({ trainings }) => trainings),
    trainings_max: runs.length === 0 ? null : Math.max(...runs.map(({ trainings }) => trainings)),
    rejections: spread(({ rejections }) => rejections),
    system_errors: sum(({ errors }) => errors),
  };
};

export type Summary = ReturnType<typeof summariseRuns>;

const spreadOf = (values: readonly number[]): Spread | null => {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { median: at(0.5), p05: at(0.05), p95: at(0.95), n: sorted.length };
};
