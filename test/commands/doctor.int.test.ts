// Integration: doctor on a real machine: a sound set-up, then one with everything wrong that a test can make wrong without root.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { projectRoot } from "../../src/adapters/config.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const home = mkdtempSync(path.join(tmpdir(), "flyball-doctor-test-"));
let redis: TestRedis;

const doctor = async (env: Record<string, string>) => {
  const cli = path.join(projectRoot(), "dist", "src", "cli.js");
  const child = spawn(process.execPath, [cli, "doctor", "--json"], {
    env: { ...process.env, FLYBALL_HOME: home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => void (out += chunk.toString("utf8")));
  child.stderr.resume();
  const [status] = (await once(child, "close")) as [number];
  const { ok, findings } = JSON.parse(out) as {
    ok: boolean;
    findings: { check: string; state: string; seen: string; remedy: string }[];
  };
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
    expect(of("port")).toMatchObject({ state: "problem", seen: `127.0.0.1:${port} is taken` });
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
});
