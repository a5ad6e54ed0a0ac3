// The gates at their boundaries (STATISTICS §5, oracles/decisions.json): exact thresholds pass, anything missing never does.
import { describe, expect, it } from "vitest";
import type { GateResult } from "../../contracts/decision.ts";
import type { Paired } from "../../contracts/evidence.ts";
import type { PairedCells } from "../../contracts/snapshot.ts";
import { allPass, judgeGates, type GateContext } from "../../src/core/gates.ts";
import { candidateEvidence } from "../../src/core/promotion-evidence.ts";
import { block, blocks, daysBefore, NOW, paired, policyOf, realised } from "./decision-world.ts";

const conservative = policyOf();
const classic = policyOf("classic");

const judge = (more: Partial<Paired> = {}, context: Partial<GateContext> = {}): GateResult[] => {
  const policy = context.policy ?? conservative;
  const pairs = paired(more);
  return judgeGates({
    paired: pairs,
    clock: "wall",
    now: NOW,
    lastPromotionAt: daysBefore(40),
    promotionCooldownMs: conservative.ms.promotion,
    stability: { decided: 7, sound: 7 },
    evidence: candidateEvidence(pairs.blocks, { number: 1, policy: policy.candidate.evidence }),
    productionSteady: true,
    trust: null,
    policy,
    ...context,
  });
};
const gate = (name: string, more: Partial<Paired> = {}, context: Partial<GateContext> = {}): string =>
  judge(more, context).find((one) => one.gate === name)?.result ?? "absent";

/** Two F1s as counts of one segment: production finds `p` of 100 positives, candidate `c`, nobody errs on negatives but by `fp`. */
const f1Cells = (
  production: { tp: number; fp: number },
  candidate: { tp: number; fp: number },
): PairedCells => {
  const both = Math.min(production.tp, candidate.tp);
  const wrong = Math.min(production.fp, candidate.fp);
  return [
    9000,
    candidate.fp - wrong,
    production.fp - wrong,
    wrong,
    1000 - Math.max(production.tp, candidate.tp),
    candidate.tp - both,
    production.tp - both,
    both,
  ];
};
/** F1 = 2tp/(tp + fp + 1000): .8 at tp 800, fp 200; .816 at tp 816, fp 184. */
const F1_80 = { tp: 800, fp: 200 };

it("a good candidate passes them all", () => {
  expect(
    judge()
      .filter(({ result }) => result !== "pass")
      .map((one) => one.gate),
  ).toEqual(["segments", "fairness"]);
  expect(allPass(judge())).toBe(true);
  expect(allPass([])).toBe(false);
});

describe("waiting gates", () => {
  it.each<[string, Partial<Paired>, Partial<GateContext>, string]>([
    ["samples", { matured: 199 }, {}, "insufficient"],
    ["samples", { matured: 200 }, {}, "pass"],
    // TC-14, TC-43: nothing but a share at or above the minimum passes.
    ["coverage", { coverage: 0.2999 }, {}, "insufficient"],
    ["coverage", { coverage: -0.3 }, {}, "insufficient"],
    ["coverage", { coverage: 0.3 }, {}, "pass"],
    ["coverage", { coverage: null }, {}, "insufficient"],
    ["coverage", { coverage: NaN }, {}, "insufficient"],
    ["coverage", { coverage: 1.5 }, {}, "insufficient"],
    ["pairs", { pairs: 499 }, {}, "insufficient"],
    ["pairs", { pairs: 500 }, {}, "pass"],
    ["completeness", { ok: 989, unpaired: 11 }, {}, "insufficient"],
    ["completeness", { ok: 990, unpaired: 10 }, {}, "pass"],
    ["completeness", { ok: 0, unpaired: 0 }, {}, "insufficient"],
    ["cooldown", {}, { lastPromotionAt: daysBefore(6.9) }, "insufficient"],
    ["cooldown", {}, { lastPromotionAt: daysBefore(7) }, "pass"],
    ["cooldown", {}, { lastPromotionAt: "unreadable" }, "insufficient"],
    ["cooldown", {}, { lastPromotionAt: null }, "insufficient"],
    ["cooldown", {}, { lastPromotionAt: daysBefore(-1) }, "insufficient"],
    ["stability", {}, { stability: { decided: 7, sound: 4 } }, "insufficient"],
    ["stability", {}, { stability: { decided: 5, sound: 5 } }, "pass"],
    ["evidence", { blocks: blocks(7, 0) }, {}, "insufficient"],
    ["evidence", { blocks: [] }, {}, "insufficient"],
  ])("%s %o", (name, more, context, result) => {
    expect(gate(name, more, context)).toBe(result);
  });

  it("TC-45 a promotion in the future blocks, TC-44 an unreadable one too", () => {
    expect(allPass(judge({}, { lastPromotionAt: daysBefore(-3) }))).toBe(false);
    expect(allPass(judge({}, { lastPromotionAt: "" }))).toBe(false);
  });

  it("evidence asks k(k+1)/α of the k-th candidate, and eight blocks of fifty pairs", () => {
    const at = (number: number) =>
      candidateEvidence(blocks(9, 0), { number, policy: conservative.candidate.evidence });
    expect(Math.exp(at(1).threshold)).toBeCloseTo(40, 9);
    expect(Math.exp(at(2).threshold)).toBeCloseTo(120, 9);
    const growth = [0.1, 0.3, 0.5, 0.7, 0.9].map((stake) => (1 + stake) ** 9);
    expect(Math.exp(at(1).logE ?? NaN)).toBeCloseTo(growth.reduce((a, b) => a + b) / 5, 9);
    const thin = blocks(9, 0).map((one) => ({ ...one, n: 49 }));
    expect(candidateEvidence(thin, { number: 1, policy: conservative.candidate.evidence }).blocks).toBe(0);
  });

  it("row_tempered waits for twenty blocks, then weighs rows by their dependence", () => {
    const policy = { ...conservative.candidate.evidence, method: "row_tempered" as const };
    const wealth = (n: number) =>
      Array.from({ length: n }, (_, day) => ({
        ...block(day, 0),
        mean_d: day % 2 === 0 ? -0.012 : -0.008,
        log_wealth: Array.from({ length: 12 }, () => 0.5),
        log_wealth_reversed: Array.from({ length: 12 }, () => -0.6),
      }));
    expect(candidateEvidence(wealth(19), { number: 1, policy }).logE).toBeNull();
    const weighed = candidateEvidence(wealth(20), { number: 2, policy });
    expect(weighed.logE).toBeCloseTo(10 / (1 + 1.645 * Math.sqrt(2 / 20)), 9);
    expect(weighed.threshold).toBeCloseTo(Math.log(300), 9);
  });
});

describe("merit gates", () => {
  it("TC-42 the exact point thresholds of classic pass", () => {
    const policy = classic;
    const cells = f1Cells(F1_80, { tp: 816, fp: 184 });
    expect(gate("f1", { cells }, { policy })).toBe("pass");
    expect(gate("f1", { cells: f1Cells(F1_80, { tp: 815, fp: 184 }) }, { policy })).toBe("fail");
    const brier = (from: number, to: number) =>
      gate("brier", { production: realised({ brier: from }), other: realised({ brier: to }) }, { policy });
    expect(brier(0.15, 0.16)).toBe("pass");
    expect(brier(0.15, 0.160001)).toBe("fail");
    const segment = (tp: number, fp: number) =>
      gate(
        "segments",
        {
          segments: [{ segment: "s", n: 10_000, share: 1, cells: f1Cells({ tp: 600, fp: 400 }, { tp, fp }) }],
        },
        { policy },
      );
    expect(segment(570, 430)).toBe("pass");
    expect(segment(569, 431)).toBe("fail");
  });

  it("conservative F1 asks for the gain less one standard error, and never less than production's", () => {
    expect(gate("f1", { cells: f1Cells(F1_80, F1_80) })).toBe("fail");
    expect(gate("f1", { cells: f1Cells(F1_80, { tp: 816, fp: 184 }) })).toBe("pass");
    expect(gate("f1", { cells: f1Cells(F1_80, { tp: 799, fp: 200 }) })).toBe("fail");
    expect(gate("f1", { cells: [5000, 0, 0, 0, 0, 0, 0, 0] })).toBe("insufficient");
  });

  it("TC-47 a production that finds nothing can be replaced by one that finds something", () => {
    for (const policy of [conservative, classic]) {
      expect(gate("f1", { cells: [9000, 0, 0, 0, 900, 100, 0, 0] }, { policy })).toBe("pass");
      expect(gate("f1", { cells: [9000, 5, 5, 0, 1000, 0, 0, 0] }, { policy })).toBe("fail");
    }
  });

  it("TC-70 equal AUC and recall do not excuse a fall of precision", () => {
    const cells = f1Cells(F1_80, { tp: 800, fp: 79_000 });
    expect(gate("f1", { cells })).toBe("fail");
  });

  it("AUC, PR-AUC and recall fail only beyond tolerance and noise; missing never passes", () => {
    const auc = (value: number | null, se: number | null) =>
      gate("roc_auc", { other: realised({ roc_auc: value }), auc_difference_se: se });
    expect(auc(0.79, 0.001)).toBe("pass");
    expect(auc(0.7899, 0.001)).toBe("fail");
    expect(auc(0.78, 0.02)).toBe("pass");
    expect(auc(0.78, null)).toBe("fail");
    expect(auc(null, 0.001)).toBe("insufficient");
    expect(gate("recall", { cells: f1Cells({ tp: 800, fp: 200 }, { tp: 770, fp: 100 }) })).toBe("fail");
  });

  it("calibration tolerates the noise of its bins", () => {
    const ece = (value: number, n: number) =>
      gate("calibration", { other: realised({ ece: value, n, positives: n / 5 }) });
    expect(ece(0.035, 1_000_000)).toBe("fail");
    expect(ece(0.035, 5000)).toBe("pass");
  });

  it("counts errors, timeouts and sheds as the candidate's outcomes", () => {
    expect(gate("errors", { ok: 9990, errors: 10 })).toBe("pass");
    for (const outcome of ["errors", "timeouts", "sheds"] as const)
      expect(gate("errors", { ok: 9989, [outcome]: 11 })).toBe("fail");
    expect(gate("errors", { ok: 0 })).toBe("insufficient");
  });

  it("TC-60 latency is the candidate's own; under a replayed clock it is not asked for", () => {
    expect(gate("latency", { latency_p95_ms: 20 })).toBe("pass");
    expect(gate("latency", { latency_p95_ms: 20.001 })).toBe("fail");
    expect(gate("latency", { latency_p95_ms: null })).toBe("insufficient");
    expect(gate("latency", { latency_p95_ms: null }, { clock: "replay" })).toBe("not_evaluated");
  });

  it("answers may differ only while production is steady", () => {
    expect(gate("delta", { delta_abs_p95: 0.1 })).toBe("pass");
    expect(gate("delta", { delta_abs_p95: 0.11 })).toBe("fail");
    expect(gate("delta", { delta_abs_p95: 0.11 }, { productionSteady: false })).toBe("not_evaluated");
    expect(gate("delta", { delta_abs_p95: null })).toBe("insufficient");
  });

  it("TC-62 a clone fails, by digest or by scores", () => {
    expect(gate("not_clone", { digest: "digest-1.0.0" })).toBe("fail");
    expect(gate("not_clone", { identical_scores: true })).toBe("fail");
  });
});

describe("segments", () => {
  const one = (n: number, share: number, cells: PairedCells, more: Partial<GateContext> = {}) =>
    gate("segments", { segments: [{ segment: "s", n, share, cells }] }, more);

  it("large ones are waited for until precise or 2,000 rows, then compared", () => {
    const drop: PairedCells = [30, 0, 0, 4, 4, 1, 4, 6];
    expect(one(49, 0.2, drop)).toBe("insufficient");
    expect(one(2000, 0.2, drop)).toBe("fail");
  });

  it("small ones fail only beyond noise", () => {
    expect(one(145, 0.05, [100, 0, 0, 10, 10, 1, 4, 20])).toBe("pass");
    expect(one(900, 0.05, [500, 0, 0, 10, 100, 0, 90, 200])).toBe("fail");
  });

  it("TC-46 nothing judged is visible, and a failure where fairness is asked for", () => {
    const policy = policyOf("conservative", [
      "fairness: { required: false }",
      "fairness: { required: true }",
    ]);
    expect(gate("segments")).toBe("not_evaluated");
    expect(gate("fairness")).toBe("not_evaluated");
    expect(gate("fairness", {}, { policy })).toBe("fail");
    expect(one(10_000, 1, f1Cells(F1_80, F1_80), { policy })).toBe("pass");
  });
});
