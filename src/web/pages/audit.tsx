// Web page: the ledger's chain, newest entry first, and its proof: every hash recomputed and held against Redis and the signed checkpoints.
import { useState } from "preact/hooks";
import type { LedgerEntry, LedgerEvent } from "../../../contracts/governance.ts";
import { read } from "../api.ts";
import { num, short, when, words } from "../parts/format.ts";
import { Card, Chip, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";

interface List {
  readonly items: LedgerEntry[];
  readonly next_cursor: string | null;
  readonly head: number;
  readonly sealed: number;
}
interface Report {
  readonly ok: boolean;
  readonly entries: number;
  readonly unsealed: number | null;
  readonly checkpoints: number;
  readonly problems: readonly { where: string; seq: number | null; problem: string }[];
}

/** The page. */
export const Audit = () => {
  const [cursor, setCursor] = useState<string | null>(null);
  const list = useRead<List>(`audit?limit=50${cursor === null ? "" : `&cursor=${cursor}`}`);
  return (
    <>
      <h1 tabIndex={-1}>Audit</h1>
      <Verify />
      <Card title="The chain" wide>
        <Show of={list} empty={{ when: ({ items }) => items.length === 0, say: "The ledger is empty." }}>
          {({ items, head, sealed, next_cursor }) => (
            <>
              <p class="quiet">
                Entry {num(head)} is the newest; sealed up to {num(sealed)}. Serving follows sealed entries
                only.
              </p>
              <Table
                caption="Ledger entries"
                head={["Seq", "When", "Model", "By", "What happened", "Why", "Hash", "Before"]}
              >
                {items.map((entry) => (
                  <tr key={entry.seq}>
                    <th scope="row">
                      {entry.seq} {entry.seq > sealed && <Chip word="pending" label="not sealed" />}
                    </th>
                    <td>{when(entry.at)}</td>
                    <td>{entry.model}</td>
                    <td>{entry.actor}</td>
                    <td class="text">{entry.events.map(sentenceOf).join("; ")}</td>
                    <td class="text">{entry.reason}</td>
                    <td>
                      <code title={entry.hash}>{short(entry.hash)}</code>
                    </td>
                    <td>
                      <code title={entry.prev_hash}>{short(entry.prev_hash)}</code>
                    </td>
                  </tr>
                ))}
              </Table>
              <div class="actions">
                {cursor !== null && (
                  <button type="button" onClick={() => setCursor(null)}>
                    Newest
                  </button>
                )}
                {next_cursor !== null && (
                  <button type="button" onClick={() => setCursor(next_cursor)}>
                    Older entries
                  </button>
                )}
              </div>
            </>
          )}
        </Show>
      </Card>
    </>
  );
};

const Verify = () => {
  const [result, setResult] = useState<Report | string | "busy" | null>(null);
  const verify = (): void => {
    setResult("busy");
    read<Report>("audit/verify").then(setResult, (cause: unknown) =>
      setResult(cause instanceof Error ? cause.message : String(cause)),
    );
  };
  return (
    <Card title="Proof">
      <p>Recomputes every hash and holds the chain against Redis and the signed checkpoints.</p>
      <button type="button" class="primary" onClick={verify} disabled={result === "busy"}>
        Verify the chain
      </button>
      <div role="status">
        {result === "busy" && <p>Verifying …</p>}
        {typeof result === "string" && result !== "busy" && <p class="notice bad">{result}</p>}
        {result !== null && typeof result !== "string" && (
          <div class={`notice ${result.ok ? "good" : "bad"}`}>
            <p>
              {result.ok ? "✓ Nothing was altered" : "✕ The ledger does not fit"}: {num(result.entries)}{" "}
              sealed entries, {num(result.checkpoints)} checkpoints, {num(result.unsealed)} not sealed yet.
            </p>
            <ul>
              {result.problems.map((one) => (
                <li key={`${one.where}/${one.seq}/${one.problem}`}>
                  {one.where} {one.seq ?? ""}: {one.problem}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </Card>
  );
};

/** A ledger event in a few words. */
const sentenceOf = (event: LedgerEvent): string => {
  switch (event.type) {
    case "transition":
      return `${event.version} from ${words(event.from)} to ${words(event.to)}`;
    case "registered":
      return `${event.version} registered`;
    case "command":
      return `command ${event.command} ${event.version ?? ""}`.trim();
    case "command_done":
      return `command ${event.outcome}: ${event.detail}`;
    case "executed":
      return `decision ${words(event.action)} carried out: ${event.outcome}`;
    case "training_requested":
      return `training asked for, attempt ${event.attempt}`;
    case "training_finished":
      return `training ${event.outcome} ${event.version ?? ""}`.trim();
    case "quarantined":
    case "released":
      return `${when(event.window_start)} ${event.type} (${words(event.kind)})`;
    case "frozen":
      return event.until === null ? "frozen" : `frozen until ${when(event.until)}`;
    case "unfrozen":
    case "circuit_opened":
    case "circuit_closed":
    case "recovered":
      return words(event.type);
  }
};
