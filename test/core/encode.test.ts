import { describe, expect, test } from "vitest";
import { Encoding, MISSING, OTHER, type ContinuousEncoding } from "../../contracts/encoding.ts";
import { parseContract } from "../../src/core/contract.ts";
import {
  continuousCodes,
  encodeContinuous,
  encodeFrozen,
  encodingDigest,
  freezeEncoding,
  upperEdge,
  type Column,
} from "../../src/core/encode.ts";

const contractOf = (features: string) => {
  const parsed = parseContract(
    `name: x\nversion: 2.1.0\nlabel: {name: y, positive: 1, negative: 0}\nevent_time: null\nfeatures:\n${features}`,
    "x.yaml",
  );
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed;
};
const freeze = (features: string, columns: Record<string, Column>) => {
  const { contract, digest } = contractOf(features);
  return freezeEncoding({ contract, contractDigest: digest, dataset: "d", columns });
};
const continuous = (values: Iterable<number>): ContinuousEncoding => {
  const [encoding] = freeze("  c: {kind: continuous, min: -1e9, max: 1e9}", {
    c: Float64Array.from(values),
  }).features;
  if (encoding?.kind !== "continuous") throw new Error("expected a continuous encoding");
  return encoding;
};
/** A small generator, so that the same columns come out everywhere. */
const draws = (count: number, seed: number): number[] => {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) ** 3 * 1000 - 200;
  });
};

describe("continuous", () => {
  const encoding = continuous(draws(20_000, 7));

  test("at most 230 inner bins of nearly equal mass, edges ascending float32, the last the maximum", () => {
    expect(encoding.edges.length).toBe(230);
    expect(encoding.edges.at(-1)).toBe(encoding.high);
    expect(
      encoding.edges.every((e, i) => e === Math.fround(e) && e > (encoding.edges[i - 1] ?? -Infinity)),
    ).toBe(true);
    const counts = new Map<number, number>();
    for (const value of draws(20_000, 7)) {
      const code = encodeContinuous(encoding, value);
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    expect(Math.max(...counts.values())).toBeLessThanOrEqual(90); // 20,000 / 230 = 87
    expect([...counts.keys()].every((code) => code >= 8 && code < 238)).toBe(true);
  });

  test("codes ascend with the value", () => {
    const sorted = [...draws(2_000, 3).map((v) => v * 40), -Infinity, Infinity].sort((a, b) => a - b);
    const codes = sorted.map((value) => encodeContinuous(encoding, value));
    expect(codes.every((code, i) => i === 0 || code >= (codes[i - 1] ?? 0))).toBe(true);
    expect([codes[0], codes.at(-1)]).toEqual([0, continuousCodes(encoding) - 1]);
  });

  test("code ≤ c is exactly value ≤ upperEdge(c), on every edge and its float32 neighbours", () => {
    for (let code = 0; code < continuousCodes(encoding) - 1; code++) {
      const edge = upperEdge(encoding, code);
      expect(edge).toBe(Math.fround(edge));
      expect(encodeContinuous(encoding, edge)).toBeLessThanOrEqual(code);
      const next = new Float32Array([edge]);
      const bits = new Int32Array(next.buffer);
      bits[0] = (bits[0] ?? 0) + (edge < 0 ? -1 : 1);
      expect(encodeContinuous(encoding, next[0] ?? NaN)).toBeGreaterThan(code);
    }
    expect(upperEdge(encoding, continuousCodes(encoding) - 1)).toBe(Infinity);
  });

  test("overflow is graded: level k reaches range·2^(k−4), inclusively, on both sides", () => {
    const unit = continuous([0, 16]); // range 16: levels reach 1, 2, 4 … 64, then open
    const high = 8 + unit.edges.length;
    for (let k = 0; k < 7; k++) {
      expect(encodeContinuous(unit, 16 + 2 ** k)).toBe(high + k);
      expect(encodeContinuous(unit, 16 + 2 ** k + 0.001)).toBe(high + k + 1);
      expect(encodeContinuous(unit, -(2 ** k))).toBe(7 - k);
      expect(encodeContinuous(unit, -(2 ** k) - 0.001)).toBe(6 - k);
    }
    expect([encodeContinuous(unit, 1e30), encodeContinuous(unit, -1e30)]).toEqual([high + 7, 0]);
  });

  test("NaN is missing, never a bin", () => expect(encodeContinuous(encoding, NaN)).toBe(MISSING));

  test("equal values are never split, and few distinct values each have a bin", () => {
    const heavy = continuous([...Array<number>(5_000).fill(0), ...draws(5_000, 1)]);
    expect(new Set(heavy.edges).size).toBe(heavy.edges.length);
    const few = continuous([3, 1, 2, 2, 2, 3]);
    expect(few.edges).toEqual([1, 2, 3]);
    expect(few.means).toEqual([1, 2, 3]);
  });

  test("a constant reference has one bin and everything else lies beyond it", () => {
    const one = continuous([5, 5, 5]);
    expect([one.low, one.high, one.edges, one.sd]).toEqual([5, 5, [5], 0]);
    expect([5, 5.1, 4.9].map((v) => encodeContinuous(one, v))).toEqual([8, 16, 0]);
  });

  test("values are rounded to float32 before edges are taken and before they are compared", () => {
    const tenths = continuous([0.1, 0.2, 0.3]);
    expect(tenths.edges).toEqual([0.1, 0.2, 0.3].map(Math.fround));
    expect([0.1, 0.2, 0.3].map((v) => encodeContinuous(tenths, v))).toEqual([8, 9, 10]);
  });

  test("mean and sd are of the values that are there (ddof 0)", () => {
    const gaps = continuous([1, NaN, 3]);
    expect([gaps.mean, gaps.sd]).toEqual([2, 1]);
  });
});

test("nominal vocabularies are most frequent first, ties by code unit order, at most 240", () => {
  const dictionary = Array.from({ length: 300 }, (_, i) => `v${String(i).padStart(3, "0")}`);
  const indices = Uint16Array.from([...dictionary.keys(), 299, 299, 150, 0xffff]);
  const encoding = freeze("  n: {kind: nominal, values: frozen, unseen: other, missing: allow}", {
    n: { dictionary, indices },
  });
  const [feature] = encoding.features;
  expect(feature?.kind === "nominal" && feature.values.slice(0, 3)).toEqual(["v299", "v150", "v000"]);
  expect(feature?.kind === "nominal" && feature.values.length).toBe(240);
  const { codes } = encodeFrozen(
    { columns: { n: { dictionary, indices } }, label: new Uint8Array(0) },
    encoding,
  );
  expect([codes[0]?.[299], codes[0]?.[150], codes[0]?.[298], codes[0]?.at(-1)]).toEqual([
    0,
    1,
    OTHER,
    MISSING,
  ]);
});

test("a listed vocabulary is kept whole even where the reference lacks a value", () => {
  const encoding = freeze("  n: {kind: nominal, values: [a, b, c]}", {
    n: { dictionary: ["c", "a"], indices: Uint16Array.from([0, 0, 1]) },
  });
  expect(encoding.features[0]?.kind === "nominal" && encoding.features[0].values).toEqual(["c", "a", "b"]);
});

test("columns encode as rows do: codes, and float32 values beside continuous features only", () => {
  const columns = {
    c: Float64Array.from([1, NaN, 2.5]),
    o: Float64Array.from([7, 9, NaN]),
  };
  const encoding = freeze(
    "  c: {kind: continuous, min: 0, max: 9, missing: allow}\n  o: {kind: ordinal, values: [9, 8, 7], missing: allow}",
    columns,
  );
  const { codes, values } = encodeFrozen({ columns, label: new Uint8Array(3) }, encoding);
  expect(codes.map((c) => [...c])).toEqual([
    [8, MISSING, 9],
    [2, 0, MISSING],
  ]);
  expect(values[0]).toEqual(Float32Array.from([1, NaN, 2.5]));
  expect(values[1]).toBeNull();
});

test("an encoding is a word, its digest is of its content, and it survives JSON exactly", () => {
  const encoding = freeze("  c: {kind: continuous, min: -1e9, max: 1e9}", {
    c: Float64Array.from([-0, 0.1, 7]),
  });
  const again = Encoding.parse(JSON.parse(JSON.stringify(encoding)));
  expect(again).toEqual(encoding);
  expect(encodingDigest(again)).toBe(encodingDigest(encoding));
  expect(encoding.contract_major).toBe(2);
});

test("no reference value, no encoding", () => {
  expect(() => continuous([NaN])).toThrow("no reference value");
});
