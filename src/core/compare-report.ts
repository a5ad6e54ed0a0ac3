// Core: two datasets compared: rows judged, ranked and summed up, with the bars a person looks at. What a terminal, a program and an
// HTML file show is this one value. Pure: the instant it speaks of is an argument.
import type { DriftRow, DriftStatus, DriftSummary, DriftVerdict } from "../../contracts/drift.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { summarise, verdict } from "./drift-summary.ts";
import { alphaFor, judgeWindow } from "./drift.ts";
import type { FeatureEvidence } from "./feature-drift.ts";
import type { Bars } from "./report-bars.ts";
import type { Share } from "./traffic-drift.ts";

export type ComparedSide = {
  readonly name: string;
  readonly digest: string;
  readonly rows: number;
  readonly labelled: number;
  readonly positives: number;
  readonly from: string | null;
  readonly to: string | null;
};

export type ReportFeature = {
  readonly feature: string;
  readonly kind: string;
  readonly unit: string | null;
  readonly bars: Bars;
  /** The row that judges it first, then those only shown, then its data quality. */
  readonly rows: readonly DriftRow[];
};

export type CompareReport = {
  readonly contract: { readonly name: string; readonly version: string };
  readonly profile: string;
  readonly alpha: number;
  readonly at: string;
  readonly reference: ComparedSide;
  readonly current: ComparedSide;
  readonly summary: DriftSummary;
  readonly verdict: DriftVerdict | null;
  /** Worst first. */
  readonly features: readonly ReportFeature[];
  /** Labels, segments and all inputs together. */
  readonly others: readonly DriftRow[];
  readonly rows: readonly DriftRow[];
};

const DAY_MS = 86_400_000;

/** The level a comparison is judged at: that of one look a day where the profile states a budget. */
export const compareAlpha = (profile: DriftProfile): number =>
  typeof profile.alpha === "number" ? profile.alpha : alphaFor(profile.alpha, 1);

/** Judges all features of a comparison; `joint` are rows found elsewhere, such as domain_auc. */
export const compareReport = (of: {
  readonly contract: FeatureContract;
  readonly profile: DriftProfile;
  readonly reference: ComparedSide;
  readonly current: ComparedSide;
  readonly features: readonly { readonly evidence: FeatureEvidence; readonly bars: Bars }[];
  readonly joint: readonly DriftRow[];
  readonly at: string;
}): CompareReport => {
  const { contract, profile, reference, current } = of;
  const alpha = compareAlpha(profile);
  const evidence = of.features.map((one) => one.evidence);
  const labels =
    reference.labelled > 0 && current.labelled > 0
      ? { labels: { reference: shareOf(reference), current: shareOf(current) } }
      : {};
  const judged = judgeWindow({
    windowMs: wholeCyclesMs(reference, current),
    profile: { ...profile, alpha },
    features: evidence,
    ...labels,
    segments: contract.segments.flatMap(({ feature }) => {
      const found = evidence.find((one) => one.encoding.feature === feature);
      return found === undefined || found.reference === null || found.current === null
        ? []
        : [{ feature, reference: found.reference, current: found.current }];
    }),
  });
  const rows = [...judged, ...of.joint];
  const features = of.features.map(({ evidence: one, bars }): ReportFeature => {
    const name = one.encoding.feature;
    const spec = contract.features[name];
    return {
      feature: name,
      kind: one.encoding.kind,
      unit: spec?.kind === "continuous" ? (spec.unit ?? null) : null,
      bars,
      rows: rows.filter(
        (row) => row.feature === name && (row.subject === "feature" || row.subject === "quality"),
      ),
    };
  });
  return {
    contract: { name: contract.name, version: contract.version },
    profile: profile.name,
    alpha,
    at: of.at,
    reference,
    current,
    summary: summarise(rows, { timestamp: current.to ?? of.at, profile }),
    verdict: verdict(rows),
    features: features.sort((a, b) => rankOf(b) - rankOf(a) || (a.feature < b.feature ? -1 : 1)),
    others: rows.filter((row) => row.subject !== "feature" && row.subject !== "quality"),
    rows,
  };
};

const shareOf = ({ positives, labelled }: ComparedSide): Share => ({ k: positives, n: labelled });

/**
 * Calendar days touched, if both sides are whole weeks or both whole days; cycles are judged only over whole ones. Rows without a
 * time are taken as whole weeks: nobody can say otherwise.
 */
const wholeCyclesMs = (reference: ComparedSide, current: ComparedSide): number => {
  const days = [reference, current].map(({ from, to }) =>
    from === null || to === null
      ? 7
      : Math.floor(Date.parse(to) / DAY_MS) - Math.floor(Date.parse(from) / DAY_MS) + 1,
  );
  return days.every((count) => count % 7 === 0) ? 7 * DAY_MS : DAY_MS;
};

const SEVERITY: Record<DriftStatus, number> = {
  breach: 6,
  watch: 5,
  broken: 4,
  degenerate: 3,
  steady: 2,
  insufficient: 1,
  not_evaluated: 0,
};

/** Status first, then how far the effect reaches towards its threshold. */
const rankOf = ({ rows }: ReportFeature): number => {
  const [judge] = rows;
  if (judge === undefined) return -1;
  const quality = rows.filter(({ subject }) => subject === "quality");
  const worst = Math.max(
    SEVERITY[judge.status],
    ...quality.filter(isAlarm).map((row) => SEVERITY[row.status]),
  );
  return worst + Math.min(0.999, effectRatio(judge) / 1000);
};

const isAlarm = ({ status }: DriftRow): boolean => status === "breach" || status === "watch";

/** Effect over threshold; 0 where either is not known. For a p-value the smaller is the farther. */
export const effectRatio = ({ statistic, value, threshold }: DriftRow): number => {
  if (value === null || threshold === null || !(threshold > 0)) return 0;
  return statistic === "ks_p" ? threshold / Math.max(value, 1e-12) : Math.abs(value) / threshold;
};
