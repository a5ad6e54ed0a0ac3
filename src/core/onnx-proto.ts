// Core: protocol buffers, as much as ONNX needs: a writer whose bytes depend on nothing but its input, and a reader that
// checks every length before it believes it. Knows the wire format, not a single ONNX message.

/** A field: its number, and a varint, float, text, bytes (also a finished message) or packed list. */
export type Field = readonly [number: number, value: Value];
type Value =
  | bigint
  | number
  | string
  | Uint8Array
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] };

/** Writes a message of these fields, in this order. Integers must be safe and not negative. */
export const message = (fields: readonly Field[]): Uint8Array =>
  join(fields.flatMap(([number, value]) => write(number, value)));

/** What a reader finds: a varint or fixed number, or the range of bytes of a nested message, text or list. */
export type Found =
  | { readonly number: number; readonly wire: "varint"; readonly value: bigint }
  | { readonly number: number; readonly wire: "fixed"; readonly bytes: Uint8Array }
  | { readonly number: number; readonly wire: "bytes"; readonly bytes: Uint8Array };

/** Thrown on bytes that are no message; the reader of a file turns it into a refusal. */
export class MalformedProto extends Error {
  override readonly name = "MalformedProto";
}

/** Reads the fields of a message one by one; throws MalformedProto on bytes that are none. */
export function* fieldsOf(bytes: Uint8Array): Generator<Found> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new MalformedProto("a number runs past the end");
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    throw new MalformedProto("a number of more than ten bytes");
  };
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw new MalformedProto("a field runs past the end");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    if (number === 0 || number > 0x1fffffff) throw new MalformedProto(`field number ${number}`);
    const wire = Number(tag & 7n);
    if (wire === 0) yield { number, wire: "varint", value: varint() };
    else if (wire === 1) yield { number, wire: "fixed", bytes: take(8) };
    else if (wire === 2) yield { number, wire: "bytes", bytes: take(Number(varint())) };
    else if (wire === 5) yield { number, wire: "fixed", bytes: take(4) };
    else throw new MalformedProto(`wire type ${wire}`);
  }
}

/** The fields of a message by number. */
export const fieldsByNumber = (bytes: Uint8Array): Map<number, Found[]> => {
  const fields = new Map<number, Found[]>();
  for (const found of fieldsOf(bytes)) {
    const list = fields.get(found.number);
    if (list === undefined) fields.set(found.number, [found]);
    else list.push(found);
  }
  return fields;
};

/** A field's bytes; none where the field is absent or a number. */
export const bytesOf = (found: Found | undefined): Uint8Array =>
  found?.wire === "bytes" ? found.bytes : new Uint8Array(0);
/** A field's text, empty where it is absent. */
export const textOf = (found: Found | undefined): string => new TextDecoder().decode(bytesOf(found));
/** A field's signed whole number, 0 where it is absent. */
export const numberOf = (found: Found | undefined): number =>
  found?.wire === "varint" ? Number(BigInt.asIntN(64, found.value)) : 0;

/** Reads a list of integers that may be packed or not. */
export const integersOf = (found: Found): bigint[] => {
  if (found.wire === "varint") return [BigInt.asIntN(64, found.value)];
  const list: bigint[] = [];
  // A packed list is varints end to end: prefixed by a tag each, it would be a message; so read it as such, one at a time.
  let value = 0n;
  let shift = 0n;
  for (const byte of found.bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte < 128) {
      list.push(BigInt.asIntN(64, value));
      [value, shift] = [0n, 0n];
    } else if (shift >= 70n) throw new MalformedProto("a number of more than ten bytes");
  }
  if (shift !== 0n) throw new MalformedProto("a number runs past the end");
  return list;
};

/** Float32 values as the little-endian bytes of a tensor's raw content. */
export const floatBytes = (values: ArrayLike<number>): Uint8Array => {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < values.length; i++) view.setFloat32(4 * i, values[i] ?? NaN, true);
  return bytes;
};

/** 64-bit integers as the little-endian bytes of a tensor's raw content. */
export const integerBytes = (values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setBigInt64(8 * i, BigInt(value), true));
  return bytes;
};

const write = (number: number, value: Value): Uint8Array[] => {
  if (typeof value === "bigint" || typeof value === "number") return [varints([number << 3, Number(value)])];
  if (typeof value === "string") return delimited(number, new TextEncoder().encode(value));
  if (value instanceof Uint8Array) return delimited(number, value);
  if ("float" in value) return [varints([(number << 3) | 5]), floatBytes([value.float])];
  return delimited(number, "floats" in value ? floatBytes(value.floats) : varints(value.ints));
};

const delimited = (number: number, content: Uint8Array): Uint8Array[] => [
  varints([(number << 3) | 2, content.length]),
  content,
];

const varints = (values: readonly number[]): Uint8Array => {
  const bytes: number[] = [];
  for (let value of values) {
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
};

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
};
