// Door: how every long-running process of ours says it is ready and ends: one JSON line on stdout, and a drained exit on SIGTERM,
// SIGINT or the end of the process that supervises it.

/** A drain that takes longer than this is cut: what was acknowledged is durable either way. */
const DRAIN_MS = 25_000;

/** What `--json` means where a supervisor reads the answer in any case. */
export const ALWAYS_JSON =
  "machine output: one JSON line when ready, logs on stderr; it is never anything else";

/** Tells whoever started us that we answer now. */
export const ready = (said: Record<string, unknown>): void => {
  process.stdout.write(`${JSON.stringify({ ready: true, pid: process.pid, ...said })}\n`);
};

/** Closes once on the first signal and exits; a second signal exits at once. */
export const drainOnSignal = (close: () => Promise<void>): void => {
  let ending = false;
  const end = (): void => {
    if (ending) process.exit(1);
    ending = true;
    const cut = setTimeout(() => process.exit(1), DRAIN_MS);
    cut.unref();
    close().then(
      () => process.exit(0),
      (cause: unknown) => {
        process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
        process.exit(1);
      },
    );
  };
  if (process.env["FLYBALL_SUPERVISED"] === "1") {
    // Whoever started us holds the other end; when that closes, however it came about, we are done.
    process.stdin.once("end", end).once("error", end).resume();
  }
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
};
