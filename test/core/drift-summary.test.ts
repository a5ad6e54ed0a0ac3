// Rows summed up: the window's verdict and the dataset summary, at their boundaries.
import { describe, expect, it } from "vitest";
import { DriftSummary } from "../../contracts/drift.ts";
import type { DriftRow } from "../../contracts/drift.ts";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import { summarise, verdict } from "../../src/core/drift-summary.ts";

const window = { timestamp: "2026-01-02T00:00:00.000Z", profile: DRIFT_PROFILES.governance };

/** A row of the given status, for tables about rows. */
const row = (over: Partial<DriftRow>): DriftRow => ({
  subject: "feature",
  feature: "x",
  statistic: "ks_d",
  value: 0.1,
  at_least: false,
  threshold_watch: 0.05,
  threshold: 0.2,
  p_value: 0.001,
  p_adjusted: 0.001,
  n_reference: 1000,
  n_current: 1000,
  status: "steady",
  reason: "",
  ...over,
});
const times = (n: number, over: Partial<DriftRow>): DriftRow[] =>
  Array.from({ length: n }, (_, i) => row({ feature: `x${i}`, ...over }));

describe("verdict and summary", () => {
  const prediction = (status: DriftRow["status"]): DriftRow =>
    row({ subject: "prediction", feature: "", statistic: "score_ks_d", status });

  it.each([
    ["one breach", times(1, { status: "breach" }), "RETRAIN_RECOMMENDED"],
    ["two breaches", times(2, { status: "breach" }), "RETRAIN_REQUIRED"],
    ["three watches", times(3, { status: "watch" }), "MONITOR"],
    ["two watches", times(2, { status: "watch" }), "NO_ACTION"],
    ["a shifted prediction", [row({}), prediction("breach")], "RETRAIN_REQUIRED"],
    [
      "two watches and a watched prediction",
      [...times(2, { status: "watch" }), prediction("watch")],
      "MONITOR",
    ],
    [
      "a breach among the excluded",
      [...times(1, { status: "breach" }), row({ status: "broken" })],
      "RETRAIN_RECOMMENDED",
    ],
    ["quality alone", [row({}), row({ subject: "quality", status: "breach" })], "NO_ACTION"],
  ] as const)("oracle: %s", (_, rows, expected) => expect(verdict(rows)).toBe(expected));

  it("TC-13: share is drifted over evaluated, its threshold has its own field", () => {
    const rows = [
      ...times(7, { status: "breach" }),
      ...times(3, {}),
      ...times(4, { status: "insufficient", value: null }),
    ];
    const summary = summarise(rows, window);
    expect(DriftSummary.parse(summary)).toEqual(summary);
    expect(summary).toMatchObject({
      drift_share: 0.7,
      drift_share_threshold: 0.5,
      num_drifted_features: 7,
      num_features_evaluated: 10,
      num_features_excluded: 4,
      num_features_total: 14,
      dataset_drift_detected: true,
    });
  });

  it("TC-12: every feature has score, threshold and test", () => {
    const summary = summarise(times(7, { status: "breach" }), window);
    expect(summary.features).toHaveLength(7);
    for (const f of summary.features)
      expect(f).toMatchObject({ drift_detected: true, stat_test: "ks_d", drift_score: 0.1, threshold: 0.2 });
  });

  it.each([
    ["governance", 5, true],
    ["governance", 4, false],
    ["ks_p", 3, true],
    ["thresholds", 3, false],
    ["thresholds", 4, true],
  ] as const)(
    "TC-75: under %s, %d of 10 drifted features are dataset drift: %s",
    (name, drifted, expected) => {
      const rows = [...times(drifted, { status: "breach" }), ...times(10 - drifted, {})];
      const by = { ...window, profile: DRIFT_PROFILES[name] };
      expect(summarise(rows, by).dataset_drift_detected).toBe(expected);
    },
  );

  it("profile thresholds: an alert at a share of 0.31 and none at 0.3", () => {
    const rows = (drifted: number) => [...times(drifted, { status: "breach" }), ...times(100 - drifted, {})];
    const by = { ...window, profile: DRIFT_PROFILES.thresholds };
    expect(summarise(rows(30), by).dataset_drift_detected).toBe(false);
    expect(summarise(rows(31), by).dataset_drift_detected).toBe(true);
  });
});
