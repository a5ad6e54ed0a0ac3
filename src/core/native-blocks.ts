// Core: ClickHouse's Native format as a client of the TCP protocol reads it (clickhouse-go, so Grafana, sends client_protocol_version).
// The embedded engine writes the oldest dialect only: no block header, no serialization mark before a column's data. This puts both
// in, without touching a value. Types whose length it cannot tell are refused by name, never guessed.

/** From this revision on a block begins with its header. */
const WITH_BLOCK_INFO = 1;
/** From this revision on each column says whether it is serialized in a way of its own; ours never is. */
const WITH_SERIALIZATION_MARK = 54_454;

/** Field 1, overflow rows: no; field 2, bucket: −1; end of fields. */
const BLOCK_INFO = Uint8Array.of(1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0);
const ORDINARY = Uint8Array.of(0);

/** A type in a block of which it is not known how many bytes its values take. */
export class UnknownNativeType extends Error {
  override readonly name = "UnknownNativeType";
}

/** The parts that, one after the other, are `bytes` (whole blocks of the oldest dialect) as a client of `revision` reads them. */
export const nativeFor = (bytes: Uint8Array, revision: number): Uint8Array[] => {
  if (revision < WITH_BLOCK_INFO) return [bytes];
  const parts: Uint8Array[] = [];
  const read = new Reader(bytes);
  while (!read.atEnd()) {
    parts.push(BLOCK_INFO);
    let from = read.at;
    const columns = read.length();
    const rows = read.length();
    for (let column = 0; column < columns; column++) {
      read.text();
      const type = typeOf(read.text());
      if (revision >= WITH_SERIALIZATION_MARK) {
        parts.push(bytes.subarray(from, read.at), ORDINARY);
        from = read.at;
      }
      if (rows === 0) continue;
      skipPrefix(read, type);
      skipValues(read, type, rows);
    }
    parts.push(bytes.subarray(from, read.at));
  }
  return parts;
};

/** How a type's values lie in a block. */
type Layout =
  | { readonly is: "fixed"; readonly bytes: number }
  | { readonly is: "text" }
  | { readonly is: "nullable" | "array" | "dictionary"; readonly of: Layout }
  | { readonly is: "tuple"; readonly of: readonly Layout[] };

/** What stands before the values, once a column: the version of each dictionary in it. */
const skipPrefix = (read: Reader, type: Layout): void => {
  if (type.is === "dictionary") read.skip(8);
  else if (type.is === "tuple") for (const part of type.of) skipPrefix(read, part);
  else if (type.is === "nullable" || type.is === "array") skipPrefix(read, type.of);
};

const skipValues = (read: Reader, type: Layout, rows: number): void => {
  switch (type.is) {
    case "fixed":
      return read.skip(type.bytes * rows);
    case "text":
      for (let row = 0; row < rows; row++) read.skip(read.length());
      return;
    case "nullable":
      read.skip(rows);
      return skipValues(read, type.of, rows);
    case "array":
      if (rows === 0) return;
      read.skip(8 * (rows - 1));
      return skipValues(read, type.of, read.count64()); // the last offset is the number of elements
    case "tuple":
      for (const part of type.of) skipValues(read, part, rows);
      return;
    case "dictionary": {
      if (rows === 0) return;
      const width = 2 ** (read.count64() & 0xff); // its higher bits are marks
      skipValues(read, type.of, read.count64());
      return read.skip(width * read.count64());
    }
  }
};

const BYTES: Readonly<Record<string, number>> = {
  ...{ Nothing: 1, Bool: 1, Enum8: 1, Enum16: 2, UUID: 16, IPv4: 4, IPv6: 16 },
  ...{ UInt8: 1, UInt16: 2, UInt32: 4, UInt64: 8, UInt128: 16, UInt256: 32 },
  ...{ Int8: 1, Int16: 2, Int32: 4, Int64: 8, Int128: 16, Int256: 32 },
  ...{ BFloat16: 2, Float32: 4, Float64: 8, Decimal32: 4, Decimal64: 8, Decimal128: 16, Decimal256: 32 },
  ...{ Date: 2, Date32: 4, DateTime: 4, DateTime32: 4, DateTime64: 8, Time: 4, Time64: 8 },
};

const typeOf = (name: string): Layout => {
  const open = name.indexOf("(");
  const word = open < 0 ? name : name.slice(0, open);
  const inner = open < 0 ? [] : argumentsOf(name.slice(open + 1, -1));
  const first = inner[0] ?? "";
  switch (word) {
    case "String":
      return { is: "text" };
    case "FixedString":
      return { is: "fixed", bytes: Number(first) };
    case "Decimal":
      return { is: "fixed", bytes: decimalBytes(Number(first)) };
    case "Nullable":
      return { is: "nullable", of: typeOf(first) };
    case "LowCardinality": // its dictionary keeps NULL as an ordinary key
      return { is: "dictionary", of: typeOf(first.replace(/^Nullable\((.*)\)$/, "$1")) };
    case "Array":
      return { is: "array", of: typeOf(first) };
    case "Map":
      return { is: "array", of: { is: "tuple", of: inner.map(typeOf) } };
    case "Tuple":
      return { is: "tuple", of: inner.map((one) => typeOf(unnamed(one))) };
    case "Nested":
      return { is: "array", of: { is: "tuple", of: inner.map((one) => typeOf(unnamed(one))) } };
    case "SimpleAggregateFunction":
      return typeOf(inner[1] ?? "");
    default: {
      const bytes = BYTES[word] ?? (word.startsWith("Interval") ? 8 : undefined);
      if (bytes === undefined) throw new UnknownNativeType(name);
      return { is: "fixed", bytes };
    }
  }
};

const decimalBytes = (digits: number): number =>
  digits <= 9 ? 4 : digits <= 18 ? 8 : digits <= 38 ? 16 : 32;

/** The type of a tuple's part, which may have a name, quoted where it is no plain word. */
const unnamed = (part: string): string =>
  /^(?:`(?:[^`\\]|\\.)*`|\w+) (?=\w)([\s\S]*)$/.exec(part)?.[1] ?? part;

/** Splits at the commas outside parentheses and quotes. */
const argumentsOf = (text: string): string[] => {
  const found: string[] = [];
  let depth = 0;
  let quote = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? "";
    if (quote !== "") {
      if (char === "\\") at++;
      else if (char === quote) quote = "";
    } else if (char === "'" || char === "`") quote = char;
    else if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (char === "," && depth === 0) {
      found.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [...found, text.slice(from).trim()];
};

/** A place in the bytes; whatever reaches beyond their end was no whole block. */
class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  atEnd(): boolean {
    return this.at >= this.#bytes.length;
  }
  skip(count: number): void {
    this.at += count;
    if (!(this.at <= this.#bytes.length)) throw new RangeError("a block ends in the middle of a value");
  }
  /** A number in seven bits a byte, the lowest first. */
  length(): number {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.#view.getUint8(this.at++);
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
  }
  count64(): number {
    const value = Number(this.#view.getBigUint64(this.at, true));
    this.skip(8);
    return value;
  }
  text(): string {
    const length = this.length();
    this.skip(length);
    return DECODER.decode(this.#bytes.subarray(this.at - length, this.at));
  }
}

const DECODER = new TextDecoder();
