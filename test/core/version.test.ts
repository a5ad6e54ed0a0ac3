import { expect, test } from "vitest";
import { durationMs, isDuration } from "../../src/core/duration.ts";
import { nearestWord } from "../../src/core/nearest.ts";
import { bumpVersion, compareVersions, parseVersion, versionAfter } from "../../src/core/version.ts";

test("TC-65 versions compare as numbers: 1.10.0 is after 1.2.0", () => {
  expect(["1.10.0", "1.2.0", "0.9.9", "1.2.10", "10.0.0", "2.0.0"].sort(compareVersions)).toEqual([
    "0.9.9",
    "1.2.0",
    "1.2.10",
    "1.10.0",
    "2.0.0",
    "10.0.0",
  ]);
});

test.each(["1.2", "01.2.3", "1.2.3-rc", "v1.2.3", "1.2.3.4", "", "1.2.-3"])("%s is no version", (text) => {
  expect(parseVersion(text)).toBeNull();
  expect(() => compareVersions(text, "1.0.0")).toThrow(RangeError);
});

test("bumping resets the lower parts", () => {
  expect([
    bumpVersion("1.9.9", "major"),
    bumpVersion("1.9.9", "minor"),
    bumpVersion("1.9.9", "patch"),
  ]).toEqual(["2.0.0", "1.10.0", "1.9.10"]);
});

test("the next version stays in its contract's major", () => {
  expect(versionAfter([], 1)).toBe("1.0.0");
  expect(versionAfter(["1.2.0", "1.10.0", "2.0.0"], 1)).toBe("1.11.0");
  expect(versionAfter(["1.10.0"], 2)).toBe("2.0.0");
  expect(versionAfter(["1.10.0"], 1, "patch")).toBe("1.10.1");
});

test.each([
  ["500ms", 500],
  ["15m", 900_000],
  ["24h", 86_400_000],
  ["7d", 604_800_000],
  ["2w", 1_209_600_000],
  ["0s", 0],
])("%s is %d ms", (text, ms) => expect(durationMs(text)).toBe(ms));

test.each(["24", "h", "1.5h", "-1h", "24 h", "1y", "", "1H", "01h"])("%s is no duration", (text) => {
  expect(isDuration(text)).toBe(false);
  expect(() => durationMs(text)).toThrow(RangeError);
});

test("a slip finds its word, a stranger does not", () => {
  expect(nearestWord("distanc", ["distance", "hour"])).toBe("distance");
  expect(nearestWord("huor", ["distance", "hour"])).toBe("hour");
  expect(nearestWord("customer", ["distance", "hour"])).toBeNull();
});
