// Core: UUIDs as the 36 bytes they are written in. Rows carry them by the thousand from request to event and answer, so they are copied as
// bytes and never become strings on the way. Draws nothing: whoever writes a random one brings the dice.
import { writeAscii } from "./ascii.ts";

/** Bytes of a written UUID. */
export const UUID_BYTES = 36;

/** Writes a UUID given as text; throws on another length, which would shift everything behind it. */
export const writeUuid = (out: Uint8Array, at: number, text: string): number => {
  if (text.length !== UUID_BYTES) throw new RangeError("a request id is no UUID");
  return writeAscii(out, at, text);
};

/** Copies a written UUID; gives where it ends. */
export const copyUuid = (out: Uint8Array, at: number, from: Uint8Array, fromAt: number): number => {
  for (let i = 0; i < UUID_BYTES; i++) out[at + i] = from[fromAt + i] ?? 0;
  return at + UUID_BYTES;
};

const HEX = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const DASH = 0x2d;
/** Where each of the 16 bytes is written, and where the dashes stand. */
const PLACES = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

/** Writes 16 bytes as the UUID of a version (its variant RFC 9562's) at `at`; gives where it ends. */
export const writeUuidOf = (
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  from: number,
  version: number,
): number => {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[from + i] ?? 0;
    const value = i === 6 ? (byte & 0x0f) | (version << 4) : i === 8 ? (byte & 0x3f) | 0x80 : byte;
    const place = at + (PLACES[i] ?? 0);
    out[place] = HEX[value >> 4] ?? 0;
    out[place + 1] = HEX[value & 15] ?? 0;
  }
  out[at + 8] = out[at + 13] = out[at + 18] = out[at + 23] = DASH;
  return at + UUID_BYTES;
};
