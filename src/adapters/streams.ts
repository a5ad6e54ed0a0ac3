// Adapter: the consumer side of one stream partition. It promises that what a consumer has pending is exactly one batch: a new one is
// read only when the old one is settled, whole and under a lease, and a dead consumer's is adopted whole. It never trims what
// is unread or unsettled and never starts a group at `$`, which would skip what is already there.
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { RECORDERS, streamKey } from "../../contracts/event.ts";
import type { StreamKind } from "../../contracts/event.ts";
import { Fault } from "../core/fault.ts";
import type { EntryRead, WatermarkMark } from "../core/recording.ts";
import type { ReadsStream, StreamNotice } from "../ports-recording.ts";
import { connectRedis } from "./redis.ts";
import type { RedisClient, RedisWhere } from "./redis.ts";
import { ACQUIRE, ADOPT, RENEW, SETTLE } from "./stream-scripts.ts";

export type StreamReaderOptions = {
  readonly redis: RedisWhere;
  readonly kind: StreamKind;
  readonly partition: number;
  /** Stable name of the slot: a restarted process must find its own pending batch under it. */
  readonly consumer: string;
  readonly notice: (notice: StreamNotice) => void;
  readonly blockMs?: number;
  /** After the first entry, wait this long for company: fewer, larger inserts. */
  readonly lingerMs?: number;
  /** While a batch lingers the stream is looked at this often, so that a watermark that ends the wait is soon seen. */
  readonly pollMs?: number;
  readonly leaseMs?: number;
  /** A consumer without lease whose batch rested this long is dead. */
  readonly takeoverIdleMs?: number;
  /** A batch delivered this often without being settled killed its reader: from then on it is tried entry by entry. */
  readonly deliveriesMax?: number;
};

/** Entries in one reply at most: bounds memory when entries suddenly grow. */
const PAGE = 256;
/** Entries in one batch at most, whatever their size: watermarks carry no bytes. */
const ENTRIES_MAX = 20_000;
type Reply = readonly (readonly [Buffer, readonly (readonly [Buffer, readonly Buffer[] | null])[]])[] | null;

/** Opens one consumer of one stream; both its connections are its own, because a blocked one serves nobody else. */
export const createStreamReader = (options: StreamReaderOptions): ReadsStream => {
  const { kind, partition, consumer, notice } = options;
  const { blockMs = 2_000, lingerMs = 200, pollMs = 40, leaseMs = 15_000 } = options;
  const { takeoverIdleMs = 30_000, deliveriesMax = 10 } = options;
  // A blocked read must be over well before the lease can pass to another, or two would read under one name.
  const leaseMarginMs = leaseMs / 4;
  if (blockMs + leaseMarginMs >= leaseMs / 2) throw new Error("leaseMs must be more than four times blockMs");
  const stream = streamKey(kind, partition);
  const tagged = (name: string): string => `flyball:{p${partition}}:${name}`;
  const leaseOf = (name: string): string => tagged(`lease:${kind}:${name}`);
  const blocking = connectRedis(options.redis, { timeoutMs: blockMs + 3_000 });
  const control = connectRedis(options.redis, { timeoutMs: 3_000 });
  let lease: { readonly fence: string; validUntil: number } | null = null;
  let renewing: NodeJS.Timeout | null = null;
  let lastSeen: string | null = null;
  // Large until learned: the first read of an unknown stream must not fetch a gigabyte.
  let entryBytes = 512 * 1024;
  let entryRows = 1_000;

  const ask = async (
    client: RedisClient,
    command: string,
    ...args: (string | number)[]
  ): Promise<unknown> => {
    try {
      return await client.call(command, ...args);
    } catch (cause) {
      throw faultOf(cause, command);
    }
  };

  const ensureGroup = async (): Promise<void> => {
    try {
      await control.call("XGROUP", "CREATE", stream, RECORDERS, "0", "MKSTREAM");
      notice({ notice: "group-created", stream, lastSeen });
    } catch (cause) {
      if (!prefixIs(cause, "BUSYGROUP")) throw faultOf(cause, "XGROUP");
    }
  };

  const renew = async (): Promise<void> => {
    const held = lease;
    if (held === null) return;
    const sentAt = performance.now();
    const still = await ask(control, "EVAL", RENEW, 1, leaseOf(consumer), held.fence, leaseMs);
    if (still === 1) held.validUntil = sentAt + leaseMs;
    else if (lease === held) lease = null;
  };

  const readGroup = async (count: number, from: string, block: number | null): Promise<EntryRead[]> => {
    const wait = block === null ? [] : ["BLOCK", block];
    const words = ["GROUP", RECORDERS, consumer, "COUNT", count, ...wait, "STREAMS", stream, from];
    try {
      const reply = (await blocking.callBuffer("XREADGROUP", ...words)) as Reply;
      return (reply?.[0]?.[1] ?? []).map(([id, fields]) => ({ id: id.toString(), fields: pairs(fields) }));
    } catch (cause) {
      throw faultOf(cause, "XREADGROUP");
    }
  };

  /** Deliveries of the oldest entry pending with us; 0 when there is none. Asking does not count as a delivery. */
  const deliveries = async (): Promise<number> => {
    const reply = (await ask(blocking, "XPENDING", stream, RECORDERS, "-", "+", 1, consumer)) as unknown[][];
    return Number(reply[0]?.[3] ?? 0);
  };

  const recover: ReadsStream["recover"] = async () => {
    const tries = await deliveries();
    if (tries === 0) return { entries: [], exhausted: false };
    if (tries >= deliveriesMax) {
      return { entries: await readGroup(1, "0", null), exhausted: tries >= 2 * deliveriesMax };
    }
    const entries: EntryRead[] = [];
    for (let from = "0"; ;) {
      const page = await readGroup(PAGE, from, null);
      entries.push(...page);
      const last = page.at(-1);
      if (last === undefined) return { entries, exhausted: false };
      from = last.id;
    }
  };

  /** How many more entries fit, by the size of those seen last. */
  const room = (bytes: number, rows: number, entries: number): number =>
    Math.min(PAGE, ENTRIES_MAX - entries, Math.floor(bytes / entryBytes), Math.floor(rows / entryRows));

  const read: ReadsStream["read"] = async ({ bytesMax, rowsMax }) => {
    if (lease === null || performance.now() + blockMs + leaseMarginMs > lease.validUntil) {
      throw new Fault("transient", `the lease of ${consumer} on ${stream} is not certain`);
    }
    const entries = await readGroup(Math.max(1, room(bytesMax, rowsMax, 0)), ">", blockMs);
    const first = entries.length;
    if (first === 0) return { entries, exhausted: false };
    let { bytes, rows } = measure(entries);
    const lingerUntil = performance.now() + lingerMs;
    for (;;) {
      entryBytes = Math.max(64, (entryBytes + bytes / entries.length) / 2);
      entryRows = Math.max(1, (entryRows + rows / entries.length) / 2);
      const count = room(bytesMax - bytes, rowsMax - rows, entries.length);
      if (count < 1) break;
      const more = await readGroup(count, ">", null);
      const size = measure(more);
      bytes += size.bytes;
      rows += size.rows;
      entries.push(...more);
      if (more.length > 0) continue;
      // Whoever tells a watermark waits for it: nothing more is coming for now.
      if (entries.at(-1)?.fields?.has("watermark") === true) break;
      const left = lingerUntil - performance.now();
      if (left <= 0) break;
      await pause(Math.min(left, pollMs));
    }
    lastSeen = entries.at(-1)?.id ?? lastSeen;
    return { entries, exhausted: false };
  };

  const adopt: ReadsStream["adopt"] = async () => {
    const replies = (await ask(control, "XINFO", "CONSUMERS", stream, RECORDERS)) as unknown[][];
    for (const reply of replies) {
      const found = named(reply);
      const name = String(found.get("name"));
      if (name === consumer || Number(found.get("pending")) === 0) continue;
      const words = [ADOPT, 2, stream, leaseOf(name), RECORDERS, name, consumer, takeoverIdleMs];
      const [claimed, lost] = (await ask(control, "EVAL", ...words)) as [number, string[]];
      if (lost.length > 0) notice({ notice: "lost", stream, ids: lost });
      if (claimed === 0) continue;
      notice({ notice: "adopted", stream, from: name, entries: claimed });
      return true;
    }
    return false;
  };

  const settle: ReadsStream["settle"] = async (entries, watermarks) => {
    const fence = lease?.fence ?? "0";
    const keys = [
      stream,
      leaseOf(consumer),
      tagged("watermarks"),
      tagged(`held:${kind}`),
      tagged(`acked:${kind}`),
    ];
    const marks = watermarks.flatMap((mark: WatermarkMark) => [mark.id, mark.ms, mark.producer]);
    const words = [
      SETTLE,
      5,
      ...keys,
      RECORDERS,
      fence,
      kind,
      entries.length,
      ...entries.map(({ id }) => id),
      ...marks,
    ];
    const [acked, moved] = (await ask(control, "EVAL", ...words)) as [number, number];
    if (acked < 0) {
      lease = null;
      throw new Fault(
        "transient",
        `the lease of ${consumer} on ${stream} was lost before the batch was settled`,
      );
    }
    return { acked, watermarkMoved: moved > 0 };
  };

  return {
    stream,
    hold: async (signal) => {
      await ensureGroup();
      while (lease === null && !signal.aborted) {
        const sentAt = performance.now();
        const words = [ACQUIRE, 2, leaseOf(consumer), tagged("fence"), leaseMs];
        const fence = Number(await ask(control, "EVAL", ...words));
        if (fence > 0) lease = { fence: String(fence), validUntil: sentAt + leaseMs };
        else await pause(leaseMs / 4, undefined, { signal }).catch(() => undefined);
      }
      // A renewal that fails is not an error yet: the lease ends by its own time and `read` refuses before that.
      renewing ??= setInterval(() => void renew().catch(() => undefined), leaseMs / 3);
    },
    recover,
    read,
    adopt,
    settle,
    close: async () => {
      if (renewing !== null) clearInterval(renewing);
      const held = lease;
      lease = null;
      if (held !== null) {
        await ask(control, "EVAL", RENEW, 1, leaseOf(consumer), held.fence, 0).catch(() => undefined);
      }
      blocking.disconnect();
      control.disconnect();
    },
  };
};

const pairs = (fields: readonly Buffer[] | null): Map<string, Buffer> | null => {
  if (fields === null) return null;
  const map = new Map<string, Buffer>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const [name, value] = [fields[i], fields[i + 1]];
    if (name !== undefined && value !== undefined) map.set(name.toString(), value);
  }
  return map;
};

const measure = (entries: readonly EntryRead[]): { bytes: number; rows: number } => {
  let bytes = 0;
  let rows = 0;
  for (const { fields } of entries) {
    bytes += fields?.get("rows")?.length ?? 0;
    const n = Number(fields?.get("n")?.toString());
    rows += Number.isFinite(n) ? n : 0;
  }
  return { bytes, rows };
};

const named = (reply: readonly unknown[]): Map<string, unknown> => {
  const map = new Map<string, unknown>();
  for (let i = 0; i + 1 < reply.length; i += 2) map.set(String(reply[i]), reply[i + 1]);
  return map;
};

const prefixIs = (cause: unknown, ...prefixes: string[]): boolean =>
  cause instanceof Error && prefixes.includes(cause.message.split(" ", 1)[0] ?? "");

/** Redis's own refusals of a command are bugs of ours; everything else is Redis being ill, away or wiped (NOGROUP). */
const faultOf = (cause: unknown, command: string): Error =>
  prefixIs(cause, "WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS", "CROSSSLOT") && cause instanceof Error
    ? cause
    : new Fault("transient", `${command} failed`, { cause });
