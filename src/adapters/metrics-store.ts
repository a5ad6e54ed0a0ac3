// Adapter: the figures of a deployment that rest in ClickHouse, for Prometheus. It reads only, and a figure that is not there is no row.
import { z } from "zod";
import type { ReadsFigures } from "../ports.ts";
import { ask, type Engine } from "./rows.ts";

const Row = z.object({
  what: z.enum(["decisions", "alerts", "letters", "trust", "drift"]),
  a: z.string(),
  b: z.string(),
  n: z.number(),
});

/** Makes the reader; `size` is the window size that decides. */
export const createMetricsStore = (engine: Engine, size: string): ReadsFigures => ({
  figures: async () => {
    const [counts, health] = await Promise.all([
      ask(engine, "metrics-counts", {}, Row),
      ask(engine, "metrics-health", { size }, Row),
    ]);
    return [...counts, ...health];
  },
});
