// Test support: the command line as people run it: the build in a process of its own, with what it said and how it ended. It ends nothing
// itself; a test that may fail meanwhile kills the child.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { projectRoot } from "../../src/adapters/config.ts";

export interface Told {
  /** Null where a signal ended it. */
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** Starts `flyball` with these words and settings beside the test's own; `root` is the installation it is run from. */
export const startCommand = (
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  root = projectRoot(),
): { readonly child: ChildProcess; readonly ended: Promise<Told> } => {
  const child = spawn(process.execPath, [path.join(root, "dist", "src", "cli.js"), ...words], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { out: "", err: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (said.out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (said.err += text));
  return { child, ended: once(child, "close").then(() => ({ status: child.exitCode, ...said })) };
};
