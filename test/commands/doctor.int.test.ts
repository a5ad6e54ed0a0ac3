// Integration: doctor on a real machine: a sound set-up, then each problem it speaks of made real, its explanation and its way out read. Node's
// version, a full disk's boundary and the pure judgements are in test/core/doctor.test.ts.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { projectRoot } from "../../src/adapters/config.ts";
import { startCommand } from "../support/command.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const home = mkdtempSync(path.join(tmpdir(), "flyball-doctor-test-"));
let redis: TestRedis;

const Look = z.object({
  ok: z.boolean(),
  findings: z.array(
    z.looseObject({ check: z.string(), state: z.string(), seen: z.string(), remedy: z.string() }),
  ),
});

const doctor = async (env: Record<string, string>, root = projectRoot()) => {
  const { status, out } = await startCommand(["doctor", "--json"], { FLYBALL_HOME: home, ...env }, root)
    .ended;
  const { ok, findings } = Look.parse(JSON.parse(out));
  return { status, ok, of: (check: string) => findings.find((one) => one.check === check), findings };
};

describe("flyball doctor", () => {
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
    rmSync(home, { recursive: true, force: true });
  });

  it("finds every native part and an empty home sound", async () => {
    const { of, findings } = await doctor({ FLYBALL_API_PORT: "0", FLYBALL_REDIS_URL: redis.url });
    for (const check of ["node", "build", "config", "home", "stack", "clock", "onnx", "chdb"])
      expect(of(check), check).toMatchObject({ state: "ok" });
    expect(of("redis")?.seen).toContain(redis.url);
    expect(findings.filter(({ state, remedy }) => state === "problem" && remedy === "")).toEqual([]);
  });

  it("names what is wrong and the way out, all in one look, and exits 1", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    writeFileSync(
      path.join(home, "run.json"),
      JSON.stringify({
        pid: 2 ** 22 + 1,
        redis: "redis://x",
        clickhouse: "http://x",
        api: "http://x",
        started_at: "",
      }),
    );
    mkdirSync(path.join(home, "keys"), { recursive: true });
    writeFileSync(path.join(home, "keys", "aaaaaaaaaaaa.key.json"), "{}");
    const { status, ok, of } = await doctor({
      FLYBALL_API_PORT: String(port),
      FLYBALL_REDIS_URL: "redis://:secret@127.0.0.1:1",
      FLYBALL_CLICKHOUSE_URL: "http://127.0.0.1:1",
    });
    taken.close();
    expect({ status, ok }).toEqual({ status: 1, ok: false });
    expect(of("port")).toEqual({
      check: "port",
      state: "problem",
      seen: `127.0.0.1:${port} is taken`,
      remedy: "stop what uses it (ss -ltnp), or set FLYBALL_API_PORT; 0 takes a free one",
    });
    expect(of("stack")).toMatchObject({
      state: "problem",
      remedy: expect.stringContaining("run.json") as string,
    });
    expect(of("redis")?.seen).toContain("does not answer");
    expect(of("redis")?.seen).not.toContain("secret");
    expect(of("clickhouse")).toMatchObject({ state: "problem" });
    expect(of("keys")).toMatchObject({ state: "problem" });
    expect(of("chdb")).toMatchObject({ state: "ok" });
  });

  it("tells a mistyped setting by its name and looks on", async () => {
    const { status, of } = await doctor({ FLYBALL_API_PROT: "1" });
    expect(status).toBe(1);
    expect(of("config")?.seen).toMatch(/prot/i);
    expect(of("onnx")).toMatchObject({ state: "ok" });
  });

  it("tells what a Redis would lose, and how to set it", async () => {
    const client = new Redis(redis.url);
    for (const [setting, value, told] of [
      ["maxmemory-policy", "allkeys-lru", "may drop events and the ledger's head"],
      ["appendonly", "no", "an acknowledged event dies with the process"],
      ["appendfsync", "no", "acknowledged events dies with the machine"],
    ] as const) {
      const before = String(((await client.config("GET", setting)) as string[])[1]);
      await client.config("SET", setting, value);
      const { status, of } = await doctor({ FLYBALL_API_PORT: "0", FLYBALL_REDIS_URL: redis.url });
      await client.config("SET", setting, before);
      expect(status).toBe(1);
      expect(of("redis")).toMatchObject({ state: "problem", seen: expect.stringContaining(told) as string });
      expect(of("redis")?.remedy).toContain(`CONFIG SET ${setting}`);
    }
    client.disconnect();
  });

  it("says how to get a Redis where there is none, or only an old one", async () => {
    const bin = mkdtempSync(path.join(tmpdir(), "flyball-doctor-bin-"));
    const none = await doctor({ FLYBALL_API_PORT: "0", PATH: bin });
    expect(none.of("redis")).toMatchObject({
      state: "problem",
      seen: "no redis-server on PATH and no redis.url configured",
      remedy: expect.stringContaining("apt-get install redis-server") as string,
    });
    writeFileSync(path.join(bin, "redis-server"), "#!/bin/sh\necho 'Redis server v=6.2.7 sha=00000000:0'\n");
    chmodSync(path.join(bin, "redis-server"), 0o755);
    const old = await doctor({ FLYBALL_API_PORT: "0", PATH: `${bin}:/bin:/usr/bin` });
    expect(old.of("redis")).toMatchObject({ state: "problem", seen: "redis-server 6.2.7 is too old" });
    expect(old.status).toBe(1);
    rmSync(bin, { recursive: true });
  });

  it("says where state cannot be kept: a folder that is none, no room, a door open to everybody", async () => {
    const file = path.join(home, "a-file");
    writeFileSync(file, "");
    const { status, of } = await doctor({ FLYBALL_HOME: path.join(file, "below"), FLYBALL_API_PORT: "0" });
    expect(status).toBe(1);
    expect(of("home")).toMatchObject({
      state: "problem",
      seen: `${file} is no folder`,
      remedy: expect.stringContaining("FLYBALL_HOME") as string,
    });
    const open = await doctor({
      FLYBALL_HOME: path.join(home, "fresh"),
      FLYBALL_API_PORT: "0",
      FLYBALL_API_HOST: "0.0.0.0",
    });
    expect(open.of("keys")).toMatchObject({
      state: "problem",
      seen: expect.stringContaining("0.0.0.0") as string,
      remedy: expect.stringContaining("flyball keys create") as string,
    });
    // A file system of no size at all is as full as one can be.
    if (!existsSync("/proc/self")) return;
    const full = await doctor({ FLYBALL_HOME: "/proc/flyball", FLYBALL_API_PORT: "0" });
    expect(full.of("disk")).toMatchObject({
      state: "problem",
      seen: "0.0 GB free (0 %) at /proc",
      remedy: expect.stringContaining("make room") as string,
    });
  });

  it("compares clocks with the other machine's", async () => {
    const hourAgo = createHttpServer((_, response) => response.end(`26.1.1.1\t${Date.now() - 3_600_000}\n`));
    const port = await new Promise<number>((resolve) =>
      hourAgo.listen(0, "127.0.0.1", () => {
        const address = hourAgo.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      }),
    );
    const { of } = await doctor({
      FLYBALL_API_PORT: "0",
      FLYBALL_CLICKHOUSE_URL: `http://127.0.0.1:${port}`,
    });
    hourAgo.close();
    expect(of("clickhouse")).toMatchObject({ state: "ok" });
    expect(of("clock")?.seen).toMatch(/^-3(599|600)\d{3} ms from this machine's clock/);
    expect(of("clock")).toMatchObject({
      state: "problem",
      remedy: expect.stringContaining("timedatectl set-ntp true") as string,
    });
  });

  it("looks at an installation without its native parts, its pages or a sound policy, all in one look", async () => {
    const root = mkdtempSync(path.join(tmpdir(), "flyball-doctor-install-"));
    for (const part of ["package.json", "config", "clickhouse", "contracts"])
      cpSync(path.join(projectRoot(), part), path.join(root, part), { recursive: true });
    const dist = path.join(projectRoot(), "dist");
    cpSync(dist, path.join(root, "dist"), {
      recursive: true,
      filter: (from) => !from.startsWith(path.join(dist, "web")) && !from.endsWith(".map"),
    });
    mkdirSync(path.join(root, "node_modules"));
    for (const name of readdirSync(path.join(projectRoot(), "node_modules")))
      if (!["chdb", "onnxruntime-node", ".bin"].includes(name))
        symlinkSync(path.join(projectRoot(), "node_modules", name), path.join(root, "node_modules", name));
    const policy = path.join(root, "config", "policy.yaml");
    writeFileSync(policy, readFileSync(policy, "utf8").replace("pairs: {", "paris: {"));
    const { status, of, findings } = await doctor({ FLYBALL_API_PORT: "0" }, root);
    rmSync(root, { recursive: true });
    expect(status).toBe(1);
    expect(of("build")).toMatchObject({
      state: "problem",
      seen: "dist/web/index.html is missing",
      remedy: "npm run build",
    });
    expect(of("config")?.seen).toMatch(/policy\.yaml:\d+:\d+: .*paris.*did you mean pairs/);
    for (const [check, what] of [
      ["onnx", "onnxruntime-node cannot be loaded"],
      ["chdb", "the embedded engine does not start"],
    ] as const)
      expect(of(check)).toMatchObject({
        state: "problem",
        seen: expect.stringContaining(what) as string,
        remedy: expect.stringContaining("npm ci --include=optional") as string,
      });
    expect(findings.length).toBeGreaterThan(9);
  });
});
