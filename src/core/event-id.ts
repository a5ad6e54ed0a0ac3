// Core: the id of an event, written as bytes: RFC 9562's UUID of version 5 over the event namespace and the event's name. Every row of every
// request needs one, so SHA-1 stands here by hand: a call into a library costs more than the two blocks it hashes. Names are ASCII.
import { EVENT_NAMESPACE, eventName } from "../../contracts/event.ts";
import { writeAscii } from "./ascii.ts";
import { UUID_BYTES, copyUuid, writeUuidOf } from "./uuid-text.ts";

/** Writes the id of the event of a request at `at`; the request's id, a UUID in lower case, is read from `out` at `requestAt`. */
export type WritesEventId = (out: Uint8Array, at: number, requestAt: number) => void;

/** Compiles the ids of one model in one role (`shadowVersion`: of that candidate); all but the request id is laid out once. */
export const eventIdWriter = (model: string, shadowVersion: string | null): WritesEventId => {
  const mark = "\n";
  const [before = "", after = ""] = eventName(model, mark, shadowVersion).split(mark);
  const named = 16 + before.length + UUID_BYTES + after.length;
  const message = new Uint8Array(Math.ceil((named + 9) / 64) * 64);
  writeNamespace(message);
  const from = writeAscii(message, 16, before);
  const end = writeAscii(message, from + UUID_BYTES, after);
  message[end] = 0x80;
  new DataView(message.buffer).setUint32(message.length - 4, named * 8);
  const schedule = new Int32Array(80);
  const state = new Int32Array(5);
  const hash = new Uint8Array(16);
  return (out, at, requestAt) => {
    copyUuid(message, from, out, requestAt);
    state.set(START);
    for (let block = 0; block < message.length; block += 64) compress(state, schedule, message, block);
    for (let word = 0; word < 4; word++) {
      const bits = state[word] ?? 0;
      for (let byte = 0; byte < 4; byte++) hash[4 * word + byte] = bits >>> (24 - 8 * byte);
    }
    writeUuidOf(out, at, hash, 0, 5);
  };
};

const START = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);

/** One block of SHA-1 (FIPS 180-4, 6.1.2). */
const compress = (state: Int32Array, w: Int32Array, message: Uint8Array, from: number): void => {
  for (let t = 0; t < 16; t++) {
    const at = from + 4 * t;
    w[t] =
      ((message[at] ?? 0) << 24) |
      ((message[at + 1] ?? 0) << 16) |
      ((message[at + 2] ?? 0) << 8) |
      (message[at + 3] ?? 0);
  }
  for (let t = 16; t < 80; t++) {
    const x = (w[t - 3] ?? 0) ^ (w[t - 8] ?? 0) ^ (w[t - 14] ?? 0) ^ (w[t - 16] ?? 0);
    w[t] = (x << 1) | (x >>> 31);
  }
  let a = state[0] ?? 0;
  let b = state[1] ?? 0;
  let c = state[2] ?? 0;
  let d = state[3] ?? 0;
  let e = state[4] ?? 0;
  // Four loops instead of one that asks in which quarter it is: each stays a straight line for the compiler.
  for (let t = 0; t < 20; t++) {
    const next = (((a << 5) | (a >>> 27)) + (((c ^ d) & b) ^ d) + e + 0x5a827999 + (w[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 20; t < 40; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e + 0x6ed9eba1 + (w[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 40; t < 60; t++) {
    const next = (((a << 5) | (a >>> 27)) + ((b & c) | (d & (b | c))) + e - 0x70e44324 + (w[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  for (let t = 60; t < 80; t++) {
    const next = (((a << 5) | (a >>> 27)) + (b ^ c ^ d) + e - 0x359d3e2a + (w[t] ?? 0)) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  state[0] = ((state[0] ?? 0) + a) | 0;
  state[1] = ((state[1] ?? 0) + b) | 0;
  state[2] = ((state[2] ?? 0) + c) | 0;
  state[3] = ((state[3] ?? 0) + d) | 0;
  state[4] = ((state[4] ?? 0) + e) | 0;
};

const writeNamespace = (out: Uint8Array): void => {
  const digits = EVENT_NAMESPACE.replaceAll("-", "");
  for (let byte = 0; byte < 16; byte++) out[byte] = Number.parseInt(digits.slice(2 * byte, 2 * byte + 2), 16);
};
