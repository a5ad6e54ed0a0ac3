// Stage room: event rows of versions. Remembers one compiled row writer a version and role, and knows how a row's id is made.
import type { EventStatus, Role } from "../../contracts/event.ts";
import type { PredictionRowWriter } from "../core/event-row.ts";
import { createTimeWriter, predictionRowWriter } from "../core/event-row.ts";
import type { ServingModel } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";

/** Rows that wait for their sequence numbers: `write` is called once, when those are known. */
export interface RowBlock {
  readonly n: number;
  readonly oldestMs: number;
  /** Bytes the rows have at most. */
  bytesMax(): number;
  /** Writes the rows at `at`; gives where they end. */
  write(out: Uint8Array, at: number, firstSeq: number, ingestedAt: string): number;
}

export interface EventRows {
  /** The scored rows of a batch in one role; NaN and anything outside [0, 1] is an `error` without probability. */
  scored(
    batch: Batch,
    by: ServingModel,
    role: Role,
    scores: ArrayLike<number>,
    latencyUs: number | null,
  ): RowBlock;
  /** Rows without a score: what went wrong is their status. */
  missed(batch: Batch, by: ServingModel, role: Role, status: EventStatus): RowBlock;
  /** The rows of a batch that broke the contract. */
  invalid(batch: Batch, by: ServingModel, role: Role): RowBlock;
  /** Wall time as rows carry it. */
  time(ms: number): string;
}

export const isProbability = (value: number | undefined): value is number =>
  value !== undefined && value >= 0 && value <= 1;

const NO_CODES = new Uint8Array(0);

export const createEventRows = (producer: string): EventRows => {
  const writers = {
    production: new WeakMap<ServingModel, PredictionRowWriter>(),
    shadow: new WeakMap<ServingModel, PredictionRowWriter>(),
  };
  const time = createTimeWriter();
  const ingestTime = createTimeWriter();

  const writerOf = (by: ServingModel, role: Role): PredictionRowWriter => {
    const known = writers[role].get(by);
    if (known !== undefined) return known;
    const writer = predictionRowWriter({
      model: by.model,
      version: by.version,
      role,
      encoding: by.encodingDigest,
      producer,
    });
    writers[role].set(by, writer);
    return writer;
  };

  const bare = (
    rows: readonly { readonly requestId: string; readonly eventMs: number }[],
    by: ServingModel,
    role: Role,
    status: EventStatus,
  ): RowBlock => ({
    n: rows.length,
    oldestMs: rows.reduce((oldest, row) => Math.min(oldest, row.eventMs), Infinity),
    bytesMax: () => rows.length * writerOf(by, role).bytesMax(0),
    write: (out, start, firstSeq, ingestedAt) => {
      const writer = writerOf(by, role);
      let at = start;
      rows.forEach(({ requestId, eventMs }, index) => {
        const row = {
          eventTime: time(eventMs),
          requestId,
          status,
          probability: null,
          latencyUs: null,
          codes: NO_CODES,
          from: 0,
          to: 0,
          seq: firstSeq + index,
          ingestedAt,
        };
        at = writer.write(row, out, at);
      });
      return at;
    },
  });

  return {
    scored: (batch, by, role, scores, latencyUs) => ({
      n: batch.n,
      oldestMs: oldestOf(batch.eventMs),
      bytesMax: () => batch.n * writerOf(by, role).bytesMax(batch.width),
      write: (out, start, firstSeq, ingestedAt) => {
        const writer = writerOf(by, role);
        const { width, codes } = batch;
        let at = start;
        for (let index = 0; index < batch.n; index++) {
          const score = scores[index];
          const ok = isProbability(score);
          const row = {
            eventTime: time(batch.eventMs[index] ?? 0),
            requestId: batch.requestIds[index] ?? "",
            status: ok ? ("ok" as const) : ("error" as const),
            probability: ok ? score : null,
            latencyUs,
            codes,
            from: index * width,
            to: (index + 1) * width,
            seq: firstSeq + index,
            ingestedAt,
          };
          at = writer.write(row, out, at);
        }
        return at;
      },
    }),
    missed: (batch, by, role, status) =>
      bare(
        batch.requestIds.map((requestId, index) => ({ requestId, eventMs: batch.eventMs[index] ?? 0 })),
        by,
        role,
        status,
      ),
    invalid: (batch, by, role) => bare(batch.invalid, by, role, "invalid"),
    time: ingestTime,
  };
};

const oldestOf = (times: readonly number[]): number => {
  let oldest = Infinity;
  for (const ms of times) if (ms < oldest) oldest = ms;
  return oldest;
};

/** Blocks one after another under contiguous sequence numbers, as the bytes of one entry. */
export const renderAll = (blocks: readonly RowBlock[], firstSeq: number, ingestedAt: string): Buffer => {
  const out = Buffer.allocUnsafe(blocks.reduce((sum, block) => sum + block.bytesMax(), 0));
  let seq = firstSeq;
  let at = 0;
  for (const block of blocks) {
    at = block.write(out, at, seq, ingestedAt);
    seq += block.n;
  }
  return out.subarray(0, at);
};
