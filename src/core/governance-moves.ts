// Core: deciders of version moves. Each takes a model's state and a wish and gives the events that fulfil it in one entry, or
// a refusal with its reason. A wish already fulfilled gives no events (repeating a command is harmless). Approvals, floors
// and baselines are arguments; nothing here looks anything up.
import type {
  Baseline,
  LedgerEvent,
  ModelState,
  VersionRecord,
  VersionState,
} from "../../contracts/governance.ts";
import type { Refusal } from "./governance-laws.ts";
import { versionOf } from "./governance-state.ts";
import { reaches } from "./threshold.ts";

/** Events for one entry with a sentence about them; no events: what was asked for holds already. */
export type Plan =
  | { readonly ok: true; readonly events: readonly LedgerEvent[]; readonly detail: string }
  | { readonly ok: false; readonly refusal: Refusal };

/** Absolute floors of a first version, inclusive; it has no production to be compared with. */
export interface Floors {
  readonly rocAucMin: number;
  readonly rowsMin: number;
  readonly eceMax: number;
}

export interface Promotion {
  /** What the version will be held against while it serves; null refuses. */
  readonly baseline: Baseline | null;
  /** Floors of the bootstrap; needed exactly while nothing was ever promoted. */
  readonly bootstrap?: Floors;
  /** A decision promotes only the candidate; a command may also take a version that never shadowed (patch versions). */
  readonly by: "decision" | "command";
  readonly now: string;
}

/** Says yes to a wish. */
export const planned = (events: readonly LedgerEvent[], detail: string): Plan => ({
  ok: true,
  events,
  detail,
});

/** Says no to a wish, with the reason. */
export const refuse = (code: string, detail: string): Plan => ({ ok: false, refusal: { code, detail } });

/** Promotes a version: the old champion stands by as the watch, the old STANDBY is archived, all in one entry. */
export const planPromotion = (model: ModelState, version: string, wish: Promotion): Plan => {
  const record = versionOf(model, version);
  if (record === undefined) return unknownVersion(version);
  if (record.state === "PROMOTED") return planned([], `${version} is promoted already`);
  if (isEnd(record.state)) return refuse("ended", `${version} is ${record.state}: there is no way back`);
  if (record.state === "STANDBY")
    return refuse("use-rollback", `${version} stands by: a rollback brings it back`);
  if (isFrozen(model, wish.now))
    return refuse("frozen", `${model.model} is frozen: ${model.frozen?.reason ?? ""}`);
  if (wish.baseline === null) return refuse("no-baseline", `no baseline is known for ${version}`);
  if (model.promoted === null) return planBootstrap(record, wish.baseline, wish.bootstrap);
  if (record.state === "TRAINING" && wish.by === "decision")
    return refuse("not-shadowed", `${version} has not shadowed`);
  if (model.candidate !== null && model.candidate !== version)
    return refuse("candidate-exists", `${model.candidate} is the candidate: reject it first`);
  return planned(
    [
      ...(model.standby === null ? [] : [moved(model.standby, "STANDBY", "ARCHIVED")]),
      moved(model.promoted, "PROMOTED", "STANDBY"),
      ...stepsTo(record.state, version),
      moved(version, "PROMOTABLE", "PROMOTED", wish.baseline),
    ],
    `${version} replaces ${model.promoted}, which stands by`,
  );
};

/** Withdraws the promoted version and brings the STANDBY back with the baseline written at its promotion. */
export const planRollback = (model: ModelState, named: string | null): Plan => {
  const { promoted, standby } = model;
  if (named !== null && versionOf(model, named) === undefined) return unknownVersion(named);
  if (named !== null && versionOf(model, named)?.state === "ROLLED_BACK")
    return planned([], `${named} is rolled back already`);
  if (promoted === null) return refuse("none-promoted", `${model.model} has no promoted version`);
  const target = standby === null ? undefined : versionOf(model, standby);
  if (standby === null || target === undefined)
    return refuse("no-standby", `${model.model} has no version standing by to return to`);
  if (named !== null && named !== promoted && named !== standby)
    return refuse(
      "not-this-version",
      `a rollback withdraws ${promoted} and restores ${standby}; ${named} is neither`,
    );
  if (target.baseline === null) return refuse("no-baseline", `${standby} has lost its baseline`);
  return planned(
    [moved(promoted, "PROMOTED", "ROLLED_BACK"), moved(standby, "STANDBY", "PROMOTED", target.baseline)],
    `${promoted} is withdrawn, ${standby} serves again`,
  );
};

/** Rejects a version that was never promoted. */
export const planReject = (model: ModelState, version: string): Plan => {
  const record = versionOf(model, version);
  if (record === undefined) return unknownVersion(version);
  switch (record.state) {
    case "REJECTED":
      return planned([], `${version} is rejected already`);
    case "TRAINING":
    case "SHADOWING":
    case "PROMOTABLE":
      return planned([moved(version, record.state, "REJECTED")], `${version} is rejected`);
    case "PROMOTED":
    case "STANDBY":
    case "ARCHIVED":
    case "ROLLED_BACK":
      return refuse(
        "illegal-move",
        `${version} is ${record.state}: only a version before PROMOTED can be rejected`,
      );
  }
};

/** Lets a registered version shadow the promoted one. */
export const planShadow = (model: ModelState, version: string, { now }: { readonly now: string }): Plan => {
  const record = versionOf(model, version);
  if (record === undefined) return unknownVersion(version);
  if (record.state === "SHADOWING" || record.state === "PROMOTABLE")
    return planned([], `${version} shadows already`);
  if (record.state !== "TRAINING")
    return refuse("illegal-move", `${version} is ${record.state}: it cannot shadow`);
  if (isFrozen(model, now))
    return refuse("frozen", `${model.model} is frozen: ${model.frozen?.reason ?? ""}`);
  if (model.promoted === null)
    return refuse("none-promoted", "the first version is bootstrapped, it has nothing to shadow");
  if (model.candidate !== null) return refuse("candidate-exists", `${model.candidate} is the candidate`);
  return planned([moved(version, "TRAINING", "SHADOWING")], `${version} shadows ${model.promoted}`);
};

/** Marks the candidate ready: every gate passed and only a person's approval is missing. */
export const planPromotable = (model: ModelState, version: string): Plan => {
  const record = versionOf(model, version);
  if (record === undefined) return unknownVersion(version);
  if (record.state === "PROMOTABLE") return planned([], `${version} is promotable already`);
  if (record.state !== "SHADOWING")
    return refuse("illegal-move", `${version} is ${record.state}, not the candidate`);
  return planned([moved(version, "SHADOWING", "PROMOTABLE")], `${version} is promotable`);
};

/** Ends the watch: a STANDBY that has watched for `watchMs` or longer is archived. */
export const planWatchEnd = (
  model: ModelState,
  wish: { readonly watchMs: number; readonly now: string },
): Plan => {
  const { standby } = model;
  const record = standby === null ? undefined : versionOf(model, standby);
  if (record === undefined) return refuse("no-standby", `${model.model} has no version standing by`);
  const watchedMs = Date.parse(wish.now) - Date.parse(record.since);
  if (!(watchedMs >= wish.watchMs))
    return refuse("watch-not-over", `${record.version} has watched since ${record.since}`);
  return planned([moved(record.version, "STANDBY", "ARCHIVED")], `the watch of ${record.version} is over`);
};

/** Enters a published bundle in the book; the same version with another digest is refused, with the same digest nothing. */
export const planRegister = (
  model: ModelState,
  bundle: Omit<Extract<LedgerEvent, { type: "registered" }>, "type">,
): Plan => {
  const known = versionOf(model, bundle.version);
  if (known === undefined)
    return planned([{ type: "registered", ...bundle }], `${bundle.version} enters the book`);
  return known.digest === bundle.digest
    ? planned([], `${bundle.version} is registered already`)
    : refuse("version-taken", `${bundle.version} is registered with another digest`);
};

/** A freeze with a time ends by itself at that time. */
export const isFrozen = (model: ModelState, now: string): boolean =>
  model.frozen !== null &&
  (model.frozen.until === null || !(Date.parse(now) >= Date.parse(model.frozen.until)));

const planBootstrap = (record: VersionRecord, baseline: Baseline, floors: Floors | undefined): Plan => {
  if (floors === undefined)
    return refuse(
      "needs-bootstrap",
      `${record.version} would be the first: it needs a bootstrap with floors`,
    );
  if (record.state !== "TRAINING")
    return refuse(
      "illegal-move",
      `${record.version} is ${record.state}: a bootstrap takes a TRAINING version`,
    );
  const { roc_auc: rocAuc, n, ece } = baseline;
  const below = [
    ...(rocAuc !== null && reaches(rocAuc, floors.rocAucMin)
      ? []
      : [`ROC-AUC ${rocAuc ?? "unknown"}, at least ${floors.rocAucMin} needed`]),
    ...(reaches(n, floors.rowsMin) ? [] : [`${n} rows, at least ${floors.rowsMin} needed`]),
    ...(ece !== null && reaches(floors.eceMax, ece)
      ? []
      : [`ECE ${ece ?? "unknown"}, at most ${floors.eceMax} allowed`]),
  ];
  return below.length === 0
    ? planned(
        [moved(record.version, "TRAINING", "PROMOTED", baseline)],
        `bootstrap: ${record.version} is the first`,
      )
    : refuse("below-floors", `${record.version}: ${below.join("; ")}`);
};

const stepsTo = (state: VersionState, version: string): readonly LedgerEvent[] => [
  ...(state === "TRAINING" ? [moved(version, "TRAINING", "SHADOWING")] : []),
  ...(state === "TRAINING" || state === "SHADOWING" ? [moved(version, "SHADOWING", "PROMOTABLE")] : []),
];

const moved = (
  version: string,
  from: VersionState,
  to: VersionState,
  baseline: Baseline | null = null,
): LedgerEvent => ({ type: "transition", version, from, to, baseline });

const isEnd = (state: VersionState): boolean =>
  state === "REJECTED" || state === "ROLLED_BACK" || state === "ARCHIVED";

const unknownVersion = (version: string): Plan => refuse("unknown-version", `${version} is not registered`);
