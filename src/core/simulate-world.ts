// Core: what a simulated world shows of one block: paired outcomes of two versions, production's confusion, and the drift of its
// features as the real judge sees it. Counts are drawn, never rows: a block of 500 pairs is one multinomial. Days hang together:
// a block's advantage is drawn once and moves every count of the block.
import type { DriftRow } from "../../contracts/drift.ts";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import type { OrdinalEncoding } from "../../contracts/encoding.ts";
import type { Block } from "../../contracts/evidence.ts";
import type { PairedCells } from "../../contracts/snapshot.ts";
import { judgeWindow } from "./drift.ts";
import { emptyCounts, type Counts } from "./histogram.ts";
import { referenceFacts } from "./reference-facts.ts";
import { ROW_LAMBDAS } from "./sequential.ts";
import type { Dice } from "./simulate-dice.ts";

/** Brier difference and F1 counts of one step of quality; prevalence .2, F1 of step 0 is .542. */
const STEP = { brier: 0.01, truePositive: 0.002, falsePositive: 0.00275 } as const;
/** Shares of rows by c[4y + 2ŷp + ŷc] for two versions of equal quality. */
const CELLS = [0.684, 0.02, 0.02, 0.076, 0.08, 0.01, 0.01, 0.1] as const;
/** Sizes of a row's |d| and how common they are: sd of d .117. */
const SIZES = [0.03, 0.1, 0.25] as const;
const SIZE_SHARES = [0.45, 0.4, 0.15] as const;
const MEAN_SIZE = 0.091;
/** Block variance is 5 × that of 500 independent rows: the day's own part has twice their sd, in steps. */
const DAY_SD = 1.05;
/** Segments by share of rows. */
const SEGMENTS = [0.4, 0.3, 0.05] as const;

/** One block of pairs and its parts by segment. */
export interface PairedBlock {
  readonly block: Block;
  readonly cells: PairedCells;
  readonly segments: readonly PairedCells[];
}

/** Draws a block of n matured pairs of another version against production; `edge` is how many steps it is better. */
export const drawPairs = (
  dice: Dice,
  at: {
    readonly start: string;
    readonly n: number;
    readonly edge: number;
    readonly clone: boolean;
    readonly days: boolean;
    /** Whether the policy bets on rows; the sums of those bets are not kept where it does not, as in the real store. */
    readonly wealth: boolean;
  },
): PairedBlock => {
  const edge = at.edge + (at.days ? DAY_SD * dice.normal() : 0);
  const hit = Math.max(-0.01, Math.min(0.01, STEP.truePositive * edge));
  const pass = Math.max(-0.02, Math.min(0.02, STEP.falsePositive * edge));
  const shift = [0, -pass, pass, 0, 0, hit, -hit, 0];
  const weights = CELLS.map((share, cell) => {
    if (at.clone && (cell & 1) !== ((cell >> 1) & 1)) return 0;
    return share + (shift[cell] ?? 0);
  });
  const cells = cellsOf(dice.split(at.n, weights));
  const differences = drawDifferences(dice, { n: at.n, edge: at.clone ? null : edge, wealth: at.wealth });
  return {
    cells,
    segments: SEGMENTS.map((share) => cellsOf(cells.map((count) => dice.binomial(count, share)))),
    block: {
      start: at.start,
      n: at.n,
      ...differences,
      tp: cells[6] + cells[7],
      fp: cells[2] + cells[3],
      fn: cells[4] + cells[5],
      other_tp: cells[5] + cells[7],
      other_fp: cells[1] + cells[3],
      other_fn: cells[4] + cells[6],
    },
  };
};

const cellsOf = (counts: readonly number[]): PairedCells => {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = counts;
  return [a, b, c, d, e, f, g, h];
};

/** Log wealth of one row of each size on each stake, when it wins and when it loses. */
const WINS = SIZES.map((size) => ROW_LAMBDAS.map((lambda) => Math.log1p(lambda * size)));
const LOSSES = SIZES.map((size) => ROW_LAMBDAS.map((lambda) => Math.log1p(-lambda * size)));

type Differences = Pick<Block, "mean_d" | "mean_d2" | "log_wealth" | "log_wealth_reversed">;

const drawDifferences = (
  dice: Dice,
  at: { readonly n: number; readonly edge: number | null; readonly wealth: boolean },
): Differences => {
  const { n, edge } = at;
  const none = at.wealth ? ROW_LAMBDAS.map(() => 0) : null;
  if (n === 0 || edge === null) return { mean_d: 0, mean_d2: 0, log_wealth: none, log_wealth_reversed: none };
  const better = Math.min(0.95, Math.max(0.05, (1 + (STEP.brier * edge) / MEAN_SIZE) / 2));
  const bySize = dice.split(n, SIZE_SHARES);
  let sum = 0;
  let squares = 0;
  const won = SIZES.map((size, index) => {
    const rows = bySize[index] ?? 0;
    const wins = dice.binomial(rows, better);
    sum += size * (rows - 2 * wins);
    squares += size * size * rows;
    return { wins, losses: rows - wins };
  });
  /** `first` is what a row that was won adds, `second` what one that was lost adds. */
  const bets = (first: typeof WINS, second: typeof WINS): number[] =>
    ROW_LAMBDAS.map((_, k) =>
      won.reduce(
        (total, { wins, losses }, index) =>
          total + wins * (first[index]?.[k] ?? NaN) + losses * (second[index]?.[k] ?? NaN),
        0,
      ),
    );
  return {
    mean_d: sum / n,
    mean_d2: squares / n,
    log_wealth: at.wealth ? bets(WINS, LOSSES) : null,
    log_wealth_reversed: at.wealth ? bets(LOSSES, WINS) : null,
  };
};

/** Expected F1 of a version of so many steps. */
export const f1At = (step: number): number => {
  const [tp, fp] = ratesAt(step);
  return (2 * tp) / (tp + fp + PREVALENCE);
};

const PREVALENCE = 0.2;

const ratesAt = (step: number): [number, number] => [
  Math.min(0.19, Math.max(0.01, 0.11 + 2 * STEP.truePositive * step)),
  Math.max(0.01, 0.096 - 2 * STEP.falsePositive * step),
];

/** Draws production's confusion over a block: requests, the share of positives and negatives labelled, and its steps. */
export const drawConfusion = (
  dice: Dice,
  at: {
    readonly requests: number;
    readonly labelled: readonly [number, number];
    readonly step: number;
    readonly days: boolean;
  },
): { tp: number; fp: number; fn: number; tn: number } => {
  const [tp, fp] = ratesAt(at.step + (at.days ? DAY_SD * dice.normal() : 0));
  const [positives, negatives] = at.labelled;
  const [a = 0, b = 0, c = 0, d = 0] = dice.split(at.requests, [
    tp,
    fp,
    PREVALENCE - tp,
    1 - PREVALENCE - fp,
  ]);
  return {
    tp: dice.binomial(a, positives),
    fp: dice.binomial(b, negatives),
    fn: dice.binomial(c, positives),
    tn: dice.binomial(d, negatives),
  };
};

const CODES = 10;
const FEATURES = ["a", "b", "c", "d"] as const;
const REFERENCE_ROWS = 50_000;
const DAY_MS = 86_400_000;

const ENCODINGS: readonly OrdinalEncoding[] = FEATURES.map((feature) => ({
  feature,
  kind: "ordinal",
  values: Array.from({ length: CODES }, (_, code) => code),
  cycle: null,
  mean: 4.5,
  sd: 2.87,
}));

/** The reference of every feature and what is known of it: the same in all worlds, so worked out once. */
const REFERENCE = emptyCounts().fill(REFERENCE_ROWS / CODES, 0, CODES);
const REFERENCES = ENCODINGS.map((encoding) => ({
  encoding,
  reference: REFERENCE,
  facts: referenceFacts(encoding, REFERENCE),
}));

/** Statistics shown beside the judging one decide nothing, and nobody reads a simulated report. */
const PROFILE = { ...DRIFT_PROFILES.governance, report: [] };

/** The counts of one day's features, written anew for each day of a run: fresh ones would cost more than judging them. */
export type DaySheet = readonly Counts[];
export const daySheet = (): DaySheet => FEATURES.map(() => emptyCounts());

/** Draws a day's features and lets the real judge look; `moved` is the share of mass that left the lower half of two of them. */
export const drawDrift = (
  dice: Dice,
  at: {
    readonly volume: number;
    readonly moved: number;
    readonly weekly: number;
    readonly sheet: DaySheet;
  },
): DriftRow[] =>
  judgeWindow({
    profile: PROFILE,
    windowMs: DAY_MS,
    features: REFERENCES.map(({ encoding, reference, facts }, index) => {
      const moved = index < 2 ? at.moved : index === 2 ? at.weekly : 0;
      const counts = dice.split(at.volume, moved === 0 ? STILL : massAfter(moved));
      const current = at.sheet[index] ?? emptyCounts();
      let rows = 0;
      for (let code = 0; code < CODES; code++) rows += current[code] = counts[code] ?? 0;
      return { encoding, reference, facts, current, rows };
    }),
  });

const massAfter = (moved: number): number[] =>
  Array.from(
    { length: CODES },
    (_, code) => (1 / CODES) * (1 + (code < CODES / 2 ? -2 : 2) * Math.min(0.5, moved)),
  );

/** The mass where nothing moved: four features a day, 500 days. */
const STILL = massAfter(0);
