// Stage: reconcile. Compares what producers numbered with what became facts or dead letters, and what streams took in with what recorders
// settled. Idempotency key: none is needed, it writes nothing. It never repairs: a hole is for an operator and for the
// windows it makes incomplete.
import type { StreamKind } from "../contracts/event.ts";
import { holesOf } from "../src/core/reconciliation.ts";
import type { Hole } from "../src/core/reconciliation.ts";
import type { ReadsProgress, ReadsSequences } from "../src/ports-recording.ts";

export type ReconcilePorts = {
  readonly sequences: ReadsSequences;
  readonly progress: Pick<ReadsProgress, "standing">;
};

/** `missing`: entries a drained stream took in that nobody settled; null while entries are still on their way. */
export type StreamBalance = {
  readonly kind: StreamKind;
  readonly partition: number;
  readonly entriesAdded: number;
  readonly acked: number;
  readonly pending: number;
  readonly missing: number | null;
};

export type Reconciliation = {
  readonly producers: number;
  readonly holes: readonly Hole[];
  /** Published rows that are neither facts nor dead letters. */
  readonly rowsLost: number;
  readonly parked: readonly { readonly reason: string; readonly entries: number; readonly rows: number }[];
  readonly streams: readonly StreamBalance[];
  /** True when nothing is lost and every stream that can be balanced balances. */
  readonly balanced: boolean;
};

/** One pass over what was recorded within the last `windowMs`; gaps younger than `graceMs` are left to the next pass. */
export const reconcile = async (
  ports: ReconcilePorts,
  by: { readonly windowMs: number; readonly graceMs: number },
): Promise<Reconciliation> => {
  // Letters after gaps: a row parked in between would otherwise look lost.
  const standing = await ports.progress.standing();
  const { producers, gaps } = await ports.sequences.gaps(by);
  const letters = await ports.sequences.letters(by);
  const holes = holesOf(
    gaps,
    letters.flatMap(({ parked }) => parked),
  );
  const streams = standing.map(({ kind, partition, entriesAdded, acked, pending, unsettled, drained }) => ({
    kind,
    partition,
    entriesAdded,
    acked,
    pending,
    missing: drained ? unsettled : null,
  }));
  return {
    producers,
    holes,
    rowsLost: holes.reduce((sum, { rows }) => sum + rows, 0),
    parked: byReason(letters),
    streams,
    balanced: holes.length === 0 && streams.every(({ missing }) => missing === null || missing === 0),
  };
};

const byReason = (
  letters: readonly { readonly reason: string; readonly rows: number }[],
): Reconciliation["parked"] => {
  const sums = new Map<string, { entries: number; rows: number }>();
  for (const { reason, rows } of letters) {
    const sum = sums.get(reason) ?? { entries: 0, rows: 0 };
    sums.set(reason, { entries: sum.entries + 1, rows: sum.rows + rows });
  }
  return [...sums].map(([reason, sum]) => ({ reason, ...sum }));
};
