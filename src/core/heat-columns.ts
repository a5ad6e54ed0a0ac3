// Core: which column of the drift map a window stands in. Columns longer than a day begin on Mondays, as list-heat.sql has it.

const MONDAY_MS = 4 * 86_400_000;

/** Beginning of the column of this length that holds the window. */
export const columnOf = (windowStart: string, stepMs: number): string => {
  const fromMonday = Date.parse(windowStart) - MONDAY_MS;
  return new Date(Math.floor(fromMonday / stepMs) * stepMs + MONDAY_MS).toISOString();
};
