// Door: `flyball audit verify`: recomputes the ledger's chain and holds it against Redis and the signed checkpoints. Reads only;
// exit 1 with every problem named when anything does not fit.
import type { Command } from "commander";

interface Flags {
  checkpoint?: string;
  json?: boolean;
}

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("audit")
    .description("prove that the governance ledger was not altered")
    .command("verify")
    .description("recompute every entry; compare with Redis and with every checkpoint")
    .option("--checkpoint <file>", "compare with this checkpoint, kept elsewhere, in place of those on disk")
    .option("--json", "machine output")
    .action(async (flags: Flags) => {
      const { loadConfig } = await import("../adapters/config.ts");
      const { createCheckpoints } = await import("../adapters/checkpoints.ts");
      const { audit } = await import("../stages/audit.ts");
      const { wireStores } = await import("../wiring.ts");
      const config = loadConfig();
      const stores = wireStores(config, "cli");
      try {
        const checkpoints = createCheckpoints({ home: config.home });
        const { checkpoint: file } = flags;
        const report = await audit({
          ...stores.ledger.evidence(),
          checkpoints: file === undefined ? checkpoints.all : async () => [await checkpoints.check(file)],
        });
        const told = report.problems.map(({ where, problem }) => `${where}: ${problem}`);
        const summary = `${report.entries} entries, ${report.checkpoints} checkpoint${report.checkpoints === 1 ? "" : "s"}: ${report.ok ? "all fit" : `${told.length} problem${told.length === 1 ? "" : "s"}`}`;
        process.stdout.write(`${flags.json === true ? JSON.stringify(report) : summary}\n`);
        if (report.ok) return;
        process.exitCode = 1;
        process.stderr.write(`${told.join("\n")}\n`);
      } finally {
        await stores.close();
      }
    });
};
