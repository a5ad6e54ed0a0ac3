import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { canonicalJson, sha256Hex } from "../../src/core/canonical.ts";

test("keys are sorted by code unit and numbers are ECMAScript's, as RFC 8785 shows", () => {
  expect(
    canonicalJson({ numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27], b: null, a: [true, false] }),
  ).toBe('{"a":[true,false],"b":null,"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}');
  // The RFC's own sorting example: surrogate pairs sort by code unit, before U+FB33.
  const keys = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 };
  expect(
    Object.values(JSON.parse(canonicalJson(Object.entries(keys).map(([k]) => k))) as string[]),
  ).toHaveLength(7);
  expect([...canonicalJson(keys).matchAll(/:(\d)/g)].map((m) => m[1]).join("")).toBe("2467153");
});

test("the order of insertion never shows", () => {
  expect(canonicalJson({ b: { d: 1, c: 2 }, a: 3 })).toBe(canonicalJson({ a: 3, b: { c: 2, d: 1 } }));
});

test("minus zero is zero", () => expect(canonicalJson([-0])).toBe("[0]"));

test.each([
  ["NaN", NaN],
  ["Infinity", { a: [Infinity] }],
  ["undefined", { a: undefined }],
  ["a hole", [, 1]],
  ["a function", { f: () => 1 }],
  ["a bigint", 1n],
  ["a date", new Date(0)],
  ["a map", new Map()],
  ["a lone surrogate", "\ud800"],
  ["a lone surrogate as a key", { "\udc00": 1 }],
])("%s is refused, not dropped", (_, value) => {
  expect(() => canonicalJson(value)).toThrow(TypeError);
});

test("a refusal names the path", () => {
  expect(() => canonicalJson({ a: [{ b: NaN }] })).toThrow("$.a[0].b");
});

test("the hash is SHA-256 of the UTF-8 bytes", () => {
  expect(sha256Hex("naïve")).toBe(createHash("sha256").update("naïve").digest("hex"));
  expect(sha256Hex(new Uint8Array([1, 2]))).toBe(
    createHash("sha256")
      .update(Buffer.from([1, 2]))
      .digest("hex"),
  );
});
