// Core: plain data as the api shows it: the names of its members in snake_case. Values, and names that are no words (versions, digests),
// stay as they are.

/** Copies plain data with snake_case names. */
export const snakeCased = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(snakeCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [snakeName(name), snakeCased(member)]),
  );
};

const WORD = /^[a-z][A-Za-z0-9]*$/;

const snakeName = (name: string): string =>
  WORD.test(name) ? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : name;
