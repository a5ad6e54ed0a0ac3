// Door: several api processes on one port. The primary holds the port and the slots; each worker is a whole api process of its own, which
// is started again, with back-off, when it dies. The primary serves nothing itself.
import cluster from "node:cluster";
import { ConfigError, type Config } from "../adapters/config.ts";
import { API_FLAGS } from "../adapters/supervisor.ts";
import { runServer } from "../server.ts";
import { drainOnSignal, ready } from "./process.ts";

const RESTART_MS = { first: 200, most: 10_000 };

/** Runs `processes` api processes until a signal. */
export const runCluster = async (config: Config, processes: number): Promise<void> => {
  if (cluster.isWorker) {
    const server = await runServer(config, {
      slot: slotOf(process.env),
      bootMs: Date.now(),
      env: process.env,
    });
    process.on("SIGINT", () => undefined); // the primary passes signals on, once
    process.once("SIGTERM", () => void server.close().then(() => process.exit(0)));
    process.send?.({ port: server.port });
    return;
  }
  cluster.setupPrimary({ execArgv: [...process.execArgv, ...API_FLAGS] });
  let ending = false;
  const first = slotOf(process.env);
  const started = Array.from({ length: processes }, (_, at) => startSlot(first + at, () => ending));
  const [port] = await Promise.all(started);
  drainOnSignal(async () => {
    ending = true;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(
      workers.map(async (worker) => {
        const gone = new Promise((resolve) => worker.once("exit", resolve));
        worker.process.kill("SIGTERM");
        await gone;
      }),
    );
  });
  ready({ host: config.service.api.host, port, processes });
};

/**
 * The slot of this process, or the first of its workers': machines that share a home are given slots of their own. Anything but a whole
 * number is refused: it would name a partition that no recorder reads.
 */
export const slotOf = (env: NodeJS.ProcessEnv): number => {
  const slot = env["FLYBALL_SLOT"] ?? "0";
  if (!/^\d{1,5}$/.test(slot))
    throw new ConfigError(`FLYBALL_SLOT is ${slot.slice(0, 20)}: a whole number from 0 to 99999 is expected`);
  return Number(slot);
};

/** Keeps one slot filled; resolves with the port once its first process listens. */
const startSlot = (slot: number, isEnding: () => boolean): Promise<number> =>
  new Promise((resolve) => {
    let delayMs = RESTART_MS.first;
    const start = (): void => {
      const worker = cluster.fork({ ...process.env, FLYBALL_SLOT: String(slot) });
      const startedAt = performance.now();
      worker.on("message", (said: { port?: number }) => {
        if (said.port !== undefined) resolve(said.port);
      });
      worker.once("exit", (code) => {
        if (isEnding()) return;
        delayMs =
          performance.now() - startedAt > 30_000 ? RESTART_MS.first : Math.min(RESTART_MS.most, delayMs * 2);
        process.stderr.write(`api process ${slot} ended with ${code}; it starts again in ${delayMs} ms\n`);
        setTimeout(start, delayMs);
      });
    };
    start();
  });
