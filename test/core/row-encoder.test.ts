import { expect, test } from "vitest";
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import { parseContract } from "../../src/core/contract.ts";
import { encodeContinuous, freezeEncoding } from "../../src/core/encode.ts";
import { compileEncoder } from "../../src/core/row-encoder.ts";

const parsed = parseContract(
  `name: x
version: 1.0.0
label: { name: late, positive: 1, negative: 0 }
event_time: null
features:
  distance: { kind: continuous, min: 1, max: 6000, unit: mi }
  count: { kind: continuous, min: 0, max: 10, integer: true, missing: allow }
  hour: { kind: ordinal, values: [5, 6, 7] }
  origin: { kind: nominal, values: frozen, unseen: other }
  carrier: { kind: nominal, values: [AA, DL], missing: allow }
  constructor: { kind: nominal, values: [a] }
forbidden: [delay]
`,
  "x.yaml",
);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
const { contract, digest } = parsed;
const text = (...dictionary: string[]) => ({ dictionary, indices: Uint16Array.from(dictionary.keys()) });
const encoding = freezeEncoding({
  contract,
  contractDigest: digest,
  dataset: "d",
  columns: {
    distance: Float64Array.from([10, 20, 3000]),
    count: Float64Array.from([0, 5]),
    hour: Float64Array.from([5, 6]),
    origin: text("ATL", "LAX"),
    carrier: text("AA", "DL"),
    constructor: text("a"),
  },
});
const encoder = compileEncoder(contract, encoding);
const GOOD = { distance: 20, count: 5, hour: 7, origin: "LAX", carrier: "DL", constructor: "a" };
const FROM_JSON = (features: unknown): unknown => JSON.parse(JSON.stringify(features));

const encode = (features: unknown) => {
  const codes = new Uint8Array(8).fill(77);
  const vector = new Float32Array(8).fill(77);
  return { violations: encoder.encode(features, codes, 1, vector, 2), codes, vector };
};
const rulesOf = (features: unknown) => encode(features).violations?.map((v) => `${v.path} ${v.rule}`) ?? [];
const without = (key: string) => Object.fromEntries(Object.entries(GOOD).filter(([name]) => name !== key));

test("a good row becomes codes and a vector, at the offsets and nowhere else", () => {
  const { violations, codes, vector } = encode(FROM_JSON(GOOD));
  expect(violations).toBeNull();
  expect([...codes]).toEqual([77, 9, 9, 2, 1, 1, 0, 77]);
  expect([...vector]).toEqual([77, 77, 20, 5, 2, 1, 1, 0]);
});

test("the order of keys does not matter", () => {
  const turned = Object.fromEntries(Object.entries(GOOD).reverse());
  expect(encode(turned).codes).toEqual(encode(GOOD).codes);
});

test("an allowed gap has its own code: NaN for numbers, the code itself for categories", () => {
  for (const gap of [
    { count: null, carrier: null },
    { count: undefined, carrier: undefined },
  ]) {
    const { violations, codes, vector } = encode({ ...GOOD, ...gap });
    expect(violations).toBeNull();
    expect([codes[2], codes[5], vector[3], vector[6]]).toEqual([MISSING, MISSING, NaN, MISSING]);
  }
  expect(encode(without("count")).codes[2]).toBe(MISSING);
});

test("an unseen value of an open vocabulary is OTHER", () => {
  const { violations, codes, vector } = encode({ ...GOOD, origin: "ZZZ" });
  expect([violations, codes[4], vector[5]]).toEqual([null, OTHER, OTHER]);
});

test.each<[string, unknown, string]>([
  ["a missing value", without("distance"), "features.distance missing"],
  ["null where it is required", { ...GOOD, hour: null }, "features.hour missing"],
  ["TC-72 a number in quotes", { ...GOOD, distance: "20" }, "features.distance type"],
  ["a number for a string", { ...GOOD, origin: 5 }, "features.origin type"],
  ["a boolean", { ...GOOD, hour: true }, "features.hour type"],
  ["an array", { ...GOOD, distance: [20] }, "features.distance type"],
  ["a fraction of a whole number", { ...GOOD, count: 1.5 }, "features.count type"],
  ["below the range", { ...GOOD, distance: 0.999 }, "features.distance range"],
  ["above the range", { ...GOOD, distance: 6000.001 }, "features.distance range"],
  ["an ordinal value that is none", { ...GOOD, hour: 8 }, "features.hour range"],
  ["NaN", { ...GOOD, distance: NaN }, "features.distance not_finite"],
  ["Infinity", { ...GOOD, distance: -Infinity }, "features.distance not_finite"],
  ["NaN in an ordinal", { ...GOOD, hour: NaN }, "features.hour not_finite"],
  ["an unseen value of a closed vocabulary", { ...GOOD, carrier: "UA" }, "features.carrier unseen"],
  ["an unknown feature", { ...GOOD, weather: 1 }, "features.weather unknown_feature"],
  ["a forbidden feature", { ...GOOD, delay: 3 }, "features.delay forbidden_feature"],
  ["the label as a feature", { ...GOOD, late: 1 }, "features.late forbidden_feature"],
  ["what only a prototype has", Object.assign(without("constructor")), "features.constructor missing"],
  ["no object", [GOOD], "features type"],
  ["nothing", null, "features type"],
])("%s is refused", (_, features, rule) => {
  expect(rulesOf(features)).toEqual([rule]);
});

test("the ends of a range belong to it", () => {
  expect([rulesOf({ ...GOOD, distance: 1 }), rulesOf({ ...GOOD, distance: 6000 })]).toEqual([[], []]);
});

test("every violation is collected, and an unknown key points to the nearest feature", () => {
  const { violations } = encode({ ...without("distance"), distanc: 5, hour: "x", delay: 1 });
  expect(violations?.map((v) => `${v.path} ${v.rule}`)).toEqual([
    "features.distance missing",
    "features.hour type",
    "features.distanc unknown_feature",
    "features.delay forbidden_feature",
  ]);
  expect(violations?.[2]?.message).toContain("distance");
});

test("only own keys count: __proto__, inherited values and polluted look-alikes are no features", () => {
  expect(rulesOf(JSON.parse(`{"__proto__": {"distance": 5}, ${JSON.stringify(GOOD).slice(1)}`))).toEqual([
    "features.__proto__ unknown_feature",
  ]);
  const inherited: unknown = Object.create(
    { distance: 20 },
    Object.getOwnPropertyDescriptors(without("distance")),
  );
  expect(rulesOf(inherited)).toEqual(["features.distance missing"]);
  expect(encode(Object.assign(Object.create(null), GOOD)).violations).toBeNull();
});

test("TC-66 canary: no violation repeats what was given", () => {
  const canary = "canary-4711";
  const rows = [
    { ...GOOD, distance: canary },
    { ...GOOD, carrier: canary },
    { ...GOOD, hour: 471147114711 },
  ];
  for (const row of rows) {
    const said = JSON.stringify(encode(row).violations);
    expect(said).not.toBe("null");
    expect(said).not.toMatch(/4711/);
  }
});

test("a row gives the codes its column would", () => {
  for (const distance of [1, 10, 15, 20, 3000, 5999.5])
    expect(encode({ ...GOOD, distance }).codes[1]).toBe(
      encoding.features[0]?.kind === "continuous" ? encodeContinuous(encoding.features[0], distance) : NaN,
    );
});

test("an encoding of another contract is a bug, found when compiled", () => {
  expect(() => compileEncoder(contract, { ...encoding, features: encoding.features.slice(1) })).toThrow(
    "not of this contract",
  );
});
