// http/clickhouse: the ClickHouse HTTP interface over an embedded engine, close enough for @clickhouse/client, curl and
// Grafana. It answers only after the engine did, keeps an insert running when its client leaves, and passes nothing from
// one request to the next. It never judges SQL beyond what http/clickhouse-plan.ts refuses.
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import { createGzip } from "node:zlib";
import type { EngineAnswer, EngineCounts, SqlEngine } from "../core/sql-engine.ts";
import { nativeFor, UnknownNativeType } from "../core/native-blocks.ts";
import { errorAnswer, refuse } from "./clickhouse-errors.ts";
import { planRequest, readsNewNative } from "./clickhouse-plan.ts";
import { authenticate, readRequest } from "./clickhouse-request.ts";
import type { ClickhouseRequest, Credentials } from "./clickhouse-request.ts";

export type ClickhouseHttpOptions = {
  readonly engine: SqlEngine;
  readonly credentials?: Credentials;
  readonly allowFiles: boolean;
  /** Largest request body, also after decompression; bytes. */
  readonly bodyMax: number;
  /** Largest result held whole in memory; bytes. */
  readonly resultMax: number;
};

/** Makes the HTTP server; the caller listens on it and closes it. */
export function createClickhouseHttp(options: ClickhouseHttpOptions): Server {
  const server = createServer((request, response) => void answer(request, response, options));
  // Longer than any client keeps an idle socket, so that it is never us who close one a request is already on.
  server.keepAliveTimeout = 60_000;
  server.requestTimeout = 600_000;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ClickhouseHttpOptions,
): Promise<void> {
  const { engine } = options;
  response.on("error", () => {}); // the client left; what it started is finished all the same
  let queryId: string = randomUUID();
  try {
    const url = new URL(request.url ?? "/", "http://clickhouse");
    if (plainPage(request, response, url)) return;
    refuseBrowsers(request, options.credentials !== undefined);
    authenticate(request, url, options.credentials);
    const asked = await readRequest(request, url, options.bodyMax);
    queryId = asked.queryId ?? queryId;
    response.setHeader("X-ClickHouse-Query-Id", queryId);
    response.setHeader("X-ClickHouse-Timezone", engine.timezone);
    await run(asked, response, options);
  } catch (error) {
    refuseWith(error, response, { queryId, version: engine.version });
    request.unpipe();
    request.resume(); // an unread body would hold the socket
  }
}

async function run(
  asked: ClickhouseRequest,
  response: ServerResponse,
  options: ClickhouseHttpOptions,
): Promise<void> {
  const { engine, allowFiles, resultMax } = options;
  const plan = planRequest(asked, { allowFiles, resultMax, tableFunctions: engine.tableFunctions });
  if (plan === undefined) {
    if (asked.method !== "POST") return plain(response, 200, "Ok.\n");
    return refuse("SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): . Empty query");
  }
  const answered = await engine.run(plan.statement);
  response.on("close", () => {
    if (!response.writableFinished) answered.cancel();
  });
  const tag = randomBytes(8).toString("hex");
  response.setHeader("X-ClickHouse-Server-Display-Name", "flyball");
  response.setHeader("X-ClickHouse-Exception-Tag", tag);
  response.setHeader("Content-Type", contentType(plan.format));
  if (plan.format !== undefined) response.setHeader("X-ClickHouse-Format", plan.format);
  if (plan.statement.work.how === "stream") await sendStream(asked, response, answered, tag, engine.version);
  else await sendWhole(asked, response, answered, readsNewNative(asked, plan.format) ? asked.revision : 0);
}

/** Everything is here before the status is written, so an error still has its own status. */
async function sendWhole(
  asked: ClickhouseRequest,
  response: ServerResponse,
  answered: EngineAnswer,
  revision: number,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answered.chunks) chunks.push(chunk);
  const parts = revision > 0 ? newNative(Buffer.concat(chunks), revision) : chunks;
  const counts = answered.counts();
  if (counts !== undefined) response.setHeader("X-ClickHouse-Summary", summary(counts));
  const out = opened(asked, response);
  for (const part of parts) await write(out, response, part);
  out.end();
}

const newNative = (bytes: Uint8Array, revision: number): Uint8Array[] => {
  try {
    return nativeFor(bytes, revision);
  } catch (error) {
    if (!(error instanceof UnknownNativeType)) throw error;
    const advice = "convert it, for example with toString or finalizeAggregation, or ask for another format";
    return refuse(
      "NOT_IMPLEMENTED",
      `Type ${error.message} in Native for client_protocol_version: ${advice}`,
    );
  }
};

/** Rows leave while the engine still reads; an error after the first of them is told the way a server tells it. */
async function sendStream(
  asked: ClickhouseRequest,
  response: ServerResponse,
  answered: EngineAnswer,
  tag: string,
  version: string,
): Promise<void> {
  let out: Writable | undefined;
  try {
    for await (const chunk of answered.chunks) {
      out ??= opened(asked, response);
      await write(out, response, chunk);
    }
    (out ?? opened(asked, response)).end();
  } catch (error) {
    if (out === undefined) throw error;
    const { body } = errorAnswer(error, version);
    const length = Buffer.byteLength(body);
    // Clients since 25.11 look for this frame, older ones for a line that begins with "Code:".
    out.write(`\r\n__exception__\r\n${tag}\r\n${body}${length} ${tag}\r\n__exception__\r\n`);
    if (out === response) response.end();
    else out.end();
  }
}

function opened(asked: ClickhouseRequest, response: ServerResponse): Writable {
  response.statusCode = 200;
  if (!asked.gzip) return response;
  response.setHeader("Content-Encoding", "gzip");
  const gzip = createGzip({ level: 3 });
  gzip.pipe(response);
  return gzip;
}

async function write(out: Writable, response: ServerResponse, chunk: Uint8Array): Promise<void> {
  if (response.destroyed || out.write(chunk)) return;
  // A client that leaves never drains: its going wakes us too.
  const gone = new AbortController();
  const { signal } = gone;
  await Promise.race([once(out, "drain", { signal }), once(response, "close", { signal })]).finally(() =>
    gone.abort(),
  );
}

/** A page no credentials are needed for; true when it was one. */
function plainPage(request: IncomingMessage, response: ServerResponse, url: URL): boolean {
  const reads = request.method === "GET" || request.method === "HEAD";
  const alive = url.pathname === "/ping" || url.pathname === "/replicas_status";
  if (reads && (alive || (url.pathname === "/" && url.search === ""))) {
    plain(response, 200, "Ok.\n");
    return true;
  }
  const known = url.pathname === "/" || url.pathname === "/query";
  if (known && (reads || request.method === "POST")) return false;
  request.resume();
  plain(
    response,
    known ? 405 : 404,
    `There is no handle ${request.method ?? ""} ${url.pathname}\n\nUse / or /ping for health checks.\n`,
  );
  return true;
}

/**
 * Without a password every page a browser shows could post SQL to a loopback port, or reach it by a name it controls
 * (DNS rebinding). Such requests betray themselves by Origin or by a Host that is a foreign name.
 */
function refuseBrowsers(request: IncomingMessage, guarded: boolean): void {
  if (guarded) return;
  const host = (request.headers.host ?? "localhost").replace(/:\d+$/, "");
  const local = host === "localhost" || /^[\d.]+$/.test(host) || /^\[.*\]$/.test(host);
  if (request.headers.origin === undefined && local) return;
  refuse("ACCESS_DENIED", "Requests of web pages are refused while no password is set");
}

function refuseWith(
  error: unknown,
  response: ServerResponse,
  told: { queryId: string; version: string },
): void {
  const { status, code, body } = errorAnswer(error, told.version);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.removeHeader("Content-Encoding");
  response.setHeader("X-ClickHouse-Query-Id", told.queryId);
  response.setHeader("X-ClickHouse-Exception-Code", String(code));
  if (status === 401) response.setHeader("WWW-Authenticate", 'Basic realm="ClickHouse server HTTP API"');
  if (status === 413) response.setHeader("Connection", "close");
  plain(response, status, body);
}

function plain(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", "text/plain; charset=UTF-8");
  response.end(body);
}

/** Counts as the server writes them: strings, and only what the engine counted. */
function summary(counts: EngineCounts): string {
  const pairs: Record<string, string> = {};
  if (counts.rowsRead !== undefined) pairs["read_rows"] = String(counts.rowsRead);
  if (counts.bytesRead !== undefined) pairs["read_bytes"] = String(counts.bytesRead);
  if (counts.rowsWritten !== undefined) pairs["written_rows"] = String(counts.rowsWritten);
  if (counts.bytesWritten !== undefined) pairs["written_bytes"] = String(counts.bytesWritten);
  pairs["elapsed_ns"] = String(Math.round(counts.elapsedSeconds * 1e9));
  return JSON.stringify(pairs);
}

function contentType(format: string | undefined): string {
  if (format === undefined) return "text/plain; charset=UTF-8";
  if (
    /^(JSONEachRow|JSONCompactEachRow|JSONStringsEachRow|JSONCompactStringsEachRow|NDJSON|JSONL)/i.test(
      format,
    )
  ) {
    return "application/x-ndjson; charset=UTF-8";
  }
  if (/^JSON/i.test(format)) return "application/json; charset=UTF-8";
  if (/^CSV/i.test(format)) return "text/csv; charset=UTF-8";
  if (/^(TSV|TabSeparated)/i.test(format)) return "text/tab-separated-values; charset=UTF-8";
  if (/^(RowBinary|Native|Parquet|ORC|Arrow|Avro|MsgPack|Npy)/i.test(format))
    return "application/octet-stream";
  return "text/plain; charset=UTF-8";
}
