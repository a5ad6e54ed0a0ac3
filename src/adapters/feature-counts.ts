// Adapter: the answer of `snapshots-each` in RowBinary as counts by code. A day of windows holds thousands of histograms, so that
// they are read from the bytes into shared blocks, without an object for a bin. What cannot be counts is NaN, never 0.
import type { Bucketed, FeatureCounts } from "../../contracts/counts.ts";
import { CODES, rowsCounted } from "../core/histogram.ts";
import { RoleRow } from "./rows.ts";

/** Histograms a block: few enough that a window that is kept does not keep a day. */
const BLOCK = 256;

/** The histograms of every window, in the engine's order. Throws where the bytes end within a row. */
export const featureCounts = (bytes: Buffer): Bucketed<FeatureCounts>[] => {
  const cells = createCells(bytes);
  const rows: Bucketed<FeatureCounts>[] = [];
  let block = new Float64Array(0);
  const roleOf = remembered((text) => RoleRow.parse(text));
  while (cells.hasMore()) {
    const windowStartMs = cells.int64();
    const version = cells.text();
    const role = roleOf(cells.text());
    const encoding = cells.text();
    const position = cells.uint16();
    const place = (rows.length % BLOCK) * CODES;
    if (place === 0) block = new Float64Array(BLOCK * CODES);
    const counts = block.subarray(place, place + CODES);
    const counted = cells.histogram(counts);
    rows.push({ windowStartMs, version, role, encoding, position, counts, rows: counted });
  }
  return rows;
};

/** A word is read once and then known: thousands of rows say the same. */
const remembered = <T>(read: (text: string) => T): ((text: string) => T) => {
  const known = new Map<string, T>();
  return (text) => {
    const before = known.get(text) ?? read(text);
    known.set(text, before);
    return before;
  };
};

/** How codes were sent: one a count, the first of consecutive ones, or not one a count so that nothing can be said. */
const [LISTED, CONSECUTIVE] = [0, 1];

/** Reads one cell after the other. */
const createCells = (bytes: Buffer) => {
  let at = 0;
  /** Passes over so many bytes; answers where they begin. */
  const pass = (size: number): number => {
    const from = at;
    at += size;
    if (at > bytes.length) throw new RangeError("the answer ends within a row");
    return from;
  };
  const length = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[pass(1)] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  /** Gives the rows that were counted; null where these are no counts. */
  const histogram = (into: Float64Array): number | null => {
    const shape = bytes[pass(1)];
    const codes = length();
    const codesAt = pass(codes);
    pass(8); // the largest count, which the engine chose the widths by
    const size = length();
    const low = pass(size);
    const middles = length();
    const middle = pass(middles);
    const highs = length();
    const high = pass(highs * 8);
    if (shape !== LISTED && shape !== CONSECUTIVE) {
      into.fill(NaN);
      return null;
    }
    const first = bytes[codesAt] ?? 0;
    // Most of a day of windows: neighbouring codes, counts of one byte or two. Nothing else is asked of each bin.
    if (shape === CONSECUTIVE && highs === 0 && (middles === 0 || middles === size)) {
      let rows = 0;
      for (let i = 0; i < size; i++) {
        const count = (bytes[low + i] ?? NaN) + (middles === 0 ? 0 : (bytes[middle + i] ?? NaN) * 256);
        into[first + i] = count;
        rows += count;
      }
      return rows;
    }
    for (let i = 0; i < size; i++) {
      const code = shape === CONSECUTIVE ? first + i : (bytes[codesAt + i] ?? 0);
      let count = bytes[low + i] ?? NaN;
      if (middles > 0) count += (bytes[middle + i] ?? NaN) * 256;
      if (highs > 0) count += Number(bytes.readBigUInt64LE(high + i * 8)) * 65_536;
      into[code] = (into[code] ?? NaN) + count;
    }
    return rowsCounted(into);
  };
  return {
    hasMore: (): boolean => at < bytes.length,
    int64: (): number => Number(bytes.readBigInt64LE(pass(8))),
    uint16: (): number => bytes.readUInt16LE(pass(2)),
    text: (): string => {
      const size = length();
      const from = pass(size);
      return bytes.toString("utf8", from, at);
    },
    histogram,
  };
};
