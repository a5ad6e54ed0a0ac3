// Core: ASCII written into bytes, one piece after another; each writer gives where its piece ends. Measures nothing: whoever writes has
// made room for the longest row.

/** Writes ASCII text; gives where it ends. */
export const writeAscii = (out: Uint8Array, at: number, text: string): number => {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
};

/** Copies a few bytes; gives where they end. A loop: calling a copy costs more than copying so little. */
export const writeFew = (out: Uint8Array, at: number, bytes: Uint8Array): number => {
  for (let i = 0; i < bytes.length; i++) out[at + i] = bytes[i] ?? 0;
  return at + bytes.length;
};

/** Writes a whole number that is not negative: its digits by hand where it fits the processor's integers. */
export const writeCount = (out: Uint8Array, at: number, count: number): number => {
  if (count > 0x7fffffff) return writeAscii(out, at, String(count));
  let digits = 1;
  for (let over = 10; over <= count; over *= 10) digits++;
  let rest = count;
  for (let place = at + digits - 1; place >= at; place--) {
    out[place] = ZERO + (rest % 10);
    rest = (rest / 10) | 0;
  }
  return at + digits;
};

const ZERO = 0x30;
