// The embedded ClickHouse as its users meet it: @clickhouse/client, plain HTTP, curl. Runs the compiled command line.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startClickhouse } from "../../src/adapters/clickhouse-child.ts";
import type { ClickhouseChild } from "../../src/adapters/clickhouse-child.ts";

let dir: string;
let engine: ClickhouseChild;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "flyball-ch-"));
  engine = await startClickhouse({ path: join(dir, "main") });
});
afterAll(async () => {
  await engine.close();
  await rm(dir, { recursive: true, force: true });
});

type Told = { readonly status: number; readonly headers: Headers; readonly text: string };

const ask = async (
  sql: string | Uint8Array,
  params: Record<string, string> = {},
  init: RequestInit = {},
  url = engine.url,
): Promise<Told> => {
  const body = typeof sql === "string" ? sql : new Uint8Array(sql);
  const response = await fetch(`${url}/?${new URLSearchParams(params).toString()}`, {
    method: "POST",
    body,
    ...init,
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
};
const done = async (sql: string, params: Record<string, string> = {}): Promise<string> => {
  const told = await ask(sql, params);
  if (told.status !== 200) throw new Error(told.text);
  return told.text;
};
const table = (name: string) =>
  done(
    `CREATE TABLE ${name} (a UInt64, s String) ENGINE = MergeTree ORDER BY a
     SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1`,
  );
const curl = (...args: string[]) => execFileSync("curl", ["-sS", ...args], { encoding: "utf8" });

describe("as curl types it", () => {
  it("answers pings and queries in URL, body and both", () => {
    expect(curl(`${engine.url}/ping`)).toBe("Ok.\n");
    expect(curl(engine.url)).toBe("Ok.\n");
    expect(curl(`${engine.url}/?query=SELECT%201`)).toBe("1\n");
    expect(curl(engine.url, "-d", "SELECT 1 FORMAT JSONEachRow")).toBe('{"1":1}\n');
    expect(curl(`${engine.url}/?query=SELECT`, "-d", "1+1")).toBe("2\n");
    expect(curl(`${engine.url}/?default_format=JSONEachRow`, "-d", "SELECT 1 AS x")).toBe('{"x":1}\n');
    expect(curl("-H", "X-ClickHouse-Format: CSV", engine.url, "-d", "SELECT 'a'")).toBe('"a"\n');
    expect(curl(`${engine.url}/?database=system&query=SELECT+dummy+FROM+one`)).toBe("0\n");
  });
  it("lets a GET read only", async () => {
    const told = await fetch(`${engine.url}/?query=CREATE+TABLE+got+(a+UInt8)+ENGINE=Memory`);
    expect([told.status, told.headers.get("x-clickhouse-exception-code")]).toEqual([403, "164"]);
    expect(await done("EXISTS TABLE got")).toBe("0\n");
  });
});

describe("settings and parameters", () => {
  it("reach one statement and no later one, of every kind", async () => {
    const read = "SELECT getSetting('max_block_size')";
    const usual = await done(read);
    for (const sql of [read, "SHOW DATABASES", "EXPLAIN SELECT 1", "CREATE DATABASE IF NOT EXISTS sticky"]) {
      await done(sql, { max_block_size: "77" });
    }
    expect(await done(read, { max_block_size: "77" })).toBe("77\n");
    await done("SET max_block_size = 77");
    await done("USE system");
    const seen = await Promise.all(Array.from({ length: 12 }, () => done(`${read}, currentDatabase()`)));
    expect(new Set(seen)).toEqual(new Set([`${usual.trim()}\tdefault\n`]));
  });
  it("a token applies to its insert alone: three inserts, one repeated, are three rows and not one", async () => {
    await table("tokens");
    const insert = "INSERT INTO tokens FORMAT JSONCompactEachRow\n";
    await done(`${insert}[1,"x"]`, { insert_deduplication_token: "t1" });
    await done(`${insert}[1,"x"]`, { insert_deduplication_token: "t1" });
    await done(`${insert}[2,"y"]`);
    await done(`${insert}[3,"z"]`);
    expect(await done("SELECT groupArray(a) FROM (SELECT a FROM tokens ORDER BY a)")).toBe("[1,2,3]\n");
  });
  it("binds parameters of every kind, also beside each other, and refuses a missing one", async () => {
    const sql = "SELECT {s:String}, {n:UInt32}, {l:Array(String)}, {x:Nullable(String)} IS NULL";
    const params = { param_s: "it\\'s {n}", param_n: "7", param_l: "['a','b']", param_x: "\\N" };
    expect(await done(sql, params)).toBe("it\\'s {n}\t7\t['a','b']\t1\n");
    const many = await Promise.all(
      Array.from({ length: 60 }, (_, i) => done("SELECT {v:String}", { param_v: `v${i}` })),
    );
    expect(many).toEqual(Array.from({ length: 60 }, (_, i) => `v${i}\n`));
    const told = await ask("SELECT {v:String}");
    expect(told.text).toMatch(
      /^Code: 456\. DB::Exception: .*\(UNKNOWN_QUERY_PARAMETER\) \(version [\d.]+\)\n$/,
    );
  });
});

describe("a parameterised view", () => {
  it("is made without values and read with them", async () => {
    await done("CREATE VIEW from_on AS SELECT number FROM numbers(5) WHERE number >= {least:UInt64}");
    expect(await done("SELECT * FROM from_on(least = {n:UInt64})", { param_n: "3" })).toBe("3\n4\n");
  });
});

describe("errors are the server's", () => {
  it.each([
    ["SELECT * FROM nope", 404, 60, "UNKNOWN_TABLE"],
    ["SELEKT 1", 400, 62, "SYNTAX_ERROR"],
    ["SELECT nope", 404, 47, "UNKNOWN_IDENTIFIER"],
    ["SELECT 1 SETTINGS nope = 1", 404, 115, "UNKNOWN_SETTING"],
    ["SELECT 1; SELECT 2", 400, 62, "SYNTAX_ERROR"],
    ["SELECT * FROM file('/etc/hostname')", 403, 497, "ACCESS_DENIED"],
    ["INSERT INTO errs SELECT a FROM input('a UInt8') FORMAT CSV\n1", 501, 48, "NOT_IMPLEMENTED"],
  ])("%s", async (sql, status, code, name) => {
    const told = await ask(sql, { query_id: "mine" });
    expect(told.status).toBe(status);
    expect(told.headers.get("x-clickhouse-exception-code")).toBe(String(code));
    expect(told.headers.get("x-clickhouse-query-id")).toBe("mine");
    expect(told.text.startsWith(`Code: ${code}. DB::Exception: `)).toBe(true);
    expect(told.text).toMatch(new RegExp(`\\(${name}\\).*\\(version [\\d.]+\\)\\n$`, "s"));
  });
  it("an error after the first rows is told in the body, and the client throws it", async () => {
    const sql = "SELECT throwIf(number = 3000000) AS x FROM numbers(4000000)";
    const told = await ask(`${sql} FORMAT TSV`);
    const tag = told.headers.get("x-clickhouse-exception-tag") ?? "";
    expect(told.status).toBe(200);
    expect(told.text).toContain(`\r\n__exception__\r\n${tag}\r\nCode: 395.`);
    const whole = await ask(`${sql} FORMAT TSV`, { wait_end_of_query: "1" });
    expect([whole.status, whole.text.startsWith("Code: 395.")]).toEqual([400, true]);
    const client = createClient({ url: engine.url, log: { level: ClickHouseLogLevel.OFF } });
    const rows = await client.query({ query: sql, format: "JSONEachRow" });
    await expect(rows.json()).rejects.toThrow(/throwIf/);
    await client.close();
  });
});

describe("what leaves the engine is refused", () => {
  it.each([
    "SELECT * FROM '/etc/hostname'",
    "SELECT * FROM `/etc/hostname`",
    'SELECT * FROM default."/etc/hostname"',
    "SELECT * FROM numbers(1), '/etc/hostname'",
    "SELECT * FROM `file`('/etc/hostname')",
    "SELECT file('/etc/hostname')",
    "SELECT * FROM url('http://127.0.0.1:1/')",
    "SELECT * FROM executable('id', TSV, 'a String')",
    "SELECT 1 INTO OUTFILE '/tmp/never'",
    "INSERT INTO t FROM INFILE '/etc/hostname' FORMAT CSV",
    "CREATE TABLE f (a String) ENGINE = File(CSV, '/etc/hostname')",
    "CREATE TABLE f (a String) ENGINE Kafka('127.0.0.1:1', 't', 'g', 'CSV')",
    "CREATE OR REPLACE DICTIONARY f (a UInt8) PRIMARY KEY a SOURCE(FILE(path '/etc/hostname')) LAYOUT(FLAT())",
    "CREATE DATABASE f ENGINE = Filesystem('/etc')",
    "SELECT 1 /* ' */ FROM remote('127.0.0.2', system.one) -- '",
  ])("%s", async (sql) => {
    expect((await ask(sql)).text).toMatch(/^Code: 497\./);
  });
  it("by a parameter too", async () => {
    expect((await ask("SELECT * FROM {t:Identifier}", { param_t: "/etc/hostname" })).text).toMatch(
      /^Code: 497\./,
    );
  });
  it("no harmless text that looks alike", async () => {
    expect(await done("SELECT replaceAll('/etc/x', '/etc', 'url(1)'), 'a/b' AS `rate a/b`")).toBe(
      "url(1)/x\ta/b\n",
    );
  });
  it("no table whose columns are called like what is refused", async () => {
    const columns = "role String, engine String, user String, dictionary UInt8, file UInt8, collection UInt8";
    await done(`CREATE TABLE roles (${columns}) ENGINE = MergeTree ORDER BY role`);
    expect(await done("SELECT role, engine, file FROM roles WHERE user IN ('/etc/passwd', 'file(x)')")).toBe(
      "",
    );
    expect(
      await done("SELECT name, engine FROM system.tables WHERE database = 'default' AND name = 'roles'"),
    ).toBe("roles\tMergeTree\n");
  });
  it("every table function of this engine is either known as harmless or refused", async () => {
    const names = (await done("SELECT name FROM system.table_functions ORDER BY name")).trim().split("\n");
    const reached: string[] = [];
    for (const name of names) {
      const told = await ask(`SELECT * FROM ${name}('127.0.0.1:1', 'x')`);
      if (!told.text.startsWith("Code: 497.")) reached.push(name);
    }
    expect(
      reached.filter((name) =>
        /file|url|s3|remote|sql|hdfs|cluster|lake|iceberg|exec|redis|mongo/i.test(name),
      ),
    ).toEqual(["SQLStandardValues"]);
  });
  it("a web page is not let in without a password", async () => {
    const told = await ask("SELECT 1", {}, { headers: { Origin: "http://evil.example" } });
    expect(told.status).toBe(403);
  });
});

describe("bytes", () => {
  it("gzip goes both ways", async () => {
    await table("zipped");
    const rows = gzipSync(Array.from({ length: 1000 }, (_, i) => `[${i},"s"]\n`).join(""));
    const stored = await ask(
      rows,
      { query: "INSERT INTO zipped FORMAT JSONCompactEachRow" },
      { headers: { "Content-Encoding": "gzip" } },
    );
    expect(stored.status).toBe(200);
    expect(JSON.parse(stored.headers.get("x-clickhouse-summary") ?? "")).toMatchObject({
      written_rows: "1000",
    });
    const path = `${engine.url}/?enable_http_compression=1&query=SELECT+count()+FROM+zipped`;
    const raw = execFileSync("curl", ["-sS", "-H", "Accept-Encoding: gzip", path]);
    expect(gunzipSync(raw).toString()).toBe("1000\n");
  });
  it("binary formats go in and out", async () => {
    await table("binary");
    for (const format of ["Native", "Parquet", "RowBinary"]) {
      const told = await fetch(engine.url, {
        method: "POST",
        body: `SELECT toUInt64(5) AS a, '${format}' AS s FORMAT ${format}`,
      });
      const bytes = new Uint8Array(await told.arrayBuffer());
      const stored = await ask(bytes, { query: `INSERT INTO binary FORMAT ${format}` });
      expect([format, stored.status, stored.text]).toEqual([format, 200, ""]);
    }
    expect(await done("SELECT s FROM binary ORDER BY s")).toBe("Native\nParquet\nRowBinary\n");
  });
  it("a large result is streamed, whole and in order, while the reader is slow", async () => {
    const response = await fetch(engine.url, {
      method: "POST",
      body: "SELECT number FROM numbers(3000000) FORMAT RowBinary",
    });
    let bytes = 0;
    for await (const part of response.body ?? []) bytes += part.byteLength;
    expect(bytes).toBe(24_000_000);
  });
  it("a reader that leaves frees its session", async () => {
    for (let i = 0; i < 8; i += 1) {
      const gone = new AbortController();
      const response = await fetch(engine.url, {
        method: "POST",
        body: "SELECT number FROM numbers(100000000000) FORMAT RowBinary",
        signal: gone.signal,
      });
      expect(response.status).toBe(200);
      gone.abort();
    }
    expect(await done("SELECT 1")).toBe("1\n");
  });
});

describe("as Grafana's plug-in asks (clickhouse-go over HTTP)", () => {
  /** What clickhouse-go 2.50 puts into each request; `limit` is the plug-in's row limit. */
  const params = {
    ...{ database: "default", default_format: "Native", client_protocol_version: "54460" },
    ...{ enable_http_compression: "1", max_execution_time: "60", limit: "1000" },
  };
  const bytesOf = async (sql: string, revision: string): Promise<Buffer> => {
    const query = new URLSearchParams({ ...params, client_protocol_version: revision }).toString();
    const told = await fetch(`${engine.url}/?${query}`, { method: "POST", body: sql });
    expect([told.status, told.headers.get("x-clickhouse-format")]).toEqual([200, "Native"]);
    return Buffer.from(await told.arrayBuffer());
  };
  const text = (value: string): Buffer => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);

  it("its greeting and its ping, block for block", async () => {
    const header = Buffer.of(1, 0, 2, 255, 255, 255, 255, 0);
    const column = (name: string, type: string, value: Buffer): Buffer =>
      Buffer.concat([text(name), text(type), Buffer.of(0), value]);
    expect(await bytesOf("SELECT 1", "54460")).toEqual(
      Buffer.concat([header, Buffer.of(1, 1), column("1", "UInt8", Buffer.of(1))]),
    );
    const [name = "", version = "", revision = ""] = (
      await done("SELECT displayName(), version(), revision()")
    ).split(/\s/);
    const known = Buffer.alloc(4);
    known.writeUInt32LE(Number(revision));
    const greeting = await bytesOf("SELECT displayName(), version(), revision(), timezone()", "54460");
    expect(greeting).toEqual(
      Buffer.concat([
        ...[header, Buffer.of(4, 1), column("displayName()", "String", text(name))],
        ...[column("version()", "String", text(version)), column("revision()", "UInt32", known)],
        column("timezone()", "String", text("UTC")),
      ]),
    );
  });
  it("values of every kind: the oldest dialect's bytes and the marks between them, over many blocks", async () => {
    const columns = [
      ...["number AS a", "toString(number) AS b", "toLowCardinality(toString(number % 300)) AS c"],
      ...["range(number % 4) AS d", "map(toString(number), [1.5]) AS e", "if(number % 2, NULL, 'x') AS f"],
      ...["CAST((number, 'q') AS Tuple(`a, (b` UInt64, p String)) AS g", "toDecimal128(number, 3) AS h"],
      ...["toDateTime64('2026-01-02 03:04:05.678', 3) AS i", "toFixedString('ab', 3) AS j", "NULL AS k"],
      ...[
        "CAST('a, (' AS Enum8('a, (' = 1, 'b)' = 2)) AS l",
        "[[toLowCardinality(toNullable('z'))], []] AS m",
      ],
      ...[
        "toIPv6('::1') AS n",
        "toUUID('61f0c404-5cb3-11e7-907b-a6006ad3dba0') AS o",
        "toIntervalDay(number) AS p",
        "true AS q",
      ],
    ];
    const many = `SELECT ${columns.join(", ")} FROM numbers(80000)
      SETTINGS limit = 0, max_block_size = 20000, max_threads = 1`;
    const [oldest, newer] = [await bytesOf(many, "0"), await bytesOf(many, "54460")];
    // 8 bytes of header a block, and one mark for each of its columns.
    const blocks = (newer.length - oldest.length) / (8 + columns.length);
    expect(blocks).toBeGreaterThanOrEqual(4);
    expect(Number.isInteger(blocks)).toBe(true);
    expect((await bytesOf(many, "54453")).length).toBe(oldest.length + 8 * blocks);
  });
  it("refuses by name a type it could only guess at, and keeps the row limit", async () => {
    const told = await ask("SELECT sumState(number) FROM numbers(3)", params);
    expect(told.status).toBe(501);
    expect(told.text).toMatch(/AggregateFunction\(sum, UInt64\) in Native/);
    const rows = await ask("SELECT number FROM numbers(5000)", { ...params, default_format: "TSV" });
    expect(rows.text.split("\n").length).toBe(1001);
    expect((await ask("SHOW TABLES FROM system LIKE 'one'", { ...params, default_format: "TSV" })).text).toBe(
      "one\n",
    );
  });
});

describe("side by side", () => {
  it("long queries delay neither an insert nor a ping", async () => {
    await table("beside");
    const long = "SELECT (SELECT sum(sipHash64(number)) FROM numbers(60000000)) FORMAT TSV";
    let over = 0;
    const queries = Array.from({ length: 4 }, () => done(long).then(() => (over += 1)));
    await new Promise((soon) => setTimeout(soon, 50)); // the engine has no event for "a query is running"
    for (let i = 0; i < 20; i += 1) await done(`INSERT INTO beside FORMAT JSONCompactEachRow\n[${i},"s"]`);
    expect(await (await fetch(`${engine.url}/ping`)).text()).toBe("Ok.\n");
    expect(over).toBe(0);
    await Promise.all(queries);
    expect(await done("SELECT count() FROM beside")).toBe("20\n");
  });
});

describe("@clickhouse/client", () => {
  it("queries, inserts and commands as against a server", async () => {
    const client = createClient({
      url: engine.url,
      log: { level: ClickHouseLogLevel.OFF },
      compression: { request: true, response: true },
      clickhouse_settings: { output_format_json_quote_64bit_integers: 0 },
    });
    await client.command({
      query: "CREATE TABLE of_client (a UInt64, s String) ENGINE = MergeTree ORDER BY a",
    });
    await client.insert({ table: "of_client", values: [{ a: 1, s: "é'\n" }], format: "JSONEachRow" });
    const rows = await client.query({
      query: "SELECT * FROM of_client WHERE a = {a:UInt64}",
      query_params: { a: 1 },
    });
    expect(await rows.json()).toMatchObject({ data: [{ a: 1, s: "é'\n" }], rows: 1 });
    const missing = client.query({ query: "SELECT * FROM missing" });
    await expect(missing).rejects.toMatchObject({ code: "60", type: "UNKNOWN_TABLE" });
    expect((await client.ping()).success).toBe(true);
    await client.close();
  });
  it("sends long parameters as a form", async () => {
    const client = createClient({ url: engine.url, use_multipart_params: true });
    const rows = await client.query({
      query: "SELECT length({l:Array(UInt32)}) AS n",
      query_params: { l: Array.from({ length: 5000 }, (_, i) => i) },
      format: "JSONEachRow",
    });
    expect(await rows.json()).toEqual([{ n: 5000 }]);
    await client.close();
  });
});
