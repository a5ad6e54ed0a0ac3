// Core: numbers and times as they are written in files, read strictly: the whole cell or nothing, no white space, no words.
// Numbers come out exactly as ECMAScript's own conversion gives them; times are UTC, to the microsecond, on the real calendar.

const [ZERO, NINE, PLUS, MINUS, DOT] = [0x30, 0x39, 0x2b, 0x2d, 0x2e];
/** Powers of ten that a double holds exactly: a quotient of two exact doubles is correctly rounded. */
const TENS = Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Reads a decimal number from bytes; NaN where they are none. A number too large for a double comes out infinite. */
export const numberInText = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  const sign = bytes[at];
  if (sign === MINUS || sign === PLUS) at++;
  let digits = 0;
  let value = 0;
  let decimals = -1;
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte >= ZERO && byte <= NINE) {
      value = value * 10 + (byte - ZERO);
      digits++;
      if (decimals >= 0) decimals++;
    } else if (byte === DOT && decimals < 0) decimals = 0;
    else return slowNumber(bytes, start, end);
  }
  if (digits === 0) return NaN;
  // Up to 15 digits are exact in a double; anything longer is left to the language's own conversion.
  if (digits > 15) return slowNumber(bytes, start, end);
  if (decimals > 0) value /= TENS[decimals] ?? 1;
  return sign === MINUS ? -value : value;
};

/** Reads a UTC time in text as microseconds since 1970; null where it is none or not on the calendar. */
export const timeInText = (text: string): number | null => {
  const match = TIME.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = [1, 2, 3, 4, 5, 6].map((part) => Number(match[part] ?? 0));
  if (year === undefined || month === undefined || day === undefined) return null;
  if (hour === undefined || minute === undefined || second === undefined) return null;
  if (year < YEAR_MIN || year > YEAR_MAX || hour > 23 || minute > 59 || second > 59) return null;
  const midnight = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC rolls 30 February over into March; a time that moves was none.
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return null;
  const offset = offsetMinutes(match[8]);
  if (offset === null) return null;
  const seconds = midnight.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second;
  return seconds * 1e6 + Number((match[7] ?? "").padEnd(6, "0"));
};

/** Years whose microseconds are exact integers in a double and that every store here can hold. */
export const YEAR_MIN = 1900;
export const YEAR_MAX = 2250;

const TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:\d\d)?)?$/;

const offsetMinutes = (zone: string | undefined): number | null => {
  if (zone === undefined || zone === "Z") return 0; // a naive time is UTC
  const minutes = Number(zone.slice(4, 6));
  const total = Number(zone.slice(1, 3)) * 60 + minutes;
  if (minutes > 59 || total > 14 * 60) return null;
  return zone.startsWith("-") ? -total : total;
};

const slowNumber = (bytes: Uint8Array, start: number, end: number): number => {
  if (end - start > 400) return NaN;
  const text = String.fromCharCode(...bytes.subarray(start, end));
  return NUMBER.test(text) ? Number(text) : NaN;
};
