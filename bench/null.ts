// Bench `null`: how often a monitor cries wolf. Reference and window are both drawn with replacement from one real table, so nothing
// ever moves; every alarm is false. The real core judges: profile `governance` against its budget, `evidently_auto` beside it.
// Any watch or breach of any subject counts, the strictest reading of a false alarm. Same seed, same table.
import { writeFile } from "node:fs/promises";
import { DRIFT_PROFILES } from "../contracts/drift-profile.ts";
import type { DriftProfile } from "../contracts/drift-profile.ts";
import type { DriftRow } from "../contracts/drift.ts";
import type { Encoding } from "../contracts/encoding.ts";
import { alphaFor, judgeWindow } from "../src/core/drift.ts";
import { encodeFrozen, freezeEncoding } from "../src/core/encode.ts";
import { emptyCounts, scoreBin, SCORE_BINS } from "../src/core/histogram.ts";
import type { Counts } from "../src/core/histogram.ts";
import { fitModel, predictFitted } from "../src/core/training/fit-model.ts";
import { takeRows, type TrainingMatrix } from "../src/core/training/matrix.ts";
import { seeded } from "../src/core/training/seeded.ts";
import { randomSplit } from "../src/core/training/split.ts";
import { machine } from "./processes.ts";
import { readTable } from "./tables.ts";

const DAY_MS = 86_400_000;
const TABLES = [
  "adult-census",
  "bank-marketing",
  "give-me-some-credit",
  "hotel-bookings",
  "elec2",
  "bank-churn",
];
const REFERENCE_ROWS = [1_000, 10_000];
const WINDOW_ROWS = [100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 100_000];
const PROFILES = ["governance", "evidently_auto", "ks_p"] as const;
/** Rows drawn a cell, so that a cell of large windows takes no longer than one of small ones. */
const DRAWS = 80_000_000;
/** A budget is kept when the measured rate is at most so many times it. */
const ALLOWED = 1.2;

export interface NullCell {
  readonly rows_reference: number;
  readonly rows_window: number;
  readonly windows: number;
  /** Share of windows with any watch or breach, and its 95 % interval (Wilson). */
  readonly alarms: Readonly<
    Record<string, { readonly value: number; readonly low: number; readonly high: number }>
  >;
  /** The worst table under `governance`. */
  readonly worst: { readonly table: string; readonly value: number; readonly windows: number };
}

export interface NullBench {
  readonly name: "null";
  readonly machine: ReturnType<typeof machine>;
  readonly runs: number;
  readonly tables: readonly string[];
  readonly budget: number;
  readonly allowed: number;
  /** Highest rate of `governance` over all cells, tables pooled. */
  readonly highest: number;
  readonly kept: boolean;
  readonly cells: readonly NullCell[];
}

/** Measures; `draws` rows a cell and table. */
export const run = async (
  args: { json?: string; draws?: number; seed?: number } = {},
): Promise<NullBench> => {
  const { draws = DRAWS, seed = 1 } = args;
  const pools = TABLES.map(poolOf);
  const budget = alphaFor(DRIFT_PROFILES.governance.alpha, 1);
  const cells: NullCell[] = [];
  for (const rowsReference of REFERENCE_ROWS)
    for (const rowsWindow of WINDOW_ROWS) {
      const cell = measure(pools, { rowsReference, rowsWindow, draws, seed });
      process.stderr.write(`${lineOf(cell)}\n`);
      cells.push(cell);
    }
  const highest = Math.max(...cells.map(({ alarms }) => alarms["governance"]?.value ?? 1));
  const result: NullBench = {
    name: "null",
    machine: machine(),
    runs: cells.reduce((sum, { windows }) => sum + windows, 0),
    tables: TABLES,
    budget,
    allowed: ALLOWED * budget,
    highest,
    kept: highest <= ALLOWED * budget,
    cells,
  };
  if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
  return result;
};

/** A table as codes and score bins by row, on one encoding frozen on the whole of it. */
interface Pool {
  readonly table: string;
  readonly encoding: Encoding;
  readonly matrix: TrainingMatrix;
  readonly scoreBins: Uint16Array;
}

const poolOf = (name: string): Pool => {
  const { contract, columns, label, rows } = readTable(name);
  const encoding = freezeEncoding({ contract, contractDigest: "bench", dataset: name, columns });
  const matrix: TrainingMatrix = { rows, ...encodeFrozen({ columns, label }, encoding) };
  const sets = randomSplit(rows, 1, { fit: 0.3, calibrate: 0.1, test: 0.6 });
  const fitted = fitModel({
    encoding,
    family: "gradient-boosted-trees",
    parameters: { boosting: { trees: 40, leaves: 15 } },
    seed: 1,
    search: 1,
    fit: takeRows(matrix, sets.fit),
    stop: takeRows(matrix, sets.stop),
    calibrate: takeRows(matrix, sets.calibrate),
  });
  if ("refused" in fitted) throw new Error(`${name}: ${fitted.detail}`);
  const scoreBins = Uint16Array.from(predictFitted(fitted.model, matrix), scoreBin);
  return { table: name, encoding, matrix, scoreBins };
};

type Cell = { rowsReference: number; rowsWindow: number; draws: number; seed: number };

const measure = (pools: readonly Pool[], cell: Cell): NullCell => {
  const { rowsReference, rowsWindow, draws, seed } = cell;
  const windows = Math.max(
    150,
    Math.min(600, Math.floor(draws / (pools[0]?.matrix.codes.length ?? 1) / (rowsReference + rowsWindow))),
  );
  const alarms = new Map<string, number>(PROFILES.map((name) => [name, 0]));
  let worst = { table: "", value: -1, windows };
  pools.forEach((pool, place) => {
    const draw = seeded(seed * 1_000 + place * 100 + rowsWindow + rowsReference);
    let own = 0;
    for (let window = 0; window < windows; window++) {
      const reference = sample(pool, rowsReference, draw);
      const current = sample(pool, rowsWindow, draw);
      for (const name of PROFILES) {
        if (!isAlarm(judge(pool.encoding, DRIFT_PROFILES[name], reference, current))) continue;
        alarms.set(name, (alarms.get(name) ?? 0) + 1);
        if (name === "governance") own++;
      }
    }
    if (own / windows > worst.value) worst = { table: pool.table, value: own / windows, windows };
  });
  const n = windows * pools.length;
  return {
    rows_reference: rowsReference,
    rows_window: rowsWindow,
    windows: n,
    alarms: Object.fromEntries([...alarms].map(([name, k]) => [name, { value: k / n, ...wilson(k, n) }])),
    worst,
  };
};

type Sample = { readonly features: readonly Counts[]; readonly scores: Counts };

/** Whole rows are drawn, so that features keep their correlations. */
const sample = ({ matrix, scoreBins }: Pool, rows: number, draw: () => number): Sample => {
  const picked = Uint32Array.from({ length: rows }, () => Math.floor(draw() * matrix.rows));
  const scores = emptyCounts(SCORE_BINS);
  for (const row of picked) {
    const bin = scoreBins[row] ?? 0;
    scores[bin] = (scores[bin] ?? 0) + 1;
  }
  const features = matrix.codes.map((column) => {
    const counts = emptyCounts();
    for (const row of picked) {
      const code = column[row] ?? 0;
      counts[code] = (counts[code] ?? 0) + 1;
    }
    return counts;
  });
  return { features, scores };
};

/** A week, so that features with a cycle are judged too, spending the budget of a day. */
const judge = (encoding: Encoding, profile: DriftProfile, reference: Sample, current: Sample): DriftRow[] =>
  judgeWindow({
    profile,
    windowMs: 7 * DAY_MS,
    budgetMs: DAY_MS,
    features: encoding.features.map((feature, at) => ({
      encoding: feature,
      reference: reference.features[at] ?? null,
      current: current.features[at] ?? null,
    })),
    scores: { reference: reference.scores, current: current.scores },
  });

const isAlarm = (rows: readonly DriftRow[]): boolean =>
  rows.some(({ status }) => status === "watch" || status === "breach");

const wilson = (k: number, n: number): { low: number; high: number } => {
  const z = 1.96;
  const p = k / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / (1 + (z * z) / n);
  return { low: Math.max(0, middle - half), high: middle + half };
};

const lineOf = ({ rows_reference, rows_window, windows, alarms, worst }: NullCell): string =>
  [
    `reference ${rows_reference}`,
    `window ${rows_window}`,
    `${windows} windows`,
    ...Object.entries(alarms).map(([name, { value }]) => `${name} ${(100 * value).toFixed(2)} %`),
    `worst ${worst.table} ${(100 * worst.value).toFixed(2)} %`,
  ].join("   ");
