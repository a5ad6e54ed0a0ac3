// Core: anytime-valid evidence (STATISTICS §6): betting on paired Brier differences so that looking at every tick costs nothing.
// All states add up and do not depend on how rows were batched; a bet never depends on the row it is placed on.

/** Stakes of `block_sign`. */
export const BLOCK_LAMBDAS = [0.1, 0.3, 0.5, 0.7, 0.9] as const;
/** Stakes of `row_tempered` and of the F1 e-process. */
export const ROW_LAMBDAS = [0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.95] as const;
/** What one block or row adds to each stake's logarithm, worked out once: a decision asks thousands of times. */
const BLOCK_WINS = BLOCK_LAMBDAS.map((l) => Math.log1p(l));
const BLOCK_LOSSES = BLOCK_LAMBDAS.map((l) => Math.log1p(-l));
const ROW_LOSSES = ROW_LAMBDAS.map((l) => Math.log1p(-l));
/** Wealth is kept in whole units of 1e-10 nat, so that sums are exact in any grouping up to 900,000 nats. */
const UNIT = 1e-10;
/** Below this many blocks the dependence of rows is not known, and row evidence is not evidence. */
const DEPENDENCE_BLOCKS_MIN = 20;
/** Rows a block needs before its sign is a bet. */
const BLOCK_PAIRS_MIN = 50;
/** Blocks needed before `block_sign` may promote. */
const BLOCKS_MIN = 8;

/** Which claim a bet is placed on: the candidate is better, worse, or not worse by more than a margin. */
export type Claim = { kind: "superior" } | { kind: "harmful" } | { kind: "non_inferior"; margin: number };

/** Blocks won, lost and drawn by the candidate; adds up. */
export type BlockTally = { won: number; lost: number; drawn: number };

/** Tallies closed blocks of paired Brier differences d (candidate − production); blocks below 50 pairs wait and are not counted. */
export function tallyBlocks(blocks: readonly { pairs: number; sum: number }[]): BlockTally {
  const tally = { won: 0, lost: 0, drawn: 0 };
  for (const block of blocks) {
    if (Number.isNaN(block.sum)) throw new RangeError("a block's sum is not a number");
    if (block.pairs < BLOCK_PAIRS_MIN) continue;
    tally[block.sum < 0 ? "won" : block.sum > 0 ? "lost" : "drawn"]++;
  }
  return tally;
}

/** `block_sign`: ln E that the candidate wins more blocks than it loses. Swap `won` and `lost` for the reversed evidence. */
export function blockSignLogE({ won, lost }: Pick<BlockTally, "won" | "lost">): number {
  return logMeanExp(blockGrowth({ won, lost }));
}

/** Log growth of each `block_sign` stake over the blocks given; what a change-time mixture takes at a look. */
export function blockGrowth({ won, lost }: Pick<BlockTally, "won" | "lost">): Float64Array {
  const growth = new Float64Array(BLOCK_LAMBDAS.length);
  for (let k = 0; k < growth.length; k++)
    growth[k] = won * (BLOCK_WINS[k] ?? NaN) + lost * (BLOCK_LOSSES[k] ?? NaN);
  return growth;
}

/** ln E the k-th candidate since the last promotion must reach under `block_sign`: ln(k(k+1)/α), and its least number of blocks. */
export function blockSignBound(candidate: number, alpha = 0.05): { logE: number; blocksMin: number } {
  return { logE: Math.log((candidate * (candidate + 1)) / alpha), blocksMin: BLOCKS_MIN };
}

/** ln E the k-th candidate must reach under `row_tempered`: ln(100·k(k+1)/2). */
export function rowTemperedBound(candidate: number): number {
  return Math.log((100 * candidate * (candidate + 1)) / 2);
}

/** Log wealth of each row stake, in whole units of 1e-10 nat. */
export type Wealth = Float64Array;

/** Bets on each row's d in turn; wealths of disjoint rows add up to the wealth of all, exactly. */
export function rowWealth(differences: Iterable<number>, claim: Claim = { kind: "superior" }): Wealth {
  const wealth = new Float64Array(ROW_LAMBDAS.length);
  for (const d of differences) {
    if (!(d >= -1 && d <= 1)) throw new RangeError(`${d} is not a difference of Brier scores`);
    const x = stakeOn(d, claim);
    ROW_LAMBDAS.forEach((lambda, k) => {
      wealth[k] = (wealth[k] ?? 0) + Math.round(Math.log1p(lambda * x) / UNIT);
    });
  }
  return wealth;
}

function stakeOn(d: number, claim: Claim): number {
  switch (claim.kind) {
    case "superior":
      return -d;
    case "harmful":
      return d;
    case "non_inferior":
      return claim.margin - d;
  }
}

/** Adds wealths; order and grouping do not matter. */
export function addWealth(a: Wealth, b: Wealth): Wealth {
  return a.map((units, k) => units + (b[k] ?? NaN));
}

/** Log growth of each row stake, tempered by the design effect: what a change-time mixture takes at a look. */
export function temperedGrowth(wealth: Wealth, deff: number): Float64Array {
  if (!(deff >= 1)) throw new RangeError("a design effect is at least 1");
  return wealth.map((units) => (units * UNIT) / deff);
}

/** `row_tempered`: ln E = ln mean exp(W_k/deff). */
export function rowTemperedLogE(wealth: Wealth, deff: number): number {
  return logMeanExp(temperedGrowth(wealth, deff));
}

/** Sums of one block of rows that hang together (a day): rows, Σd, Σd². */
export type BlockSums = { n: number; sum: number; squares: number };

/**
 * Design effect of dependent rows: max(1, B·var(block means)/var(d))·(1 + 1.645·√(2/n_b)), B the mean block size, population
 * variances. Null below 20 blocks (the evidence is then `insufficient`) and where d does not vary.
 */
export function designEffect(blocks: readonly BlockSums[]): { raw: number; used: number } | null {
  const filled = blocks.filter((block) => block.n > 0);
  if (filled.length < DEPENDENCE_BLOCKS_MIN) return null;
  const n = filled.reduce((total, block) => total + block.n, 0);
  const mean = filled.reduce((total, block) => total + block.sum, 0) / n;
  const variance = filled.reduce((total, block) => total + block.squares, 0) / n - mean ** 2;
  if (!(variance > 1e-15)) return null;
  const means = filled.map((block) => block.sum / block.n);
  const centre = means.reduce((a, b) => a + b, 0) / means.length;
  const between = means.reduce((total, value) => total + (value - centre) ** 2, 0) / means.length;
  const raw = ((n / filled.length) * between) / variance;
  return { raw, used: Math.max(1, raw) * (1 + 1.645 * Math.sqrt(2 / filled.length)) };
}

/** Change-time mixture: looks so far and ln S of each stake. It asks "since some look, has it been bad?", so old good days do not hide harm. */
export type Mixture = { looks: number; logS: readonly number[] };

/** A mixture before its first look, of `stakes` stakes. */
export function startMixture(stakes: number): Mixture {
  return { looks: 0, logS: new Array<number>(stakes).fill(-Infinity) };
}

/** One look t: S ← (S + 1/(t(t+1)))·growth, in logarithms so that no wealth overflows. */
export function lookAgain(mixture: Mixture, logGrowth: ArrayLike<number>): Mixture {
  if (logGrowth.length !== mixture.logS.length) throw new RangeError("one growth a stake");
  const t = mixture.looks + 1;
  const entry = -Math.log(t * (t + 1));
  const logS: number[] = [];
  for (const [k, s] of mixture.logS.entries()) {
    const growth = logGrowth[k] ?? NaN;
    if (Number.isNaN(growth)) throw new RangeError("growth is not a number");
    const most = Math.max(s, entry);
    logS.push(most + Math.log(Math.exp(s - most) + Math.exp(entry - most)) + growth);
  }
  return { looks: t, logS };
}

/** ln E of a mixture: ln(mean S + 1/(t+1)), the last term being the stake not yet placed. */
export function mixtureLogE({ looks, logS }: Mixture): number {
  return logSumExp([logMeanExp(logS), -Math.log(looks + 1)]);
}

/** Log growth of the F1 e-process, "F1 lies below f0", on confusion counts: W_k = TP·ln(1−λ) + (FP+FN)·ln((1−j0(1−λ))/(1−j0)), j0 = f0/(2−f0). */
export function f1Growth(counts: { tp: number; fp: number; fn: number }, f0: number): Float64Array {
  if (!(f0 > 0 && f0 < 1)) throw new RangeError("f0 lies between 0 and 1");
  const j0 = f0 / (2 - f0);
  const errors = counts.fp + counts.fn;
  const growth = new Float64Array(ROW_LAMBDAS.length);
  for (const [k, l] of ROW_LAMBDAS.entries())
    growth[k] = counts.tp * (ROW_LOSSES[k] ?? NaN) + errors * Math.log((1 - j0 * (1 - l)) / (1 - j0));
  return growth;
}

/** The F1 a catastrophe is measured from: the baseline's lower confidence limit less half of the drop of 0.15. */
export function catastropheF0(f1Baseline: number): number {
  return f1Baseline - 0.075;
}

/** ln mean exp of log wealths: the E-value of a stake spread evenly over the grid. */
export function logMeanExp(logs: ArrayLike<number>): number {
  return logSumExp(logs) - Math.log(logs.length);
}

function logSumExp(logs: ArrayLike<number>): number {
  let most = -Infinity;
  for (let k = 0; k < logs.length; k++) most = Math.max(most, logs[k] ?? NaN);
  if (most === -Infinity) return -Infinity;
  let sum = 0;
  for (let k = 0; k < logs.length; k++) sum += Math.exp((logs[k] ?? NaN) - most);
  return most + Math.log(sum);
}
