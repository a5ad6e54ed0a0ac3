// Stage: measure. Judges each closed window's snapshot against its version's reference; what was right once labels have matured is counted
// beside it. Idempotent by snapshot digest (drift) and by window and maturity (outcomes). It never decides.
import type { PerformanceRow } from "../contracts/counts.ts";
import type { DriftProfile } from "../contracts/drift-profile.ts";
import { ALL } from "../contracts/snapshot.ts";
import { durationMs } from "../src/core/duration.ts";
import { estimateOf, referenceCounts, scoresOf, trustScore } from "../src/core/measurement.ts";
import { windowStart } from "../src/core/time.ts";
import { closedWindows } from "../src/core/window.ts";
import type {
  KeepsMeasures,
  KeepsSnapshots,
  Log,
  Progress,
  ReadsOutcomes,
  ReadsRegistry,
  ReadsTraffic,
} from "../src/ports.ts";
import {
  HISTORY_MS,
  judgeWindows,
  spanOf,
  type Due,
  type DueWindow,
  type Judgement,
  type Standard,
} from "../src/stages/judgements.ts";
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
  by: Pick<Due, "model" | "size" | "sizeMs" | "begunMs"> & {
    due: readonly DueWindow[];
    /** Over once all that has matured is counted. */
    matured: Promise<void>;
  },
): Promise<void> => {
  const { model, size, sizeMs, due, matured } = by;
  const standardOf = once((version: string) => standardIn(ports, model, version));
  // Only where an outlook is kept does it matter what was right before.
  const quality =
    size === windows.decide ? matured.then(() => newestMatured(ports, model, size, due, sizeMs)) : null;
  // Awaited where it is needed; a failure before that is told by whatever failed first.
  quality?.catch(() => undefined);
  const judged = judgeWindows(ports.snapshots, standardOf, {
    ...by,
    budgetMs: Math.min(sizeMs, durationMs(windows.decide)),
    profile,
    windows: due,
  });
  for await (const part of judged) {
    // Drift rows are what says that a snapshot was judged: after a crash all that comes before them is written again, to the same tokens.
    if (quality !== null)
      for (const one of part)
        await keepOutlook(ports, { model, size, sizeMs, quality: await quality, ...one });
    await ports.measures.keepDrift({
      model,
      profile: profile.name,
      results: part.map(({ snapshot, rows }) => ({
        size,
        windowStartMs: Date.parse(snapshot.window_start),
        version: snapshot.version,
        revision: snapshot.revision,
        digest: snapshot.digest,
        rows,
      })),
    });
  }
};

/** Remembers what was worked out of each argument, as long as the one who asks lives. */
const once = <A, B>(of: (argument: A) => B): ((argument: A) => B) => {
  const known = new Map<A, B>();
  return (argument) => {
    const before = known.get(argument) ?? of(argument);
    known.set(argument, before);
    return before;
  };
};

/** A version's reference, counted, and its feature importance beside that of the version published before it. */
const standardIn = async (ports: MeasurePorts, model: string, version: string): Promise<Standard> => {
  const [bundle, versions] = await Promise.all([
    ports.registry.bundle(model, version),
    ports.registry.versions(model),
  ]);
  const before = versions[versions.indexOf(version) - 1];
  const previous =
    before === undefined ? null : (await ports.registry.bundle(model, before)).metrics.importance;
  return {
    encoding: bundle.encoding,
    encodingDigest: bundle.metadata.encoding_digest,
    reference: bundle.reference,
    counted: referenceCounts(bundle.encoding, bundle.reference),
    segments: bundle.preprocessor.contract.definition.segments.map((s) => s.feature),
    ...(previous === null ? {} : { importance: { previous, current: bundle.metrics.importance } }),
  };
};

/** What can be said of quality before the labels come: the estimate and the trust score of one judged window. */
const keepOutlook = async (
  ports: MeasurePorts,
  by: Judgement & { model: string; size: string; sizeMs: number; quality: readonly PerformanceRow[] },
): Promise<void> => {
  const { model, size, sizeMs, quality, snapshot, measurement, rows } = by;
  const { version, revision } = snapshot;
  const windowStartMs = Date.parse(snapshot.window_start);
  const endMs = windowStartMs + sizeMs;
  const matured =
    quality.find(
      (row) => row.version === version && row.windowStartMs >= endMs - HISTORY_MS && row.maturedAtMs <= endMs,
    ) ?? null;
  const { threshold } = (await ports.registry.bundle(model, version)).metadata;
  const estimate = estimateOf({ ...measurement, threshold, matured });
  const trust = trustScore({ drift: rows, scores: scoresOf(measurement), snapshot, matured });
  await Promise.all([
    estimate === null ? null : ports.measures.keepPerformance({ model, size, rows: [estimate] }),
    ports.measures.keepTrust({ model, size, windowStartMs, version, revision, ...trust }),
  ]);
};

/** Realised rows of production that any of some windows can look back on, newest first. */
const newestMatured = async (
  ports: MeasurePorts,
  model: string,
  size: string,
  due: readonly DueWindow[],
  sizeMs: number,
): Promise<PerformanceRow[]> => {
  const span = spanOf(due, sizeMs, HISTORY_MS);
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
