// Core: the plainest part of JSON, read from bytes one token at a time: ASCII strings without escapes, numbers, null. What is not plain beyond
// doubt is not judged here but left to `JSON.parse`; what is read here has the value it would have there. Knows no shape.

/** A place in a text; every reader below moves it only past what it has read. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

/** Bytes that readers of plain text meet. */
export const BYTE = {
  quote: 0x22,
  comma: 0x2c,
  colon: 0x3a,
  open: 0x5b,
  close: 0x5d,
  brace: 0x7b,
  unbrace: 0x7d,
  n: 0x6e,
} as const;

const [ZERO, NINE, MINUS, PLUS, DOT, UPPER_E, LOWER_E, BACKSLASH] = [
  0x30, 0x39, 0x2d, 0x2b, 0x2e, 0x45, 0x65, 0x5c,
];

/** Skips white space and tells the byte that follows; -1 at the end. */
export const peek = (cursor: Cursor): number => {
  const { bytes } = cursor;
  let byte = bytes[cursor.at] ?? -1;
  while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++cursor.at] ?? -1;
  return byte;
};

/** Takes one byte after white space; false where another stands there. */
export const take = (cursor: Cursor, byte: number): boolean => {
  if (peek(cursor) !== byte) return false;
  cursor.at++;
  return true;
};

/** Takes exactly these bytes; false, and unmoved, where others stand here. */
export const takeWord = (cursor: Cursor, word: Uint8Array): boolean => {
  const { bytes, at } = cursor;
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
  cursor.at = at + word.length;
  return true;
};

/** Reads a number; NaN where none stands here. */
export const takeNumber = (cursor: Cursor): number => {
  const { bytes, at: start } = cursor;
  const negative = bytes[start] === MINUS;
  const from = negative ? start + 1 : start;
  let at = from;
  let digits = 0;
  for (let byte = bytes[at] ?? 0; byte >= ZERO && byte <= NINE; byte = bytes[++at] ?? 0)
    digits = digits * 10 + byte - ZERO;
  const whole = at - from;
  if (whole === 0 || (whole > 1 && bytes[from] === ZERO)) return NaN;
  let scale = 0;
  if (bytes[at] === DOT) {
    const fraction = ++at;
    for (let byte = bytes[at] ?? 0; byte >= ZERO && byte <= NINE; byte = bytes[++at] ?? 0)
      digits = digits * 10 + byte - ZERO;
    scale = at - fraction;
    if (scale === 0) return NaN;
  }
  const exponent = bytes[at] === LOWER_E || bytes[at] === UPPER_E;
  if (exponent) {
    at++;
    if (bytes[at] === MINUS || bytes[at] === PLUS) at++;
    const power = at;
    for (let byte = bytes[at] ?? 0; byte >= ZERO && byte <= NINE; byte = bytes[++at] ?? 0);
    if (at === power) return NaN;
  }
  cursor.at = at;
  if (exponent || whole + scale > 15) return Number(asciiOf(bytes, start, at));
  // Up to 15 digits and their power of ten are exact, so the quotient is rounded once, as it should be.
  const value = digits / (POWERS[scale] ?? NaN);
  return negative ? -value : value;
};

const POWERS = Float64Array.from({ length: 16 }, (_, power) => Number(`1e${power}`));

/** Reads strings; the same short words come again and again and are made once. */
export const createTextReader = (slots = 1_024): ((cursor: Cursor) => string | null) => {
  const known = new Array<string>(slots).fill("");
  return (cursor) => {
    const { bytes } = cursor;
    const from = cursor.at + 1;
    let at = from;
    let mixed = 0;
    for (let byte = bytes[at] ?? 0; byte !== BYTE.quote; byte = bytes[++at] ?? 0) {
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return null;
      mixed = (Math.imul(mixed, 31) + byte) | 0;
    }
    if (at - from > TEXT_MAX) return null;
    cursor.at = at + 1;
    const slot = (mixed ^ (mixed >>> 15)) & (slots - 1);
    const held = known[slot] ?? "";
    if (isAscii(held, bytes, from, at)) return held;
    const text = asciiOf(bytes, from, at);
    known[slot] = text;
    return text;
  };
};

/** Longer strings are rare enough for `JSON.parse`. */
const TEXT_MAX = 256;

const isAscii = (text: string, bytes: Uint8Array, from: number, to: number): boolean => {
  if (text.length !== to - from) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false;
  return true;
};

const asciiOf = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCharCode(...bytes.subarray(from, to));
