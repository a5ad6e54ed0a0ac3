// Core: alerts that no decision carries: what reconciliation found lost. The id is a hash of the loss itself, so that a loss found again on
// every pass is one alert.
import type { Alert } from "../../contracts/alerts.ts";
import type { StreamKind } from "../../contracts/event.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import type { Hole } from "./reconciliation.ts";

/** One alert a hole, and one a stream that took in entries nobody settled. */
export const lossAlerts = (
  found: {
    readonly holes: readonly Hole[];
    readonly streams: readonly {
      readonly kind: StreamKind;
      readonly partition: number;
      readonly missing: number | null;
    }[];
  },
  by: { readonly at: string; readonly link: string },
): readonly Alert[] => {
  const alert = (name: string, what: readonly (string | number)[], value: number, detail: string): Alert => ({
    id: sha256Hex(canonicalJson([name, ...what])),
    model: "",
    at: by.at,
    alert: name,
    severity: "critical",
    detail,
    value,
    threshold: 0,
    decision_id: "",
    link: by.link,
  });
  const holes = found.holes.map(({ kind, producer, from, to, rows }) =>
    alert(
      "rows_lost",
      [kind, producer, from, to],
      rows,
      `${rows} rows of ${kind} that producer ${producer} numbered ${from} to ${to} are neither facts nor dead letters; their windows are incomplete`,
    ),
  );
  const streams = found.streams.flatMap(({ kind, partition, missing }) =>
    missing === null || missing === 0
      ? []
      : [
          alert(
            "entries_lost",
            [kind, partition, missing],
            missing,
            `${missing} entries of the ${kind} stream of partition ${partition} were taken in and never settled`,
          ),
        ],
  );
  return [...holes, ...streams];
};
