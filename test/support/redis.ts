// Test support: a real redis-server of one's own, on a free port and in a fresh directory, as durable as production
// (appendonly, appendfsync always). Promises to answer PONG before it returns and to leave no process behind; never touches
// a Redis that was already running.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { REDIS_SETTINGS } from "../../src/adapters/redis.ts";

export interface TestRedis {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** SIGKILL, as a power cut does; the directory stays. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and directory after `kill`. */
  restart(): Promise<void>;
  /** Ends the server and removes the directory. */
  stop(): Promise<void>;
}

const READY_MS_MAX = 15_000;
const PORT_ATTEMPTS = 5;

/** Starts a redis-server for one test file; `settings` are extra command line words, e.g. `["--maxmemory", "8mb"]`. */
export const startRedis = async (settings: readonly string[] = []): Promise<TestRedis> => {
  const dir = mkdtempSync(join(tmpdir(), "flyball-redis-"));
  const { port, server } = await launchOnFreePort(dir, settings);
  let running: ChildProcess | null = server;

  // A test run that dies must not leave its server behind.
  const reap = (): void => void running?.kill("SIGKILL");
  process.once("exit", reap);

  const end = async (): Promise<void> => {
    const ending = running;
    running = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const gone = once(ending, "exit");
    ending.kill("SIGKILL");
    await gone;
  };

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    kill: end,
    restart: async () => {
      if (running !== null) throw new Error("this Redis is still running");
      const again = await launch(dir, port, settings);
      if (again === null) throw new Error(`redis-server did not come back on port ${port}`);
      running = again;
    },
    stop: async () => {
      await end();
      process.off("exit", reap);
      rmSync(dir, { recursive: true, force: true });
    },
  };
};

/** Another process may take a free port between asking and binding: then the next one is tried. */
const launchOnFreePort = async (
  dir: string,
  settings: readonly string[],
): Promise<{ port: number; server: ChildProcess }> => {
  for (let attempt = 0; attempt < PORT_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const server = await launch(dir, port, settings);
    if (server !== null) return { port, server };
  }
  throw new Error(`redis-server did not start in ${PORT_ATTEMPTS} attempts; is redis-server on PATH?`);
};

/** Null when the server ended before it answered. */
const launch = async (
  dir: string,
  port: number,
  settings: readonly string[],
): Promise<ChildProcess | null> => {
  const place = ["--bind", "127.0.0.1", "--port", String(port), "--dir", dir];
  const words = [...place, ...REDIS_SETTINGS, ...settings];
  const server = spawn("redis-server", words, { stdio: "ignore" });
  let failed = false;
  server.once("error", () => (failed = true));
  const end = performance.now() + READY_MS_MAX;
  while (performance.now() < end) {
    if (failed || server.exitCode !== null || server.signalCode !== null) return null;
    if (await answersPong(port)) return server;
    await pause(15);
  }
  server.kill("SIGKILL");
  return null;
};

const answersPong = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(500, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    // While the AOF loads the server answers -LOADING, which is not PONG.
    socket.once("data", (reply) => settle(reply.toString().startsWith("+PONG")));
  });

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() =>
        typeof address === "object" && address !== null
          ? resolve(address.port)
          : reject(new Error("no port was given")),
      );
    });
  });
