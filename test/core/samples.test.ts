// Raw-value distances against SciPy 1.17.1 and the statistics oracles.
import { describe, expect, it } from "vitest";
import { ascending, firstPlace } from "../../src/core/ascending.ts";
import { kolmogorovSf } from "../../src/core/distributions.ts";
import { ksExact, psiSturges, psiZeroFilled, w1Exact } from "../../src/core/samples.ts";
import { seeded } from "../../src/core/training/seeded.ts";

const range = (from: number, to: number): Float64Array =>
  Float64Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("oracle: 1..100 against 11..110", () => {
  const reference = range(1, 100);
  const current = range(11, 110);

  it("KS D and its exact p", () => {
    const ks = ksExact(reference, current);
    expect(ks?.method).toBe("exact");
    expect(ks?.d).toBeCloseTo(0.1, 12);
    expect(ks?.p).toBeCloseTo(0.7020569828, 9);
    expect(kolmogorovSf(0.1 * Math.sqrt(50))).toBeCloseTo(0.6993742, 7);
  });

  it("W1 over the reference's standard deviation, ddof 0", () => {
    expect(w1Exact(reference, current)?.value).toBeCloseTo(0.3464274833, 9);
  });

  it("PSI on Sturges bins of the union, zeros filled", () => {
    expect(psiSturges(reference, current)).toBeCloseTo(0.2932674138, 9);
  });
});

describe("oracle: two small samples", () => {
  const a = Float64Array.of(38.7, 41.5, 43.8, 44.5, 45.5, 46, 47.7, 58);
  const b = Float64Array.of(39.2, 39.3, 39.7, 41.4, 41.8, 42.9, 43.3, 45.8);

  it("KS and W1", () => {
    expect(ksExact(a, b)?.d).toBe(0.625);
    expect(ksExact(a, b)?.p).toBeCloseTo(0.087024, 6);
    expect(w1Exact(a, b)?.w1).toBeCloseTo(4.1625, 10);
    expect(w1Exact(a, b)?.value).toBeCloseTo(0.781236, 6);
  });
});

describe("raw samples", () => {
  it("unequal sizes with ties agree with SciPy", () => {
    const a = Float64Array.from([
      -0.8, -1.32, -0.25, 0.42, 1.14, 0.11, -0.55, -0.78, 0.75, 1.63, 0.27, -1.23, -0.96, 1.6, 0.2, -1.73,
      -0.08, -1.16, -0.63, -0.49, -0.71, 0.55, -0.06, -0.59, 0.41,
    ]);
    const b = Float64Array.from([
      1.58, -1.64, 0.17, -0.77, 0.27, -1.18, 0.53, 0.45, 0.1, -0.86, -0.02, -0.92, -1.26, 0.79, -0.94, 2.02,
      1.43,
    ]);
    expect(ksExact(a, b)?.d).toBeCloseTo(0.18823529411764706, 12);
    expect(ksExact(a, b)?.p).toBeCloseTo(0.7871584138810167, 9);
    expect(w1Exact(a, b)?.value).toBeCloseTo(0.2913136883238228, 9);
  });

  it("PSI of categories with a zero-filled one (three rows a side)", () => {
    // Values 3,2,2 against 1,2,3: shares of the categories 1, 2, 3.
    expect(psiZeroFilled([0, 2 / 3, 1 / 3], [1 / 3, 1 / 3, 1 / 3])).toBeCloseTo(2.934147, 6);
  });

  it("overflow oracle: half the traffic at +50 sd is W1 of about 25", () => {
    const normal = Float64Array.from({ length: 2000 }, (_, i) => Math.sin(i) * Math.SQRT2);
    const shifted = normal.map((x, i) => (i % 2 === 0 ? x + 50 : x));
    expect(w1Exact(normal, shifted)?.value).toBeGreaterThan(24.9);
  });

  it("identical samples are 0 apart and certain; constants and empties have no W1", () => {
    const a = range(1, 50);
    expect(ksExact(a, a)).toEqual({ d: 0, p: 1, method: "exact" });
    expect(w1Exact(a, a)?.value).toBe(0);
    expect(w1Exact(Float64Array.of(4, 4), a)?.value).toBeNull();
    expect(ksExact(new Float64Array(0), a)).toBeNull();
  });

  it("TC-48: NaN is no sample", () => {
    expect(() => ksExact(Float64Array.of(1, NaN), range(1, 3))).toThrow(RangeError);
  });
});

describe("ascending", () => {
  const next = seeded(5);
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const bits = (): number => {
    const words = Uint32Array.of(next() * 2 ** 32, next() * 2 ** 32);
    const [value = 0] = new Float64Array(words.buffer);
    return Number.isNaN(value) ? -Infinity : value;
  };
  it.each<[string, () => number]>([
    ["any bits at all", bits],
    ["a bell", gauss],
    ["four decimals", () => Math.round(gauss() * 1e4) / 1e4],
    ["few values of both signs", () => Math.floor(next() * 5) - 2],
    ["whole numbers about zeros of both signs", () => Math.round(2 * gauss())],
    ["nothing below zero", next],
    ["nothing above zero", () => -next()],
    [
      "zeros of both signs and the ends",
      () => [0, -0, Infinity, -Infinity, 5e-324, -5e-324][Math.floor(6 * next())] ?? 0,
    ],
    ["one value", () => 7],
  ])("%s come in the order of the language's own sort", (_, draw) => {
    for (const rows of [0, 1, 4095, 4096, 20_000]) {
      const values = Float64Array.from({ length: rows }, draw);
      const expected = values.slice().sort();
      const sorted = ascending(values);
      expect(sorted.length).toBe(rows);
      expect(sorted.every((value, at) => Object.is(value, expected[at]))).toBe(true);
    }
  });

  it("finds the first place that holds, or the end", () => {
    for (let places = 0; places < 9; places++)
      for (let first = 0; first <= places; first++)
        expect(firstPlace(places, (at) => at >= first)).toBe(first);
  });
});
