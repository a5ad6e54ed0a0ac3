// A fast yes must be zod's yes: the words of a decision as a simulated life hands them over, whole and then spoilt in each place.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Memory } from "../../contracts/decision.ts";
import { Evidence } from "../../contracts/evidence.ts";
import type { DecisionInputs } from "../../src/core/decide.ts";
import { quickTest } from "../../src/core/quick-test.ts";
import { runScenario } from "../../src/core/simulate.ts";
import { policyOf } from "./decision-world.ts";

/** What decisions are asked with in the last days of a trial: a candidate, a STANDBY, drift, alerts. */
const lived = (): DecisionInputs[] => {
  const seen: DecisionInputs[] = [];
  for (const scenario of ["better-candidate", "healthy-promotion", "covariate-abrupt"] as const)
    runScenario({
      scenario,
      seed: 3,
      days: true,
      policy: policyOf(),
      seen: (inputs) => void (inputs.evidence.now.startsWith("2001-01-25") && seen.push(inputs)),
    });
  return seen;
};

const SPOILT: readonly unknown[] = [
  NaN,
  Infinity,
  0.5,
  -1,
  1e300,
  "",
  "x",
  null,
  undefined,
  true,
  [],
  {},
  [null],
];

/** Every copy of a value with one place spoilt, left out, or with one field too many. */
function* spoiltCopies(whole: unknown, at = "$"): Generator<{ at: string; value: unknown }> {
  for (const value of SPOILT) yield { at, value };
  if (Array.isArray(whole)) {
    yield { at: `${at}.length`, value: [...whole, null] };
    for (const [index, item] of whole.slice(0, 2).entries())
      for (const one of spoiltCopies(item, `${at}.${index}`))
        yield { at: one.at, value: whole.with(index, one.value) };
  } else if (typeof whole === "object" && whole !== null) {
    yield { at: `${at}.more`, value: { ...whole, more: 1 } };
    for (const [key, item] of Object.entries(whole)) {
      const rest = Object.fromEntries(Object.entries(whole).filter(([other]) => other !== key));
      yield { at: `${at}.${key} left out`, value: rest };
      for (const one of spoiltCopies(item, `${at}.${key}`))
        yield { at: one.at, value: { ...whole, [key]: one.value } };
    }
  }
}

describe("quickTest", () => {
  it.each([
    ["evidence", Evidence, (inputs: DecisionInputs): unknown => inputs.evidence],
    ["memory", Memory, (inputs: DecisionInputs): unknown => inputs.memory],
  ] as const)("answers as zod does about real %s, whole and spoilt", (_, word, of) => {
    const test = quickTest<z.ZodType>(word);
    const worlds = lived();
    expect(worlds).toHaveLength(3);
    for (const inputs of worlds) {
      expect(test(of(inputs))).toBe(true);
      for (const { at, value } of spoiltCopies(of(inputs)))
        expect(test(value), at).toBe(word.safeParse(value).success);
    }
  });

  it("never says yes to a kind of schema it does not know", () => {
    for (const [schema, value] of [
      [z.string().min(1), "a"],
      [z.int().positive(), 1],
      [z.email(), "a@b.example"],
      [z.object({ a: z.string() }), { a: "" }],
      [z.string().default("x"), undefined],
      [z.string().transform(Number), "1"],
      [z.union([z.string(), z.number()]), 1],
      [z.iso.datetime(), "2001-01-01T00:00:00Z"],
      [z.strictObject({ a: z.string().default("x") }), {}],
      [z.custom(() => true), 1],
      [
        z
          .string()
          .nullable()
          .refine(() => true),
        null,
      ],
      [
        z
          .int()
          .optional()
          .refine(() => true),
        1,
      ],
      [z.record(z.string().min(1), z.int()), { a: 1 }],
    ] as const) {
      expect(z.safeParse(schema, value).success).toBe(true);
      expect(quickTest(schema)(value)).toBe(false);
    }
  });

  it("is not taken in by holes, prototypes and extra rows", () => {
    const list = quickTest(z.array(z.int()));
    expect([list([1]), list(new Array(1)), list({ 0: 1, length: 1 })]).toEqual([true, false, false]);
    const fields = quickTest(z.strictObject({ a: z.int(), b: z.int().optional() }));
    expect([fields({ a: 1 }), fields({ a: 1, b: undefined }), fields({ a: 1, b: 2, c: 3 })]).toEqual([
      true,
      true,
      false,
    ]);
    expect(fields(Object.create({ a: 1, c: 2 }))).toBe(false);
    const row = quickTest(z.tuple([z.int(), z.string()]));
    expect([row([1, "a"]), row([1]), row([1, "a", 2])]).toEqual([true, false, false]);
  });
});
