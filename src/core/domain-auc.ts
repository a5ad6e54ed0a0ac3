// Core: `domain_auc` (STATISTICS §2): can a classifier tell a row of the reference from a current one? Small boosted trees on codes,
// judged only on rows they were not fitted on. Sees what marginals cannot, such as a correlation that flips its sign; 0.5 means
// it sees nothing. Same rows and seed give the same value.
import type { DriftRow } from "../../contracts/drift.ts";
import type { Encoding } from "../../contracts/encoding.ts";
import { normalSf } from "./distributions.ts";
import { bandOf } from "./drift.ts";
import { metricsOf } from "./performance.ts";
import { BOOSTING_DEFAULTS, fitBoosting, marginsOfTrees } from "./training/boosting.ts";
import { shapesOf, takeRows } from "./training/matrix.ts";
import { seeded, shuffled } from "./training/seeded.ts";

const FOLDS = 3;
const PARAMETERS = { ...BOOSTING_DEFAULTS, trees: 60, leaves: 15, minRows: 50, patience: 0 };
/** An AUC this far above 0.5 is worth a look, and worth an alarm. */
const BAND = { by: "effect_and_p", compare: "at_least", watch: 0.05, breach: 0.1 } as const;
const ROWS_MIN = 200;

/** Judges two sets of rows on one encoding, feature by feature as codes. */
export const domainAuc = (
  encoding: Encoding,
  sides: { readonly reference: readonly Uint8Array[]; readonly current: readonly Uint8Array[] },
  by: { readonly seed: number; readonly alpha: number },
): DriftRow => {
  const nReference = sides.reference[0]?.length ?? 0;
  const nCurrent = sides.current[0]?.length ?? 0;
  const row = {
    subject: "joint",
    feature: "",
    statistic: "domain_auc",
    at_least: false,
    threshold_watch: 0.5 + BAND.watch,
    threshold: 0.5 + BAND.breach,
    n_reference: nReference,
    n_current: nCurrent,
  } as const;
  if (Math.min(nReference, nCurrent) < ROWS_MIN)
    return {
      ...row,
      value: null,
      p_value: null,
      p_adjusted: null,
      status: "insufficient",
      reason: `fewer than ${ROWS_MIN} rows`,
    };
  const auc = outOfFoldAuc(encoding, sides, by.seed);
  // Hanley and McNeil's variance under the null of no difference.
  const se = Math.sqrt((nReference + nCurrent + 1) / (12 * nReference * nCurrent));
  const p = Math.min(1, normalSf((auc - 0.5) / se));
  const judged = bandOf({ effect: Math.max(0, auc - 0.5), pAdjusted: p, alpha: by.alpha, band: BAND });
  return { ...row, value: auc, p_value: p, p_adjusted: p, ...judged };
};

const outOfFoldAuc = (
  encoding: Encoding,
  sides: { readonly reference: readonly Uint8Array[]; readonly current: readonly Uint8Array[] },
  seed: number,
): number => {
  const codes = sides.reference.map((column, at) => {
    const other = sides.current[at] ?? new Uint8Array(0);
    const joined = new Uint8Array(column.length + other.length);
    joined.set(column);
    joined.set(other, column.length);
    return joined;
  });
  const rows = codes[0]?.length ?? 0;
  const label = new Uint8Array(rows).fill(1, sides.reference[0]?.length ?? 0);
  const matrix = { rows, codes, label };
  const order = shuffled(rows, seeded(seed));
  const scores = new Float64Array(rows);
  for (let fold = 0; fold < FOLDS; fold++) {
    const inside = order.filter((_, at) => at % FOLDS !== fold);
    const outside = order.filter((_, at) => at % FOLDS === fold);
    const fitted = fitBoosting({
      matrix: takeRows(matrix, inside),
      shapes: shapesOf(encoding),
      parameters: PARAMETERS,
      seed: seed + fold,
    });
    const margins = marginsOfTrees(fitted.ensemble, takeRows(matrix, outside));
    outside.forEach((row, at) => (scores[row] = 1 / (1 + Math.exp(-(margins[at] ?? 0)))));
  }
  return metricsOf(label, scores, 0.5).roc_auc ?? 0.5;
};
