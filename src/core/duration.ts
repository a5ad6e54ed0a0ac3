// Core: lengths of time as people write them in contracts, policies and configuration. Exact integers of milliseconds;
// never a calendar unit (months, years), whose length depends on when.

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;
const FORM = /^(0|[1-9]\d{0,11})(ms|s|m|h|d|w)$/;

/** Turns `500ms`, `15m`, `24h`, `7d` or `2w` into milliseconds; throws a RangeError on anything else. */
export const durationMs = (text: string): number => {
  const [, count, unit] = FORM.exec(text) ?? [];
  if (count === undefined || !isUnit(unit))
    throw new RangeError(`"${text}" is no duration: write a whole number and ms, s, m, h, d or w, like 24h`);
  return Number(count) * UNIT_MS[unit];
};

/** Says whether a text is a duration that `durationMs` accepts. */
export const isDuration = (text: string): boolean => FORM.test(text);

const isUnit = (unit: string | undefined): unit is keyof typeof UNIT_MS =>
  unit !== undefined && unit in UNIT_MS;
