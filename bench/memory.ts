// Bench: the resident memory of a process and of all it started, as the system tells it (/proc), while it runs. It watches and touches nothing.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** Looks ten times a second; `end` gives the most that was seen, MB, or null where the system does not say. */
export const watchMemory = (pid: number): { end(): Promise<number | null> } => {
  const stop = new AbortController();
  const watching = (async (): Promise<number | null> => {
    let most: number | null = null;
    while (!stop.signal.aborted) {
      const now = residentOf(pid);
      if (now !== null) most = Math.max(most ?? 0, now);
      await pause(100, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    return most === null ? null : Math.round(most / 1024);
  })();
  return {
    end: () => {
      stop.abort();
      return watching;
    },
  };
};

/** KiB of a process and its descendants; null where the system does not say. */
const residentOf = (pid: number): number | null => {
  const read = (file: string): string => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return ""; // it ended meanwhile
    }
  };
  const own = /VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1];
  if (own === undefined) return null;
  const threads = ((): string[] => {
    try {
      return readdirSync(`/proc/${pid}/task`);
    } catch {
      return [];
    }
  })();
  const children = threads.flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`)
      .split(" ")
      .filter((word) => /^\d+$/.test(word)),
  );
  return children.reduce((sum, child) => sum + (residentOf(Number(child)) ?? 0), Number(own));
};
