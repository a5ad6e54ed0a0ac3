// Stage room: blocks of event rows as one stream entry. Rows are written into a buffer that serves again once Redis has them: a fresh one
// for every tick would be garbage faster than the rows are. A buffer whose fate is not certain is never used again.
import type { Durability, PublishesEvents, WallTime } from "../ports-serving.ts";
import { createTimeWriter } from "../core/event-row.ts";
import type { RowBlock } from "./event-rows.ts";
import type { ServingMetrics } from "./metrics.ts";

/** Publishes blocks one after another under contiguous sequence numbers, as one entry. */
export type PublishesRows = (blocks: readonly RowBlock[]) => Promise<Durability>;

/** Buffers kept, and the largest that is: a rare large body should not stay resident. */
const KEPT_MAX = 8;
const KEPT_BYTES_MAX = 1024 * 1024;

/** Makes the one way from rows to their stream. */
export const createEntries = (deps: {
  readonly publisher: PublishesEvents;
  readonly wall: WallTime;
  readonly metrics: ServingMetrics;
}): PublishesRows => {
  const { publisher, wall, metrics } = deps;
  const time = createTimeWriter();
  const kept: Buffer[] = [];

  const lend = (bytes: number): Buffer => {
    const at = kept.findIndex((buffer) => buffer.length >= bytes);
    const [buffer] = at === -1 ? [] : kept.splice(at, 1);
    return buffer ?? Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(Math.max(bytes, 4_096))));
  };

  const giveBack = (buffer: Buffer): void => {
    if (buffer.length > KEPT_BYTES_MAX) return;
    if (kept.length === KEPT_MAX) kept.shift();
    kept.push(buffer);
  };

  return async (blocks) => {
    const n = blocks.reduce((sum, block) => sum + block.n, 0);
    const buffer = lend(blocks.reduce((sum, block) => sum + block.bytesMax(), 0));
    const durability = await publisher.publish("events", n, (first) => {
      const ingestedAt = time(wall.epochMs());
      let seq = first;
      let at = 0;
      for (const block of blocks) {
        at = block.write(buffer, at, seq, ingestedAt);
        seq += block.n;
      }
      return buffer.subarray(0, at);
    });
    // Of all outcomes only this one says that nobody reads the bytes any more: one that timed out may still be on its way.
    if (durability === "redis") giveBack(buffer);
    metrics.published.inc({ stream: "events", durability }, n);
    return durability;
  };
};
