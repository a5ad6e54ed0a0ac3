// Core: another policy run over recorded evidence, open loop: each step starts from the recorded memory and ledger, so a difference
// is that step's own and not an echo of an earlier one. Says where the two policies part and why. Changes nothing.
import type { Decision, Reason } from "../../contracts/decision.ts";
import { decide } from "./decide.ts";
import type { ReadyPolicy } from "./policy.ts";
import { readInputs } from "./replay.ts";

/** One recorded decision that the other policy would have made otherwise. */
export interface BacktestDifference {
  readonly id: string;
  readonly model: string;
  readonly window_start: string;
  readonly window_end: string;
  readonly recorded: Side;
  readonly other: Side;
}

interface Side {
  readonly action: Decision["action"];
  readonly version: string | null;
  readonly rule: string;
  readonly sentence: string;
  readonly reasons: readonly Reason[];
  /** Gates that stand differently under the two policies. */
  readonly gates: readonly string[];
}

export interface Backtest {
  readonly decisions: number;
  readonly policy: string;
  readonly policy_digest: string;
  readonly differences: readonly BacktestDifference[];
}

/** Decides every recorded step again under another policy. */
export const backtest = (
  records: Iterable<{ readonly inputs: string; readonly decision: Decision }>,
  policy: ReadyPolicy,
): Backtest => {
  const differences: BacktestDifference[] = [];
  let decisions = 0;
  for (const { inputs, decision: recorded } of records) {
    decisions++;
    const { decision: other } = decide({ ...readInputs(inputs), policy });
    if (other.action === recorded.action && other.version === recorded.version) continue;
    differences.push({
      id: recorded.id,
      model: recorded.model,
      window_start: recorded.window_start,
      window_end: recorded.window_end,
      recorded: sideOf(recorded, other),
      other: sideOf(other, recorded),
    });
  }
  return { decisions, policy: policy.policy, policy_digest: policy.digest, differences };
};

const sideOf = (decision: Decision, against: Decision): Side => ({
  action: decision.action,
  version: decision.version,
  rule: decision.rule,
  sentence: decision.sentence,
  reasons: decision.reasons,
  gates: decision.gates
    .filter(({ gate, result }) => against.gates.find((other) => other.gate === gate)?.result !== result)
    .map(
      ({ gate, result, value, threshold, unit }) =>
        `${gate} ${result} (${value} against ${threshold} ${unit})`,
    ),
});
