// Ports of recording: what the recorder and the reconciliation need from streams, facts and the rest of the world. Times are ms since the
// epoch, UTC; who fills them is known to the wiring only.
import type { StreamKind } from "../contracts/event.ts";
import type { Gap, ParkedRow } from "./core/reconciliation.ts";
import type { EntryRead, Refused, WatermarkMark } from "./core/recording.ts";
import type { Month } from "./core/retention.ts";
import type { StreamProgress } from "./core/watermark.ts";

/** What an operator must hear of a stream. `lost` means entries vanished unread: their windows are incomplete. */
export type StreamNotice =
  | { readonly notice: "group-created"; readonly stream: string; readonly lastSeen: string | null }
  | { readonly notice: "adopted"; readonly stream: string; readonly from: string; readonly entries: number }
  | { readonly notice: "lost"; readonly stream: string; readonly ids: readonly string[] };

/** `exhausted`: the entry was delivered so often without being settled that it must be parked untried. */
export type Batch = { readonly entries: readonly EntryRead[]; readonly exhausted: boolean };

export interface ReadsStream {
  readonly stream: string;
  /** Ensures the group (at 0) and waits for the slot's lease; returns without it only when aborted. */
  hold(signal: AbortSignal): Promise<void>;
  /** All that is pending with this consumer: its last, unsettled batch. */
  recover(): Promise<Batch>;
  /** Moves a dead consumer's whole batch to this one; false when there is none. Call with nothing pending, then recover. */
  adopt(): Promise<boolean>;
  /** The next new entries up to about both limits; waits for the first, but not for ever. */
  read(limits: { readonly bytesMax: number; readonly rowsMax: number }): Promise<Batch>;
  /** Acknowledges the whole batch and applies its watermarks in one step; refuses without the lease. */
  settle(
    entries: readonly EntryRead[],
    watermarks: readonly WatermarkMark[],
  ): Promise<{ readonly acked: number; readonly watermarkMoved: boolean }>;
  close(): Promise<void>;
}

export interface WritesFacts {
  /** Inserts rows as they are; the same token again is no second insert. */
  insert(rows: readonly Uint8Array[], by: { readonly token: string }): Promise<void>;
}

export interface ParksLetters {
  park(
    stream: string,
    letters: readonly Refused[],
    by: { readonly token: string; readonly nowMs: number },
  ): Promise<void>;
}

/** Where one stream stands. A count that Redis cannot give exactly is null, never 0. */
export type StreamStanding = {
  readonly kind: StreamKind;
  readonly partition: number;
  readonly entriesAdded: number;
  readonly length: number;
  readonly acked: number;
  readonly pending: number;
  /** Added but neither acknowledged nor pending: still unread, or lost if `drained`. */
  readonly unsettled: number;
  readonly drained: boolean;
};

export interface ReadsProgress {
  /** Every stream of every partition, each read in one step. */
  watermarks(): Promise<readonly StreamProgress[]>;
  standing(): Promise<readonly StreamStanding[]>;
  /** Removes what every group has settled and is older than the replay slack; returns entries removed. */
  trim(by: { readonly replaySlackMs: number }): Promise<number>;
}

/** The months of facts there are. */
export interface KeepsMonths {
  months(): Promise<readonly Month[]>;
  /** Takes one away for good; one that is gone is no error. */
  drop(month: Pick<Month, "facts" | "month">): Promise<void>;
}

/** A dead letter as reconciliation sees it: the rows in it are accounted for. */
export type LetterStanding = {
  readonly stream: string;
  readonly entryId: string;
  readonly reason: string;
  readonly rows: number;
  readonly parked: readonly ParkedRow[];
};

export interface ReadsSequences {
  /** Missing sequence numbers of every producer recorded within the last `windowMs`; younger than `graceMs` they may be on their way. */
  gaps(by: {
    readonly windowMs: number;
    readonly graceMs: number;
  }): Promise<{ readonly producers: number; readonly gaps: readonly Gap[] }>;
  letters(by: { readonly windowMs: number }): Promise<readonly LetterStanding[]>;
}
