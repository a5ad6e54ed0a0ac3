// Core: the anytime-valid evidence for one candidate (STATISTICS §6), from the closed blocks of its pairs: ln E that it is better,
// ln E that it is worse, and the bound the k-th candidate since the last promotion must reach. Looks are free: the same
// blocks always give the same ln E, and each block is bet on once.
import type { Block } from "../../contracts/evidence.ts";
import type { Policy } from "../../contracts/policy.ts";
import { blockSignLogE, designEffect, logMeanExp, tallyBlocks } from "./sequential.ts";

export interface CandidateEvidence {
  /** Null where the method has not blocks enough, or its sums are missing. */
  readonly logE: number | null;
  readonly reversedLogE: number | null;
  /** ln E at which this candidate may be promoted; rises with every candidate tried. */
  readonly threshold: number;
  readonly rejectThreshold: number;
  readonly blocks: number;
  readonly detail: string;
}

/** Weighs a candidate's blocks; `number` is k, 1 for the first candidate since the last promotion. */
export const candidateEvidence = (
  blocks: readonly Block[],
  at: { readonly number: number; readonly policy: Policy["candidate"]["evidence"] },
): CandidateEvidence => {
  const { policy } = at;
  const k = Math.max(1, at.number);
  const counted = blocks.filter(({ n }) => n >= policy.block_pairs_min);
  const common = { rejectThreshold: Math.log(policy.reject_e), blocks: counted.length };
  const signThreshold = Math.log((k * (k + 1)) / policy.alpha);
  switch (policy.method) {
    case "none":
      return { logE: null, reversedLogE: null, threshold: signThreshold, ...common, detail: "not asked for" };
    case "block_sign":
      return { ...blockSign(counted), threshold: signThreshold, ...common };
    case "row_tempered":
      return {
        ...rowTempered(counted, policy.deff_blocks_min),
        threshold: Math.log((policy.row_e_min * k * (k + 1)) / 2),
        ...common,
      };
  }
};

type Weighed = Pick<CandidateEvidence, "logE" | "reversedLogE" | "detail">;

const blockSign = (blocks: readonly Block[]): Weighed => {
  const { won, lost, drawn } = tallyOf(blocks);
  return {
    logE: blockSignLogE({ won, lost }),
    reversedLogE: blockSignLogE({ won: lost, lost: won }),
    detail: `won ${won} blocks, lost ${lost}, drew ${drawn}`,
  };
};

/** Blocks won and lost by the shadow; what is small was left out before. */
export const tallyOf = (blocks: readonly Block[]): { won: number; lost: number; drawn: number } =>
  tallyBlocks(blocks.map(({ n, mean_d }) => ({ pairs: n, sum: mean_d * n })));

const rowTempered = (blocks: readonly Block[], blocksMin: number): Weighed => {
  const deff = blocks.length < blocksMin ? null : dependenceOf(blocks);
  const forward = sumWealth(blocks, "log_wealth");
  const backward = sumWealth(blocks, "log_wealth_reversed");
  if (deff === null || forward === null || backward === null)
    return {
      logE: null,
      reversedLogE: null,
      detail: `${blocks.length} of the ${blocksMin} blocks needed to know how far rows depend on each other`,
    };
  return {
    logE: logMeanExp(forward.map((w) => w / deff)),
    reversedLogE: logMeanExp(backward.map((w) => w / deff)),
    detail: `${blocks.length} blocks, design effect ${deff.toFixed(3)}`,
  };
};

/** How many rows count as one because rows of a block hang together; null while it cannot be known. */
export const dependenceOf = (blocks: readonly Block[]): number | null =>
  designEffect(blocks.map(({ n, mean_d, mean_d2 }) => ({ n, sum: mean_d * n, squares: mean_d2 * n })))
    ?.used ?? null;

const sumWealth = (blocks: readonly Block[], side: "log_wealth" | "log_wealth_reversed"): number[] | null => {
  let sums: number[] | null = null;
  for (const { [side]: wealth } of blocks) {
    if (wealth === null || (sums !== null && wealth.length !== sums.length)) return null;
    sums = sums === null ? [...wealth] : sums.map((sum, k) => sum + (wealth[k] ?? NaN));
  }
  return sums;
};
