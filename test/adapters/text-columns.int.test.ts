// A comparison reads text files by itself, in threads, and never freezes them: it must take and refuse what freezing does, down to the
// digest. The real command compares CSV with what was frozen of it (needs `npm run build`).
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startClickhouse, type ClickhouseChild } from "../../src/adapters/clickhouse-child.ts";
import { frozenColumns } from "../../src/adapters/dataset-columns.ts";
import { createDatasets } from "../../src/adapters/dataset-store.ts";
import { readTextColumns } from "../../src/adapters/text-columns.ts";
import type { ComparedColumn } from "../../src/core/compare-columns.ts";
import { parseContract } from "../../src/core/contract.ts";
import { seeded } from "../../src/core/training/seeded.ts";
import { freeze, type Frozen } from "../../src/stages/freeze.ts";
import { SHOP_CONTRACT } from "../support/shop.ts";

const folder = mkdtempSync(join(tmpdir(), "flyball-text-"));
const home = join(folder, "home");
let engine: ClickhouseChild;
beforeAll(async () => {
  engine = await startClickhouse({ path: join(folder, "engine"), allowFiles: true });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const parsed = parseContract(SHOP_CONTRACT, "shop.yaml");
if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
const { contract, digest } = parsed;

const write = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const freezeHere = (path: string, as: string | null = null): Promise<Frozen> =>
  freeze(createDatasets({ home, engineUrl: engine.url }), {
    ...{ contract, contractDigest: digest, source: { kind: "file", path }, as, labels: "optional" },
  });

/** Cells that one reader or another might take for something else, and as many that are fine. */
const NASTY = {
  spend: [
    "1e5",
    "+1",
    "1.",
    ".5",
    "0x1",
    " 1",
    "1 ",
    "-0",
    "NaN",
    "inf",
    "Infinity",
    "1_000",
    "١",
    "1,5",
    '"7"',
    '"a""b"',
    "",
    "NA",
    "1000.0000001",
  ],
  visits: [
    "1.0",
    "1e1",
    "007",
    "1.5",
    "-1",
    "NA",
    "",
    "123456789012345678901234567890",
    "0.000000000000000000000000000001",
  ],
  day: ["1", "2.0", "3e0", "03", "4", "", "NaN", "0.30000000000000004"],
  town: [
    "Ulm",
    '"Bad, Town"',
    '"say ""hi"""',
    " Ulm",
    "ulm",
    "",
    "NA",
    "\u00e9",
    "e\u0301",
    "\ufffd",
    "١",
    '"two\nlines"',
  ],
} as const;
const FINE = {
  spend: [
    "0",
    "-0",
    "+1",
    "1.",
    ".5",
    "12.5",
    "999.9999999999999",
    "1e2",
    "123.456789012345678",
    "0.1",
    "1E-7",
  ],
  visits: ["0", "1.0", "007", "NA", "", "98"],
  day: ["1", "2.0", "3e0", "03"],
  town: [
    "Ulm",
    '"Bad, Town"',
    '"say ""hi"""',
    " Ulm",
    "NA",
    "",
    "\u00e9",
    "e\u0301",
    "\ufffd",
    '"two\nlines"',
  ],
} as const;

test("a comparison reads a text file as freezing does: the same rows, the same refusals, the same columns", async () => {
  const next = seeded(11);
  const pick = <T>(from: readonly T[]): T => {
    const one = from[Math.floor(next() * from.length)];
    if (one === undefined) throw new RangeError("nothing to pick from");
    return one;
  };
  /** The engine leaves −0 and 0 in any order, for they are equal. */
  const plain = (column: ComparedColumn | null): ComparedColumn | null =>
    column?.kind === "numbers" ? { ...column, sorted: column.sorted.map((value) => value + 0) } : column;
  const fates = { kept: 0, refused: 0 };
  for (let round = 0; round < 24; round++) {
    const nasty = round % 3 === 0 ? 0.05 : 0;
    const cell = (name: keyof typeof FINE): string => pick<string>(next() < nasty ? NASTY[name] : FINE[name]);
    const rows = Array.from({ length: 1 + Math.floor(next() * 60) }, (_, row) => {
      const time = pick(["2001-01-02", "2001-01-01 12:00", "2001-01-03T00:00:00.000001Z"]);
      const cells = [`r${row}`, time, cell("town"), cell("spend"), cell("visits"), cell("day")];
      return [...cells, pick(["yes", "no", "NA"]), "x", ...(next() < nasty / 4 ? ["more"] : [])].join(",");
    });
    const lines = ["id,at,town,spend,visits,day,churned,secret", ...rows];
    const end = pick(["\n", "\r\n"]);
    const text = (round % 2 === 0 ? "\ufeff" : "") + lines.join(end) + (next() < 0.5 ? end : "");
    const path = write(`nasty-${round}.csv`, text);
    const frozen = await freezeHere(path);
    const scratch = join(folder, `scratch-${round}`);
    const read = await readTextColumns({
      path,
      scratch,
      contract: contract,
      contractDigest: digest,
    });
    expect(existsSync(scratch)).toBe(false);
    if (!frozen.ok || !read.ok) {
      expect(read.ok ? null : read.findings).toEqual(frozen.ok ? null : frozen.findings);
      fates.refused++;
    } else {
      const { digest: name, rows: many, labelled, positives, from, to } = frozen.manifest;
      expect(read.counted).toEqual({ digest: name, rows: many, labelled, positives, from, to });
      const at = { home, reference: name, name: path };
      const lent = await frozenColumns(at, contract, digest, engine.url);
      for (const feature of Object.keys(contract.features))
        expect(plain(read.column(feature)), feature).toEqual(plain(await lent.column(feature)));
      fates.kept++;
    }
    read.close();
  }
  expect(Math.min(fates.kept, fates.refused)).toBeGreaterThan(3);
});

/** The command as a person runs it: exit code, and what it says. */
const flyball = async (...words: string[]): Promise<{ code: number; out: string; said: string }> => {
  const env = { ...process.env, FLYBALL_HOME: home };
  const cli = resolve("dist/src/cli.js");
  return promisify(execFile)(process.execPath, [cli, ...words], { env, cwd: folder }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, said: stderr }),
    (failed: { code: number; stdout: string; stderr: string }) => ({
      ...{ code: failed.code, out: failed.stdout, said: failed.stderr },
    }),
  );
};
const HEADER = "id,at,town,spend,visits,day,churned,secret";
const rowsOf = (seed: number, spend: number): string => {
  const next = seeded(seed);
  const rows = Array.from({ length: 600 }, (_, row) => {
    const cells = [
      Math.round(1e4 * (spend + 100 * next())) / 1e4,
      Math.floor(9 * next()),
      1 + Math.floor(3 * next()),
    ];
    return `r${row},2001-01-0${1 + (row % 7)},${next() < 0.5 ? "Ulm" : "Köln"},${cells.join(",")},${next() < 0.3 ? "yes" : "no"},x`;
  });
  return `${[HEADER, ...rows].join("\n")}\n`;
};

test("`drift compare` says the same of two CSV files, of the same zipped, and of what was frozen of them", async () => {
  write("shop.yaml", SHOP_CONTRACT);
  const [before, after] = [rowsOf(1, 10), rowsOf(2, 60)];
  const [a, b] = [write("before.csv", before), write("after.csv", after)];
  const [az, bz] = [write("before.csv.gz", gzipSync(before)), write("after.csv.gz", gzipSync(after))];
  for (const [path, name] of [
    [a, "before"],
    [b, "after"],
  ] as const)
    expect((await freezeHere(path, name)).ok).toBe(true);
  const compared = async (reference: string, current: string) => {
    const html = join(folder, "report.html");
    const sides = ["--reference", reference, "--current", current];
    const { code, out, said } = await flyball(
      "drift",
      "compare",
      "--contract",
      "shop.yaml",
      ...sides,
      "--json",
      "--html",
      html,
    );
    expect(said).toBe("");
    expect(code).toBe(0);
    const page = readFileSync(html, "utf8");
    expect(page).not.toMatch(/<script|<link|https?:|url\(|@import|<img/i);
    const { at: _at, reference: r, current: c, ...told } = JSON.parse(out);
    return { ...told, sides: [r, c].map(({ name: _name, ...side }) => side) };
  };
  const frozen = await compared("before", "after");
  expect(frozen.num_drifted_features).toBe(1);
  expect(frozen.features[0]).toMatchObject({ feature: "spend", drift_detected: true });
  expect(await compared(a, b)).toEqual(frozen);
  expect(await compared(az, bz)).toEqual(frozen);
  expect(await compared(a, "after")).toEqual(frozen);
  const same = await compared(a, a);
  expect([same.drift_share, same.max_score]).toEqual([0, 0]);
  expect(readdirSync(join(home, "tmp"))).toEqual([]);
});

test("`drift compare` names what is wrong with the first of its files that is refused, by row and never by value", async () => {
  write("shop.yaml", SHOP_CONTRACT);
  const good = write("good.csv", rowsOf(1, 10));
  const bad = write(
    "bad.csv",
    `${HEADER}\na,2001-01-01,Ulm,canary-4711,1,1,yes,x\nb,2001-01-01,Ulm,1,1,9,yes,x\n`,
  );
  const compared = (reference: string, current: string) =>
    flyball("drift", "compare", "--contract", "shop.yaml", "--reference", reference, "--current", current);
  for (const [reference, current] of [
    [good, bad],
    [bad, good],
    [bad, bad],
    [bad, join(folder, "nowhere.csv")],
  ] as const) {
    const { code, out, said } = await compared(reference, current);
    expect(code).toBe(1);
    expect(out).toBe("");
    expect(said).toContain("bad.csv: 2 violations");
    expect(said).toContain("spend: type ×1: expected a number from 0 to 1000; row 1 (text)");
    expect(said).toContain("day: range ×1: expected one of the numbers 1, 2, 3; row 2 (number)");
    expect(said).not.toContain("4711");
  }
  const cut = write("cut.csv.gz", gzipSync(rowsOf(1, 10)).subarray(0, 300));
  const broken = await compared(good, cut);
  expect(broken.code).toBe(1);
  expect(broken.said).toMatch(/cut\.csv\.gz cannot be read: unexpected end of file/);
  expect(readdirSync(join(home, "tmp"))).toEqual([]);
});
