// Ports of the serving side: all that the api needs from outside, in its own words. Implementations live in src/adapters; tests
// hand in plain objects. Nothing here is a class, and nothing here throws where it can answer.
import type { StreamKind } from "../contracts/event.ts";
import type { FeatureContract } from "../contracts/feature-contract.ts";
import type { KeyRole } from "../contracts/keys.ts";
import type { RowEncoder } from "./core/row-encoder.ts";
import type { Explains } from "./core/training/explain.ts";

/** A loaded model: rows of the contract's vector in, positive-class probabilities out. */
export interface ScoringSession {
  /** Scores `n` rows laid one after another in `vector`. May give NaN; rejects where the model fails. */
  run(vector: Float32Array, n: number): Promise<Float32Array | Float64Array>;
  /** Frees the model once running calls are done; no call may follow. */
  close(): Promise<void>;
}

/** One version ready to score; immutable, shared by all requests that read it. */
export interface ServingModel {
  readonly model: string;
  readonly version: string;
  /** SHA-256 of the verified ONNX bytes. */
  readonly digest: string;
  readonly contract: FeatureContract;
  readonly contractDigest: string;
  readonly encoder: RowEncoder;
  readonly encodingDigest: string;
  /** Decision threshold frozen in the bundle. */
  readonly threshold: number;
  readonly session: ScoringSession;
  /** Why a row got its margin; null for models made elsewhere. */
  readonly explain: Explains | null;
}

/** Where serving stands against the ledger. */
export interface HeadState {
  /** Generation the loaded set was made from; null before the first. */
  readonly loaded: number | null;
  /** Last head generation heard of; null before the first. */
  readonly head: number | null;
  /** True where the head could not be confirmed lately; serving goes on. */
  readonly stale: boolean;
  /** Seconds since the head was last confirmed; null before the first time. */
  readonly ageS: number | null;
}

export interface ServesModels {
  /** The promoted version; without a name, that of the only model. One read a request: never read it twice. */
  current(model?: string): ServingModel | null;
  /** Versions that score in shadow, production excluded. */
  candidates(model: string): readonly ServingModel[];
  /** True for every governed model, promoted or not. */
  knows(model: string): boolean;
  /** Models with a promoted version, sorted. */
  names(): readonly string[];
  generation(): HeadState;
}

/** Where an entry rests once `publish` has answered; `refused`: nowhere, and the client must hear so. */
export type Durability = "redis" | "spool" | "refused";

export interface PublisherState {
  readonly mode: "redis" | "spooling";
  readonly durability: "spool" | "strict";
  readonly spoolBytes: number;
  /** Rows that were refused because neither Redis nor the spool took them. */
  readonly refusedRows: number;
  /** Entries found damaged in the spool, skipped and counted. */
  readonly corruptRecords: number;
}

export interface PublishesEvents {
  /** Producer id in every row: `<slot>-<boot>`. */
  readonly producer: string;
  /**
   * Makes `n` rows durable as one stream entry. `render` gets the first of n contiguous sequence numbers and gives the rows, ASCII text
   * or its bytes; it is called at once, or never where the entry is refused up front.
   */
  publish(kind: StreamKind, n: number, render: (firstSeq: number) => string | Buffer): Promise<Durability>;
  /**
   * Says that nothing earlier than `ms` will follow, in this producer's partition or in every one. False where Redis did not
   * take it: a watermark is never spooled.
   */
  watermark(ms: number, where: "own" | "every"): Promise<boolean>;
  state(): PublisherState;
}

/** The deployment's clock. `now` is synchronous: under replay it is the last value heard. */
export interface ServingClock {
  readonly mode: "wall" | "replay";
  now(): number;
  /** Moves event time forward, durably; false where `ms` is before now. */
  advance(ms: number): Promise<boolean>;
  /** Event time through which the loop has settled; null before the first time. */
  settledThrough(): Promise<number | null>;
}

export interface MakesIds {
  random(): string;
  /** Writes a random UUID as 36 bytes of text at `at`: rows by the thousand need no strings. */
  writeRandom(out: Uint8Array, at: number): void;
  /** UUIDv5 of a name in any namespace. */
  within(namespace: string, name: string): string;
}

export type ApiRole = "public" | "predict" | "ingest" | "read" | "operate" | "approve" | "admin";

export type Admission =
  /** `models`: the models the caller may ask; null or absent: all. */
  | { readonly ok: true; readonly actor: string; readonly models?: readonly string[] | null }
  | {
      readonly ok: false;
      /** 503: whether the key still holds cannot be checked, and this route is not opened on a guess. */
      readonly status: 401 | 403 | 429 | 503;
      readonly detail: string;
      readonly retryAfterS?: number;
    };

/** Whom a key belongs to and what it opens. */
export interface KeyHolder {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly KeyRole[];
  readonly models: readonly string[] | null;
}

/** Checks keys and sessions by what was read last; all but `freshness` is synchronous. */
export interface ChecksKeys {
  /** False while no key was ever made: then everyone who reaches the loopback address may do everything. */
  configured(): boolean;
  /** Null while what was read is fresh enough to know of every revocation; else resolves once it is, or rejects. */
  freshness(): Promise<void> | null;
  byKey(text: string, nowMs: number): KeyHolder | null;
  bySession(token: string, nowMs: number): KeyHolder | null;
  /** A token that stands for the holder's key until then, and no longer than the key itself. */
  openSession(holder: KeyHolder, by: { readonly nowMs: number; readonly untilMs: number }): string;
}

/** Says who may pass. Called with the `Authorization` header (or `Session <token>` of a cookie) for every route that is not public. */
export type Guard = (
  authorization: string | undefined,
  role: ApiRole,
  remote: string,
) => Admission | Promise<Admission>;

/** Wall time: milliseconds since the epoch for records, monotonic milliseconds for durations. */
export interface WallTime {
  epochMs(): number;
  monotonicMs(): number;
}
