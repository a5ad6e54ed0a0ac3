// Stage room: the wire door of predict. A plain, complete `POST /api/v1/predict` is read from its socket's bytes and answered with one
// write, because node's request and response objects cost more than the prediction. Whatever is not plain beyond doubt (another
// route, a query, chunks, pipelining, a rare header) goes to node's own parser, bytes first, and stays there with its connection.
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Problem } from "../../contracts/api.ts";
import { problem } from "../core/problem.ts";
import type { WallTime } from "../ports-serving.ts";
import type { Api } from "./app.ts";
import { refusalOf } from "./admission.ts";
import { replyHeaders } from "./app.ts";
import { isJsonType } from "./body.ts";
import { PLAIN } from "./interpretation.ts";

export interface WireDoor {
  /** Takes a fresh connection. */
  take(socket: Socket): void;
  /** Ends connections that wait for their next request; those under way end with their answer. */
  close(): void;
}

export interface WireDoorOptions {
  /** The one path it answers. */
  readonly path: string;
  /** Takes over a paused connection; what was read of it is put back before it flows again. */
  readonly deliver: (socket: Socket) => void;
  /** Silence before the first request; between requests. */
  readonly firstMs: number;
  readonly keepAliveMs: number;
  /** How long the second half of a request may take before node's parser and its timeouts take over. */
  readonly halfMs: number;
}

const HEAD_END = "\r\n\r\n";
const HEAD_BYTES_MAX = 8_192;

/** Makes the door; it holds its connections until they end or are delivered. */
export const createWireDoor = (api: Api, options: WireDoorOptions): WireDoor => {
  const { predictor, guard } = api;
  const { bodyBytesMax } = api.options;
  const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(options.keepAliveMs / 1000)}\r\n`;
  const okHead = createOkHead(keepAlive, api.wall);
  const headOf = createHeadReader(options.path);
  const idle = new Set<() => void>();
  let closing = false;

  const take = (socket: Socket): void => {
    /** A request's first bytes, waiting for the rest. */
    let half: Buffer | null = null;
    /** What came while an answer was under way. */
    let early: Buffer[] | null = null;
    let busy = false;
    let ended = false;
    let first = true;

    const finish = (): void => {
      idle.delete(finish);
      socket.end();
    };

    const letGo = (unread: Buffer | null): void => {
      idle.delete(finish);
      socket.off("data", onData).off("end", onEnd).off("timeout", onTimeout);
      socket.off("error", onError).off("close", onClose).off("drain", onDrain);
      socket.setTimeout(0);
      socket.pause();
      options.deliver(socket);
      if (unread !== null) socket.unshift(unread);
      socket.resume();
    };

    const settled = (): void => {
      busy = false;
      if (early !== null) letGo(Buffer.concat(early));
      else if (ended || closing) finish();
      else idle.add(finish);
    };

    const reply = (status: number, body: string, retryAfterS?: number): void => {
      if (socket.destroyed) return;
      // A good answer is ASCII (names, digits, a uuid): its length is its bytes. A problem may quote a client's own key.
      const sent =
        status === 200
          ? socket.write(okHead() + body.length + HEAD_END + body, "latin1")
          : socket.write(otherAnswer(status, body, replyHeaders(status, retryAfterS), keepAlive));
      // A client that sends and does not read would have its answers kept here.
      if (!sent) socket.pause();
      settled();
    };

    const turnAway = (why: Problem, retryAfterS?: number): void => {
      api.metrics.predicted(why.status);
      reply(why.status, JSON.stringify(why), retryAfterS);
    };

    const admit = ({ authorization }: Head, body: string): void => {
      if (guard === null) {
        predictor.predict(body, PLAIN, reply);
        return;
      }
      const asked = guard(authorization, "predict", socket.remoteAddress ?? "");
      if (!(asked instanceof Promise)) {
        if (asked.ok) predictor.predict(body, PLAIN, reply, asked.models);
        else turnAway(refusalOf(asked), asked.retryAfterS);
        return;
      }
      asked.then(
        (admission) => {
          if (admission.ok) predictor.predict(body, PLAIN, reply, admission.models);
          else turnAway(refusalOf(admission), admission.retryAfterS);
        },
        () => turnAway(problem("internal", "The key could not be checked.")),
      );
    };

    const onData = (chunk: Buffer): void => {
      if (busy) {
        (early ??= []).push(chunk);
        socket.pause();
        return;
      }
      const whole = half === null ? chunk : Buffer.concat([half, chunk]);
      const end = whole.indexOf(HEAD_END);
      if (end === -1 || end > HEAD_BYTES_MAX) {
        letGo(whole);
        return;
      }
      const head = headOf(whole.toString("latin1", 0, end));
      const missing = head === null ? 0 : end + HEAD_END.length + head.bodyBytes - whole.length;
      if (head === null || head.bodyBytes > bodyBytesMax || missing < 0 || (missing > 0 && half !== null)) {
        letGo(whole);
        return;
      }
      if (missing > 0) {
        half = whole;
        socket.setTimeout(options.halfMs);
        return;
      }
      if (first || half !== null) socket.setTimeout(options.keepAliveMs);
      first = false;
      half = null;
      busy = true;
      idle.delete(finish);
      admit(head, whole.toString("utf8", end + HEAD_END.length));
    };

    const onEnd = (): void => {
      ended = true;
      if (!busy) finish();
    };
    const onTimeout = (): void => {
      if (half !== null) letGo(half);
      else if (!busy) socket.destroy();
    };
    const onDrain = (): void => void socket.resume();
    const onError = (): void => void socket.destroy();
    const onClose = (): void => void idle.delete(finish);

    socket.on("data", onData).on("end", onEnd).on("timeout", onTimeout);
    socket.on("error", onError).on("close", onClose).on("drain", onDrain);
    socket.setTimeout(options.firstMs);
    idle.add(finish);
  };

  return {
    take,
    close: () => {
      closing = true;
      for (const finish of [...idle]) finish();
    },
  };
};

interface Head {
  readonly bodyBytes: number;
  readonly authorization: string | undefined;
}

/** Plain heads kept: a client's differ in little but their length, and a client has few lengths. */
const HEADS_MAX = 256;

/** Reads heads, and remembers what it read: all that is forgotten at once when it is too much costs one reading each. */
const createHeadReader = (path: string): ((text: string) => Head | null) => {
  const known = new Map<string, Head>();
  return (text) => {
    const seen = known.get(text);
    if (seen !== undefined) return seen;
    const head = readHead(text, path);
    if (head === null) return null;
    if (known.size === HEADS_MAX) known.clear();
    known.set(text, head);
    return head;
  };
};

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*?)[ \t]*$/;
/** A length as everybody writes it: of any other spelling node's parser says whether it is one. */
const PLAIN_LENGTH = /^[^:]+: ?\d{1,9}$/;
/** Headers that change how a message is read or answered, or that only browsers send: judged elsewhere, never twice. */
const NOT_PLAIN = new Set([
  "content-encoding",
  "cookie",
  "expect",
  "keep-alive",
  "origin",
  "proxy-connection",
  "sec-fetch-site",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What a plain head says; null where node's parser should judge it. */
const readHead = (text: string, path: string): Head | null => {
  const [request, ...lines] = text.split("\r\n");
  if (request !== `POST ${path} HTTP/1.1`) return null;
  const said = new Map<string, string>();
  for (const line of lines) {
    const [, name, value = ""] = HEADER.exec(line) ?? [];
    const key = name?.toLowerCase();
    if (key === undefined || NOT_PLAIN.has(key) || said.has(key)) return null;
    if (key === "content-length" && !PLAIN_LENGTH.test(line)) return null;
    said.set(key, value);
  }
  const length = said.get("content-length") ?? "";
  const lasting = (said.get("connection") ?? "keep-alive").toLowerCase() === "keep-alive";
  if (!said.has("host") || !lasting || !isJsonType(said.get("content-type")) || length === "") return null;
  return { bodyBytes: Number(length), authorization: said.get("authorization") };
};

/** A good answer's head up to its length; made anew once a second, for its date. */
const createOkHead = (keepAlive: string, wall: WallTime): (() => string) => {
  let second = NaN;
  let head = "";
  return () => {
    const now = Math.floor(wall.epochMs() / 1000);
    if (now !== second) {
      second = now;
      const date = new Date(now * 1000).toUTCString();
      head = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nDate: ${date}\r\n${keepAlive}Content-Length: `;
    }
    return head;
  };
};

const otherAnswer = (
  status: number,
  body: string,
  headers: Readonly<Record<string, string>>,
  keepAlive: string,
): string => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Unknown"}\r\n${lines.join("")}${keepAlive}` +
    `Content-Length: ${Buffer.byteLength(body)}${HEAD_END}${body}`
  );
};
