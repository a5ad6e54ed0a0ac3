// What is measured of one snapshot: a version that answered part of a week has part of its weekdays, and half a day's share of the volume.
import { expect, it } from "vitest";
import type { Encoding } from "../../contracts/encoding.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import { driftOf, referenceCounts } from "../../src/core/measurement.ts";
import { nominalOf, ordinalOf, tally } from "./worlds.ts";

const DAY = 86_400_000;
const START = Date.UTC(2001, 0, 4);
const encoding: Encoding = {
  ...{ v: 1, model: "m", contract_major: 1, contract_digest: "c", dataset: "d" },
  features: [ordinalOf("weekday", 7, "week"), nominalOf("origin", 3)],
};
const reference = {
  ...({ v: 1, encoding_digest: "e", n: 700, positives: 0, from: null, to: null } as const),
  features: {
    weekday: Array.from({ length: 7 }, (_, day): [number, number] => [day, 100]),
    origin: [0, 1, 2].map((code): [number, number] => [code, 200]),
  },
  scores: { negative: [[500, 700] as [number, number]], positive: [] },
};

/** Three days of a week, the shops as ever. */
const measured = (whole: boolean) => {
  const snapshot: Snapshot = {
    ...{ model: "m", version: "1.1.0", role: "production", window_size: "7d", revision: 1 },
    ...{ window_start: new Date(START).toISOString(), window_end: new Date(START + 7 * DAY).toISOString() },
    ...{ rows_raw: 300, volume: 300, ok: 300, invalid: 0, errors: 0, timeouts: 0, sheds: 0 },
    ...{ duplicate_requests: 0, conflicting_requests: 0, late_rows: 0 },
    ...{ score_sum: "0", score_sum_squares: "0", latency: [], encoding: "e", flags: [], digest: "s" },
  };
  const own = { windowStartMs: START, version: "1.1.0", role: "production", encoding: "e" } as const;
  const rows = driftOf({
    ...{ snapshot, windowMs: 7 * DAY, whole, budgetMs: DAY, encoding, encodingDigest: "e", reference },
    ...{ counted: referenceCounts(encoding, reference), profile: DRIFT_PROFILES.governance, segments: [] },
    features: [
      { ...own, position: 1, counts: tally([0, 0, 0, 0, 100, 100, 100]), rows: 300 },
      { ...own, position: 2, counts: tally([100, 100, 100]), rows: 300 },
    ],
    scores: [],
    history: Array.from({ length: 9 }, (_, week) => ({
      windowStartMs: START - (8 - week) * 7 * DAY,
      volume: 700,
    })),
  });
  return (subject: string, feature: string) =>
    rows.find((row) => row.subject === subject && row.feature === feature)?.status;
};

it("judges what swings with a cycle only of a version that answered the whole window", () => {
  expect(measured(true)("feature", "weekday")).toBe("breach");
  expect(measured(false)("feature", "weekday")).toBe("not_evaluated");
  expect(measured(false)("feature", "origin")).toBe("steady");
});

it("counts the traffic of all versions, not this one's share", () => {
  expect(measured(false)("volume", "")).toBe("steady");
});
