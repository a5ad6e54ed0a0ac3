// Door: what commands about a running or configured deployment share: its stores, opened for one command and closed after it, and the
// models it ever decided about.
import type { Stores } from "../wiring.ts";

/** Lends the stores of the deployment to one command. */
export const withStores = async (use: (stores: Stores) => Promise<void>): Promise<void> => {
  const { loadConfig } = await import("../adapters/config.ts");
  const { wireStores } = await import("../wiring.ts");
  const stores = wireStores(loadConfig(), "cli");
  try {
    await use(stores);
  } finally {
    await stores.close();
  }
};

/** Models with at least one decision, by name; throws where `only` has none. */
export const decidedModels = async (
  { clickhouse }: Pick<Stores, "clickhouse">,
  only: string | undefined,
): Promise<readonly string[]> => {
  const { createReadStore } = await import("../adapters/read-store.ts");
  const models = (await createReadStore(clickhouse).lastDecisions()).map(({ model }) => model).sort();
  if (only === undefined) return models;
  if (!models.includes(only)) throw new Error(`${only}: nothing was ever decided about this model`);
  return [only];
};

/** Reads an instant as people give it: RFC 3339 in UTC, or a date, which begins at midnight UTC. */
export const instantOf = (text: string, flag: string): number => {
  const ms = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  if (Number.isNaN(ms) || !/^\d{4}-\d{2}-\d{2}(T.*Z)?$/.test(text))
    throw new Error(`${flag} ${text}: expected a date or an instant in UTC such as 2001-05-01T00:00:00Z`);
  return ms;
};
