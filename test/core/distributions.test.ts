// Distributions against SciPy 1.17.1, relative error below 1e-10.
import { describe, expect, it } from "vitest";
import {
  benjaminiHochberg,
  chiSquareQuantile,
  chiSquareSf,
  kolmogorovSf,
  normalCdf,
  normalQuantile,
  normalSf,
  twoProportion,
  wilsonInterval,
} from "../../src/core/distributions.ts";

const close = (actual: number, expected: number): void => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-10 * Math.abs(expected));
};

describe("distributions", () => {
  it.each([
    [-8, 0.9999999999999993],
    [-3, 0.9986501019683699],
    [-1, 0.8413447460685429],
    [-0.1, 0.539827837277029],
    [0, 0.5],
    [0.1, 0.460172162722971],
    [0.5, 0.3085375387259869],
    [1, 0.15865525393145707],
    [1.645, 0.049984905539121376],
    [1.96, 0.024997895148220435],
    [2.326, 0.010009275340867669],
    [3, 0.0013498980316300933],
    [5, 2.866515718791933e-7],
    [8, 6.22096057427174e-16],
    [15, 3.6709661993126986e-51],
    [20, 2.7536241186061556e-89],
  ])("normal tail at %d", (z, expected) => {
    close(normalSf(z), expected);
    close(normalCdf(-z), expected);
  });

  it.each([
    [1e-100, -21.273453560965322],
    [1e-30, -11.464024688443613],
    [1e-10, -6.361340902404056],
    [1e-5, -4.264890793922825],
    [0.001, -3.090232306167813],
    [0.025, -1.9599639845400545],
    [0.05, -1.6448536269514729],
    [0.2, -0.8416212335729142],
    [0.5, 0.0],
    [0.6, 0.2533471031357997],
    [0.9, 1.2815515655446004],
    [0.95, 1.6448536269514722],
    [0.975, 1.959963984540054],
    [0.999, 3.090232306167813],
    [0.999999999, 5.997807019601637],
  ])("normal quantile at %d", (q, expected) => {
    if (expected === 0) expect(normalQuantile(q)).toBe(0);
    else close(normalQuantile(q), expected);
  });

  it.each([
    [0.01, 1, 0.920344325445942],
    [3.84, 1, 0.05004352124870519],
    [10, 1, 0.001565402258002549],
    [50, 1, 1.537459794428033e-12],
    [0.5, 2, 0.7788007830714049],
    [5, 3, 0.1717971442967335],
    [21.67, 9, 0.009985789299578333],
    [9, 9, 0.43727418891386693],
    [2, 9, 0.9914676066288135],
    [100, 9, 1.5735176303753876e-17],
    [12, 12, 0.44567964136461097],
    [60, 30, 0.0009206823961486636],
    [20, 30, 0.9165415270653372],
    [250, 200, 0.009379131668826098],
    [180, 200, 0.84177901081357],
    [400, 240, 4.0051601990802386e-10],
    [700, 240, 1.49388448680787e-46],
    [0.001, 9, 1.0],
  ])("chi-square tail at %d with %d degrees", (x, df, expected) => {
    close(chiSquareSf(x, df), expected);
  });

  it.each([
    [0.95, 1, 3.841458820694124],
    [0.99, 9, 21.665994333461924],
    [0.95, 9, 16.918977604620448],
    [0.95, 19, 30.14352720564616],
    [0.99, 19, 36.19086912927004],
    [0.5, 1, 0.454936423119572],
    [0.01, 1, 0.00015708785790970184],
    [0.999, 240, 313.4368988116489],
    [1e-6, 3, 0.00024181048720124264],
    [0.9999999999, 12, 72.69439386267372],
    [0.05, 100, 77.92946516501726],
  ])("chi-square quantile %d with %d degrees", (q, df, expected) => {
    close(chiSquareQuantile(q, df), expected);
  });

  it.each([
    [0.2, 0.999999999999495],
    [0.3, 0.9999906941986655],
    [0.5, 0.9639452436648751],
    [0.7071067811865476, 0.6993741991310154],
    [0.9, 0.3927307079406543],
    [1.1, 0.1777181926064012],
    [1.18, 0.1234538094297657],
    [1.2, 0.11224966667072497],
    [1.36, 0.049485876755377876],
    [1.63, 0.009846364888486529],
    [2, 0.0006709252557796953],
    [3, 3.045995948942526e-8],
    [5, 3.8574996959278356e-22],
  ])("Kolmogorov tail at %d", (x, expected) => {
    close(kolmogorovSf(x), expected);
  });

  it("keeps NaN a NaN and answers the ends", () => {
    expect(normalSf(NaN)).toBeNaN();
    expect(chiSquareSf(NaN, 3)).toBeNaN();
    expect(kolmogorovSf(NaN)).toBeNaN();
    expect(normalQuantile(-0.1)).toBeNaN();
    expect(normalQuantile(1)).toBe(Infinity);
    expect(chiSquareSf(0, 4)).toBe(1);
    expect(chiSquareQuantile(0, 4)).toBe(0);
  });

  it("gives the published null quantiles of PSI's χ² (11 cells would be another table)", () => {
    expect(chiSquareQuantile(0.99, 9)).toBeCloseTo(21.67, 2);
  });
});

describe("benjaminiHochberg", () => {
  it("equals SciPy's false_discovery_control, in the order given", () => {
    benjaminiHochberg([0.01, 0.04, 0.03, 0.005, 0.5]).forEach((p, i) =>
      close(p, [0.025, 0.05, 0.05, 0.025, 0.5][i] ?? NaN),
    );
  });

  it("rejects at equality: the smallest of two p-values of .05 is .05", () => {
    expect(benjaminiHochberg([0.05, 0.05])).toEqual([0.05, 0.05]);
    expect(benjaminiHochberg([])).toEqual([]);
  });

  it("TC-48: refuses NaN instead of letting it join a family", () => {
    expect(() => benjaminiHochberg([0.1, NaN])).toThrow(RangeError);
  });
});

describe("wilsonInterval", () => {
  it.each([
    [0, 10, 0.0, 0.27753279986288926],
    [3, 10, 0.10779126740630102, 0.6032218525388546],
    [10, 10, 0.7224672001371109, 1.0],
    [50, 1000, 0.03813026239274881, 0.06531382024425081],
  ])("%d of %d", (k, n, low, high) => {
    const interval = wilsonInterval(k, n);
    if (low === 0) expect(interval?.low).toBe(0);
    else close(interval?.low ?? NaN, low);
    close(interval?.high ?? NaN, high);
  });

  it("has no interval without trials", () => expect(wilsonInterval(0, 0)).toBeNull());
});

describe("twoProportion", () => {
  it("is the χ² test of a 2×2 table without Yates", () => {
    const test = twoProportion(30, 100, 45, 110);
    close(test?.p ?? NaN, chiSquareSf((test?.z ?? NaN) ** 2, 1));
    expect(test?.z).toBeGreaterThan(0);
  });

  it("sees nothing where both hold one outcome, and does not exist without rows", () => {
    expect(twoProportion(0, 10, 0, 20)).toEqual({ z: 0, p: 1 });
    expect(twoProportion(0, 0, 1, 2)).toBeNull();
  });
});
