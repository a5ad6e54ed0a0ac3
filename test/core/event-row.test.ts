// Event rows as bytes against the same rows as JSON writes them, over changes of everything that rows may share.
import { expect, it } from "vitest";
import { writeCount } from "../../src/core/ascii.ts";
import type { PredictionRow } from "../../src/core/event-row.ts";
import { predictionRowWriter } from "../../src/core/event-row.ts";
import { UUID_BYTES, writeUuid } from "../../src/core/uuid-text.ts";

const ID = "0d9f9f6e-3c0a-4d5e-9b1f-6f2f1f3a4b5c";
const ROW: PredictionRow = {
  eventTime: "2026-06-01 00:00:00.000",
  requestIds: Buffer.from(`------${ID}------`),
  requestAt: 6,
  status: "ok",
  probability: 0.25,
  latencyUs: 812,
  codes: Uint8Array.of(9, 0, 7, 10, 99, 100, 255),
  from: 1,
  to: 7,
  seq: 41,
  ingestedAt: "2026-06-01 00:00:01.000",
};
const FIXED = {
  model: "m",
  version: "1.0.0",
  role: "production",
  encoding: "e5d1",
  producer: "0-7",
} as const;

it("writes each row as its own line of JSON, whatever the row before it was", () => {
  const writer = predictionRowWriter(FIXED);
  const rows: PredictionRow[] = [
    ROW,
    { ...ROW, eventTime: "2026-06-01 00:00:00.001", probability: 1e-7, seq: 42 },
    { ...ROW, latencyUs: null, probability: 0, status: "error", from: 0, to: 0, seq: 43 },
    { ...ROW, probability: null, status: "timeout", seq: Number.MAX_SAFE_INTEGER },
    { ...ROW, ingestedAt: "2026-06-01 00:00:02.000", probability: 0.12345678901234568, seq: 0 },
    ROW,
  ];
  const out = new Uint8Array(rows.length * writer.bytesMax(7));
  let at = 0;
  for (const row of rows) {
    const from = at;
    at = writer.write(row, out, at);
    expect(at - from).toBeLessThanOrEqual(writer.bytesMax(row.to - row.from));
    const said: unknown = JSON.parse(Buffer.from(out.subarray(from, at)).toString("latin1"));
    const codes = [...row.codes.subarray(row.from, row.to)];
    expect(said).toEqual([
      ...[row.eventTime, "m", "1.0.0", "production", ID, expect.stringMatching(/^.{14}5.{21}$/)],
      ...[row.status, row.probability, row.latencyUs, "e5d1", codes, "0-7", row.seq, row.ingestedAt],
    ]);
    expect(out[at - 1]).toBe(10);
  }
});

it("takes no id of another length, which would shift everything behind it", () => {
  expect(() => writeUuid(new Uint8Array(100), 0, ID.slice(1))).toThrow(/no UUID/);
  expect(writeUuid(new Uint8Array(100), 7, ID)).toBe(7 + UUID_BYTES);
});

it("writes a count's digits as JSON writes them", () => {
  const edges = [0, 9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER];
  for (const count of [...edges, ...edges.map((edge) => Math.floor(edge / 7))]) {
    const out = new Uint8Array(24);
    const end = writeCount(out, 3, count);
    expect(Buffer.from(out.subarray(3, end)).toString("latin1")).toBe(String(count));
  }
});
