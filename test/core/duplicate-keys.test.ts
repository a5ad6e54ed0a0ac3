// Keys named twice: found at every depth, named by their place, and never seen where there are none.
import { expect, it } from "vitest";
import { countKeys, duplicateKeyPath, hasDuplicateKeys } from "../../src/core/duplicate-keys.ts";
import { lcg } from "./lcg.ts";

it.each([
  ['{"a":1,"a":2}', "a"],
  ['{"a":1,"\\u0061":2}', "a"],
  ['{ "x" : { "b" : 1 , "c" : "b" , "b" : [ ] } }', "x.b"],
  ['{"instances":[{"a":1},{"a":1,"b":":","a":2}]}', "instances.1.a"],
  ['[[{}],[[0,{"k":{"k":{"k":1,"k":1}}}]]]', "1.0.1.k.k.k"],
  ['{"a":{"b":1},"b":{"a":1},"c":["a","a",{"a":"b"}]}', null],
  ['{"a\\"b":1,"a":2,"b":"\\\\"}', null],
  ["[]", null],
])("%s: %s", (text, path) => {
  expect(duplicateKeyPath(text)).toBe(path);
  expect(hasDuplicateKeys(text, countKeys(JSON.parse(text)))).toBe(path !== null);
});

it("agrees with the count on random texts, however they are nested", () => {
  const random = lcg(5);
  const pick = (below: number): number => Math.floor(random() * below);
  const draw = (depth: number): string => {
    if (depth === 0 || pick(4) === 0) return ['"a:"', "1", '"\\\\"', "null", '"{,"'][pick(5)] ?? "0";
    const items = Array.from({ length: pick(4) }, () => draw(depth - 1));
    if (pick(3) === 0) return `[${items.join(" ,")}]`;
    return `{${items.map((item) => `"${"abcdefgh"[pick(8)] ?? ""}" :${item}`).join(",")}}`;
  };
  let twice = 0;
  for (let turn = 0; turn < 3_000; turn++) {
    const text = draw(5);
    const found = hasDuplicateKeys(text, countKeys(JSON.parse(text)));
    if (found) twice++;
    expect(duplicateKeyPath(text) !== null, text).toBe(found);
  }
  expect(twice).toBeGreaterThan(100);
  expect(twice).toBeLessThan(2_900);
});

it("tells a place of a line's length, however deep", () => {
  const text = `${'{"deep":'.repeat(5_000)}{"${"k".repeat(999)}":1,"${"k".repeat(999)}":2}${"}".repeat(5_000)}`;
  expect(duplicateKeyPath(text)).toBe([...Array.from({ length: 7 }, () => "deep"), "k".repeat(64)].join("."));
});
