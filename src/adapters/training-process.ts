// Adapter: a training in a process of its own, which may use a whole core for minutes. It promises that the child is gone when the
// promise settles, and that an aborted job kills it. The last line of its stdout is its result as JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { z } from "zod";
import { projectRoot } from "./config.ts";

const Result = z.discriminatedUnion("ok", [
  z.looseObject({ ok: z.literal(true), version: z.string() }),
  z.looseObject({ ok: z.literal(false), refused: z.string(), detail: z.string() }),
]);
export type TrainingAnswer = z.infer<typeof Result>;

/** What went wrong, at most, when the child did not say it in its own words. */
const STDERR_KEPT = 2_000;

/** Runs `flyball train-production` with a job on its stdin. */
export const runTraining = async (
  job: object,
  by: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<TrainingAnswer> => {
  const entry = path.join(projectRoot(), "dist", "src", "cli.js");
  const child = spawn(process.execPath, [entry, "train-production"], {
    stdio: ["pipe", "pipe", "pipe"],
    env: by.env,
  });
  const kill = (): void => void child.kill("SIGKILL");
  by.signal.addEventListener("abort", kill, { once: true });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on(
    "data",
    (chunk: Buffer) => (stderr = (stderr + chunk.toString("utf8")).slice(-STDERR_KEPT)),
  );
  child.stdin.end(JSON.stringify(job));
  try {
    await once(child, "close");
  } finally {
    by.signal.removeEventListener("abort", kill);
    kill();
  }
  const last = stdout.trim().split("\n").at(-1) ?? "";
  try {
    return Result.parse(JSON.parse(last));
  } catch {
    throw new Error(
      `the training process ended with ${child.exitCode ?? child.signalCode ?? "?"}: ${stderr.trim()}`,
    );
  }
};
