// Adapter: months of facts in ClickHouse, behind `KeepsMonths`. A month is a partition: it goes as a whole and at once, and costs no
// rewriting of what stays. Which month may go is decided elsewhere (src/core/retention.ts).
import { z } from "zod";
import type { KeepsMonths } from "../ports-recording.ts";
import { ask, type Engine } from "./rows.ts";

const MonthRow = z.object({ facts: z.enum(["predictions", "labels"]), month: z.string(), rows: z.number() });

/** Makes the port over the named queries `retain-*`. */
export const createFactRetention = (engine: Engine): KeepsMonths => ({
  months: () => ask(engine, "retain-months", {}, MonthRow),
  drop: async ({ facts, month }) => {
    await engine.query("retain-drop", { facts, month });
  },
});
