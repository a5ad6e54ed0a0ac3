// Windows as algebra: the same events in any order, split into any batches, give the same digests; a longer window is the exact sum of
// shorter ones, whatever the path; lateness shows in the flags and never in the digest.
import { describe, expect, it } from "vitest";
import type { FeatureHistogram, ScoreHistogram, WindowContent } from "../../contracts/counts.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import { scoreBin } from "../../src/core/histogram.ts";
import { seeded, shuffled } from "../../src/core/training/seeded.ts";
import { closedWindows, pairsOf, snapshotsOf, sumOf } from "../../src/core/window.ts";

const MINUTE = 60_000;
const SIZES = { "5m": 5 * MINUTE, "1h": 60 * MINUTE, "24h": 1_440 * MINUTE } as const;
const DAY = Date.UTC(2026, 0, 5);
const FEATURES = 3;

interface Event {
  readonly at: number;
  readonly version: string;
  readonly role: "production" | "shadow";
  readonly p: number;
  readonly codes: readonly number[];
}

const eventsOf = (seed: number, n: number): Event[] => {
  const draw = seeded(seed);
  return Array.from({ length: n }, (): Event => {
    const second = draw() < 0.3;
    return {
      at: DAY + Math.floor(draw() * SIZES["24h"]),
      version: second ? "1.1.0" : "1.0.0",
      role: second && draw() < 0.5 ? "shadow" : "production",
      p: draw() * 0.98 + 0.01,
      codes: Array.from({ length: FEATURES }, () => Math.floor(draw() * 20)),
    };
  });
};

/** Counts events as the roll queries do, in the order they come. */
const contentOf = (events: readonly Event[]): WindowContent => {
  const groups = new Map<string, Event[]>();
  for (const event of events) {
    const key = `${event.version}/${event.role}`;
    groups.set(key, [...(groups.get(key) ?? []), event]);
  }
  const parts = [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ key: { version: first.version, role: first.role }, group }];
  });
  return {
    rows: parts.map(({ key, group }) => ({
      ...key,
      ...{ rows_raw: group.length, volume: group.length, ok: group.length },
      ...{ invalid: 0, errors: 0, timeouts: 0, sheds: 0, duplicate_requests: 0, conflicting_requests: 0 },
      score_sum: scaled(group, ({ p }) => p),
      score_sum_squares: scaled(group, ({ p }) => p * p),
      latency: [],
      encoding: "e",
    })),
    features: parts.flatMap(({ key, group }) =>
      Array.from({ length: FEATURES }, (_, at) => ({
        ...key,
        encoding: "e",
        position: at + 1,
        histogram: counted(group.map(({ codes }) => codes[at] ?? 0)),
      })),
    ),
    scores: parts.map(({ key, group }) => ({
      ...key,
      scope: "all",
      histogram: counted(group.map(({ p }) => scoreBin(p))),
    })),
  };
};

const scaled = (group: readonly Event[], of: (event: Event) => number): string =>
  group.reduce((sum, event) => sum + BigInt(Math.round(of(event) * 1e12)), 0n).toString();

/** Keys in order of appearance, as an engine may give them. */
const counted = (keys: readonly number[]) => {
  const counts = new Map<number, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return { keys: [...counts.keys()], counts: [...counts.values()] };
};

const snapshots = (
  content: WindowContent,
  size: keyof typeof SIZES,
  startMs: number,
  previous: Snapshot[] = [],
) =>
  snapshotsOf({ model: "m", size, startMs, endMs: startMs + SIZES[size] }, content, { previous, flags: [] });

const digests = (made: readonly Snapshot[]): string[] =>
  made.map(({ version, role, digest }) => `${version}/${role}/${digest}`).sort();

/** Adds histograms of one key, as `sumMap` does. */
const added = <T extends FeatureHistogram | ScoreHistogram>(
  all: readonly T[],
  key: (one: T) => string,
): T[] => {
  const sums = new Map<string, T>();
  for (const one of all) {
    const before = sums.get(key(one));
    const keys = [...(before?.histogram.keys ?? []), ...one.histogram.keys];
    const counts = [...(before?.histogram.counts ?? []), ...one.histogram.counts];
    const total = new Map<number, number>();
    keys.forEach((k, i) => total.set(k, (total.get(k) ?? 0) + (counts[i] ?? 0)));
    sums.set(key(one), { ...one, histogram: { keys: [...total.keys()], counts: [...total.values()] } });
  }
  return [...sums.values()];
};

type Rolled = { readonly content: WindowContent; readonly made: Snapshot[] };

/** Rolls events into every window of a size. */
const rolled = (events: readonly Event[], size: keyof typeof SIZES): Rolled[] =>
  closedWindows(DAY, DAY + SIZES["24h"], SIZES[size]).map((start) => {
    const content = contentOf(events.filter(({ at }) => at >= start && at < start + SIZES[size]));
    return { content, made: snapshots(content, size, start) };
  });

/** Sums rolled windows into one longer window. */
const summed = (parts: readonly Rolled[], size: keyof typeof SIZES, startMs: number): Rolled => {
  const { content } = sumOf(
    parts.flatMap(({ made }) => made),
    added(
      parts.flatMap((part) => part.content.features),
      (f) => `${f.version}/${f.role}/${f.encoding}/${f.position}`,
    ),
    added(
      parts.flatMap((part) => part.content.scores),
      (s) => `${s.version}/${s.role}/${s.scope}`,
    ),
  );
  return { content, made: snapshots(content, size, startMs) };
};

describe.each([1, 2, 3, 4, 5])("events of seed %i", (seed) => {
  const events = eventsOf(seed, 3_000);
  const direct = digests(snapshots(contentOf(events), "24h", DAY));

  it("digest alike in any order", () => {
    const draw = seeded(seed + 100);
    for (let round = 0; round < 3; round++) {
      const other = [...shuffled(events.length, draw)].flatMap((at) => events[at] ?? []);
      expect(digests(snapshots(contentOf(other), "24h", DAY))).toEqual(direct);
    }
  });

  it("digest otherwise when one event differs", () => {
    const changed = events.map((event, at) => (at === 7 ? { ...event, codes: [19, 0, 19] } : event));
    expect(digests(snapshots(contentOf(changed), "24h", DAY))).not.toEqual(direct);
  });

  it("sum exactly from five minutes to a day, by the hour or at once, in any order of parts", () => {
    const short = rolled(events, "5m");
    const hours = closedWindows(DAY, DAY + SIZES["24h"], SIZES["1h"]).map((start, hour) =>
      summed(short.slice(hour * 12, hour * 12 + 12), "1h", start),
    );
    rolled(events, "1h").forEach(({ made }, hour) =>
      expect(digests(hours[hour]?.made ?? [])).toEqual(digests(made)),
    );
    expect(digests(summed(hours, "24h", DAY).made)).toEqual(direct);
    expect(digests(summed([...short].reverse(), "24h", DAY).made)).toEqual(direct);
  });
});

describe("a late row", () => {
  const events = eventsOf(9, 500);
  const before = snapshots(contentOf(events.slice(1)), "24h", DAY);
  const after = snapshots(contentOf(events), "24h", DAY, before);

  it("makes the next revision, counted and flagged, with the digest of the punctual world", () => {
    const touched = after.filter((s) => s.late_rows > 0);
    expect(touched.map(({ revision, late_rows, flags }) => ({ revision, late_rows, flags }))).toEqual([
      { revision: 2, late_rows: 1, flags: ["late"] },
    ]);
    expect(digests(after)).toEqual(digests(snapshots(contentOf(events), "24h", DAY)));
  });
});

describe("which windows are due", () => {
  const size = SIZES["5m"];

  it.each([
    ["none before the first has closed", DAY, DAY + size - 1, []],
    ["one at the very instant it closes", DAY, DAY + size, [DAY]],
    ["all of a downtime, oldest first", DAY, DAY + 3 * size, [DAY, DAY + size, DAY + 2 * size]],
    ["none when time stands still", DAY + size, DAY + size, []],
  ])("%s", (_, from, through, expected) => {
    expect(closedWindows(from, through, size)).toEqual(expected);
  });
});

it("sparse pairs come out ascending whatever order the engine gave", () => {
  expect(pairsOf({ keys: [9, 2, 5], counts: [1, 2, 3] })).toEqual([
    [2, 2],
    [5, 3],
    [9, 1],
  ]);
});
