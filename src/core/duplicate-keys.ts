// Core: finds objects that name a key twice. `JSON.parse` silently keeps the last one, so two readers of the same body could see
// two different requests; the api refuses such bodies instead.

/**
 * Says whether a JSON text that parsed well has more keys written than `distinctKeys`, the number its parsed form holds.
 * The quick count may see too many (a string that begins with a colon), never too few; only then the text is walked.
 */
export const hasDuplicateKeys = (text: string, distinctKeys: number): boolean =>
  quickCount(text) !== distinctKeys && exactCount(text) !== distinctKeys;

/** Keys of a parsed JSON value, at every depth. */
export const countKeys = (value: unknown): number => {
  if (typeof value !== "object" || value === null) return 0;
  const stack: object[] = [value];
  let count = 0;
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (!Array.isArray(next)) count += Object.keys(next).length;
    for (const child of Object.values(next)) {
      if (typeof child === "object" && child !== null) stack.push(child);
    }
  }
  return count;
};

const QUOTE = 34;
const BACKSLASH = 92;

/** Colons that follow a quote, white space between them allowed. */
const quickCount = (text: string): number => {
  let count = 0;
  for (let at = text.indexOf(":"); at !== -1; at = text.indexOf(":", at + 1)) {
    let before = at - 1;
    while (before > 0 && text.charCodeAt(before) <= 32) before--;
    if (text.charCodeAt(before) === QUOTE) count++;
  }
  return count;
};

/** Colons outside strings: in valid JSON, exactly the keys. */
const exactCount = (text: string): number => {
  let count = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (inString) {
      if (unit === BACKSLASH) at++;
      else if (unit === QUOTE) inString = false;
    } else if (unit === QUOTE) inString = true;
    else if (unit === 58) count++;
  }
  return count;
};
