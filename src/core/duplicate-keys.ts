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

/** Where an object of a JSON text that parsed well first names a key twice; null where none does. */
export const duplicateKeyPath = (text: string): string | null => {
  /** What is open: the keys of an object so far and the one it stands at, or the place in an array. */
  const open: { readonly keys: Set<string> | null; part: string | number; valued: boolean }[] = [];
  for (let at = 0; at < text.length; at++) {
    const unit = text.charAt(at);
    const top = open.at(-1);
    if (unit === "{" || unit === "[")
      open.push({ keys: unit === "{" ? new Set() : null, part: 0, valued: false });
    else if (unit === "}" || unit === "]") open.pop();
    else if (unit === ":" && top !== undefined) top.valued = true;
    else if (unit === "," && top !== undefined) {
      top.valued = false;
      if (top.keys === null) top.part = Number(top.part) + 1;
    } else if (unit === '"') {
      const from = at++;
      while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
      if (top === undefined || top.keys === null || top.valued) continue;
      const key = String(JSON.parse(text.slice(from, at + 1)));
      top.part = key.slice(0, 64);
      if (top.keys.has(key)) {
        const path = open.slice(-PARTS_MAX).map(({ part }) => part);
        return path.join(".");
      }
      top.keys.add(key);
    }
  }
  return null;
};

/** A client chooses how deep a body is; what it is told stays a line. */
const PARTS_MAX = 8;
