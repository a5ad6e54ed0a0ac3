// Plumbing: a training crew of several threads over shared memory (core/training/kernel.ts says what a crew is). The sums
// they make are exact, so any number of threads gives the same bytes as one. Waits by Atomics; never copies rows, and never
// waits for ever: a thread that died is an error of whoever waits for its share.
import { Worker } from "node:worker_threads";
import type { Crew, Workspace } from "../core/training/kernel.ts";
import { performShare } from "../core/training/kernel.ts";

/** What a thread is told before it serves a workspace. */
export type Enlisting = {
  readonly workspace: Workspace;
  /** [0] the number of the job at hand, [1] how many threads are done with it, [2] 1 once one is lost. */
  readonly turns: Int32Array;
  readonly share: number;
  readonly shares: number;
};

/** A job kind no kernel knows: the thread goes back to its event loop. */
export const LEAVE = 0;

/** Looks this often before sleeping: a job is mostly over in less time than waking a thread takes. */
const GLANCES = 20_000;
/** Far longer than any share takes; counted in sleeps, so that a suspended machine's night is one of them. */
const SLEEP_MS = 1_000;
const SLEEPS_MAX = 60;

/**
 * Starts the threads beside the caller; close() ends them. `threads` counts the caller: 1 starts none. A thread killed from outside
 * (for want of memory) cannot say so: its share is given up after `sleepsMax` sleeps.
 */
export const startTrainingThreads = async (
  threads: number,
  { sleepsMax = SLEEPS_MAX }: { readonly sleepsMax?: number } = {},
): Promise<Crew & { close(): Promise<void> }> => {
  const file = import.meta.url.endsWith(".ts") ? "./training-thread.ts" : "./training-thread.js";
  const workers = Array.from({ length: threads - 1 }, () => new Worker(new URL(file, import.meta.url)));
  // Heard only once the fit has ended by the error below: a fit never lets go of the event loop.
  for (const worker of workers)
    worker.on("error", (cause) => process.stderr.write(`a training thread failed: ${String(cause)}\n`));
  await Promise.all(workers.map(online));
  const turns = new Int32Array(new SharedArrayBuffer(12));
  let workspace: Workspace | null = null;
  const call = (): void => {
    Atomics.store(turns, 1, 0);
    Atomics.add(turns, 0, 1);
    Atomics.notify(turns, 0);
  };
  const lost = (why: string): never => {
    Atomics.store(turns, 2, 1);
    throw new Error(`a training thread ${why}`);
  };
  const gather = (): void => {
    for (let glance = 0, sleeps = 0; ; glance++) {
      const done = Atomics.load(turns, 1);
      if (Atomics.load(turns, 2) > 0) lost("failed");
      if (done === workers.length) return;
      if (glance <= GLANCES || Atomics.wait(turns, 1, done, SLEEP_MS) !== "timed-out") continue;
      if (++sleeps >= sleepsMax) lost("does not answer: it may have been killed for want of memory");
    }
  };
  return {
    shares: threads,
    allocate: (bytes) => new SharedArrayBuffer(bytes),
    enlist: (given) => {
      workspace = given;
      Atomics.store(turns, 0, 0);
      workers.forEach((worker, at) => {
        const enlisting: Enlisting = { workspace: given, turns, share: at + 1, shares: threads };
        worker.postMessage(enlisting);
      });
    },
    perform: () => {
      if (workspace === null) return;
      call();
      performShare(workspace, 0, threads);
      gather();
    },
    disband: () => {
      workspace?.job.set([LEAVE]);
      workspace = null;
      call();
      // Of a lost thread the caller knows already.
      if (Atomics.load(turns, 2) === 0) gather();
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
};

/** Serves one workspace until told to leave; blocks its thread, which has nothing else to do. */
export const serve = ({ workspace, turns, share, shares }: Enlisting): void => {
  for (let turn = 0; ;) {
    for (let glance = 0; Atomics.load(turns, 0) === turn;)
      if (++glance > GLANCES) Atomics.wait(turns, 0, turn);
    turn = Atomics.load(turns, 0);
    const leaving = workspace.job[0] === LEAVE;
    try {
      if (!leaving) performShare(workspace, share, shares);
    } catch (cause) {
      Atomics.store(turns, 2, 1);
      Atomics.notify(turns, 1);
      throw cause;
    }
    Atomics.add(turns, 1, 1);
    Atomics.notify(turns, 1);
    if (leaving) return;
  }
};

const online = (worker: Worker): Promise<void> =>
  new Promise((resolve, reject) => {
    worker.once("error", reject);
    worker.once("online", () => {
      worker.off("error", reject);
      resolve();
    });
  });
