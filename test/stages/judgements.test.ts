// Judging in parts: however many windows wait, no more than two parts of their counts are asked for and held, what lies between them is not
// read, and a caller that stops is not hurt by what was read ahead.
import { describe, expect, it } from "vitest";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import type { Span } from "../../contracts/counts.ts";
import { referenceCounts } from "../../src/core/measurement.ts";
import { judgeWindows, type DueWindow, type Standard } from "../../src/stages/judgements.ts";
import { ordinalOf, tally } from "../core/worlds.ts";

const START = Date.UTC(2026, 0, 5);
const SIZE = 300_000;

const feature = ordinalOf("x", 3);
const encoding = {
  ...{ v: 1 as const, model: "m", contract_major: 1, contract_digest: "c", dataset: "d" },
  features: [feature],
};
const reference = {
  ...{ v: 1 as const, encoding_digest: "e", n: 300, positives: 0, from: null, to: null },
  features: { x: [0, 1, 2].map((code): [number, number] => [code, 100]) },
  scores: { negative: [[500, 300] as [number, number]], positive: [] },
};
const standard: Standard = {
  ...{ encoding, encodingDigest: "e", reference, segments: [] },
  counted: referenceCounts(encoding, reference),
};
const at = (place: number): number => START + place * SIZE;
const due = (place: number): DueWindow => ({
  alone: true,
  snapshot: {
    ...{
      model: "m",
      version: "1.0.0",
      role: "production",
      window_size: "5m",
      revision: 1,
      digest: `${place}`,
    },
    window_start: new Date(at(place)).toISOString(),
    window_end: new Date(at(place + 1)).toISOString(),
    ...{ rows_raw: 300, volume: 300, ok: 300, invalid: 0, errors: 0, timeouts: 0, sheds: 0, late_rows: 0 },
    ...{ duplicate_requests: 0, conflicting_requests: 0, score_sum: "0", score_sum_squares: "0" },
    ...{ encoding: "e", latency: [], flags: [] },
  },
});

/** Judges windows at these places over a store that remembers what it was asked; `failing`: from this place on it cannot be read. */
const judged = (places: readonly number[], failing = Infinity) => {
  const asked: Span[] = [];
  const store = {
    counts: ({ span }: { span: Span }) => {
      asked.push(span);
      if (span.endMs > at(failing)) return Promise.reject(new Error("the engine is gone"));
      return Promise.resolve(
        places
          .filter((place) => at(place) >= span.startMs && at(place) < span.endMs)
          .map((place) => ({
            ...{ windowStartMs: at(place), version: "1.0.0", role: "production" as const, encoding: "e" },
            ...{ position: 1, counts: tally(place % 2 === 0 ? [100, 100, 100] : [300]), rows: 300 },
          })),
      );
    },
    scores: () => Promise.resolve([]),
    volumes: () => Promise.resolve([]),
  };
  const by = { model: "m", size: "5m", sizeMs: SIZE, begunMs: START, budgetMs: SIZE };
  const profile = DRIFT_PROFILES.governance;
  const windows = places.map(due);
  return {
    asked,
    parts: judgeWindows(store, () => Promise.resolve(standard), { ...by, profile, windows }),
  };
};
const upTo = (count: number): number[] => Array.from({ length: count }, (_, place) => place);

describe("windows that wait", () => {
  it("are judged oldest first, each by its own counts, in parts of 48 of which one is read ahead", async () => {
    const { asked, parts } = judged(upTo(100));
    const seen: string[] = [];
    const askedBy: number[] = [];
    for await (const part of parts) {
      askedBy.push(asked.length);
      for (const { snapshot, rows } of part) {
        const moved = rows.some(({ subject, status }) => subject === "feature" && status === "breach");
        seen.push(`${snapshot.digest} ${moved ? "moved" : "same"}`);
      }
    }
    expect(seen).toEqual(upTo(100).map((place) => `${place} ${place % 2 === 0 ? "same" : "moved"}`));
    expect(askedBy).toEqual([2, 3, 3]);
    expect(asked).toEqual(
      [[0, 48], [48, 96], [96, 100]].map(([from = 0, to = 0]) => ({ startMs: at(from), endMs: at(to) })), // prettier-ignore
    );
  });

  it("do not bring what lies between them: one revised days later is a part of its own", async () => {
    const { asked, parts } = judged([0, 1_000, 1_001]);
    for await (const part of parts) expect(part.length).toBeGreaterThan(0);
    expect(asked).toEqual([
      { startMs: at(0), endMs: at(1) },
      { startMs: at(1_000), endMs: at(1_002) },
    ]);
  });

  it("give what could be judged before the first failure, which then is told", async () => {
    const { parts } = judged(upTo(60), 50);
    const first = await parts.next();
    expect(first.value).toHaveLength(48);
    await expect(parts.next()).rejects.toThrow("the engine is gone");
  });

  it("may be left in the middle: what was read ahead and failed is nobody's error then", async () => {
    const strays: unknown[] = [];
    const hear = (cause: unknown): void => void strays.push(cause);
    process.on("unhandledRejection", hear);
    const { parts } = judged(upTo(60), 50);
    await parts.next();
    await parts.return(undefined);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", hear);
    expect(strays).toEqual([]);
  });
});
