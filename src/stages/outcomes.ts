// Stage: outcomes. Counts what was right in one decision window once its labels have matured, for production, its shadows and its segments,
// and how the labels themselves have shifted. Writes nothing: the measure stage keeps it.
import type {
  DriftResult,
  LabelledCounts,
  PairCounts,
  PerformanceRow,
  ScoreHistogram,
  Span,
} from "../../contracts/counts.ts";
import type { ServiceConfig } from "../../contracts/config.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { ALL, type Snapshot } from "../../contracts/snapshot.ts";
import { durationMs } from "../core/duration.ts";
import { labelRows, reconciliationOf } from "../core/maturity.ts";
import { realisedMetrics } from "../core/measurement.ts";
import { segmentKeys } from "../core/segments.ts";
import { ROW_LAMBDAS } from "../core/sequential.ts";
import type { Bundle, KeepsSnapshots, ReadsOutcomes, ReadsRegistry } from "../ports.ts";

export interface OutcomePorts {
  readonly snapshots: Pick<KeepsSnapshots, "latest" | "scores">;
  readonly outcomes: ReadsOutcomes;
  readonly registry: ReadsRegistry;
}

export interface OutcomeOptions {
  readonly windows: ServiceConfig["windows"];
  readonly profile: DriftProfile;
}

export interface Outcomes {
  /** Realised, by version, role and segment. */
  readonly performance: readonly PerformanceRow[];
  /** Of production with each shadow. */
  readonly pairs: readonly PairCounts[];
  /** Label shift of each production version. */
  readonly labels: readonly DriftResult[];
}

/** Null where nobody answered in the window. */
export const gatherOutcomes = async (
  ports: OutcomePorts,
  { windows, profile }: OutcomeOptions,
  by: { model: string; span: Span; asOfMs: number; contract: FeatureContract },
): Promise<Outcomes | null> => {
  const { model, span, asOfMs, contract } = by;
  const size = windows.decide;
  const snapshots = await ports.snapshots.latest({ model, size, span });
  const involved = [...new Set(snapshots.map((s) => s.version))];
  const bundles = await Promise.all(involved.map((version) => ports.registry.bundle(model, version)));
  const [first] = bundles;
  if (first === undefined) return null;
  const thresholds = Object.fromEntries(bundles.map((b) => [b.metadata.version, b.metadata.threshold]));
  const ask = {
    model,
    span,
    horizonMs: durationMs(windows.dedup_horizon),
    asOfMs,
    thresholds,
    segments: segmentKeys(contract, first.encoding),
  };
  const shadows = [...new Set(snapshots.filter((s) => s.role === "shadow").map((s) => s.version))];
  const [scores, labelled, ...pairs] = await Promise.all([
    ports.snapshots.scores({ model, size, span, bucketMs: span.endMs - span.startMs }),
    ports.outcomes.labelled(ask),
    ...shadows.map((version) => ports.outcomes.pairs({ ...ask, version, lambdas: ROW_LAMBDAS })),
  ]);
  const rows = labelled.map((counts): PerformanceRow => {
    const metrics = realisedMetrics(counts);
    return {
      ...counts,
      windowStartMs: span.startMs,
      maturedAtMs: asOfMs,
      kind: "realised",
      metrics,
      valid: true,
      detail: counts.scope === ALL ? reconciliationOf(counts, metrics) : "",
      revision: 1,
    };
  });
  return {
    performance: rows,
    pairs: pairs.flat(),
    labels: labelDrift({ size, span, profile, snapshots, bundles, labelled, scores }),
  };
};

/** Label shift, and whether labels are missing at random, of each production version of a matured window. */
const labelDrift = (by: {
  size: string;
  span: Span;
  profile: DriftProfile;
  snapshots: readonly Snapshot[];
  bundles: readonly Bundle[];
  labelled: readonly LabelledCounts[];
  scores: readonly ScoreHistogram[];
}): DriftResult[] => {
  const { size, span, profile, snapshots, bundles, labelled, scores } = by;
  const windowMs = span.endMs - span.startMs;
  const isOwn = (one: { version: string; role: string }, version: string): boolean =>
    one.version === version && one.role === "production";
  return bundles.flatMap(({ metadata: { version }, reference }) => {
    const snapshot = snapshots.find((one) => isOwn(one, version));
    const counts = labelled.find((one) => isOwn(one, version) && one.scope === ALL);
    if (snapshot === undefined || counts === undefined) return [];
    const all = scores.find((one) => isOwn(one, version) && one.scope === ALL)?.histogram;
    const rows = labelRows({ counts, scores: all, reference, profile, windowMs });
    const { revision, digest } = snapshot;
    return [{ size, windowStartMs: span.startMs, version, revision, digest, rows }];
  });
};
