// Plumbing: rows as `data freeze` packs them taken apart into columns, for a comparison that needs each column sorted or counted and
// no row again. Numbers go block by block to a file that has no name and ends with the process; names are counted. Memory is a block,
// one column and the distinct names, whatever the rows.
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { ascending } from "../core/ascending.ts";
import type { ComparedColumn } from "../core/compare-columns.ts";
import { Fault } from "../core/fault.ts";
import type { FrozenColumn } from "./dataset-rows.ts";
import { createWordTable, type WordTable } from "./word-table.ts";

const BLOCK_BYTES = 8 * 1024 * 1024;
const BLOCK_ROWS_MIN = 256;

/** What is done with a cell. The row number leads every row and is passed over. */
type Taker = {
  readonly take: "number" | "name" | "pass 1" | "pass 8" | "pass text";
  readonly nullable: boolean;
  /** Place of a column of numbers within a block. */
  readonly place: number;
  readonly words: WordTable;
  /** Rows of each word. */
  counts: Float64Array;
  missing: number;
};

/** Creates blocks of the features among `columns`; `path` is a file that is made and at once unlinked. */
export const createColumnBlocks = (
  path: string,
  columns: readonly FrozenColumn[],
  blockBytes = BLOCK_BYTES,
) => {
  const takers = columns.map((column, at): Taker => {
    const place = columns.slice(0, at).filter(isNumbers).length;
    return {
      ...{ take: takeOf(column), nullable: column.nullable, place },
      ...{ words: createWordTable(), counts: new Float64Array(256), missing: 0 },
    };
  });
  const width = Math.max(1, columns.filter(isNumbers).length);
  const blockRows = Math.max(BLOCK_ROWS_MIN, Math.floor(blockBytes / (8 * width)));
  const block = new Float64Array(blockRows * width);
  const file = openSync(path, "wx+");
  unlinkSync(path);
  let written = 0;
  let rows = 0;

  const writeBlock = (): void => {
    const bytes = Buffer.from(block.buffer);
    const from = written * bytes.length;
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, from + at);
    written++;
    rows = 0;
  };

  const takeRow = (bytes: Buffer, view: DataView, from: number): number => {
    let at = from + 8;
    for (let column = 0; column < takers.length; column++) {
      const taker = takers[column];
      if (taker === undefined) continue;
      if (taker.nullable && bytes[at++] !== 0) {
        taker.missing++;
        if (taker.take === "number") block[taker.place * blockRows + rows] = NaN;
        continue;
      }
      switch (taker.take) {
        case "number":
          block[taker.place * blockRows + rows] = view.getFloat64(at, true);
          at += 8;
          break;
        case "pass 8":
          at += 8;
          break;
        case "pass 1":
          at += 1;
          break;
        case "name":
        case "pass text": {
          let length = 0;
          for (let scale = 1; ; scale *= 128) {
            const byte = bytes[at++] ?? 0;
            length += (byte & 0x7f) * scale;
            if (byte < 0x80) break;
          }
          if (taker.take === "name") countWord(taker, taker.words.add(bytes, at, at + length));
          at += length;
        }
      }
    }
    return at;
  };

  const readNumbers = ({ place, missing }: Taker): ComparedColumn => {
    const values = new Float64Array(written * blockRows + rows);
    const bytes = new Uint8Array(values.buffer);
    const part = blockRows * 8;
    for (let number = 0; number < written; number++) {
      const from = (number * width + place) * part;
      for (let at = 0, read; at < part; at += read) {
        read = readSync(file, bytes, number * part + at, part - at, from + at);
        if (read === 0) throw new Fault("transient", "a block of columns broke off");
      }
    }
    values.set(block.subarray(place * blockRows, place * blockRows + rows), written * blockRows);
    const present = missing === 0 ? values : values.filter((value) => !Number.isNaN(value));
    return { kind: "numbers", sorted: ascending(present), missing };
  };

  return {
    /** Takes whole packed rows. */
    add: (packed: Buffer): void => {
      const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
      for (let at = 0; at < packed.length;) {
        at = takeRow(packed, view, at);
        if (++rows === blockRows) writeBlock();
      }
    },
    /** The column at a place of `columns`, sorted or counted. */
    column: (at: number): ComparedColumn => {
      const taker = takers[at];
      if (taker?.take === "number") return readNumbers(taker);
      if (taker?.take !== "name") throw new RangeError(`column ${at} is no feature`);
      const { words, counts, missing } = taker;
      const named = Array.from({ length: words.size }, (_, w): [string, number] => [
        words.text(w),
        counts[w] ?? 0,
      ]);
      return { kind: "names", counts: new Map(named), missing };
    },
    close: (): void => closeSync(file),
  };
};

const isNumbers = ({ role, type }: FrozenColumn): boolean => role === "feature" && type === "Float64";

const takeOf = ({ role, type }: FrozenColumn): Taker["take"] => {
  switch (type) {
    case "Float64":
      return role === "feature" ? "number" : "pass 8";
    case "String":
      return role === "feature" ? "name" : "pass text";
    case "UInt8":
      return "pass 1";
    case "DateTime64(6, 'UTC')":
      return "pass 8";
  }
};

const countWord = (taker: Taker, word: number): void => {
  if (word === taker.counts.length) {
    const larger = new Float64Array(word * 2);
    larger.set(taker.counts);
    taker.counts = larger;
  }
  taker.counts[word] = (taker.counts[word] ?? 0) + 1;
};
