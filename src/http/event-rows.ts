// Stage room: event rows of versions. Remembers one compiled row writer a version and role, and knows how a row's id is made.
import type { EventStatus, Role } from "../../contracts/event.ts";
import { eventName } from "../../contracts/event.ts";
import type { PredictionRowWriter } from "../core/event-row.ts";
import { createTimeWriter, predictionRowWriter } from "../core/event-row.ts";
import type { MakesIds, ServingModel } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";

/** Rows that wait for their sequence numbers: `render` is called once, when those are known. */
export interface RowBlock {
  readonly n: number;
  readonly oldestMs: number;
  render(firstSeq: number, ingestedAt: string): string;
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

export const createEventRows = (ids: MakesIds, producer: string): EventRows => {
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
  const idOf = (by: ServingModel, role: Role, requestId: string): string =>
    ids.event(eventName(by.model, requestId, role === "shadow" ? by.version : null));

  const bare = (
    rows: readonly { readonly requestId: string; readonly eventMs: number }[],
    by: ServingModel,
    role: Role,
    status: EventStatus,
  ): RowBlock => ({
    n: rows.length,
    oldestMs: rows.reduce((oldest, row) => Math.min(oldest, row.eventMs), Infinity),
    render: (firstSeq, ingestedAt) => {
      const write = writerOf(by, role);
      let text = "";
      rows.forEach(({ requestId, eventMs }, index) => {
        text += write({
          eventTime: time(eventMs),
          requestId,
          eventId: idOf(by, role, requestId),
          status,
          probability: null,
          latencyUs: null,
          codes: NO_CODES,
          from: 0,
          to: 0,
          seq: firstSeq + index,
          ingestedAt,
        });
      });
      return text;
    },
  });

  return {
    scored: (batch, by, role, scores, latencyUs) => ({
      n: batch.n,
      oldestMs: oldestOf(batch.eventMs),
      render: (firstSeq, ingestedAt) => {
        const write = writerOf(by, role);
        const { width, codes } = batch;
        let text = "";
        for (let index = 0; index < batch.n; index++) {
          const requestId = batch.requestIds[index] ?? "";
          const score = scores[index];
          const ok = isProbability(score);
          text += write({
            eventTime: time(batch.eventMs[index] ?? 0),
            requestId,
            eventId: idOf(by, role, requestId),
            status: ok ? "ok" : "error",
            probability: ok ? score : null,
            latencyUs,
            codes,
            from: index * width,
            to: (index + 1) * width,
            seq: firstSeq + index,
            ingestedAt,
          });
        }
        return text;
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
