// What comes next and why not yet, as sentences: the most pressing reason first, nothing invented where nothing was decided.
import { describe, expect, it } from "vitest";
import type { GateResult } from "../../contracts/decision.ts";
import type { DecisionItem } from "../../contracts/read.ts";
import { emptyModel } from "../../src/core/governance-state.ts";
import { outlookOf } from "../../src/core/outlook.ts";

const DUE = "2001-02-04T00:05:00.000Z";
const gate = (name: GateResult["gate"], result: GateResult["result"], value: number | null): GateResult => ({
  gate: name,
  kind: "merit",
  result,
  value,
  threshold: 0.3,
  unit: "",
  n: null,
  detail: "of requests",
});
const decision = (over: Partial<DecisionItem> = {}): DecisionItem => ({
  id: "d",
  model: "m",
  window_start: "",
  window_end: "",
  at: "",
  action: "NONE",
  version: null,
  rule: "steady",
  drift_verdict: "NO_ACTION",
  drift_decision: "NO_ACTION",
  sentence: "",
  reasons: [],
  gates: [],
  inputs_digest: "",
  policy_digest: "",
  rules_version: 2,
  ...over,
});
const served = { ...emptyModel("m"), promoted: "1.0.0" };
const trial = { ...served, candidate: "1.1.0" };

describe("what comes next", () => {
  it("is nothing while an operator froze the model, whatever else waits", () => {
    const frozen = { until: null, reason: "audit", actor: "alice" };
    const { next, why_not_yet: why } = outlookOf({ ...trial, frozen }, decision(), DUE);
    expect(next).toBe("Nothing: the model is frozen.");
    expect(why).toEqual(["Frozen by alice until someone lifts it: audit"]);
  });
  it("is the bootstrap, then the first decision with its time", () => {
    expect(outlookOf(emptyModel("m"), null, DUE).next).toMatch(/bootstrap promotion/);
    const { next, why_not_yet: why } = outlookOf(served, null, DUE);
    expect(next).toContain(`due ${DUE}`);
    expect(why).toEqual(["No window has been decided yet."]);
  });
  it("is the end of a trial, held back by every gate that does not pass, with its numbers", () => {
    const gates = [
      gate("coverage", "insufficient", 0.2999),
      gate("f1", "pass", 1),
      gate("recall", "fail", null),
    ];
    const { next, why_not_yet: why } = outlookOf(trial, decision({ gates }), DUE);
    expect(next).toBe("Promote or reject candidate 1.1.0.");
    expect(why).toEqual([
      "coverage waits: 0.2999 against 0.3 (of requests)",
      "recall fails: unknown against 0.3 (of requests)",
    ]);
    const all = decision({ gates: [gate("f1", "pass", 1)] });
    expect(outlookOf(trial, all, DUE).why_not_yet[0]).toMatch(/Every gate passes/);
  });
  it.each([
    ["RETRAIN_REQUIRED", /^Train a new candidate\.$/],
    ["RETRAIN_RECOMMENDED", /if the drift goes on/],
    ["MONITOR", /Watch more closely/],
    ["NO_ACTION", /Keep serving/],
  ])("after %s without a candidate: %s", (drift_decision, said) => {
    const circuit = { ...served, circuit: "open" as const };
    const { next, why_not_yet: why } = outlookOf(circuit, decision({ drift_decision }), DUE);
    expect(next).toMatch(said);
    expect(why).toEqual([expect.stringContaining("resets the circuit")]);
  });
});
