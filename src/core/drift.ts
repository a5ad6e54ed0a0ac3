// Core: one window judged (STATISTICS §2). Measures features, predictions, data quality, volume, labels and segments, corrects for
// the number of looks, and answers rows; never a decision, which needs persistence. One ill feature never stops the others.
import type { DriftRow, DriftStatus } from "../../contracts/drift.ts";
import type { Band, DriftProfile, FalseAlarmBudget } from "../../contracts/drift-profile.ts";
import { benjaminiHochberg } from "./distributions.ts";
import { featureFindings } from "./feature-drift.ts";
import type { FeatureEvidence, Finding } from "./feature-drift.ts";
import { exceeds, reaches } from "./threshold.ts";
import { trafficFindings } from "./traffic-drift.ts";
import type { TrafficEvidence } from "./traffic-drift.ts";

const DAY_MS = 86_400_000;
/** However generous the budget, a verdict is never worse than a coin. */
const ALPHA_MAX = 0.5;

/** All one window offers. Parts left out were not asked for and have no rows; null parts were asked for and are missing. */
export type WindowEvidence = TrafficEvidence & {
  profile: DriftProfile;
  features: readonly FeatureEvidence[];
  /** What the window may spend of the budget, as a length of time; its own length unless it decides together with shorter ones. */
  budgetMs?: number;
};

/** Judges one window; rows come in a stable order: features as given (the judging statistic first), then the traffic's. */
export function judgeWindow(evidence: WindowEvidence): DriftRow[] {
  const { profile, windowMs } = evidence;
  const alpha =
    typeof profile.alpha === "number"
      ? profile.alpha
      : alphaFor(profile.alpha, (evidence.budgetMs ?? windowMs) / DAY_MS);
  const read: Finding[] = [];
  for (const feature of evidence.features) read.push(...featureFindings(feature, windowMs, profile));
  const { quality, other } = trafficFindings(evidence);
  read.push(...other);
  // Two families: what the verdict reads (features, scores, labels, segments), and the quality of the input.
  return [...settle(read, alpha, profile), ...settle(quality, alpha, profile)];
}

/** The family-wise level of one window that spends a false-alarm budget evenly: windows of a day, one alarm in 30 days: 1/30. */
export function alphaFor(budget: FalseAlarmBudget, windowDays: number): number {
  return Math.min(ALPHA_MAX, (budget.false_alarms * windowDays) / budget.per_days);
}

function settle(findings: readonly Finding[], alpha: number, profile: DriftProfile): DriftRow[] {
  const isJudged = (f: Finding): boolean => f.band !== null && f.withheld === null && f.p !== null;
  const ps = findings.filter(isJudged).map((f) => f.p ?? 1);
  const adjusted = profile.correction === "none" ? ps : benjaminiHochberg(ps);
  let place = 0; // Of the judged among all, whose order both keep.
  return findings.map((found) => {
    const pAdjusted = isJudged(found) ? (adjusted[place++] ?? 1) : null;
    const { status, reason } = found.withheld ?? statusOf(found, pAdjusted, alpha);
    return {
      subject: found.subject,
      feature: found.feature,
      statistic: found.statistic,
      value: found.value,
      at_least: found.atLeast,
      threshold_watch: found.band?.watch ?? null,
      threshold: found.band?.breach ?? null,
      p_value: found.p,
      p_adjusted: pAdjusted,
      n_reference: found.nReference,
      n_current: found.nCurrent,
      status,
      reason,
    };
  });
}

function statusOf(
  found: Finding,
  pAdjusted: number | null,
  alpha: number,
): { status: DriftStatus; reason: string } {
  const { band, value } = found;
  if (band === null) return { status: "not_evaluated", reason: "reported, not judged by this profile" };
  if (value === null || Number.isNaN(value)) return { status: "broken", reason: "no value" };
  return bandOf({ effect: Math.abs(value), pAdjusted, alpha, band });
}

const STEADY: { status: DriftStatus; reason: string } = { status: "steady", reason: "" };

/** Where an effect falls: breach, watch or steady. An effect beyond its threshold that noise explains is steady, and says so. */
export function bandOf(at: { effect: number; pAdjusted: number | null; alpha: number; band: Band }): {
  status: DriftStatus;
  reason: string;
} {
  const { effect, pAdjusted, alpha, band } = at;
  if (band.by !== "effect" && (pAdjusted === null || Number.isNaN(pAdjusted)))
    return { status: "broken", reason: "no p-value" };
  if (Number.isNaN(effect)) return { status: "broken", reason: "no value" };
  if (band.by === "p") {
    const rejected = (pAdjusted ?? 1) <= band.breach;
    return rejected ? { status: "breach", reason: `p at most ${band.breach}` } : STEADY;
  }
  const passes = band.compare === "above" ? exceeds : reaches;
  const watch = band.watch !== null && passes(effect, band.watch);
  const breach = passes(effect, band.breach);
  if (!watch && !breach) return STEADY;
  if (band.by === "effect_and_p" && (pAdjusted ?? 1) > alpha)
    return { status: "steady", reason: "no more than noise at this number of rows" };
  return breach
    ? { status: "breach", reason: `beyond ${band.breach}` }
    : { status: "watch", reason: `beyond ${band.watch}` };
}
