// adapters/chdb: the embedded ClickHouse engine on one directory, as a pool of sessions. It promises that reads never take the last session
// (rows can always be written), that inserts into one table with the same token follow one another, that an insert which began is
// finished, and that it does not start with settings that would turn acknowledgements into lies.
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { drainPending, Session } from "chdb";
import { EngineError } from "../core/sql-engine.ts";
import type { EngineAnswer, EngineCounts, EngineStatement, SqlEngine } from "../core/sql-engine.ts";
import type { FromWorker, ToWorker } from "./chdb-worker.ts";

export type EngineOptions = {
  readonly path: string;
  /** How many statements run side by side; at least 2, one of them kept for writes. */
  readonly sessions: number;
  /** Statements that may wait for a session before new ones are refused. */
  readonly waitingMax?: number;
};

/**
 * What every session must hold. The engine's own defaults acknowledge an insert from memory (async_insert) and lose an
 * insert's token in other modes; a mismatch at start is a refusal to start.
 */
const PINNED: Readonly<Record<string, string>> = {
  async_insert: "0",
  wait_for_async_insert: "1",
  insert_deduplicate: "1",
  deduplicate_insert: "enable",
  deduplicate_insert_select: "enable_when_possible",
  deduplicate_blocks_in_dependent_materialized_views: "1",
  session_timezone: "UTC",
};

/** Opens the engine on `path`; the whole pool is checked before it is handed out. */
export async function openEngine(options: EngineOptions): Promise<SqlEngine> {
  const path = resolve(options.path);
  const count = Math.max(2, options.sessions);
  await mkdir(path, { recursive: true });
  // The library must be loaded, and the first session held, by the main thread: were it a worker's, the library would
  // be unloaded with that worker while its threads still run, and the process would end by SIGSEGV.
  const keeper = openKeeper(path);
  const slots: Slot[] = [];
  const end = async (): Promise<void> => {
    await Promise.all(slots.map((slot) => slot.close()));
    keeper.close();
    await drainPending();
  };
  try {
    for (let i = 0; i < count; i += 1) slots.push(await openSlot(path));
    for (const slot of slots) await refuseUnpinned(slot);
    const facts = await lines(
      slots[0],
      "SELECT version() UNION ALL SELECT timezone() UNION ALL (SELECT name FROM system.table_functions ORDER BY name)",
    );
    const [version = "", timezone = "", ...tableFunctions] = facts;
    const pool = createPool(slots, options.waitingMax ?? 1_000, end);
    return { version, timezone, tableFunctions, ...pool };
  } catch (error) {
    await end();
    throw error;
  }
}

type Slot = {
  readonly run: (statement: EngineStatement) => Promise<{ answer: EngineAnswer; ended: Promise<void> }>;
  readonly close: () => Promise<void>;
};

/** Codes of ClickHouse this adapter raises itself. */
const TOO_MANY_SIMULTANEOUS_QUERIES = 202;
const STD_EXCEPTION = 1001;

function createPool(
  slots: readonly Slot[],
  waitingMax: number,
  end: () => Promise<void>,
): Pick<SqlEngine, "run" | "close"> {
  type Waiting = { statement: EngineStatement; grant: (slot: Slot) => void; refuse: (error: Error) => void };
  const free = [...slots];
  const writing = new Set<string>();
  const waiting: Waiting[] = [];
  const running = new Set<Promise<void>>();
  let closing = false;

  const mayRun = ({ lane, writes }: EngineStatement): boolean =>
    free.length > (lane === "read" ? 1 : 0) && !writes.some((table) => writing.has(table));

  const pump = (): void => {
    for (let i = 0; i < waiting.length && free.length > 0;) {
      const next = waiting[i];
      if (next === undefined || !mayRun(next.statement)) {
        i += 1;
        continue;
      }
      waiting.splice(i, 1);
      const slot = free.pop();
      if (slot === undefined) return;
      for (const table of next.statement.writes) writing.add(table);
      next.grant(slot);
    }
  };

  const run = async (statement: EngineStatement): Promise<EngineAnswer> => {
    if (closing) throw new EngineError(TOO_MANY_SIMULTANEOUS_QUERIES, "The server is shutting down");
    if (waiting.length >= waitingMax) {
      throw new EngineError(
        TOO_MANY_SIMULTANEOUS_QUERIES,
        `Too many simultaneous queries. Maximum: ${waitingMax}`,
      );
    }
    const slot = await new Promise<Slot>((grant, refuse) => {
      waiting.push({ statement, grant, refuse });
      pump();
    });
    const release = (): void => {
      for (const table of statement.writes) writing.delete(table);
      free.push(slot);
      pump();
    };
    const started = slot.run(statement);
    const ended = started.then(
      ({ ended: end }) => end,
      () => {},
    );
    running.add(ended);
    void ended.then(() => {
      running.delete(ended);
      release();
    });
    return (await started).answer;
  };

  const close = async (drainMs: number): Promise<boolean> => {
    closing = true;
    const idle = (async () => {
      while (running.size > 0) await Promise.all(running);
      await end();
      return true;
    })();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((done) => {
      timer = setTimeout(() => done(false), drainMs);
    });
    const drained = await Promise.race([idle, late]);
    clearTimeout(timer);
    return drained;
  };

  return { run, close };
}

function openKeeper(path: string): Session {
  try {
    return new Session(path, { connectionArgs: pinnedArguments() });
  } catch (cause) {
    throw new Error(whyNotOpened(path, cause instanceof Error ? cause.message : String(cause)), { cause });
  }
}

const pinnedArguments = (): string[] => Object.entries(PINNED).map(([name, value]) => `--${name}=${value}`);

/** Starts one worker and turns its messages into answers. */
async function openSlot(path: string): Promise<Slot> {
  const compiled = import.meta.url.endsWith(".js");
  const worker = new Worker(new URL(compiled ? "./chdb-worker.js" : "./chdb-worker.ts", import.meta.url), {
    workerData: { path, pinned: pinnedArguments() },
  });
  const tell = (message: ToWorker, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer);
  let hear: (message: FromWorker) => void = () => {};
  worker.on("message", (message: FromWorker) => hear(message));
  worker.on("error", (error) => hear({ failed: { code: undefined, message: error.message } }));

  await new Promise<void>((ready, refuse) => {
    hear = (message) => {
      if ("ready" in message) ready();
      else if ("failed" in message) refuse(new Error(message.failed.message));
    };
  });

  const run: Slot["run"] = (statement) =>
    new Promise((begun, refused) => {
      const inbox = createInbox(() => tell({ ack: true }));
      let counts: EngineCounts | undefined;
      let end = (): void => {};
      const ended = new Promise<void>((resolveEnd) => (end = resolveEnd));
      const answer: EngineAnswer = {
        chunks: inbox.chunks,
        counts: () => counts,
        cancel: () => {
          inbox.end();
          tell({ cancel: true });
        },
      };
      hear = (message) => {
        if ("chunk" in message) {
          inbox.put(message.chunk);
        } else if ("done" in message) {
          counts = message.done;
          inbox.end();
          end();
        } else if ("failed" in message) {
          const error = new EngineError(message.failed.code ?? STD_EXCEPTION, message.failed.message);
          inbox.fail(error);
          refused(error); // without effect once begun: then the reader of the chunks meets it
          end();
        } else {
          return;
        }
        begun({ answer, ended });
      };
      tell({ run: statement }, transferable(statement));
    });

  const close = (): Promise<void> =>
    new Promise((closed) => {
      worker.once("exit", () => closed());
      tell({ close: true });
    });

  return { run, close };
}

/** Rows are handed over, not copied, when they own their memory. */
function transferable({ work }: EngineStatement): ArrayBuffer[] {
  if (work.how !== "rows" && work.how !== "spool") return [];
  const { buffer, byteLength } = work.rows;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

function createInbox(taken: () => void) {
  const chunks: Uint8Array[] = [];
  let over = false;
  let failure: Error | undefined;
  let wake = (): void => {};
  async function* read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        taken();
        yield chunk;
      } else if (failure !== undefined) {
        throw failure;
      } else if (over) {
        return;
      } else {
        await new Promise<void>((resolveWake) => (wake = resolveWake));
      }
    }
  }
  return {
    chunks: read(),
    put: (chunk: Uint8Array) => {
      if (!over) chunks.push(chunk);
      wake();
    },
    end: () => {
      over = true;
      wake();
    },
    fail: (error: Error) => {
      failure = error;
      wake();
    },
  };
}

/** The binding says only that it could not open; the engine's lock file says who is there. */
function whyNotOpened(path: string, said: string): string {
  let status: string;
  try {
    status = readFileSync(join(path, "status"), "utf8");
  } catch {
    return `cannot open the ClickHouse directory ${path}: ${said}`;
  }
  const pid = /^PID: (\d+)/m.exec(status)?.[1];
  const holder = pid === undefined ? "another process" : `process ${pid}`;
  return `cannot open the ClickHouse directory ${path}: ${holder} is already running on it (one process per directory); ${said}`;
}

async function refuseUnpinned(slot: Slot): Promise<void> {
  const names = Object.keys(PINNED)
    .map((name) => `'${name}'`)
    .join(", ");
  const rows = await lines(slot, `SELECT name || '=' || value FROM system.settings WHERE name IN (${names})`);
  const held = new Map(
    rows.map((row): [string, string] => [row.split("=")[0] ?? "", row.slice(row.indexOf("=") + 1)]),
  );
  for (const [name, value] of Object.entries(PINNED)) {
    const found = held.get(name);
    if (found === value) continue;
    const is = found === undefined ? "is unknown to this engine" : `is ${found}`;
    throw new Error(`ClickHouse refuses to start: setting ${name} ${is}, must be ${value}`);
  }
}

async function lines(slot: Slot | undefined, sql: string): Promise<string[]> {
  if (slot === undefined) return [];
  const work = { how: "whole", sql, format: "TabSeparated" } as const;
  const statement = {
    lane: "read",
    database: "default",
    writes: [],
    parameters: {},
    alone: false,
    session: {},
    work,
  } as const;
  const { answer } = await slot.run(statement);
  const parts: Uint8Array[] = [];
  for await (const chunk of answer.chunks) parts.push(chunk);
  return Buffer.concat(parts).toString("utf8").split("\n").slice(0, -1);
}
