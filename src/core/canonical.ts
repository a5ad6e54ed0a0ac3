// Core: one spelling for every value that is ever hashed (RFC 8785, JSON Canonicalization Scheme) and the hash itself.
// Two equal values always give the same bytes on every machine. Never guesses: what JSON cannot say exactly (NaN, undefined,
// functions, dates, class instances, lone surrogates) is refused with its path instead of being dropped.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** Writes a value as canonical JSON: keys in code unit order, ECMAScript numbers, no white space. */
export const canonicalJson = (value: unknown): string => write(value, "$");

/** Gives the SHA-256 of bytes, or of a string's UTF-8 bytes, as 64 lower-case hex digits. */
export const sha256Hex = (content: Uint8Array | string): string =>
  bytesToHex(sha256(typeof content === "string" ? utf8ToBytes(content) : content));

const write = (value: unknown, path: string): string => {
  switch (typeof value) {
    case "string":
      return writeString(value, path);
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${path}: ${String(value)} has no canonical form`);
      return JSON.stringify(value); // -0 is written 0, as RFC 8785 says
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? writeArray(value, path) : writeObject(value, path);
    default:
      throw new TypeError(`${path}: ${typeof value} has no canonical form`);
  }
};

const LONE_SURROGATE = /\p{Surrogate}/u;

const writeString = (text: string, path: string): string => {
  if (LONE_SURROGATE.test(text)) throw new TypeError(`${path}: a lone surrogate has no canonical form`);
  return JSON.stringify(text);
};

const writeArray = (items: readonly unknown[], path: string): string => {
  // Array.from visits holes, which map() would skip and so hide.
  const written = Array.from(items, (item, index) => write(item, `${path}[${index}]`));
  return `[${written.join(",")}]`;
};

const writeObject = (object: object, path: string): string => {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`${path}: only plain objects have a canonical form`);
  const written = Object.entries(object)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${writeString(key, path)}:${write(item, `${path}.${key}`)}`);
  return `{${written.join(",")}}`;
};
