// Migrations and the client adapter against the embedded engine.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createClickhouse } from "../../src/adapters/clickhouse.ts";
import type { Clickhouse } from "../../src/adapters/clickhouse.ts";
import { startClickhouse } from "../../src/adapters/clickhouse-child.ts";
import type { ClickhouseChild } from "../../src/adapters/clickhouse-child.ts";
import { projectRoot } from "../../src/adapters/config.ts";
import { migrate } from "../../src/adapters/migrations.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
let dir: string;
let engine: ClickhouseChild;
let client: Clickhouse;
const write = (path: string, text: string) => writeFile(join(dir, path), text);
const run = () => migrate(client, { migrations: join(dir, "migrations"), views: join(dir, "views") }, NOW);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "flyball-mig-"));
  engine = await startClickhouse({ path: join(dir, "engine") });
  await mkdir(join(dir, "queries"));
  client = createClickhouse({ url: engine.url, database: "default", queriesDir: join(dir, "queries") });
});
afterAll(async () => {
  await client.close();
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

describe("migrating", () => {
  beforeEach(async () => {
    await mkdir(join(dir, "migrations"));
    await mkdir(join(dir, "views"));
    await write(
      "migrations/0001_first.sql",
      "-- a; b\nCREATE TABLE IF NOT EXISTS flyball.one (a UInt8) ENGINE = Memory;\n",
    );
    await write("views/v_one.sql", "CREATE OR REPLACE VIEW flyball.v_one AS SELECT a FROM flyball.one");
  });
  afterEach(async () => {
    await client.command("DROP DATABASE IF EXISTS flyball SYNC");
    await rm(join(dir, "migrations"), { recursive: true });
    await rm(join(dir, "views"), { recursive: true });
  });

  it("applies each file once, in order, and views when their text changed", async () => {
    expect(await run()).toEqual({ applied: ["0001_first.sql"], views: ["v_one.sql"], current: 1 });
    expect(await run()).toEqual({ applied: [], views: [], current: 1 });
    await write(
      "migrations/0002_second.sql",
      "CREATE TABLE IF NOT EXISTS flyball.two (s String DEFAULT ';') ENGINE = Memory; INSERT INTO flyball.one VALUES (7);",
    );
    await write(
      "views/v_one.sql",
      "CREATE OR REPLACE VIEW flyball.v_one AS SELECT a + 1 AS a FROM flyball.one",
    );
    expect(await run()).toEqual({ applied: ["0002_second.sql"], views: ["v_one.sql"], current: 2 });
    expect(await client.ask("SELECT a FROM flyball.v_one")).toEqual([{ a: 8 }]);
    const ledger = await client.ask(
      "SELECT number, name, applied_at FROM flyball.schema_migrations WHERE number = 2",
    );
    expect(ledger).toEqual([{ number: 2, name: "0002_second.sql", applied_at: "2026-01-02 03:04:05.678" }]);
  });
  it("refuses an applied file that changed", async () => {
    await run();
    await write("migrations/0001_first.sql", "SELECT 1");
    await expect(run()).rejects.toThrow(/0001_first.sql was changed after it was applied/);
  });
  it("refuses a gap and a bad name", async () => {
    await write("migrations/0003_third.sql", "SELECT 1");
    await expect(run()).rejects.toThrow(/0003_third.sql leaves a gap: expected number 2/);
    await rm(join(dir, "migrations/0003_third.sql"));
    await write("migrations/second.sql", "SELECT 1");
    await expect(run()).rejects.toThrow(/not named NNNN_name.sql/);
  });
  it("refuses a database newer than the code", async () => {
    await write("migrations/0002_second.sql", "SELECT 1");
    await run();
    await rm(join(dir, "migrations/0002_second.sql"));
    await expect(run()).rejects.toThrow(/database is newer than this code: it has migration 0002_second.sql/);
  });
  it("leaves a file that failed half-way unrecorded, and repeats it whole", async () => {
    const create = "CREATE TABLE IF NOT EXISTS flyball.half (a UInt8) ENGINE = Memory;";
    await write("migrations/0002_half.sql", `${create} ALTER TABLE flyball.nope ADD COLUMN b UInt8;`);
    await expect(run()).rejects.toThrow(/migration 0002_half.sql failed at: ALTER TABLE flyball.nope/);
    await write(
      "migrations/0002_half.sql",
      `${create} ALTER TABLE flyball.one ADD COLUMN IF NOT EXISTS b UInt8;`,
    );
    expect((await run()).applied).toEqual(["0002_half.sql"]);
  });
});

describe("the schema of this version", () => {
  const house = (part: string) => join(projectRoot(), "clickhouse", part);
  const sqlOf = async (name: string): Promise<string> =>
    (await readFile(house(`queries/${name}.sql`), "utf8")).replaceAll("{size:String}", "'24h'");

  it("answers what every look asks without reading all that was ever kept, old rows included", async () => {
    // A deployment of a version before, with rows, comes to this one.
    const before = join(dir, "before");
    await cp(house("migrations"), before, { recursive: true });
    const since = ["0006_what_every_look_asks.sql", "0007_batches.sql"];
    for (const name of since) await rm(join(before, name));
    await migrate(client, before, NOW);
    const rows = (from: number): string =>
      `INSERT INTO predictions (event_time, model, version, role, status, producer, producer_seq)
       SELECT toDateTime64(${from}, 3, 'UTC') + number * 60, if(number % 3 = 0, 'a', 'b'), '1.0.0', 'production', 'ok', 'p', number FROM numbers(50000)`;
    const drift = `INSERT INTO drift (model, version, window_size, window_start, revision, subject, feature, statistic, status)
       SELECT 'a', '1.0.0', '24h', toDateTime64('2001-01-01 00:00:00', 3, 'UTC') + toIntervalDay(intDiv(number, 100)), 1, 'feature', toString(number % 100), 'ks_d',
         if(number % 7 = 0, 'breach', 'steady') FROM numbers(40000)`;
    await client.command(rows(980_000_000));
    await client.command(drift);
    const window = "'a', '1.0.0', 'production', '24h', toDateTime64('2001-01-01 00:00:00', 3, 'UTC'), 1";
    const key = "model, version, role, window_size, window_start, revision";
    await client.command(`INSERT INTO snapshots (${key}) VALUES (${window})`);
    await client.command(
      `INSERT INTO feature_histograms (${key}, scope, position, codes, counts) VALUES (${window}, 'all', 1, [8], [5])`,
    );
    expect((await migrate(client, house("migrations"), NOW)).applied).toEqual(since);
    // What was written before there were batches still belongs together.
    expect(
      await client.ask(await readFile(house("queries/snapshots-features.sql"), "utf8"), {
        ...{ model: "a", size: "24h", bucket_ms: 86_400_000 },
        ...{ start: "2001-01-01 00:00:00", end: "2001-01-02 00:00:00" },
      }),
    ).toMatchObject([{ position: 1, histogram: [[8], [5]] }]);
    await client.command(rows(970_000_000));

    const health = await sqlOf("metrics-health");
    const newest = /IN \((SELECT model, max\(window_start\) .*?)\)\n/.exec(health)?.[1] ?? "";
    for (const [name, sql, projection] of [
      ["roll-models", `SELECT * FROM (${await sqlOf("roll-models")})`, "first_event"],
      ["the newest window of metrics-health", newest, "newest_window"],
    ] as const) {
      // Old parts get theirs in the background.
      await expect
        .poll(
          async () =>
            (await client.ask<{ explain: string }>(`EXPLAIN ${sql}`))
              .map(({ explain }) => explain)
              .join("\n"),
          { timeout: 20_000, message: name },
        )
        .toContain(`(${projection})`);
      expect(await client.ask(sql), name).toEqual(
        await client.ask(`${sql} SETTINGS optimize_use_projections = 0`),
      );
    }
    expect(await client.ask(`SELECT * FROM (${health})`)).toEqual(
      await client.ask(`SELECT * FROM (${health}) SETTINGS optimize_use_projections = 0`),
    );
    const [first] = await client.ask<{ first_ms: number | string }>(
      "SELECT toUnixTimestamp64Milli(min(event_time)) AS first_ms FROM predictions",
    );
    expect(Number(first?.first_ms)).toBe(970_000_000_000);
  });
});

describe("the client adapter", () => {
  beforeAll(async () => {
    await client.command(
      "CREATE TABLE rows_of (a UInt64, s String) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 10",
    );
    await write(
      "queries/by-a.sql",
      "-- by-a: rows from a on.\nSELECT a, s FROM rows_of WHERE a IN ({a:Array(UInt64)}) ORDER BY a;\n",
    );
  });
  it("inserts bytes and objects, exactly once a token, and reads by name", async () => {
    const bytes = Buffer.from('["x",9007199254740991]\n["y",2]\n');
    await client.insert("rows_of", bytes, { columns: ["s", "a"], token: "one" });
    await client.insert("rows_of", bytes, { columns: ["s", "a"], token: "one" });
    await client.insert("default.rows_of", [{ a: 3, s: "ü" }]);
    await client.insert("rows_of", []);
    const rows = await client.query<{ a: number; s: string }>("by-a", { a: [2, 3, 9007199254740991] });
    expect(rows).toEqual([
      { a: 2, s: "y" },
      { a: 3, s: "ü" },
      { a: 9007199254740991, s: "x" },
    ]);
    expect((await client.bytes("by-a", { a: [2] }, "CSV")).toString()).toBe('2,"y"\n');
  });
  it("classifies failures by code", async () => {
    const bad = client.insert("rows_of", Buffer.from('["x",'), { columns: ["s", "a"] });
    await expect(bad).rejects.toMatchObject({ name: "Fault", kind: "poison" });
    await expect(client.command("SELECT * FROM nope")).rejects.toMatchObject({
      kind: "transient",
      code: "60",
    });
    const away = createClickhouse({
      url: "http://127.0.0.1:9",
      database: "default",
      queriesDir: join(dir, "queries"),
    });
    await expect(away.command("SELECT 1")).rejects.toMatchObject({ name: "Fault", kind: "transient" });
    expect(await away.ping()).toBe(false);
    await away.close();
  });
  it("a query that fails in its middle is an error, never fewer rows", async () => {
    await write("queries/broken.sql", "SELECT throwIf(number = 2000000) AS x FROM numbers(3000000)");
    await expect(client.query("broken")).rejects.toMatchObject({ code: "395" });
  });
});
