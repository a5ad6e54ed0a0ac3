// Adapter: a trainer that is no part of this house, run as a process group of its own with a time limit, a bounded tail of what it
// prints, and an environment of a few names: it gets no key of ours. It is gone, with all it started, when the promise settles, when
// the signal aborts and when we are killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { isCode } from "./durable.ts";

export type TrainerRefusal = {
  readonly refused:
    "trainer_failed" | "trainer_too_slow" | "trainer_stopped" | "no_model" | "model_too_large";
  readonly detail: string;
};

/** What a trainer is told, as paths: placeholders in its arguments and names in its environment. */
export interface TrainerFiles {
  readonly data: string;
  readonly contract: string;
  readonly output: string;
}

/** The end of what it printed, kept for the reason of a failure. */
const TAIL = 2_000;
/** How long its last words may take once it has ended. */
const PATIENCE_MS = 1_000;
export const MODEL_BYTES_MAX = 512 * 2 ** 20;

/**
 * The shell stands between us: when our end of the pipe closes, however that comes, the whole group ends. `kill 0` is the group.
 */
const GUARD = 'exec 3<&0; "$@" </dev/null 3<&- & p=$!; { cat <&3 >/dev/null; kill -KILL 0; } & wait $p';

/** Runs the command to its end and gives the bytes of the model it wrote. */
export const runTrainer = async (by: {
  readonly command: readonly string[];
  readonly files: TrainerFiles;
  readonly seed: number;
  readonly timeMs: number;
  readonly signal: AbortSignal;
  /** Told what it prints, as it prints it. */
  readonly onOutput?: (text: string) => void;
}): Promise<Uint8Array | TrainerRefusal> => {
  const said = {
    data: by.files.data,
    contract: by.files.contract,
    output: by.files.output,
    seed: String(by.seed),
  };
  const command = by.command.map((word) =>
    word.replace(/\{(data|contract|output|seed)\}/g, (_, name: keyof typeof said) => said[name]),
  );
  const env = {
    ...kept(["PATH", "HOME", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH"]),
    TMPDIR: path.dirname(by.files.output),
    ...Object.fromEntries(
      Object.entries(said).map(([name, text]) => [`FLYBALL_TRAIN_${name.toUpperCase()}`, text]),
    ),
  };
  if (by.signal.aborted) return { refused: "trainer_stopped", detail: "it was stopped before it began" };
  const child = spawn("sh", ["-c", GUARD, "guard", ...command], {
    env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  let why: TrainerRefusal["refused"] | null = null;
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch (error) {
      if (!isCode(error, "ESRCH")) throw error;
    }
  };
  const stop = (reason: TrainerRefusal["refused"]) => (): void => {
    why ??= reason;
    kill();
  };
  const timer = setTimeout(stop("trainer_too_slow"), by.timeMs);
  const onAbort = stop("trainer_stopped");
  by.signal.addEventListener("abort", onAbort, { once: true });
  let tail = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      tail = (tail + text).slice(-TAIL);
      by.onOutput?.(text);
    });
  child.stdin.on("error", () => undefined);
  try {
    const closed = once(child, "close");
    await Promise.race([closed, once(child, "exit")]);
    kill(); // whatever it left running
    await Promise.race([closed, pause(PATIENCE_MS)]);
  } finally {
    clearTimeout(timer);
    by.signal.removeEventListener("abort", onAbort);
    kill();
  }
  if (why === "trainer_too_slow") return { refused: why, detail: `no model within ${by.timeMs / 1000} s` };
  if (why !== null) return { refused: why, detail: "it was stopped" };
  if (child.exitCode !== 0)
    return {
      refused: "trainer_failed",
      detail: `${by.command[0] ?? ""} ended with ${child.exitCode ?? child.signalCode ?? "?"}: ${tail.trim()}`,
    };
  return modelAt(by.files.output);
};

/** Reads the file through one handle, so that what was measured is what is read. */
const modelAt = async (file: string): Promise<Uint8Array | TrainerRefusal> => {
  try {
    const handle = await open(file, "r");
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return { refused: "no_model", detail: "its output is not a file" };
      if (stat.size > MODEL_BYTES_MAX)
        return { refused: "model_too_large", detail: `${stat.size} bytes, at most ${MODEL_BYTES_MAX}` };
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isCode(error, "ENOENT")) return { refused: "no_model", detail: "it ended well and wrote no model" };
    throw error;
  }
};

const kept = (names: readonly string[]): NodeJS.ProcessEnv =>
  Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
