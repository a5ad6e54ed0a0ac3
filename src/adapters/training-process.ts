// Adapter: a training in a process of its own, which may use a whole core for minutes, on the stores this process uses. It promises that
// the child is gone when the promise settles, and that an aborted job kills it. The last line of its stdout is its result as JSON.
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { z } from "zod";
import { durationMs } from "../core/duration.ts";
import type { TrainsOnWindows } from "../ports.ts";
import { projectRoot, type Config } from "./config.ts";

const Result = z.discriminatedUnion("ok", [
  z.looseObject({ ok: z.literal(true), version: z.string() }),
  z.looseObject({ ok: z.literal(false), refused: z.string(), detail: z.string() }),
]);

/** Refusals that other rows may lift; any other is the trainer's failure, and three of those in a row open the circuit. */
const OF_ROWS: ReadonlySet<string> = new Set([
  "too_few_rows",
  "no_rows",
  "too_many_rows",
  "one_class",
  "unlabelled_rows",
  "not_finite",
  "encoding_exhausted",
]);

/** What went wrong, at most, when the child did not say it in its own words. */
const STDERR_KEPT = 2_000;

/** Trains in child processes with this environment; whatever goes wrong there is a result. */
export const createTraining =
  ({ home, service }: Pick<Config, "home" | "service">, env: NodeJS.ProcessEnv): TrainsOnWindows =>
  async ({ model, training, parent, quarantined, signal }) => {
    const throughMs = Date.parse(training.through);
    const job = {
      model,
      training_id: training.trainingId,
      parent,
      start_ms: throughMs - durationMs(service.training.span),
      end_ms: throughMs,
      quarantined,
      created_at: training.requestedAt,
    };
    try {
      const answer = await runTraining(job, { env: { ...env, FLYBALL_HOME: home }, signal });
      return answer.ok
        ? { ok: true, version: answer.version }
        : {
            ok: false,
            outcome: OF_ROWS.has(answer.refused) ? "refused" : "failed",
            detail: `${answer.refused}: ${answer.detail}`,
          };
    } catch (cause) {
      return { ok: false, outcome: "failed", detail: cause instanceof Error ? cause.message : String(cause) };
    }
  };

/** Runs `flyball train-production` with a job on its stdin. */
const runTraining = async (
  job: object,
  by: { env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<z.infer<typeof Result>> => {
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
