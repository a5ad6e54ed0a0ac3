// Core: event and label rows as the bytes that end in ClickHouse (contracts/event.ts: column order). Written side by side into one buffer,
// not serialised: everything that enters has been validated (uuids, times, numbers, names: all ASCII), so nothing needs escaping.
import type { EventStatus, Role } from "../../contracts/event.ts";
import { UUID_BYTES, eventIdWriter, writeAscii } from "./event-id.ts";

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
  readonly requestId: string;
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
  const identity = ascii(
    `",${JSON.stringify(fixed.model)},${JSON.stringify(fixed.version)},"${fixed.role}","`,
  );
  const encoding = ascii(`,${JSON.stringify(fixed.encoding)},[`);
  const producer = ascii(`],${JSON.stringify(fixed.producer)},`);
  const writeEventId = eventIdWriter(fixed.model, fixed.role === "shadow" ? fixed.version : null);
  const fixedBytes = identity.length + encoding.length + producer.length;
  return {
    bytesMax: (codes) => VARYING_BYTES_MAX + fixedBytes + 4 * codes,
    write: (row, out, start) => {
      let at = writeAscii(out, writeAscii(out, start, '["'), row.eventTime);
      out.set(identity, at);
      at = writeAscii(out, at + identity.length, row.requestId);
      at = writeAscii(out, at, '","');
      writeEventId(row.requestId, out, at);
      at = writeAscii(out, at + UUID_BYTES, '","');
      at = writeAscii(out, writeAscii(out, at, row.status), '",');
      at = writeAscii(out, at, String(row.probability));
      out[at++] = COMMA;
      at = writeAscii(out, at, String(row.latencyUs));
      out.set(encoding, at);
      at = writeCodes(out, at + encoding.length, row);
      out.set(producer, at);
      at = writeAscii(out, at + producer.length, String(row.seq));
      at = writeAscii(out, writeAscii(out, at, ',"'), row.ingestedAt);
      return writeAscii(out, at, '"]\n');
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
