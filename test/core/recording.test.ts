// Tests: the recorder's pure half. A batch gives the same inserts and tokens however often it is read; nothing that is not an
// entry becomes a row, and nothing vanishes: rows in = rows inserted + rows refused.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bisect, sift, tokenOf } from "../../src/core/recording.ts";
import type { EntryRead, Insert } from "../../src/core/recording.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const rowsOf = (from: number, n: number): string =>
  Array.from({ length: n }, (_, i) => `["row ${from + i}"]\n`).join("");
const entry = (id: number, fields: Record<string, string>): EntryRead => ({
  id: `${id}-0`,
  fields: new Map(Object.entries(fields).map(([name, value]) => [name, bytes(value)])),
});
const rowEntry = (id: number, n: number): EntryRead =>
  entry(id, { v: "1", n: String(n), rows: rowsOf(id * 100, n) });
const wide = { version: 1, bytesMax: 10_000, rowsMax: 1_000 };
const textOf = (insert: Insert): string =>
  insert.pieces.map((piece) => new TextDecoder().decode(piece.bytes)).join("");
const sha256 = (parts: readonly Uint8Array[]): string =>
  createHash("sha256").update(Buffer.concat(parts)).digest("hex");

describe("sift", () => {
  it("concatenates the bytes of a batch in entry order", () => {
    const { inserts, refused, rows } = sift([rowEntry(1, 2), rowEntry(2, 3)], wide);
    expect(refused).toEqual([]);
    expect(rows).toBe(5);
    expect(inserts.map(textOf)).toEqual([rowsOf(100, 2) + rowsOf(200, 3)]);
  });

  it("fills an insert up to both limits and not one beyond", () => {
    const entries = [rowEntry(1, 4), rowEntry(2, 6), rowEntry(3, 1)];
    const two = rowsOf(100, 4).length + rowsOf(200, 6).length;
    expect(sift(entries, { ...wide, rowsMax: 10 }).inserts.map((i) => i.rows)).toEqual([10, 1]);
    expect(sift(entries, { ...wide, rowsMax: 9 }).inserts.map((i) => i.rows)).toEqual([4, 7]);
    expect(sift(entries, { ...wide, bytesMax: two }).inserts.map((i) => i.rows)).toEqual([10, 1]);
    expect(sift(entries, { ...wide, bytesMax: two - 1 }).inserts.map((i) => i.rows)).toEqual([4, 7]);
  });

  it("cuts an entry larger than an insert at row boundaries and loses nothing", () => {
    const { inserts } = sift([rowEntry(1, 25)], { ...wide, rowsMax: 4 });
    expect(Math.max(...inserts.map((i) => i.rows))).toBeLessThanOrEqual(4);
    expect(inserts.map(textOf).join("")).toBe(rowsOf(100, 25));
    expect(inserts.flatMap((i) => i.pieces.map((p) => p.firstRow))[0]).toBe(0);
  });

  it("takes a watermark out of the rows, with its producer", () => {
    const mark = entry(2, { v: "1", n: "0", rows: "", watermark: "1700000000000", producer: "0-a" });
    const { inserts, watermarks, refused } = sift([rowEntry(1, 1), mark], wide);
    expect(inserts).toHaveLength(1);
    expect(refused).toEqual([]);
    expect(watermarks).toEqual([{ id: "2-0", producer: "0-a", ms: 1_700_000_000_000 }]);
  });

  it.each([
    ["an unknown version", { v: "2", n: "1", rows: rowsOf(0, 1) }, "schema"],
    ["no version", { n: "1", rows: rowsOf(0, 1) }, "schema"],
    ["an unknown field", { v: "1", n: "1", rows: rowsOf(0, 1), extra: "x" }, "schema"],
    ["n that is no number", { v: "1", n: "one", rows: rowsOf(0, 1) }, "schema"],
    ["a negative n", { v: "1", n: "-1", rows: rowsOf(0, 1) }, "schema"],
    ["no rows field", { v: "1", n: "1" }, "schema"],
    ["fewer rows than n", { v: "1", n: "2", rows: rowsOf(0, 1) }, "rows"],
    ["more rows than n", { v: "1", n: "1", rows: rowsOf(0, 2) }, "rows"],
    ["a row without its newline", { v: "1", n: "1", rows: "[1]" }, "rows"],
    ["an object for a row", { v: "1", n: "1", rows: "{}\n" }, "rows"],
    ["an empty line", { v: "1", n: "2", rows: "[1]\n\n" }, "rows"],
    ["a lone newline", { v: "1", n: "1", rows: "\n" }, "rows"],
    ["a row cut in two", { v: "1", n: "2", rows: '["a\nb"]\n' }, "rows"],
    ["a watermark that is no time", { v: "1", n: "0", rows: "", watermark: "NaN", producer: "p" }, "schema"],
    ["a watermark of nobody", { v: "1", n: "0", rows: "", watermark: "1" }, "schema"],
    ["a watermark with rows", { v: "1", n: "1", rows: "[1]\n", watermark: "1", producer: "p" }, "schema"],
  ])("refuses %s and leaves its neighbours alone", (_, fields, reason) => {
    const sifted = sift([rowEntry(1, 1), entry(2, fields), rowEntry(3, 1)], wide);
    expect(sifted.refused).toMatchObject([{ id: "2-0", reason }]);
    expect(sifted.refused[0]?.body.length).toBeGreaterThan(0);
    expect(sifted.inserts.map(textOf)).toEqual([rowsOf(100, 1) + rowsOf(300, 1)]);
  });

  it("calls an entry that vanished while pending lost, not empty", () => {
    const { refused, inserts } = sift([{ id: "1-0", fields: null }], wide);
    expect(inserts).toEqual([]);
    expect(refused).toMatchObject([{ id: "1-0", reason: "lost", n: 0 }]);
  });
});

describe("tokenOf", () => {
  const only = (entries: readonly EntryRead[]): Insert => {
    const [insert] = sift(entries, wide).inserts;
    if (insert === undefined) throw new Error("no insert");
    return insert;
  };

  it("is the same for the same rows and differs by one byte, by order and by stream", () => {
    const batch = [rowEntry(1, 2), rowEntry(2, 2)];
    const token = tokenOf("s", only(batch), sha256);
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(tokenOf("s", only(batch), sha256)).toBe(token);
    expect(tokenOf("t", only(batch), sha256)).not.toBe(token);
    expect(tokenOf("s", only([rowEntry(2, 2), rowEntry(1, 2)]), sha256)).not.toBe(token);
    const changed = entry(1, { v: "1", n: "2", rows: rowsOf(100, 2).replace("100", "109") });
    expect(tokenOf("s", only([changed, rowEntry(2, 2)]), sha256)).not.toBe(token);
  });

  it("does not come from stream ids: other rows under the same ids are another insert", () => {
    const again = entry(1, { v: "1", n: "2", rows: rowsOf(900, 2) });
    expect(tokenOf("s", only([rowEntry(1, 2)]), sha256)).not.toBe(tokenOf("s", only([again]), sha256));
  });
});

describe("bisect", () => {
  it("isolates every bad row, whatever their number and place", () => {
    for (const bad of [[], [0], [11], [3, 4], [0, 5, 11], Array.from({ length: 12 }, (_, i) => i)]) {
      const batch = Array.from({ length: 4 }, (_, e) =>
        entry(e, { v: "1", n: "3", rows: [0, 1, 2].map((r) => `[${e * 3 + r}]\n`).join("") }),
      );
      const good: number[] = [];
      const found: number[] = [];
      const visit = (insert: Insert): void => {
        const numbers = [...textOf(insert).matchAll(/\d+/g)].map(([text]) => Number(text));
        if (!numbers.some((n) => bad.includes(n))) return void good.push(...numbers);
        const halves = bisect(insert);
        if (halves === null) return void found.push(...numbers);
        halves.forEach(visit);
      };
      sift(batch, wide).inserts.forEach(visit);
      expect(found).toEqual(bad);
      expect(good).toEqual(Array.from({ length: 12 }, (_, i) => i).filter((n) => !bad.includes(n)));
    }
  });
});
