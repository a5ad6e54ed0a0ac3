// Test support: a stranger's machine: a fresh folder with `flyball` and `npx` on the path, shell lines carried out as they stand, and a stack
// started as a reader starts it. Nothing of ours is imitated.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, vi } from "vitest";
import { RunningStack } from "../../contracts/config.ts";
import { projectRoot } from "../../src/adapters/config.ts";
import { diceOf } from "../../src/core/simulate-dice.ts";

const CLI = path.join(projectRoot(), "dist", "src", "cli.js");
const STARTS_MS_MAX = 90_000;

export interface Reader {
  readonly folder: string;
  readonly home: string;
  /** Runs a script in the folder and gives its output; expects it to end well. */
  sh(script: string, extra?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts a command that the test ends itself. */
  start(args: readonly string[], extra?: Readonly<Record<string, string>>): ChildProcess;
  /** What a reader does with `flyball up &`: starts it, and waits until it says where it is. */
  up(extra?: Readonly<Record<string, string>>): Promise<RunningStack>;
  down(): Promise<void>;
  /** Stops what runs and removes the folder. */
  leave(): Promise<void>;
}

/** Makes the folder; what npm would put on the path of a project that depends on this one is there. */
export const createReader = (): Reader => {
  if (!existsSync(CLI)) throw new Error("end-to-end tests run what was built: npm run build");
  const folder = mkdtempSync(path.join(tmpdir(), "flyball-reader-"));
  const home = path.join(folder, ".flyball");
  const bin = path.join(folder, "bin");
  let stack: ChildProcess | null = null;
  mkdirSync(bin);
  writeFileSync(path.join(bin, "flyball"), `#!/bin/sh\nexec "${process.execPath}" "${CLI}" "$@"\n`);
  writeFileSync(path.join(bin, "npx"), `#!/bin/sh\nexec "$@"\n`);
  for (const name of ["flyball", "npx"]) chmodSync(path.join(bin, name), 0o755);

  const begin = (
    command: string,
    args: readonly string[],
    extra: Readonly<Record<string, string>>,
  ): ChildProcess =>
    spawn(command, args, {
      cwd: folder,
      env: {
        ...process.env,
        PATH: `${bin}:${process.env["PATH"] ?? ""}`,
        FLYBALL_API_PORT: "0",
        FLYBALL_METRICS_PORT: "0",
        ...extra,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
  const down = async (): Promise<void> => {
    if (stack === null || stack.exitCode !== null) return;
    const gone = once(stack, "exit");
    stack.kill("SIGTERM");
    await gone;
    stack = null;
  };
  const start: Reader["start"] = (args, extra = {}) => begin(process.execPath, [CLI, ...args], extra);
  return {
    folder,
    home,
    start,
    sh: async (script, extra = {}) => {
      const child = begin("bash", ["-euo", "pipefail", "-c", script], extra);
      let [out, err] = ["", ""];
      child.stdout?.on("data", (chunk: Buffer) => void (out += chunk.toString("utf8")));
      child.stderr?.on("data", (chunk: Buffer) => void (err += chunk.toString("utf8")));
      await once(child, "close");
      expect(child.exitCode, `${script}\n${out}\n${err}`).toBe(0);
      return out;
    },
    up: async (extra = {}) => {
      const child = start(["up"], extra);
      stack = child;
      let said = "";
      const hear = (chunk: Buffer): void => void (said += chunk.toString("utf8"));
      child.stdout?.on("data", hear);
      child.stderr?.on("data", hear);
      const file = path.join(home, "run.json");
      await vi.waitFor(
        () => expect(child.exitCode ?? (existsSync(file) && said.includes("dashboard")), said).toBe(true),
        { timeout: STARTS_MS_MAX, interval: 50 },
      );
      return RunningStack.parse(JSON.parse(readFileSync(file, "utf8")));
    },
    down,
    leave: async () => {
      await down();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};

/** Three weeks of customers; who leaves depends on what they pay and how long they stayed. */
export const churn = (): string => {
  const dice = diceOf(11);
  const rows = Array.from({ length: 3_000 }, (_, i) => {
    const tenure = Math.floor(dice.uniform() * 72);
    const visits = Math.floor(dice.uniform() * 200);
    const monthly = 10 + dice.uniform() * 90;
    const odds = 0.5 - visits / 200 - tenure / 24 + monthly / 50;
    const left = dice.uniform() < 1 / (1 + Math.exp(-odds)) ? 1 : 0;
    const at = new Date(Date.UTC(2026, 2, 1) + i * 600_000).toISOString();
    return [at, tenure, visits, monthly.toFixed(2), left].join(",");
  });
  return `at,tenure,visits,monthly,churned\n${rows.join("\n")}\n`;
};
