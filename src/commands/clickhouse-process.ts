// Door: the embedded ClickHouse as a process of its own: engine, HTTP interface and their end. It
// promises to be the only one on its directory, and that closing it finishes what was begun. It never daemonises.
import { mkdir } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import { openEngine } from "../adapters/chdb.ts";
import { createClickhouseHttp } from "../http/clickhouse.ts";

export type ClickhouseOptions = {
  readonly path: string;
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly user?: string;
  readonly password?: string;
  readonly sessions?: number;
  readonly allowFiles?: boolean;
  readonly bodyMax?: number;
  readonly resultMax?: number;
  readonly drainMs?: number;
};

export type RunningClickhouse = {
  readonly port: number;
  /** Drains and stops; false when a statement outlasted the drain, so that only a kill can end the process. */
  close(): Promise<boolean>;
};

const MIB = 1024 * 1024;
/** How long running statements are waited for; an insert's rows are either all in or never acknowledged. */
const DRAIN_MS = 20_000;

/** Runs the embedded ClickHouse until `close`; resolves once it answers. It changes the process's working directory. */
export async function runClickhouse(options: ClickhouseOptions): Promise<RunningClickhouse> {
  const host = options.host ?? "127.0.0.1";
  const password = options.password ?? "";
  if (!isLoopback(host) && password === "") {
    throw new Error(
      `refusing to listen on ${host} without a password: set --password or listen on 127.0.0.1`,
    );
  }
  const path = resolve(options.path);
  // The engine takes names it does not know for files of the working directory: let it stand where there are none.
  const lobby = join(path, "lobby");
  await mkdir(lobby, { recursive: true });
  process.chdir(lobby);

  const engine = await openEngine({ path, sessions: sessionsFor(options.sessions ?? 4) });
  const server = createClickhouseHttp({
    engine,
    allowFiles: options.allowFiles ?? false,
    bodyMax: options.bodyMax ?? 512 * MIB,
    resultMax: options.resultMax ?? 512 * MIB,
    ...(password === "" ? {} : { credentials: { user: options.user ?? "default", password } }),
  });
  try {
    await new Promise<void>((listening, failed) => {
      server.once("error", failed);
      server.listen(options.port, host, listening);
    });
  } catch (error) {
    await engine.close(DRAIN_MS);
    throw error;
  }
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === "object" && address !== null ? address.port : options.port;

  const close = async (): Promise<boolean> => {
    const closed = new Promise<void>((done) => server.close(() => done()));
    server.closeIdleConnections();
    const drained = await engine.close(options.drainMs ?? DRAIN_MS);
    server.closeIdleConnections();
    const late = setTimeout(() => server.closeAllConnections(), 1_000);
    await closed;
    clearTimeout(late);
    return drained;
  };
  return { port, close };
}

function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

/**
 * Every running statement holds one thread of libuv's pool (4 unless UV_THREADPOOL_SIZE says otherwise); compression
 * needs one too, so the pool of sessions stays one below.
 */
function sessionsFor(wanted: number): number {
  const threads = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4);
  return Math.max(2, Math.min(wanted, (Number.isInteger(threads) && threads > 0 ? threads : 4) - 1));
}
