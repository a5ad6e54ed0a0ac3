// Core: the gates of a promotion on a dataset (STATISTICS §5). Merit is judged as in production; gates that need time to pass
// (cooldown, stability, evidence) are `not_evaluated` and say so, for a file has no windows to wait for.
import type { BundleMetrics } from "../../contracts/bundle.ts";
import type { GateResult } from "../../contracts/decision.ts";
import type { Paired } from "../../contracts/evidence.ts";
import type { Policy } from "../../contracts/policy.ts";
import { judgeGates } from "./gates.ts";
import { reaches } from "./threshold.ts";

export type OfflineVerdict = {
  /** `pass`: nothing that could be judged here speaks against the candidate. */
  readonly result: "pass" | "fail" | "insufficient";
  readonly gates: readonly GateResult[];
  /** Gates that failed, or that lack rows where none failed. */
  readonly because: readonly string[];
};

const NEEDS_TIME = new Set(["cooldown", "stability", "evidence"]);

/** Judges every gate; `baseline` is what production's own bundle promised. */
export const judgeOffline = (
  paired: Paired,
  policy: Pick<Policy, "gates" | "candidate">,
  baseline: BundleMetrics["test"],
): OfflineVerdict => {
  const realised = paired.production?.f1 ?? null;
  const gates = judgeGates({
    paired,
    clock: paired.latency_p95_ms === null || paired.production_latency_p95_ms === null ? "replay" : "wall",
    now: "",
    lastPromotionAt: null,
    promotionCooldownMs: 0,
    stability: { decided: 0, sound: 0 },
    evidence: { logE: null, reversedLogE: null, threshold: 0, rejectThreshold: 0, blocks: 0, detail: "" },
    // On rows where production no longer keeps its promise, a good candidate must differ from it.
    productionSteady: baseline.f1_low === null || (realised !== null && reaches(realised, baseline.f1_low)),
    trust: null,
    policy: { ...policy, gates: { ...policy.gates, trust: null } },
  }).map((gate) => (NEEDS_TIME.has(gate.gate) ? waitsForTime(gate) : offline(gate)));
  const failed = gates.filter(({ result }) => result === "fail");
  const open = gates.filter(({ result }) => result === "insufficient");
  return {
    result: failed.length > 0 ? "fail" : open.length > 0 ? "insufficient" : "pass",
    gates,
    because: (failed.length > 0 ? failed : open).map(({ gate }) => gate),
  };
};

const waitsForTime = (gate: GateResult): GateResult => ({
  ...gate,
  result: "not_evaluated",
  value: null,
  threshold: null,
  n: null,
  detail: "needs windows of live traffic: judged while the candidate shadows",
});

/** The one sentence of a merit gate that speaks of a clock this comparison does not have. */
const offline = (gate: GateResult): GateResult =>
  gate.gate === "latency" && gate.result === "not_evaluated"
    ? { ...gate, detail: "not measured for both in this comparison" }
    : gate;
