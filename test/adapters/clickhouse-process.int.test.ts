// The embedded ClickHouse as a process: one a directory, passwords, limits, and its end by signal or crash.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startClickhouse } from "../../src/adapters/clickhouse-child.ts";
import type { ClickhouseChild } from "../../src/adapters/clickhouse-child.ts";

let path: string;
const started: ClickhouseChild[] = [];

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "flyball-chp-"));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((child) => child.kill()));
  await rm(path, { recursive: true, force: true });
});

const start = async (
  options: Partial<Parameters<typeof startClickhouse>[0]> = {},
): Promise<ClickhouseChild> => {
  const child = await startClickhouse({ path, ...options });
  started.push(child);
  return child;
};
const post = async (url: string, sql: string, headers: Record<string, string> = {}) => {
  const response = await fetch(url, { method: "POST", body: sql, headers });
  return {
    status: response.status,
    code: response.headers.get("x-clickhouse-exception-code"),
    text: await response.text(),
  };
};
const CREATE = `CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a
  SETTINGS non_replicated_deduplication_window = 100, fsync_after_insert = 1`;

describe("one directory, one process", () => {
  it("a second process is refused with the reason, and the first is unharmed", async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(new RegExp(`process ${first.pid} is already running on it`));
    expect((await post(first.url, "SELECT 1")).text).toBe("1\n");
  });
  it("a foreign address without a password is refused", async () => {
    await expect(start({ host: "0.0.0.0" })).rejects.toThrow(/without a password/);
  });
});

describe("credentials", () => {
  it("are asked for in the server's words, by header, Basic and URL", async () => {
    const { url } = await start({ user: "ann", password: "s3cret:é" });
    expect(await post(url, "SELECT 1")).toMatchObject({ status: 401, code: "194" });
    const wrong = await post(url, "SELECT 1", { "X-ClickHouse-User": "ann", "X-ClickHouse-Key": "no" });
    expect(wrong).toMatchObject({ status: 403, code: "516" });
    expect(wrong.text).toMatch(
      /^Code: 516\. DB::Exception: ann: Authentication failed.*\(AUTHENTICATION_FAILED\)/,
    );
    const basic = `Basic ${Buffer.from("ann:s3cret:é").toString("base64")}`;
    expect((await post(url, "SELECT 1", { Authorization: basic })).text).toBe("1\n");
    expect((await post(`${url}/?user=ann&password=${encodeURIComponent("s3cret:é")}`, "SELECT 2")).text).toBe(
      "2\n",
    );
    expect((await post(`${url}/?user=bob&password=s3cret`, "SELECT 2")).code).toBe("516");
    expect(await (await fetch(`${url}/ping`)).text()).toBe("Ok.\n");
  });
});

describe("limits", () => {
  it("a body above the limit is refused, also one that only grows on unpacking, and the next one is served", async () => {
    const { url } = await start({ bodyMax: 100_000 });
    await post(url, CREATE);
    const insert = `${url}/?query=INSERT+INTO+t+FORMAT+JSONCompactEachRow`;
    const rows = '[1,"x"]\n'.repeat(20_000);
    expect(await post(insert, rows)).toMatchObject({ status: 413, code: "162" });
    const init = {
      method: "POST",
      headers: { "Content-Encoding": "gzip" },
      body: new Uint8Array(gzipSync(rows)),
    };
    expect((await fetch(insert, init)).status).toBe(413);
    expect((await post(insert, rows.slice(0, 80_000))).status).toBe(200);
    expect((await post(url, "SELECT count() FROM t")).text).toBe("10000\n");
  });
});

describe("its end", () => {
  it("SIGTERM abandons a statement that outlasts the drain", async () => {
    const engine = await start({ drainSeconds: 1 });
    const endless =
      "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number)) FORMAT JSON";
    const running = post(engine.url, endless).catch(() => undefined);
    await new Promise((soon) => setTimeout(soon, 100)); // the statement has to be in the engine
    await engine.close();
    expect(await engine.exited).toBe(null);
    expect(await running).toBe(undefined);
  });

  it("SIGTERM finishes what was begun, then exits 0, and the directory is free again", async () => {
    const first = await start();
    await post(first.url, CREATE);
    const running = post(
      first.url,
      "INSERT INTO t SELECT number, toString(sipHash64(number)) FROM numbers(3000000)",
    );
    await new Promise((soon) => setTimeout(soon, 100)); // the statement has to be in the engine
    const closed = first.close();
    expect((await running).status).toBe(200);
    await closed;
    expect(await first.exited).toBe(0);
    const second = await start();
    expect((await post(second.url, "SELECT count() FROM t")).text).toBe("3000000\n");
  });

  it("SIGKILL within inserts loses none acknowledged, and repeating a token stores each batch once", async () => {
    let engine = await start();
    await post(engine.url, CREATE);
    const batch = (k: number) =>
      Array.from({ length: 2_000 }, (_, i) => `[${k * 2_000 + i},"b${k}"]\n`).join("");
    const send = (k: number) =>
      post(
        `${engine.url}/?query=INSERT+INTO+t+FORMAT+JSONCompactEachRow&insert_deduplication_token=b${k}`,
        batch(k),
      );
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      const crash = new Promise((soon) => setTimeout(soon, 150 + 37 * round)).then(() => engine.kill());
      for (;;) {
        const told = await send(acknowledged).catch(() => undefined);
        if (told?.status !== 200) break;
        acknowledged += 1;
      }
      await crash;
      engine = await start();
      expect((await send(acknowledged)).status).toBe(200); // the one without an answer
      acknowledged += 1;
    }
    const told = await post(engine.url, "SELECT count(), uniqExact(a), max(a) FROM t");
    expect(told.text).toBe(`${acknowledged * 2_000}\t${acknowledged * 2_000}\t${acknowledged * 2_000 - 1}\n`);
    expect(acknowledged).toBeGreaterThan(3);
  });
});
