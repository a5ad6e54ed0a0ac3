// Packed rows taken apart again: every cell comes back in its column, whatever the blocks, the gaps and the number of names.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createColumnBlocks } from "../../src/adapters/column-blocks.ts";
import type { FrozenColumn } from "../../src/adapters/dataset-rows.ts";
import { createWordTable } from "../../src/adapters/word-table.ts";
import { createRowBinary } from "../../src/adapters/row-binary.ts";
import { seeded } from "../../src/core/training/seeded.ts";

const folder = mkdtempSync(join(tmpdir(), "flyball-blocks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COLUMNS: readonly FrozenColumn[] = [
  { name: "x", role: "feature", type: "Float64", nullable: false },
  { name: "town", role: "feature", type: "String", nullable: true },
  { name: "gap", role: "feature", type: "Float64", nullable: true },
  { name: "y", role: "label", type: "UInt8", nullable: true },
  { name: "at", role: "event_time", type: "DateTime64(6, 'UTC')", nullable: false },
  { name: "id", role: "entity", type: "String", nullable: false },
];

/** Blocks of 256 rows, the least there are: rows that end before one, with one and after several. */
test.each([0, 1, 255, 256, 257, 3_000])("%i rows come back by columns", (rows) => {
  const next = seeded(rows);
  const scratch = join(folder, `rows-${rows}`);
  const blocks = createColumnBlocks(scratch, COLUMNS, 1);
  expect(existsSync(scratch)).toBe(false);
  const out = createRowBinary();
  const x: number[] = [];
  const gap: number[] = [];
  const towns = new Map<string, number>();
  for (let row = 1; row <= rows; row++) {
    out.putInt64(row);
    x.push(next() - 0.5);
    out.putFloat64(x.at(-1) ?? NaN);
    const town = next() < 0.5 ? "Köln" : `${"long ".repeat(row % 60)}${row}`;
    if (row % 7 === 0) out.putNull();
    else {
      out.putByte(0);
      out.putText(town);
      towns.set(town, (towns.get(town) ?? 0) + 1);
    }
    if (row % 5 === 0) out.putNull();
    else {
      gap.push(next());
      out.putByte(0);
      out.putFloat64(gap.at(-1) ?? NaN);
    }
    if (row % 3 === 0) out.putNull();
    else {
      out.putByte(0);
      out.putByte(row % 2);
    }
    out.putInt64(row * 1e6);
    out.putText(`id ${row}`);
    if (row % 100 === 0) out.empty(blocks.add);
  }
  out.empty(blocks.add);
  const sorted = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();
  expect(blocks.column(0)).toEqual({ kind: "numbers", sorted: sorted(x), missing: 0 });
  expect(blocks.column(1)).toEqual({ kind: "names", counts: towns, missing: Math.floor(rows / 7) });
  expect(blocks.column(2)).toEqual({ kind: "numbers", sorted: sorted(gap), missing: Math.floor(rows / 5) });
  expect(blocks.column(0)).toEqual({ kind: "numbers", sorted: sorted(x), missing: 0 }); // and once more
  expect(() => blocks.column(3)).toThrow("no feature");
  blocks.close();
});

test("two words of one hash and one length stay two", () => {
  // The known collision of FNV-1a in 32 bits.
  const words = createWordTable();
  const [one, other] = [Buffer.from("declinate"), Buffer.from("macallums")];
  expect(words.add(one, 0, 9)).toBe(0);
  expect(words.find(other, 0, 9)).toBe(-1);
  expect(words.add(other, 0, 9)).toBe(1);
  expect([words.find(one, 0, 9), words.text(0), words.text(1)]).toEqual([0, "declinate", "macallums"]);
});
