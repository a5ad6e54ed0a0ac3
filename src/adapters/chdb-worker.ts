// adapters/chdb-worker: one session of the embedded engine in a thread of its own, because planning a streamed query
// blocks the thread that asks for it. It runs one statement at a time and forgets everything set for it afterwards.
// It is started by adapters/chdb.ts only.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { drainPending, Session } from "chdb";
import type { RawInsertFormat } from "chdb";
import { z } from "zod";
import { sqlString } from "../core/statement.ts";
import type { EngineCounts, EngineStatement } from "../core/sql-engine.ts";

export type ToWorker = { run: EngineStatement } | { ack: true } | { cancel: true } | { close: true };
export type FromWorker =
  | { ready: true }
  | { chunk: Uint8Array }
  | { done: EngineCounts }
  | { failed: { code: number | undefined; message: string } }
  | { closed: true };

const START = z.object({ path: z.string(), pinned: z.array(z.string()) });
/** Chunks sent and not yet taken; a chunk is up to a block of 65,409 rows. */
const UNTAKEN_MAX = 4;

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  const { path, pinned } = START.parse(workerData);
  const open = () => new Session(path, { connectionArgs: pinned });
  const say = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  const flow = { untaken: 0, cancelled: false, resume: () => {} };
  let session: Session;
  let database: string | undefined;
  try {
    session = open();
  } catch (error) {
    say({ failed: failureOf(error) });
    return;
  }

  const send = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.byteLength === 0) return;
    const own = new Uint8Array(bytes);
    say({ chunk: own }, [own.buffer]);
    flow.untaken += 1;
    if (flow.untaken >= UNTAKEN_MAX && !flow.cancelled)
      await new Promise<void>((resolve) => (flow.resume = resolve));
  };

  const run = async (statement: EngineStatement): Promise<void> => {
    flow.untaken = 0;
    flow.cancelled = false;
    const mine = statement.alone ? open() : session; // opening one costs 0.2 ms
    try {
      await prepare(mine, statement, statement.alone ? undefined : database);
      if (!statement.alone) database = statement.database;
      say({ done: await perform(mine, statement.work, { path, send, cancelled: () => flow.cancelled }) });
    } catch (error) {
      say({ failed: failureOf(error) });
    } finally {
      if (statement.alone) mine.close();
    }
  };

  const end = async (): Promise<void> => {
    session.close();
    await drainPending();
    say({ closed: true });
    port.close();
  };

  port.on("message", (message: ToWorker) => {
    if ("run" in message) void run(message.run);
    else if ("close" in message) void end();
    else {
      if ("cancel" in message) flow.cancelled = true;
      else flow.untaken -= 1;
      flow.resume();
    }
  });
  say({ ready: true });
}

/** Parameters outlive their statement in the session, but the gateway refuses a placeholder without a value of its own. */
async function prepare(
  session: Session,
  statement: EngineStatement,
  database: string | undefined,
): Promise<void> {
  const pairs = [
    ...Object.entries(statement.parameters).map(([name, value]) => `param_${name} = ${sqlString(value)}`),
    ...Object.entries(statement.session).map(([name, value]) => `${name} = ${sqlString(value)}`),
  ];
  const steps: string[] = [];
  if (statement.database !== database) steps.push(`USE \`${statement.database.replace(/[\\`]/g, "\\$&")}\``);
  if (pairs.length > 0) steps.push(`SET ${pairs.join(", ")}`);
  if (steps.length > 0) await session.queryAsync(steps.join("; "));
}

type Doing = { path: string; send: (bytes: Uint8Array) => Promise<void>; cancelled: () => boolean };

async function perform(session: Session, work: EngineStatement["work"], doing: Doing): Promise<EngineCounts> {
  if (work.how === "stream") return stream(session, work.sql, work.format, doing);
  if (work.how === "rows") return insert(session, work);
  if (work.how === "spool") return spool(session, work, doing.path);
  const result = await session.queryAsync(work.sql, { format: work.format });
  await doing.send(result.bytes());
  return { elapsedSeconds: result.elapsed, rowsRead: result.rowsRead, bytesRead: result.bytesRead };
}

async function stream(session: Session, sql: string, format: string, doing: Doing): Promise<EngineCounts> {
  const began = performance.now();
  const chunks = session.queryStream(sql, { format });
  for await (const chunk of chunks) {
    if (doing.cancelled()) break;
    await doing.send(chunk.raw());
  }
  return { elapsedSeconds: (performance.now() - began) / 1000 };
}

async function insert(
  session: Session,
  work: Extract<EngineStatement["work"], { how: "rows" }>,
): Promise<EngineCounts> {
  const summary = await session.insert({
    table: work.table,
    ...(work.columns === undefined ? {} : { columns: work.columns }),
    values: work.rows,
    format: work.format as RawInsertFormat, // the gateway sends only formats of its own list of these
    settings: work.settings,
  });
  return {
    elapsedSeconds: summary.elapsed,
    rowsWritten: summary.rowsWritten,
    bytesWritten: summary.bytesWritten,
  };
}

async function spool(
  session: Session,
  work: Extract<EngineStatement["work"], { how: "spool" }>,
  path: string,
): Promise<EngineCounts> {
  const folder = mkdtempSync(join(path, "tmp", "rows-"));
  try {
    const file = join(folder, "rows");
    writeFileSync(file, work.rows);
    const result = await session.queryAsync(`${work.before} ${sqlString(file)} ${work.after}`);
    return { elapsedSeconds: result.elapsed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const FAILURE = z.object({ message: z.string(), clickhouseCode: z.number().optional() });

/** The engine's code stands at the head of its message where the binding does not tell it (streams). */
function failureOf(error: unknown): { code: number | undefined; message: string } {
  const seen = FAILURE.safeParse(error);
  if (!seen.success) return { code: undefined, message: String(error) };
  const head = /^Code: (\d+)\./.exec(seen.data.message)?.[1];
  return {
    code: seen.data.clickhouseCode ?? (head === undefined ? undefined : Number(head)),
    message: seen.data.message,
  };
}
