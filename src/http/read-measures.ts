// Stage room: what was measured, as lists and pictures: snapshots, drift with its map and its histograms, performance with its calibration,
// shadows with their evidence. Reads stores; judges nothing again: values are those the governor saw.
import type { Hono } from "hono";
import { z } from "zod";
import { UtcTime } from "../../contracts/api.ts";
import type { Histogram } from "../../contracts/counts.ts";
import { Duration } from "../../contracts/config.ts";
import type { FeatureDrift, ShadowEvidence } from "../../contracts/read.ts";
import { ALL } from "../../contracts/snapshot.ts";
import { columnOf } from "../core/heat-columns.ts";
import { barsOf, calibrationCurve, scoreBars } from "../core/bars.ts";
import { durationMs } from "../core/duration.ts";
import { addCounts, emptyCounts, fromSparse, SCORE_BINS, totalOf, type Counts } from "../core/histogram.ts";
import { rankingMetrics } from "../core/performance.ts";
import { isoOf } from "../core/time.ts";
import { pairsOf } from "../core/window.ts";
import type { Bundle, KeepsMeasures, ReadsRegistry } from "../ports.ts";
import type { Placed, ReadsForPeople, Slice } from "../ports-reading.ts";
import {
  answer,
  answerPage,
  readApp,
  readList,
  readQuery,
  sliceOf,
  spanWords,
  unknown,
} from "./read-page.ts";

export interface MeasuresPorts {
  readonly lists: ReadsForPeople;
  readonly measures: Pick<KeepsMeasures, "performance">;
  readonly registry: ReadsRegistry;
  readonly size: string;
  now(): Promise<number>;
}

const LISTS = {
  snapshots: ["version", "role"],
  drift: ["version", "subject", "feature", "statistic", "status"],
  performance: ["version", "role", "kind", "scope"],
  shadow: ["version", "scope"],
} as const;

/** Routes of everything that is measured. */
export const measureRoutes = (ports: MeasuresPorts): Hono => {
  const app = readApp();
  const list = (name: keyof typeof LISTS, read: (slice: Slice) => Promise<readonly Placed<unknown>[]>) =>
    app.get(`/api/v1/models/:model/${name}`, (c) =>
      readList(c, LISTS[name], async (query, filters) => {
        const by = { model: c.req.param("model"), size: ports.size, nowMs: await ports.now(), filters };
        return answerPage(await read(sliceOf(query, by)), query.limit);
      }),
    );
  list("snapshots", (slice) => ports.lists.snapshots(slice));
  list("drift", (slice) => ports.lists.drift(slice));
  list("performance", (slice) => ports.lists.performance(slice));
  list("shadow", (slice) => ports.lists.shadow(slice));
  app.get("/api/v1/models/:model/drift/map", (c) =>
    readQuery(c, z.strictObject({ ...spanWords, step: Duration.optional() }), async ({ step, ...query }) => {
      const { model } = c.req.param();
      const { size, span } = sliceOf(
        { ...query, limit: 1 },
        { model, size: ports.size, nowMs: await ports.now(), filters: {} },
      );
      const sizeMs = durationMs(size);
      const isWider = step !== undefined && durationMs(step) > sizeMs;
      const stepMs = isWider ? durationMs(step) : sizeMs;
      const rows = await ports.lists.heat({ model, size, span, stepMs });
      // Windows stand where they begin; only wider columns are aligned to Mondays.
      const columns = rows.flatMap((row) =>
        row.cells.map(({ window_start }) => (isWider ? columnOf(window_start, stepMs) : window_start)),
      );
      const windows = [...new Set(columns)].sort();
      return answer({ model, window_size: size, step: isWider ? step : size, windows, rows });
    }),
  );
  app.get("/api/v1/models/:model/drift/features/:feature", (c) =>
    readQuery(c, FeatureQuery, async (query) => {
      const { model, feature } = c.req.param();
      const found = await featureDrift(ports, { model, feature, ...query, size: query.size ?? ports.size });
      return found === null
        ? unknown(`${model.slice(0, 80)} has no window of that feature there.`)
        : answer(found);
    }),
  );
  app.get("/api/v1/models/:model/performance/calibration", (c) =>
    readQuery(c, CalibrationQuery, async (query) => {
      const { model } = c.req.param();
      return answer(await calibration(ports, { model, ...query }));
    }),
  );
  app.get("/api/v1/models/:model/shadow/evidence", (c) =>
    readQuery(c, z.strictObject({ version: z.string().max(40).optional() }), async ({ version }) =>
      answer(await shadowEvidence(ports, c.req.param("model"), version)),
    ),
  );
  return app;
};

const FeatureQuery = z.strictObject({
  window_start: UtcTime,
  size: Duration.optional(),
  version: z.string().max(40).optional(),
});

/** The scores of a model are looked at like a feature of this name. */
const SCORES = "score";

const featureDrift = async (
  ports: MeasuresPorts,
  by: { model: string; feature: string; window_start: string; size: string; version?: string | undefined },
): Promise<FeatureDrift | null> => {
  const { model, feature, size } = by;
  const startMs = Date.parse(by.window_start);
  const isScore = feature === SCORES;
  const rows = await ports.lists.drift({
    model,
    size,
    span: { startMs, endMs: startMs + 1 },
    filters: isScore ? { subject: "prediction" } : { feature },
    after: null,
    limit: 200,
  });
  const about = by.version ?? rows[0]?.item.version;
  if (about === undefined) return null;
  const bundle = await ports.registry.bundle(model, about);
  const place = bundle.encoding.features.findIndex((one) => one.feature === feature);
  const encoding = bundle.encoding.features[place];
  if (!isScore && encoding === undefined) return null;
  const histogram = await ports.lists.histogram({
    model,
    size,
    version: about,
    startMs,
    position: isScore ? null : place + 1,
  });
  const sides = sidesOf(bundle, isScore ? null : feature, histogram);
  return {
    model,
    version: about,
    feature,
    kind: encoding?.kind ?? "score",
    window_size: size,
    window_start: isoOf(startMs),
    n_reference: totalOf(sides.reference),
    n_current: totalOf(sides.current),
    bars:
      encoding === undefined
        ? scoreBars(sides.reference, sides.current)
        : barsOf(encoding, sides.reference, sides.current),
    statistics: rows.filter(({ item }) => item.version === about).map(({ item }) => item),
  };
};

/** The reference's counts and the window's, of a feature or (null) of the scores. */
const sidesOf = (
  bundle: Bundle,
  feature: string | null,
  histogram: Histogram | null,
): { reference: Counts; current: Counts } => {
  const current = histogram === null ? [] : pairsOf(histogram);
  if (feature !== null)
    return { reference: fromSparse(bundle.reference.features[feature] ?? []), current: fromSparse(current) };
  const { negative, positive } = bundle.reference.scores;
  return {
    reference: addCounts(fromSparse(negative, SCORE_BINS), fromSparse(positive, SCORE_BINS)),
    current: fromSparse(current, SCORE_BINS),
  };
};

const CalibrationQuery = z.strictObject({
  version: z.string().max(40),
  scope: z.string().max(200).default(ALL),
  from: UtcTime.optional(),
  to: UtcTime.optional(),
});

const calibration = async (
  ports: MeasuresPorts,
  by: z.infer<typeof CalibrationQuery> & { model: string },
) => {
  const { model, version, scope } = by;
  const { size, span } = sliceOf(
    { ...by, limit: 1 },
    { model, size: ports.size, nowMs: await ports.now(), filters: {} },
  );
  const rows = (await ports.measures.performance({ model, size, span, scope })).filter(
    (row) => row.kind === "realised" && row.version === version,
  );
  const side = (pick: (row: (typeof rows)[number]) => Histogram): Counts =>
    rows.reduce(
      (sum, row) => addCounts(sum, fromSparse(pairsOf(pick(row)), SCORE_BINS)),
      emptyCounts(SCORE_BINS),
    );
  const negative = side((row) => row.negative);
  const positive = side((row) => row.positive);
  return {
    model,
    version,
    scope,
    labelled: totalOf(negative) + totalOf(positive),
    ece: rankingMetrics(negative, positive).ece,
    bins: calibrationCurve(negative, positive),
  };
};

/** Decisions looked through for the path of the evidence: a year of days and more. */
const DECISIONS_MAX = 400;
const PAIRS_SHOWN = 600;
const DELTA_STEPS = 50;

const shadowEvidence = async (
  ports: MeasuresPorts,
  model: string,
  asked: string | undefined,
): Promise<ShadowEvidence> => {
  const { size } = ports;
  const [points, versions] = await Promise.all([
    ports.lists.evidence({ model, limit: DECISIONS_MAX }),
    ports.lists.shadows({ model, size }),
  ]);
  const version = asked ?? points.find(({ role }) => role === "candidate")?.version ?? versions[0] ?? null;
  const mine = points.filter((point) => point.version === version).reverse();
  if (version === null) return { model, versions: [], version, points: [], delta: [], sample: [] };
  const newest = mine.at(-1);
  const endMs = newest === undefined ? await ports.now() : Date.parse(newest.window_end);
  const [delta, sample] = await Promise.all([
    ports.lists.delta({ model, size, version }),
    ports.lists.pairs({
      model,
      version,
      span: { startMs: Math.max(0, endMs - durationMs(size)), endMs },
      limit: PAIRS_SHOWN,
    }),
  ]);
  return {
    model,
    versions: [...versions],
    version,
    points: mine,
    delta: deltaSteps(delta),
    sample: sample.map(([production, shadow]): [number, number] => [production, shadow]),
  };
};

/** The thousand stored bins in fewer steps of equal width. */
const deltaSteps = ({ keys, counts }: Histogram): ShadowEvidence["delta"] => {
  const steps = Array.from({ length: DELTA_STEPS }, (_, i) => ({
    low: i / DELTA_STEPS,
    high: (i + 1) / DELTA_STEPS,
    pairs: 0,
  }));
  keys.forEach((key, i) => {
    const step = steps[Math.min(DELTA_STEPS - 1, Math.floor((key * DELTA_STEPS) / 1000))];
    if (step !== undefined) step.pairs += counts[i] ?? 0;
  });
  return steps;
};
