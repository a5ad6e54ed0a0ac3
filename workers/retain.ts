// Stage: retain. Takes away the months of predictions and labels that have had their time (`retention.predictions`). Idempotent: a month
// that is gone is not found again. It never touches snapshots, decisions or the log, and nothing that was not settled yet.
import { durationMs } from "../src/core/duration.ts";
import { outlived, type Month } from "../src/core/retention.ts";
import type { ServiceConfig } from "../contracts/config.ts";
import type { Log, ReadsRegistry, ReadsTraffic } from "../src/ports.ts";
import type { KeepsMonths } from "../src/ports-recording.ts";

export interface RetainPorts {
  readonly facts: KeepsMonths;
  readonly traffic: Pick<ReadsTraffic, "models">;
  readonly registry: ReadsRegistry;
  readonly log: Log;
}

/** Drops what is older than it is kept, counted back from what is settled (ms); answers what went. */
export const retain = async (
  ports: RetainPorts,
  service: ServiceConfig,
  settledMs: number,
): Promise<readonly Month[]> => {
  const months = await ports.facts.months();
  // Asked first without the models: nearly always nothing is old enough, and bundles need not be read.
  if (outlived(months, { service, settledMs, horizonsMs: [] }).length === 0) return [];
  const gone = outlived(months, { service, settledMs, horizonsMs: await horizons(ports) });
  for (const month of gone) {
    await ports.facts.drop(month);
    ports.log.info({ ...month, kept: service.retention.predictions }, "facts have had their time");
  }
  return gone;
};

/** How long the labels of each model take, as its newest contract says. */
const horizons = async ({ traffic, registry }: RetainPorts): Promise<number[]> => {
  const models = await traffic.models();
  return Promise.all(
    models.map(async ({ model }) => {
      const newest = (await registry.versions(model)).at(-1);
      if (newest === undefined) return 0;
      const { preprocessor } = await registry.bundle(model, newest);
      return durationMs(preprocessor.contract.definition.label_maturity.horizon);
    }),
  );
};
