// Stage: roll. Turns closed windows of facts into snapshots, and shorter snapshots into longer ones. Idempotent by (window,
// revision, digest): the same facts make the same digest, and a window whose digest did not change is not written again.
// It never judges, and never reads further than the watermark it was given.
import { durationMs } from "../src/core/duration.ts";
import { segmentKeys } from "../src/core/segments.ts";
import { closedWindows, snapshotsOf, sumOf } from "../src/core/window.ts";
import { windowStart } from "../src/core/time.ts";
import type { ServiceConfig } from "../contracts/config.ts";
import type { Snapshot, WindowFlag } from "../contracts/snapshot.ts";
import type { SegmentKey, Span, WindowContent } from "../contracts/counts.ts";
import type {
  KeepsSnapshots,
  Log,
  Progress,
  ReadsRegistry,
  ReadsTraffic,
  RolledWindow,
} from "../src/ports.ts";

export interface RollPorts {
  readonly traffic: ReadsTraffic;
  readonly snapshots: KeepsSnapshots;
  readonly registry: ReadsRegistry;
  readonly progress: Progress;
  readonly log: Log;
}

/** Rolls every window that closed at or before `throughMs` (already less the allowed lateness), and those touched by late rows. */
export const roll = async (
  ports: RollPorts,
  config: ServiceConfig["windows"],
  throughMs: number,
): Promise<void> => {
  // Told before anything is looked for: what is recorded meanwhile counts as unseen at the next look.
  const [look, models] = await Promise.all([ports.traffic.engineNow(), ports.traffic.models()]);
  for (const { model, firstMs } of models)
    await rollModel(ports, config, { model, firstMs, throughMs, look });
};

const rollModel = async (
  ports: RollPorts,
  config: ServiceConfig["windows"],
  { model, firstMs, throughMs, look }: { model: string; firstMs: number; throughMs: number; look: string },
): Promise<void> => {
  const [base, ...longer] = config.sizes;
  if (base === undefined) return;
  const sizeMs = durationMs(base);
  const seen = (await ports.progress.getText(`seen:${model}`)) ?? "1970-01-01 00:00:00.000";
  const rolledMs = (await ports.progress.get(`rolled:${model}`)) ?? windowStart(firstMs, sizeMs);
  const oldestMs = throughMs - durationMs(config.revise_within);
  const touched = (await ports.traffic.touched({ model, sizeMs, seen, throughMs: rolledMs })).filter(
    (start) => start + sizeMs <= rolledMs && start >= oldestMs,
  );
  const due = [...new Set([...touched, ...closedWindows(rolledMs, throughMs, sizeMs)])].sort((a, b) => a - b);
  const segments = due.length === 0 ? [] : await segmentsOf(ports, model);
  const changed: number[] = [];
  for (const span of spansOf(due, sizeMs, durationMs(config.dedup_horizon)))
    changed.push(...(await rollSpan(ports, config, { model, size: base, sizeMs, span, due, segments })));
  await Promise.all(
    longer.map((size) => sumWindows(ports, { model, from: base, size, changed, throughMs, rolledMs })),
  );
  const end = windowStart(throughMs, sizeMs);
  await ports.progress.setText(`seen:${model}`, look);
  await ports.progress.set(`rolled:${model}`, Math.max(rolledMs, end));
  if (due.length > 0) ports.log.info({ model, windows: changed.length, through: throughMs }, "rolled");
};

/** Segments of the model's newest version; encodings are shared by all versions of a contract major. */
const segmentsOf = async (ports: RollPorts, model: string): Promise<SegmentKey[]> => {
  const versions = await ports.registry.versions(model);
  for (const version of versions)
    await ports.snapshots.keepReference(await ports.registry.bundle(model, version));
  const newest = versions.at(-1);
  if (newest === undefined) return [];
  const bundle = await ports.registry.bundle(model, newest);
  return segmentKeys(bundle.preprocessor.contract.definition, bundle.encoding);
};

/** Neighbouring windows are read together: the cost of a look is that of its rows, not of its windows. */
const spansOf = (starts: readonly number[], sizeMs: number, mostMs: number): Span[] => {
  const spans: Span[] = [];
  for (const startMs of starts) {
    const last = spans.at(-1);
    const endMs = startMs + sizeMs;
    if (last?.endMs === startMs && endMs - last.startMs <= mostMs)
      spans[spans.length - 1] = { ...last, endMs };
    else spans.push({ startMs, endMs });
  }
  return spans;
};

/** Rolls the windows of a span; answers the starts of those whose snapshots changed. */
const rollSpan = async (
  ports: RollPorts,
  config: ServiceConfig["windows"],
  by: {
    model: string;
    size: string;
    sizeMs: number;
    span: Span;
    due: readonly number[];
    segments: readonly SegmentKey[];
  },
): Promise<number[]> => {
  const { model, size, sizeMs, span, segments } = by;
  const [contents, previous, missing] = await Promise.all([
    ports.traffic.contents({ model, sizeMs, span, horizonMs: durationMs(config.dedup_horizon), segments }),
    ports.snapshots.latest({ model, size, span }),
    ports.traffic.holes(span),
  ]);
  const due = by.due.filter((start) => start >= span.startMs && start < span.endMs);
  const changed = await Promise.all(
    due.map(async (startMs) => {
      const window = { model, size, startMs, endMs: startMs + sizeMs };
      const content = contents.get(startMs);
      if (content === undefined) return null;
      // Only where the span has a hole at all is it asked which window it lies in.
      const holes = missing > 0 ? await ports.traffic.holes(window) : 0;
      const before = previous.filter((snapshot) => Date.parse(snapshot.window_start) === startMs);
      return changeOf(window, content, before, holes > 0 ? ["incomplete"] : []);
    }),
  );
  await keep(ports, model, changed);
  return due.filter((_, at) => changed[at] !== null);
};

/** Sums the base snapshots of every longer window that closed or holds a changed base window. */
const sumWindows = async (
  ports: RollPorts,
  by: {
    model: string;
    from: string;
    size: string;
    changed: readonly number[];
    throughMs: number;
    rolledMs: number;
  },
): Promise<void> => {
  const sizeMs = durationMs(by.size);
  const starts = new Set([
    ...closedWindows(by.rolledMs, by.throughMs, sizeMs),
    ...by.changed
      .map((start) => windowStart(start, sizeMs))
      .filter((start) => start + sizeMs <= by.throughMs),
  ]);
  for (const startMs of [...starts].sort((a, b) => a - b)) {
    const span = { startMs, endMs: startMs + sizeMs };
    const [parts, features, scores, previous] = await Promise.all([
      ports.snapshots.latest({ model: by.model, size: by.from, span }),
      ports.snapshots.features({ model: by.model, size: by.from, span, bucketMs: sizeMs }),
      ports.snapshots.scores({ model: by.model, size: by.from, span, bucketMs: sizeMs }),
      ports.snapshots.latest({ model: by.model, size: by.size, span }),
    ]);
    const { content, flags } = sumOf(parts, features, scores);
    const window = { model: by.model, size: by.size, ...span };
    await keep(ports, by.model, [changeOf(window, content, previous, flags)]);
  }
};

/** The snapshots of a window whose content is not what was kept before, with their histograms; null where nothing changed. */
const changeOf = (
  window: { model: string; size: string; startMs: number; endMs: number },
  content: WindowContent,
  previous: readonly Snapshot[],
  flags: readonly WindowFlag[],
): RolledWindow | null => {
  const made = snapshotsOf(window, content, { previous, flags });
  const fresh = made.filter(
    (s) => !previous.some((p) => p.version === s.version && p.role === s.role && p.digest === s.digest),
  );
  if (fresh.length === 0) return null;
  const isFresh = (h: { version: string; role: string }) =>
    fresh.some((s) => s.version === h.version && s.role === h.role);
  return {
    snapshots: fresh,
    features: content.features.filter(isFresh),
    scores: content.scores.filter(isFresh),
  };
};

const keep = async (
  ports: RollPorts,
  model: string,
  changed: readonly (RolledWindow | null)[],
): Promise<void> => {
  const windows = changed.filter((window) => window !== null);
  // Each version by its own contract: those of the next major have other features in the same places.
  const versions = new Set(windows.flatMap(({ snapshots }) => snapshots.map(({ version }) => version)));
  const names = async (version: string) => {
    const { encoding } = await ports.registry.bundle(model, version);
    return [version, encoding.features.map(({ feature }) => feature)] as const;
  };
  await ports.snapshots.keep({ windows, featureNames: new Map(await Promise.all([...versions].map(names))) });
};
