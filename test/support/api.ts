// Test support: the real api on real parts (a trained model, ONNX Runtime, a real publisher and spool), with the pieces a test wants
// to hold in its hand: the clock, the set of models, the entries written. Nothing of ours is imitated.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { serveFlights } from "../../bench/serving-model.ts";
import type { FlightRow } from "../../bench/serving-model.ts";
import type { StreamKind } from "../../contracts/event.ts";
import { LabelRow, PredictionRow, StreamEntry, streamKey } from "../../contracts/event.ts";
import type { EventPublisher, PublisherOptions } from "../../src/adapters/event-publisher.ts";
import { createPublisher } from "../../src/adapters/event-publisher.ts";
import type { RedisWhere } from "../../src/adapters/redis.ts";
import { openSpool } from "../../src/adapters/spool.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import type { Api, AppOptions } from "../../src/http/app.ts";
import { createApp } from "../../src/http/app.ts";
import type {
  Guard,
  PublishesEvents,
  ScoringSession,
  ServesModels,
  ServingClock,
  ServingModel,
} from "../../src/ports-serving.ts";

export const CONTRACT = path.join(
  path.dirname(fileURLToPath(import.meta.url)),
  "../../contracts/features/flight-delay@1.0.0.yaml",
);

/** A trained flight-delay model and rows it can score. */
export const trainFlights = (seed = 1, version = "1.0.0", trees = 20) =>
  serveFlights(CONTRACT, { trees, seed, version });

/** The same version with another session: a candidate that misbehaves. */
export const withSession = (
  model: ServingModel,
  version: string,
  session: Partial<ScoringSession>,
): ServingModel => ({
  ...model,
  version,
  session: {
    run: session.run ?? ((v, n) => model.session.run(v, n)),
    close: session.close ?? (() => Promise.resolve()),
  },
});

/** A set of models a test can change between requests. */
export const modelSet = () => {
  const held: { current: ServingModel | null; candidates: readonly ServingModel[] } = {
    current: null,
    candidates: [],
  };
  const models: ServesModels = {
    current: (name) => (name === undefined || name === held.current?.model ? held.current : null),
    candidates: (name) => held.candidates.filter((candidate) => candidate.model === name),
    knows: (name) => name === "flight-delay",
    names: () => (held.current === null ? [] : [held.current.model]),
    generation: () => ({ loaded: 1, head: 1, stale: false, ageS: 0 }),
  };
  return { held, models };
};

/** A publisher that keeps entries in memory, for unit tests of what is rendered. */
export const memoryPublisher = () => {
  const entries: Record<StreamKind, string[]> = { events: [], labels: [] };
  const watermarks: { ms: number; where: string }[] = [];
  const seq = { events: 0, labels: 0 };
  const held: { refuse: boolean } = { refuse: false };
  const publisher: PublishesEvents = {
    producer: "0-test",
    publish: (kind, n, render) => {
      if (held.refuse) return Promise.resolve("refused");
      entries[kind].push(render(seq[kind]).toString());
      seq[kind] += n;
      return Promise.resolve("redis");
    },
    watermark: (ms, where) => {
      watermarks.push({ ms, where });
      return Promise.resolve(true);
    },
    state: () => ({ mode: "redis", durability: "spool", spoolBytes: 0, refusedRows: 0, corruptRecords: 0 }),
  };
  const lines = (kind: StreamKind): unknown[] =>
    entries[kind].flatMap((text) =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line): unknown => JSON.parse(line)),
    );
  return {
    publisher,
    held,
    watermarks,
    entries,
    events: () => lines("events").map((row) => PredictionRow.parse(row)),
    labels: () => lines("labels").map((row) => LabelRow.parse(row)),
  };
};

/** A clock a test moves. */
export const handClock = (mode: "wall" | "replay", startMs: number) => {
  const held = { now: startMs };
  const clock: ServingClock = {
    mode,
    now: () => held.now,
    advance: (ms) => {
      if (ms < held.now) return Promise.resolve(false);
      held.now = ms;
      return Promise.resolve(true);
    },
    settledThrough: () => Promise.resolve(null),
  };
  return { clock, held };
};

export const wallClock: ServingClock = {
  mode: "wall",
  now: () => Date.now(),
  advance: () => Promise.resolve(false),
  settledThrough: () => Promise.resolve(null),
};

export const apiOn = (
  deps: { models: ServesModels; publisher: PublishesEvents; clock?: ServingClock; guard?: Guard },
  options: Partial<AppOptions> = {},
): Api =>
  createApp(
    {
      models: deps.models,
      publisher: deps.publisher,
      clock: deps.clock ?? wallClock,
      wall: { epochMs: () => Date.now(), monotonicMs: () => performance.now() },
      ids: createIds(),
      guard: deps.guard ?? null,
    },
    options,
  );

export const post = (
  api: Api,
  route: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> =>
  Promise.resolve(
    api.hono.request(route, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  );

/** A publisher on a real Redis, with a spool in a fresh folder. */
export const publisherOn = async (
  redis: string | RedisWhere,
  options: Partial<PublisherOptions> & { spoolBytesMax?: number; dir?: string } = {},
): Promise<{ publisher: EventPublisher; dir: string; cleanUp(): Promise<void> }> => {
  const dir = options.dir ?? mkdtempSync(path.join(tmpdir(), "flyball-spool-"));
  const publisher = await createPublisher({
    redis: typeof redis === "string" ? { url: redis } : redis,
    producer: "0-test",
    partition: 0,
    partitions: 2,
    spool: openSpool({ dir, bytesMax: options.spoolBytesMax ?? 16 * 1024 * 1024 }),
    durability: "spool",
    commandTimeoutMs: 300,
    retryMs: 50,
    ...options,
  });
  return {
    publisher,
    dir,
    cleanUp: async () => {
      await publisher.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

/** Everything in a partition's stream, parsed as the recorder would. */
export const readStream = async (redisUrl: string, kind: StreamKind, partition = 0) => {
  const redis = new Redis(redisUrl);
  try {
    const raw = await redis.xrange(streamKey(kind, partition), "-", "+");
    const entries = raw.map(([, fields]) => {
      const pairs = new Map<string, string>();
      for (let at = 0; at + 1 < fields.length; at += 2) pairs.set(fields[at] ?? "", fields[at + 1] ?? "");
      return StreamEntry.parse(Object.fromEntries(pairs));
    });
    const rows = entries.flatMap((entry) => entry.rows.split("\n").filter((line) => line !== ""));
    return { entries, events: () => rows.map((row) => PredictionRow.parse(JSON.parse(row))), rows };
  } finally {
    redis.disconnect();
  }
};

export const rowAt = (rows: readonly FlightRow[], index: number): FlightRow => {
  const row = rows[index % rows.length];
  if (row === undefined) throw new RangeError("no rows");
  return row;
};
