// Core: event and label rows as the bytes that end in ClickHouse (contracts/event.ts: column order). Strings are concatenated,
// not serialised: everything that enters has been validated (uuids, times, numbers, names), so nothing needs escaping.
import type { EventStatus, Role } from "../../contracts/event.ts";

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

export interface PredictionRowWriter {
  /** `codes` in [from, to) are the row's; an empty range where no code is known. Ends with a newline. */
  (row: {
    readonly eventTime: string;
    readonly requestId: string;
    readonly eventId: string;
    readonly status: EventStatus;
    readonly probability: number | null;
    readonly latencyUs: number | null;
    readonly codes: Uint8Array;
    readonly from: number;
    readonly to: number;
    readonly seq: number;
    readonly ingestedAt: string;
  }): string;
}

/** Compiles the row writer of one version in one role: what never changes is written once. */
export const predictionRowWriter = (fixed: {
  readonly model: string;
  readonly version: string;
  readonly role: Role;
  readonly encoding: string;
  readonly producer: string;
}): PredictionRowWriter => {
  const identity = `",${JSON.stringify(fixed.model)},${JSON.stringify(fixed.version)},"${fixed.role}","`;
  const encoding = `,${JSON.stringify(fixed.encoding)},[`;
  const producer = `],${JSON.stringify(fixed.producer)},`;
  const digits = Array.from({ length: 256 }, (_, code) => String(code));
  return (row) => {
    let codes = "";
    for (let at = row.from; at < row.to; at++) {
      const code = digits[row.codes[at] ?? 0] ?? "0";
      codes = at === row.from ? code : `${codes},${code}`;
    }
    return (
      `["${row.eventTime}${identity}${row.requestId}","${row.eventId}","${row.status}",` +
      `${row.probability},${row.latencyUs}${encoding}${codes}${producer}${row.seq},"${row.ingestedAt}"]\n`
    );
  };
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
