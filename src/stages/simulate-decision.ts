// Stage: a decision simulated. The same evidence, the same pure `decide` and the same state as the decide stage would use, so the answer
// equals the live decision byte for byte; or another policy on it, to see what would change. Keeps nothing, moves nothing.
import type { Decision, Memory } from "../../contracts/decision.ts";
import type { ModelState } from "../../contracts/governance.ts";
import { emptyMemory, RULES_VERSION } from "../core/decide.ts";
import type { ReadyPolicy } from "../core/policy.ts";
import { ENGINES, readInputs, type StoredInputs } from "../core/replay.ts";
import { isoOf } from "../core/time.ts";
import type { KeepsDecisions, KeepsLedger } from "../ports.ts";
import {
  gatherEvidence,
  isCarriedOut,
  nextWindow,
  type EvidenceOptions,
  type EvidencePorts,
} from "./evidence.ts";

export interface SimulationPorts extends EvidencePorts {
  readonly decisions: Pick<KeepsDecisions, "last" | "byId">;
  readonly ledger: Pick<KeepsLedger, "state">;
  readonly now: () => Promise<number>;
}

/** What to simulate: the model's next window as things stand, a recorded decision's state, or a state given whole. */
export type SimulationWish =
  | { readonly kind: "next"; readonly model: string }
  | { readonly kind: "recorded"; readonly id: string }
  | { readonly kind: "given"; readonly inputs: string };

export type Simulated =
  | { readonly ok: true; readonly decision: Decision; readonly memory: Memory }
  | { readonly ok: false; readonly code: "unknown" | "not-yet"; readonly detail: string };

/** Simulates one decision under a policy. */
export const simulateDecision = async (
  ports: SimulationPorts,
  options: EvidenceOptions,
  wish: SimulationWish,
): Promise<Simulated> => {
  switch (wish.kind) {
    case "given":
      return decided(readInputs(wish.inputs), options.policy);
    case "recorded": {
      const record = await ports.decisions.byId(wish.id);
      return record === null
        ? { ok: false, code: "unknown", detail: "No decision has this id." }
        : decided(readInputs(record.inputsJson), options.policy);
    }
    case "next":
      return next(ports, options, wish.model);
  }
};

const next = async (ports: SimulationPorts, options: EvidenceOptions, model: string): Promise<Simulated> => {
  const governance: ModelState | undefined = (await ports.ledger.state()).models[model];
  const seen = (await ports.traffic.models()).find((one) => one.model === model);
  if (governance === undefined || governance.promoted === null || seen === undefined)
    return {
      ok: false,
      code: "unknown",
      detail: "Nothing is promoted or nothing was recorded under this name.",
    };
  const last = await ports.decisions.last(model);
  const window = nextWindow(options.windows, { ...seen, last });
  const nowMs = await ports.now();
  if (nowMs < window.nowMs)
    return {
      ok: false,
      code: "not-yet",
      detail: `The next window closes at ${isoOf(window.nowMs)}; it is ${isoOf(nowMs)}.`,
    };
  if (last !== null && !isCarriedOut(last, governance))
    return { ok: false, code: "not-yet", detail: "The last decision is not carried out yet." };
  const evidence = await gatherEvidence(ports, options, window, governance);
  const memory = last?.memory ?? emptyMemory();
  return decided({ evidence, memory, governance, rules_version: RULES_VERSION }, options.policy);
};

/** By the rules the state was made for: a recorded state gives its recorded decision, whatever was built since. */
const decided = (inputs: StoredInputs, policy: ReadyPolicy): Simulated => {
  const engine = ENGINES.get(inputs.rules_version);
  return engine === undefined
    ? { ok: false, code: "unknown", detail: `Rules version ${inputs.rules_version} is not known here.` }
    : { ok: true, ...engine({ ...inputs, policy }) };
};
