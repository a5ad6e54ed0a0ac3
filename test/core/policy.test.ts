// The policy language: shipped profiles hold together, every mistake has its line, the digest covers every number.
import { describe, expect, it } from "vitest";
import { Policy } from "../../contracts/policy.ts";
import { parsePolicy, policyJson, readyPolicy } from "../../src/core/policy.ts";
import { policyOf, policyText } from "./decision-world.ts";

const PROFILES = ["conservative", "balanced", "aggressive", "classic"] as const;
const refusal = (from: string, to: string) => {
  const text = policyText("conservative");
  if (!text.includes(from)) throw new Error(`no "${from}" in the policy`);
  const parsed = parsePolicy(text.replace(from, to), "policy.yaml");
  if (parsed.ok) throw new Error("accepted");
  const line = text.slice(0, text.indexOf(from)).split("\n").length;
  return { errors: parsed.errors, line };
};

describe("shipped policies", () => {
  it.each(PROFILES)("%s is a policy of that name", (name) => {
    expect(policyOf(name).policy).toBe(name);
  });

  it("have different digests, and none of its own", () => {
    expect(new Set(PROFILES.map((name) => policyOf(name).digest)).size).toBe(PROFILES.length);
  });

  it("grow bolder: evidence asked for falls from profile to profile", () => {
    const alphas = (["conservative", "balanced", "aggressive"] as const).map(
      (name) => policyOf(name).candidate.evidence.alpha,
    );
    expect(alphas).toEqual([0.05, 0.1, 0.2]);
  });
});

describe("digest", () => {
  it("is that of the canonical document, whatever comments and order say", () => {
    const policy = policyOf();
    const again = readyPolicy(Policy.parse(JSON.parse(policyJson(policy))));
    expect(again.digest).toBe(policy.digest);
    expect(policyOf("conservative", ["# docs/policy.md explains", "# elsewhere explains"]).digest).toBe(
      policy.digest,
    );
  });

  it("changes with any number that can move a model", () => {
    expect(policyOf("conservative", ["samples: { min: 200 }", "samples: { min: 201 }"]).digest).not.toBe(
      policyOf().digest,
    );
  });
});

describe("mistakes", () => {
  it.each([
    ["retrain: 7d", "retrain: 7x", "cooldowns.retrain", "a duration"],
    ["autonomy: act", "autonomy: fly", "autonomy", "observe"],
    ["alpha: 0.05", "alpha: .nan", "candidate.evidence.alpha", "NaN"],
    ["alpha: 0.05", "alpha: 1.5", "candidate.evidence.alpha", "<1"],
    ["rejects_max: 3", "rejects_max: 3\n  surprise: 1", "candidate.surprise", "unknown key"],
    [
      "harm.log_e >= harm.threshold",
      "harm.log_ee >= harm.threshold",
      "rules.3.when",
      "did you mean harm.log_e",
    ],
    ["when: faults.any", "when: window.volume", "rules.0.when", "expected a condition"],
    ["when: faults.any", 'when: window.volume > "three"', "rules.0.when", "no such overload"],
    ["because: [faults.what]", "because: [fault.what]", "rules.0.because.0", "did you mean faults.what"],
    ["({faults.what}).", "({faults.whom}).", "rules.0.sentence", "no such signal"],
    ["name: frozen", "name: system_error", "rules.1.name", "used twice"],
    ["shadow_max_ahead: 112d", "shadow_max_ahead: 12d", "candidate.shadow_max_ahead", "shorter"],
    ["{ windows: 5, of: 7 }", "{ windows: 5, of: 4 }", "gates.stability.windows", "more windows"],
    ['when: "true"', 'when: "window.enough"', "rules.19.when", "last rule"],
    ["when: faults.any", 'when: decision.action == "NONE"', "rules.0.when", "alerts only"],
  ])("%s → %s is refused at its key", (from, to, key, message) => {
    const { errors } = refusal(from, to);
    const error = errors.find((one) => one.key === key);
    expect(error, JSON.stringify(errors)).toBeDefined();
    expect(error?.message).toContain(message);
  });

  it("stand at their line", () => {
    const { errors, line } = refusal("retrain: 7d", "retrain: 7x");
    expect(errors).toMatchObject([{ line, column: 3 }]);
  });

  it("of syntax, emptiness and tricks are errors, never exceptions", () => {
    for (const text of ["", "a: [", "a: &x 1\nb: *x", "__proto__: 1", "a: 1\na: 2", "7"])
      expect(parsePolicy(text, "policy.yaml").ok, text).toBe(false);
  });
});

describe("conditions", () => {
  it("do not hold where a number is not known, whichever way they are written", () => {
    const policy = policyOf(
      "conservative",
      ["when: faults.any", "when: trust.score < 0.5"],
      ["when: frozen.active", 'when: "!(trust.score >= 0.5)"'],
    );
    for (const when of ["trust.score < 0.5", "!(trust.score >= 0.5)"]) {
      const holds = (score: number | undefined) =>
        policy.conditions.get(when)?.((name) => (name === "trust.score" ? score : false));
      // Asked again with what it was asked before, and with something new: the kept answer is never another question's.
      expect([undefined, 0.4, 0.4, 0.5, undefined, 0.4].map(holds), when).toEqual([
        false,
        true,
        true,
        false,
        false,
        true,
      ]);
    }
  });
});
