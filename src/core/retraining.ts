// Core: is a training wanted, and may it start? Wanted by drift that persisted, by performance below the baseline, by age or by an
// operator; held back by the retrain clock, by too few rows, by a candidate still on trial, by the circuit. Every reason and every
// obstacle is named, so that HOLD can say what it waits for. Never starts anything.
import type { Evidence } from "../../contracts/evidence.ts";
import type { ModelState } from "../../contracts/governance.ts";
import type { Degradation } from "./degradation.ts";
import type { ReadyPolicy } from "./policy.ts";
import { isAtLeast, type WindowJudgement } from "./quarantine.ts";

export interface Retraining {
  readonly why: readonly string[];
  /** What stands in the way; empty when nothing does. */
  readonly missing: readonly string[];
}

const DAY_MS = 86_400_000;

/** Weighs the reasons for a training against its obstacles. */
export const judgeRetraining = (at: {
  readonly evidence: Evidence;
  readonly governance: ModelState;
  readonly policy: ReadyPolicy;
  readonly window: WindowJudgement;
  readonly degradation: Degradation;
  /** Quality collapsed and STANDBY is no better: the world itself broke. */
  readonly worldBroke: boolean;
}): Retraining => ({ why: reasonsOf(at), missing: obstaclesOf(at) });

type Question = Parameters<typeof judgeRetraining>[0];

const reasonsOf = ({ evidence, governance, policy, window, degradation, worldBroke }: Question): string[] => {
  const { retrain } = policy;
  const why: string[] = [];
  if (worldBroke) why.push("quality collapsed and no STANDBY does better");
  if (isAtLeast(window.decision, retrain.on_drift) && window.open.length === 0)
    why.push(`drift decision ${window.decision}`);
  if (retrain.on_degradation && degradation.degraded === true)
    why.push(
      `F1 ${show(degradation.f1)} (at most ${show(degradation.f1High)}) below the baseline's ${show(degradation.baselineF1)}, n ${String(degradation.n)}`,
    );
  const age = ageMs(newest(governance.lastTrainingAt, promotedSince(governance)), evidence.now);
  if (policy.ms.every !== null && age !== null && age >= policy.ms.every)
    why.push(`the last training is ${Math.floor(age / DAY_MS)} days old`);
  if (isAskedFor(governance, evidence.now)) why.push("an operator asked for it");
  return why;
};

const obstaclesOf = ({ evidence, governance, policy }: Question): string[] => {
  const missing: string[] = [];
  if (governance.promoted === null) missing.push("a promoted version");
  if (governance.circuit === "open") missing.push("an operator's reset of the training circuit");
  if (governance.training !== null) missing.push(`the end of training ${governance.training.trainingId}`);
  if (governance.candidate !== null) missing.push(`the trial of candidate ${governance.candidate}`);
  if (evidence.waiting !== null) missing.push(`the trial of ${evidence.waiting}, which waits to shadow`);
  const rows = policy.retrain.rows_min;
  if (evidence.trainable_rows < rows) missing.push(`${evidence.trainable_rows} of ${rows} labelled rows`);
  if (governance.lastTrainingAt !== null) {
    const age = ageMs(governance.lastTrainingAt, evidence.now);
    if (age === null || age < policy.ms.retrain)
      missing.push(`the retrain cooldown of ${policy.cooldowns.retrain} since ${governance.lastTrainingAt}`);
  }
  return missing;
};

const promotedSince = (governance: ModelState): string | null =>
  governance.promoted === null ? null : (governance.versions[governance.promoted]?.since ?? null);

const newest = (a: string | null, b: string | null): string | null =>
  a === null || (b !== null && Date.parse(b) > Date.parse(a)) ? b : a;

const ageMs = (at: string | null, now: string): number | null => {
  const ms = at === null ? NaN : Date.parse(now) - Date.parse(at);
  return Number.isNaN(ms) ? null : ms;
};

const isAskedFor = ({ commands }: ModelState, now: string): boolean =>
  commands.some(
    ({ command, status, expiresAt }) =>
      command === "retrain" &&
      status === "pending" &&
      (expiresAt === null || Date.parse(expiresAt) > Date.parse(now)),
  );

const show = (value: number | null): string => (value === null ? "unknown" : value.toFixed(4));
