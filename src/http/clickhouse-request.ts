// http/clickhouse-request: one HTTP request in ClickHouse's dialect, read into plain words: who asks, which settings,
// which parameters, which rows. It bounds what it reads (also after decompression) and never looks into the SQL.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createGunzip } from "node:zlib";
import { refuse } from "./clickhouse-errors.ts";

export type ClickhouseRequest = {
  readonly method: string;
  /** SQL of the URL, "" when it is all in the body. */
  readonly query: string;
  readonly body: Buffer;
  readonly database: string | undefined;
  readonly queryId: string | undefined;
  /** The format for statements that name none: URL first, header next. */
  readonly format: string | undefined;
  /** Which dialect of the Native format the client reads; 0: the oldest. */
  readonly revision: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
  readonly waitEndOfQuery: boolean;
  readonly gzip: boolean;
};

export type Credentials = { readonly user: string; readonly password: string };

/** Reads everything of the request but its credentials; refuses what this gateway cannot honour rather than ignoring it. */
export async function readRequest(
  request: IncomingMessage,
  url: URL,
  bodyMax: number,
): Promise<ClickhouseRequest> {
  const body = await readBody(request, bodyMax);
  const type = headerOf(request, "content-type") ?? "";
  const form = type.startsWith("multipart/form-data") ? await readForm(body, type) : undefined;
  const fields = [...url.searchParams, ...(form ?? [])];
  const settings: Record<string, string> = {};
  const parameters: Record<string, string> = {};
  const own = new Map<string, string>();
  for (const [name, value] of fields) {
    if (name.startsWith("param_")) parameters[wordOf(name.slice("param_".length))] = value;
    else if (OWN.has(name))
      own.set(name, name === "query" && own.has(name) ? `${own.get(name) ?? ""}${value}` : value);
    else if (!TRANSPORT.has(name)) settings[wordOf(name)] = value;
  }
  for (const [name, why] of UNSUPPORTED) {
    const value = own.get(name);
    if (value !== undefined && value !== "0" && value !== "") refuse("NOT_IMPLEMENTED", `${name}: ${why}`);
  }
  const accepts = (headerOf(request, "accept-encoding") ?? "").toLowerCase().includes("gzip");
  return {
    method: request.method ?? "GET",
    query: own.get("query") ?? "",
    body: form === undefined ? body : Buffer.alloc(0),
    database: own.get("database") ?? headerOf(request, "x-clickhouse-database"),
    queryId: own.get("query_id"),
    format: own.get("default_format") ?? headerOf(request, "x-clickhouse-format"),
    revision: Number(own.get("client_protocol_version") ?? 0) || 0,
    settings,
    parameters,
    waitEndOfQuery: isOn(own.get("wait_end_of_query")),
    gzip: accepts && isOn(own.get("enable_http_compression")),
  };
}

/** Throws unless the request carries the expected credentials; without expected ones everybody is let in. */
export function authenticate(request: IncomingMessage, url: URL, expected: Credentials | undefined): void {
  if (expected === undefined) return;
  const given = credentialsOf(request, url);
  if (given === undefined || (given.user === expected.user && given.password === "")) {
    refuse("REQUIRED_PASSWORD", `${given?.user ?? "default"}: Authentication failed: password is required`);
  }
  if (!same(given.user, expected.user) || !same(given.password, expected.password)) {
    const advice = "password is incorrect, or there is no user with such name";
    refuse("AUTHENTICATION_FAILED", `${given.user}: Authentication failed: ${advice}`);
  }
}

/** Read by this gateway; everything else in the URL is a setting. */
const OWN = new Set(
  "query database query_id default_format wait_end_of_query enable_http_compression compress decompress session_id client_protocol_version".split(
    " ",
  ),
);
/** Settings about the server's own HTTP transport: without meaning here, and refused by an engine without one. */
const TRANSPORT = new Set(
  (
    "user password quota_key session_timeout session_check role buffer_size stacktrace " +
    "send_progress_in_http_headers http_headers_progress_interval_ms http_zlib_compression_level " +
    "http_response_buffer_size http_response_headers http_write_exception_in_output_format add_http_cors_header " +
    "cancel_http_readonly_queries_on_client_close http_native_compression_disable_checksumming_on_decompress"
  ).split(" "),
);
const UNSUPPORTED: readonly (readonly [name: string, why: string])[] = [
  ["session_id", "every request of the embedded engine is a session of its own"],
  ["compress", "use Accept-Encoding: gzip with enable_http_compression=1"],
  ["decompress", "use Content-Encoding: gzip"],
];

const isOn = (value: string | undefined): boolean => value === "1" || value === "true";

/** Names go into SQL as they are, so only words may. */
function wordOf(name: string): string {
  if (!/^[A-Za-z_]\w*$/.test(name)) refuse("UNKNOWN_SETTING", `Unknown setting '${name.slice(0, 100)}'`);
  return name;
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

async function readBody(request: IncomingMessage, bodyMax: number): Promise<Buffer> {
  const encoding = headerOf(request, "content-encoding") ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    refuse("NOT_IMPLEMENTED", `Content-Encoding ${encoding}: only gzip is understood`);
  }
  const tooLarge = () =>
    refuse("QUERY_IS_TOO_LARGE", `The request body exceeds the limit of ${bodyMax} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > bodyMax) tooLarge();
  const source = encoding === "gzip" ? request.pipe(createGunzip()) : request;
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of source) {
    if (!Buffer.isBuffer(part)) continue;
    size += part.length;
    if (size > bodyMax) tooLarge();
    parts.push(part);
  }
  // Always a buffer of its own memory: it is handed to the engine's thread without another copy.
  const whole = Buffer.from(new ArrayBuffer(size));
  let at = 0;
  for (const part of parts) at += part.copy(whole, at);
  return whole;
}

/** Long parameters come as a form; further tables in it (a server's "external data") are not offered here. */
async function readForm(body: Buffer, type: string): Promise<[string, string][]> {
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
  const fields: [string, string][] = [];
  for (const [name, value] of form) {
    if (typeof value !== "string") refuse("NOT_IMPLEMENTED", `external data for table ${name}`);
    fields.push([name, value]);
  }
  return fields;
}

function credentialsOf(request: IncomingMessage, url: URL): Credentials | undefined {
  const user = headerOf(request, "x-clickhouse-user");
  if (user !== undefined) return { user, password: headerOf(request, "x-clickhouse-key") ?? "" };
  const basic = /^basic\s+(.+)$/i.exec(headerOf(request, "authorization") ?? "")?.[1];
  if (basic !== undefined) {
    const text = Buffer.from(basic, "base64").toString("utf8");
    const colon = text.indexOf(":");
    return colon < 0
      ? { user: text, password: "" }
      : { user: text.slice(0, colon), password: text.slice(colon + 1) };
  }
  const named = url.searchParams.get("user");
  if (named === null && !url.searchParams.has("password")) return undefined;
  return { user: named ?? "default", password: url.searchParams.get("password") ?? "" };
}

/** Compares digests, so that neither length nor content shows in the time taken. */
function same(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
