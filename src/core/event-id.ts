// Core: the id of an event, written as bytes: RFC 9562's UUID of version 5 over the event namespace and the event's name. Every row of every
// request needs one, so SHA-1 stands here by hand: a call into a library costs more than the two blocks it hashes. Names are ASCII.
import { EVENT_NAMESPACE, eventName } from "../../contracts/event.ts";
import { writeAscii } from "./ascii.ts";
import { compressSha1 } from "./sha1.ts";
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
  const blocks = new DataView(message.buffer);
  blocks.setUint32(message.length - 4, named * 8);
  const state = new Int32Array(5);
  const hash = new Uint8Array(16);
  return (out, at, requestAt) => {
    copyUuid(message, from, out, requestAt);
    state.set(START);
    for (let block = 0; block < message.length; block += 64) compressSha1(state, blocks, block);
    for (let word = 0; word < 4; word++) {
      const bits = state[word] ?? 0;
      for (let byte = 0; byte < 4; byte++) hash[4 * word + byte] = bits >>> (24 - 8 * byte);
    }
    writeUuidOf(out, at, hash, 0, 5);
  };
};

const START = Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);

const writeNamespace = (out: Uint8Array): void => {
  const digits = EVENT_NAMESPACE.replaceAll("-", "");
  for (let byte = 0; byte < 16; byte++) out[byte] = Number.parseInt(digits.slice(2 * byte, 2 * byte + 2), 16);
};
