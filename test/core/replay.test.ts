// Replay and back-test: any past decision gives the same bytes, across a bump of the rules too; another policy's differences are named.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { Decision, Memory } from "../../contracts/decision.ts";
import type { Evidence } from "../../contracts/evidence.ts";
import { Policy } from "../../contracts/policy.ts";
import { backtest } from "../../src/core/backtest.ts";
import { canonicalJson, sha256Hex } from "../../src/core/canonical.ts";
import { decide, emptyMemory, inputsOf, RULES_VERSION } from "../../src/core/decide.ts";
import { readyPolicy } from "../../src/core/policy.ts";
import { ENGINES, replayDecision, type Engine } from "../../src/core/replay.ts";
import { degraded, quiet } from "./decision-asks.ts";
import {
  blocks,
  breach,
  evidenceOf,
  governanceOf,
  later,
  paired,
  policyOf,
  quietGovernance,
} from "./decision-world.ts";

const policy = policyOf();

const Golden = z.object({
  policy: Policy,
  records: z.array(z.object({ inputs: z.string(), decision: z.string() })),
});

/** Decisions of every kind, one after another, as the decide stage would keep them. */
const history = (length: number) => {
  let memory: Memory = { ...emptyMemory(), production: "1.0.0" };
  return Array.from({ length }, (_, day) => {
    const shape: Partial<Evidence> =
      day % 7 === 3
        ? { drift: [breach(), breach("hour")] }
        : day % 11 === 5
          ? { trust: NaN }
          : { candidate: paired({ blocks: blocks(4 + (day % 20), 3) }) };
    const evidence = later(evidenceOf(shape), day);
    const governance = day % 5 === 0 ? quietGovernance() : governanceOf();
    const inputs = {
      evidence: day % 5 === 0 ? { ...evidence, candidate: null } : evidence,
      memory,
      governance,
    };
    const { decision, memory: next } = decide({ ...inputs, policy });
    memory = next;
    return { decision, memory, bytes: canonicalJson(decision), inputs: inputsOf(inputs) };
  });
};

describe("replay", () => {
  it("gives the bytes of every kind of decision again, refused evidence included", () => {
    const records = history(120);
    expect(new Set(records.map(({ decision }) => decision.action)).size).toBeGreaterThanOrEqual(5);
    for (const { decision, bytes, inputs } of records)
      expect(replayDecision({ inputs, policy, rules_version: decision.rules_version })).toBe(bytes);
  });

  it("is fast enough for ten thousand in thirty seconds", () => {
    const [one] = history(60).slice(-1);
    if (one === undefined) throw new Error("no history");
    const started = performance.now();
    for (let i = 0; i < 200; i++)
      replayDecision({ inputs: one.inputs, policy, rules_version: RULES_VERSION });
    expect((performance.now() - started) / 200).toBeLessThan(30); // 3 ms each; ten times that on a busy machine
  });

  it("runs an old decision by the rules of its day, after a newer version exists", () => {
    const bolder: Engine = (inputs) => {
      const { decision, memory } = decide(inputs);
      return { decision: { ...decision, action: "HOLD", rules_version: 3 }, memory };
    };
    const engines = new Map([...ENGINES, [3, bolder] as const]);
    const [first] = history(2).slice(1);
    if (first === undefined) throw new Error("no history");
    const { inputs } = first;
    expect(replayDecision({ inputs, policy, rules_version: RULES_VERSION }, engines)).toBe(first.bytes);
    expect(replayDecision({ inputs, policy, rules_version: 3 }, engines)).not.toBe(first.bytes);
    expect(() => replayDecision({ inputs, policy, rules_version: 4 }, engines)).toThrow("version 4");
  });

  it.each([1, 2])(
    "the rules of version %s are what they were when this was written, byte for byte",
    (rules) => {
      const file = new URL(`../golden/decisions-v${rules}.json`, import.meta.url);
      const { policy: stored, records } = Golden.parse(JSON.parse(readFileSync(file, "utf8")));
      const ready = readyPolicy(stored);
      expect(records.length).toBeGreaterThan(5);
      for (const { inputs, decision } of records)
        expect(replayDecision({ inputs, policy: ready, rules_version: rules })).toBe(decision);
    },
  );

  it("the versions differ in what they say of an alert that lasts", () => {
    const first = quiet({ performance_span: degraded });
    const evidence = later(evidenceOf({ candidate: null, performance_span: degraded }), 3);
    const lasting = { evidence, governance: quietGovernance(), memory: first.memory, policy };
    const alerts = (rules: 1 | 2) => decide(lasting, rules).decision.alerts.map(({ alert }) => alert);
    expect(alerts(1)).toEqual(["performance_degraded"]);
    expect(alerts(2)).toEqual([]);
  });

  it("TC-06 decision and memory survive being written and read, field by field", () => {
    for (const { decision, bytes, memory } of history(60)) {
      expect(Decision.parse(JSON.parse(bytes))).toEqual(decision);
      expect(Memory.parse(JSON.parse(canonicalJson(memory)))).toEqual(memory);
    }
  });

  it("an id is the hash of inputs, policy and rules", () => {
    const [first] = history(1);
    if (first === undefined) throw new Error("no history");
    const { decision, inputs } = first;
    expect(decision.inputs_digest).toBe(sha256Hex(inputs));
    expect(decision.policy_digest).toBe(policy.digest);
    expect(decision.id).toBe(
      sha256Hex(canonicalJson([decision.inputs_digest, policy.digest, RULES_VERSION])),
    );
  });
});

describe("back-test", () => {
  it("shows each decision another policy would have made otherwise, and why", () => {
    const records = history(40);
    const strict = policyOf("conservative", ["alpha: 0.05", "alpha: 0.000001"]);
    const { decisions, differences, policy_digest } = backtest(records, strict);
    expect(decisions).toBe(40);
    expect(policy_digest).toBe(strict.digest);
    const promoted = records.filter(({ decision }) => decision.action === "PROMOTE").length;
    expect(promoted).toBeGreaterThan(0);
    expect(differences).toHaveLength(promoted);
    expect(differences[0]).toMatchObject({
      recorded: { action: "PROMOTE", gates: [expect.stringContaining("evidence pass")] },
      other: {
        action: "HOLD",
        rule: "hold_candidate",
        gates: [expect.stringContaining("evidence insufficient")],
      },
    });
  });

  it("finds nothing between a policy and itself", () => {
    expect(backtest(history(40), policy).differences).toEqual([]);
  });
});
