// Adapter: decisions and the alert outbox in ClickHouse, behind `KeepsDecisions` and `KeepsAlerts`. A decision is stored with
// the very bytes a replay must reproduce; its id is its token, so deciding twice stores once.
import { z } from "zod";
import { Decision, Memory } from "../../contracts/decision.ts";
import { clickhouseTime } from "../core/time.ts";
import type { DecisionRecord, KeepsAlerts, KeepsDecisions } from "../ports.ts";
import { ask, type Engine } from "./rows.ts";

const StoredDecision = z
  .object({ decision: z.string(), memory: z.string(), inputs: z.string(), policy: z.string() })
  .transform((row): DecisionRecord => ({
    decision: Decision.parse(JSON.parse(row.decision)),
    decisionJson: row.decision,
    memory: Memory.parse(JSON.parse(row.memory)),
    memoryJson: row.memory,
    inputsJson: row.inputs,
    policyJson: row.policy,
  }));

export const createDecisions = (engine: Engine): KeepsDecisions => ({
  keep: async (record) => {
    const { decision } = record;
    await engine.insert(
      "decisions",
      [
        {
          id: decision.id,
          model: decision.model,
          window_start: clickhouseTime(Date.parse(decision.window_start)),
          window_end: clickhouseTime(Date.parse(decision.window_end)),
          at: clickhouseTime(Date.parse(decision.at)),
          action: decision.action,
          version: decision.version ?? "",
          rule: decision.rule,
          drift_verdict: decision.drift_verdict,
          drift_decision: decision.drift_decision,
          sentence: decision.sentence,
          reasons: JSON.stringify(decision.reasons),
          gates: JSON.stringify(decision.gates),
          decision: record.decisionJson,
          memory: record.memoryJson,
          inputs: record.inputsJson,
          inputs_digest: decision.inputs_digest,
          policy: record.policyJson,
          policy_digest: decision.policy_digest,
          rules_version: decision.rules_version,
        },
      ],
      { token: `decision/${decision.model}/${decision.window_end}/${decision.id}` },
    );
  },
  last: async (model) => (await ask(engine, "decisions-last", { model }, StoredDecision))[0] ?? null,
  after: (model, windowEndMs, limit) =>
    ask(engine, "decisions-after", { model, after: clickhouseTime(windowEndMs ?? 0), limit }, StoredDecision),
  byId: async (id) => (await ask(engine, "decisions-by-id", { id }, StoredDecision))[0] ?? null,
});

export const createAlerts = (engine: Engine): KeepsAlerts => ({
  keep: async (alert) => {
    const { atMs, decisionId, ...rest } = alert;
    await engine.insert("alerts", [{ ...rest, at: clickhouseTime(atMs), decision_id: decisionId }], {
      token: `alert/${alert.id}`,
    });
  },
  known: async (ids) =>
    new Set((await ask(engine, "alerts-known", { ids }, z.object({ id: z.string() }))).map((row) => row.id)),
});
