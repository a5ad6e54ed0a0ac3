// Adapter: ends a child process that takes more memory than it was given. Resident memory is what counts: a model's tensors lie
// outside the JavaScript heap, where --max-old-space-size does not reach. Never touches a process it was not handed.
import type { ChildProcess } from "node:child_process";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";

const EVERY_MS = 50;

/** Watches a child until it ends; kills it and calls `onOver` once its resident memory passes `bytesMax`. */
export const watchMemory = (
  child: ChildProcess,
  bytesMax: number,
  onOver: (bytes: number) => void,
  everyMs = EVERY_MS,
): (() => void) => {
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
  };
  const look = async (): Promise<void> => {
    const bytes = child.pid === undefined ? null : await residentBytes(child.pid);
    if (stopped || child.exitCode !== null || child.signalCode !== null) return;
    if (bytes !== null && bytes > bytesMax) {
      stop();
      child.kill("SIGKILL");
      onOver(bytes);
      return;
    }
    timer = setTimeout(() => void look(), everyMs).unref();
  };
  let timer = setTimeout(() => void look(), everyMs).unref();
  child.once("exit", stop);
  return stop;
};

/** Linux tells it in a file; elsewhere `ps` does. Null where neither knows the process any more. */
const residentBytes = async (pid: number): Promise<number | null> => {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => null);
  const kib = status === null ? await askPs(pid) : (/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? null);
  return kib === null ? null : Number(kib) * 1024;
};

const askPs = (pid: number): Promise<string | null> =>
  new Promise((resolve) => {
    execFile("ps", ["-o", "rss=", "-p", String(pid)], (error, stdout) => {
      resolve(error === null && stdout.trim() !== "" ? stdout.trim() : null);
    });
  });
