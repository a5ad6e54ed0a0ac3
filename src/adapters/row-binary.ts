// Plumbing: ClickHouse's RowBinary format, both ways, little-endian as the engine has it. Writes into one growing buffer and
// reads rows as offsets, so that a stream of rows costs no objects. Never holds more than a chunk and a row.

export type RowBinary = ReturnType<typeof createRowBinary>;

const BYTES_START = 1 << 21;

/** A view's own accessors are compiled in place; a buffer's are functions that check and copy byte by byte. */
const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Creates a growing buffer that cells are appended to. */
export const createRowBinary = () => {
  let bytes = Buffer.allocUnsafe(BYTES_START);
  let view = viewOf(bytes);
  let at = 0;
  const room = (needed: number): void => {
    if (at + needed <= bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(bytes.length * 2, at + needed));
    bytes.copy(larger, 0, 0, at);
    bytes = larger;
    view = viewOf(bytes);
  };
  const putByte = (value: number): void => {
    room(1);
    bytes[at++] = value;
  };
  const putLength = (length: number): void => {
    let left = length;
    for (; left >= 0x80; left = left >>> 7) bytes[at++] = (left & 0x7f) | 0x80;
    bytes[at++] = left;
  };
  return {
    putByte,
    /** The flag of a NULL in a Nullable column; a value there is preceded by `putByte(0)`. */
    putNull: (): void => putByte(1),
    /** Any 64-bit integer that a double holds exactly. */
    putInt64: (value: number): void => {
      room(8);
      const high = Math.floor(value / 0x1_0000_0000);
      view.setUint32(at, value - high * 0x1_0000_0000, true);
      view.setInt32(at + 4, high, true);
      at += 8;
    },
    putFloat64: (value: number): void => {
      room(8);
      view.setFloat64(at, value, true);
      at += 8;
    },
    putText: (value: string): void => {
      const length = Buffer.byteLength(value, "utf8");
      room(length + 5);
      putLength(length);
      at += bytes.write(value, at, "utf8");
    },
    /** Text that is UTF-8 already. */
    putBytes: (text: Uint8Array, start: number, end: number): void => {
      room(end - start + 5);
      putLength(end - start);
      for (let from = start; from < end; from++) bytes[at++] = text[from] ?? 0;
    },
    size: (): number => at,
    /** Lends what was written until `use` returns, and starts empty in the same buffer: whoever needs it longer copies it. */
    empty: <T>(use: (packed: Buffer) => T): T => {
      const packed = bytes.subarray(0, at);
      at = 0;
      return use(packed);
    },
  };
};

/** A row of Nullable columns: cell i is `bytes[starts[i] … ends[i])`; a NULL starts at −1. */
export type BinaryRow = { bytes: Buffer; starts: Int32Array; ends: Int32Array };

/**
 * Creates a push reader of rows whose columns are all Nullable and either eight bytes wide or text.
 * `end` says whether the stream stopped between two rows.
 */
export const createRowBinaryReader = (
  columns: readonly ("eight" | "text")[],
  onRow: (row: BinaryRow) => void,
) => {
  const row: BinaryRow = {
    bytes: Buffer.alloc(0),
    starts: new Int32Array(columns.length),
    ends: new Int32Array(columns.length),
  };
  let rest: Buffer = Buffer.alloc(0);

  /** Finds the cells of the row at `from`; gives the offset after it, or −1 while it is cut. */
  const scan = (bytes: Buffer, from: number): number => {
    let at = from;
    for (let column = 0; column < columns.length; column++) {
      const flag = bytes[at++];
      if (flag === undefined) return -1;
      if (flag !== 0) {
        row.starts[column] = -1;
        continue;
      }
      let length = 8;
      if (columns[column] === "text") {
        length = 0;
        for (let shift = 0; ; shift += 7) {
          const byte = bytes[at++];
          if (byte === undefined) return -1;
          length += (byte & 0x7f) * 2 ** shift;
          if (byte < 0x80) break;
        }
      }
      if (at + length > bytes.length) return -1;
      row.starts[column] = at;
      at += length;
      row.ends[column] = at;
    }
    return at;
  };

  return {
    push: (chunk: Buffer): void => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      row.bytes = bytes;
      let at = 0;
      for (let next = scan(bytes, 0); next >= 0 && at < bytes.length; next = scan(bytes, at)) {
        onRow(row);
        at = next;
      }
      rest = bytes.subarray(at);
    },
    end: (): boolean => rest.length === 0,
  };
};
