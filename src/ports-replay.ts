// Ports: what a replay reads, row by row, in time order. Who fills it (a frozen dataset, a user's file) is known to the doors only; a
// source never changes while it is read.

/** Recorded rows as their clients would have sent them. */
export interface ReplaySource {
  readonly rows: number;
  /** Ascending. */
  eventTimeMs(row: number): number;
  features(row: number): Readonly<Record<string, string | number | null>>;
  /** 1 positive, 0 negative, null unknown. */
  label(row: number): 0 | 1 | null;
  /** Stable: the same row of the same data always asks under the same id. */
  requestId(row: number): string;
  /** A number in [0, 1) that decides, with the label share, whether this row's label ever comes. */
  draw(row: number): number;
}
