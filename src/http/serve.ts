// Stage room: the api's port. Plain node:http with Hono behind it and the wire door before it; a POST /api/v1/predict that the wire door
// leaves to node is answered without Request and Response objects. Slow, oversized and broken requests get their problem document and lose the
// connection, an oversized one after a moment in which the rest of its body is dropped. Without keys it listens on loopback only and refuses any other address.
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Problem } from "../../contracts/api.ts";
import type { ProblemKind } from "../core/problem.ts";
import { PROBLEM_TYPE, problem } from "../core/problem.ts";
import type { Admission } from "../ports-serving.ts";
import type { Api } from "./app.ts";
import { refusalOf } from "./admission.ts";
import { replyHeaders } from "./app.ts";
import { isJsonType } from "./body.ts";
import type { Wants } from "./interpretation.ts";
import { PLAIN, wantsOf } from "./interpretation.ts";
import type { WireDoor } from "./wire-door.ts";
import { createWireDoor } from "./wire-door.ts";

const PREDICT = "/api/v1/predict";
const KEEP_ALIVE_MS = 65_000;
const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);

export interface Serving {
  readonly port: number;
  /** Stops taking requests, answers those under way, closes the port. */
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly host: string;
  readonly port: number;
  /** From the first byte of a request to its last. */
  readonly requestTimeoutMs?: number;
  /** Every how many milliseconds this process says how far its event time is complete. */
  readonly heartbeatMs?: number;
}

/** Opens the port; rejects an address other machines can reach where no guard stands. */
export const serve = async (api: Api, options: ServeOptions): Promise<Serving> => {
  const { host, port, requestTimeoutMs = 15_000, heartbeatMs = 1_000 } = options;
  if (api.guard === null && !LOOPBACK.has(host))
    throw new Error(
      `no keys are configured: the api listens on loopback only, not on ${host} (see \`flyball keys create\`)`,
    );

  const fast = predictDoor(api);
  // Its own Response takes the place of the global one: the standard one copies a body of bytes and sends it through a stream.
  const rest = getRequestListener(api.hono.fetch);
  const server = createServer(
    {
      requestTimeout: requestTimeoutMs,
      headersTimeout: Math.min(requestTimeoutMs, 10_000),
      connectionsCheckingInterval: Math.max(250, Math.min(requestTimeoutMs / 2, 5_000)),
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    (request, response) => {
      const url = request.url ?? "";
      if (request.method === "POST" && (url === PREDICT || url.startsWith(`${PREDICT}?`)))
        fast(request, response);
      else void rest(request, response);
    },
  );
  server.on("clientError", answerClientError);
  const door = standBefore(server, (deliver) =>
    createWireDoor(api, {
      path: PREDICT,
      deliver,
      firstMs: Math.min(requestTimeoutMs, 10_000),
      keepAliveMs: KEEP_ALIVE_MS,
      halfMs: Math.min(requestTimeoutMs / 2, 1_000),
    }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const beat = setInterval(() => void api.heartbeat(), heartbeatMs);
  return {
    port: portOf(server.address()),
    close: async () => {
      clearInterval(beat);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      door.close();
      server.closeIdleConnections();
      await Promise.race([api.idle(), new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
      server.closeIdleConnections();
      const cut = setTimeout(() => server.closeAllConnections(), 1_000);
      await closed;
      clearTimeout(cut);
    },
  };
};

/** Puts the wire door before node's parser: it meets each connection first and delivers what is not plain. */
const standBefore = (server: Server, make: (deliver: (socket: Socket) => void) => WireDoor): WireDoor => {
  const parsers = server.listeners("connection");
  const door = make((socket) => {
    for (const parse of parsers) parse.call(server, socket);
  });
  server.removeAllListeners("connection");
  server.on("connection", (socket) => door.take(socket));
  return door;
};

const portOf = (address: AddressInfo | string | null): number =>
  address !== null && typeof address === "object" ? address.port : 0;

/** The fast door: same guard, same bounds, same predictor as the Hono route. */
const predictDoor = (api: Api): ((request: IncomingMessage, response: ServerResponse) => void) => {
  const { guard, predictor, options } = api;
  const bytesMax = options.bodyBytesMax;

  const receive = (
    request: IncomingMessage,
    response: ServerResponse,
    allowed: readonly string[] | null,
  ): void => {
    if (!isJson(request.headers["content-type"])) {
      refuse(request, response, problem("not-json-type", "Send content-type: application/json."));
      return;
    }
    const tooLarge = problem("too-large", `A body may have at most ${bytesMax} bytes.`);
    if (Number(request.headers["content-length"] ?? 0) > bytesMax) {
      refuse(request, response, tooLarge);
      return;
    }
    const wants = wantsOfUrl(request.url ?? "");
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= bytesMax) chunks.push(chunk);
      else {
        chunks.length = 0;
        request.removeAllListeners("data").removeAllListeners("end");
        refuse(request, response, tooLarge);
      }
    });
    request.on("end", () => {
      const [only] = chunks;
      const text =
        chunks.length === 1 && only !== undefined
          ? only.toString("utf8")
          : Buffer.concat(chunks).toString("utf8");
      const reply = (status: number, body: string, retryAfterS?: number): void => {
        if (status === 200 && wants === PLAIN) {
          // Names, digits and a uuid: ASCII, which node writes without measuring it first.
          response.writeHead(200, OK_HEADERS);
          response.end(body, "latin1");
          return;
        }
        response.writeHead(status, replyHeaders(status, retryAfterS));
        response.end(body);
      };
      predictor.predict(text, wants, reply, allowed);
    });
  };

  const refuse = (
    request: IncomingMessage,
    response: ServerResponse,
    why: Problem,
    retryAfterS?: number,
  ): void => {
    api.metrics.predicted(why.status);
    turnAway(request, response, why, retryAfterS);
  };
  if (guard === null) return (request, response) => receive(request, response, null);
  const admit = (request: IncomingMessage, response: ServerResponse, admission: Admission): void => {
    if (admission.ok) receive(request, response, admission.models ?? null);
    else refuse(request, response, refusalOf(admission), admission.retryAfterS);
  };
  return (request, response) => {
    const asked = guard(request.headers.authorization, "predict", request.socket.remoteAddress ?? "");
    if (!(asked instanceof Promise)) admit(request, response, asked);
    else
      asked.then(
        (admission) => admit(request, response, admission),
        () => refuse(request, response, problem("internal", "The key could not be checked.")),
      );
  };
};

const OK_HEADERS = { "content-type": "application/json", "x-content-type-options": "nosniff" };

const isJson = (type: string | undefined): boolean => type === "application/json" || isJsonType(type);

const wantsOfUrl = (url: string): Wants => {
  if (url.length <= PREDICT.length) return PLAIN;
  const query = new URLSearchParams(url.slice(PREDICT.length + 1));
  return wantsOf((name) => query.get(name));
};

/** So long the rest of a body is read and dropped: a connection cut at once is reset, and its client may never see the answer. */
const LINGER_MS = 1_000;

/** Answers before the body is read; where the rest of it does not end soon, the connection does. */
const turnAway = (
  request: IncomingMessage,
  response: ServerResponse,
  why: Problem,
  retryAfterS: number | undefined,
): void => {
  const wait = retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) };
  response.writeHead(why.status, {
    "content-type": PROBLEM_TYPE,
    "x-content-type-options": "nosniff",
    ...wait,
  });
  response.end(JSON.stringify(why));
  if (request.complete) return;
  const cut = setTimeout(() => request.socket.destroy(), LINGER_MS);
  request.once("end", () => clearTimeout(cut)).once("close", () => clearTimeout(cut));
  request.resume();
};

const CLIENT_ERRORS: Readonly<Record<string, { kind: ProblemKind; detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { kind: "request-timeout", detail: "The request did not arrive in time." },
  HPE_HEADER_OVERFLOW: { kind: "header-too-large", detail: "The request's headers are too large." },
};

/** What node could not parse never reaches the app; it gets a problem document all the same. */
const answerClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const { kind, detail } = CLIENT_ERRORS[error.code ?? ""] ?? {
    kind: "bad-request",
    detail: "This is no HTTP request.",
  };
  const why = problem(kind, detail);
  const body = JSON.stringify(why);
  socket.end(
    `HTTP/1.1 ${why.status} ${why.title}\r\ncontent-type: ${PROBLEM_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
};
