// Adapter: a candidate in a process of its own. A model made elsewhere may crash the process it runs in: here that is a rejected
// call, an `error` row of the candidate and a fresh process after a pause, and nothing more. The parent never waits for it.
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { ScoringSession } from "../ports-serving.ts";
import { watchMemory } from "./memory-watch.ts";
import type { SessionSpec } from "./onnx.ts";

/** What the parent sends first: the verified bytes and how they are fed. */
export interface ChildModel {
  readonly bytes: Uint8Array;
  readonly spec: SessionSpec;
}

const Message = z.union([
  z.object({ ready: z.literal(true) }),
  z.object({ failed: z.string() }),
  z.object({ id: z.int(), scores: z.union([z.instanceof(Float32Array), z.instanceof(Float64Array)]) }),
  z.object({ id: z.int(), error: z.string() }),
]);

export interface ChildOptions {
  /** A call without answer for this long ends the process; null: never (`clock: replay`). */
  readonly hangMs?: number | null;
  /** First pause before a new process is started; doubles up to `backOffMsMax`. */
  readonly backOffMs?: number;
  readonly backOffMsMax?: number;
  /** Resident memory beyond which the process is ended. */
  readonly memoryBytes?: number;
  /** The compiled child module; from source it is found in `dist/`. */
  readonly entry?: string;
}

export interface ShadowChild extends ScoringSession {
  /** Id of the running process; null while there is none. */
  pid(): number | null;
  restarts(): number;
}

/** Node, the runtime and a model of the largest size the registry takes; it lives long, so it is looked at seldom. */
const MEMORY_BYTES_MAX = 2 * 2 ** 30;
const MEMORY_EVERY_MS = 500;

interface Call {
  readonly resolve: (scores: Float32Array | Float64Array) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | null;
}

/** Starts the process and resolves once it has loaded the model; rejects where the first start fails. */
export const startShadowChild = async (
  model: ChildModel,
  options: ChildOptions = {},
): Promise<ShadowChild> => {
  const { hangMs = 10_000, backOffMs = 200, backOffMsMax = 30_000, entry = compiledEntry() } = options;
  const { memoryBytes = MEMORY_BYTES_MAX } = options;
  const calls = new Map<number, Call>();
  let child: ChildProcess | null = null;
  let ready = false;
  let closed = false;
  let nextId = 1;
  let restarts = 0;
  let pause = backOffMs;
  let again: NodeJS.Timeout | null = null;

  const dropAll = (why: string): void => {
    for (const call of calls.values()) {
      if (call.timer !== null) clearTimeout(call.timer);
      call.reject(new Error(why));
    }
    calls.clear();
  };

  const settle = (id: number): Call | undefined => {
    const call = calls.get(id);
    calls.delete(id);
    if (call?.timer) clearTimeout(call.timer);
    return call;
  };

  /** One life of the process; resolves when it is ready or has ended. */
  const live = (): Promise<string | null> =>
    new Promise((resolve) => {
      const started = spawn(
        process.execPath,
        [
          "--max-old-space-size=256",
          "--input-type=module",
          "-e",
          `(await import(${JSON.stringify(entry)})).scoreForParent()`,
        ],
        { stdio: ["ignore", "ignore", "ignore", "ipc"], serialization: "advanced", env: {} },
      );
      child = started;
      let why = "the candidate's process ended";
      watchMemory(
        started,
        memoryBytes,
        (bytes) => (why = `the candidate's process took ${bytes} bytes of memory, at most ${memoryBytes}`),
        MEMORY_EVERY_MS,
      );
      started.on("message", (raw) => {
        const message = Message.safeParse(raw);
        if (!message.success) return;
        const said = message.data;
        if ("ready" in said) {
          ready = true;
          resolve(null);
        } else if ("failed" in said) resolve(said.failed);
        else if ("scores" in said) {
          pause = backOffMs;
          settle(said.id)?.resolve(said.scores);
        } else settle(said.id)?.reject(new Error(said.error));
      });
      started.on("error", (error) => resolve(error.message));
      started.on("exit", () => {
        if (child === started) child = null;
        ready = false;
        dropAll(why);
        resolve(`${why}, before it was ready`);
        if (!closed) scheduleRestart();
      });
      started.send({ bytes: model.bytes, spec: model.spec }, () => undefined);
    });

  const scheduleRestart = (): void => {
    if (again !== null) return;
    again = setTimeout(() => {
      again = null;
      restarts++;
      void live();
    }, pause);
    pause = Math.min(pause * 2, backOffMsMax);
  };

  const end = (): void => {
    closed = true;
    if (again !== null) clearTimeout(again);
    child?.kill("SIGKILL");
  };

  const failure = await live();
  if (failure !== null) {
    end();
    throw new Error(failure);
  }
  return {
    run: (vector, n) =>
      new Promise((resolve, reject) => {
        const target = child;
        if (target === null || !ready) {
          reject(new Error("the candidate's process is not running"));
          return;
        }
        const id = nextId++;
        const timer = hangMs === null ? null : setTimeout(() => target.kill("SIGKILL"), hangMs);
        calls.set(id, { resolve, reject, timer });
        target.send({ id, n, vector: vector.slice(0) }, (error) => {
          if (error !== null) settle(id)?.reject(error);
        });
      }),
    close: () => {
      const target = child;
      end();
      if (target === null) return Promise.resolve();
      return new Promise((resolve) => target.once("exit", () => resolve()));
    },
    pid: () => child?.pid ?? null,
    restarts: () => restarts,
  };
};

/** The child runs compiled JavaScript: from `dist/` its own sibling, from source the one in `dist/`. */
const compiledEntry = (): string =>
  import.meta.url.endsWith(".js")
    ? new URL("./shadow-process.js", import.meta.url).href
    : new URL("../../dist/src/adapters/shadow-process.js", import.meta.url).href;

/** The compiled child module's path, for whoever must know whether it is there. */
export const shadowProcessFile = (): string => fileURLToPath(compiledEntry());
