// The trust score against its oracle, and what it makes of absence.
import { describe, expect, it } from "vitest";
import { trustOf } from "../../src/core/trust.ts";

const full = { accuracy: 0.9, f1: 0.8, confidence: 0.7, psi: 0.2, latencyMs: 900 };
const none = { accuracy: null, f1: null, confidence: null, psi: null, latencyMs: null };

describe("trustOf", () => {
  it("oracle", () => {
    const trust = trustOf(full);
    expect(trust.state === "valid" && trust.trust).toBeCloseTo(0.725, 12);
  });

  it.each([
    [0, 1],
    [300, 1],
    [900, 0.5],
    [1500, 0],
    [9000, 0],
  ])("latency of %d ms is worth %d", (latencyMs, expected) => {
    const trust = trustOf({ ...none, latencyMs });
    expect(trust.state === "valid" && trust.trust).toBeCloseTo(expected, 12);
  });

  it.each([
    [0.1, 1],
    [0.15, 0.75],
    [0.2, 0.5],
    [0.3, 0],
    [1.45, 0],
  ])("PSI of %d is worth %d (TC-19: PSI has no upper bound)", (psi, expected) => {
    const trust = trustOf({ ...none, psi });
    expect(trust.state === "valid" && trust.trust).toBeCloseTo(expected, 12);
  });

  it("a missing part is not a zero: the others keep their relative weights", () => {
    const trust = trustOf({ ...full, f1: null });
    expect(trust.state === "valid" && trust.trust).toBeCloseTo((0.27 + 0.105 + 0.1 + 0.05) / 0.75, 12);
    expect(trust.state === "valid" && trust.absent).toEqual(["f1"]);
    expect(trustOf({ ...full, f1: 0 })).not.toEqual(trust);
  });

  it("TC-85: nothing known is absent, neither 0 nor 1", () =>
    expect(trustOf(none)).toEqual({ state: "absent" }));

  it.each([
    ["accuracy", NaN],
    ["accuracy", -5],
    ["f1", 999],
    ["confidence", 1.0001],
  ] as const)("TC-48: %s of %d is invalid", (part, value) => {
    expect(trustOf({ ...full, [part]: value })).toMatchObject({ state: "invalid", part });
  });

  it.each([
    [{ psi: NaN }, "drift"],
    [{ psi: Infinity }, "drift"],
    [{ latencyMs: -1 }, "latency"],
  ] as const)("TC-48: %o is invalid", (bad, part) => {
    expect(trustOf({ ...full, ...bad })).toMatchObject({ state: "invalid", part });
  });
});
