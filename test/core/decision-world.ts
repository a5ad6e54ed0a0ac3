// Decision worlds for tests: a healthy model with a candidate that passes every gate, and ways to change one thing at a time.
import { readFileSync } from "node:fs";
import type { DriftRow } from "../../contracts/drift.ts";
import type { Block, Evidence, Paired, Realised } from "../../contracts/evidence.ts";
import type { ModelState, VersionRecord, VersionState } from "../../contracts/governance.ts";
import type { PairedCells } from "../../contracts/snapshot.ts";
import { emptyModel } from "../../src/core/governance-state.ts";
import { parsePolicy, type ReadyPolicy } from "../../src/core/policy.ts";

const DAY_MS = 86_400_000;
export const NOW = "2001-03-01T00:05:00.000Z";

/** A day before NOW's window end, counted back. */
export const daysBefore = (days: number, from = NOW): string =>
  new Date(Date.parse(from) - days * DAY_MS).toISOString();

export const policyText = (name: "conservative" | "balanced" | "aggressive" | "classic"): string =>
  readFileSync(
    new URL(
      name === "conservative" ? "../../config/policy.yaml" : `../../config/policies/${name}.yaml`,
      import.meta.url,
    ),
    "utf8",
  );

/** A shipped policy, with texts replaced. */
export const policyOf = (
  name: Parameters<typeof policyText>[0] = "conservative",
  ...edits: readonly (readonly [string, string])[]
): ReadyPolicy => {
  let text = policyText(name);
  for (const [from, to] of edits) {
    if (!text.includes(from)) throw new Error(`the policy does not say "${from}"`);
    text = text.replace(from, to);
  }
  const parsed = parsePolicy(text, name);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.policy;
};

export const record = (
  version: string,
  state: VersionState,
  more: Partial<VersionRecord> = {},
): VersionRecord => ({
  version,
  state,
  digest: `digest-${version}`,
  family: "logistic-regression",
  parent: null,
  since: daysBefore(40),
  shadowSince: null,
  baseline: null,
  lastReason: "",
  ...more,
});

/** 1.0.0 serves since 40 days, 1.1.0 shadows since 20. */
export const governanceOf = (more: Partial<ModelState> = {}): ModelState => ({
  ...emptyModel("m"),
  versions: {
    "1.0.0": record("1.0.0", "PROMOTED"),
    "1.1.0": record("1.1.0", "SHADOWING", { shadowSince: daysBefore(20) }),
  },
  promoted: "1.0.0",
  candidate: "1.1.0",
  lastPromotionAt: daysBefore(40),
  lastTrainingAt: daysBefore(21),
  candidatesSincePromotion: 1,
  ...more,
});

/** Nobody shadows. */
export const quietGovernance = (more: Partial<ModelState> = {}): ModelState =>
  governanceOf({ versions: { "1.0.0": record("1.0.0", "PROMOTED") }, candidate: null, ...more });

export const realised = (more: Partial<Realised> = {}): Realised => ({
  n: 5000,
  positives: 1000,
  threshold: 0.5,
  tp: 600,
  fp: 400,
  fn: 400,
  tn: 3600,
  accuracy: 0.84,
  precision: 0.6,
  recall: 0.6,
  f1: 0.6,
  brier: 0.12,
  log_loss: 0.4,
  roc_auc: 0.8,
  pr_auc: 0.6,
  ece: 0.01,
  ...more,
});

export const block = (day: number, mean_d: number, more: Partial<Block> = {}): Block => ({
  start: daysBefore(60 - day, "2001-03-01T00:00:00.000Z"),
  n: 500,
  mean_d,
  mean_d2: 0.014,
  log_wealth: null,
  log_wealth_reversed: null,
  tp: 60,
  fp: 40,
  fn: 40,
  other_tp: 62,
  other_fp: 40,
  other_fn: 38,
  ...more,
});

/** Blocks of which so many were won and lost, in alternation as far as they go. */
export const blocks = (won: number, lost: number): Block[] =>
  Array.from({ length: won + lost }, (_, day) => block(day, day < won ? -0.01 : 0.01));

/** F1 .6 against .65, on 5,000 pairs. */
export const BETTER_CELLS: PairedCells = [3500, 50, 80, 370, 300, 100, 20, 580];

/** A candidate that passes every gate. */
export const paired = (more: Partial<Paired> = {}): Paired => ({
  version: "1.1.0",
  digest: "digest-1.1.0",
  production_version: "1.0.0",
  production_digest: "digest-1.0.0",
  since: daysBefore(20),
  pairs: 8000,
  unpaired: 0,
  ok: 8000,
  errors: 0,
  timeouts: 0,
  sheds: 0,
  production_requests: 8000,
  production_errors: 0,
  matured: 5000,
  coverage: 0.625,
  cells: BETTER_CELLS,
  segments: [],
  production: realised(),
  other: realised({ brier: 0.11, roc_auc: 0.82, pr_auc: 0.63 }),
  auc_difference_se: 0.005,
  pr_auc_difference_se: 0.01,
  delta_abs_p95: 0.05,
  identical_scores: false,
  latency_p95_ms: 6,
  production_latency_p95_ms: 5,
  blocks: blocks(14, 1),
  ...more,
});

export const driftRow = (more: Partial<DriftRow> = {}): DriftRow => ({
  subject: "feature",
  feature: "distance",
  statistic: "ks_d",
  value: 0.01,
  at_least: false,
  threshold_watch: 0.05,
  threshold: 0.2,
  p_value: 0.5,
  p_adjusted: 0.5,
  n_reference: 50_000,
  n_current: 800,
  status: "steady",
  reason: "",
  ...more,
});

export const breach = (feature = "distance"): DriftRow =>
  driftRow({ feature, value: 0.3, p_value: 1e-9, p_adjusted: 1e-9, status: "breach", reason: "beyond 0.2" });

export const evidenceOf = (more: Partial<Evidence> = {}): Evidence => ({
  v: 1,
  model: "m",
  now: NOW,
  clock: "wall",
  window: {
    size: "24h",
    start: "2001-02-28T00:00:00.000Z",
    end: "2001-03-01T00:00:00.000Z",
    snapshots: [],
    volume: 800,
    ok: 800,
    invalid: 0,
    flags: [],
  },
  drift: [driftRow(), driftRow({ feature: "hour" })],
  performance: null,
  performance_span: null,
  estimated: null,
  trust: null,
  baseline: {
    n: 20_000,
    f1: 0.6,
    f1_low: 0.58,
    accuracy: 0.84,
    brier: 0.12,
    roc_auc: 0.8,
    ece: 0.01,
    threshold: 0.5,
  },
  matured_windows: [],
  trainable_rows: 20_000,
  candidate: paired(),
  standby: null,
  waiting: null,
  faults: [],
  ...more,
});

/** The same evidence so many days later. */
export const later = (evidence: Evidence, days: number): Evidence => {
  const move = (text: string) => new Date(Date.parse(text) + days * DAY_MS).toISOString();
  const { window } = evidence;
  return {
    ...evidence,
    now: move(evidence.now),
    window: { ...window, start: move(window.start), end: move(window.end) },
  };
};
