// adapters/clickhouse-child: the embedded ClickHouse as a child process: started, waited for, stopped. It promises that
// the child is gone after `close`; it never decides to restart one. It runs compiled code (`npm run build` first).
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { z } from "zod";

export type ClickhouseChildOptions = {
  readonly path: string;
  /** The compiled command line; found beside this file, or in dist/ when this file runs uncompiled. */
  readonly entry?: string;
  readonly port?: number;
  readonly host?: string;
  readonly user?: string;
  readonly password?: string;
  readonly sessions?: number;
  readonly allowFiles?: boolean;
  readonly bodyMax?: number;
  readonly drainSeconds?: number;
  readonly onLog?: (line: string) => void;
};

export type ClickhouseChild = {
  readonly url: string;
  readonly pid: number;
  /** Settles when the process has ended, with its exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  /** SIGTERM, and the wait for its end. */
  close(): Promise<void>;
  /** SIGKILL, for tests of crashes. */
  kill(): Promise<void>;
};

const READY = z.looseObject({ ready: z.literal(true), port: z.number() });

/** Starts the process and resolves once it answers; rejects with what it said when it could not. */
export async function startClickhouse(options: ClickhouseChildOptions): Promise<ClickhouseChild> {
  const host = options.host ?? "127.0.0.1";
  const sessions = options.sessions ?? 4;
  const flags = ["--path", options.path, "--host", host, "--port", String(options.port ?? 0)];
  flags.push("--sessions", String(sessions));
  if (options.user !== undefined) flags.push("--user", options.user);
  if (options.bodyMax !== undefined) flags.push("--body-max", String(options.bodyMax));
  if (options.drainSeconds !== undefined) flags.push("--drain", String(options.drainSeconds));
  if (options.allowFiles === true) flags.push("--allow-files");
  const child = spawn(process.execPath, [options.entry ?? compiledEntry(), "clickhouse", ...flags], {
    stdio: ["pipe", "pipe", "pipe"],
    env: {
      ...process.env,
      // It ends when our end of its stdin closes, even if we are killed.
      FLYBALL_SUPERVISED: "1",
      // One thread a running statement, and some for compression and files.
      UV_THREADPOOL_SIZE: String(sessions + 4),
      ...(options.password === undefined ? {} : { FLYBALL_CLICKHOUSE_PASSWORD: options.password }),
    },
  });
  const exited = new Promise<number | null>((ended) => child.once("exit", (code) => ended(code)));
  const said: string[] = [];
  createInterface(child.stderr).on("line", (line) => {
    if (said.push(line) > 50) said.shift();
    options.onLog?.(line);
  });
  const lines = createInterface(child.stdout);
  const ready = new Promise<number>((found) => {
    lines.on("line", (line) => {
      const seen = READY.safeParse(parsed(line));
      if (seen.success) found(seen.data.port);
    });
  });
  const port = await Promise.race([ready, exited.then(() => undefined)]);
  if (port === undefined) throw new Error(`flyball clickhouse did not start: ${said.join("\n")}`);

  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  const url = `http://${host}:${port}`;
  return { url, pid: child.pid ?? 0, exited, close: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

function compiledEntry(): string {
  const beside = fileURLToPath(new URL("../cli.js", import.meta.url));
  const built = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));
  const entry = existsSync(beside) ? beside : built;
  if (!existsSync(entry)) throw new Error(`${entry} is not there: npm run build first`);
  return entry;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // not ours: a library's own line
  }
}
