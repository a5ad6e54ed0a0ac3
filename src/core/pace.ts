// Core: what drives the loop, as the configuration has it: how often each stage looks of itself, and whose silence event time waits for.
// Under a replayed clock both change: the replayer moves event time and waits, and nobody falls silent.
import type { ScheduleConfig, ServiceConfig } from "../../contracts/config.ts";
import type { Stage } from "../../contracts/jobs.ts";
import { durationMs } from "./duration.ts";
import type { WatermarkPolicy } from "./watermark.ts";

interface Paced {
  readonly service: Pick<ServiceConfig, "clock" | "streams">;
  readonly schedule: ScheduleConfig;
}

/** Under replay the watermark drives the stages: there ticks only catch what a fault left undone. */
const REPLAY_TICK_MS = 30_000;

/** Milliseconds between the ticks of each stage that has one. */
export const ticksOf = ({ service, schedule }: Paced): Partial<Record<Stage, number>> => {
  const replay = service.clock === "replay";
  const rollMs = replay ? REPLAY_TICK_MS : durationMs(schedule.roll);
  return {
    roll: rollMs,
    measure: rollMs,
    decide: rollMs,
    execute: durationMs(schedule.execute),
    notify: rollMs,
    reconcile: durationMs(schedule.reconcile),
    trim: durationMs(schedule.trim),
    // A replay's days are over in seconds: they are reported when somebody asks.
    ...(schedule.report === null || replay ? {} : { report: durationMs(schedule.report) }),
  };
};

/** Whose silence holds the deployment's watermark, and for how long. */
export const watermarkPolicyOf = ({ service }: Pick<Paced, "service">): WatermarkPolicy =>
  service.clock === "replay"
    ? { clock: "replay" }
    : { clock: "wall", producerTimeoutMs: durationMs(service.streams.producer_timeout) };
