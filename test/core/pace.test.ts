// What drives the loop: ticks as the schedule has them, and what a replayed clock changes in them and in whose silence counts.
import { expect, it } from "vitest";
import { ScheduleConfig, ServiceConfig } from "../../contracts/config.ts";
import { ticksOf, watermarkPolicyOf } from "../../src/core/pace.ts";

const schedule = ScheduleConfig.parse({
  ...{ roll: "5s", execute: "1s", reconcile: "1m", trim: "2m", report: "1h" },
});
const service = (clock: "wall" | "replay") =>
  ServiceConfig.parse({ clock, streams: { producer_timeout: "40s" } });

it("under the wall clock stages look as the schedule says", () => {
  expect(ticksOf({ service: service("wall"), schedule })).toEqual({
    ...{ roll: 5_000, measure: 5_000, decide: 5_000, notify: 5_000 },
    ...{ execute: 1_000, reconcile: 60_000, trim: 120_000, report: 3_600_000 },
  });
  expect(ticksOf({ service: service("wall"), schedule: { ...schedule, report: null } })).not.toHaveProperty(
    "report",
  );
});

it("under replay the watermark drives them: ticks are rare, and nothing is reported of itself", () => {
  const ticks = ticksOf({ service: service("replay"), schedule });
  expect(ticks).toMatchObject({ roll: 30_000, measure: 30_000, decide: 30_000, execute: 1_000 });
  expect(ticks).not.toHaveProperty("report");
});

it("a silent producer is dropped under the wall clock only", () => {
  expect(watermarkPolicyOf({ service: service("wall") })).toEqual({
    clock: "wall",
    producerTimeoutMs: 40_000,
  });
  expect(watermarkPolicyOf({ service: service("replay") })).toEqual({ clock: "replay" });
});
