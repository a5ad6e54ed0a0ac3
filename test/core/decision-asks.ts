// Questions for the decision engine in tests: a steady memory, and the decision on one changed thing.
import type { Memory } from "../../contracts/decision.ts";
import type { Evidence } from "../../contracts/evidence.ts";
import { decide, emptyMemory, type DecisionInputs } from "../../src/core/decide.ts";
import {
  blocks,
  daysBefore,
  evidenceOf,
  governanceOf,
  paired,
  policyOf,
  quietGovernance,
  realised,
  record,
} from "./decision-world.ts";

export const policy = policyOf();
export const classic = policyOf("classic");
export const steady = (windows = 7): Memory => ({
  ...emptyMemory(),
  production: "1.0.0",
  verdicts: Array.from({ length: windows }, () => "NO_ACTION" as const),
});
export const ask = (more: Partial<DecisionInputs> = {}) =>
  decide({ evidence: evidenceOf(), memory: steady(), governance: governanceOf(), policy, ...more });
export const quiet = (more: Partial<Evidence> = {}, inputs: Partial<DecisionInputs> = {}) =>
  ask({
    evidence: evidenceOf({ candidate: null, ...more }),
    governance: quietGovernance({ lastTrainingAt: daysBefore(10) }),
    ...inputs,
  });
export const windowWith = (more: Partial<Evidence["window"]>) => ({
  window: { ...evidenceOf().window, ...more },
});
/** A span whose F1 is far below the baseline's .6. */
export const degraded = {
  windows: 7,
  requests: 8000,
  coverage: 0.6,
  realised: realised({ tp: 400, fp: 400, fn: 600, f1: 0.444444444 }),
};
export const standing = (more: Partial<Evidence> = {}, through = blocks(60, 0)) => ({
  evidence: evidenceOf({
    candidate: null,
    standby: paired({ version: "0.9.0", blocks: through }),
    ...more,
  }),
  governance: governanceOf({
    versions: { "1.0.0": record("1.0.0", "PROMOTED"), "0.9.0": record("0.9.0", "STANDBY") },
    candidate: null,
    standby: "0.9.0",
  }),
});
