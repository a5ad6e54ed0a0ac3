// Core: what the gates are given, waiting and merit gates alike. Words only; who gathers them is decide's business and how they are
// judged that of gates.ts and gates-merit.ts.
import type { Evidence, Paired } from "../../contracts/evidence.ts";
import type { Policy } from "../../contracts/policy.ts";
import type { CandidateEvidence } from "./promotion-evidence.ts";

/** What the gates look at beside the candidate's pairs. */
export interface GateContext {
  readonly paired: Paired;
  readonly clock: Evidence["clock"];
  readonly now: string;
  readonly lastPromotionAt: string | null;
  readonly promotionCooldownMs: number;
  /** Of the last `of` decision windows: how many were decided, and how many of those were sound. */
  readonly stability: { readonly decided: number; readonly sound: number };
  readonly evidence: CandidateEvidence;
  /** False once production's realised performance is degraded: a good candidate must differ then. */
  readonly productionSteady: boolean;
  readonly trust: number | null;
  readonly policy: Pick<Policy, "gates" | "candidate">;
}
