// Core: what is counted in a simulated run, which is what an operator fears: false promotions, missed harm, storms of trainings. It
// knows the world's truth and changes nothing in it.
import type { Evidence } from "../../contracts/evidence.ts";
import type { judge } from "./decide.ts";
import type { SimulatedModel } from "./simulate-ledger.ts";
import { changeIn, stepIn, type Scenario } from "./simulate-scenarios.ts";

/** What one run did. Blocks count from 0; null where it never happened. */
export interface RunResult {
  readonly promotions: number;
  readonly falsePromotions: number;
  readonly firstPromotion: number | null;
  readonly rollbacks: number;
  readonly falseRollbacks: number;
  readonly firstRollback: number | null;
  readonly rejections: number;
  readonly trainings: number;
  readonly quarantines: number;
  /** Judged windows without any change in the world, and those of them that alarmed. */
  readonly quietWindows: number;
  readonly falseAlarms: number;
  /** Blocks from the change to the first drift verdict that asks for a training, and to the first training. */
  readonly detectionDelay: number | null;
  readonly trainingDelay: number | null;
  readonly errors: number;
  /** Moves of a version decided in an empty, starved, incomplete or passingly shifted window; a quarantine is no such move. */
  readonly actionsOnUnsound: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A run nothing has happened in yet. */
export const EMPTY_RUN: RunResult = {
  promotions: 0,
  falsePromotions: 0,
  firstPromotion: null,
  rollbacks: 0,
  falseRollbacks: 0,
  firstRollback: null,
  rejections: 0,
  trainings: 0,
  quarantines: 0,
  quietWindows: 0,
  falseAlarms: 0,
  detectionDelay: null,
  trainingDelay: null,
  errors: 0,
  actionsOnUnsound: 0,
};

/** Adds what was decided in a block to its run. */
export const countBlock = (
  result: Mutable<RunResult>,
  at: {
    readonly world: Scenario;
    readonly block: number;
    readonly model: SimulatedModel;
    readonly verdict: ReturnType<typeof judge>["verdict"];
    readonly evidence: Evidence;
  },
): void => {
  const { world, block, model, verdict, evidence } = at;
  const { state, truth } = model;
  const step = (version: string | null) => stepIn(world, truth.get(version ?? ""), block);
  const changed = world.changeAt !== null && block >= world.changeAt;
  const alarmed = verdict.drift_verdict.startsWith("RETRAIN");
  if (!changed && evidence.drift.length > 0) {
    result.quietWindows++;
    if (alarmed) result.falseAlarms++;
  }
  if (isUnsound(world, block) && MOVES.includes(verdict.action)) result.actionsOnUnsound++;
  if (changed && alarmed) result.detectionDelay ??= block - (world.changeAt ?? 0);
  switch (verdict.action) {
    case "PROMOTE":
      result.promotions++;
      result.firstPromotion ??= block;
      if (world.clone || step(state.candidate) <= step(state.promoted)) result.falsePromotions++;
      break;
    case "ROLLBACK":
      result.rollbacks++;
      result.firstRollback ??= block;
      if (step(state.standby) <= step(state.promoted)) result.falseRollbacks++;
      break;
    case "REJECT":
      result.rejections++;
      break;
    case "RETRAIN":
      result.trainings++;
      if (changed) result.trainingDelay ??= block - (world.changeAt ?? 0);
      break;
    case "QUARANTINE":
      result.quarantines++;
      break;
    case "SYSTEM_ERROR":
      result.errors++;
      break;
    case "NONE":
    case "HOLD":
    case "SHADOW":
      break;
  }
};

const MOVES: readonly string[] = ["RETRAIN", "SHADOW", "PROMOTE", "REJECT", "ROLLBACK"];

const isUnsound = (world: Scenario, block: number): boolean =>
  [...world.empty, ...world.starved, ...world.incomplete].includes(block) ||
  (world.lastsBlocks !== null && changeIn(world, block) > 0);
