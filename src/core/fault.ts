// core/fault: the one error class of the house. A Fault says what the caller may do about it: a `transient` one is
// worth the same call again, a `poison` one will never work. Refusals are values, bugs are plain Errors; neither is a Fault.

export type FaultKind = "transient" | "poison";

export type FaultOptions = {
  readonly cause?: unknown;
  /** How long the neighbour asked us to wait, when it said so; milliseconds. */
  readonly retryAfterMs?: number;
  /** The neighbour's own code for the failure (ClickHouse number, Redis prefix, errno), for logs and counters. */
  readonly code?: string;
};

/** A failure of a neighbour or of an input, classified once, where its code is known. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly kind: FaultKind;
  readonly retryAfterMs: number | undefined;
  readonly code: string | undefined;

  constructor(kind: FaultKind, message: string, options: FaultOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs;
    this.code = options.code;
  }
}
