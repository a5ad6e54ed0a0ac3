// Core: deciders about windows and about the model as a whole: quarantine, release, freeze, unfreeze. A wish already
// fulfilled gives no events. A data-quality quarantine ends only by an operator; who may ask is the caller's question.
import type { LedgerEvent, ModelState, Quarantine, QuarantineKind } from "../../contracts/governance.ts";
import { planned, refuse, type Plan } from "./governance-moves.ts";

export interface WindowOf {
  readonly kind: QuarantineKind;
  readonly windowStart: string;
  readonly windowEnd: string;
}

/** Quarantines a window: its rows are no evidence and no training data until it is released. */
export const planQuarantine = (model: ModelState, window: WindowOf, detail: string): Plan =>
  openOf(model, window) !== undefined
    ? planned([], `${window.windowStart} is quarantined already`)
    : planned([quarantineEvent("quarantined", window, detail)], `${window.windowStart} is quarantined`);

/** Releases the named windows, or every open one where none is named. */
export const planRelease = (
  model: ModelState,
  windows: readonly WindowOf[] | "all",
  detail: string,
): Plan => {
  const open = model.quarantines.filter((known) => !known.released);
  const wanted = windows === "all" ? open : windows.flatMap((window) => openOf(model, window) ?? []);
  return planned(
    wanted.map((window) => quarantineEvent("released", window, detail)),
    wanted.length === 0 ? "nothing is quarantined" : `${wanted.length} windows are released`,
  );
};

/** Freezes a model: no promotion, shadowing or training until `until`, or until it is unfrozen. */
export const planFreeze = (model: ModelState, { until }: { readonly until: string | null }): Plan =>
  model.frozen !== null && model.frozen.until === until
    ? planned([], `${model.model} is frozen already`)
    : planned(
        [{ type: "frozen", until }],
        `${model.model} is frozen${until === null ? "" : ` until ${until}`}`,
      );

/** Ends a freeze. */
export const planUnfreeze = (model: ModelState): Plan =>
  model.frozen === null
    ? planned([], `${model.model} is not frozen`)
    : planned([{ type: "unfrozen" }], `${model.model} is unfrozen`);

/** Joins the plans of one entry, each made in the state before it; the first refusal wins. */
export const joinPlans = (plans: readonly Plan[]): Plan => {
  const events: LedgerEvent[] = [];
  const details: string[] = [];
  for (const plan of plans) {
    if (!plan.ok) return refuse(plan.refusal.code, plan.refusal.detail);
    events.push(...plan.events);
    details.push(plan.detail);
  }
  return planned(events, details.join("; "));
};

const openOf = (model: ModelState, window: WindowOf): Quarantine | undefined =>
  model.quarantines.find(
    (known) =>
      !known.released &&
      known.kind === window.kind &&
      known.windowStart === window.windowStart &&
      known.windowEnd === window.windowEnd,
  );

const quarantineEvent = (
  type: "quarantined" | "released",
  window: WindowOf,
  detail: string,
): LedgerEvent => ({
  type,
  kind: window.kind,
  window_start: window.windowStart,
  window_end: window.windowEnd,
  detail,
});
