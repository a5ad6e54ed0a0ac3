// Stage: measure, the part about outcomes. Counts what was right in each decision window once its labels have matured, for production, its
// shadows and its segments, and how labels themselves have shifted. Idempotent by window and maturity. It judges no input.
import type {
  DriftResult,
  LabelledCounts,
  PerformanceRow,
  ScoreHistogram,
  Span,
} from "../contracts/counts.ts";
import type { ServiceConfig } from "../contracts/config.ts";
import type { DriftProfile } from "../contracts/drift-profile.ts";
import type { FeatureContract } from "../contracts/feature-contract.ts";
import { ALL, type Snapshot } from "../contracts/snapshot.ts";
import { durationMs } from "../src/core/duration.ts";
import { labelRows, reconciliationOf } from "../src/core/maturity.ts";
import { realisedMetrics } from "../src/core/measurement.ts";
import { segmentKeys } from "../src/core/segments.ts";
import { ROW_LAMBDAS } from "../src/core/sequential.ts";
import { closedWindows } from "../src/core/window.ts";
import type {
  Bundle,
  KeepsMeasures,
  KeepsSnapshots,
  Progress,
  ReadsOutcomes,
  ReadsRegistry,
} from "../src/ports.ts";

export interface MaturedPorts {
  readonly snapshots: Pick<KeepsSnapshots, "latest" | "scores">;
  readonly outcomes: ReadsOutcomes;
  readonly measures: Pick<KeepsMeasures, "keepPerformance" | "keepPairs" | "keepDrift">;
  readonly registry: ReadsRegistry;
  readonly progress: Progress;
}

export interface MeasureOptions {
  readonly windows: ServiceConfig["windows"];
  readonly profile: DriftProfile;
}

/** Counts what was right in every decision window whose labels have matured: window end + the contract's horizon ≤ through. */
export const measureMatured = async (
  ports: MaturedPorts,
  { windows, profile }: MeasureOptions,
  by: { model: string; firstMs: number; throughMs: number },
): Promise<void> => {
  const { model, throughMs } = by;
  const size = windows.decide;
  const sizeMs = durationMs(size);
  const versions = await ports.registry.versions(model);
  const newest = versions.at(-1);
  if (newest === undefined) return;
  const contract = (await ports.registry.bundle(model, newest)).preprocessor.contract.definition;
  const horizonMs = durationMs(contract.label_maturity.horizon);
  const done = `matured:${model}`;
  const maturedMs = (await ports.progress.get(done)) ?? by.firstMs;
  for (const startMs of closedWindows(maturedMs, throughMs - horizonMs, sizeMs)) {
    const span = { startMs, endMs: startMs + sizeMs };
    const asOfMs = span.endMs + horizonMs;
    await measureOutcomes(ports, { windows, profile }, { model, size, span, asOfMs, contract });
    await ports.progress.set(done, span.endMs);
  }
};

const measureOutcomes = async (
  ports: MaturedPorts,
  { windows, profile }: MeasureOptions,
  by: { model: string; size: string; span: Span; asOfMs: number; contract: FeatureContract },
): Promise<void> => {
  const { model, size, span, asOfMs, contract } = by;
  const snapshots = await ports.snapshots.latest({ model, size, span });
  const involved = [...new Set(snapshots.map((s) => s.version))];
  const bundles = await Promise.all(involved.map((version) => ports.registry.bundle(model, version)));
  const [first] = bundles;
  if (first === undefined) return;
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
  const paired = pairs.flat();
  const results = labelDrift({ size, span, profile, snapshots, bundles, labelled, scores });
  await Promise.all([
    rows.length === 0 ? null : ports.measures.keepPerformance({ model, size, rows }),
    paired.length === 0 ? null : ports.measures.keepPairs({ model, size, maturedAtMs: asOfMs, rows: paired }),
    results.length === 0
      ? null
      : ports.measures.keepDrift({ model, profile: profile.name, results, about: "labels" }),
  ]);
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
