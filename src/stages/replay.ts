// Stage: replay. Drives a running stack (`clock: replay`) with recorded data as its clients would: predictions in time order, labels when
// they would have come, and event time moved forward step by step, waiting each time until the loop has settled. It keeps a journal of
// what was answered; what was recorded is for the stores to say.
import type { ReplaySource } from "../ports-replay.ts";

export interface ReplayPorts {
  /** Posts JSON; answers status and body. Rejects when nobody answered. */
  readonly post: (path: string, body: string) => Promise<{ status: number; body: string }>;
  readonly get: (path: string) => Promise<{ status: number; body: string }>;
  readonly pause: (ms: number) => Promise<void>;
  readonly onStep: (journal: Journal, atMs: number) => Promise<void> | void;
  readonly signal: AbortSignal;
}

export interface ReplayOptions {
  readonly model: string;
  readonly stepMs: number;
  readonly labelDelayMs: number;
  readonly labelShare: number;
  readonly concurrency: number;
  readonly labelsAtOnce: number;
  /** Where an interrupted replay had come to: rows before it are not sent again, only their labels that come later. */
  readonly resumeMs?: number;
}

export interface Journal {
  /** Distinct requests answered 200, and answered 422 with an `invalid` event. */
  answered: number;
  invalid: number;
  /** Rows of a time the replay had reached before. */
  passed: number;
  labels: number;
  steps: number;
  /** Event time told last, and settled. */
  settledMs: number | null;
}

/** Replays everything; resolves with the journal. An answer nobody expects stops the replay with its text. */
export const replay = async (
  ports: ReplayPorts,
  source: ReplaySource,
  options: ReplayOptions,
): Promise<Journal> => {
  const journal: Journal = { answered: 0, invalid: 0, passed: 0, labels: 0, steps: 0, settledMs: null };
  const due: { atMs: number; row: number }[] = [];
  let row = 0;
  let labelled = 0;
  if (source.rows === 0) return journal;
  const lastMs = source.eventTimeMs(source.rows - 1) + options.labelDelayMs;
  const firstMs = Math.max(source.eventTimeMs(0), options.resumeMs ?? -Infinity);
  let startMs = Math.floor(firstMs / options.stepMs) * options.stepMs;
  const resumeMs = Math.max(startMs, options.resumeMs ?? -Infinity);
  const labelAt = (i: number): void => {
    if (source.label(i) === null || source.draw(i) >= options.labelShare) return;
    const atMs = source.eventTimeMs(i) + options.labelDelayMs;
    if (atMs >= resumeMs) due.push({ atMs, row: i });
  };
  for (; row < source.rows && source.eventTimeMs(row) < resumeMs; row++) labelAt(row);
  journal.passed = row;
  await advance(ports, resumeMs);
  if (!ports.signal.aborted) journal.settledMs = resumeMs;
  while (startMs <= lastMs && !ports.signal.aborted) {
    const endMs = startMs + options.stepMs;
    const first = row;
    while (row < source.rows && source.eventTimeMs(row) < endMs) row += 1;
    const sendDue = (): Promise<void> => {
      const from = labelled;
      while (labelled < due.length && (due[labelled]?.atMs ?? Infinity) < endMs) labelled += 1;
      return sendLabels(ports, source, options, journal, due.slice(from, labelled));
    };
    // Labels of earlier steps come while this one's requests go; those of its own rows after them.
    await Promise.all([
      sendDue(),
      pool(options.concurrency, row - first, (i) => predictRow(ports, source, options, journal, first + i)),
    ]);
    for (let i = first; i < row; i++) labelAt(i);
    await sendDue();
    // Event time that was told is over: an interrupted step must not be, or its rest could never be sent.
    if (ports.signal.aborted) break;
    await advance(ports, endMs);
    journal.steps += 1;
    journal.settledMs = endMs;
    await ports.onStep(journal, endMs);
    startMs = endMs;
  }
  return journal;
};

/** Runs `work` for 0…n−1, so many at a time, in order of starting. */
const pool = async (width: number, n: number, work: (i: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < n) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, n) }, lane));
};

const predictRow = async (
  ports: ReplayPorts,
  source: ReplaySource,
  { model }: ReplayOptions,
  journal: Journal,
  row: number,
): Promise<void> => {
  if (ports.signal.aborted) return;
  const request = {
    model,
    request_id: source.requestId(row),
    event_time: new Date(source.eventTimeMs(row)).toISOString(),
    features: source.features(row),
  };
  const { status, body } = await patiently(ports, "/api/v1/predict", JSON.stringify(request));
  if (status === 200) journal.answered += 1;
  else if (status === 422) journal.invalid += 1;
  else throw new Error(`predict answered ${status}: ${body.slice(0, 500)}`);
};

const sendLabels = async (
  ports: ReplayPorts,
  source: ReplaySource,
  { model, labelsAtOnce }: ReplayOptions,
  journal: Journal,
  due: readonly { atMs: number; row: number }[],
): Promise<void> => {
  for (let at = 0; at < due.length && !ports.signal.aborted; at += labelsAtOnce) {
    const labels = due.slice(at, at + labelsAtOnce).map(({ atMs, row }) => ({
      request_id: source.requestId(row),
      label: source.label(row),
      observed_at: new Date(atMs).toISOString(),
      received_at: new Date(atMs).toISOString(),
      source: "replay",
    }));
    const { status, body } = await patiently(ports, "/api/v1/labels", JSON.stringify({ model, labels }));
    if (status !== 202) throw new Error(`labels answered ${status}: ${body.slice(0, 500)}`);
    journal.labels += labels.length;
  }
};

/** Tells event time and waits until every stage has settled on it. */
const advance = async (ports: ReplayPorts, ms: number): Promise<void> => {
  const now = new Date(ms).toISOString();
  const told = await patiently(ports, "/api/v1/clock", JSON.stringify({ now }));
  if (told.status !== 200) throw new Error(`clock answered ${told.status}: ${told.body.slice(0, 500)}`);
  for (let waitMs = 2; !ports.signal.aborted; waitMs = Math.min(20, waitMs * 1.5)) {
    const { status, body } = await ports.get("/api/v1/clock");
    if (status === 200 && settledOf(body) >= ms) return;
    await ports.pause(waitMs);
  }
};

const settledOf = (body: string): number => {
  const value: unknown = JSON.parse(body);
  const settled =
    typeof value === "object" && value !== null && "settled_through" in value ? value.settled_through : null;
  return typeof settled === "string" ? Date.parse(settled) : -Infinity;
};

const TRIES = 50;

/** Asks again while the server says it is busy or restarts; a retried request is the same event. */
const patiently = async (
  ports: ReplayPorts,
  path: string,
  body: string,
): Promise<{ status: number; body: string }> => {
  for (let attempt = 1; ; attempt++) {
    const result = await ports.post(path, body).catch((cause: unknown) => {
      if (attempt >= TRIES || ports.signal.aborted) throw cause;
      return null;
    });
    if (result !== null && result.status !== 429 && (result.status !== 503 || attempt >= TRIES))
      return result;
    await ports.pause(Math.min(1_000, 10 * 2 ** attempt));
  }
};
