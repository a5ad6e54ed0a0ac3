// Stage: measure. Judges each closed window's snapshot against its version's reference; what was right once labels have matured is counted
// beside it. Idempotent by snapshot digest (drift) and by window and maturity (outcomes). It never decides.
import type { PerformanceRow, Span } from "../contracts/counts.ts";
import type { DriftProfile } from "../contracts/drift-profile.ts";
import { ALL, type Snapshot } from "../contracts/snapshot.ts";
import { durationMs } from "../src/core/duration.ts";
import {
  byWindow,
  driftOf,
  estimateOf,
  referenceCounts,
  scoresOf,
  trustScore,
  type WindowMeasurement,
} from "../src/core/measurement.ts";
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
import { gatherOutcomes, type OutcomeOptions, type Outcomes } from "../src/stages/outcomes.ts";

export interface MeasurePorts {
  readonly traffic: Pick<ReadsTraffic, "models">;
  readonly snapshots: KeepsSnapshots;
  readonly outcomes: ReadsOutcomes;
  readonly measures: KeepsMeasures;
  readonly registry: ReadsRegistry;
  readonly progress: Progress;
  readonly log: Log;
}

/** History that a window is judged beside: usual volumes, and the newest quality. */
const HISTORY_MS = 28 * 86_400_000;

/** Measures all that has closed or matured by `throughMs`, of every model and window size. */
export const measure = async (
  ports: MeasurePorts,
  options: OutcomeOptions,
  throughMs: number,
): Promise<void> => {
  for (const { model, firstMs } of await ports.traffic.models()) {
    if ((await ports.registry.versions(model)).length === 0) continue;
    // What has matured and what has closed are counted side by side; only an outlook waits for the newest matured quality.
    const matured = measureMatured(ports, options, { model, firstMs, throughMs });
    await allOver([matured, measureDrift(ports, options, { model, firstMs, throughMs, matured })]);
  }
};

/** Waits for all of it, then rejects with the first failure: the next try must not run beside what is left of this one. */
const allOver = async (work: readonly Promise<void>[]): Promise<void> => {
  const ended = await Promise.allSettled(work);
  const failed = ended.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
};

const measureDrift = async (
  ports: MeasurePorts,
  { windows, profile }: OutcomeOptions,
  by: { model: string; firstMs: number; throughMs: number; matured: Promise<void> },
): Promise<void> => {
  const { model, firstMs, throughMs, matured } = by;
  const looks = await Promise.all(
    windows.sizes.map(async (size) => {
      const sizeMs = durationMs(size);
      const measuredMs = (await ports.progress.get(`measured:${model}:${size}`)) ?? firstMs - sizeMs;
      const startMs = Math.max(firstMs - sizeMs, measuredMs - durationMs(windows.revise_within));
      return { size, sizeMs, startMs };
    }),
  );
  const span = { startMs: Math.min(...looks.map(({ startMs }) => startMs)), endMs: throughMs };
  const found = await ports.snapshots.unjudged({ model, sizes: windows.sizes, span });
  const begunMs = windowStart(firstMs, durationMs(windows.sizes[0] ?? windows.decide));
  await allOver(
    looks.map(async ({ size, sizeMs, startMs }) => {
      const due = found.filter(
        ({ snapshot }) => snapshot.window_size === size && Date.parse(snapshot.window_start) >= startMs,
      );
      if (due.length > 0)
        await judge(ports, { windows, profile }, { model, size, sizeMs, begunMs, due, matured });
      await ports.progress.set(`measured:${model}:${size}`, throughMs);
    }),
  );
};

const judge = async (
  ports: MeasurePorts,
  { windows, profile }: OutcomeOptions,
  by: {
    model: string;
    size: string;
    sizeMs: number;
    /** Begin of the window in which the model's first event lies. */
    begunMs: number;
    due: Awaited<ReturnType<KeepsSnapshots["unjudged"]>>;
    /** Over once all that has matured is counted. */
    matured: Promise<void>;
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
    size === windows.decide ? by.matured.then(() => newestMatured(ports, model, size, past)) : [],
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
  const trust = trustScore({ drift: rows, scores: scoresOf(measurement), snapshot, matured });
  const windowStartMs = Date.parse(snapshot.window_start);
  const { version, revision } = snapshot;
  await Promise.all([
    estimate === null ? null : ports.measures.keepPerformance({ model, size, rows: [estimate] }),
    ports.measures.keepTrust({ model, size, windowStartMs, version, revision, ...trust }),
  ]);
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
  { windows, profile }: OutcomeOptions,
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
    const outcomes = await gatherOutcomes(ports, { windows, profile }, { model, span, asOfMs, contract });
    if (outcomes !== null) await keepOutcomes(ports, profile, { model, size, asOfMs, outcomes });
    await ports.progress.set(done, span.endMs);
  }
};

const keepOutcomes = async (
  { measures }: MeasurePorts,
  profile: DriftProfile,
  by: { model: string; size: string; asOfMs: number; outcomes: Outcomes },
): Promise<void> => {
  const { model, size, asOfMs, outcomes } = by;
  const { performance, pairs, labels } = outcomes;
  await Promise.all([
    performance.length === 0 ? null : measures.keepPerformance({ model, size, rows: performance }),
    pairs.length === 0 ? null : measures.keepPairs({ model, size, maturedAtMs: asOfMs, rows: pairs }),
    labels.length === 0
      ? null
      : measures.keepDrift({ model, profile: profile.name, results: labels, about: "labels" }),
  ]);
};
