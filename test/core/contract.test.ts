import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { breakingChanges } from "../../src/core/contract-changes.ts";
import { parseContract } from "../../src/core/contract.ts";

const FLIGHTS = "contracts/features/flight-delay@1.0.0.yaml";
const text = readFileSync(FLIGHTS, "utf8");

const read = (yaml: string, file = "draft.yaml") => {
  const parsed = parseContract(yaml, file);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed;
};
const errorsOf = (yaml: string, file = "draft.yaml") => {
  const parsed = parseContract(yaml, file);
  return parsed.ok ? [] : parsed.errors.map((e) => `${e.line}:${e.column} ${e.key}: ${e.message}`);
};

test("the flights contract is right, and its digest is what its events and bundles carry", () => {
  const { contract, digest } = read(text, FLIGHTS);
  expect(Object.keys(contract.features)).toEqual(["distance", "hour", "weekday", "origin", "destination"]);
  expect(contract.missing).toBe("reject");
  // Frozen per version: a changed digest means a changed contract, and a new version.
  expect(digest).toBe("57ecbee9b5b331197643cfbadccd66a6a6fbd908c3e53f39c19894510d37de26");
});

test("defaults are the strict ones", () => {
  const { contract } = read(
    "name: a\nversion: 1.0.0\nlabel: {name: y, positive: 1, negative: 0}\nevent_time: null\nfeatures:\n  c: {kind: nominal, values: frozen}\n",
  );
  expect(contract.missing).toBe("reject");
  expect(contract.features["c"]).toEqual({ kind: "nominal", values: "frozen", unseen: "reject" });
});

test("comments, layout and written-out defaults do not change the digest; the order of features does", () => {
  const plain = read(text, FLIGHTS).digest;
  expect(read(`# another comment\n${text}`).digest).toBe(plain);
  const swapped = text.replace(/( {2}weekday:.*\n)( {2}origin:.*\n)/, "$2$1");
  expect(swapped).not.toBe(text);
  expect(read(swapped).digest).not.toBe(plain);
});

const BROKEN = `name: x
version: 1.0.0
sourc: { delimiter: ";" }
label: { name: late, positive: 1, negative: 0 }
event_time: late
features:
  distance: { kind: continuous, min: 5, max: 1 }
  hour: { kind: ordinal, values: [1, 2, 1] }
`;

test("every mistake is named with its line and key, and an unknown key with the nearest known one", () => {
  expect(errorsOf(BROKEN)).toEqual(["3:1 sourc: unknown key; did you mean source?"]);
  expect(errorsOf(BROKEN.replace("sourc:", "source:"))).toEqual([
    "5:1 event_time: late is already the label",
    "7:33 features.distance.min: min must be below max (as float32)",
    "8:41 features.hour.values.2: listed twice",
  ]);
});

test.each([
  [
    "a feature that is the label",
    "  late: { kind: continuous, min: 0, max: 1 }",
    "late is already a feature",
  ],
  ["a forbidden feature", "forbidden: [distance]", "distance is already a feature"],
  ["a segment of nothing", "segments: [{ feature: orign, top: 5 }]", "not a feature; did you mean origin?"],
  ["a segment of a continuous feature", "segments: [{ feature: distance, top: 5 }]", "a segment needs"],
  [
    "a horizon that is no duration",
    "label_maturity: { horizon: one day, min_coverage: 0.3 }",
    "expected a duration",
  ],
  [
    "a kind that is none",
    "  extra: { kind: continuos, min: 0, max: 1 }",
    "expected continuous, ordinal, nominal",
  ],
  ["a name of the frozen file's own", "entity: __row", "frozen files use this name"],
  [
    "a feature of such a name",
    "  __unnamed: { kind: continuous, min: 0, max: 1 }",
    "frozen files use this name",
  ],
  ["a coverage above one", "label_maturity: { horizon: 24h, min_coverage: 1.01 }", "Too big"],
])("%s is refused", (_, line, message) => {
  const base = `name: x
version: 1.0.0
label: { name: late, positive: 1, negative: 0 }
event_time: null
features:
  distance: { kind: continuous, min: 1, max: 5 }
  origin: { kind: nominal, values: frozen }
`;
  expect(errorsOf(`${base}${line}\n`).join("\n")).toContain(message);
  expect(errorsOf(base)).toEqual([]);
});

test("a column may be forbidden in place, as a feature of that kind", () => {
  const { contract } = read(
    BROKEN.replace("sourc:", "source:")
      .replace("event_time: late", "event_time: null")
      .replace("min: 5", "min: 0")
      .replace("[1, 2, 1]", "[1, 2]")
      .concat("  delay: { kind: forbidden }\n"),
  );
  expect(contract.forbidden).toEqual(["delay"]);
  expect(Object.keys(contract.features)).toEqual(["distance", "hour"]);
});

test("the file's name and the contract agree; aliases, repeated keys and __proto__ are refused", () => {
  expect(errorsOf(text, "flight-delay@1.1.0.yaml").join()).toContain("the file's name says 1.1.0");
  expect(errorsOf(`${text}\nname: again\n`).join()).toContain("unique");
  expect(errorsOf("a: &x 1\nb: *x\n").join()).toContain("anchors and aliases");
  expect(errorsOf("__proto__: 1\n").join()).toContain("__proto__");
  expect(errorsOf("name: [\n").length).toBeGreaterThan(0);
});

const change = (from: string | RegExp, to: string) => {
  const next = text.replace(from, to);
  expect(next).not.toBe(text);
  return breakingChanges(read(text).contract, read(next).contract);
};

test.each<[string, string | RegExp, string, "minor" | "major"]>([
  ["a wider range", "max: 6000", "max: 7000", "minor"],
  ["a narrower range", "max: 6000", "max: 5999", "major"],
  ["a new unit", "unit: mi", "unit: km", "major"],
  ["another cycle", "cycle: week", "cycle: day", "major"],
  ["an ordinal value less", "[1, 2, 3, 4, 5, 6, 7]", "[1, 2, 3, 4, 5, 6]", "major"],
  ["unseen refused", /origin: \{ (.*), unseen: other/, "origin: { $1, unseen: reject", "major"],
  ["missing allowed", "missing: reject", "missing: allow", "minor"],
  ["another threshold", "threshold: max_f1", "threshold: 0.4", "minor"],
  ["more forbidden", "forbidden: [delay]", "forbidden: [delay, tail]", "minor"],
  ["less forbidden", "forbidden: [delay]", "forbidden: []", "major"],
  ["another positive", "positive: 1, negative: 0", "positive: 0, negative: 1", "major"],
  ["a feature gone", /  destination:.*\n/, "", "major"],
  ["reordered features", /( {2}weekday:.*\n)( {2}origin:.*\n)/, "$2$1", "major"],
])("%s is judged", (_, from, to, level) => {
  expect(change(from, to).level).toBe(level);
});

test("a contract against itself changes nothing", () => {
  expect(breakingChanges(read(text).contract, read(text).contract)).toEqual({ level: "none", changes: [] });
});
