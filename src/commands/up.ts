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
      const stack = await startStack(process.env, (message) => process.stderr.write(`${message}\n`));
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
