// Stage room: event rows of versions. Remembers one compiled row writer a version and role, and knows how a row's id is made.
import type { EventStatus, Role } from "../../contracts/event.ts";
import type { PredictionRow, PredictionRowWriter } from "../core/event-row.ts";
import { createTimeWriter, predictionRowWriter } from "../core/event-row.ts";
import { UUID_BYTES, writeUuid } from "../core/uuid-text.ts";
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
}

export const isProbability = (value: number | undefined): value is number =>
  value !== undefined && value >= 0 && value <= 1;

/** A row whose fields are filled in anew for each that is written. */
type Filled = { -readonly [Field in keyof PredictionRow]: PredictionRow[Field] };

const NO_CODES = new Uint8Array(0);

export const createEventRows = (producer: string): EventRows => {
  const writers = {
    production: new WeakMap<ServingModel, PredictionRowWriter>(),
    shadow: new WeakMap<ServingModel, PredictionRowWriter>(),
  };
  const time = createTimeWriter();

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
    rows: { readonly requestIds: Uint8Array; readonly eventMs: readonly number[] },
    by: ServingModel,
    role: Role,
    status: EventStatus,
  ): RowBlock => ({
    n: rows.eventMs.length,
    oldestMs: oldestOf(rows.eventMs),
    bytesMax: () => rows.eventMs.length * writerOf(by, role).bytesMax(0),
    write: (out, start, firstSeq, ingestedAt) => {
      const writer = writerOf(by, role);
      let at = start;
      rows.eventMs.forEach((eventMs, index) => {
        const row = {
          eventTime: time(eventMs),
          requestIds: rows.requestIds,
          requestAt: index * UUID_BYTES,
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
        const { width, codes, requestIds } = batch;
        // One object for all rows: one a row would be most of what a body leaves on the heap. Written out field by field: a spread
        // gives each object a shape of its own, and every reader of a row would search it anew.
        const row: Filled = {
          eventTime: "",
          requestIds,
          requestAt: 0,
          status: "ok",
          probability: null,
          latencyUs,
          codes,
          from: 0,
          to: 0,
          seq: firstSeq,
          ingestedAt,
        };
        let at = start;
        for (let index = 0; index < batch.n; index++) {
          const score = scores[index];
          const ok = isProbability(score);
          row.eventTime = time(batch.eventMs[index] ?? 0);
          row.requestAt = index * UUID_BYTES;
          row.status = ok ? "ok" : "error";
          row.probability = ok ? score : null;
          row.from = index * width;
          row.to = row.from + width;
          row.seq = firstSeq + index;
          at = writer.write(row, out, at);
        }
        return at;
      },
    }),
    missed: (batch, by, role, status) => bare(batch, by, role, status),
    invalid: ({ invalid }, by, role) => {
      const requestIds = new Uint8Array(invalid.length * UUID_BYTES);
      invalid.forEach(({ requestId }, index) => writeUuid(requestIds, index * UUID_BYTES, requestId));
      return bare({ requestIds, eventMs: invalid.map(({ eventMs }) => eventMs) }, by, role, "invalid");
    },
  };
};

const oldestOf = (times: readonly number[]): number => {
  let oldest = Infinity;
  for (const ms of times) if (ms < oldest) oldest = ms;
  return oldest;
};
