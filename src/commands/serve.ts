// Door: `flyball serve` and `flyball work`, one process of each kind. Both print one JSON line when ready, log JSON lines on stderr, and
// drain on SIGTERM or SIGINT.
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { ALWAYS_JSON } from "./process.ts";

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  program
    .command("serve")
    .description("run the api: predict, shadow, labels, dashboard")
    .option("--processes <number>", "processes sharing the port", whole)
    .option("--port <number>", "port (default: api.port)", whole)
    .option("--json", ALWAYS_JSON)
    .action(async (flags: { processes?: number; port?: number }) => {
      const { loadConfig } = await import("../adapters/config.ts");
      const { runServer } = await import("../server.ts");
      const { drainOnSignal, ready } = await import("./process.ts");
      const config = loadConfig();
      const port = flags.port ?? config.service.api.port;
      const service = { ...config.service, api: { ...config.service.api, port } };
      const processes = flags.processes ?? service.api.processes;
      if (processes > 1) {
        const { runCluster } = await import("./cluster.ts");
        return runCluster({ ...config, service }, processes);
      }
      const { slotOf } = await import("./cluster.ts");
      const slot = slotOf(process.env);
      const server = await runServer({ ...config, service }, { slot, bootMs: Date.now(), env: process.env });
      drainOnSignal(() => server.close());
      ready({ host: service.api.host, port: server.port });
    });
  program
    .command("work")
    .description("run the stream recorders and the stages: roll, measure, decide, execute, retrain, notify")
    .option("--json", ALWAYS_JSON)
    .action(async () => {
      const { loadConfig } = await import("../adapters/config.ts");
      const { runWorkers } = await import("../../workers/main.ts");
      const { drainOnSignal, ready } = await import("./process.ts");
      const workers = await runWorkers(loadConfig(), process.env);
      drainOnSignal(() => workers.close());
      ready({ metrics_port: workers.metricsPort });
    });
};

const whole = (value: string): number => {
  if (!/^\d{1,5}$/.test(value)) throw new InvalidArgumentError("expected a whole number");
  return Number(value);
};
