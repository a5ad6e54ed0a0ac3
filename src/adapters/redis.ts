// Adapter: how we connect to Redis, single or Cluster. It promises that a command is sent once and settles in bounded time:
// after a lost connection nothing is resent behind our back. It never decides what an unknown outcome means; the caller does.
import { Cluster, Redis } from "ioredis";

/** One Redis, or the seed nodes of a Redis Cluster. */
export type RedisWhere =
  | { readonly url: string }
  | { readonly cluster: readonly { readonly host: string; readonly port: number }[] };

export type RedisClient = Redis | Cluster;

/**
 * What a Redis of ours is started with: an acknowledged entry survives a power cut, nothing is ever evicted. What is compressed in a rewrite
 * of its log costs an eighth of two processors at full load, for bytes that the next rewrite throws away.
 */
export const REDIS_SETTINGS = [
  ...["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"],
  ...["--rdbcompression", "no", "--save", ""],
] as const;

/** Below this a dead socket is taken for a quiet one (ms). */
const SOCKET_TIMEOUT_MS = 15_000;

/**
 * Opens a connection whose every command rejects after `timeoutMs`. A blocking reader needs one of its own, with `timeoutMs` above its
 * BLOCK: a client that gives up first would leave delivered entries to nobody. ioredis 6.0.0 resends by default, which doubles an
 * XADD and reads past a lost batch, and without resending leaves the promise open for ever: hence both settings.
 */
export const connectRedis = (where: RedisWhere, options: { readonly timeoutMs: number }): RedisClient => {
  const settings = {
    // RESP2 keeps one reply shape for all commands and server versions.
    protocol: 2 as const,
    autoResendUnfulfilledCommands: false,
    commandTimeout: options.timeoutMs,
    maxRetriesPerRequest: null,
    socketTimeout: Math.max(SOCKET_TIMEOUT_MS, options.timeoutMs + 1_000),
    retryStrategy: (attempt: number): number => Math.min(50 * attempt, 1_000),
  };
  const client =
    "url" in where
      ? new Redis(where.url, settings)
      : new Cluster([...where.cluster], { redisOptions: settings, slotsRefreshTimeout: 2_000 });
  // Every command already rejects with its cause; without a listener the same fault would end the process.
  client.on("error", () => undefined);
  return client;
};
