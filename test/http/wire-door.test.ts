// The wire door on an open port: what it takes itself and what it leaves to node's parser get the same answers, in whatever pieces,
// order or spelling they come; connections end as node's would.
import { connect } from "node:net";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FlightRow } from "../../bench/serving-model.ts";
import type { Guard } from "../../src/ports-serving.ts";
import type { Serving } from "../../src/http/serve.ts";
import { serve } from "../../src/http/serve.ts";
import { apiOn, memoryPublisher, modelSet, rowAt, trainFlights } from "../support/api.ts";

const ID = "0b6f2b4e-7c1a-4d54-9d3e-1f2a3b4c5d6e";
let rows: readonly FlightRow[];
let held: ReturnType<typeof modelSet>;
let serving: Serving;

const open = (guard?: Guard): Promise<Serving> =>
  serve(
    apiOn({
      models: held.models,
      publisher: memoryPublisher().publisher,
      ...(guard === undefined ? {} : { guard }),
    }),
    { host: "127.0.0.1", port: 0, requestTimeoutMs: 1_000 },
  );

beforeAll(async () => {
  held = modelSet();
  const trained = await trainFlights();
  ({ rows } = trained);
  held.held.current = trained.model;
  serving = await open();
});
afterAll(() => serving.close());

const body = (at = 0): string => JSON.stringify({ request_id: ID, features: rowAt(rows, at) });
const request = (text: string, headers = "", line = "POST /api/v1/predict HTTP/1.1"): string =>
  `${line}\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${headers}\r\n${text}`;

interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Whole answers at the front of what was received; a chunked one is taken to have one chunk and the end. */
const answersIn = (received: Buffer): Answer[] => {
  const answers: Answer[] = [];
  for (let at = 0; at < received.length;) {
    const end = received.indexOf("\r\n\r\n", at);
    if (end === -1) break;
    const head = received.toString("latin1", at, end);
    if (head.startsWith("HTTP/1.1 100 ")) {
      at = end + 4;
      continue;
    }
    const chunked = /transfer-encoding: chunked/i.test(head);
    const from = chunked ? received.indexOf("\r\n", end + 4) + 2 : end + 4;
    const size = chunked
      ? Number.parseInt(received.toString("latin1", end + 4, from), 16)
      : Number(/content-length: (\d+)/i.exec(head)?.[1] ?? NaN);
    const next = from + size + (chunked ? "\r\n0\r\n\r\n".length : 0);
    if (!(received.length >= next)) break;
    answers.push({
      status: Number(head.slice(9, 12)),
      head,
      body: received.toString("utf8", from, from + size),
    });
    at = next;
  }
  return answers;
};

/**
 * Sends pieces, each once the one before is on its way, and gives the first `count` answers; `first` is a request that is sent before
 * them and answered, and whose answer is left out.
 */
const talk = (
  pieces: readonly string[],
  count: number,
  { port = serving.port, first = null }: { port?: number; first?: string | null } = {},
): Promise<Answer[]> =>
  new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let skipped = first === null ? 0 : -1;
    const send = (at: number): void => {
      const piece = pieces[at];
      if (piece !== undefined) socket.write(piece, () => setImmediate(send, at + 1));
    };
    const socket: Socket = connect(port, "127.0.0.1", () => {
      socket.setNoDelay(true);
      if (first === null) send(0);
      else socket.write(first);
    });
    const done = (): void => {
      socket.destroy();
      resolve(answersIn(received).slice(skipped, skipped + count));
    };
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const { length } = answersIn(received);
      if (skipped === -1 && length === 1) {
        skipped = 1;
        send(0);
      } else if (length >= skipped + count) done();
    });
    socket.on("close", done);
    socket.on("error", reject);
  });

const probability = (answer: Answer | undefined): unknown =>
  Reflect.get(Object(JSON.parse(answer?.body ?? "null")), "probability");

describe("a prediction", () => {
  const ways: readonly (readonly [string, () => readonly string[]])[] = [
    ["in one piece", () => [request(body())]],
    ["in two", () => [request(body()).slice(0, 150), request(body()).slice(150)]],
    ["byte by byte", () => [...request(body())]],
    ["with the head first", () => request(body()).split(/(?<=\r\n\r\n)/)],
    ["spelled otherwise", () => [request(body(), "X-Trace:   a b\t\r\nCONNECTION: Keep-Alive\r\n")]],
    ["with a query", () => [request(body(), "", "POST /api/v1/predict?interpret=false HTTP/1.1")]],
    ["that ends the connection", () => [request(body(), "Connection: close\r\n")]],
    [
      "in chunks",
      () => [
        "POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" +
          `${body().length.toString(16)}\r\n${body()}\r\n0\r\n\r\n`,
      ],
    ],
  ];
  it.each(ways)("%s gets the same answer", async (_, make) => {
    const [plain] = await talk([request(body())], 1);
    const [answer] = await talk(make(), 1);
    expect(plain?.status).toBe(200);
    expect(answer?.status).toBe(200);
    expect(probability(answer)).toBe(probability(plain));
    expect(plain?.head).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
  });

  it("after prediction on one connection, then another route, in order", async () => {
    const health = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const all = [request(body(0)), request(body(1)), health, request(body(2))];
    const pipelined = await talk([all.join("")], 4);
    const oneByOne: Answer[] = [];
    for (const one of all) oneByOne.push(...(await talk([one], 1)));
    expect(pipelined.map((one) => one.status)).toEqual([200, 200, 200, 200]);
    expect(pipelined.map(probability)).toEqual(oneByOne.map(probability));
    expect(pipelined[2]?.body).toBe('{"status":"ok"}');
  });

  it("sent while another is under way is answered after it", async () => {
    const answers = await talk([request(body(0)), request(body(1)), request(body(2))], 3);
    const alone = await Promise.all([0, 1, 2].map((at) => talk([request(body(at))], 1)));
    expect(answers.map(probability)).toEqual(alone.map(([answer]) => probability(answer)));
  });

  it("is answered alike whatever heads came before, more of them than are remembered", async () => {
    const [plain] = await talk([request(body())], 1);
    for (let turn = 0; turn < 600; turn += 1) {
      const [answer] = await talk([request(body(), `X-Trace: ${turn % 300}\r\n`)], 1);
      expect(probability(answer)).toBe(probability(plain));
    }
  });

  it("of a client that has already ended its side is answered", async () => {
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect({ port: serving.port, host: "127.0.0.1", allowHalfOpen: true }, () =>
        socket.end(request(body())),
      );
      socket.on("data", (chunk) => (text += chunk.toString()));
      socket.on("end", () => {
        socket.destroy();
        resolve(text);
      });
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe("what is wrong", () => {
  it("is told in a problem whose length is its bytes, and the connection lives on", async () => {
    const strange = JSON.stringify({ features: { ...rowAt(rows, 0), größe: 1 } });
    const [first, second] = await talk([request(strange), request(body())], 2);
    expect(first?.status).toBe(422);
    expect(first?.head).toContain("application/problem+json");
    expect(first?.body).toContain("größe");
    expect(second?.status).toBe(200);
  });

  it.each([
    ["two lengths", () => request(body(), "Content-Length: 3\r\n"), 400],
    ["a bare line feed in a header", () => request(body(), "X-Odd: a\nContent-Length: 3\r\n"), 400],
    ["a space before the colon", () => request(body(), "X-Odd : a\r\n"), 400],
    ["length and chunks", () => request(body(), "Transfer-Encoding: chunked\r\n"), 400],
    ["another type", () => request(body()).replace("application/json", "text/plain"), 415],
    ["half a body and silence", () => request(body()).slice(0, -5), 408],
  ])("%s is refused as node's parser refuses it", async (_, make, status) => {
    const [answer] = await talk([make()], 1);
    expect(answer?.status).toBe(status);
  });

  it("is a caller without a key, asked with each request, at once or later", async () => {
    for (const later of [false, true]) {
      const guard: Guard = (authorization) => {
        const admission =
          authorization === "Bearer fb_good"
            ? ({ ok: true, actor: "test" } as const)
            : ({ ok: false, status: 401, detail: "no" } as const);
        return later ? Promise.resolve(admission) : admission;
      };
      const guarded = await open(guard);
      const good = request(body(), "Authorization: Bearer fb_good\r\n");
      const answers = await talk([request(body())], 1, { port: guarded.port });
      answers.push(...(await talk([good], 1, { port: guarded.port })));
      expect(answers.map((one) => one.status)).toEqual([401, 200]);
      await guarded.close();
    }
  });
});

describe("generated requests", () => {
  const HEALTH = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  /** Deterministic draws, so that a failure can be run again. */
  const drawer = (seed: number) => {
    let state = seed;
    return (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (state >>> 8) % below;
    };
  };
  type Draw = ReturnType<typeof drawer>;
  const pick = <T>(draw: Draw, from: readonly [T, ...T[]]): T => from[draw(from.length)] ?? from[0];

  const bodyOf = (draw: Draw): string => {
    const features = Object.entries(rowAt(rows, draw(1_000)));
    const odd = [
      "null",
      "true",
      "-0",
      "1e999",
      "1e-999",
      '"\\u0000"',
      '"größe 😀"',
      "[[[1]]]",
      "{}",
      "01",
      "NaN",
    ];
    const words = features.map(([name, value]) => {
      const key = pick(draw, [name, name, name, name, name, name, "__proto__", "hour", "größe"]);
      const said = draw(8) === 0 ? (odd[draw(odd.length)] ?? "null") : JSON.stringify(value);
      return `${JSON.stringify(key)}:${said}`;
    });
    const text = `{"request_id":"${ID}","features":{${words.join(",")}}}`;
    switch (draw(12)) {
      case 0:
        return text.slice(0, draw(text.length));
      case 1:
        return `${text.slice(0, draw(text.length))}${String.fromCharCode(draw(0xd800))}${text}`;
      case 2:
        return `${"[".repeat(2_000)}${text}`;
      case 3:
        return ` \t\r\n${text}\n`;
      case 4:
        return text.replace("{", '{"model":"other",');
      default:
        return text;
    }
  };

  const headOf = (draw: Draw, bytes: number): string => {
    const plain = draw(3) !== 0;
    const line = plain
      ? "POST /api/v1/predict HTTP/1.1"
      : pick(draw, [
          "POST /api/v1/predict HTTP/1.1",
          "POST /api/v1/predict HTTP/1.0",
          "post /api/v1/predict HTTP/1.1",
          "POST  /api/v1/predict HTTP/1.1",
          "POST /api/v1/predict/ HTTP/1.1",
          "POST http://localhost/api/v1/predict HTTP/1.1",
          "POST /api/v1/predict#x HTTP/1.1",
          "POST /api/v1/predict? HTTP/1.1",
          "PUT /api/v1/predict HTTP/1.1",
          "\r\nPOST /api/v1/predict HTTP/1.1",
        ]);
    const length = plain
      ? `${bytes}`
      : pick(draw, [
          `${bytes}`,
          `0${bytes}`,
          ` ${bytes}\t`,
          `+${bytes}`,
          `${bytes}.0`,
          `${bytes}, ${bytes}`,
          `-${bytes}`,
        ]);
    const type = pick(draw, [
      "application/json",
      "application/json",
      "Application/JSON; charset=utf-8",
      "application/json-seq",
      "text/plain",
    ]);
    const lines = ["Host: localhost", `Content-Length: ${length}`, `Content-Type: ${type}`];
    const more = [
      ...[
        "X-A:b",
        "x-a:\tb c\t",
        "X-A:",
        "X-A: \u00e9",
        "Accept: */*",
        "Connection: keep-alive",
        "Connection: close",
      ],
      ...[
        "Expect: 100-continue",
        "Transfer-Encoding: identity",
        "Content-Encoding: gzip",
        "Cookie: a=b",
        "TE: trailers",
      ],
      ...[
        "Origin: http://elsewhere",
        "Host: other",
        `Content-Length: ${bytes}`,
        "Content-Length: 1",
        " folded",
      ],
      ...[
        "X Y: z",
        ": none",
        "X-A: a\rb",
        "X-A: a\nb",
        "X-\u0000: a",
        "Keep-Alive: 300",
        "Content-Type: application/json",
      ],
    ];
    for (let times = plain ? 0 : 1 + draw(2); times > 0; times--)
      lines.splice(draw(lines.length + 1), 0, more[draw(more.length)] ?? "X-A: b");
    return `${line}\r\n${lines.join("\r\n")}\r\n\r\n`;
  };

  const inPieces = (draw: Draw, text: string): string[] => {
    const pieces: string[] = [];
    for (let at = 0; at < text.length;) {
      const size = draw(3) === 0 ? 1 + draw(200) : text.length;
      pieces.push(text.slice(at, at + size));
      at += size;
    }
    return pieces;
  };
  const said = (answer: Answer | undefined): unknown => ({
    status: answer?.status ?? "closed without an answer",
    type: /content-type: ([^\r]*)/i.exec(answer?.head ?? "")?.[1],
    body: answer?.body.replace(/"(latency_ms|request_id)":("[^"]*"|[^,}]*)/g, '"$1":0'),
  });

  it("are answered as node's parser has them answered, however they are cut", async () => {
    const seen = new Map<number, number>();
    const one = async (seed: number): Promise<void> => {
      const draw = drawer(seed);
      const text = bodyOf(draw);
      const asked = `${headOf(draw, Buffer.byteLength(text))}${text}`;
      // Behind another route the connection is node's already, and stays there.
      const [careful, here] = await Promise.all([
        talk([asked], 1, { first: HEALTH }),
        talk(inPieces(draw, asked), 1),
      ]);
      expect({ seed, ...Object(said(here[0])) }).toEqual({ seed, ...Object(said(careful[0])) });
      const status = careful[0]?.status ?? 0;
      seen.set(status, (seen.get(status) ?? 0) + 1);
    };
    for (let from = 0; from < 480; from += 16)
      await Promise.all(Array.from({ length: 16 }, (_, at) => one(1 + (from + at) * 7_919)));
    for (const status of [200, 400, 404, 415, 422]) expect(seen.get(status) ?? 0).toBeGreaterThan(4);
  });
});

it("ends silent connections when it closes, and those under way with their answer", async () => {
  const closing = await open();
  const socket = connect(closing.port, "127.0.0.1");
  const ended = new Promise((resolve) => socket.on("close", resolve));
  await new Promise<void>((resolve) => {
    socket.once("data", () => resolve());
    socket.write(request(body()));
  });
  const begun = performance.now();
  await closing.close();
  await ended;
  expect(performance.now() - begun).toBeLessThan(900);
});
