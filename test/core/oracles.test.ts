// The shared oracle files themselves, where they stand beside this clone; the same numbers are copied into the tests of each room, so a
// lone clone loses nothing but the check that the copies are current.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { estimatePerformance } from "../../src/core/estimation.ts";
import { designEffect, ROW_LAMBDAS, rowTemperedLogE, rowWealth } from "../../src/core/sequential.ts";
import { ksExact, psiSturges, w1Exact } from "../../src/core/samples.ts";
import { trustOf } from "../../src/core/trust.ts";
import { volumeBand } from "../../src/core/traffic-drift.ts";

const folder = new URL("../../../shared/oracles/", import.meta.url);
const present = existsSync(folder);
if (!present)
  console.warn("SKIPPED: ../shared/oracles is not beside this clone; only the copied numbers were tested");
const read = (name: string): unknown => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

describe.skipIf(!present)("shared oracles", () => {
  it("statistics.json", () => {
    const numbers = z.array(z.number());
    const oracle = z
      .object({
        continuous_shift: z.object({
          ks_d: z.number(),
          ks_p_exact: z.number(),
          w1_over_refstd_ddof0: z.number(),
          "psi_on_sturges_zero_fill_1e-4": z.number(),
        }),
        two_small_samples: z.object({
          a: numbers,
          b: numbers,
          ks_d: z.number(),
          ks_p_exact: z.number(),
          w1: z.number(),
        }),
        cbpe: z.object({ p: numbers, threshold: z.number(), f1: z.number(), auroc: z.number() }),
        trust: z.array(
          z.object({
            accuracy: z.number(),
            f1: z.number(),
            confidence: z.number(),
            psi: z.number(),
            latency_ms: z.number(),
            trust: z.number(),
          }),
        ),
      })
      .parse(read("statistics.json"));
    const reference = Float64Array.from({ length: 100 }, (_, i) => i + 1);
    const current = reference.map((value) => value + 10);
    const shift = oracle.continuous_shift;
    expect(ksExact(reference, current)?.d).toBeCloseTo(shift.ks_d, 10);
    expect(ksExact(reference, current)?.p).toBeCloseTo(shift.ks_p_exact, 9);
    expect(w1Exact(reference, current)?.value).toBeCloseTo(shift.w1_over_refstd_ddof0, 9);
    expect(psiSturges(reference, current)).toBeCloseTo(shift["psi_on_sturges_zero_fill_1e-4"], 9);
    const small = oracle.two_small_samples;
    const [a, b] = [Float64Array.from(small.a), Float64Array.from(small.b)];
    expect(ksExact(a, b)?.d).toBeCloseTo(small.ks_d, 10);
    expect(ksExact(a, b)?.p).toBeCloseTo(small.ks_p_exact, 6);
    expect(w1Exact(a, b)?.w1).toBeCloseTo(small.w1, 6);
    const cbpe = estimatePerformance(Float64Array.from(oracle.cbpe.p), oracle.cbpe.threshold);
    expect(cbpe?.metrics.f1).toBeCloseTo(oracle.cbpe.f1, 9);
    expect(cbpe?.metrics.roc_auc).toBeCloseTo(oracle.cbpe.auroc, 9);
    for (const { latency_ms: latencyMs, trust, ...inputs } of oracle.trust) {
      const score = trustOf({ ...inputs, latencyMs });
      expect(score.state === "valid" && score.trust).toBeCloseTo(trust, 9);
    }
  });

  it("sequential.json", () => {
    const oracle = z
      .object({
        lambda_grid: z.array(z.number()),
        small: z.object({ d: z.array(z.number()), logE_sup: z.number() }),
      })
      .parse(read("sequential.json"));
    expect([...ROW_LAMBDAS]).toEqual(oracle.lambda_grid);
    expect(rowTemperedLogE(rowWealth(oracle.small.d), 1)).toBeCloseTo(oracle.small.logE_sup, 8);
    expect(designEffect([])).toBeNull();
  });

  it("decisions.json: volume", () => {
    const oracle = z
      .object({
        volume: z.array(z.object({ baseline: z.number().nullable(), current: z.number(), band: z.string() })),
      })
      .parse(read("decisions.json"));
    for (const { baseline, current, band } of oracle.volume) expect(volumeBand(baseline, current)).toBe(band);
  });
});
