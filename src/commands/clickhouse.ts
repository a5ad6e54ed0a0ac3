// commands/clickhouse: the door `flyball clickhouse`. It prints one JSON line when ready and drains on SIGTERM or SIGINT.
import { join } from "node:path";
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { ALWAYS_JSON } from "./process.ts";

type Flags = {
  path?: string;
  host: string;
  port: number;
  user: string;
  password?: string;
  sessions: number;
  bodyMax: number;
  drain: number;
  allowFiles?: boolean;
};

/** Adds the command to the program. */
export function register(program: Command): void {
  program
    .command("clickhouse")
    .description("run the embedded ClickHouse engine behind the ClickHouse HTTP interface")
    .option("--path <directory>", "where its tables live (default: .flyball/clickhouse)")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <number>", "port to listen on, 0 for a free one", whole, 8123)
    .option("--user <name>", "user, when a password is set", "default")
    .option("--password <password>", "password (default: FLYBALL_CLICKHOUSE_PASSWORD; none on loopback)")
    .option("--sessions <number>", "statements that run side by side", whole, 4)
    .option("--body-max <bytes>", "largest request body, also after decompression", whole, 512 * 1024 * 1024)
    .option("--drain <seconds>", "how long SIGTERM waits for running statements", whole, 20)
    .option("--allow-files", "let statements read and write files, networks and commands")
    .option("--json", ALWAYS_JSON)
    .action(async (flags: Flags) => {
      const { runClickhouse } = await import("./clickhouse-process.ts");
      const { drainOnSignal, ready } = await import("./process.ts");
      const password = flags.password ?? process.env["FLYBALL_CLICKHOUSE_PASSWORD"];
      const running = await runClickhouse({
        path: flags.path ?? join(process.env["FLYBALL_HOME"] ?? ".flyball", "clickhouse"),
        host: flags.host,
        port: flags.port,
        user: flags.user,
        sessions: flags.sessions,
        bodyMax: flags.bodyMax,
        drainMs: flags.drain * 1000,
        allowFiles: flags.allowFiles === true,
        ...(password === undefined ? {} : { password }),
      });
      drainOnSignal(async () => {
        if (await running.close()) return;
        // Leaving politely would wait for the engine's thread; it is as safe to kill as to lose power.
        process.stderr.write("a statement outlasted the drain and is abandoned\n");
        process.kill(process.pid, "SIGKILL");
      });
      ready({ host: flags.host, port: running.port });
    });
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
}
