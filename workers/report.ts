// Worker: report. Once a UTC day is decided and carried out, every model's report of it is made and kept. Idempotency key: (model, day); a day
// that is kept is never written again. Under a replayed clock it looks only when asked.
import type { KeepsLedger, Log } from "../src/ports.ts";
import type { KeepsReports } from "../src/ports-reading.ts";
import { DAY_MS, dayOf, keepDay, type ReportPorts } from "../src/stages/report.ts";

export interface ReportLookPorts extends ReportPorts {
  readonly ledger: ReportPorts["ledger"] & Pick<KeepsLedger, "state">;
  readonly reports: KeepsReports;
  readonly log: Log;
}

/** Days looked back over for one that was missed while nobody worked. */
const DAYS_BACK = 7;

/** Keeps every day that is due and missing; answers how many it wrote. */
export const report = async (ports: ReportLookPorts, settledMs: number): Promise<number> => {
  const { models } = await ports.ledger.state();
  const endMs = Math.floor(settledMs / DAY_MS) * DAY_MS;
  const [first] = await ports.ledger.read(0, 1);
  const bornMs = first === undefined ? Infinity : Date.parse(first.at);
  let kept = 0;
  for (const model of Object.keys(models).sort())
    for (let dayMs = endMs - DAYS_BACK * DAY_MS; dayMs < endMs; dayMs += DAY_MS) {
      if (dayMs + DAY_MS <= bornMs) continue;
      if (!(await keepDay(ports, { model, dayMs }))) continue;
      ports.log.info({ model, day: dayOf(dayMs) }, "a day was reported");
      kept += 1;
    }
  return kept;
};
