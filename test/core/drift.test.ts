// A window judged: bands at their boundaries, reasons for every exclusion, false alarms within budget, traps.
import { describe, expect, it } from "vitest";
import { DriftRow } from "../../contracts/drift.ts";
import { DRIFT_PROFILES, DriftProfile } from "../../contracts/drift-profile.ts";
import { alphaFor, bandOf, judgeWindow } from "../../src/core/drift.ts";
import { summarise, verdict } from "../../src/core/drift-summary.ts";
import type { FeatureEvidence } from "../../src/core/feature-drift.ts";
import { emptyCounts } from "../../src/core/histogram.ts";
import type { Counts } from "../../src/core/histogram.ts";
import { lcg } from "./lcg.ts";
import { continuousOf, countsOf, drawn, nominalOf, normals, ordinalOf, tally } from "./worlds.ts";

const DAY_MS = 86_400_000;
const profile = DRIFT_PROFILES.governance;
const judge = (features: readonly FeatureEvidence[], windowMs = DAY_MS, by: DriftProfile = profile) =>
  judgeWindow({ windowMs, profile: by, features });
const judging = (rows: readonly DriftRow[]) =>
  rows.filter((r) => r.subject === "feature" && r.threshold !== null);
const window = { timestamp: "2026-01-02T00:00:00.000Z", profile };

describe("profiles", () => {
  it.each(Object.entries(DRIFT_PROFILES))("%s is a profile by its own word", (name, data) => {
    expect(DriftProfile.parse(data)).toEqual(data);
    expect(data.name).toBe(name);
  });

  it("a rule that cannot be computed is refused when it is written", () => {
    const ksOfNominal = { kinds: ["nominal"], statistic: "ks_d", watch: 0.05, breach: 0.2 };
    expect(DriftProfile.safeParse({ ...profile, features: [ksOfNominal] }).success).toBe(false);
    const pOfW1 = { kinds: ["continuous"], statistic: "w1_over_refstd", watch: null, breach: 0.1 };
    expect(DriftProfile.safeParse({ ...profile, features: [pOfW1] }).success).toBe(false);
  });
});

describe("bandOf", () => {
  const ks = { by: "effect_and_p", compare: "at_least", watch: 0.05, breach: 0.2 } as const;
  const psi = { ...ks, watch: 0.1, breach: 0.25 };
  const at = (band: typeof ks | typeof psi, effect: number) =>
    bandOf({ effect, pAdjusted: 1e-6, alpha: 0.03, band }).status;

  it.each([
    [ks, 0.0499, "steady"],
    [ks, 0.05, "watch"],
    [ks, 0.1999, "watch"],
    [ks, 0.2, "breach"],
    [psi, 0.0999, "steady"],
    [psi, 0.1, "watch"],
    [psi, 0.2499, "watch"],
    [psi, 0.25, "breach"],
  ] as const)("oracle: %o at %d is %s", (band, effect, status) => expect(at(band, effect)).toBe(status));

  it("rounds to 9 decimals first, so the exact threshold reaches", () => {
    expect(at(ks, 0.3 - 0.1)).toBe("breach");
    expect(0.3 - 0.1 >= 0.2).toBe(false);
  });

  it("needs the adjusted p at or below α; p itself is never rounded", () => {
    const p = (pAdjusted: number) => bandOf({ effect: 0.4, pAdjusted, alpha: 0.03, band: ks }).status;
    expect([p(0.03), p(0.030000000001)]).toEqual(["breach", "steady"]);
  });

  it("TC-75: `above` is strict at .3, .5 and .4, and the branch is reachable", () => {
    for (const breach of [0.3, 0.5, 0.4]) {
      const band = { by: "effect", compare: "above", watch: null, breach } as const;
      const status = (effect: number) => bandOf({ effect, pAdjusted: null, alpha: 0.05, band }).status;
      expect([status(breach - 0.01), status(breach), status(breach + 0.01)]).toEqual([
        "steady",
        "steady",
        "breach",
      ]);
    }
  });

  it("TC-48: NaN is broken, neither steady nor breach", () => {
    expect(at(ks, NaN)).toBe("broken");
    expect(bandOf({ effect: 0.4, pAdjusted: NaN, alpha: 0.03, band: ks }).status).toBe("broken");
  });
});

describe("alphaFor", () => {
  it("spreads a budget evenly over windows", () => {
    expect(alphaFor({ false_alarms: 1, per_days: 30 }, 1)).toBeCloseTo(1 / 30, 12);
    expect(alphaFor({ false_alarms: 2, per_days: 30 }, 7)).toBeCloseTo(14 / 30, 12);
    expect(alphaFor({ false_alarms: 1, per_days: 1 }, 7)).toBe(0.5);
  });
});

describe("false alarms", () => {
  const random = lcg(20260101);
  const reference = normals(random, 5000);
  const encoding = continuousOf("x", reference, 100);
  const nominal = nominalOf("n", 12);
  const shares = [0.3, 0.2, 0.1, 0.1, 0.08, 0.07, 0.05, 0.04, 0.03, 0.02, 0.005, 0.005];
  /** Rows of the encoding's own population: each inner bin is equally likely. */
  const quiet = (rows: number): Counts => {
    const counts = emptyCounts();
    for (let i = 0; i < rows; i++) {
      const code = 8 + Math.floor(random() * encoding.edges.length);
      counts[code] = (counts[code] ?? 0) + 1;
    }
    return counts;
  };
  const world = (rows: number): FeatureEvidence[] => [
    ...Array.from({ length: 12 }, (_, i) => ({
      encoding: { ...encoding, feature: `x${i}` },
      reference: quiet(1000),
      current: quiet(rows),
    })),
    ...Array.from({ length: 8 }, (_, i) => ({
      encoding: { ...nominal, feature: `n${i}` },
      reference: drawn(random, 1000, shares),
      current: drawn(random, rows, shares),
    })),
  ];

  it("family-wise level stays within budget × 1.2 when any effect counts (thresholds at 0)", () => {
    const bare: DriftProfile = {
      ...profile,
      alpha: 1 / 30,
      report: [],
      features: profile.features.map((rule) => ({ ...rule, watch: 0, breach: 0 })),
    };
    const windows = 700;
    let alarms = 0;
    for (let run = 0; run < windows; run++)
      if (judging(judge(world(300), DAY_MS, bare)).some((r) => r.status === "breach")) alarms++;
    // Expected at most 23.3; the bound is 1.2 times that and three standard errors of the simulation.
    expect(alarms).toBeLessThan(1.2 * (windows / 30) + 3 * Math.sqrt(windows / 30));
    expect(alarms).toBeGreaterThan(0);
  });

  it("TC-53, TC-54: 200 stable windows of 300 rows give no alarm and no MONITOR with the default profile", () => {
    const verdicts = Array.from({ length: 200 }, () => verdict(judge(world(300))));
    expect(verdicts.filter((v) => v !== "NO_ACTION")).toEqual([]);
  });

  it("TC-54: KS D beyond .05 at 1,000 rows happens by chance and is not watched", () => {
    let beyond = 0;
    let watched = 0;
    for (let run = 0; run < 60; run++)
      for (const r of judging(judge(world(400)))) {
        if (r.statistic === "ks_d" && (r.value ?? 0) >= 0.05) beyond++;
        if (r.status === "watch") watched++;
      }
    expect(beyond).toBeGreaterThan(30);
    // One in 30 windows may hold a chance; more than 7 of 60 would be more than chance.
    expect(watched).toBeLessThanOrEqual(7);
  });

  it("TC-53: identical snapshots are exactly 0 and NO_ACTION", () => {
    const rows = judge(world(300).map((f) => ({ ...f, current: f.reference })));
    expect(judging(rows).every((r) => r.value === 0 && r.status === "steady" && r.p_value === 1)).toBe(true);
    expect(verdict(rows)).toBe("NO_ACTION");
    expect(summarise(rows, window)).toMatchObject({
      dataset_drift_detected: false,
      drift_share: 0,
      max_score: 0,
    });
  });

  it("TC-38: two of ten features shifted by .75 sd are found by count and max, whatever the mean says", () => {
    let found = 0;
    for (let run = 0; run < 40; run++) {
      const rows = judge(
        Array.from({ length: 10 }, (_, i) => ({
          encoding: { ...encoding, feature: `x${i}` },
          reference: countsOf(encoding, reference),
          current: countsOf(encoding, normals(random, 500, i < 2 ? 0.75 : 0)),
        })),
      );
      const summary = summarise(rows, window);
      if (summary.num_drifted_features === 2 && (summary.max_score ?? 0) >= 0.2) found++;
      expect(summary.mean_score ?? 1).toBeLessThan(0.12);
    }
    expect(found).toBeGreaterThanOrEqual(39);
  });
});

describe("exclusions", () => {
  const nominal = nominalOf("n", 2);
  const steady: FeatureEvidence = {
    encoding: nominal,
    reference: tally([500, 500]),
    current: tally([250, 250]),
  };
  const ill = (over: Partial<FeatureEvidence>): FeatureEvidence => ({
    ...steady,
    encoding: nominalOf("ill", 2),
    ...over,
  });
  const nan = tally([250, 250]);
  nan[0] = NaN;

  it.each([
    ["NaN counts", ill({ current: nan }), "broken"],
    ["negative counts", ill({ current: tally([300, -50]) }), "broken"],
    ["a window that could not be read", ill({ current: null }), "broken"],
    ["rows in codes that do not exist", ill({ current: tally([200, 200, 100]) }), "broken"],
    ["counts of another length", ill({ current: emptyCounts(10) }), "broken"],
    ["no reference", ill({ reference: null }), "insufficient"],
    ["an empty reference", ill({ reference: emptyCounts() }), "insufficient"],
    ["199 rows", ill({ current: tally([100, 99]) }), "insufficient"],
    ["an empty window", ill({ current: emptyCounts() }), "insufficient"],
  ] as const)("TC-61, TC-19: %s never stops the others", (_, evidence, status) => {
    const rows = judging(judge([evidence, steady]));
    expect(rows.map((r) => [r.feature, r.status])).toEqual([
      ["ill", status],
      ["n", "steady"],
    ]);
    expect(rows[0]?.value).toBeNull();
    expect(rows[0]?.reason).not.toBe("");
    const summary = summarise(rows, window);
    expect(summary).toMatchObject({
      num_features_evaluated: 1,
      num_features_excluded: 1,
      num_features_total: 2,
    });
    expect(summary.excluded_features[0]?.reason).toContain(status);
  });

  it("200 rows are enough: the boundary is inclusive", () => {
    const rows = judging(judge([ill({ current: tally([100, 100]) })]));
    expect(rows[0]?.status).toBe("steady");
  });

  it("an encoding that is not sound is broken", () => {
    const encoding = continuousOf("x", normals(lcg(1), 500), 20);
    const counts = countsOf(encoding, normals(lcg(2), 500));
    const rows = judge([{ encoding: { ...encoding, means: [NaN] }, reference: counts, current: counts }]);
    expect(judging(rows)[0]?.status).toBe("broken");
  });

  it("nothing evaluated is null, not false and not NO_ACTION", () => {
    const rows = judge([ill({ current: emptyCounts() })]);
    expect(verdict(rows)).toBeNull();
    expect(summarise(rows, window)).toMatchObject({
      dataset_drift_detected: null,
      drift_share: null,
      mean_score: null,
      max_score: null,
    });
    expect(verdict([])).toBeNull();
  });

  it.each([
    [6, "not_evaluated"],
    [23, "not_evaluated"],
    [24, "steady"],
    [36, "not_evaluated"],
    [48, "steady"],
  ])("an hour feature in a window of %d hours is %s", (hours, status) => {
    const hour = ordinalOf("hour", 24, "day");
    const counts = tally(new Array<number>(24).fill(50));
    const current = tally(hours % 24 === 0 ? new Array<number>(24).fill(25) : [300, 300, 0]);
    const rows = judging(judge([{ encoding: hour, reference: counts, current }], hours * 3_600_000));
    expect(rows[0]?.status).toBe(status);
    expect(rows[0]?.value === null).toBe(status === "not_evaluated");
  });

  it("a weekday feature waits for whole weeks", () => {
    const weekday = ordinalOf("weekday", 7, "week");
    const counts = tally(new Array<number>(7).fill(100));
    const at = (days: number) =>
      judging(judge([{ encoding: weekday, reference: counts, current: counts }], days * DAY_MS))[0]?.status;
    expect([at(1), at(7), at(10), at(14)]).toEqual(["not_evaluated", "steady", "not_evaluated", "steady"]);
  });
});

describe("one-valued references", () => {
  const nominal = nominalOf("n", 3);
  const rowOf = (reference: FeatureEvidence["reference"], current: FeatureEvidence["current"]) =>
    judging(judge([{ encoding: nominal, reference, current }]))[0];

  it("TC-52: a constant whose values all moved breaches by the two-proportion test", () => {
    const found = rowOf(tally([1000]), tally([0, 300]));
    expect(found).toMatchObject({ statistic: "z_two_proportion", value: 1, status: "breach" });
    expect(found?.p_value).toBeLessThan(1e-50);
  });

  it("one that did not move is steady at 0", () => {
    expect(rowOf(tally([1000]), tally([300]))).toMatchObject({ value: 0, p_value: 1, status: "steady" });
  });

  it("a continuous constant is seen the same way", () => {
    const encoding = continuousOf("x", new Float64Array(500).fill(5), 10);
    const still = countsOf(encoding, new Float64Array(500).fill(5));
    const moved = countsOf(encoding, new Float64Array(300).fill(7));
    const rows = judging(judge([{ encoding, reference: still, current: moved }]));
    expect(rows[0]).toMatchObject({ statistic: "z_two_proportion", value: 1, status: "breach" });
  });

  it("an all-missing reference that starts to hold values breaches; missing beside one value is left out", () => {
    expect(rowOf(tally([], { missing: 1000 }), tally([300]))).toMatchObject({ value: 1, status: "breach" });
    expect(rowOf(tally([500], { missing: 500 }), tally([300], { missing: 10 }))).toMatchObject({
      value: 0,
      n_current: 300,
      status: "steady",
    });
  });
});

describe("profiles at work", () => {
  const random = lcg(31);
  const values = normals(random, 3000);
  const encoding = continuousOf("x", values, 100);
  const large = countsOf(encoding, values);
  const small = countsOf(encoding, values.slice(0, 900));
  const shifted = countsOf(encoding, normals(random, 400, 1));
  const statisticOf = (reference: FeatureEvidence["reference"], by: DriftProfile) =>
    judging(judge([{ encoding, reference, current: shifted }], DAY_MS, by))[0];

  it("evidently_auto chooses by reference rows and distinct values", () => {
    const auto = DRIFT_PROFILES.evidently_auto;
    expect(statisticOf(small, auto)).toMatchObject({ statistic: "ks_p", status: "breach", threshold: 0.05 });
    expect(statisticOf(large, auto)).toMatchObject({ statistic: "w1_over_refstd", status: "breach" });
    const chosen = (size: number, rows: number) => {
      const counts = tally(new Array<number>(size).fill(rows));
      const feature = { encoding: nominalOf("n", size), reference: counts, current: counts };
      return judging(judge([feature], DAY_MS, auto))[0]?.statistic;
    };
    expect(chosen(2, 100)).toBe("z_two_proportion");
    expect(chosen(4, 100)).toBe("chi2_contingency");
    expect(chosen(4, 1000)).toBe("js_distance_natural");
  });

  it("psi, ks_p and thresholds judge by their own statistic", () => {
    expect(statisticOf(large, DRIFT_PROFILES.psi)).toMatchObject({ statistic: "psi_10", status: "breach" });
    expect(statisticOf(large, DRIFT_PROFILES.ks_p)).toMatchObject({ statistic: "ks_p", status: "breach" });
    expect(statisticOf(large, DRIFT_PROFILES.thresholds)).toMatchObject({
      statistic: "psi_10",
      threshold: 0.5,
    });
  });

  it("governance judges by one statistic a feature and shows the others without a verdict", () => {
    const rows = judge([{ encoding, reference: large, current: shifted }]).filter(
      (r) => r.subject === "feature",
    );
    expect(rows.map((r) => [r.statistic, r.status])).toEqual([
      ["ks_d", "breach"],
      ["psi_10", "not_evaluated"],
      ["w1_over_refstd", "not_evaluated"],
    ]);
    for (const r of rows) expect(DriftRow.parse(r)).toEqual(r);
    expect(rows[2]).toMatchObject({ threshold: null, at_least: true });
  });

  it("raw samples make KS and W1 exact", () => {
    const raw = { reference: values, current: normals(lcg(9), 400, 3) };
    const feature = { encoding, reference: large, current: countsOf(encoding, raw.current) };
    const [binned, exact] = [feature, { ...feature, samples: raw }].map((f) => judge([f]));
    const w1 = (rows: DriftRow[] | undefined) => rows?.find((r) => r.statistic === "w1_over_refstd");
    expect(w1(binned)?.at_least).toBe(true);
    expect(w1(exact)?.at_least).toBe(false);
    expect(exact?.[0]?.value).toBeGreaterThanOrEqual(binned?.[0]?.value ?? NaN);
  });
});
