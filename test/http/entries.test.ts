// Entries: rows of blocks as the bytes of one entry, and whose buffer may serve again: one that Redis has taken, never one whose fate
// is open.
import { expect, it } from "vitest";
import type { Durability } from "../../src/ports-serving.ts";
import { createEntries } from "../../src/http/entries.ts";
import type { RowBlock } from "../../src/http/event-rows.ts";
import { createMetrics } from "../../src/http/metrics.ts";
import { memoryPublisher, modelSet } from "../support/api.ts";

const block = (letter: string, n: number, bytes: number): RowBlock => ({
  n,
  oldestMs: 0,
  bytesMax: () => bytes,
  write: (out, at, firstSeq, ingestedAt) => {
    const text = `${letter.repeat(3)} ${firstSeq} ${ingestedAt}\n`;
    return at + Buffer.from(out.buffer, out.byteOffset).write(text, at, "latin1");
  },
});

const entriesOn = (outcome: Durability) => {
  const { publisher } = memoryPublisher();
  const given: Buffer[] = [];
  let seq = 0;
  const publishRows = createEntries({
    publisher: {
      ...publisher,
      publish: (_, n, render) => {
        const rows = render(seq);
        seq += n;
        if (typeof rows !== "string") given.push(rows);
        return Promise.resolve(outcome);
      },
    },
    wall: { epochMs: () => 5, monotonicMs: () => 0 },
    metrics: createMetrics({ models: modelSet().models, publisher }),
  });
  return { publishRows, given };
};

it("writes blocks one after another under contiguous numbers", async () => {
  const { publishRows, given } = entriesOn("redis");
  expect(await publishRows([block("a", 2, 100), block("b", 3, 100)])).toBe("redis");
  await publishRows([block("c", 1, 100)]);
  const time = "1970-01-01 00:00:00.005";
  // The second entry lies in the first one's buffer.
  expect(given[1]?.toString()).toBe(`ccc 5 ${time}\n`);
  expect(given[1]?.buffer).toBe(given[0]?.buffer);
  expect(given[0]?.toString()).toBe(`ccc 5 ${time}\nbbb 2 ${time}\n`);
});

it.each(["spool", "refused"] as const)("never writes over bytes that were %s", async (outcome) => {
  const { publishRows, given } = entriesOn(outcome);
  await publishRows([block("a", 1, 100)]);
  const before = given[0]?.toString();
  await publishRows([block("b", 1, 100)]);
  await publishRows([block("c", 1, 100)]);
  expect(given[0]?.toString()).toBe(before);
  expect(new Set(given.map(({ buffer }) => buffer)).size).toBe(3);
});

it("has room for every block, and gives what is on its way no second use", async () => {
  const { publishRows, given } = entriesOn("redis");
  await publishRows([block("a", 1, 100)]);
  await publishRows([block("b", 1, 3_000_000)]);
  expect(given[1]?.buffer.byteLength).toBeGreaterThanOrEqual(3_000_000);
  const together = [publishRows([block("c", 1, 100)]), publishRows([block("d", 1, 100)])];
  expect(given[2]?.buffer).not.toBe(given[3]?.buffer);
  await Promise.all(together);
});
