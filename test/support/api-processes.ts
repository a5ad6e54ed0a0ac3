// Test support: api processes from the build as an operator starts them, and clients beside them: who runs under whom, requests that are
// asked without pause on their own connection or on one that is kept, and the news. Promises that an outcome is told whatever became of it.
import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";
import type { z } from "zod";
import { PredictAnswer } from "../../contracts/api.ts";
import { projectRoot } from "../../src/adapters/config.ts";
import type { Deployment } from "./deployment.ts";

export const CLIENTS = 8;

/** State and parent of a process, read from the kernel: a bare machine has no `ps`. Null once it is gone. */
const processOf = (pid: number): { readonly state: string; readonly parent: number } | null => {
  try {
    // The name stands in parentheses and may hold anything; what follows the last of them does not.
    const [state = "", parent] =
      readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return null;
  }
};

/** True until a process has ended. */
export const isAlive = (pid: number): boolean => (processOf(pid)?.state ?? "Z") !== "Z";

/** The living children of a process. */
export const workersOf = (of: ChildProcess): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isAlive(pid) && processOf(pid)?.parent === of.pid);

/** Runs a command of ours on a deployment's neighbours; gives it with its first line on stdout. */
export const startCommand = async (
  house: Deployment,
  words: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ readonly child: ChildProcess; readonly said: unknown }> => {
  const child = spawn(process.execPath, [path.join(projectRoot(), "dist/src/cli.js"), ...words], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      FLYBALL_HOME: house.stack.home,
      FLYBALL_REDIS_URL: house.stack.redisUrl,
      FLYBALL_CLICKHOUSE_URL: house.stack.clickhouseUrl,
      FLYBALL_LOG_LEVEL: "fatal",
      ...env,
    },
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${words[0] ?? ""} ended with ${code}`)));
  });
  return { child, said: JSON.parse(line) as unknown };
};

/** What became of a request; status 0 where the connection was lost. */
export interface Outcome {
  readonly status: number;
  /** Index of the features it brought. */
  readonly row: number;
  readonly sentAt: number;
  /** What was answered; null where it was no 200. */
  readonly answer: z.infer<typeof PredictAnswer> | null;
}

export const ROWS = Array.from({ length: 24 }, (_, at) => ({
  price: 7.5 + at * 20,
  shop: ["north", "south", "east"][at % 3],
}));

const predict = (port: number, row: number, agent: Agent | false): Promise<Outcome> =>
  new Promise((resolve) => {
    const body = JSON.stringify({ features: ROWS[row] });
    const sentAt = performance.now();
    const lost = (): void => resolve({ status: 0, row, sentAt, answer: null });
    const headers = { "content-type": "application/json", "content-length": body.length };
    const asking = request(
      { port, host: "127.0.0.1", path: "/api/v1/predict", method: "POST", agent, headers },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("error", lost);
        response.on("end", () => {
          const { statusCode: status = 0 } = response;
          const answer = status === 200 ? PredictAnswer.parse(JSON.parse(text)) : null;
          resolve({ status, row, sentAt, answer });
        });
      },
    );
    asking.on("error", lost);
    // A connection that was on its way to a process that died is closed by nobody.
    asking.setTimeout(10_000, () => asking.destroy());
    asking.end(body);
  });

export interface Load {
  readonly outcomes: readonly Outcome[];
  end(): Promise<void>;
}

/**
 * Asks without pause until told to end; gives every outcome. `kept`: clients that keep their connection, and so the process behind it;
 * the others open one a request, so that every process gets its share.
 */
export const load = (port: number, kept = 0): Load => {
  const outcomes: Outcome[] = [];
  let ending = false;
  const client = async (at: number): Promise<void> => {
    const agent = at < kept ? new Agent({ keepAlive: true, maxSockets: 1 }) : false;
    for (let turn = at; !ending; turn += 1) outcomes.push(await predict(port, turn % ROWS.length, agent));
    if (agent !== false) agent.destroy();
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at)));
  return {
    outcomes,
    end: async () => {
      ending = true;
      await all;
    },
  };
};

/** How many were answered with a prediction. */
export const answered = (outcomes: readonly Outcome[]): number =>
  outcomes.filter(({ status }) => status === 200).length;

/** Hears the api's news as a browser does, as the text that came so far. */
export const listen = async (
  port: number,
): Promise<{ text(): string; readonly ended: Promise<void>; leave(): void }> => {
  const leaving = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/events`, { signal: leaving.signal });
  if (response.body === null || !response.ok) throw new Error(`no news: ${response.status}`);
  const reader = response.body.getReader();
  let heard = "";
  const ended = (async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard += Buffer.from(value).toString();
    }
  })().catch(() => undefined);
  return { text: () => heard, ended, leave: () => leaving.abort() };
};
