// Core: operating characteristics (STATISTICS §8). A seeded world is lived through day by day; each day the real rules judge the real
// words of evidence and what they decide is carried out. One run is one seed: runs may be shared out over threads in any order.
import type { DriftRow } from "../../contracts/drift.ts";
import type { Evidence } from "../../contracts/evidence.ts";
import { emptyMemory, judge, type DecisionInputs } from "./decide.ts";
import type { ReadyPolicy } from "./policy.ts";
import { isQuarantined } from "./quarantine.ts";
import { diceOf, type Dice } from "./simulate-dice.ts";
import {
  pairedEvidence,
  performanceEvidence,
  type MaturedWindow,
  type PairHistory,
} from "./simulate-evidence.ts";
import { carryOut, endWatch, openModel, register, type SimulatedModel } from "./simulate-ledger.ts";
import {
  changeIn,
  SCENARIOS,
  stepIn,
  type Scenario,
  type ScenarioName,
  type Truth,
} from "./simulate-scenarios.ts";
import { countBlock, EMPTY_RUN, type RunResult } from "./simulate-tally.ts";
import {
  daySheet,
  drawConfusion,
  drawDrift,
  drawPairs,
  type DaySheet,
  type PairedBlock,
} from "./simulate-world.ts";
import { isoOf } from "./time.ts";
import { watchIsOver } from "./watch.ts";

const DAY_MS = 86_400_000;
const EPOCH_MS = Date.UTC(2001, 0, 1);
const PAIRS = 500;
const LATENESS_MS = 300_000;

/** Lives one seed of a world under a policy; `days: false` makes rows independent. `seen` is shown what each decision was asked with. */
export const runScenario = (at: {
  readonly scenario: ScenarioName;
  readonly seed: number;
  readonly policy: ReadyPolicy;
  readonly days: boolean;
  readonly seen?: (inputs: DecisionInputs) => void;
}): RunResult => {
  const world: Scenario = SCENARIOS[at.scenario];
  const life: Life = {
    world,
    dice: diceOf(at.seed),
    days: at.days,
    wealth: betsOnRows(at.policy),
    sheet: daySheet(),
    history: [],
    pairs: new Map(),
  };
  const watched = world.promoted !== null;
  let model = openModel({
    production: { step: world.promoted ?? world.production, trainedOn: 0 },
    standby: watched ? { step: world.production, trainedOn: 0 } : null,
    waiting: world.waiting === null ? null : { step: world.waiting, trainedOn: 0 },
    promotedAt: isoOf(EPOCH_MS - (watched ? 0 : 8 * DAY_MS)),
  });
  let memory = emptyMemory();
  const result = { ...EMPTY_RUN };
  for (let block = 0; block < world.blocks; block++) {
    const { now } = dayOf(block);
    if (model.state.training !== null) model = register(model, trainedNow(world, block), now);
    const evidence = evidenceOf(life, model, block, now);
    const inputs = { evidence, memory, governance: model.state, policy: at.policy };
    at.seen?.(inputs);
    const judged = judge(inputs);
    memory = judged.memory;
    countBlock(result, { world, block, model, verdict: judged.verdict, evidence });
    model = carryOut(model, judged.verdict, now);
    if (watchIsOver({ governance: model.state, memory, policy: at.policy, now }))
      model = endWatch(model, now);
  }
  return result;
};

/** A block's day, and when it is decided. */
interface Day {
  readonly start: string;
  readonly end: string;
  readonly now: string;
}

/** The calendar is the same in all runs: written once. */
const CALENDAR: Day[] = [];

const dayOf = (block: number): Day =>
  (CALENDAR[block] ??= {
    start: isoOf(EPOCH_MS + block * DAY_MS),
    end: isoOf(EPOCH_MS + (block + 1) * DAY_MS),
    now: isoOf(EPOCH_MS + (block + 1) * DAY_MS + LATENESS_MS),
  });

interface Life {
  readonly world: Scenario;
  readonly dice: Dice;
  readonly days: boolean;
  readonly wealth: boolean;
  readonly sheet: DaySheet;
  readonly history: MaturedWindow[];
  readonly pairs: Map<string, PairHistory & { readonly blocks: PairHistory["blocks"][number][] }>;
}

const betsOnRows = ({ candidate, watch }: ReadyPolicy): boolean =>
  candidate.evidence.method === "row_tempered" || watch.harm.method === "row_tempered";

/** A version trained now has seen the world as it is. */
const trainedNow = (world: Scenario, block: number): Truth => {
  const change = changeIn(world, block);
  return { step: world.trained[change > 0 ? 1 : 0], trainedOn: change };
};

const evidenceOf = (life: Life, model: SimulatedModel, block: number, now: string): Evidence => {
  const { world } = life;
  const { state } = model;
  const { start, end } = dayOf(block);
  const coverage = 0.2 * world.labelled[0] + 0.8 * world.labelled[1];
  const usual = Math.round(PAIRS / coverage);
  const volume = world.empty.includes(block) ? 0 : world.starved.includes(block) ? 100 : usual;
  const isOut = (from: string): boolean => isQuarantined(state, from);
  const truthOf = (version: string | null) => (version === null ? undefined : model.truth.get(version));
  const drift = driftOf(life, truthOf(state.promoted), block, volume);
  const step = stepIn(world, truthOf(state.promoted), block);
  life.history.push({
    start,
    end,
    production: state.promoted ?? "",
    requests: volume,
    confusion: drawConfusion(life.dice, {
      requests: volume,
      labelled: world.labelled,
      step,
      days: life.days,
    }),
  });
  const pairOf = (other: string | null, candidate: boolean) => {
    if (other === null || state.promoted === null) return null;
    const key = `${other} ${state.promoted}`;
    const clone = candidate && world.clone;
    const crash = candidate ? world.crash : 0;
    const pairs = life.pairs.get(key) ?? {
      other,
      production: state.promoted,
      since: start,
      clone,
      crash,
      coverage,
      blocks: [],
    };
    life.pairs.set(key, pairs);
    const edge = stepIn(world, truthOf(other), block) - step;
    const n = Math.round(volume * coverage);
    pairs.blocks.push(drawPairs(life.dice, { start, n, edge, clone, days: life.days, wealth: life.wealth }));
    const maturedBefore = EPOCH_MS + (block + 1 - world.labelLagBlocks) * DAY_MS;
    const isMatured = (one: PairedBlock): boolean => Date.parse(one.block.start) < maturedBefore;
    const matured = pairs.blocks.slice(0, pairs.blocks.findLastIndex(isMatured) + 1);
    return pairedEvidence({ ...pairs, blocks: matured }, isOut);
  };
  const matured = life.history.slice(0, Math.max(0, life.history.length - world.labelLagBlocks));
  const { rows, ...performance } = performanceEvidence(matured, state.promoted, isOut);
  return {
    v: 1,
    model: state.model,
    now,
    clock: "wall",
    window: {
      size: "24h",
      start,
      end,
      snapshots: [],
      volume,
      ok: volume,
      invalid: 0,
      flags: [
        ...(volume === 0 ? (["empty"] as const) : []),
        ...(world.incomplete.includes(block) ? (["incomplete"] as const) : []),
      ],
    },
    drift,
    ...performance,
    estimated: null,
    trust: null,
    baseline: state.versions[state.promoted ?? ""]?.baseline ?? null,
    matured_windows: quarantinedWindows(model, world, block),
    trainable_rows: rows,
    candidate: pairOf(state.candidate, true),
    standby: pairOf(state.standby, false),
    waiting: model.waiting,
    faults: [],
  };
};

const driftOf = (life: Life, production: Truth | undefined, block: number, volume: number): DriftRow[] => {
  const { world } = life;
  if (volume === 0) return [];
  const moved = world.shift * Math.abs(changeIn(world, block) - (production?.trainedOn ?? 0));
  const weekly = world.weekly * (block % 7 < 5 ? -0.4 : 1);
  return drawDrift(life.dice, { volume, moved, weekly, sheet: life.sheet });
};

/** Windows under a drift quarantine breached when they were opened; their labels come a lag later. */
const quarantinedWindows = (
  model: SimulatedModel,
  world: Scenario,
  block: number,
): Evidence["matured_windows"] =>
  model.state.quarantines
    .filter(({ kind, released }) => kind === "drift" && !released)
    .map(({ windowStart, windowEnd }) => ({
      start: windowStart,
      end: windowEnd,
      breached: true,
      matured: Date.parse(windowEnd) <= EPOCH_MS + (block + 1 - world.labelLagBlocks) * DAY_MS,
    }));
