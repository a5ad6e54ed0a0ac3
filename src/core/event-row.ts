// Core: event and label rows as the bytes that end in ClickHouse (contracts/event.ts: column order). Written side by side into one buffer,
// not serialised: everything that enters has been validated (uuids, times, numbers, names: all ASCII), so nothing needs escaping.
import type { EventStatus, Role } from "../../contracts/event.ts";
import { writeAscii, writeCount, writeFew } from "./ascii.ts";
import { eventIdWriter } from "./event-id.ts";
import { UUID_BYTES, copyUuid } from "./uuid-text.ts";

/** Writes epoch milliseconds as `YYYY-MM-DD hh:mm:ss.SSS` UTC. */
export const clickHouseTime = (ms: number): string => {
  const iso = new Date(ms).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}`;
};

/** Gives a `clickHouseTime` that remembers its last answer: rows of one tick mostly share their millisecond. */
export const createTimeWriter = (): ((ms: number) => string) => {
  let lastMs = NaN;
  let last = "";
  return (ms) => {
    if (ms === lastMs) return last;
    lastMs = ms;
    last = clickHouseTime(ms);
    return last;
  };
};

/** What differs between the rows of one version in one role. */
export interface PredictionRow {
  readonly eventTime: string;
  /** Holds the request's id, a UUID in lower case, at `requestAt`. */
  readonly requestIds: Uint8Array;
  readonly requestAt: number;
  readonly status: EventStatus;
  readonly probability: number | null;
  readonly latencyUs: number | null;
  /** `codes` in [from, to) are the row's; an empty range where no code is known. */
  readonly codes: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly seq: number;
  readonly ingestedAt: string;
}

export interface PredictionRowWriter {
  /** Bytes that a row of so many codes has at most. */
  bytesMax(codes: number): number;
  /** Writes a row and its newline at `at`; gives where it ends. */
  write(row: PredictionRow, out: Uint8Array, at: number): number;
}

/** Compiles the row writer of one version in one role: what never changes is laid out once. */
export const predictionRowWriter = (fixed: {
  readonly model: string;
  readonly version: string;
  readonly role: Role;
  readonly encoding: string;
  readonly producer: string;
}): PredictionRowWriter => {
  const identity = `",${JSON.stringify(fixed.model)},${JSON.stringify(fixed.version)},"${fixed.role}","`;
  const encoding = `,${JSON.stringify(fixed.encoding)},[`;
  const producer = ascii(`],${JSON.stringify(fixed.producer)},`);
  const writeEventId = eventIdWriter(fixed.model, fixed.role === "shadow" ? fixed.version : null);
  const fixedBytes = identity.length + encoding.length + producer.length;
  // What the rows of one block share is laid out once and copied whole.
  const head = remembered((eventTime: string) => `["${eventTime}${identity}`);
  const middle = remembered((latencyUs: number | null) => `,${latencyUs}${encoding}`);
  const tail = remembered((ingestedAt: string) => `,"${ingestedAt}"]\n`);
  return {
    bytesMax: (codes) => VARYING_BYTES_MAX + fixedBytes + 4 * codes,
    write: (row, out, start) => {
      const requestAt = writeBytes(out, start, head(row.eventTime));
      const eventAt = writeFew(out, copyUuid(out, requestAt, row.requestIds, row.requestAt), COMMA_BETWEEN);
      writeEventId(out, eventAt, requestAt);
      let at = writeFew(out, eventAt + UUID_BYTES, row.status === "ok" ? OK : otherStatus(row.status));
      at = writeAscii(out, at, row.probability === null ? "null" : String(row.probability));
      at = writeBytes(out, at, middle(row.latencyUs));
      at = writeBytes(out, writeCodes(out, at, row), producer);
      at = writeCount(out, at, row.seq);
      return writeBytes(out, at, tail(row.ingestedAt));
    },
  };
};

/** Two times, two ids, a status, three numbers as JSON writes them (24 bytes at most), quotes and commas, rounded up. */
const VARYING_BYTES_MAX = 2 * 24 + 2 * UUID_BYTES + 8 + 3 * 24 + 32;
const COMMA = 0x2c;
const ZERO = 0x30;

const ascii = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  writeAscii(bytes, 0, text);
  return bytes;
};

const COMMA_BETWEEN = ascii('","');
const OK = ascii('","ok",');
const otherStatus = (status: EventStatus): Uint8Array => ascii(`","${status}",`);

const writeBytes = (out: Uint8Array, at: number, bytes: Uint8Array): number => {
  out.set(bytes, at);
  return at + bytes.length;
};

/** A text's bytes by what varies in it, made anew only where that differs from the time before. */
const remembered = <T extends string | number | null>(text: (of: T) => string): ((of: T) => Uint8Array) => {
  let last: T | undefined;
  let bytes = ascii("");
  return (of) => {
    if (of !== last) bytes = ascii(text((last = of)));
    return bytes;
  };
};

const writeCodes = (out: Uint8Array, start: number, { codes, from, to }: PredictionRow): number => {
  let at = start;
  for (let index = from; index < to; index++) {
    const code = codes[index] ?? 0;
    if (index > from) out[at++] = COMMA;
    if (code >= 100) out[at++] = ZERO + Math.floor(code / 100);
    if (code >= 10) out[at++] = ZERO + (Math.floor(code / 10) % 10);
    out[at++] = ZERO + (code % 10);
  }
  return at;
};

/** Writes one label row; ends with a newline. */
export const labelRow = (row: {
  readonly model: string;
  readonly requestId: string;
  readonly label: 0 | 1;
  readonly observedAt: string;
  readonly receivedAt: string;
  readonly source: string;
  readonly producer: string;
  readonly seq: number;
}): string =>
  `[${JSON.stringify(row.model)},"${row.requestId}",${row.label},"${row.observedAt}","${row.receivedAt}",` +
  `${JSON.stringify(row.source)},${JSON.stringify(row.producer)},${row.seq}]\n`;
