// Adapter: snapshots and their histograms written, a batch of windows in one insert a table, the snapshots that name their batch last. Only
// histograms of the batch that a snapshot names count with it (clickhouse/queries): what a crash left without a snapshot, or what
// arrives after another try wrote the same window, is read by nobody. Nothing written is ever removed.
import { z } from "zod";
import { ALL, type Snapshot } from "../../contracts/snapshot.ts";
import type { FeatureHistogram, ScoreHistogram } from "../../contracts/counts.ts";
import { sha256Hex } from "../core/canonical.ts";
import { clickhouseTime } from "../core/time.ts";
import type { Bundle, RolledWindow } from "../ports.ts";
import { encodingColumns, referenceFeatures, referenceScores } from "./reference-columns.ts";
import { ask, type Engine } from "./rows.ts";

/** An insert costs the same for one window as for many; a long downtime must not be one insert. */
export const WINDOWS_A_BATCH = 48;

/** Some windows in one insert a table. The same windows with the same content are the same batch, however often they are written. */
export const keepBatch = async (
  engine: Engine,
  windows: readonly RolledWindow[],
  featureNames: ReadonlyMap<string, readonly string[]>,
): Promise<void> => {
  const all = windows.flatMap(({ snapshots }) => snapshots);
  const batch = sha256Hex(all.map((s) => `${s.window_size}/${s.revision}/${s.digest}`).join("\n"));
  const rowsOf = <T extends { version: string; role: string }>(
    { snapshots }: RolledWindow,
    histograms: readonly T[],
    columns: (key: object, histogram: T) => object,
  ): object[] =>
    histograms.map((histogram) => {
      const { version, role } = histogram;
      const snapshot = snapshots.find((s) => s.version === version && s.role === role);
      if (snapshot === undefined) throw new Error(`histogram of ${version} ${role} without its snapshot`);
      const { model, window_size, window_start, revision } = snapshot;
      const key = {
        model,
        version,
        role,
        window_size,
        window_start: columnTime(window_start),
        revision,
        batch,
      };
      return columns(key, histogram);
    });
  const namesOf = (version: string) => featureNames.get(version) ?? [];
  const features = windows.flatMap((window) =>
    rowsOf(window, window.features, (key, f) => featureColumns(key, f, namesOf(f.version))),
  );
  const scores = windows.flatMap((window) =>
    rowsOf(window, window.scores, (key, s) => scoreColumns(key, s, null)),
  );
  const by = { token: batch };
  await Promise.all([
    engine.insert("feature_histograms", features, by),
    engine.insert("score_histograms", scores, by),
  ]);
  const rows = all.map((snapshot) => ({ ...snapshotColumns(snapshot), batch }));
  await engine.insert("snapshots", rows, by);
};

/** An encoding's meanings and a version's reference counts, once; `kept` are the versions this process knows to be written. */
export const keepReference = async (engine: Engine, kept: Set<string>, bundle: Bundle): Promise<void> => {
  const { model, version, encoding_digest: digest } = bundle.metadata;
  if (kept.has(`${model}@${version}`)) return;
  const [encodings, references] = await Promise.all([
    ask(engine, "encodings-known", {}, z.object({ encoding: z.string() })),
    ask(engine, "references-known", {}, z.object({ model: z.string(), version: z.string() })),
  ]);
  if (!encodings.some((row) => row.encoding === digest))
    await engine.insert("encodings", encodingColumns(bundle), { token: `encoding/${digest}` });
  if (!references.some((row) => row.model === model && row.version === version)) {
    const token = `reference/${model}/${version}`;
    await engine.insert("score_histograms", referenceScores(bundle), { token });
    // Last, because its presence says that all of the reference is there.
    await engine.insert("feature_histograms", referenceFeatures(bundle), { token });
  }
  kept.add(`${model}@${version}`);
};

const columnTime = (iso: string): string => clickhouseTime(Date.parse(iso));

const featureColumns = (key: object, row: FeatureHistogram, names: readonly string[]) => ({
  ...key,
  scope: ALL,
  position: row.position,
  feature: names[row.position - 1] ?? "",
  encoding: row.encoding,
  codes: row.histogram.keys,
  counts: row.histogram.counts,
});

const scoreColumns = (key: object, row: ScoreHistogram, label: number | null) => ({
  ...key,
  scope: row.scope,
  label,
  bins: row.histogram.keys,
  counts: row.histogram.counts,
});

const snapshotColumns = (s: Snapshot) => {
  const { latency, ...rest } = s;
  return {
    ...rest,
    window_start: columnTime(s.window_start),
    window_end: columnTime(s.window_end),
    latency_bins: latency.map(([bin]) => bin),
    latency_counts: latency.map(([, n]) => n),
  };
};
