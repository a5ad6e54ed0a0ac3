// Test support: a ledger in memory made only of the real core. `write` seals events onto the chain and fails the test when a
// law is broken, so that every test of governance is also a test of `admit`.
import type {
  Baseline,
  LedgerEntry,
  LedgerEvent,
  LedgerState,
  ModelState,
} from "../../contracts/governance.ts";
import { LedgerEntry as EntryWord } from "../../contracts/governance.ts";
import { evolve } from "../../src/core/governance.ts";
import { admit } from "../../src/core/governance-laws.ts";
import type { Plan } from "../../src/core/governance-moves.ts";
import { initialState, modelOf } from "../../src/core/governance-state.ts";
import { seal } from "../../src/core/ledger.ts";

export const MODEL = "flight-delay";
export const day = (n: number): string => new Date(Date.UTC(2001, 0, 1) + n * 86_400_000).toISOString();

export const baselineOf = (f1: number): Baseline => ({
  n: 5000,
  f1,
  f1_low: f1 - 0.01,
  accuracy: 0.8,
  brier: 0.14,
  roc_auc: 0.75,
  ece: 0.02,
  threshold: 0.4,
});

export const FLOORS = { rocAucMin: 0.6, rowsMin: 1000, eceMax: 0.05 };

export const openBook = (): {
  readonly entries: LedgerEntry[];
  state(): LedgerState;
  model(): ModelState;
  write(events: readonly LedgerEvent[], at?: string, actor?: string): void;
  carryOut(plan: Plan, at?: string): string;
} => {
  const entries: LedgerEntry[] = [];
  let state = initialState();
  const write = (events: readonly LedgerEvent[], at = day(0), actor = "test"): void => {
    const draft = { at, model: MODEL, actor, reason: `because of ${actor}`, events: [...events] };
    const refusal = admit(state, draft);
    if (refusal !== null) throw new Error(`${refusal.code}: ${refusal.detail}`);
    const entry = EntryWord.parse(seal(draft, state)); // what a stored entry must read back as
    entries.push(entry);
    state = evolve(state, entry);
  };
  return {
    entries,
    state: () => state,
    model: () => modelOf(state, MODEL),
    write,
    carryOut: (plan, at = day(0)) => {
      if (!plan.ok) return plan.refusal.code;
      if (plan.events.length > 0) write(plan.events, at);
      return plan.events.length > 0 ? "done" : "nothing";
    },
  };
};

export const registered = (version: string): LedgerEvent => ({
  type: "registered",
  version,
  digest: `digest-${version}`,
  family: "logistic-regression",
  parent: null,
  training_id: null,
});
