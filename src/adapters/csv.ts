// Plumbing: a CSV reader that works on bytes (RFC 4180: quoted cells, doubled quotes, LF or CRLF, one-byte delimiter). Gives
// rows as offsets into its buffer, so nothing is copied that nobody asks for. Never trims, pads, guesses types or skips rows;
// memory is one chunk and one row.

/** A row's cells: cell i is `bytes[starts[i] … ends[i])`, quotes removed. Valid only during the call. */
export type CsvRow = { bytes: Buffer; starts: Int32Array; ends: Int32Array; cells: number };
export type CsvProblem = "quote" | "row_too_long";

const ROW_BYTES_MAX = 16 * 1024 * 1024;
const [QUOTE, LF, CR] = [0x22, 0x0a, 0x0d];
const INCOMPLETE = -1;

/** Creates a push reader: feed it chunks, then `end`. A broken row is reported by its number (from 1) and still counted. */
export const createCsvReader = (options: {
  delimiter: string;
  onRow(row: CsvRow, number: number): void;
  onProblem(problem: CsvProblem, number: number): void;
}) => {
  const delimiter = options.delimiter.charCodeAt(0);
  const row: CsvRow = {
    bytes: Buffer.alloc(0),
    starts: new Int32Array(64),
    ends: new Int32Array(64),
    cells: 0,
  };
  /** Cells of this row that hold doubled quotes; undone only when the row is whole, since a cut row is scanned again. */
  let doubled: number[] = [];
  let broken = false;
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  let started = false;

  const keepCell = (start: number, end: number): void => {
    if (row.cells === row.starts.length) {
      row.starts = grown(row.starts);
      row.ends = grown(row.ends);
    }
    row.starts[row.cells] = start;
    row.ends[row.cells] = end;
    row.cells++;
  };

  /** Scans a quoted cell whose quote is at `at`; gives the offset after its closing quote, or INCOMPLETE. */
  const quotedEnd = (bytes: Buffer, at: number, last: boolean): number => {
    let from = at + 1;
    let hasDoubled = false;
    for (;;) {
      const quote = bytes.indexOf(QUOTE, from);
      if (quote < 0) {
        if (!last) return INCOMPLETE;
        broken = true; // the file ends inside a quote
        return bytes.length;
      }
      if (quote + 1 === bytes.length && !last) return INCOMPLETE;
      if (bytes[quote + 1] === QUOTE) {
        hasDoubled = true;
        from = quote + 2;
        continue;
      }
      if (hasDoubled) doubled.push(row.cells);
      keepCell(at + 1, quote);
      return quote + 1;
    }
  };

  /** Scans one row from `at`; gives the offset of the next, or INCOMPLETE when the row is not all here yet. */
  const scanRow = (bytes: Buffer, at: number, last: boolean): number => {
    row.cells = 0;
    if (doubled.length > 0) doubled = [];
    broken = false;
    const { length } = bytes;
    let position = at;
    for (;;) {
      if (bytes[position] === QUOTE) {
        const after = quotedEnd(bytes, position, last);
        if (after === INCOMPLETE) return INCOMPLETE;
        position = after;
        if (bytes[position] === CR) {
          if (position + 1 === bytes.length && !last) return INCOMPLETE;
          if (bytes[position + 1] === LF) position++;
        }
        if (position < bytes.length && bytes[position] !== delimiter && bytes[position] !== LF) {
          broken = true; // text after the closing quote
          while (position < bytes.length && bytes[position] !== LF) position++;
        }
      } else {
        const start = position;
        let byte = -1;
        for (; position < length; position++) {
          byte = bytes[position] ?? -1;
          if (byte === delimiter || byte === LF) break;
        }
        if (position >= length && !last) return INCOMPLETE;
        const carriage = byte === LF && position > start && bytes[position - 1] === CR;
        keepCell(start, carriage ? position - 1 : position);
      }
      if (position >= length) return last ? length : INCOMPLETE;
      if (bytes[position] === LF) return position + 1;
      position++; // the delimiter
    }
  };

  const giveRow = (bytes: Buffer): void => {
    number++;
    if (broken) return options.onProblem("quote", number);
    for (const cell of doubled) row.ends[cell] = undouble(bytes, row.starts[cell] ?? 0, row.ends[cell] ?? 0);
    row.bytes = bytes;
    options.onRow(row, number);
  };

  const drain = (bytes: Buffer, last: boolean): void => {
    let at = 0;
    while (at < bytes.length) {
      const next = scanRow(bytes, at, last);
      if (next === INCOMPLETE) break;
      giveRow(bytes);
      at = next;
    }
    rest = bytes.subarray(at);
    if (rest.length <= ROW_BYTES_MAX) return;
    options.onProblem("row_too_long", number + 1);
    throw new RangeError(`row ${number + 1} is longer than ${ROW_BYTES_MAX} bytes: is a quote left open?`);
  };

  const withoutMark = (bytes: Buffer): Buffer =>
    bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;

  return {
    push: (chunk: Buffer): void => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      // The UTF-8 mark is about the file, not part of its first cell; it may arrive in pieces.
      if (!started && bytes.length < 3) return void (rest = bytes);
      drain(started ? bytes : withoutMark(bytes), false);
      started = true;
    },
    end: (): void => drain(started ? rest : withoutMark(rest), true),
  };
};

/** Turns doubled quotes into single ones in place and gives the new end. */
const undouble = (bytes: Buffer, start: number, end: number): number => {
  let to = start;
  for (let from = start; from < end; from++) {
    bytes[to++] = bytes[from] ?? 0;
    if (bytes[from] === QUOTE) from++;
  }
  return to;
};

const grown = (array: Int32Array): Int32Array => {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
};
