// Adapter: child processes that must stay up. Starts one, waits until it says it is ready, writes what it prints to a log file, starts
// it again with back-off when it dies, and ends it with patience by closing its stdin. It only ever touches processes it started.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

/**
 * How node runs an api process: 32 MB where V8 gives young objects 16. Buffers of large bodies count against that room, and under load
 * the collector then runs half as often; it costs up to 50 MB of memory.
 */
export const API_FLAGS = ["--min-semi-space-size=32", "--max-semi-space-size=32"] as const;

export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly logDir: string;
  /** `pipe`: it ends by itself when its stdin closes (our own processes). `guard`: it knows nothing of us, so a shell watches for it. */
  readonly leash: "pipe" | "guard";
  /** How it says that it is ready: a JSON line `{"ready":true,…}` on stdout, or a question asked until it is answered. */
  readonly ready: "line" | (() => Promise<boolean>);
  readonly readyMs?: number;
  /** Patience after its stdin was closed before SIGKILL. */
  readonly stopMs?: number;
}

export interface Supervised {
  readonly name: string;
  /** What its last ready line said. */
  said(): Readonly<Record<string, unknown>>;
  pid(): number | null;
  restarts(): number;
  /** Its successor is started with other arguments from now on. */
  pin(args: readonly string[]): void;
  stop(): Promise<void>;
}

const BACK_OFF = { first: 250, most: 15_000, calmMs: 60_000 };

/** Starts a child and keeps it up; rejects with its last words when it cannot start the first time. */
export const supervise = async (spec: ChildSpec, told: (message: string) => void): Promise<Supervised> => {
  mkdirSync(spec.logDir, { recursive: true });
  const logFile = path.join(spec.logDir, `${spec.name}.log`);
  const log = createWriteStream(logFile, { flags: "a" });
  // A log that cannot be written, on a full disk for one, is told and costs the log, not the child.
  log.once("error", (cause) => told(`${logFile} is not written any more: ${cause.message}`));
  let args = spec.args;
  let child: ChildProcess | null = null;
  let said: Record<string, unknown> = {};
  let restarts = 0;
  let stopping = false;
  let delayMs = BACK_OFF.first;
  let retry: NodeJS.Timeout | null = null;

  const start = async (): Promise<void> => {
    const startedAt = performance.now();
    // In a process group of its own: Ctrl-C is for the supervisor, which drains its children in order.
    const started = spawn(...leashed(spec, args), {
      env: { ...spec.env, FLYBALL_SUPERVISED: "1" },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    started.stdin.on("error", () => undefined);
    child = started;
    const words: string[] = [];
    const keep = (line: string): void => {
      log.write(`${line}\n`);
      words.push(line);
      if (words.length > 20) words.shift();
    };
    createInterface({ input: started.stderr }).on("line", keep);
    const lines = createInterface({ input: started.stdout });
    const failed = new Promise<never>((_, reject) => {
      started.once("error", (cause) => reject(new Error(`${spec.name} cannot be started: ${cause.message}`)));
      started.once("exit", (code, signal) =>
        reject(
          new Error(
            `${spec.name} ended with ${code ?? signal}: ${words.at(-1) ?? "no word"} (see ${logFile})`,
          ),
        ),
      );
    });
    failed.catch(() => undefined);
    const lined = new Promise<void>((resolve) => {
      lines.on("line", (line) => {
        const found = readyLine(line);
        if (found === null) return keep(line);
        said = found;
        resolve();
      });
    });
    const asking = new AbortController();
    const isReady = spec.ready === "line" ? lined : answered(spec.ready, asking.signal);
    await Promise.race([isReady, failed, overdue(spec, logFile)])
      .catch((cause: unknown) => {
        killGroup(started);
        throw cause;
      })
      .finally(() => asking.abort());
    started.once("exit", (code, signal) => {
      if (stopping) return;
      delayMs =
        performance.now() - startedAt > BACK_OFF.calmMs
          ? BACK_OFF.first
          : Math.min(BACK_OFF.most, delayMs * 2);
      told(`${spec.name} ended with ${code ?? signal}; it starts again in ${delayMs} ms`);
      again();
    });
  };
  const again = (): void => {
    retry = setTimeout(() => {
      if (stopping) return;
      restarts += 1;
      start().catch((cause: unknown) => {
        told(cause instanceof Error ? cause.message : String(cause));
        delayMs = Math.min(BACK_OFF.most, delayMs * 2);
        again();
      });
    }, delayMs);
  };

  await start();
  return {
    name: spec.name,
    said: () => said,
    pid: () => child?.pid ?? null,
    restarts: () => restarts,
    pin: (next) => (args = next),
    stop: async () => {
      stopping = true;
      if (retry !== null) clearTimeout(retry);
      await stopChild(child, spec.stopMs ?? 30_000);
      log.end();
    },
  };
};

/** Even when we are killed without a word our end of the pipe closes, and nothing we started outlives us. */
const GUARD = 'exec 3<&0; "$@" <&- & p=$!; { cat <&3 >/dev/null; kill $p 2>/dev/null; } & wait $p';

const leashed = (spec: ChildSpec, args: readonly string[]): [string, string[]] =>
  spec.leash === "pipe" ? [spec.command, [...args]] : ["sh", ["-c", GUARD, "guard", spec.command, ...args]];

const readyLine = (line: string): Record<string, unknown> | null => {
  if (!line.startsWith('{"ready":true')) return null;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
};

/** Asks until it is answered or nobody waits for that any more. */
const answered = async (ask: () => Promise<boolean>, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && !(await ask().catch(() => false)))
    await new Promise((resolve) => setTimeout(resolve, 50));
};

const overdue = (spec: ChildSpec, logFile: string): Promise<never> =>
  new Promise((_, reject) => {
    const ms = spec.readyMs ?? 60_000;
    setTimeout(
      () => reject(new Error(`${spec.name} was not ready after ${ms / 1000} s: see ${logFile}`)),
      ms,
    ).unref();
  });

const stopChild = async (child: ChildProcess | null, patienceMs: number): Promise<void> => {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.stdin?.end();
  const cut = setTimeout(() => killGroup(child), patienceMs);
  await gone;
  clearTimeout(cut);
};

/** A guarded child is a shell and what it watches. */
const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
};
