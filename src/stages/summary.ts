// Stage: the summary of what a deployment did about one model, taken from its stores alone: what was recorded, decided and moved, and
// whether every decision still replays to the same bytes. Reads only.
import { z } from "zod";
import type { LedgerEntry } from "../../contracts/governance.ts";
import { Policy } from "../../contracts/policy.ts";
import { canonicalJson, sha256Hex } from "../core/canonical.ts";
import { readyPolicy, type ReadyPolicy } from "../core/policy.ts";
import { replayDecision } from "../core/replay.ts";
import type { DecisionRecord, KeepsDecisions } from "../ports.ts";

export interface SummaryPorts {
  readonly query: (name: string, parameters: Record<string, string>) => Promise<unknown[]>;
  readonly decisions: Pick<KeepsDecisions, "after">;
  readonly entries: () => Promise<readonly LedgerEntry[]>;
  readonly auditOk: () => Promise<boolean>;
}

const count = z.number();
const Recorded = z.object({
  predictions_recorded: count,
  rows: count,
  events: count,
  label_rows: count,
  labels_recorded: count,
  invalid: count,
  windows: count,
  drift_rows: count,
  alerts: count,
  unpaired: count.nullable(),
  dead_letters: count,
});

export interface Move {
  readonly at: string;
  readonly version: string;
  readonly from: string;
  readonly to: string;
  readonly actor: string;
  readonly reason: string;
}

export interface Summary {
  readonly predictions_recorded: number;
  readonly duplicates: number;
  readonly labels_recorded: number;
  readonly invalid: number;
  readonly windows: number;
  readonly drift_rows: number;
  readonly decisions: Readonly<Record<string, number>>;
  readonly retrains: number;
  readonly candidates_shadowed: number;
  readonly promotions: readonly Move[];
  readonly rejections: readonly Move[];
  readonly rollbacks: readonly Move[];
  readonly quarantined_windows: number;
  readonly alerts: number;
  readonly unpaired: number;
  readonly dead_letters: number;
  readonly audit_verified: boolean;
  readonly decisions_replayed: number;
  readonly replay_identical: boolean;
  readonly decisions_digest: string;
  readonly versions: readonly { version: string; state: string }[];
}

/** Every decision of a model, oldest first. */
export const allDecisions = async (
  decisions: SummaryPorts["decisions"],
  model: string,
): Promise<DecisionRecord[]> => {
  const records: DecisionRecord[] = [];
  for (;;) {
    const last = records.at(-1);
    const page = await decisions.after(
      model,
      last === undefined ? null : Date.parse(last.decision.window_end),
      PAGE,
    );
    records.push(...page);
    if (page.length < PAGE) return records;
  }
};

const PAGE = 1000;

/** Replays stored decisions and names those whose bytes differ. */
export const replayAll = (records: readonly DecisionRecord[]): { replayed: number; different: string[] } => {
  const policies = new Map<string, ReadyPolicy>();
  const policyOf = (json: string): ReadyPolicy => {
    const known = policies.get(json) ?? readyPolicy(Policy.parse(JSON.parse(json)));
    policies.set(json, known);
    return known;
  };
  const different = records
    .filter((record) => {
      const { rules_version } = record.decision;
      return (
        replayDecision({ inputs: record.inputsJson, policy: policyOf(record.policyJson), rules_version }) !==
        record.decisionJson
      );
    })
    .map((record) => record.decision.id);
  return { replayed: records.length, different };
};

/** Sums up a model. */
export const summarise = async (ports: SummaryPorts, model: string): Promise<Summary> => {
  const [row] = await ports.query("summary-recorded", { model });
  const recorded = Recorded.parse(row);
  const records = await allDecisions(ports.decisions, model);
  const entries = (await ports.entries()).filter((entry) => entry.model === model);
  const { replayed, different } = replayAll(records);
  const actions: Record<string, number> = {};
  for (const { decision } of records) actions[decision.action] = (actions[decision.action] ?? 0) + 1;
  const moves = entries.flatMap(movesOf);
  const states = new Map<string, string>();
  for (const entry of entries)
    for (const event of entry.events) {
      if (event.type === "registered") states.set(event.version, "TRAINING");
      if (event.type === "transition") states.set(event.version, event.to);
    }
  const events = entries.flatMap((entry) => entry.events);
  return {
    predictions_recorded: recorded.predictions_recorded,
    duplicates: recorded.rows - recorded.events + recorded.label_rows - recorded.labels_recorded,
    labels_recorded: recorded.labels_recorded,
    invalid: recorded.invalid,
    windows: recorded.windows,
    drift_rows: recorded.drift_rows,
    decisions: actions,
    retrains: events.filter((event) => event.type === "training_requested").length,
    candidates_shadowed: moves.filter((move) => move.to === "SHADOWING").length,
    promotions: moves.filter((move) => move.to === "PROMOTED" && move.from !== "STANDBY"),
    rejections: moves.filter((move) => move.to === "REJECTED"),
    rollbacks: moves.filter((move) => move.to === "ROLLED_BACK"),
    quarantined_windows: events.filter((event) => event.type === "quarantined").length,
    alerts: recorded.alerts,
    unpaired: recorded.unpaired ?? 0,
    dead_letters: recorded.dead_letters,
    audit_verified: await ports.auditOk(),
    decisions_replayed: replayed,
    replay_identical: different.length === 0 && replayed > 0,
    decisions_digest: sha256Hex(canonicalJson(records.map((record) => record.decision.id))),
    versions: [...states].map(([version, state]) => ({ version, state })),
  };
};

const movesOf = (entry: LedgerEntry): Move[] =>
  entry.events.flatMap((event) =>
    event.type === "transition"
      ? [
          {
            at: entry.at,
            version: event.version,
            from: event.from,
            to: event.to,
            actor: entry.actor,
            reason: entry.reason,
          },
        ]
      : [],
  );
