// Core: everything a decision weighs, worked out once: the window, performance, the watch, the candidate's evidence and gates, and
// whether a training is wanted and possible. Gives facts only; which of them matters is for the policy's rules
// (decide-rules.ts), and how they read as named signals is for decide-signals.ts.
import type { GateResult, Memory } from "../../contracts/decision.ts";
import type { Evidence } from "../../contracts/evidence.ts";
import type { ModelState, VersionRecord } from "../../contracts/governance.ts";
import { judgeDegradation, type Degradation } from "./degradation.ts";
import { failedMerit, judgeGates, mayJudgeMerit, quarantinedSince, stabilityOf } from "./gates.ts";
import type { ReadyPolicy } from "./policy.ts";
import { candidateEvidence, type CandidateEvidence } from "./promotion-evidence.ts";
import { isQuarantined, judgeWindowHealth, type WindowJudgement } from "./quarantine.ts";
import { judgeRetraining, type Retraining } from "./retraining.ts";
import { reaches } from "./threshold.ts";
import { standbyBetter, watchCatastrophe, watchHarm, type Finding } from "./watch.ts";

/** What `decide` is asked with. */
export interface DecisionInputs {
  readonly evidence: Evidence;
  readonly memory: Memory;
  readonly governance: ModelState;
  readonly policy: ReadyPolicy;
}

export interface CandidateFacts {
  readonly version: string;
  readonly gates: readonly GateResult[];
  readonly evidence: CandidateEvidence;
  readonly meritFailures: number;
  readonly shadowDays: number | null;
  readonly overdue: boolean;
  readonly clone: boolean;
  readonly approved: boolean;
}

export interface Assessment {
  readonly window: WindowJudgement;
  readonly degradation: Degradation;
  readonly harm: Finding;
  readonly catastrophe: Finding & { readonly reached: boolean };
  readonly standby: ReturnType<typeof standbyBetter>;
  readonly candidate: CandidateFacts | null;
  readonly retraining: Retraining;
  /** The memory with everything this evidence taught, before what the decision itself adds. */
  readonly memory: Memory;
}

const DAY_MS = 86_400_000;

/** Weighs valid inputs (evidence-check.ts comes first). `trialSteady`: production is steady only if it was so for the whole trial. */
export const assess = (inputs: DecisionInputs, by: { readonly trialSteady: boolean }): Assessment => {
  const { evidence, governance, policy } = inputs;
  const before = aboutProduction(inputs.memory, governance);
  const promoted = recordOf(governance, governance.promoted);
  const window = judgeWindowHealth({ evidence, memory: before, governance, policy });
  const degradation = judgeDegradation(evidence, policy.performance);
  const harm = watchHarm(before.harm, {
    version: promoted?.version ?? "",
    blocks: promoted === undefined ? [] : (evidence.standby?.blocks ?? []),
    policy,
  });
  const catastrophe = watchCatastrophe(before.catastrophe, {
    version: promoted?.version ?? "",
    since: promoted?.since ?? "",
    performance: promoted === undefined ? null : evidence.performance,
    baseline: evidence.baseline,
    quarantined:
      evidence.performance !== null && isQuarantined(governance, evidence.performance.window_start),
    policy,
  });
  const { value, threshold } = catastrophe.finding;
  const reached = value !== null && threshold !== null && reaches(value, threshold);
  const standby = standbyBetter(evidence.standby?.blocks ?? [], policy.watch.better_blocks);
  const degradedAt = degradation.degraded === true ? evidence.window.end : (before.degraded_at ?? null);
  const steady = degradation.degraded !== true && !(by.trialSteady && troubled(inputs, degradedAt));
  const candidate = assessCandidate({ ...inputs, memory: before }, window, steady);
  const merit = { failures: candidate?.meritFailures ?? 0, version: candidate?.version ?? null };
  const retraining = judgeRetraining({
    evidence,
    governance,
    policy,
    window,
    degradation,
    worldBroke: reached && !(standby.f1 !== null && standby.f1 > 0),
  });
  return {
    window,
    degradation,
    harm: harm.finding,
    catastrophe: { ...catastrophe.finding, reached },
    standby,
    candidate,
    retraining,
    memory: {
      ...before,
      verdicts: [...window.verdicts],
      open_quarantines: [...window.open],
      merit_failures: merit.failures,
      merit_version: merit.version,
      harm: harm.memory,
      catastrophe: catastrophe.memory,
      ...(by.trialSteady ? { degraded_at: degradedAt } : {}),
    },
  };
};

/** A model's version as the ledger knows it. */
export const recordOf = (governance: ModelState, version: string | null): VersionRecord | undefined =>
  version === null ? undefined : governance.versions[version];

/** What was remembered of another production version says nothing about this one: its reference and baseline differ. */
const aboutProduction = (memory: Memory, { promoted }: ModelState): Memory =>
  memory.production === promoted
    ? memory
    : {
        ...memory,
        production: promoted,
        verdicts: [],
        harm: null,
        catastrophe: null,
        ...("degraded_at" in memory ? { degraded_at: null } : {}),
      };

/**
 * Was production seen degraded within one performance span before the candidate's trial, or since? A candidate trained because the
 * world moved keeps differing from production; that production looks well again for a day does not make the difference a fault.
 */
const troubled = ({ governance, policy }: DecisionInputs, degradedAt: string | null): boolean => {
  const trialSince = recordOf(governance, governance.candidate)?.shadowSince ?? null;
  if (degradedAt === null || trialSince === null) return false;
  return Date.parse(degradedAt) >= Date.parse(trialSince) - policy.ms.performanceSpan;
};

const assessCandidate = (
  { evidence, memory, governance, policy }: DecisionInputs,
  window: WindowJudgement,
  productionSteady: boolean,
): CandidateFacts | null => {
  const record = recordOf(governance, governance.candidate);
  if (record === undefined) return null;
  const { candidate: paired } = evidence;
  const weighed = candidateEvidence(paired?.blocks ?? [], {
    number: governance.candidatesSincePromotion,
    policy: policy.candidate.evidence,
  });
  const windowMs = Date.parse(evidence.window.end) - Date.parse(evidence.window.start);
  const { of } = policy.gates.stability;
  const gates =
    paired === null
      ? []
      : judgeGates({
          paired,
          clock: evidence.clock,
          now: evidence.now,
          lastPromotionAt: governance.lastPromotionAt,
          promotionCooldownMs: policy.ms.promotion,
          stability: stabilityOf({
            verdicts: window.verdicts,
            of,
            quarantined: quarantinedSince(governance, Date.parse(evidence.window.end) - of * windowMs),
            accepted: window.accepted,
          }),
          evidence: weighed,
          productionSteady,
          trust: evidence.trust,
          policy,
        });
  const days = ageDays(record.shadowSince, evidence.now);
  return {
    version: record.version,
    gates,
    evidence: weighed,
    meritFailures: countMeritFailures(memory, record.version, gates, window.enough),
    shadowDays: days,
    overdue: days !== null && isOverdue(days, weighed, policy),
    clone: isClone(gates),
    approved: !policy.approvals.promotion || isApproved(governance, record.version, evidence.now),
  };
};

const ageDays = (since: string | null, now: string): number | null => {
  const ms = since === null ? NaN : Date.parse(now) - Date.parse(since);
  return Number.isNaN(ms) ? null : ms / DAY_MS;
};

/** Past `shadow_max` only a candidate that is ahead may go on; evidence that exists but leans against it is no reason to wait. */
const isOverdue = (days: number, { logE }: CandidateEvidence, { ms }: ReadyPolicy): boolean =>
  days * DAY_MS >= ms.shadowMaxAhead || (days * DAY_MS >= ms.shadowMax && !(logE !== null && logE > 0));

/** Counts windows in which a merit gate failed for good; a window that cannot judge neither adds nor forgives. */
const countMeritFailures = (
  memory: Memory,
  version: string,
  gates: readonly GateResult[],
  enough: boolean,
): number => {
  const before = memory.merit_version === version ? memory.merit_failures : 0;
  if (!enough || gates.length === 0 || !mayJudgeMerit(gates)) return before;
  return failedMerit(gates).length > 0 ? before + 1 : 0;
};

/** Identical scores count once there are pairs enough; an identical digest says so at once. */
const isClone = (gates: readonly GateResult[]): boolean => {
  const clone = gates.find(({ gate }) => gate === "not_clone");
  const pairs = gates.find(({ gate }) => gate === "pairs");
  return clone?.result === "fail" && (pairs?.result === "pass" || clone.detail.includes("digest"));
};

const isApproved = ({ approvals }: ModelState, version: string, now: string): boolean =>
  approvals.some(
    (approval) =>
      approval.version === version &&
      (approval.expiresAt === null || Date.parse(approval.expiresAt) > Date.parse(now)),
  );
