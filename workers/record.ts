// Stage: record. Reads one stream partition's batch, inserts its bytes into the facts, parks what can never be recorded and only then
// acknowledges. Idempotency key: the deduplication token of each insert, a hash of the batch's bytes; a retry is byte-identical
// because what is pending with the consumer is exactly the batch. It never acknowledges first and never drops without a letter.
import { createHash } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { ENTRY_VERSION } from "../contracts/event.ts";
import { Fault } from "../src/core/fault.ts";
import { bisect, refusedByEngine, sift, tokenOf } from "../src/core/recording.ts";
import type { Insert, Refused } from "../src/core/recording.ts";
import { deploymentWatermark } from "../src/core/watermark.ts";
import type { WatermarkPolicy } from "../src/core/watermark.ts";
import type { Batch, ParksLetters, ReadsProgress, ReadsStream, WritesFacts } from "../src/ports-recording.ts";
import type { Log } from "../src/ports.ts";

export type RecorderPorts = {
  readonly stream: ReadsStream;
  readonly facts: WritesFacts;
  readonly letters: ParksLetters;
  readonly progress: Pick<ReadsProgress, "watermarks">;
  /** Called when the deployment's watermark has moved to `ms`, and once at start: a crash may have swallowed the last call. */
  readonly onWatermark: (ms: number) => Promise<void>;
  readonly failpoint: (name: Gap) => void;
  readonly wallNow: () => number;
  readonly log: Log;
};

/** The commit gaps at which the fault suite kills the process. */
type Gap =
  | "after_read"
  | "before_insert"
  | "after_insert"
  | "after_dead_letter"
  | "before_ack"
  | "after_ack"
  | "after_watermark";

export type RecorderOptions = {
  readonly watermark: WatermarkPolicy;
  /** One insert stays below both: the engine then writes it as one block, all or nothing. */
  readonly batchBytesMax?: number;
  readonly batchRowsMax?: number;
  /** Pending entries are looked for again this often: a reply lost on a dead socket leaves some. */
  readonly recoverEveryMs?: number;
  readonly adoptEveryMs?: number;
  readonly retryMsMin?: number;
  /** For the fault suite's negative controls only: mechanisms to leave out, whose loss must then show. */
  readonly without?: readonly (
    "tokens" | "whole-batch" | "recovery" | "ack-order" | "watermark-order" | "first-announcement"
  )[];
};

export type RecorderCounts = {
  entries: number;
  rows: number;
  inserts: number;
  parked: number;
  retries: number;
  bisections: number;
};

export type Recorder = {
  /** Records until aborted; an unfinished batch stays pending and is finished by the next run. */
  run(signal: AbortSignal): Promise<void>;
  /** Records what is there and returns when nothing is left unread or pending with this consumer. */
  drain(signal?: AbortSignal): Promise<void>;
  counts(): Readonly<RecorderCounts>;
};

/** Below the engine's parallel-parsing cut at 10 MB, above which a body may become several blocks. */
const BYTES_MAX = 9_500_000;
const ROWS_MAX = 100_000;
const RETRY_MS_MAX = 5_000;

/** Makes the recorder of one consumer; it does nothing until run or drained. */
export const createRecorder = (ports: RecorderPorts, options: RecorderOptions): Recorder => {
  const { stream, facts, letters, failpoint, log } = ports;
  const { batchBytesMax = BYTES_MAX, batchRowsMax = ROWS_MAX, retryMsMin = 100 } = options;
  const { recoverEveryMs = 60_000, adoptEveryMs = 5_000, without = [] } = options;
  const counts: RecorderCounts = { entries: 0, rows: 0, inserts: 0, parked: 0, retries: 0, bisections: 0 };
  const lacks = (mechanism: (typeof without)[number]): boolean => without.includes(mechanism);
  let recoverAt = 0;
  let adoptAt = 0;
  let announceDue = !lacks("first-announcement");
  let announced = -1;

  /** Retries the same work while the neighbour is ill; any other failure is the caller's. */
  const patiently = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work();
      } catch (cause) {
        if (!isTransient(cause) || signal.aborted) throw cause;
        counts.retries += 1;
        const waitMs = cause.retryAfterMs ?? Math.min(RETRY_MS_MAX, retryMsMin * 2 ** Math.min(attempt, 10));
        log.warn(
          { stream: stream.stream, attempt, fault: describe(cause) },
          "the batch waits for its neighbour",
        );
        await pause(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  /** Inserts, or isolates what the engine refuses; gives back the rows that can never be recorded. */
  const insertOrBisect = async (insert: Insert, signal: AbortSignal): Promise<Refused[]> => {
    const token = lacks("tokens") ? strangeToken() : tokenOf(stream.stream, insert, sha256);
    try {
      failpoint("before_insert");
      await patiently(
        () =>
          facts.insert(
            insert.pieces.map(({ bytes }) => bytes),
            { token },
          ),
        signal,
      );
      failpoint("after_insert");
      counts.inserts += 1;
      counts.rows += insert.rows;
      return [];
    } catch (cause) {
      if (!(cause instanceof Fault) || cause.kind !== "poison") throw cause;
      const halves = bisect(insert);
      if (halves === null) return refusedByEngine(insert, describe(cause));
      counts.bisections += 1;
      const [left, right] = halves;
      return [...(await insertOrBisect(left, signal)), ...(await insertOrBisect(right, signal))];
    }
  };

  const park = async (refused: readonly Refused[], signal: AbortSignal): Promise<void> => {
    const ids = refused.map(({ id, reason }) => `${id} ${reason}\n`).join("");
    const said = [Buffer.from(`letters/v1/${stream.stream}\n${ids}`), ...refused.map(({ body }) => body)];
    const token = lacks("tokens") ? strangeToken() : sha256(said);
    const by = { token, nowMs: ports.wallNow() };
    await patiently(() => letters.park(stream.stream, refused, by), signal);
    counts.parked += refused.length;
    for (const { id, reason, detail, n } of refused) {
      log.error({ stream: stream.stream, id, reason, detail, rows: n }, "parked what can never be recorded");
    }
    failpoint("after_dead_letter");
  };

  const record = async ({ entries, exhausted }: Batch, signal: AbortSignal): Promise<void> => {
    failpoint("after_read");
    if (lacks("ack-order")) await stream.settle(entries, []);
    const limits = { version: ENTRY_VERSION, bytesMax: batchBytesMax, rowsMax: batchRowsMax };
    const sifted = sift(entries, limits);
    if (lacks("watermark-order")) await announceEarly(sifted.watermarks);
    const refused = [...sifted.refused];
    for (const insert of sifted.inserts) {
      if (exhausted) refused.push(...exhaustedLetters(insert));
      else refused.push(...(await insertOrBisect(insert, signal)));
    }
    if (refused.length > 0) await park(refused, signal);
    failpoint("before_ack");
    const { watermarkMoved } = await stream.settle(entries, sifted.watermarks);
    failpoint("after_ack");
    counts.entries += entries.length;
    announceDue ||= watermarkMoved;
  };

  /** A watermark not announced now is announced at the next step: recording goes on meanwhile. */
  const announce = async (): Promise<void> => {
    try {
      const { ms } = deploymentWatermark(await ports.progress.watermarks(), options.watermark);
      if (ms !== null && ms > announced) {
        await ports.onWatermark(ms);
        announced = ms;
        failpoint("after_watermark");
      }
      announceDue = false;
    } catch (cause) {
      log.warn({ stream: stream.stream, fault: describe(cause) }, "the watermark could not be announced yet");
    }
  };

  /** One round: the pending batch first, then a dead peer's, then a new one. False when there was nothing to do. */
  const step = async (signal: AbortSignal): Promise<boolean> => {
    await stream.hold(signal);
    if (signal.aborted) return false;
    if (announceDue) await announce();
    const now = performance.now();
    if (now >= recoverAt && !lacks("recovery")) {
      const pending = await stream.recover();
      if (pending.entries.length > 0) {
        await record(lacks("whole-batch") ? await mixed(pending) : pending, signal);
        return true;
      }
      recoverAt = now + recoverEveryMs;
    }
    if (now >= adoptAt) {
      adoptAt = now + adoptEveryMs;
      if (await stream.adopt()) {
        recoverAt = 0;
        return true;
      }
    }
    const fresh = await stream.read({ bytesMax: batchBytesMax, rowsMax: batchRowsMax });
    if (fresh.entries.length === 0) return false;
    await record(fresh, signal);
    return true;
  };

  /** The negative control of the order: a watermark is told before what it speaks of is recorded. */
  const announceEarly = async (marks: readonly { readonly ms: number }[]): Promise<void> => {
    for (const { ms } of marks) await ports.onWatermark(ms);
    if (marks.length > 0) failpoint("after_watermark");
  };

  /** The negative control of the whole batch: new entries join the pending ones, so a retry is another insert. */
  const mixed = async (pending: Batch): Promise<Batch> => {
    const fresh = await stream.read({ bytesMax: batchBytesMax, rowsMax: batchRowsMax });
    return { ...pending, entries: [...pending.entries, ...fresh.entries] };
  };

  const rounds = async (signal: AbortSignal, idle: "wait" | "return"): Promise<void> => {
    let failures = 0;
    recoverAt = 0;
    while (!signal.aborted) {
      try {
        const worked = await step(signal);
        failures = 0;
        if (!worked && idle === "return" && !announceDue) return;
      } catch (cause) {
        // After any failure the pending batch comes first: what was read or acknowledged is unknown.
        recoverAt = 0;
        if (!isTransient(cause)) throw cause;
        if (signal.aborted) return;
        failures += 1;
        log.warn({ stream: stream.stream, failures, fault: describe(cause) }, "recording pauses");
        const waitMs = Math.min(RETRY_MS_MAX, retryMsMin * 2 ** Math.min(failures, 10));
        await pause(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  return {
    run: (signal) => rounds(signal, "wait"),
    drain: (signal = new AbortController().signal) => rounds(signal, "return"),
    counts: () => ({ ...counts }),
  };
};

const sha256 = (parts: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

/** The control's token, never the same twice. None at all would not do: the engine then hashes the block itself. */
const strangeToken = (): string => `${performance.timeOrigin + performance.now()}`;

const isTransient = (cause: unknown): cause is Fault => cause instanceof Fault && cause.kind === "transient";

const exhaustedLetters = (insert: Insert): Refused[] =>
  insert.pieces.map(({ id, firstRow, n, bytes }) => ({
    id: firstRow === 0 ? id : `${id}/${firstRow}`,
    reason: "deliveries",
    detail: "delivered again and again without being recorded: it kills its reader",
    n,
    body: bytes,
  }));

const describe = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message;
};
