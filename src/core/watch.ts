// Core: the watch over a promoted version (STATISTICS §6). Harm: does STANDBY beat it on the same requests, since some moment?
// Catastrophe: has its F1 fallen below the baseline's floor? Both are change-time mixtures carried in the memory, each block and
// each matured window a look taken once. The watch itself never acts: rules do.
import type { Memory } from "../../contracts/decision.ts";
import type { Block, Evidence } from "../../contracts/evidence.ts";
import type { ModelState } from "../../contracts/governance.ts";
import type { Policy } from "../../contracts/policy.ts";
import { confusionMetrics } from "./performance.ts";
import type { ReadyPolicy } from "./policy.ts";
import { dependenceOf, tallyOf } from "./promotion-evidence.ts";
import { blockGrowth, f1Growth, lookAgain, mixtureLogE, startMixture, ROW_LAMBDAS } from "./sequential.ts";
import { exceeds, round9 } from "./threshold.ts";

type Looks = NonNullable<Memory["harm"]>;

/** What the watch found: a value against its threshold, null where there is nothing to say. */
export interface Finding {
  readonly value: number | null;
  readonly threshold: number | null;
  readonly n: number | null;
  readonly detail: string;
}

const NOTHING: Finding = { value: null, threshold: null, n: null, detail: "nothing to watch yet" };

/** Takes in the blocks STANDBY and production have in common, each once; `version` is the promoted one. */
export const watchHarm = (
  before: Memory["harm"],
  at: { readonly version: string; readonly blocks: readonly Block[]; readonly policy: ReadyPolicy },
): { memory: Memory["harm"]; finding: Finding } => {
  const { harm } = at.policy.watch;
  const { block_pairs_min } = at.policy.candidate.evidence;
  const blocks = at.blocks.filter(({ n }) => n >= block_pairs_min);
  const growth = growthOf(harm.method, blocks);
  const threshold = Math.log(harm.e_min);
  if (growth === null) return { memory: before, finding: { ...NOTHING, threshold, n: blocks.length } };
  let looks = before?.version === at.version ? before : null;
  for (const block of blocks) {
    if (looks !== null && looks.through !== null && block.start <= looks.through) continue;
    looks = lookOf(looks, { version: at.version, through: block.start, growth: growth(block) });
  }
  return { memory: looks, finding: findingOf(looks, threshold, "common blocks since the promotion") };
};

/** Log growth of each stake on "STANDBY is better" over one block; null while the method cannot say. */
const growthOf = (
  method: Policy["watch"]["harm"]["method"],
  blocks: readonly Block[],
): ((block: Block) => ArrayLike<number>) | null => {
  switch (method) {
    case "none":
      return null;
    case "block_sign":
      return (block) => blockGrowth(tallyOf([block]));
    case "row_tempered": {
      const deff = dependenceOf(blocks);
      if (deff === null || blocks.some(({ log_wealth }) => log_wealth?.length !== ROW_LAMBDAS.length))
        return null;
      return ({ log_wealth }) => (log_wealth ?? []).map((w) => w / deff);
    }
  }
};

/** Rounded as all evidence is, so that the last bit of a machine's logarithm never enters a stored memory. */
const lookOf = (
  before: Looks | null,
  at: { version: string; through: string; growth: ArrayLike<number> },
): Looks => {
  const mixture =
    before === null ? startMixture(at.growth.length) : { looks: before.looks, logS: before.log_s };
  const { looks, logS } = lookAgain(mixture, at.growth);
  return { version: at.version, through: at.through, looks, log_s: logS.map(round9) };
};

const findingOf = (looks: Looks | null, threshold: number, what: string): Finding =>
  looks === null
    ? { ...NOTHING, threshold }
    : {
        value: mixtureLogE({ looks: looks.looks, logS: looks.log_s }),
        threshold,
        n: looks.looks,
        detail: `${looks.looks} ${what}`,
      };

/** Takes in the newest matured window of the promoted version; a window before its promotion is not its own. */
export const watchCatastrophe = (
  before: Memory["catastrophe"],
  at: {
    readonly version: string;
    readonly since: string;
    readonly performance: Evidence["performance"];
    readonly baseline: Evidence["baseline"];
    readonly quarantined: boolean;
    readonly policy: ReadyPolicy;
  },
): { memory: Memory["catastrophe"]; finding: Finding } => {
  const method = at.policy.watch.catastrophe;
  const kept = before?.version === at.version ? before : null;
  const window = soundWindow(at);
  switch (method.method) {
    case "none":
      return { memory: null, finding: NOTHING };
    case "point_drop": {
      const [was, is] = [at.baseline?.f1 ?? null, window?.realised.f1 ?? null];
      if (window === null || was === null || is === null || window.realised.n < method.rows_min)
        return { memory: null, finding: { ...NOTHING, threshold: method.drop } };
      const detail = `F1 ${is} in the window of ${window.window_start}, ${was} at promotion`;
      return {
        memory: null,
        finding: { value: was - is, threshold: method.drop, n: window.realised.n, detail },
      };
    }
    case "e_process": {
      const threshold = Math.log(method.e_min);
      const f0 = (at.baseline?.f1_low ?? NaN) - method.margin;
      const known = f0 > 0 && f0 < 1;
      const fresh =
        window !== null && (kept === null || kept.through === null || window.window_start > kept.through);
      const looks =
        known && fresh
          ? lookOf(kept, {
              version: at.version,
              through: window.window_start,
              growth: f1Growth(window.realised, f0),
            })
          : kept;
      const detail = known ? `matured windows against F1 ${f0.toFixed(4)}` : "no baseline to fall from";
      return { memory: looks, finding: findingOf(looks, threshold, detail) };
    }
  }
};

const soundWindow = (at: {
  readonly since: string;
  readonly performance: Evidence["performance"];
  readonly quarantined: boolean;
  readonly policy: Policy;
}): Evidence["performance"] => {
  const { performance } = at;
  if (performance === null || at.quarantined) return null;
  if (Date.parse(performance.window_start) < Date.parse(at.since)) return null;
  const covered = performance.coverage !== null && performance.coverage >= at.policy.performance.coverage_min;
  return covered ? performance : null;
};

/** Whether STANDBY does better on the newest common blocks, by Brier and by F1; null where they cannot tell. */
export const standbyBetter = (
  blocks: readonly Block[],
  blocksMax: number,
): {
  brier: number | null;
  f1: number | null;
  standbyF1: number | null;
  productionF1: number | null;
  n: number;
} => {
  const newest = blocks.filter(({ n }) => n > 0).slice(-blocksMax);
  const sum = (of: (block: Block) => number) => newest.reduce((total, block) => total + of(block), 0);
  const n = sum((block) => block.n);
  const brier = n === 0 ? null : sum((block) => block.mean_d * block.n) / n;
  const f1 = (tp: number, fp: number, fn: number) => confusionMetrics({ tp, fp, fn, tn: 0 }).f1;
  const productionF1 = f1(
    sum(({ tp }) => tp),
    sum(({ fp }) => fp),
    sum(({ fn }) => fn),
  );
  const standbyF1 = f1(
    sum(({ other_tp }) => other_tp),
    sum(({ other_fp }) => other_fp),
    sum(({ other_fn }) => other_fn),
  );
  const gain = productionF1 === null || standbyF1 === null ? null : standbyF1 - productionF1;
  return { brier, f1: gain, standbyF1, productionF1, n };
};

/**
 * Says whether STANDBY has watched long enough: `watch.for`, and on while harm is not ruled out (E above `extend_above_e`), at the
 * latest `watch.at_most`. Without this a slow harm would lose its rollback target in the very days that prove it.
 */
export const watchIsOver = (at: {
  readonly governance: ModelState;
  readonly memory: Memory;
  readonly policy: ReadyPolicy;
  readonly now: string;
}): boolean => {
  const { governance, memory, policy } = at;
  const record = governance.standby === null ? undefined : governance.versions[governance.standby];
  if (record === undefined) return false;
  const watchedMs = Date.parse(at.now) - Date.parse(record.since);
  if (!(watchedMs >= policy.ms.watch)) return false;
  const doubt =
    memory.harm !== null &&
    memory.harm.version === governance.promoted &&
    exceeds(
      mixtureLogE({ looks: memory.harm.looks, logS: memory.harm.log_s }),
      Math.log(policy.watch.extend_above_e),
    );
  return !doubt || watchedMs >= policy.ms.watchMax;
};
