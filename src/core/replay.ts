// Core: past decisions made again. A stored decision names its inputs, its policy's digest and the version of the rules; with the
// same three the same bytes must come out, whatever was built since. Every version of the rules stays in the table below:
// a new one is added beside the old, never in its place.
import { z } from "zod";
import type { Memory } from "../../contracts/decision.ts";
import { type Decision } from "../../contracts/decision.ts";
import type { Evidence } from "../../contracts/evidence.ts";
import type { ModelState } from "../../contracts/governance.ts";
import { canonicalJson } from "./canonical.ts";
import { decide, RULES_VERSION, type DecisionInputs } from "./decide.ts";
import type { ReadyPolicy } from "./policy.ts";

/** One version of the rules. */
export type Engine = (inputs: DecisionInputs) => { decision: Decision; memory: Memory };

/** Every version of the rules that ever decided, by number. */
export const ENGINES: ReadonlyMap<number, Engine> = new Map<number, Engine>([
  [1, (inputs) => decide(inputs, 1)],
  [2, (inputs) => decide(inputs, 2)],
]);

/** What is stored beside a decision; its parts are taken as they are, because even bad evidence must replay to the same refusal. */
export interface StoredInputs {
  readonly evidence: Evidence;
  readonly memory: Memory;
  readonly governance: ModelState;
  /** The rules that decided. */
  readonly rules_version: number;
}

/** Makes a stored decision again and gives its canonical bytes; throws a RangeError for rules this build does not know. */
export const replayDecision = (
  at: { readonly inputs: string; readonly policy: ReadyPolicy; readonly rules_version: number },
  engines: ReadonlyMap<number, Engine> = ENGINES,
): string => {
  const engine = engines.get(at.rules_version);
  if (engine === undefined)
    throw new RangeError(`rules version ${at.rules_version} is not known to this build`);
  return canonicalJson(engine({ ...readInputs(at.inputs), policy: at.policy }).decision);
};

/** Reads stored inputs back; only their outline is checked, the engine judges the rest as it did the first time. */
export const readInputs = (text: string): StoredInputs => {
  const parsed = Outline.parse(JSON.parse(text));
  return parsed;
};

const anObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const Outline = z.object({
  evidence: z.custom<Evidence>(anObject),
  memory: z.custom<Memory>(anObject),
  governance: z.custom<ModelState>(anObject),
  // A state that somebody writes by hand need not say which rules it is for: today's.
  rules_version: z.int().default(RULES_VERSION),
});
