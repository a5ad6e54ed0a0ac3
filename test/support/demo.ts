// Test support: a short replay of the demo as a user starts it, in a folder of its own: real flights, a trained candidate in shadow, then a
// stack that keeps running. Promises that close() ends every process it started and leaves nothing behind.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { projectRoot } from "../../src/adapters/config.ts";
import { RunningStack } from "../../contracts/config.ts";

export interface DemoStack {
  readonly api: string;
  readonly clickhouse: string;
  readonly home: string;
  close(): Promise<void>;
}

const STARTS_MS_MAX = 240_000;

/** Starts it from the build; rejects with what it said when it ends early. */
export const startDemo = async (by: { days: number; flights: number }): Promise<DemoStack> => {
  const cli = path.join(projectRoot(), "dist", "src", "cli.js");
  if (!existsSync(cli)) throw new Error("end-to-end tests run what was built: npm run build");
  const folder = mkdtempSync(path.join(tmpdir(), "flyball-demo-"));
  const words = ["demo", "--days", String(by.days), "--flights", String(by.flights)];
  const child = spawn(process.execPath, [cli, ...words], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const hear = (chunk: Buffer): void => void (said += chunk.toString("utf8"));
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  const close = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const until = performance.now() + STARTS_MS_MAX;
  while (!said.includes("keeps running")) {
    if (child.exitCode !== null || performance.now() > until) {
      await close();
      throw new Error(`the demo did not come up:\n${said.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const home = path.join(folder, ".flyball", "demo");
  const running = readFileSync(path.join(home, "run.json"), "utf8");
  const { api, clickhouse } = RunningStack.parse(JSON.parse(running));
  return { api, clickhouse, home, close };
};
