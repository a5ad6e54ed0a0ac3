// What a window says besides feature shapes: quality, scores, labels, segments, volume.
import { describe, expect, it } from "vitest";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import { judgeWindow } from "../../src/core/drift.ts";
import { verdict } from "../../src/core/drift-summary.ts";
import type { FeatureEvidence } from "../../src/core/feature-drift.ts";
import { emptyCounts, SCORE_BINS, scoreBin } from "../../src/core/histogram.ts";
import { volumeBand, volumeBaseline } from "../../src/core/traffic-drift.ts";
import { lcg } from "./lcg.ts";
import { continuousOf, countsOf, nominalOf, normals, tally } from "./worlds.ts";

const DAY_MS = 86_400_000;
const profile = DRIFT_PROFILES.governance;
const judge = (features: readonly FeatureEvidence[]) => judgeWindow({ windowMs: DAY_MS, profile, features });

describe("data quality", () => {
  const random = lcg(13);
  const encoding = continuousOf("x", normals(random, 2000), 50);
  const reference = countsOf(encoding, normals(random, 2000));
  const quality = (evidence: FeatureEvidence, statistic: string) =>
    judge([evidence]).find((r) => r.subject === "quality" && r.statistic === statistic);

  it("missing, unseen and out-of-range rates are held against the reference's own", () => {
    const holes = normals(random, 500).map((value, i) => (i % 10 === 0 ? NaN : value));
    const missing = quality({ encoding, reference, current: countsOf(encoding, holes) }, "missing_rate");
    expect(missing).toMatchObject({ value: 0.1, status: "breach", threshold: 0.05 });
    const far = normals(random, 500).map((value, i) => (i % 10 === 0 ? 900 : value));
    const outside = quality({ encoding, reference, current: countsOf(encoding, far) }, "out_of_range_rate");
    expect(outside?.status).toBe("breach");
    const usual = tally([900], { other: 100 });
    const unseen = (other: number) =>
      quality(
        { encoding: nominalOf("n", 1), reference: usual, current: tally([1000 - other], { other }) },
        "unseen_rate",
      );
    expect([unseen(100)?.status, unseen(119)?.status, unseen(250)?.status]).toEqual([
      "steady",
      "steady",
      "breach",
    ]);
    expect(unseen(250)).toMatchObject({ value: 0.25, threshold: 0.15 });
  });

  it("invalid events of all events", () => {
    const at = (k: number) =>
      judgeWindow({
        windowMs: DAY_MS,
        profile,
        features: [],
        invalid: { reference: { k: 0, n: 5000 }, current: { k, n: 1000 } },
      })[0];
    expect(at(50)).toMatchObject({ statistic: "invalid_rate", value: 0.05, status: "breach" });
    expect(at(49)?.status).toBe("watch");
    expect(at(0)?.status).toBe("steady");
  });
});

describe("scores, labels, segments, importance", () => {
  const scores = (mean: number, n: number, seed: number) => {
    const counts = emptyCounts(SCORE_BINS);
    for (const z of normals(lcg(seed), n, mean)) {
      const bin = scoreBin(1 / (1 + Math.exp(-z)));
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return counts;
  };
  const withScores = (current: ReturnType<typeof scores> | null, reference = scores(0, 3000, 5)) =>
    judgeWindow({ windowMs: DAY_MS, profile, features: [], scores: { reference, current } });

  it("a shifted prediction alone requires a retraining, an equal one nothing", () => {
    const shifted = withScores(scores(1, 800, 6));
    expect(shifted.find((r) => r.statistic === "score_ks_d")?.status).toBe("breach");
    expect(shifted.find((r) => r.statistic === "score_mean_shift_sd")?.value).toBeGreaterThan(0.5);
    expect(shifted.find((r) => r.statistic === "score_p95_shift")?.value).toBeGreaterThan(0.05);
    expect(verdict(shifted)).toBe("RETRAIN_REQUIRED");
    expect(verdict(withScores(scores(0, 800, 7)))).toBe("NO_ACTION");
  });

  it("unread scores are broken, few are insufficient, and neither is a verdict", () => {
    expect(withScores(null).every((r) => r.status === "broken" && r.value === null)).toBe(true);
    expect(withScores(scores(1, 199, 6)).every((r) => r.status === "insufficient")).toBe(true);
    expect(verdict(withScores(null))).toBeNull();
  });

  it("labels: class balance against the reference's", () => {
    const at = (k: number) =>
      judgeWindow({
        windowMs: DAY_MS,
        profile,
        features: [],
        labels: { reference: { k: 600, n: 3000 }, current: { k, n: 1000 } },
      })[0];
    expect(at(300)).toMatchObject({ subject: "label", value: 0.09999999999999998, status: "breach" });
    expect(at(299)?.status).toBe("watch");
    expect(at(210)?.status).toBe("steady");
  });

  it("segments and importance are reported with their reasons, not judged", () => {
    const rows = judgeWindow({
      windowMs: DAY_MS,
      profile,
      features: [],
      segments: [{ feature: "origin", reference: tally([500, 500]), current: tally([100, 300]) }],
      importance: { previous: { a: 0.6, b: 0.4 }, current: { a: 0.3, c: 0.7 } },
    });
    expect(rows.find((r) => r.statistic === "segment_mix_chi2")).toMatchObject({ status: "not_evaluated" });
    expect(rows.find((r) => r.statistic === "segment_mix_chi2")?.p_value).toBeLessThan(1e-10);
    expect(rows.find((r) => r.statistic === "importance_shift")?.value).toBeCloseTo(0.7, 12);
    expect(verdict(rows)).toBeNull();
  });
});

describe("volume", () => {
  it.each([
    [null, 500, "insufficient"],
    [400, 199, "insufficient"],
    [400, 200, "ok"],
    [401, 200, "insufficient"],
    [100, 200, "ok"],
    [100, 201, "surge"],
    [NaN, 500, "insufficient"],
  ] as const)("oracle: %d usual rows and %d now: %s", (baseline, current, band) => {
    expect(volumeBand(baseline, current)).toBe(band);
  });

  it("usual is the median of the same hours, the mean while there are fewer than three, null without history", () => {
    expect(volumeBaseline({ sameSlot: [100, 900, 200], recent: [1, 2] })).toBe(200);
    expect(volumeBaseline({ sameSlot: [100, 300, 200, 900], recent: [] })).toBe(250);
    expect(volumeBaseline({ sameSlot: [100, 900], recent: [10, 20, 60] })).toBe(30);
    expect(volumeBaseline({ sameSlot: [], recent: [] })).toBeNull();
  });

  it("is a row with its reason", () => {
    const at = (baseline: number | null, current: number) =>
      judgeWindow({ windowMs: DAY_MS, profile, features: [], volume: { baseline, current } })[0];
    expect(at(null, 500)).toMatchObject({ value: null, status: "insufficient" });
    expect(at(400, 400)).toMatchObject({ statistic: "volume_ratio", value: 1, status: "steady" });
    expect(at(100, 300)).toMatchObject({ value: 3, status: "watch" });
  });
});
