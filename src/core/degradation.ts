// Core: is production worse than it was when it was promoted (STATISTICS §3)? Always against the baseline written at promotion,
// never against a rolling mean, so that slow decay cannot hide. Says how sure it is, or that it cannot know.
import type { Evidence } from "../../contracts/evidence.ts";
import type { Policy } from "../../contracts/policy.ts";
import { reaches } from "./threshold.ts";

export interface Degradation {
  /** Null where realised performance or the baseline is not known. */
  readonly degraded: boolean | null;
  readonly f1: number | null;
  readonly f1High: number | null;
  readonly baselineF1: number | null;
  readonly n: number | null;
  readonly detail: string;
}

/** Holds realised F1 against the baseline's. */
export const judgeDegradation = (
  evidence: Pick<Evidence, "performance" | "performance_span" | "baseline">,
  policy: Policy["performance"],
): Degradation => {
  const { degradation } = policy;
  const seen = degradation.method === "point_drop" ? evidence.performance : evidence.performance_span;
  const baselineF1 = evidence.baseline?.f1 ?? null;
  const f1 = seen?.realised.f1 ?? null;
  const n = seen?.realised.n ?? null;
  const unknown = (detail: string): Degradation => ({
    degraded: null,
    f1,
    f1High: null,
    baselineF1,
    n,
    detail,
  });
  if (baselineF1 === null) return unknown("no baseline");
  if (seen === null || f1 === null || n === null) return unknown("no matured performance");
  if (n < degradation.rows_min) return unknown(`${n} of ${degradation.rows_min} labelled rows needed`);
  if (seen.coverage === null || !reaches(seen.coverage, policy.coverage_min))
    return unknown(`label coverage ${seen.coverage ?? "unknown"} below ${policy.coverage_min}`);
  if (degradation.method === "point_drop") {
    const degraded = reaches(baselineF1 - f1, degradation.drop);
    return { degraded, f1, f1High: f1, baselineF1, n, detail: `drop of ${degradation.drop} or more` };
  }
  const { tp, fp, fn } = seen.realised;
  const f1High = f1 + degradation.z * f1Error({ tp, fp, fn }, f1) * Math.sqrt(degradation.variance_inflation);
  const detail = `upper limit at z ${degradation.z}, variance × ${degradation.variance_inflation} for days that differ`;
  return { degraded: f1High < baselineF1, f1, f1High, baselineF1, n, detail };
};

/** Standard error of F1 from its confusion counts by the delta method, rows independent. */
const f1Error = ({ tp, fp, fn }: { tp: number; fp: number; fn: number }, f1: number): number =>
  Math.sqrt(tp * (2 - 2 * f1) ** 2 + (fp + fn) * f1 ** 2) / (2 * tp + fp + fn);
