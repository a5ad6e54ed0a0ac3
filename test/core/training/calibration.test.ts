// Calibrators: pooled rates checked by hand, the clip at its boundary, monotone and continuous lines, and a choice out of
// fold that takes the form the rows were made with.
import { describe, expect, it } from "vitest";
import { calibrate, fitCalibrator, fitIsotonic, fitPlatt } from "../../../src/core/training/calibration.ts";
import { seeded } from "../../../src/core/training/seeded.ts";

const drawn = (rows: number, seed: number, law: (z: number) => number) => {
  const draw = seeded(seed);
  const margins = Float64Array.from({ length: rows }, () => 8 * draw() - 4);
  return { margins, label: Uint8Array.from(margins, (z) => (draw() < law(z) ? 1 : 0)) };
};

describe("isotonic", () => {
  it("pools violators into their mean and stands at block centres", () => {
    const calibrator = fitIsotonic(Float64Array.of(0, 1, 2, 3, 4, 5), Uint8Array.of(0, 1, 0, 1, 0, 1));
    // Blocks {0}, {1,2}, {3,4}, {5} with rates 0, ½, ½, 1; equal rates pool: {0}, {1…4}, {5}; the clip is 1/8.
    expect(calibrator).toEqual({
      kind: "isotonic",
      margins: [0, 2.5, 5],
      probabilities: [0.125, 0.5, 0.875],
    });
    expect(calibrate(calibrator, 1.25)).toBeCloseTo((0.125 + 0.5) / 2, 12);
    expect(calibrate(calibrator, -100)).toBe(0.125);
    expect(calibrate(calibrator, 100)).toBe(0.875);
  });

  it("never gives 0 or 1: clipped to 1/(n+2) and 1 − 1/(n+2)", () => {
    const margins = Float64Array.from({ length: 98 }, (_, i) => i - 49);
    const calibrator = fitIsotonic(
      margins,
      Uint8Array.from(margins, (z) => (z > 0 ? 1 : 0)),
    );
    expect(calibrate(calibrator, -1000)).toBe(Math.fround(0.01));
    expect(calibrate(calibrator, 1000)).toBe(Math.fround(0.99));
  });

  it("never falls and never jumps, even where a class changes at once", () => {
    const { margins, label } = drawn(4000, 2, (z) => (z > 0 ? 0.95 : 0.05));
    const calibrator = fitIsotonic(margins, label);
    for (let z = -5; z < 5; z += 0.001) {
      const rise = calibrate(calibrator, z + 0.001) - calibrate(calibrator, z);
      expect(rise).toBeGreaterThanOrEqual(0);
      expect(rise).toBeLessThanOrEqual(0.004 + 1e-9); // 4 a unit of log-odds
    }
  });
});

describe("Platt", () => {
  it("finds the sigmoid rows were drawn from", () => {
    const { margins, label } = drawn(200_000, 3, (z) => 1 / (1 + Math.exp(-(1.7 * z - 0.6))));
    const calibrator = fitPlatt(margins, label);
    if (calibrator.kind !== "platt") throw new Error("not Platt");
    expect(calibrator.slope).toBeCloseTo(1.7, 1);
    expect(calibrator.intercept).toBeCloseTo(-0.6, 1);
  });

  it("stays finite where a margin parts the classes perfectly", () => {
    const margins = Float64Array.from({ length: 50 }, (_, i) => i - 25);
    const calibrator = fitPlatt(
      margins,
      Uint8Array.from(margins, (z) => (z >= 0 ? 1 : 0)),
    );
    expect(calibrate(calibrator, 25)).toBeLessThan(1);
    expect(calibrate(calibrator, 25)).toBeGreaterThan(0.9);
  });
});

describe("the choice", () => {
  it("takes Platt where the law is a sigmoid and isotonic where it is not", () => {
    const sigmoid = drawn(3000, 4, (z) => 1 / (1 + Math.exp(-z)));
    expect(fitCalibrator(sigmoid.margins, sigmoid.label, 1).calibrator.kind).toBe("platt");
    const stairs = drawn(3000, 5, (z) => (z < -2 ? 0.02 : z < 2 ? 0.5 : 0.6));
    const chosen = fitCalibrator(stairs.margins, stairs.label, 1);
    expect(chosen.calibrator.kind).toBe("isotonic");
    expect(chosen.outOfFold.isotonic).toBeLessThan(chosen.outOfFold.platt);
  });
});
