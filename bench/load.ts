// Bench: a load generator cheap enough not to be what is measured. Raw keep-alive sockets, one request at a time each, bodies built
// before the clock starts. Runs in a process of its own and prints one JSON line.
import { connect } from "node:net";

export interface LoadPlan {
  readonly port: number;
  readonly path: string;
  readonly bodies: readonly string[];
  readonly connections: number;
  readonly seconds: number;
  /** Probabilities that each answer holds; an answer with another number of them is not ok. Absent: not counted. */
  readonly rows?: number;
  /** Requests a second over all connections, due at fixed times whatever answers take; absent: as fast as answers come. */
  readonly requestsPerSecond?: number;
}

export interface LoadResult {
  readonly requests_per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly not_ok: number;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const OK = Buffer.from("HTTP/1.1 200");
const PROBABILITY = Buffer.from('"probability":');

const rowsOf = (answer: Buffer): number => {
  let rows = 0;
  for (let at = 0; (at = answer.indexOf(PROBABILITY, at)) !== -1; at += PROBABILITY.length) rows++;
  return rows;
};

/** Loads a port for a while; the first tenth of the time warms up and is not counted. */
export const load = async (plan: LoadPlan): Promise<LoadResult> => {
  const { port, path, bodies, connections, seconds } = plan;
  const everyMs = plan.requestsPerSecond === undefined ? 0 : (1000 * connections) / plan.requestsPerSecond;
  const requests = bodies.map((body) =>
    Buffer.from(
      `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  );
  const begun = performance.now();
  const countFrom = begun + seconds * 100;
  const until = begun + seconds * 1000;
  const latencies: number[] = [];
  let notOk = 0;
  let turn = 0;

  const client = (_: unknown, at: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1");
      let sentAt = 0;
      // Spread over the first turn, so that requests do not come in bursts; one that is late is made up for.
      let dueAt = begun + (everyMs * at) / connections;
      // Answers stay bytes: as text they would cost more than the requests.
      let received: Buffer[] = [];
      let missing = 0;
      const send = (): void => {
        sentAt = performance.now();
        const request = requests[turn++ % requests.length];
        if (request !== undefined) socket.write(request);
      };
      const sendWhenDue = (now: number): void => {
        if (dueAt <= now) send();
        else setTimeout(send, dueAt - now);
        dueAt += everyMs;
      };
      socket.setNoDelay(true);
      socket.on("connect", () => sendWhenDue(performance.now()));
      socket.on("error", reject);
      socket.on("close", () => resolve());
      socket.on("data", (chunk: Buffer) => {
        received.push(chunk);
        if (received.length === 1) {
          const end = chunk.indexOf(HEAD_END);
          const said = /content-length: (\d+)/i.exec(chunk.toString("latin1", 0, end));
          if (end === -1 || said === null)
            throw new Error("an answer without its head in one piece, or without length");
          missing = end + HEAD_END.length + Number(said[1]);
        }
        missing -= chunk.length;
        if (missing > 0) return;
        const now = performance.now();
        if (now >= countFrom) {
          latencies.push(now - sentAt);
          const answer = received.length === 1 ? chunk : Buffer.concat(received);
          const whole = plan.rows === undefined || rowsOf(answer) === plan.rows;
          if (!whole || OK.compare(answer, 0, OK.length) !== 0) notOk++;
        }
        received = [];
        if (now >= until) socket.destroy();
        else sendWhenDue(now);
      });
    });
  await Promise.all(Array.from({ length: connections }, client));
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
  return {
    requests_per_second: latencies.length / (seconds * 0.9),
    p50_ms: at(0.5),
    p99_ms: at(0.99),
    not_ok: notOk,
  };
};

/** Runs as the load process: the plan comes as one message, the result goes back as one. */
export const loadForParent = (): void => {
  process.once("message", (plan: LoadPlan) => {
    void load(plan).then((result) => process.send?.(result, () => process.disconnect()));
  });
};
