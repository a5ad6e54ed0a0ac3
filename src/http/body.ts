// Stage room: reading a body, with its bounds. Type first, then size by the header, then size as it arrives: a body that lies
// about its length is cut off where it passes the bound, so memory never holds more than one body's worth a request.
import { IncomingMessage } from "node:http";
import type { Context } from "hono";
import type { Problem } from "../../contracts/api.ts";
import type { ProblemKind } from "../core/problem.ts";
import { PROBLEM_TYPE, problem } from "../core/problem.ts";

export type ReadBody<T> =
  { readonly ok: true; readonly body: T } | { readonly ok: false; readonly problem: Problem };

/** True for `application/json` and `application/…+json`, parameters allowed. */
export const isJsonType = (type: string | undefined): boolean =>
  type !== undefined && /^application\/(?:[a-z0-9.-]+\+)?json\s*(?:;|$)/i.test(type);

/** Reads the raw body of at most `bytesMax`. */
export const readBytes = async (c: Context, bytesMax: number): Promise<ReadBody<Uint8Array>> => {
  const tooLarge: ReadBody<Uint8Array> = {
    ok: false,
    problem: problem("too-large", `A body may have at most ${bytesMax} bytes.`),
  };
  const said = c.req.header("content-length");
  if (Number(said ?? 0) > bytesMax) return tooLarge;
  if (said !== undefined) {
    // Node holds a body to the length it was announced with, and a whole body costs less than its stream.
    const whole = await wholeBody(c, Number(said));
    return whole.length > bytesMax ? tooLarge : { ok: true, body: whole };
  }
  const stream = c.req.raw.body;
  if (stream === null) return { ok: true, body: new Uint8Array(0) };
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > bytesMax) return tooLarge;
    chunks.push(chunk);
  }
  return {
    ok: true,
    body: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length),
  };
};

/** A body of a length that was announced, from node's own request where there is one: as it comes, into one buffer. */
const wholeBody = async (c: Context, length: number): Promise<Uint8Array> => {
  const incoming: unknown = Reflect.get(Object(c.env), "incoming");
  if (!(incoming instanceof IncomingMessage)) return new Uint8Array(await c.req.raw.arrayBuffer());
  const whole = Buffer.allocUnsafeSlow(length);
  let at = 0;
  for await (const chunk of incoming) if (chunk instanceof Buffer) at += chunk.copy(whole, at);
  return whole.subarray(0, at);
};

/** Reads the bytes of a JSON body. */
export const readJsonBytes = async (c: Context, bytesMax: number): Promise<ReadBody<Buffer>> => {
  if (!isJsonType(c.req.header("content-type")))
    return { ok: false, problem: problem("not-json-type", "Send content-type: application/json.") };
  const read = await readBytes(c, bytesMax);
  if (!read.ok) return read;
  const { buffer, byteOffset, byteLength } = read.body;
  return { ok: true, body: Buffer.from(buffer, byteOffset, byteLength) };
};

/** Reads a JSON body as text. */
export const readJsonText = async (c: Context, bytesMax: number): Promise<ReadBody<string>> => {
  const read = await readJsonBytes(c, bytesMax);
  return read.ok ? { ok: true, body: new TextDecoder().decode(read.body) } : read;
};

/** Answers with a problem document. */
export const answerProblem = (why: Problem, extra: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(why), {
    status: why.status,
    headers: {
      "content-type": PROBLEM_TYPE,
      ...(why.status === 503 ? { "retry-after": "1" } : {}),
      ...extra,
    },
  });

/** Answers with the problem of a kind. */
export const refuseWith = (kind: ProblemKind, detail: string): Response =>
  answerProblem(problem(kind, detail));

/** Answers with JSON. */
export const answerJson = (body: string | Uint8Array<ArrayBuffer>, status = 200): Response =>
  new Response(body, { status, headers: { "content-type": "application/json" } });
