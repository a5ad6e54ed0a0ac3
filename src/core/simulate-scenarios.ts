// Core: the worlds of `flyball simulate` (STATISTICS §8), as data. Quality is counted in steps of Brier .01: a model one step better
// wins 80 % of blocks of 500 pairs where days differ, and has 4 % more F1. What a world does not say is as in `null`.

export interface Scenario {
  readonly says: string;
  readonly blocks: number;
  /** Steps of the first version and of the one that waits beside it; null: nobody waits. */
  readonly production: number;
  readonly waiting: number | null;
  /** The first version stands by, one that was promoted wrongly or rightly serves: its step. */
  readonly promoted: number | null;
  /** Step of versions trained later, before and after the world changed. */
  readonly trained: readonly [number, number];
  readonly clone: boolean;
  /** Share of the candidate's requests that fail. */
  readonly crash: number;
  /** Block in which the world changes; null: never. */
  readonly changeAt: number | null;
  /** Blocks the change takes to arrive, and how long it stays (null: for good). */
  readonly rampBlocks: number;
  readonly lastsBlocks: number | null;
  /** Share of the reference mass that moves in two of the features. */
  readonly shift: number;
  /** Steps lost by every version trained before the change. */
  readonly damage: number;
  readonly labelLagBlocks: number;
  /** Share of requests labelled, of positives and of negatives. */
  readonly labelled: readonly [number, number];
  /** Weekly swing of one feature, as a share of its mass. */
  readonly weekly: number;
  /** Blocks without traffic, with gaps in it, and starved. */
  readonly empty: readonly number[];
  readonly incomplete: readonly number[];
  readonly starved: readonly number[];
}

const NULL: Scenario = {
  says: "candidates of equal long-run loss",
  blocks: 100,
  production: 0,
  waiting: 0,
  promoted: null,
  trained: [0, 0],
  clone: false,
  crash: 0,
  changeAt: null,
  rampBlocks: 0,
  lastsBlocks: null,
  shift: 0,
  damage: 0,
  labelLagBlocks: 1,
  labelled: [0.6, 0.6],
  weekly: 0,
  empty: [],
  incomplete: [],
  starved: [],
};

/** Every world by name. */
export const SCENARIOS = {
  null: NULL,
  clone: { ...NULL, says: "the candidate is production under another name", clone: true },
  "better-candidate": { ...NULL, says: "Brier −.01, F1 +4 %", waiting: 1, trained: [1, 1] },
  "worse-candidate": { ...NULL, says: "Brier +.01, F1 −4 %", waiting: -1, trained: [-1, -1] },
  "covariate-abrupt": {
    ...NULL,
    says: "two features shift for good in block 30; later trainings fit the new world",
    waiting: null,
    changeAt: 30,
    shift: 0.35,
    damage: 1,
  },
  "covariate-gradual": {
    ...NULL,
    says: "two features shift over 30 blocks from block 30 on",
    waiting: null,
    changeAt: 30,
    rampBlocks: 30,
    shift: 0.35,
    damage: 1,
  },
  concept: {
    ...NULL,
    says: "labels change in block 30, inputs do not: F1 −16 %",
    waiting: null,
    changeAt: 30,
    damage: 4,
  },
  "label-delay": { ...NULL, says: "labels come seven blocks late", labelLagBlocks: 7 },
  "label-missing-not-at-random": {
    ...NULL,
    says: "positives are labelled half as often as negatives",
    labelled: [0.35, 0.7],
  },
  outage: {
    ...NULL,
    says: "empty, incomplete and starved blocks",
    empty: [30, 31, 32],
    incomplete: [33],
    starved: [50, 51],
  },
  "shadow-crash": {
    ...NULL,
    says: "a better candidate that fails 5 % of its requests",
    waiting: 1,
    trained: [1, 1],
    crash: 0.05,
  },
  seasonal: { ...NULL, says: "one feature swings with the week", weekly: 0.04 },
  transient: {
    ...NULL,
    says: "one window shifts, then all is as before",
    waiting: null,
    changeAt: 30,
    lastsBlocks: 1,
    shift: 0.35,
  },
  "endless-drift": {
    ...NULL,
    says: "the inputs move again every 10 blocks and quality with them",
    waiting: null,
    changeAt: 10,
    rampBlocks: 90,
    shift: 0.9,
    damage: 6,
  },
  "harmful-promotion": {
    ...NULL,
    says: "a version worse by Brier +.01 was promoted; the good one stands by",
    waiting: null,
    promoted: -1,
    trained: [-1, -1],
  },
  "healthy-promotion": {
    ...NULL,
    says: "a version of equal loss was promoted; 500 looks",
    blocks: 500,
    waiting: null,
    promoted: 0,
  },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;

/** Says whether a text names a world. */
export const isScenario = (name: string): name is ScenarioName => Object.hasOwn(SCENARIOS, name);

/** How much of the change has arrived in a block: 0 before, 1 when it is all there. */
export const changeIn = (scenario: Scenario, block: number): number => {
  const { changeAt, rampBlocks, lastsBlocks } = scenario;
  if (changeAt === null || block < changeAt) return 0;
  if (lastsBlocks !== null && block >= changeAt + lastsBlocks) return 0;
  return rampBlocks === 0 ? 1 : Math.min(1, (block - changeAt + 1) / rampBlocks);
};

/** The truth about a version: its steps, and how much of the world's change it was trained on. */
export interface Truth {
  readonly step: number;
  readonly trainedOn: number;
}

/** How good a version is in a block: what the world changed since its training it does not know. */
export const stepIn = (world: Scenario, truth: Truth | undefined, block: number): number =>
  (truth?.step ?? 0) - world.damage * Math.max(0, changeIn(world, block) - (truth?.trainedOn ?? 0));
