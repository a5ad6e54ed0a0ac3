// Test support: a real Redis Cluster of three masters on free ports. Promises that all slots are served before it returns and
// that stop() leaves no process behind.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { setTimeout as pause } from "node:timers/promises";
import { startRedis } from "./redis.ts";

const run = promisify(execFile);
const READY_MS_MAX = 20_000;

export const startRedisCluster = async (): Promise<{
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  stop(): Promise<void>;
}> => {
  const servers = await Promise.all(
    [0, 1, 2].map(() => startRedis(["--cluster-enabled", "yes", "--cluster-node-timeout", "3000"])),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const nodes = servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  try {
    const addresses = nodes.map(({ host, port }) => `${host}:${port}`);
    await run("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", "0", "--cluster-yes"]);
    const end = performance.now() + READY_MS_MAX;
    for (const { port } of nodes) {
      for (;;) {
        const { stdout } = await run("redis-cli", ["-p", String(port), "cluster", "info"]);
        if (stdout.includes("cluster_state:ok")) break;
        if (performance.now() > end) throw new Error(`the cluster's node ${port} did not become ready`);
        await pause(100);
      }
    }
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { nodes, stop };
};
