// Stage: measure. Judges each closed window's snapshot against its version's reference, and when labels have matured counts what
// was right. Idempotent by snapshot digest (drift) and by window and maturity (performance, pairs). It never decides.
import type { LabelledCounts, PerformanceRow, Span } from "../contracts/counts.ts";
import type { ServiceConfig } from "../contracts/config.ts";
import type { DriftProfile } from "../contracts/drift-profile.ts";
import type { FeatureContract } from "../contracts/feature-contract.ts";
import { ALL, type Snapshot } from "../contracts/snapshot.ts";
import { durationMs } from "../src/core/duration.ts";
import {
  byWindow,
  driftOf,
  estimateOf,
  realisedMetrics,
  referenceCounts,
  scoresOf,
  trustScore,
  type WindowMeasurement,
} from "../src/core/measurement.ts";
import { labelRows, reconciliationOf } from "../src/core/maturity.ts";
import { segmentKeys } from "../src/core/segments.ts";
import { ROW_LAMBDAS } from "../src/core/sequential.ts";
import { windowStart } from "../src/core/time.ts";
import { closedWindows } from "../src/core/window.ts";
import type {
  Bundle,
  KeepsMeasures,
  KeepsSnapshots,
  Log,
  Progress,
  ReadsOutcomes,
  ReadsRegistry,
  ReadsTraffic,
} from "../src/ports.ts";

export interface MeasurePorts {
  readonly traffic: Pick<ReadsTraffic, "models">;
  readonly snapshots: KeepsSnapshots;
  readonly outcomes: ReadsOutcomes;
  readonly measures: KeepsMeasures;
  readonly registry: ReadsRegistry;
  readonly progress: Progress;
  readonly log: Log;
}

export interface MeasureOptions {
  readonly windows: ServiceConfig["windows"];
  readonly profile: DriftProfile;
}

/** History that a window is judged beside: usual volumes, and the newest quality. */
const HISTORY_MS = 28 * 86_400_000;

/** Measures all that has closed or matured by `throughMs`, of every model and window size. */
export const measure = async (
  ports: MeasurePorts,
  options: MeasureOptions,
  throughMs: number,
): Promise<void> => {
  for (const { model, firstMs } of await ports.traffic.models()) {
    if ((await ports.registry.versions(model)).length === 0) continue;
    await measureMatured(ports, options, { model, firstMs, throughMs });
    await Promise.all(
      options.windows.sizes.map((size) => measureDrift(ports, options, { model, size, firstMs, throughMs })),
    );
  }
};

const measureDrift = async (
  ports: MeasurePorts,
  { windows, profile }: MeasureOptions,
  by: { model: string; size: string; firstMs: number; throughMs: number },
): Promise<void> => {
  const { model, size, throughMs } = by;
  const sizeMs = durationMs(size);
  const done = `measured:${model}:${size}`;
  const measuredMs = (await ports.progress.get(done)) ?? by.firstMs - sizeMs;
  const span = {
    startMs: Math.max(by.firstMs - sizeMs, measuredMs - durationMs(windows.revise_within)),
    endMs: throughMs,
  };
  const due = await ports.snapshots.unjudged({ model, size, span });
  const begunMs = windowStart(by.firstMs, durationMs(windows.sizes[0] ?? size));
  if (due.length > 0) await judge(ports, { windows, profile }, { ...by, sizeMs, begunMs, due });
  await ports.progress.set(done, throughMs);
};

const judge = async (
  ports: MeasurePorts,
  { windows, profile }: MeasureOptions,
  by: {
    model: string;
    size: string;
    sizeMs: number;
    /** Begin of the window in which the model's first event lies. */
    begunMs: number;
    due: Awaited<ReturnType<KeepsSnapshots["unjudged"]>>;
  },
): Promise<void> => {
  const { model, size, sizeMs, due } = by;
  const starts = due.map(({ snapshot }) => Date.parse(snapshot.window_start));
  const span = { startMs: Math.min(...starts), endMs: Math.max(...starts) + sizeMs };
  const past = { startMs: span.startMs - HISTORY_MS, endMs: span.endMs };
  const [features, scores, volumes, matured] = await Promise.all([
    ports.snapshots.counts({ model, size, span }),
    ports.snapshots.scores({ model, size, span, bucketMs: sizeMs }),
    ports.snapshots.volumes({ model, size, span: past }),
    // Only where an outlook is kept does it matter what was right before.
    size === windows.decide ? newestMatured(ports, model, size, past) : [],
  ]);
  const [featuresAt, scoresAt] = [byWindow(features), byWindow(scores)];
  const countedOf = once((bundle: Bundle) => referenceCounts(bundle.encoding, bundle.reference));
  const measured = [];
  for (const { snapshot, alone } of due) {
    const startMs = Date.parse(snapshot.window_start);
    const bundle = await ports.registry.bundle(model, snapshot.version);
    const contract = bundle.preprocessor.contract.definition;
    // Of what lies around the windows of this look, only what a look right after this window would have found: days that are caught up
    // together are judged as if each had been looked at in time.
    const history = volumes.filter((one) => one.windowStartMs >= startMs - HISTORY_MS);
    const of = matured.find(
      (row) =>
        row.version === snapshot.version &&
        row.windowStartMs >= startMs + sizeMs - HISTORY_MS &&
        row.maturedAtMs <= startMs + sizeMs,
    );
    const measurement: WindowMeasurement = {
      snapshot,
      windowMs: sizeMs,
      whole: alone && startMs >= by.begunMs,
      budgetMs: Math.min(sizeMs, durationMs(windows.decide)),
      encoding: bundle.encoding,
      encodingDigest: bundle.metadata.encoding_digest,
      reference: bundle.reference,
      counted: countedOf(bundle),
      profile,
      ...(await successionOf(ports, bundle)),
      segments: contract.segments.map((s) => s.feature),
      features: featuresAt.get(startMs) ?? [],
      scores: scoresAt.get(startMs) ?? [],
      history,
    };
    measured.push({
      snapshot,
      measurement,
      matured: of ?? null,
      threshold: bundle.metadata.threshold,
      rows: driftOf(measurement),
    });
  }
  // Drift rows are what says that a snapshot was judged: after a crash all that comes before them is written again, to the same tokens.
  if (size === windows.decide) for (const one of measured) await keepOutlook(ports, { model, size, ...one });
  await ports.measures.keepDrift({
    model,
    profile: profile.name,
    results: measured.map(({ snapshot, rows }) => ({
      size,
      windowStartMs: Date.parse(snapshot.window_start),
      version: snapshot.version,
      revision: snapshot.revision,
      digest: snapshot.digest,
      rows,
    })),
  });
};

/** Remembers what was worked out of each argument, as long as the one who asks lives. */
const once = <A extends object, B>(of: (argument: A) => B): ((argument: A) => B) => {
  const known = new Map<A, B>();
  return (argument) => {
    const before = known.get(argument) ?? of(argument);
    known.set(argument, before);
    return before;
  };
};

/** Feature importance of a version beside that of the version published before it. */
const successionOf = async (
  ports: MeasurePorts,
  bundle: Bundle,
): Promise<Pick<WindowMeasurement, "importance">> => {
  const { model, version } = bundle.metadata;
  const versions = await ports.registry.versions(model);
  const before = versions[versions.indexOf(version) - 1];
  if (before === undefined) return {};
  const previous = (await ports.registry.bundle(model, before)).metrics.importance;
  return { importance: { previous, current: bundle.metrics.importance } };
};

/** What can be said of quality before the labels come: the estimate and the trust score of one judged window. */
const keepOutlook = async (
  ports: MeasurePorts,
  by: {
    model: string;
    size: string;
    snapshot: Snapshot;
    measurement: WindowMeasurement;
    matured: PerformanceRow | null;
    threshold: number;
    rows: ReturnType<typeof driftOf>;
  },
): Promise<void> => {
  const { model, size, snapshot, measurement, matured, threshold, rows } = by;
  const estimate = estimateOf({ ...measurement, threshold, matured });
  if (estimate !== null) await ports.measures.keepPerformance({ model, size, rows: [estimate] });
  const trust = trustScore({ drift: rows, scores: scoresOf(measurement), snapshot, matured });
  const windowStartMs = Date.parse(snapshot.window_start);
  const { version, revision } = snapshot;
  await ports.measures.keepTrust({ model, size, windowStartMs, version, revision, ...trust });
};

/** Realised rows of production in a span, newest first. */
const newestMatured = async (
  ports: MeasurePorts,
  model: string,
  size: string,
  span: Span,
): Promise<PerformanceRow[]> => {
  const rows = await ports.measures.performance({ model, size, span, scope: ALL });
  return rows
    .filter((row) => row.kind === "realised" && row.role === "production" && row.labelled > 0)
    .sort((a, b) => b.windowStartMs - a.windowStartMs);
};

/** Counts what was right in every decision window whose labels have matured: window end + the contract's horizon ≤ through. */
const measureMatured = async (
  ports: MeasurePorts,
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
  ports: MeasurePorts,
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
  const [labelled, ...pairs] = await Promise.all([
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
  if (rows.length > 0) await ports.measures.keepPerformance({ model, size, rows });
  const paired = pairs.flat();
  if (paired.length > 0) await ports.measures.keepPairs({ model, size, maturedAtMs: asOfMs, rows: paired });
  await keepLabelDrift(ports, profile, { model, size, span, snapshots, bundles, labelled });
};

/** Label shift, and whether labels are missing at random, of each production version of a matured window. */
const keepLabelDrift = async (
  ports: MeasurePorts,
  profile: DriftProfile,
  by: {
    model: string;
    size: string;
    span: Span;
    snapshots: readonly Snapshot[];
    bundles: readonly Bundle[];
    labelled: readonly LabelledCounts[];
  },
): Promise<void> => {
  const { model, size, span, snapshots, bundles, labelled } = by;
  const windowMs = span.endMs - span.startMs;
  const scores = await ports.snapshots.scores({ model, size, span, bucketMs: windowMs });
  const isOwn = (one: { version: string; role: string }, version: string): boolean =>
    one.version === version && one.role === "production";
  const results = bundles.flatMap(({ metadata: { version }, reference }) => {
    const snapshot = snapshots.find((one) => isOwn(one, version));
    const counts = labelled.find((one) => isOwn(one, version) && one.scope === ALL);
    if (snapshot === undefined || counts === undefined) return [];
    const all = scores.find((one) => isOwn(one, version) && one.scope === ALL)?.histogram;
    const rows = labelRows({ counts, scores: all, reference, profile, windowMs });
    const { revision, digest } = snapshot;
    return [{ size, windowStartMs: span.startMs, version, revision, digest, rows }];
  });
  if (results.length > 0)
    await ports.measures.keepDrift({ model, profile: profile.name, results, about: "labels" });
};
