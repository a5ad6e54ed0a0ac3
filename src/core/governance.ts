// Core: the governance state machine. The ledger's entries are facts; the state is their fold. `evolve` applies one entry,
// `foldEntries` reads a stored ledger and stops at the first entry that breaks a law (governance-laws.ts) instead of serving
// a state nobody could have reached. Pure: time and actors come from the entries.
import type { LedgerEntry, LedgerState } from "../../contracts/governance.ts";
import { applyEvent } from "./governance-events.ts";
import { admit } from "./governance-laws.ts";
import { initialState, modelOf, WHOLE_LEDGER } from "./governance-state.ts";

/** Applies one entry that is already in the ledger; what is written happened, so this never refuses. */
export const evolve = (state: LedgerState, entry: LedgerEntry): LedgerState => {
  const head = { seq: entry.seq, generation: entry.generation, hash: entry.hash };
  if (entry.model === WHOLE_LEDGER) return { ...head, models: state.models };
  const after = entry.events.reduce(
    (model, event) => applyEvent(model, event, entry),
    modelOf(state, entry.model),
  );
  return { ...head, models: { ...state.models, [entry.model]: after } };
};

export type Folded =
  | { readonly ok: true; readonly state: LedgerState }
  | { readonly ok: false; readonly seq: number; readonly problem: string };

/** Folds stored entries onto a state and stops with the reason at the first one that no law-abiding writer can have written. */
export const foldEntries = (entries: readonly LedgerEntry[], from: LedgerState = initialState()): Folded => {
  let state = from;
  for (const entry of entries) {
    const refusal = admit(state, entry);
    if (refusal !== null) return { ok: false, seq: entry.seq, problem: `${refusal.code}: ${refusal.detail}` };
    state = evolve(state, entry);
  }
  return { ok: true, state };
};
