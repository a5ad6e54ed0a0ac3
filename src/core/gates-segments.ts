// Core: the gates over segments (STATISTICS §5): no group may pay for the average's gain. Large segments are waited for until
// they can be judged, small ones fail only where the drop is beyond noise, and where fairness is asked for at least one segment
// must have been judged. A segment without a positive is never counted as judged.
import type { GateResult } from "../../contracts/decision.ts";
import type { Paired } from "../../contracts/evidence.ts";
import type { Policy } from "../../contracts/policy.ts";
import { pairedF1 } from "./paired.ts";
import { exceeds, reaches, round9 } from "./threshold.ts";

type Verdict = "pass" | "fail" | "insufficient" | "unjudged";
type Judged = {
  readonly segment: string;
  readonly n: number;
  readonly drop: number | null;
  readonly verdict: Verdict;
};

/** Judges `segments` and `fairness`. */
export const segmentGates = (context: {
  readonly paired: Pick<Paired, "segments">;
  readonly policy: Pick<Policy, "gates">;
}): GateResult[] => {
  const { gates } = context.policy;
  const judge = gates.comparison === "point" ? byPoint : byNoise;
  const judged = context.paired.segments.map((segment) => judge(segment, gates.segments));
  return [segments(judged, gates), fairness(judged, gates)];
};

const worst = (judged: readonly Judged[]): Judged | undefined =>
  judged.reduce<Judged | undefined>(
    (a, b) => (b.drop !== null && (a === undefined || b.drop > (a.drop ?? -Infinity)) ? b : a),
    undefined,
  );

const segments = (judged: readonly Judged[], gates: Policy["gates"]): GateResult => {
  const failed = judged.filter(({ verdict }) => verdict === "fail");
  const open = judged.filter(({ verdict }) => verdict === "insufficient");
  const shown = worst(failed.length > 0 ? failed : judged);
  const result =
    judged.length === 0
      ? "not_evaluated"
      : failed.length > 0
        ? "fail"
        : open.length > 0
          ? "insufficient"
          : "pass";
  return {
    gate: "segments",
    kind: "merit",
    result,
    value: shown?.drop ?? null,
    threshold: gates.segments.drop_relative,
    unit: "relative drop of F1 in the worst segment",
    n: shown?.n ?? null,
    detail: segmentsDetail(judged, failed, open),
  };
};

const segmentsDetail = (
  all: readonly Judged[],
  failed: readonly Judged[],
  open: readonly Judged[],
): string => {
  const named = (list: readonly Judged[]) =>
    list
      .map(({ segment, n, drop }) => `${segment} (${drop === null ? "?" : round9(drop)}, n ${n})`)
      .join(", ");
  if (all.length === 0) return "no segments in the evidence";
  if (failed.length > 0) return `dropped: ${named(failed)}`;
  if (open.length > 0) return `too little to judge: ${named(open)}`;
  return `${all.filter(({ verdict }) => verdict === "pass").length} of ${all.length} judged`;
};

/** Where fairness is asked for, "no segment could be judged" is a failure, not a pass. */
const fairness = (judged: readonly Judged[], gates: Policy["gates"]): GateResult => {
  const evaluated = judged.filter(({ verdict }) => verdict === "pass" || verdict === "fail").length;
  const waits = judged.some(({ verdict }) => verdict === "insufficient");
  const result = !gates.fairness.required
    ? "not_evaluated"
    : evaluated > 0
      ? "pass"
      : waits
        ? "insufficient"
        : "fail";
  return {
    gate: "fairness",
    kind: "merit",
    result,
    value: evaluated,
    threshold: gates.fairness.required ? 1 : null,
    unit: "segments judged",
    n: judged.length,
    detail: gates.fairness.required ? `${evaluated} of ${judged.length} segments judged` : "not asked for",
  };
};

type Segment = Paired["segments"][number];
type Limits = Policy["gates"]["segments"];

const byNoise = (at: Segment, limits: Limits): Judged => {
  const f1 = pairedF1(at.cells);
  const large = reaches(at.share, limits.large_share);
  const enough = at.n >= limits.rows_enough;
  const judged = (drop: number | null, verdict: Verdict): Judged => ({
    segment: at.segment,
    n: at.n,
    drop,
    verdict,
  });
  if (f1 === null) return judged(null, large && !enough ? "insufficient" : "unjudged");
  if (f1.production === 0) return judged(0, large && !enough ? "insufficient" : "unjudged");
  const drop = -f1.difference / f1.production;
  const tooDeep = exceeds(drop, limits.drop_relative);
  if (large) {
    const precise = enough || !exceeds(f1.se / f1.production, limits.se_relative_max);
    return judged(drop, precise ? (tooDeep ? "fail" : "pass") : "insufficient");
  }
  // One or two rows have no standard error, and so nothing beyond noise either.
  if (!(f1.se > 0)) return judged(drop, "unjudged");
  return judged(drop, tooDeep && f1.difference / f1.se < limits.small_z ? "fail" : "pass");
};

const byPoint = (at: Segment, limits: Limits): Judged => {
  const f1 = pairedF1(at.cells);
  if (at.n < limits.rows_min || f1 === null || f1.production === 0)
    return { segment: at.segment, n: at.n, drop: null, verdict: "unjudged" };
  const drop = -f1.difference / f1.production;
  const verdict = exceeds(drop, limits.drop_relative) ? "fail" : "pass";
  return { segment: at.segment, n: at.n, drop, verdict };
};
