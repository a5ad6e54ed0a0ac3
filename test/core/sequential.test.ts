// Sequential evidence against its oracles (copied, so that a lone clone runs them) and by simulation.
import { describe, expect, it } from "vitest";
import {
  addWealth,
  BLOCK_LAMBDAS,
  blockGrowth,
  blockSignBound,
  blockSignLogE,
  catastropheF0,
  designEffect,
  f1Growth,
  logMeanExp,
  lookAgain,
  mixtureLogE,
  ROW_LAMBDAS,
  rowTemperedBound,
  rowTemperedLogE,
  rowWealth,
  startMixture,
  tallyBlocks,
  temperedGrowth,
} from "../../src/core/sequential.ts";
import { lcg } from "./lcg.ts";

type Pair = { y: number; production: number; candidate: number; d: number };

/** The oracles' stream: the better side shrinks the true probability less towards one half. */
const stream = (kind: "better" | "worse", seed: number, n: number): Pair[] => {
  const random = lcg(seed);
  return Array.from({ length: n }, () => {
    const q = random();
    const y = random() < q ? 1 : 0;
    const plain = 0.5 + 0.5 * (q - 0.5);
    const sharp = 0.5 + 0.8 * (q - 0.5);
    const [production, candidate] = kind === "better" ? [plain, sharp] : [sharp, plain];
    return { y, production, candidate, d: (candidate - y) ** 2 - (production - y) ** 2 };
  });
};
const differences = (pairs: readonly Pair[]): number[] => pairs.map((pair) => pair.d);
const superior = { kind: "superior" } as const;
const harmful = { kind: "harmful" } as const;
const nonInferior = { kind: "non_inferior", margin: 0.01 } as const;

describe("row_tempered oracles", () => {
  const better = stream("better", 12345, 1000);

  it("the stake grid and the stream are the oracles'", () => {
    expect(ROW_LAMBDAS).toEqual([0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.95]);
    const first: number[][] = [
      [1, 0.260201343, 0.116322149],
      [0, 0.521577897, 0.534524636],
      [1, 0.705014757, 0.828023611],
    ];
    first.forEach(([y, production, candidate], row) => {
      expect(better[row]?.y).toBe(y);
      expect(better[row]?.production).toBeCloseTo(production ?? NaN, 8);
      expect(better[row]?.candidate).toBeCloseTo(candidate ?? NaN, 8);
    });
    expect(differences(better).reduce((a, b) => a + b, 0) / 1000).toBeCloseTo(-0.01724952545435215, 14);
  });

  it.each([
    [10, -0.012939, 0.021952, -0.001656],
    [100, 0.833284, 1.409148, -0.555781],
    [200, 2.121678, 3.640047, -0.913459],
    [500, 5.52854, 9.959952, -1.376929],
    [1000, 12.46094, 21.694054, -1.90402],
  ])("after %d rows", (rows, sup, noninf, harm) => {
    const d = differences(better.slice(0, rows));
    expect(rowTemperedLogE(rowWealth(d, superior), 1)).toBeCloseTo(sup, 6);
    expect(rowTemperedLogE(rowWealth(d, nonInferior), 1)).toBeCloseTo(noninf, 6);
    expect(rowTemperedLogE(rowWealth(d, harmful), 1)).toBeCloseTo(harm, 6);
  });

  it("first crossings of 20 and 100", () => {
    const crossing = (bound: number): number => {
      let wealth = rowWealth([]);
      return better.findIndex((pair) => {
        wealth = addWealth(wealth, rowWealth([pair.d]));
        return rowTemperedLogE(wealth, 1) >= Math.log(bound);
      });
    };
    expect(crossing(20) + 1).toBe(271);
    expect(crossing(100) + 1).toBe(433);
  });

  it("small sample, constant gain, one row won and one lost", () => {
    const d = [-0.07, -0.07, -0.05, -0.09, -0.05, -0.03, -0.16, -0.2, 0, 0.05];
    expect(rowTemperedLogE(rowWealth(d, superior), 1)).toBeCloseTo(0.24307359348176893, 8);
    expect(Math.exp(rowTemperedLogE(rowWealth(d, nonInferior), 1))).toBeCloseTo(1.3266552856574405, 8);
    expect(Math.exp(rowTemperedLogE(rowWealth(d, harmful), 1))).toBeCloseTo(0.8009313804425131, 8);
    expect(rowTemperedLogE(rowWealth(new Array<number>(1000).fill(-0.01)), 1)).toBeCloseTo(
      7.2294031340376,
      6,
    );
    expect(rowTemperedLogE(rowWealth([-1]), 1)).toBeCloseTo(0.29886926184234497, 9);
    expect(rowTemperedLogE(rowWealth([1]), 1)).toBeCloseTo(-0.4282220952307809, 9);
  });

  it("tempered by a design effect, and the design effect of 20 blocks of 50", () => {
    expect(rowTemperedLogE(rowWealth(differences(better)), 2.5)).toBeCloseTo(4.011962, 6);
    const blocks = Array.from({ length: 20 }, (_, b) => {
      const d = differences(better.slice(50 * b, 50 * b + 50));
      const sum = d.reduce((s, x) => s + x, 0);
      return { n: 50, sum, squares: d.reduce((s, x) => s + x * x, 0) };
    });
    const deff = designEffect(blocks);
    expect(deff?.raw).toBeCloseTo(0.655018, 6);
    expect(deff?.used).toBeCloseTo(1.520195, 6);
    expect(designEffect(blocks.slice(1))).toBeNull();
  });

  it("does not depend on batching: any split gives the same bits", () => {
    const d = differences(better);
    const whole = rowWealth(d);
    for (const size of [1, 7, 250]) {
      let parts = rowWealth([]);
      for (let i = 0; i < d.length; i += size) parts = addWealth(rowWealth(d.slice(i, i + size)), parts);
      expect(parts).toEqual(whole);
    }
  });

  it("TC-62: a clone gives E = 1 for ever, 15 pairs or 15,000", () => {
    expect(rowTemperedLogE(rowWealth(new Array<number>(15).fill(0)), 1)).toBeCloseTo(0, 12);
    expect(rowTemperedLogE(rowWealth(new Array<number>(15_000).fill(0)), 1)).toBeCloseTo(0, 12);
  });

  it("TC-48: NaN and impossible differences are refused, not bet on", () => {
    expect(() => rowWealth([NaN])).toThrow(RangeError);
    expect(() => rowWealth([1.01])).toThrow(RangeError);
    expect(() => temperedGrowth(rowWealth([]), 0.5)).toThrow(RangeError);
  });

  it("the bound rises with each candidate", () => {
    expect(Math.exp(rowTemperedBound(1))).toBeCloseTo(100, 9);
    expect(Math.exp(rowTemperedBound(3))).toBeCloseTo(600, 9);
  });
});

describe("change-time mixture", () => {
  const d = [...differences(stream("better", 12345, 300)), ...differences(stream("worse", 777, 700))];
  const looks = Array.from({ length: 10 }, (_, look) => d.slice(100 * look, 100 * look + 100));

  it("oracle: harm that begins at row 301 is seen although 300 good rows came before", () => {
    let mixture = startMixture(ROW_LAMBDAS.length);
    const seen = looks.map((rows) => {
      mixture = lookAgain(mixture, temperedGrowth(rowWealth(rows, harmful), 1));
      return mixtureLogE(mixture);
    });
    [
      -0.239766, -0.467689, -0.630148, -0.517887, -0.195079, 0.392673, 1.272131, 2.144596, 3.776945, 5.651146,
    ].forEach((expected, look) => {
      expect(seen[look]).toBeCloseTo(expected, 6);
    });
    expect(rowTemperedLogE(rowWealth(d, harmful), 1)).toBeCloseTo(2.699951, 6);
  });

  it("starts at E = 1 and survives growth that would overflow", () => {
    let mixture = startMixture(BLOCK_LAMBDAS.length);
    expect(mixtureLogE(mixture)).toBeCloseTo(0, 12);
    for (let look = 0; look < 1000; look++) mixture = lookAgain(mixture, blockGrowth({ won: 10, lost: 0 }));
    expect(mixtureLogE(mixture)).toBeGreaterThan(5000);
    expect(mixtureLogE(mixture)).toBeLessThan(Infinity);
  });

  it("rarely alarms without harm: under 1 % over 500 looks at E ≥ 100", () => {
    const random = lcg(99);
    let alarms = 0;
    for (let run = 0; run < 300; run++) {
      let mixture = startMixture(BLOCK_LAMBDAS.length);
      for (let look = 0; look < 500; look++) {
        mixture = lookAgain(mixture, blockGrowth(random() < 0.5 ? { won: 1, lost: 0 } : { won: 0, lost: 1 }));
        if (mixtureLogE(mixture) >= Math.log(100)) {
          alarms++;
          break;
        }
      }
    }
    expect(alarms).toBeLessThanOrEqual(6);
  });
});

describe("F1 e-process", () => {
  it.each([
    [20, 80, 0.5, 3.013651],
    [60, 80, 0.6, -1.186398],
  ])("oracle: TP %d, errors %d, f0 %d", (tp, errors, f0, expected) => {
    expect(logMeanExp(f1Growth({ tp, fp: errors - 30, fn: 30 }, f0))).toBeCloseTo(expected, 6);
  });

  it("is measured from below the baseline", () => {
    expect(catastropheF0(0.8)).toBeCloseTo(0.725, 12);
    expect(() => f1Growth({ tp: 1, fp: 1, fn: 1 }, 0)).toThrow(RangeError);
  });
});

describe("block_sign", () => {
  it("tallies closed blocks of 50 pairs and more by the sign of their mean", () => {
    const blocks = [
      { pairs: 50, sum: -0.1 },
      { pairs: 49, sum: -9 },
      { pairs: 500, sum: 2 },
      { pairs: 80, sum: 0 },
    ];
    expect(tallyBlocks(blocks)).toEqual({ won: 1, lost: 1, drawn: 1 });
  });

  it("is the mean over stakes of Π(1 ± λ)", () => {
    const byHand =
      (0.1 ** 0 * (1.1 ** 9 * 0.9 + 1.3 ** 9 * 0.7 + 1.5 ** 9 * 0.5 + 1.7 ** 9 * 0.3 + 1.9 ** 9 * 0.1)) / 5;
    expect(Math.exp(blockSignLogE({ won: 9, lost: 1 }))).toBeCloseTo(byHand, 9);
    expect(blockSignLogE({ won: 0, lost: 0 })).toBe(0);
  });

  it("asks k(k+1)/α of the k-th candidate and 8 blocks", () => {
    expect(Math.exp(blockSignBound(1).logE)).toBeCloseTo(40, 9);
    expect(Math.exp(blockSignBound(2).logE)).toBeCloseTo(120, 9);
    expect(blockSignBound(1).blocksMin).toBe(8);
  });

  it("an equal twin looked at 100 times crosses in under 5 % of runs; a block winner of 80 % does within weeks", () => {
    const random = lcg(4);
    const crossing = (chance: number): number => {
      const tally = { won: 0, lost: 0 };
      for (let block = 1; block <= 100; block++) {
        tally[random() < chance ? "won" : "lost"]++;
        if (block >= 8 && blockSignLogE(tally) >= blockSignBound(1).logE) return block;
      }
      return Infinity;
    };
    const twins = Array.from({ length: 1000 }, () => crossing(0.5));
    expect(twins.filter(Number.isFinite).length).toBeLessThan(50);
    const better = Array.from({ length: 500 }, () => crossing(0.8)).sort((a, b) => a - b);
    expect(better[250]).toBeGreaterThanOrEqual(8);
    expect(better[250]).toBeLessThanOrEqual(29);
  });
});
