// Core: which months of facts have had their time. Age is counted in the deployment's clock from what is settled, so that nothing goes
// that was not decided yet, and never less than training and revision still look back. Only whole months go; it deletes nothing.
import type { ServiceConfig } from "../../contracts/config.ts";
import { durationMs } from "./duration.ts";

/** Facts that are kept together: those of one month, in UTC. */
export interface Month {
  readonly facts: "predictions" | "labels";
  /** As the engine names it: 200102. */
  readonly month: string;
  readonly rows: number;
}

/** The shortest time facts may be kept: training's span, and behind it the windows that late rows may still revise. */
export const retentionFloorMs = ({ training, windows }: ServiceConfig): number =>
  durationMs(training.span) +
  Math.max(durationMs(windows.revise_within), durationMs(windows.dedup_horizon)) +
  Math.max(...windows.sizes.map(durationMs));

/** What is wrong with a retention; null when nothing is. */
export const retentionProblem = (service: ServiceConfig): string | null => {
  const { predictions } = service.retention;
  const floorMs = retentionFloorMs(service);
  if (predictions === null || durationMs(predictions) >= floorMs) return null;
  const days = Math.ceil(floorMs / DAY_MS);
  return `retention.predictions: ${predictions} is too short: training.span, windows.revise_within and the longest window need ${days}d`;
};

/**
 * The months all of whose facts are older than they are kept. `horizonsMs` are the times the models' labels take: what is not
 * labelled yet was not learnt from yet.
 */
export const outlived = (
  months: readonly Month[],
  by: { readonly service: ServiceConfig; readonly settledMs: number; readonly horizonsMs: readonly number[] },
): Month[] => {
  const { predictions } = by.service.retention;
  if (predictions === null) return [];
  const needed = retentionFloorMs(by.service) + Math.max(0, ...by.horizonsMs);
  const before = by.settledMs - Math.max(durationMs(predictions), needed);
  return months.filter(({ month }) => endOf(month) <= before);
};

const DAY_MS = 86_400_000;

/** When a month is over; a name that is none is never over. */
const endOf = (month: string): number => {
  const [, year, number] = /^(\d{4})(0[1-9]|1[0-2])$/.exec(month) ?? [];
  return year === undefined ? Infinity : Date.UTC(Number(year), Number(number), 1);
};
