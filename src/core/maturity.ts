// Core: what matured labels say of themselves and of the estimate made before they came. Label shift and labels missing not at
// random become drift rows of subject `label`; estimate − realised becomes the detail of the realised row. Nothing here decides.
import type { Histogram, LabelledCounts, PerformanceRow } from "../../contracts/counts.ts";
import type { DriftRow } from "../../contracts/drift.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { Reference } from "../../contracts/bundle.ts";
import { judgeWindow } from "./drift.ts";
import { estimateFromScores, reconcile } from "./estimation.ts";
import { addCounts, SCORE_BINS, type Counts } from "./histogram.ts";
import { countsOf } from "./measurement.ts";
import { round9 } from "./threshold.ts";

/** Drift rows about the labels of one matured window; `scores` are those of all its rows, labelled or not. */
export const labelRows = (by: {
  readonly counts: LabelledCounts;
  readonly scores: Histogram | undefined;
  readonly reference: Reference;
  readonly profile: DriftProfile;
  readonly windowMs: number;
}): DriftRow[] => {
  const { counts, reference, scores, profile, windowMs } = by;
  return judgeWindow({
    profile,
    windowMs,
    features: [],
    labels: {
      reference: reference.n > 0 ? { k: reference.positives, n: reference.n } : null,
      current: { k: counts.positives, n: counts.labelled },
    },
    ...(scores === undefined
      ? {}
      : { labelled: { all: countsOf(scores, SCORE_BINS), labelled: labelledScores(counts) } }),
  });
};

const labelledScores = ({ negative, positive }: LabelledCounts): Counts =>
  addCounts(countsOf(negative, SCORE_BINS), countsOf(positive, SCORE_BINS));

/**
 * Estimate − realised by metric with its z, as canonical text for the realised row's `detail`. The estimate is made of the very rows
 * whose labels came, so that rows without a label cannot pass for an error of the estimate. Empty where there is nothing to compare.
 */
export const reconciliationOf = (counts: LabelledCounts, realised: PerformanceRow["metrics"]): string => {
  const estimate = estimateFromScores(labelledScores(counts), counts.threshold);
  if (estimate === null) return "";
  const { accuracy, precision, recall, f1, roc_auc } = reconcile(estimate, realised);
  const rounded = Object.entries({ accuracy, precision, recall, f1, roc_auc }).flatMap(([metric, gap]) =>
    gap === null
      ? []
      : [[metric, { difference: round9(gap.difference), z: gap.z === null ? null : round9(gap.z) }] as const],
  );
  return rounded.length === 0 ? "" : JSON.stringify({ estimate_minus_realised: Object.fromEntries(rounded) });
};
