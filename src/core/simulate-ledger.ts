// Core: the governance state of a simulated model, moved by decisions as the executor would move it, without a ledger's hashes.
// One decision window is one day. Knows of each version what only a simulation can know: how good it truly is.
import type { Decision } from "../../contracts/decision.ts";
import type { ModelState, Quarantine, VersionRecord, VersionState } from "../../contracts/governance.ts";
import { emptyModel } from "./governance-state.ts";
import type { Truth } from "./simulate-scenarios.ts";
import { f1At } from "./simulate-world.ts";

export interface SimulatedModel {
  readonly state: ModelState;
  readonly truth: ReadonlyMap<string, Truth>;
  readonly waiting: string | null;
}

/** Rows behind a simulated baseline: its F1 is known to about .012. */
const BASELINE_SE = 0.012;

/** A model with a promoted version, perhaps a STANDBY, and perhaps one that waits. */
export const openModel = (at: {
  readonly production: Truth;
  readonly standby: Truth | null;
  readonly waiting: Truth | null;
  readonly promotedAt: string;
}): SimulatedModel => {
  const truth = new Map([["1.0.0", at.production]]);
  const promoted = recordOf("1.0.0", "PROMOTED", at.promotedAt, at.production.step);
  const versions: Record<string, VersionRecord> = { "1.0.0": promoted };
  if (at.standby !== null) {
    versions["0.9.0"] = recordOf("0.9.0", "STANDBY", at.promotedAt, at.standby.step);
    truth.set("0.9.0", at.standby);
  }
  const state = {
    ...emptyModel("simulated"),
    versions,
    promoted: "1.0.0",
    standby: at.standby === null ? null : "0.9.0",
    lastPromotionAt: at.promotedAt,
  };
  const model = { state, truth, waiting: null };
  return at.waiting === null ? model : register(model, at.waiting, at.promotedAt);
};

/** A trained version enters the book and waits. */
export const register = (model: SimulatedModel, truth: Truth, at: string): SimulatedModel => {
  const version = `1.${model.truth.size}.0`;
  const record = recordOf(version, "TRAINING", at, truth.step);
  return {
    state: {
      ...model.state,
      training: null,
      versions: { ...model.state.versions, [version]: record },
    },
    truth: new Map([...model.truth, [version, truth]]),
    waiting: version,
  };
};

const recordOf = (version: string, state: VersionState, since: string, step: number): VersionRecord => ({
  version,
  state,
  digest: `digest-${version}`,
  family: "simulated",
  parent: null,
  since,
  shadowSince: null,
  baseline: {
    n: 20_000,
    f1: f1At(step),
    f1_low: f1At(step) - 1.645 * BASELINE_SE,
    accuracy: null,
    brier: null,
    roc_auc: null,
    ece: null,
    threshold: 0.5,
  },
  lastReason: "simulated",
});

/** Carries a decision out. */
export const carryOut = (
  model: SimulatedModel,
  decision: Pick<Decision, "action" | "version" | "quarantine" | "releases">,
  at: string,
): SimulatedModel => {
  const base = { ...model, state: withWindows(model.state, decision) };
  const { state } = base;
  const { version } = decision;
  switch (decision.action) {
    case "NONE":
    case "HOLD":
    case "SYSTEM_ERROR":
    case "QUARANTINE":
      return base;
    case "RETRAIN": {
      const training = { trainingId: `t-${at}`, decisionId: null, attempt: 1, requestedAt: at, through: at };
      return { ...base, state: { ...state, training, lastTrainingAt: at } };
    }
    case "SHADOW": {
      const versions = moved(state, version, "SHADOWING", at);
      const shadowing = versions[version ?? ""];
      return {
        ...base,
        waiting: null,
        state: {
          ...state,
          versions:
            shadowing === undefined
              ? versions
              : { ...versions, [shadowing.version]: { ...shadowing, shadowSince: at } },
          candidate: version,
          candidatesSincePromotion: state.candidatesSincePromotion + 1,
        },
      };
    }
    case "PROMOTE": {
      const old = moved(state, state.promoted, "STANDBY", at);
      const versions = moved({ ...state, versions: old }, version, "PROMOTED", at);
      return {
        ...base,
        state: {
          ...state,
          versions,
          promoted: version,
          standby: state.promoted,
          candidate: null,
          lastPromotionAt: at,
          candidatesSincePromotion: 0,
        },
      };
    }
    case "REJECT":
      return {
        ...base,
        state: { ...state, versions: moved(state, version, "REJECTED", at), candidate: null },
      };
    case "ROLLBACK": {
      const gone = moved(state, state.promoted, "ROLLED_BACK", at);
      const versions = moved({ ...state, versions: gone }, state.standby, "PROMOTED", at);
      return {
        ...base,
        state: { ...state, versions, promoted: state.standby, standby: null, lastPromotionAt: at },
      };
    }
  }
};

/** The watch is over: STANDBY is archived. */
export const endWatch = (model: SimulatedModel, at: string): SimulatedModel => ({
  ...model,
  state: { ...model.state, versions: moved(model.state, model.state.standby, "ARCHIVED", at), standby: null },
});

const moved = (
  { versions }: Pick<ModelState, "versions">,
  version: string | null,
  state: VersionState,
  since: string,
): Record<string, VersionRecord> => {
  const record = version === null ? undefined : versions[version];
  return record === undefined
    ? { ...versions }
    : { ...versions, [record.version]: { ...record, state, since } };
};

const withWindows = (
  state: ModelState,
  { quarantine, releases }: Pick<Decision, "quarantine" | "releases">,
): ModelState => {
  if (quarantine === null && releases.length === 0) return state;
  const lifted = releases.map(({ window_start }) => window_start);
  const opened: Quarantine[] =
    quarantine === null
      ? []
      : [
          {
            kind: quarantine.kind,
            windowStart: quarantine.window_start,
            windowEnd: quarantine.window_end,
            released: false,
            detail: quarantine.detail,
          },
        ];
  const kept = state.quarantines.map((one) =>
    lifted.includes(one.windowStart) ? { ...one, released: true } : one,
  );
  return { ...state, quarantines: [...kept, ...opened] };
};
