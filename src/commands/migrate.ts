// commands/migrate: the door `flyball migrate`. It brings the configured ClickHouse to this code's schema.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";

type Flags = { url: string; user?: string; password?: string; json?: boolean };

/** Adds the command to the program. */
export function register(program: Command): void {
  program
    .command("migrate")
    .description("bring ClickHouse to the schema of this version; running it again changes nothing")
    .option(
      "--url <url>",
      "ClickHouse's HTTP interface (default: FLYBALL_CLICKHOUSE_URL)",
      process.env["FLYBALL_CLICKHOUSE_URL"] ?? "http://127.0.0.1:8123",
    )
    .option("--user <name>", "user (default: FLYBALL_CLICKHOUSE_USER)")
    .option("--password <password>", "password (default: FLYBALL_CLICKHOUSE_PASSWORD)")
    .option("--json", "machine-readable output")
    .action(async (flags: Flags) => {
      const { createClickhouse } = await import("../adapters/clickhouse.ts");
      const { migrate } = await import("../adapters/migrations.ts");
      const user = flags.user ?? process.env["FLYBALL_CLICKHOUSE_USER"];
      const password = flags.password ?? process.env["FLYBALL_CLICKHOUSE_PASSWORD"];
      const home = clickhouseHome();
      const client = createClickhouse({
        url: flags.url,
        database: "flyball",
        queriesDir: `${home}/queries`,
        ...(user === undefined ? {} : { user }),
        ...(password === undefined ? {} : { password }),
      });
      try {
        const done = await migrate(
          client,
          { migrations: `${home}/migrations`, views: `${home}/views` },
          new Date(),
        );
        const lines = [
          ...done.applied.map((name) => `applied ${name}`),
          ...done.views.map((name) => `view ${name}`),
        ];
        const text = [...lines, `schema is at ${done.current}`].join("\n");
        process.stdout.write(`${flags.json === true ? JSON.stringify(done) : text}\n`);
      } finally {
        await client.close();
      }
    });
}

/** clickhouse/ of the checkout: two floors up from the sources, three from the compiled file. */
function clickhouseHome(): string {
  const candidates = ["../../clickhouse", "../../../clickhouse"].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const home = candidates.find((path) => existsSync(`${path}/migrations`));
  if (home === undefined)
    throw new Error("the directory clickhouse/migrations is missing beside the program");
  return home;
}
