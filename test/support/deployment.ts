// Test support: a whole deployment for stage tests: real Redis and engine, wired as the workers wire them, one trained and published
// model of a small contract, and facts as the recorder would leave them. Nothing of ours is imitated; traffic is drawn from a seed.
import path from "node:path";
import { Redis } from "ioredis";
import type { ServiceConfig } from "../../contracts/config.ts";
import type { EventStatus, Role } from "../../contracts/event.ts";
import { loadConfig, projectRoot } from "../../src/adapters/config.ts";
import { createSnapshots } from "../../src/adapters/snapshot-store.ts";
import { createFactSink } from "../../src/adapters/fact-sink.ts";
import { migrate } from "../../src/adapters/migrations.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { sha256Hex } from "../../src/core/canonical.ts";
import { parseContract } from "../../src/core/contract.ts";
import { encodeFrozen, encodingDigest, freezeEncoding } from "../../src/core/encode.ts";
import { clickhouseTime } from "../../src/core/time.ts";
import { seeded } from "../../src/core/training/seeded.ts";
import { train, type TrainJob } from "../../src/stages/train.ts";
import { driftProfile, loadPolicy, wireStores, type Stores } from "../../src/wiring.ts";
import { startStack, type TestStack } from "./stack.ts";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** A Monday, aligned to every window. */
export const START = Date.UTC(2001, 0, 1);
export const MODEL = "demand";

const CONTRACT = `
name: demand
version: 1.0.0
label: { name: sold, positive: 1, negative: 0 }
event_time: at
entity: null
features:
  price: { kind: continuous, min: 0, max: 1000 }
  shop: { kind: nominal, values: frozen, unseen: other }
forbidden: []
segments: [{ feature: shop, top: 2 }]
missing: reject
label_maturity: { horizon: 24h, min_coverage: 0.30 }
evaluation: { threshold: 0.5 }
`;
const SHOPS = ["north", "south", "east"];

/** One fact before it has a producer. */
export interface Fact {
  readonly atMs: number;
  readonly request: string;
  readonly version: string;
  readonly role: Role;
  readonly status: EventStatus;
  readonly p: number | null;
  readonly codes: readonly number[];
  readonly label: 0 | 1;
  readonly seq: number;
  readonly ingestedMs: number;
}

export interface Deployment {
  readonly stack: TestStack;
  readonly redis: Redis;
  readonly stores: Stores;
  readonly windows: ServiceConfig["windows"];
  readonly policy: ReturnType<typeof loadPolicy>;
  readonly profile: ReturnType<typeof driftProfile>;
  /** What roll, measure and decide are given. */
  readonly ports: Omit<Stores, "registry"> & {
    registry: Stores["bundles"];
    progress: Stores["loop"]["progress"];
  };
  /** Requests of production from a time on, `perHour` an hour. */
  traffic(by: { fromMs: number; hours: number; perHour: number; seed?: number; firstSeq?: number }): Fact[];
  record(facts: readonly Fact[], producer?: string): Promise<void>;
  label(labels: readonly { request: string; label: 0 | 1; atMs: number }[]): Promise<void>;
  /** Publishes another version trained on other draws; answers it. */
  publish(by: {
    seed: number;
    trainingId?: string | null;
    source?: TrainJob["source"];
    parent?: string | null;
  }): Promise<string>;
  /** Forgets facts, measures, ledger and progress, keeps bundles. */
  reset(): Promise<void>;
  count(table: string, where?: string): Promise<number>;
  close(): Promise<void>;
}

const ids = createIds();
const TABLES =
  "predictions labels encodings snapshots feature_histograms score_histograms drift performance_snapshots shadow_snapshots trust_scores decisions governance_log alerts";

export const startDeployment = async (): Promise<Deployment> => {
  const stack = await startStack();
  const sql = path.join(projectRoot(), "clickhouse");
  const dirs = { migrations: path.join(sql, "migrations"), views: path.join(sql, "views") };
  await migrate(stack.clickhouse, dirs, new Date(START));
  const config = loadConfig({
    FLYBALL_HOME: stack.home,
    FLYBALL_REDIS_URL: stack.redisUrl,
    FLYBALL_CLICKHOUSE_URL: stack.clickhouseUrl,
    FLYBALL_CLOCK: "replay",
    FLYBALL_WINDOWS_SIZES: '["6h", "12h", "24h"]',
    FLYBALL_LOG_LEVEL: "fatal",
  });
  const stores = wireStores(config, "test");
  const redis = new Redis(stack.redisUrl);
  const policy = loadPolicy(config);
  const { encoding, publish } = world(stores);
  await publish({ seed: 1 });
  const digest = encodingDigest(encoding);
  let batch = 0;
  // A process that remembers what it wrote is a new one once everything is forgotten.
  let { snapshots } = stores;

  const traffic: Deployment["traffic"] = ({ fromMs, hours, perHour, seed = 5, firstSeq = 0 }) => {
    const drawn = drawRows(hours * perHour, seed);
    const { codes } = encodeFrozen({ columns: drawn.columns, label: drawn.label }, encoding);
    return Array.from({ length: hours * perHour }, (_, row): Fact => {
      const atMs = fromMs + Math.floor((row * HOUR) / perHour);
      return {
        atMs,
        request: ids.within("8d0f6f5e-6e0a-5c64-9a53-4c7f1a1f7a11", `${fromMs}/${seed}/${row}`),
        version: "1.0.0",
        role: "production",
        status: "ok",
        p: drawn.chance[row] ?? 0.5,
        codes: codes.map((column) => column[row] ?? 0),
        label: drawn.label[row] === 1 ? 1 : 0,
        seq: firstSeq + row,
        ingestedMs: atMs + 5,
      };
    });
  };

  const record: Deployment["record"] = async (facts, producer = "p") => {
    const rows = facts.map((fact) => {
      const role = fact.role === "production" ? "production" : `shadow/${fact.version}`;
      const event = ids.within("5f0e7b0a-6f3c-5d1c-9b7e-2a6d1c8e4f90", `${fact.request}/${role}`);
      const row = [
        ...[
          clickhouseTime(fact.atMs),
          MODEL,
          fact.version,
          fact.role,
          fact.request,
          event,
          fact.status,
          fact.p,
        ],
        ...[null, digest, fact.codes, producer, fact.seq, clickhouseTime(fact.ingestedMs)],
      ];
      return Buffer.from(`${JSON.stringify(row)}\n`);
    });
    await createFactSink(stack.clickhouse, "events").insert(rows, { token: `facts/${batch++}` });
  };

  return {
    stack,
    redis,
    stores,
    windows: config.service.windows,
    policy,
    profile: driftProfile(policy),
    ports: {
      ...stores,
      registry: stores.bundles,
      progress: stores.loop.progress,
      get snapshots() {
        return snapshots;
      },
    },
    traffic,
    record,
    publish,
    label: async (labels) => {
      const rows = labels.map(({ request, label, atMs }, seq) => {
        const at = clickhouseTime(atMs);
        return Buffer.from(`${JSON.stringify([MODEL, request, label, at, at, "till", "l", seq])}\n`);
      });
      await createFactSink(stack.clickhouse, "labels").insert(rows, { token: `labels/${batch++}` });
    },
    reset: async () => {
      await redis.flushall();
      snapshots = createSnapshots(stack.clickhouse);
      for (const table of TABLES.split(" ")) await stack.sql(`TRUNCATE TABLE ${table}`);
    },
    count: async (table, where = "1") => {
      const [row] = await stack.sql(`SELECT toUInt32(count()) AS n FROM ${table} WHERE ${where}`);
      return Number(row?.["n"]);
    },
    close: async () => {
      redis.disconnect();
      await stores.close();
      await stack.close();
    },
  };
};

/** The contract's encoding, frozen on one draw, and a publisher of models fitted to others. */
const world = (stores: Stores) => {
  const parsed = parseContract(CONTRACT, "demand@1.0.0.yaml");
  if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.message).join("\n"));
  const { contract, digest } = parsed;
  const { columns } = drawRows(4_000, 1);
  const encoding = freezeEncoding({ contract, contractDigest: digest, dataset: sha256Hex("drawn"), columns });
  const publish: Deployment["publish"] = async ({
    seed,
    trainingId = null,
    source = "frozen",
    parent = null,
  }) => {
    const drawn = drawRows(4_000, seed);
    const trained = await train(stores.registry, {
      contract,
      contractDigest: digest,
      encoding,
      matrix: { rows: 4_000, ...encodeFrozen({ columns: drawn.columns, label: drawn.label }, encoding) },
      timesMs: Float64Array.from({ length: 4_000 }, (_, row) => START - 30 * DAY + row * 60_000),
      test: null,
      family: "logistic-regression",
      parameters: {},
      split: "temporal",
      seed: 1,
      search: 1,
      source,
      dataset: sha256Hex(`drawn ${seed}`),
      parent,
      trainingId,
      createdAt: "2001-01-01T00:00:00.000Z",
    });
    if (!trained.ok) throw new Error(trained.detail);
    return trained.version;
  };
  return { encoding, publish };
};

const drawRows = (count: number, seed: number) => {
  const draw = seeded(seed);
  const price = Float64Array.from({ length: count }, () => Math.round(draw() ** 2 * 90_000) / 100);
  const shop = Uint16Array.from({ length: count }, () => Math.floor(draw() ** 2 * SHOPS.length));
  const chance = Float64Array.from(price, (value, row) => {
    const z = 1.5 - value / 150 + ((shop[row] ?? 0) === 0 ? 1 : -0.5);
    return 1 / (1 + Math.exp(-z));
  });
  const label = Uint8Array.from(chance, (p) => (draw() < p ? 1 : 0));
  return { columns: { price, shop: { dictionary: SHOPS, indices: shop } }, label, chance };
};
