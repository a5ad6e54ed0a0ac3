// Core: the first question of every decision: can this input be trusted as data? Words by their zod shapes (NaN, Infinity and
// absent numbers are no numbers), then ranges, order and agreement. Gives the first problem as a path and a sentence, the same
// for a NaN and for its stored spelling, so that a replay says the same. Never throws, never mends.
import type { z } from "zod";
import { Memory } from "../../contracts/decision.ts";
import { Evidence, type Paired, type Realised } from "../../contracts/evidence.ts";
import type { ModelState } from "../../contracts/governance.ts";
import { quickTest } from "./quick-test.ts";

/** Says what is wrong with a decision's inputs; null when nothing is. `governance` is the ledger's own fold. */
export const problemOf = (inputs: {
  readonly evidence: unknown;
  readonly memory: unknown;
  readonly governance: ModelState;
}): string | null => {
  const evidence = wordOf("evidence", inputs.evidence, isEvidence, Evidence);
  if (typeof evidence === "string") return evidence;
  const memory = wordOf("memory", inputs.memory, isMemory, Memory);
  if (typeof memory === "string") return memory;
  return (
    evidenceProblem(evidence) ??
    memoryProblem(memory, evidence) ??
    governanceProblem(inputs.governance, evidence)
  );
};

const isEvidence = quickTest(Evidence);
const isMemory = quickTest(Memory);

/** The value as its word, or what is wrong with it. */
const wordOf = <T extends object>(
  root: string,
  value: unknown,
  isWord: (value: unknown) => value is T,
  word: z.ZodType<T>,
): T | string => {
  if (isWord(value)) return value;
  const parsed = word.safeParse(value);
  return parsed.success ? parsed.data : shapeProblem(root, parsed.error.issues);
};

const STATES = [
  "TRAINING",
  "SHADOWING",
  "PROMOTABLE",
  "PROMOTED",
  "STANDBY",
  "ARCHIVED",
  "ROLLED_BACK",
  "REJECTED",
];

const shapeProblem = (root: string, issues: readonly { readonly path: readonly PropertyKey[] }[]): string =>
  `${[root, ...(issues[0]?.path ?? []).map(String)].join(".")}: missing, unknown, not finite or of the wrong kind`;

const evidenceProblem = (evidence: Evidence): string | null => {
  const { window, performance, performance_span: span } = evidence;
  return (
    timeProblem("evidence.now", evidence.now) ??
    timeProblem("evidence.window.start", window.start) ??
    timeProblem("evidence.window.end", window.end) ??
    (Date.parse(window.start) < Date.parse(window.end) ? null : "evidence.window: ends before it starts") ??
    (Date.parse(window.end) <= Date.parse(evidence.now) ? null : "evidence.window: ends in the future") ??
    countsProblem("evidence.window", {
      volume: window.volume,
      ok: window.ok,
      invalid: window.invalid,
      trainable_rows: evidence.trainable_rows,
    }) ??
    shareProblem("evidence.trust", evidence.trust) ??
    driftProblem(evidence) ??
    (performance === null
      ? null
      : timeProblem("evidence.performance.window_start", performance.window_start)) ??
    (performance === null ? null : shareProblem("evidence.performance.coverage", performance.coverage)) ??
    realisedProblem("evidence.performance.realised", performance?.realised ?? null) ??
    (span === null ? null : shareProblem("evidence.performance_span.coverage", span.coverage)) ??
    realisedProblem("evidence.performance_span.realised", span?.realised ?? null) ??
    shareProblem("evidence.baseline.f1", evidence.baseline?.f1 ?? null) ??
    shareProblem("evidence.baseline.f1_low", evidence.baseline?.f1_low ?? null) ??
    pairedProblem("evidence.candidate", evidence.candidate) ??
    pairedProblem("evidence.standby", evidence.standby)
  );
};

const driftProblem = ({ drift }: Evidence): string | null => {
  for (const row of drift) {
    const problem = shareProblem("p_value", row.p_value) ?? shareProblem("p_adjusted", row.p_adjusted);
    if (problem !== null)
      return `evidence.drift.${row.feature === "" ? row.subject : row.feature}.${row.statistic}.${problem}`;
  }
  return null;
};

/** Shares of realised performance, in the order in which the first wrong one is named. */
const SHARES = ["accuracy", "precision", "recall", "f1", "brier", "roc_auc", "pr_auc", "ece"] as const;

const realisedProblem = (at: string, realised: Realised | null): string | null => {
  if (realised === null) return null;
  const { n, positives, tp, fp, fn, tn, log_loss } = realised;
  for (const key of SHARES) {
    const value = realised[key];
    if (value !== null && !(value >= 0 && value <= 1)) return `${at}.${key}: outside 0…1`;
  }
  if (log_loss !== null && log_loss < 0) return `${at}.log_loss: negative`;
  return (
    countsProblem(at, { n, positives, tp, fp, fn, tn }) ??
    (positives <= n ? null : `${at}.positives: more than n`) ??
    (tp + fp + fn + tn <= n ? null : `${at}: more outcomes than rows`)
  );
};

const pairedProblem = (at: string, paired: Paired | null): string | null => {
  if (paired === null) return null;
  const { pairs, unpaired, ok, errors, timeouts, sheds, matured } = paired;
  const { production_requests, production_errors } = paired;
  const counts = {
    pairs,
    unpaired,
    ok,
    errors,
    timeouts,
    sheds,
    matured,
    production_requests,
    production_errors,
  };
  const problem =
    countsProblem(at, counts) ??
    timeProblem(`${at}.since`, paired.since) ??
    shareProblem(`${at}.coverage`, paired.coverage) ??
    shareProblem(`${at}.delta_abs_p95`, paired.delta_abs_p95) ??
    realisedProblem(`${at}.production`, paired.production) ??
    realisedProblem(`${at}.other`, paired.other) ??
    cellsProblem(`${at}.cells`, paired.cells);
  if (problem !== null) return problem;
  for (const segment of paired.segments) {
    const place = `${at}.segments.${segment.segment}`;
    const wrong =
      shareProblem(`${place}.share`, segment.share) ??
      countsProblem(place, { n: segment.n }) ??
      cellsProblem(place, segment.cells);
    if (wrong !== null) return wrong;
  }
  return blocksProblem(at, paired);
};

/** Blocks come in event-time order and each once: a block counted twice would be a bet made twice. */
const blocksProblem = (at: string, { blocks }: Paired): string | null => {
  let before = -Infinity;
  for (const [index, block] of blocks.entries()) {
    const start = Date.parse(block.start);
    const { n, tp, fp, fn, other_tp, other_fp, other_fn } = block;
    const problem = !(start > before)
      ? ".start: blocks are not in event-time order, each once"
      : !(Math.abs(block.mean_d) <= 1 && block.mean_d2 >= 0 && block.mean_d2 <= 1)
        ? ": a mean difference outside −1…1"
        : Math.min(n, tp, fp, fn, other_tp, other_fp, other_fn) < 0
          ? ": a negative count"
          : null;
    if (problem !== null) return `${at}.blocks.${index}${problem}`;
    before = start;
  }
  return null;
};

const memoryProblem = (memory: Memory, { now }: Evidence): string | null => {
  const future = Object.entries(memory.last_alert_at).find(([, at]) => !(Date.parse(at) <= Date.parse(now)));
  if (future !== undefined) return `memory.last_alert_at.${future[0]}: unreadable or in the future`;
  return countsProblem("memory", {
    merit_failures: memory.merit_failures,
    rejects: memory.consecutive_rejects,
  });
};

const governanceProblem = (governance: ModelState, { model }: Evidence): string | null => {
  if (governance.model !== model)
    return `governance.model: is ${governance.model}, the evidence is about ${model}`;
  for (const record of Object.values(governance.versions))
    if (!STATES.includes(record.state)) return `governance.versions.${record.version}: unknown state`;
  for (const role of ["promoted", "candidate", "standby"] as const) {
    const version = governance[role];
    if (version !== null && governance.versions[version] === undefined)
      return `governance.${role}: version ${version} is not in the book`;
  }
  return null;
};

const timeProblem = (at: string, text: string): string | null =>
  Number.isFinite(Date.parse(text)) ? null : `${at}: not a time`;

const shareProblem = (at: string, value: number | null): string | null =>
  value === null || (value >= 0 && value <= 1) ? null : `${at}: outside 0…1`;

const countsProblem = (at: string, counts: Readonly<Record<string, number>>): string | null => {
  for (const key in counts) if (!((counts[key] ?? NaN) >= 0)) return `${at}.${key}: a negative count`;
  return null;
};

const cellsProblem = (at: string, cells: readonly number[]): string | null => {
  const cell = cells.findIndex((count) => !(count >= 0));
  return cell < 0 ? null : `${at}.cells.${cell}: a negative count`;
};
