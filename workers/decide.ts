// Stage: decide. Asks the policy about the oldest undecided window of each model and keeps the decision with everything a replay
// needs. Idempotent: the decision's id is the hash of its inputs, and a window is decided once the one before it was
// executed, so that each decision sees the state the last one left. It moves nothing itself.
import type { ModelState } from "../contracts/governance.ts";
import { canonicalJson } from "../src/core/canonical.ts";
import { decide as decideByPolicy, emptyMemory, inputsOf } from "../src/core/decide.ts";
import { durationMs } from "../src/core/duration.ts";
import { policyJson } from "../src/core/policy.ts";
import { isoOf } from "../src/core/time.ts";
import type { DecisionRecord, KeepsDecisions, KeepsLedger, Log } from "../src/ports.ts";
import {
  gatherEvidence,
  isCarriedOut,
  nextWindow,
  type DecisionWindow,
  type EvidenceOptions,
  type EvidencePorts,
} from "../src/stages/evidence.ts";

export interface DecidePorts extends EvidencePorts {
  readonly decisions: KeepsDecisions;
  readonly ledger: Pick<KeepsLedger, "state">;
  readonly log: Log;
  /** Where the fault suite may end the process. */
  readonly failpoint?: (name: "before_decision" | "after_decision", action: string) => void;
}

/** Decides at most one window a model; answers how many were decided and whether more are due once these are executed. */
export const decide = async (
  ports: DecidePorts,
  options: EvidenceOptions,
  throughMs: number,
): Promise<{ decided: number; more: boolean }> => {
  const sizeMs = durationMs(options.windows.decide);
  let decided = 0;
  let more = false;
  const { models } = await ports.ledger.state();
  for (const { model, firstMs } of await ports.traffic.models()) {
    const governance = models[model];
    if (governance === undefined || governance.promoted === null) continue;
    const last = await ports.decisions.last(model);
    // A decision that waits to be carried out stands before the next: there may be more afterwards.
    const waits = last !== null && !isCarriedOut(last, governance);
    more ||= waits;
    const window = nextWindow(options.windows, { model, firstMs, last });
    if (waits || window.endMs > throughMs) continue;
    await decideWindow(ports, options, window, { governance, last });
    decided += 1;
    more ||= window.endMs + sizeMs <= throughMs;
  }
  return { decided, more };
};

const decideWindow = async (
  ports: DecidePorts,
  options: EvidenceOptions,
  window: DecisionWindow,
  { governance, last }: { governance: ModelState; last: DecisionRecord | null },
): Promise<void> => {
  const memory = last?.memory ?? emptyMemory();
  const evidence = await gatherEvidence(ports, options, window, governance);
  const result = decideByPolicy({ evidence, memory, governance, policy: options.policy });
  const { action, rule, sentence } = result.decision;
  ports.failpoint?.("before_decision", action);
  await ports.decisions.keep({
    decision: result.decision,
    decisionJson: canonicalJson(result.decision),
    memory: result.memory,
    memoryJson: canonicalJson(result.memory),
    inputsJson: inputsOf({ evidence, memory, governance }),
    policyJson: policyJson(options.policy),
  });
  ports.failpoint?.("after_decision", action);
  ports.log.info({ model: window.model, window: isoOf(window.startMs), action, rule }, sentence);
};
