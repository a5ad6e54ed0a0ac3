// Core: how an empty ledger and an empty model look, and how their parts are found. Own keys only: a model or version named
// "constructor" finds nothing it should not.
import type { LedgerState, ModelState, VersionRecord } from "../../contracts/governance.ts";

/** `prev_hash` of the first entry, and the hash of the empty ledger. */
export const GENESIS = "0".repeat(64);

/** Entries about the ledger itself (recoveries) carry this in place of a model's name; no contract may be named so. */
export const WHOLE_LEDGER = "*";

/** Gives the state of a ledger without entries. */
export const initialState = (): LedgerState => ({ seq: 0, generation: 0, hash: GENESIS, models: {} });

/** Gives a model's state before its first event. */
export const emptyModel = (model: string): ModelState => ({
  model,
  versions: {},
  promoted: null,
  candidate: null,
  standby: null,
  lastPromotionAt: null,
  lastTrainingAt: null,
  candidatesSincePromotion: 0,
  frozen: null,
  quarantines: [],
  training: null,
  trainingFailures: 0,
  finishedTrainings: {},
  circuit: "closed",
  commands: [],
  approvals: [],
  executedThrough: null,
  executedDecision: null,
});

/** Gives one model's state, empty where the ledger does not know it. Own keys only: a model may be named "constructor". */
export const modelOf = (state: LedgerState, model: string): ModelState =>
  Object.hasOwn(state.models, model) ? (state.models[model] ?? emptyModel(model)) : emptyModel(model);

/** Gives one version's record, undefined where the model does not have it. */
export const versionOf = (model: ModelState, version: string): VersionRecord | undefined =>
  Object.hasOwn(model.versions, version) ? model.versions[version] : undefined;
