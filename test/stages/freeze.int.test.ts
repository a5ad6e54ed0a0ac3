// Freezing with the real engine in a child process (needs `npm run build` for it): formats agree, nothing half-written, every
// violation named and no value repeated.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startClickhouse, type ClickhouseChild } from "../../src/adapters/clickhouse-child.ts";
import { createDatasets } from "../../src/adapters/dataset-store.ts";
import type { DatasetInput } from "../../src/adapters/dataset-source.ts";
import { LABEL_UNKNOWN, readFrozen } from "../../src/adapters/dataset.ts";
import { parseContract } from "../../src/core/contract.ts";
import { freeze, type Frozen } from "../../src/stages/freeze.ts";
import { SHOP_CONTRACT } from "../support/shop.ts";

const folder = mkdtempSync(join(tmpdir(), "flyball-freeze-"));
let engine: ClickhouseChild;
beforeAll(async () => {
  engine = await startClickhouse({ path: join(folder, "engine"), allowFiles: true });
});
afterAll(async () => {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

const contractOf = (text: string, file = "draft.yaml") => {
  const parsed = parseContract(text, file);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed;
};
const SHOP = contractOf(SHOP_CONTRACT);

let homes = 0;
const newHome = (): string => join(folder, `home-${++homes}`);
const write = (name: string, content: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const run = (
  home: string,
  source: DatasetInput,
  options: { as?: string; labels?: "optional"; contract?: typeof SHOP } = {},
): Promise<Frozen> => {
  const { contract, digest } = options.contract ?? SHOP;
  return freeze(createDatasets({ home, engineUrl: engine.url }), {
    contract,
    contractDigest: digest,
    source,
    as: options.as ?? null,
    labels: options.labels ?? "required",
  });
};
const file = (path: string): DatasetInput => ({ kind: "file", path });
const kept = (frozen: Frozen) => {
  if (!frozen.ok) throw new Error(JSON.stringify(frozen.findings.counts));
  return frozen;
};
const refused = (frozen: Frozen) => {
  if (frozen.ok) throw new Error("expected a refusal");
  return frozen.findings;
};
/** Everything in a home's datasets; a refusal must leave nothing. */
const left = (home: string): string[] => readdirSync(join(home, "datasets"));

const CSV = `id,at,town,spend,visits,day,churned,secret
a,2001-01-02 00:00:00,Ulm,10.5,3,1,yes,x1
b,2001-01-01T12:00:00Z,"Bad, Town",0,NA,2,no,x2
c,2001-01-02 00:00:00,,1000,0,3,no,x3
`;
const JSONL = `{"id":"a","at":"2001-01-02","town":"Ulm","spend":10.5,"visits":3,"day":1,"churned":"yes","secret":"x1"}
{"secret":"x2","churned":"no","day":2,"spend":0,"town":"Bad, Town","at":"2001-01-01 12:00","id":"b"}
{"id":"c","at":"2001-01-02T00:00:00.000","town":null,"spend":1000,"visits":0,"day":3,"churned":"no","secret":null}
`;
const SQL = `SELECT * FROM values('id String, at DateTime, town Nullable(String), spend Float32, visits Nullable(Int8), day UInt8, churned String, secret UInt8',
  ('a', '2001-01-02 00:00:00', 'Ulm', 10.5, 3, 1, 'yes', 1), ('b', '2001-01-01 12:00:00', 'Bad, Town', 0, NULL, 2, 'no', 2),
  ('c', '2001-01-02 00:00:00', NULL, 1000, 0, 3, 'no', 3)) -- the same rows`;

test("CSV, CSV.gz, JSONL, Parquet and sql: with the same rows are one dataset; freezing again is a no-op", async () => {
  const home = newHome();
  const first = kept(await run(home, file(write("shop.csv", CSV)), { as: "shop" }));
  expect(first.existed).toBe(false);
  expect(first.manifest).toMatchObject({
    rows: 3,
    positives: 1,
    labelled: 3,
    from: "2001-01-01T12:00:00Z",
    to: "2001-01-02T00:00:00Z",
    sorted: false,
    dropped: ["secret"],
  });
  const parquet = join(folder, "shop.parquet");
  await fetch(engine.url, {
    method: "POST",
    body: `INSERT INTO FUNCTION file('${parquet}', 'Parquet') ${SQL}`,
  });
  const others: DatasetInput[] = [
    file(write("shop.csv.gz", gzipSync(CSV.replaceAll("\n", "\r\n")))),
    file(write("shop.jsonl", JSONL)),
    file(parquet),
    { kind: "sql", sql: SQL, parameters: {} },
  ];
  const stat = statSync(join(home, "datasets", first.manifest.digest, "data.parquet"));
  for (const source of others) {
    const again = kept(await run(home, source));
    expect(again.manifest).toEqual(first.manifest);
    expect(again.existed).toBe(true);
  }
  expect(statSync(join(home, "datasets", first.manifest.digest, "data.parquet")).mtimeMs).toBe(stat.mtimeMs);
  expect(left(home).sort()).toEqual([first.manifest.digest, "names"].sort());
});

test("an entity whose column has no name is kept and read back", async () => {
  const home = newHome();
  const contract = contractOf(
    "name: shop\nversion: 1.0.0\nlabel: { name: y, positive: 1, negative: 0 }\nevent_time: null\n" +
      'entity: ""\nfeatures:\n  x: { kind: continuous, min: 0, max: 9 }\n',
  );
  kept(await run(home, file(write("rows.csv", ",x,y\nr1,1,0\nr2,2,1\n")), { as: "rows", contract }));
  const frozen = await readFrozen(home, "rows", engine.url);
  expect(frozen.entity).toEqual(["r1", "r2"]);
  expect(frozen.columns["x"]).toEqual(Float64Array.from([1, 2]));
});

test("a frozen dataset reads back by name, prefix and name@digest, sorted stably by event time", async () => {
  const home = newHome();
  const { manifest } = kept(await run(home, file(write("shop.csv", CSV)), { as: "shop" }));
  // What lies on disk is in the file's own order: only readers sort.
  const stored = await fetch(engine.url, {
    method: "POST",
    body: `SELECT id FROM file('${join(home, "datasets", manifest.digest, "data.parquet")}', 'Parquet') FORMAT TSV`,
  });
  expect(await stored.text()).toBe("a\nb\nc\n");
  for (const reference of [
    "shop",
    manifest.digest.slice(0, 12),
    manifest.digest,
    `shop@${manifest.digest}`,
  ]) {
    const frozen = await readFrozen(home, reference, engine.url);
    expect(frozen.entity).toEqual(["b", "a", "c"]); // a and c are at the same instant, in the file's order
    expect([...frozen.label]).toEqual([0, 1, 0]);
    expect(frozen.columns["spend"]).toEqual(Float64Array.from([0, 10.5, 1000]));
    expect(frozen.columns["visits"]).toEqual(Float64Array.from([NaN, 3, 0]));
    expect(frozen.columns["town"]).toEqual({
      dictionary: ["Ulm", "Bad, Town"],
      indices: Uint16Array.from([1, 0, 0xffff]),
    });
    expect([...(frozen.eventTimeMs ?? [])]).toEqual([
      Date.UTC(2001, 0, 1, 12),
      Date.UTC(2001, 0, 2),
      Date.UTC(2001, 0, 2),
    ]);
    expect(Object.keys(frozen.columns)).not.toContain("secret");
  }
  await expect(readFrozen(home, "nobody", engine.url)).rejects.toThrow("no such frozen dataset");
  await expect(readFrozen(home, "shopp", engine.url)).rejects.toThrow(
    "no such frozen dataset; did you mean shop?",
  );
});

test("a dataset whose bytes changed is refused", async () => {
  const home = newHome();
  const { manifest } = kept(await run(home, file(write("shop.csv", CSV))));
  const path = join(home, "datasets", manifest.digest, "data.parquet");
  const bytes = readFileSync(path);
  bytes[40] = (bytes[40] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await expect(readFrozen(home, manifest.digest, engine.url)).rejects.toThrow("changed since it was frozen");
});

test("every violation is collected by row, column, class and rule; nothing is written; no value is repeated", async () => {
  const home = newHome();
  const canary = "canary-4711";
  const rows = [
    "a,2001-01-02 00:00:00,Ulm,10.5,3,1,yes,x",
    `b,${canary},Ulm,10,3,1,yes,x`,
    `c,2001-01-02,Ulm,${canary},3,1,yes,x`,
    "d,2001-01-02,Ulm,,3,1,yes,x",
    "e,2001-01-02,Ulm,1000.01,3,1,yes,x",
    "f,2001-01-02,Ulm,NaN,3,4,yes,x",
    `g,2001-02-30,Ulm,1, 3,1,${canary},x`,
    "h,2001-01-02,Ulm,1,3",
    "i,2001-01-02,Ulm,1,1.5,1,no,x",
  ];
  const findings = refused(
    await run(
      home,
      file(write("bad.csv", `id,at,town,spend,visits,day,churned,secret\n${rows.join("\n")}\n`)),
    ),
  );
  const said = findings.examples.map((f) => `${String(f.row)} ${f.column} ${f.class} ${f.rule}`);
  expect(said.sort()).toEqual(
    [
      "2 at text time",
      "3 spend text type",
      "4 spend empty missing",
      "5 spend number range",
      "6 spend nan not_finite",
      "6 day number range",
      "7 at text time",
      "7 visits number type",
      "7 churned text label",
      "8  text cells",
      "9 visits number type",
    ].sort(),
  );
  expect(JSON.stringify(findings)).not.toContain("4711");
  expect(left(home)).toEqual([]);
});

test("never more than 100 examples a rule, but every violation is counted", async () => {
  const rows = Array.from({ length: 5_000 }, (_, i) => `${i},2001-01-02,Ulm,-1,1,9,no,x`).join("\n");
  const findings = refused(
    await run(newHome(), file(write("many.csv", `id,at,town,spend,visits,day,churned,secret\n${rows}\n`))),
  );
  expect(findings.total).toBe(10_000);
  expect(findings.counts.map(({ column, count }) => `${column} ${count}`).sort()).toEqual([
    "day 5000",
    "spend 5000",
  ]);
  expect(findings.examples).toHaveLength(100);
});

test.each<[string, string, string[]]>([
  ["TC-73 a missing column", "id,at,town,spend,visits,churned,secret\n", ["missing_column day"]],
  [
    "TC-76 an identifier that is not in the contract",
    CSV.replace("secret", "customerID"),
    ["unlisted_column customerID"],
  ],
  [
    "TC-92 a column of another case",
    CSV.replace("spend", "Spend"),
    ["unlisted_column Spend", "missing_column spend"],
  ],
  ["a column twice", CSV.replace("secret", "spend"), ["duplicate_column spend"]],
  ["a header without rows", "id,at,town,spend,visits,day,churned,secret\n", ["empty "]],
])("%s is refused, naming it", async (_, text, rules) => {
  const home = newHome();
  const findings = refused(await run(home, file(write("header.csv", text))));
  const said = findings.counts.map(({ rule, column }) => `${rule} ${column}`);
  expect(said).toEqual(expect.arrayContaining(rules));
  expect(left(home)).toEqual([]);
});

test("TC-78 a refused file and what was frozen before stay as they are", async () => {
  const home = newHome();
  const good = kept(await run(home, file(write("shop.csv", CSV)), { as: "shop" }));
  const bad = write("shop2.csv", CSV.replace("spend", "other"));
  refused(await run(home, file(bad), { as: "shop" }));
  expect(readFileSync(bad, "utf8")).toContain("other");
  expect((await readFrozen(home, "shop", engine.url)).manifest.digest).toBe(good.manifest.digest);
});

test("TC-72 numbers stored as text are refused in every typed format", async () => {
  const jsonl = refused(
    await run(newHome(), file(write("t.jsonl", JSONL.replace('"spend":10.5', '"spend":"10.5"')))),
  );
  expect(jsonl.examples).toEqual([{ row: 1, column: "spend", class: "number", rule: "type" }]);
  const sql = SQL.replace("spend Float32", "spend String")
    .replaceAll("10.5", "'10.5'")
    .replace("', 0, NULL", "', '0', NULL")
    .replace("NULL, 1000,", "NULL, '1000',");
  const typed = refused(await run(newHome(), { kind: "sql", sql, parameters: {} }));
  expect(typed.counts).toMatchObject([{ rule: "type", column: "spend", count: 3 }]);
});

test("broken JSON, an unlisted key and a broken archive are named", async () => {
  const findings = refused(
    await run(
      newHome(),
      file(
        write("b.jsonl", `${JSONL}{"id":\n${JSONL.split("\n")[0]?.replace('"secret"', '"extra"') ?? ""}\n`),
      ),
    ),
  );
  expect(findings.examples.map((f) => `${String(f.row)} ${f.rule} ${f.column}`)).toEqual([
    "4 json ",
    "5 unlisted_column extra",
  ]);
  const cut = gzipSync(CSV.repeat(500)).subarray(0, 200);
  await expect(run(newHome(), file(write("cut.csv.gz", cut)))).rejects.toThrow("cannot be read");
  await expect(run(newHome(), file(join(folder, "nowhere.csv")))).rejects.toThrow("cannot be read");
  await expect(run(newHome(), file(write("shop.xlsx", "x")))).rejects.toThrow("expected .csv");
  await expect(run(newHome(), { kind: "sql", sql: "SELECT nothing", parameters: {} })).rejects.toThrow(
    "refused",
  );
});

test("unlabelled rows are refused unless asked for, and then marked", async () => {
  const home = newHome();
  const text = CSV.replace(",no,x2", ",NA,x2");
  expect(refused(await run(home, file(write("u.csv", text)))).examples).toEqual([
    { row: 2, column: "churned", class: "empty", rule: "missing" },
  ]);
  const { manifest } = kept(await run(home, file(write("u.csv", text)), { labels: "optional" }));
  expect([manifest.labelled, manifest.positives]).toEqual([2, 1]);
  expect([...(await readFrozen(home, manifest.digest, engine.url)).label]).toEqual([LABEL_UNKNOWN, 1, 0]);
  const none = CSV.replaceAll(/,(churned|yes|no),/g, ",");
  expect(kept(await run(home, file(write("n.csv", none)), { labels: "optional" })).manifest.labelled).toBe(0);
});

test("a closed vocabulary that does not fit its codes is refused: it is an identifier", async () => {
  const contract = contractOf(
    "name: i\nversion: 1.0.0\nlabel: {name: y, positive: 1, negative: 0}\nevent_time: null\nfeatures:\n  n: {kind: nominal, values: frozen}\n",
  );
  const rows = (count: number) =>
    `n,y\n${Array.from({ length: count }, (_, i) => `v${i},${i % 2}.0`).join("\n")}\n`;
  kept(await run(newHome(), file(write("i.csv", rows(240))), { contract }));
  const findings = refused(await run(newHome(), file(write("i.csv", rows(241))), { contract }));
  expect(findings.counts).toMatchObject([{ rule: "too_many_values", column: "n" }]);
});

test("columns may be called anything: quotes, backslashes and SQL stay names", async () => {
  const names = ["a`b", "c'd", "e\\f", "g; DROP TABLE x", "h\tj"];
  const contract = contractOf(
    JSON.stringify({
      name: "odd",
      version: "1.0.0",
      label: { name: "y", positive: 1, negative: 0 },
      event_time: null,
      features: Object.fromEntries(names.map((name) => [name, { kind: "continuous", min: 0, max: 9 }])),
    }),
  );
  const home = newHome();
  const csv = write("odd.csv", `${names.join(",")},y\n1,2,3,4,5,1\n`);
  const { manifest } = kept(await run(home, file(csv), { contract }));
  const frozen = await readFrozen(home, manifest.digest, engine.url);
  expect(names.map((name) => frozen.columns[name])).toEqual(
    [1, 2, 3, 4, 5].map((v) => Float64Array.from([v])),
  );
});

test("the flights of a week come out of vega-datasets by sql:, in time order", async () => {
  const path = "contracts/features/flight-delay@1.0.0.yaml";
  const contract = contractOf(readFileSync(path, "utf8"), path);
  const home = newHome();
  const source: DatasetInput = {
    kind: "sql",
    sql: readFileSync("contracts/features/flight-delay.sql", "utf8"),
    parameters: {
      flights: resolve("node_modules/vega-datasets/data/flights-3m.parquet"),
      from: "2001-01-01",
      to: "2001-01-08",
    },
  };
  const { manifest } = kept(await run(home, source, { contract, as: "week" }));
  expect(manifest).toMatchObject({
    rows: 113_493,
    positives: 28_751,
    dropped: ["delay"],
    from: "2001-01-01T00:01:00Z",
  });
  const { eventTimeMs, columns } = await readFrozen(home, "week", engine.url);
  expect(eventTimeMs?.every((t, i) => i === 0 || t >= (eventTimeMs[i - 1] ?? 0))).toBe(true);
  const hours = columns["hour"];
  expect(
    hours instanceof Float64Array &&
      hours.every((h, i) => h === new Date(eventTimeMs?.[i] ?? 0).getUTCHours()),
  ).toBe(true);
});

test("a name may not look like a digest or leave its folder, and is refused before the work", async () => {
  const home = newHome();
  for (const as of ["../x", "a".repeat(64), "0123456789ab", "Big"])
    await expect(run(home, file(write("shop.csv", CSV)), { as })).rejects.toThrow("expected a name");
  mkdirSync(join(home, "datasets"), { recursive: true });
  expect(left(home)).toEqual([]);
  expect(execFileSync("find", [folder, "-name", "*.tmp"], { encoding: "utf8" })).toBe("");
});
