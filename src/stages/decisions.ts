// Stage: the history of decisions, looked at again: replayed to the same bytes, or decided once more under another policy. Reads page by
// page, so that memory does not grow with the history. Writes nothing and moves nothing.
import { Policy } from "../../contracts/policy.ts";
import { backtest, type Backtest } from "../core/backtest.ts";
import { sha256Hex } from "../core/canonical.ts";
import { readyPolicy, type ReadyPolicy } from "../core/policy.ts";
import { replayDecision } from "../core/replay.ts";
import type { DecisionRecord, KeepsDecisions } from "../ports.ts";

export interface Replayed {
  readonly id: string;
  readonly model: string;
  readonly identical: boolean;
  readonly stored_digest: string;
  readonly replayed_digest: string;
}

export interface History {
  readonly decisions: Pick<KeepsDecisions, "after">;
  readonly models: readonly string[];
  /** Only decisions of windows that end after this instant; null: all. */
  readonly sinceMs: number | null;
}

/** A decision with its inputs may take a hundred kilobytes, and an answer of the engine is whole in memory. */
const PAGE = 200;

/** Makes a stored decision again and compares the bytes; `policies` remembers what was compiled. */
export const replayRecord = (record: DecisionRecord, policies: Map<string, ReadyPolicy>): Replayed => {
  const { id, model, rules_version } = record.decision;
  const policy = policies.get(record.policyJson) ?? readyPolicy(Policy.parse(JSON.parse(record.policyJson)));
  policies.set(record.policyJson, policy);
  const again = replayDecision({ inputs: record.inputsJson, policy, rules_version });
  return {
    id,
    model,
    identical: again === record.decisionJson,
    stored_digest: sha256Hex(record.decisionJson),
    replayed_digest: sha256Hex(again),
  };
};

/** Replays a history and names what differs; `digest` is over the stored bytes of all, in order. */
export const replayHistory = async (
  history: History,
): Promise<{ decisions: number; identical: boolean; digest: string; different: readonly Replayed[] }> => {
  const policies = new Map<string, ReadyPolicy>();
  const different: Replayed[] = [];
  const digests: string[] = [];
  for await (const page of pagesOf(history))
    for (const record of page) {
      const replayed = replayRecord(record, policies);
      digests.push(replayed.stored_digest);
      if (!replayed.identical) different.push(replayed);
    }
  // Nothing replayed proves nothing.
  const identical = different.length === 0 && digests.length > 0;
  return { decisions: digests.length, identical, digest: sha256Hex(digests.join("\n")), different };
};

/** Decides a history again under another policy, each step from its recorded state. */
export const backtestHistory = async (history: History, policy: ReadyPolicy): Promise<Backtest> => {
  const differences: Backtest["differences"][number][] = [];
  let decisions = 0;
  for await (const page of pagesOf(history)) {
    const one = backtest(
      page.map(({ inputsJson, decision }) => ({ inputs: inputsJson, decision })),
      policy,
    );
    decisions += one.decisions;
    differences.push(...one.differences);
  }
  return { decisions, policy: policy.policy, policy_digest: policy.digest, differences };
};

async function* pagesOf({ decisions, models, sinceMs }: History): AsyncGenerator<readonly DecisionRecord[]> {
  for (const model of models) {
    let afterMs = sinceMs;
    for (;;) {
      const page = await decisions.after(model, afterMs, PAGE);
      const last = page.at(-1);
      if (last === undefined) break;
      yield page;
      afterMs = Date.parse(last.decision.window_end);
    }
  }
}
