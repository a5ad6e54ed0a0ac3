// Tests: holes are exactly the published rows that are neither facts nor letters.
import { describe, expect, it } from "vitest";
import { holesOf, parkedRows } from "../../src/core/reconciliation.ts";
import type { Gap } from "../../src/core/reconciliation.ts";

const gap = (from: number, to: number): Gap => ({
  kind: "events",
  producer: "0-a",
  from,
  to,
  afterMs: 1,
  beforeMs: 2,
});
const parked = (...seqs: number[]) => seqs.map((seq) => ({ kind: "events" as const, producer: "0-a", seq }));
const spans = (gaps: readonly Gap[], seqs: number[]): [number, number, number][] =>
  holesOf(gaps, parked(...seqs)).map(({ from, to, rows }) => [from, to, rows]);

describe("holesOf", () => {
  it.each([
    ["nothing parked", [], [[3, 9, 7]]],
    [
      "one in the middle",
      [5],
      [
        [3, 4, 2],
        [6, 9, 4],
      ],
    ],
    ["both ends", [3, 9], [[4, 8, 5]]],
    ["all of it, in any order", [9, 8, 7, 6, 5, 4, 3], []],
    ["outside only", [2, 10], [[3, 9, 7]]],
    [
      "one twice",
      [4, 4],
      [
        [3, 3, 1],
        [5, 9, 5],
      ],
    ],
  ])("with %s", (_, seqs, expected) => {
    expect(spans([gap(3, 9)], seqs)).toEqual(expected);
  });

  it("does not let another producer's or kind's letter explain a hole", () => {
    const others = [
      { kind: "labels" as const, producer: "0-a", seq: 3 },
      { kind: "events" as const, producer: "0-b", seq: 3 },
    ];
    expect(holesOf([gap(3, 3)], others)).toHaveLength(1);
  });
});

describe("parkedRows", () => {
  it("finds producer and sequence by column and skips lines it cannot read", () => {
    const event = JSON.stringify([
      "t",
      "m",
      "1.0.0",
      "production",
      "r",
      "e",
      "ok",
      1,
      2,
      "d",
      [],
      "0-a",
      7,
      "t",
    ]);
    const label = JSON.stringify(["m", "r", 1, "t", "t", "s", "0-b", 9]);
    expect(parkedRows("events", `${event}\nnot json\n{}\n`)).toEqual(parked(7));
    expect(parkedRows("labels", `${label}\n`)).toEqual([{ kind: "labels", producer: "0-b", seq: 9 }]);
    expect(parkedRows("events", "")).toEqual([]);
  });
});
