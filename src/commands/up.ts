// Door: `flyball up`, the whole stack on one machine until Ctrl-C.
import type { Command } from "commander";

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("up")
    .description("run Redis, ClickHouse, api and workers on this machine, supervised")
    .option("--json", "print one JSON line when ready")
    .action(async (flags: { json?: boolean }) => {
      const { startStack } = await import("../stack.ts");
      const { drainOnSignal, ready } = await import("./process.ts");
      const stack = await untilUp(() =>
        startStack(process.env, (message) => process.stderr.write(`${message}\n`)),
      );
      drainOnSignal(async () => {
        process.stderr.write("stopping: what was accepted is written first; Ctrl-C again ends at once\n");
        await stack.stop();
        process.stderr.write("stopped\n");
      });
      if (flags.json === true)
        ready({ api: stack.apiUrl, redis: stack.redisUrl, clickhouse: stack.clickhouseUrl });
      else
        process.stdout.write(
          `flyball is up\n  api         ${stack.apiUrl}\n  dashboard   ${stack.apiUrl}/\n  clickhouse  ${stack.clickhouseUrl}\n  redis       ${stack.redisUrl}\nCtrl-C drains and stops everything this command started.\n`,
        );
    });
};

/** A signal before the stack stands is heard and told; what was started meanwhile is stopped. A second one ends at once. */
const untilUp = async <T extends { stop(): Promise<void> }>(start: () => Promise<T>): Promise<T> => {
  let signals = 0;
  const hear = (): void => {
    signals += 1;
    if (signals > 1) process.exit(130);
    process.stderr.write(
      "stopping before it was up: what was started is ended first; Ctrl-C again ends at once\n",
    );
  };
  process.on("SIGINT", hear).on("SIGTERM", hear);
  try {
    const stack = await start();
    if (signals === 0) return stack;
    await stack.stop();
  } catch (cause) {
    // The children of a terminal hear the same Ctrl-C: that they ended is then no failure to tell.
    if (signals === 0) throw cause;
  } finally {
    process.off("SIGINT", hear).off("SIGTERM", hear);
  }
  process.stderr.write("stopped\n");
  process.exit(130);
};
