// Adapter: durable publishing (reliability: publisher). One entry a call, one connection of its own, in order. Where Redis is
// away, full or silent, the same bytes go to the spool and are handed over in order before anything newer is sent directly.
// A timed-out XADD is unknown, not failed: it is sent again with the same event ids and sequence numbers. Nothing is resent
// by the client library, which would do it without our knowing.
import { Cluster, Redis } from "ioredis";
import { ENTRY_VERSION, streamKey } from "../../contracts/event.ts";
import type { StreamKind } from "../../contracts/event.ts";
import type { Durability, PublishesEvents } from "../ports-serving.ts";
import type { RedisClient, RedisWhere } from "./redis.ts";
import type { Spool, SpoolRecord } from "./spool.ts";
import { appendRows } from "./xadd.ts";

const VERSION = String(ENTRY_VERSION);
/** Spooled entries sent together when Redis is back. */
const HAND_OVER = 64;

export interface PublisherOptions {
  readonly redis: RedisWhere;
  readonly producer: string;
  readonly partition: number;
  readonly partitions: number;
  readonly spool: Spool;
  readonly durability: "spool" | "strict";
  /** An XADD without a reply for this long is unknown and goes to the spool. */
  readonly commandTimeoutMs?: number;
  /** How often an absent Redis is tried again. */
  readonly retryMs?: number;
}

export interface EventPublisher extends PublishesEvents {
  /** Resolves once everything spooled is in Redis, or when `timeoutMs` is over (false). */
  drained(timeoutMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** A connection whose commands are sent once, whatever becomes of it: resending is this adapter's decision. */
const connectOnce = (where: RedisWhere, commandTimeoutMs: number): RedisClient => {
  const retry = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2_000);
  const settings = {
    autoResendUnfulfilledCommands: false,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    enableReadyCheck: true,
  };
  const client =
    "url" in where
      ? new Redis(where.url, {
          ...settings,
          lazyConnect: true,
          enableOfflineQueue: false,
          retryStrategy: retry,
        })
      : new Cluster([...where.cluster], {
          redisOptions: settings,
          lazyConnect: true,
          enableOfflineQueue: false,
          clusterRetryStrategy: retry,
          slotsRefreshTimeout: 2_000,
          retryDelayOnFailover: 0,
        });
  // The state of the connection shows in every command; without a listener ioredis would write to stderr.
  client.on("error", () => undefined);
  return client;
};

/** Connects; answers when Redis has taken what an earlier process left, or after the first failure: it starts without Redis. */
export const createPublisher = async (options: PublisherOptions): Promise<EventPublisher> => {
  const { producer, partition, partitions, spool, durability } = options;
  const { commandTimeoutMs = 500, retryMs = 250 } = options;
  const redis = connectOnce(options.redis, commandTimeoutMs);

  let mode: "redis" | "spooling" = "spooling";
  let refusedRows = 0;
  let draining: Promise<void> | null = null;
  let retry: NodeJS.Timeout | null = null;
  let closed = false;
  const nextSeq: Record<StreamKind, number> = { events: 0, labels: 0 };

  const add = async (kind: StreamKind, to: number, n: number, rows: string | Buffer): Promise<unknown> => {
    // Rows are ASCII (names, digits, uuids): as bytes they are neither measured nor encoded.
    const bytes = typeof rows === "string" ? Buffer.from(rows, "latin1") : rows;
    return redis.sendCommand(appendRows(streamKey(kind, to), n, bytes));
  };

  const keepOnDisk = async (record: SpoolRecord): Promise<Durability> => {
    mode = "spooling";
    scheduleDrain();
    if (await spool.append(record)) return "spool";
    refusedRows += record.n;
    return "refused";
  };

  const publish = (
    kind: StreamKind,
    n: number,
    render: (firstSeq: number) => string | Buffer,
  ): Promise<Durability> => {
    if (closed || (mode === "spooling" && durability === "strict")) {
      refusedRows += n;
      return Promise.resolve("refused");
    }
    const first = nextSeq[kind];
    nextSeq[kind] = first + n;
    const rows = render(first);
    const record = (): SpoolRecord => ({ kind, partition, n, rows: rows.toString("latin1") });
    if (mode === "spooling") return keepOnDisk(record());
    return add(kind, partition, n, rows).then(
      () => "redis",
      async () => {
        // Kept even under `strict`: its sequence numbers are taken, and Redis may have it already.
        const kept = await keepOnDisk(record());
        return durability === "strict" ? "refused" : kept;
      },
    );
  };

  const scheduleDrain = (): void => {
    if (closed || retry !== null || draining !== null) return;
    retry = setTimeout(() => {
      retry = null;
      draining = drain().finally(() => {
        draining = null;
        if (mode === "spooling") scheduleDrain();
      });
    }, retryMs);
  };

  /** Hands the spool over in order; turns to direct sending in the very step that finds it empty. */
  const drain = async (): Promise<void> => {
    try {
      if (redis.status === "wait" || redis.status === "end") await redis.connect();
      await redis.ping();
      for (;;) {
        const records = await spool.read();
        if (records.length === 0) {
          if (!spool.isEmpty()) continue;
          mode = "redis";
          return;
        }
        const group = records.slice(0, HAND_OVER);
        const sent = await Promise.allSettled(group.map((r) => add(r.kind, r.partition, r.n, r.rows)));
        const failed = sent.findIndex((one) => one.status === "rejected");
        await spool.release(failed === -1 ? group.length : failed);
        if (failed !== -1) return;
      }
    } catch {
      // Redis is still away: the spool keeps its records and the next try is scheduled by the caller.
      return;
    }
  };

  draining = drain().finally(() => {
    draining = null;
    if (mode === "spooling") scheduleDrain();
  });
  await draining;

  return {
    producer,
    publish,
    watermark: async (ms, where) => {
      if (mode !== "redis") return false;
      const to = where === "own" ? [partition] : Array.from({ length: partitions }, (_, p) => p);
      const entry = [
        "v",
        VERSION,
        "n",
        "0",
        "rows",
        "",
        "watermark",
        String(ms),
        "producer",
        producer,
      ] as const;
      const sent = await Promise.allSettled(
        to.flatMap((p) => [
          redis.xadd(streamKey("events", p), "*", ...entry),
          redis.xadd(streamKey("labels", p), "*", ...entry),
        ]),
      );
      return sent.every((one) => one.status === "fulfilled");
    },
    state: () => ({
      mode,
      durability,
      spoolBytes: spool.bytes(),
      refusedRows,
      corruptRecords: spool.corruptRecords(),
    }),
    drained: async (timeoutMs) => {
      const deadline = performance.now() + timeoutMs;
      while (mode === "spooling" && performance.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return mode === "redis";
    },
    close: async () => {
      closed = true;
      if (retry !== null) clearTimeout(retry);
      retry = null;
      await draining;
      await spool.close();
      redis.disconnect();
    },
  };
};
