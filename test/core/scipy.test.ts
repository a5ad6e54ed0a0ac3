// The binned statistics against SciPy on real tables (test/golden/scipy.json, made by scipy-oracle.py beside it): equal on the same
// counts, within the stated bound of the raw values; and, where the tables lie beside the checkout, the same bins and counts.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readTable, tablesFolder } from "../../bench/tables.ts";
import type { FeatureEncoding } from "../../contracts/encoding.ts";
import { FeatureContract } from "../../contracts/feature-contract.ts";
import {
  chi2Contingency,
  ksBinningBound,
  apartAlong,
  psi10,
  shareDistance,
} from "../../src/core/divergence.ts";
import { encodeFrozen, freezeEncoding, type Column } from "../../src/core/encode.ts";
import { emptyCounts, fromSparse, toSparse } from "../../src/core/histogram.ts";

const number = z.number();
const pairs = z.array(z.tuple([number, number]));
const binned = {
  chi2_contingency: number,
  chi2_p: number,
  psi_10: number,
  js_distance_base2: number,
  js_distance_natural: number,
  hellinger: number,
  tvd: number,
  l_infinity: number,
};
const common = { table: z.string(), column: z.string(), reference: pairs, current: pairs };
const Golden = z.object({
  columns: z.array(
    z.discriminatedUnion("kind", [
      z.object({
        ...common,
        kind: z.literal("continuous"),
        low: number,
        edges: z.array(number),
        means: z.array(number),
        mean: number,
        sd: number,
        exact: z.object({ ks_d: number, w1_over_refstd: number }),
        bound: z.object({ w1_over_refstd: number }),
        binned: z.object({ ...binned, ks_d: number, ks_p: number }),
      }),
      z.object({
        ...common,
        kind: z.literal("nominal"),
        values: z.array(z.string()),
        binned: z.object(binned),
      }),
    ]),
  ),
});
type GoldenColumn = z.infer<typeof Golden>["columns"][number];

const golden = Golden.parse(
  JSON.parse(readFileSync(new URL("../golden/scipy.json", import.meta.url), "utf8")),
).columns;

const encodingOf = (column: GoldenColumn): FeatureEncoding => {
  if (column.kind === "nominal") return { feature: column.column, kind: "nominal", values: column.values };
  const { low, edges, means, mean, sd } = column;
  return {
    feature: column.column,
    kind: "continuous",
    low,
    high: edges.at(-1) ?? low,
    edges,
    means,
    mean,
    sd,
  };
};

it("covers five tables and more", () => {
  expect(new Set(golden.map(({ table }) => table)).size).toBeGreaterThanOrEqual(5);
});

describe.each(golden)("$table, $column", (column) => {
  const encoding = encodingOf(column);
  const reference = fromSparse(column.reference);
  const current = fromSparse(column.current);

  it("equals SciPy on the same counts", () => {
    const chi2 = chi2Contingency(reference, current);
    expect(chi2.value).toBeCloseTo(column.binned.chi2_contingency, 6);
    expect(chi2.p).toBeCloseTo(column.binned.chi2_p, 9);
    expect(psi10(encoding, reference, current).value).toBeCloseTo(column.binned.psi_10, 10);
    for (const kind of [
      "js_distance_base2",
      "js_distance_natural",
      "hellinger",
      "tvd",
      "l_infinity",
    ] as const)
      expect(shareDistance(kind, reference, current).value).toBeCloseTo(column.binned[kind], 10);
  });

  if (column.kind === "continuous" && encoding.kind === "continuous")
    it("stays within its bound of the raw values", () => {
      const ks = apartAlong(encoding, reference, current).ks;
      expect(ks.value).toBeCloseTo(column.binned.ks_d, 12);
      expect(ks.p).toBeCloseTo(column.binned.ks_p, 9);
      const short = column.exact.ks_d - (ks.value ?? NaN);
      expect(short).toBeGreaterThanOrEqual(-1e-12);
      expect(short).toBeLessThanOrEqual(ksBinningBound(reference, current) + 1e-12);
      const w1 = apartAlong(encoding, reference, current).w1;
      const away = Math.abs((w1.value ?? NaN) - column.exact.w1_over_refstd);
      // Overflow stands at its near end: then the value is a lower bound and says so.
      if (w1.atLeast)
        expect(w1.value).toBeLessThanOrEqual(column.exact.w1_over_refstd + column.bound.w1_over_refstd);
      else expect(away).toBeLessThanOrEqual(column.bound.w1_over_refstd + 1e-6);
    });
});

const present = existsSync(tablesFolder());
if (!present) process.stderr.write(`SKIPPED: no tables at ${tablesFolder()}; bins are not compared\n`);

describe.skipIf(!present)("from the shared tables: the same bins and counts, worked out twice", () => {
  it.each([...new Set(golden.map(({ table }) => table))])("%s", (name) => {
    const wanted = golden.filter(({ table }) => table === name);
    const table = readTable(name);
    const half = Math.floor(table.rows / 2);
    const contract = FeatureContract.parse({
      ...table.contract,
      missing: "allow",
      segments: [],
      features: Object.fromEntries(
        wanted.map(({ column, kind }) => [
          column,
          kind === "nominal" ? { kind, values: "frozen", unseen: "other" } : { kind, min: -1e9, max: 1e9 },
        ]),
      ),
    });
    const first = Object.fromEntries(
      Object.entries(table.columns).map(([column, cells]) => [column, firstRows(cells, half)]),
    );
    const encoding = freezeEncoding({ contract, contractDigest: "test", dataset: name, columns: first });
    const { codes } = encodeFrozen(table, encoding);
    wanted.forEach((column, at) => {
      const mine = encoding.features[at];
      if (mine?.kind === "continuous" && column.kind === "continuous") {
        expect([mine.low, ...mine.edges]).toEqual([column.low, ...column.edges]);
        mine.means.forEach((mean, bin) => expect(mean).toBeCloseTo(column.means[bin] ?? NaN, 4));
        expect(mine.sd / column.sd).toBeCloseTo(1, 6);
      }
      if (mine?.kind === "nominal" && column.kind === "nominal") expect(mine.values).toEqual(column.values);
      const own = codes[at] ?? new Uint8Array(0);
      expect(toSparse(histogramOf(own.subarray(0, half)))).toEqual(column.reference);
      expect(toSparse(histogramOf(own.subarray(half)))).toEqual(column.current);
    });
  });
});

const firstRows = (cells: Column, rows: number): Column =>
  cells instanceof Float64Array
    ? cells.subarray(0, rows)
    : { dictionary: cells.dictionary, indices: cells.indices.subarray(0, rows) };

const histogramOf = (codes: Uint8Array) => {
  const counts = emptyCounts();
  for (const code of codes) counts[code] = (counts[code] ?? 0) + 1;
  return counts;
};
