// Core: the two spellings of an instant, always UTC: ISO 8601 with `Z` for people and JSON, and the form ClickHouse reads
// fastest. Instants are integers of milliseconds; a window is [start, end).

/** Writes an instant as `2001-02-03T04:05:06.789Z`. */
export const isoOf = (ms: number): string => new Date(ms).toISOString();

/** Writes an instant as `2001-02-03 04:05:06.789`. */
export const clickhouseTime = (ms: number): string => isoOf(ms).replace("T", " ").slice(0, 23);

/** Reads either spelling; throws a RangeError on anything else, so that an unreadable time is never taken for 1970. */
export const msOf = (text: string): number => {
  const ms = Date.parse(text.includes("T") ? text : `${text.replace(" ", "T")}Z`);
  if (!Number.isFinite(ms)) throw new RangeError(`not a UTC time: ${text.slice(0, 40)}`);
  return ms;
};

/** Start of the window of this size (ms, aligned to the epoch) that holds the instant. */
export const windowStart = (ms: number, sizeMs: number): number => Math.floor(ms / sizeMs) * sizeMs;
