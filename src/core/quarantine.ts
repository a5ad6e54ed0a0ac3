// Core: what one window says by itself, and whether its rows may be believed (SPEC §7). A window whose data is ill is
// quarantined until an operator releases it; a window that drifts abruptly until the drift has persisted in further windows
// whose labels matured: then it is the new world. An empty or starved window says nothing, good or bad.
import type { Decision, Memory } from "../../contracts/decision.ts";
import type { DriftRow, DriftVerdict } from "../../contracts/drift.ts";
import type { Evidence } from "../../contracts/evidence.ts";
import type { ModelState } from "../../contracts/governance.ts";
import type { Policy } from "../../contracts/policy.ts";
import { verdict } from "./drift-summary.ts";

export interface WindowJudgement {
  /** Rows enough to conclude anything. */
  readonly enough: boolean;
  readonly quarantined: boolean;
  /** What is wrong with the data; empty when nothing is. */
  readonly quality: readonly string[];
  /** Judged features that breached, and how many features were evaluated. */
  readonly drifted: readonly DriftRow[];
  readonly evaluated: number;
  readonly verdict: DriftVerdict | null;
  readonly decision: DriftVerdict;
  readonly accepted: boolean;
  readonly releases: Decision["releases"];
  readonly verdicts: readonly DriftVerdict[];
  readonly open: Memory["open_quarantines"];
}

const VERDICTS_KEPT = 16;
const RANK: Record<DriftVerdict, number> = {
  NO_ACTION: 0,
  MONITOR: 1,
  RETRAIN_RECOMMENDED: 2,
  RETRAIN_REQUIRED: 3,
};

/** Says whether one verdict is at least as grave as another. */
export const isAtLeast = (a: DriftVerdict, b: DriftVerdict): boolean => RANK[a] >= RANK[b];

/** Judges the evidence's window in the light of the windows before it. */
export const judgeWindowHealth = (at: {
  readonly evidence: Evidence;
  readonly memory: Memory;
  readonly governance: ModelState;
  readonly policy: Policy;
}): WindowJudgement => {
  const { evidence, memory, governance, policy } = at;
  const { window } = evidence;
  const enough = window.volume >= policy.drift.quarantine.rows_min && !window.flags.includes("empty");
  const quality = enough ? qualityOf(evidence) : [];
  const drifted = enough ? evidence.drift.filter(isBreachedFeature) : [];
  // A window of ill data tells nothing about the world, so its verdict does not count towards persistence.
  const seen = enough && quality.length === 0 ? verdict(evidence.drift) : null;
  const verdicts = seen === null ? memory.verdicts : [...memory.verdicts, seen].slice(-VERDICTS_KEPT);
  const stillOpen = memory.open_quarantines.filter((open) => !isReleased(governance, open.window_start));
  const run = followRun({ open: stillOpen, seen, drifted: drifted.length > 0, evidence, policy });
  return {
    enough,
    quarantined: isQuarantined(governance, window.start),
    quality,
    drifted,
    evaluated: evidence.drift.filter(isEvaluatedFeature).length,
    verdict: seen,
    decision: persisted(verdicts, seen, policy.drift.persistence),
    accepted: run.lifted || isAccepted(at, run.open),
    releases: run.releases,
    verdicts,
    open: run.open,
  };
};

/** The window starting here is under a quarantine that nobody lifted. */
export const isQuarantined = (governance: ModelState, start: string): boolean =>
  governance.quarantines.some(
    ({ windowStart, released }) => !released && Date.parse(windowStart) === Date.parse(start),
  );

const isReleased = (governance: ModelState, start: string): boolean =>
  governance.quarantines.some(
    ({ windowStart, released, kind }) =>
      released && kind === "drift" && Date.parse(windowStart) === Date.parse(start),
  );

const isBreachedFeature = (row: DriftRow): boolean =>
  row.subject === "feature" && row.threshold !== null && row.status === "breach";

const isEvaluatedFeature = (row: DriftRow): boolean =>
  row.subject === "feature" &&
  row.threshold !== null &&
  (row.status === "steady" || row.status === "watch" || row.status === "breach");

const qualityOf = ({ drift, window }: Evidence): string[] => [
  ...drift
    .filter(({ subject, status }) => subject === "quality" && status === "breach")
    .map(({ feature, statistic, value }) =>
      `${feature === "" ? "" : `${feature} `}${statistic} ${value === null ? "" : Number(value.toFixed(4))}`.trim(),
    ),
  ...(window.flags.includes("incomplete") ? ["incomplete: events are missing"] : []),
];

/**
 * Follows a run of drifted windows. A run ends with the first sound window: its quarantines then stay until an operator releases
 * them, because the drift was no new world. It is lifted as a whole once it has persisted.
 */
const followRun = (at: {
  readonly open: Memory["open_quarantines"];
  readonly seen: DriftVerdict | null;
  readonly drifted: boolean;
  readonly evidence: Evidence;
  readonly policy: Policy;
}): { open: Memory["open_quarantines"]; releases: Decision["releases"]; lifted: boolean } => {
  if (at.seen !== null && !at.drifted) return { open: [], releases: [], lifted: false };
  const open = at.open.map((quarantine) => ({
    ...quarantine,
    persisted: at.evidence.matured_windows.filter(
      ({ start, breached, matured }) =>
        matured && breached && Date.parse(start) >= Date.parse(quarantine.window_end),
    ).length,
  }));
  const lifted =
    at.drifted && open.some(({ persisted }) => persisted >= at.policy.drift.quarantine.lift_after);
  if (!lifted) return { open, releases: [], lifted };
  return {
    open: [],
    releases: open.map(({ window_start, window_end }) => ({ window_start, window_end })),
    lifted,
  };
};

/** A lifted drift stays the new world while it goes on, until production changes or it has been gone for `lift_after` windows. */
const isAccepted = (
  at: { readonly memory: Memory; readonly governance: ModelState; readonly policy: Policy },
  open: Memory["open_quarantines"],
): boolean => {
  const { governance, memory, policy } = at;
  const since = governance.promoted === null ? undefined : governance.versions[governance.promoted]?.since;
  if (since === undefined || open.length > 0) return false;
  const lifted = governance.quarantines.some(
    ({ kind, released, windowStart }) =>
      kind === "drift" && released && Date.parse(windowStart) >= Date.parse(since),
  );
  const recent = memory.verdicts.slice(-policy.drift.quarantine.lift_after);
  return lifted && recent.some((seen) => isAtLeast(seen, "RETRAIN_RECOMMENDED"));
};

/** A verdict becomes the decision when it held for so many consecutive judged windows; MONITOR at once. */
const persisted = (
  verdicts: readonly DriftVerdict[],
  seen: DriftVerdict | null,
  { required, recommended }: Policy["drift"]["persistence"],
): DriftVerdict => {
  if (seen === null) return "NO_ACTION";
  const held = (grade: DriftVerdict, windows: number): boolean => {
    const last = verdicts.slice(-windows);
    return last.length >= windows && last.every((one) => isAtLeast(one, grade));
  };
  if (held("RETRAIN_REQUIRED", required)) return "RETRAIN_REQUIRED";
  if (held("RETRAIN_RECOMMENDED", recommended)) return "RETRAIN_RECOMMENDED";
  return isAtLeast(seen, "MONITOR") ? "MONITOR" : "NO_ACTION";
};
