// Web page: decisions as a timeline, and one decision with all it stood on. Replay makes it again from its stored inputs and compares bytes.
import { useState } from "preact/hooks";
import type { Decision } from "../../../contracts/decision.ts";
import type { DecisionItem } from "../../../contracts/read.ts";
import { briefly } from "../../core/brief.ts";
import { read } from "../api.ts";
import { num, plain, short, when, words } from "../parts/format.ts";
import { Card, Chip, Choice, Fact, Folded, Gates, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";
import { pathOf } from "../route.ts";

const ACTIONS = [
  "all",
  "moves",
  "NONE",
  "HOLD",
  "QUARANTINE",
  "RETRAIN",
  "SHADOW",
  "PROMOTE",
  "REJECT",
  "ROLLBACK",
  "SYSTEM_ERROR",
] as const;
const QUIET = new Set(["NONE", "HOLD"]);
interface List {
  readonly items: DecisionItem[];
  readonly next_cursor: string | null;
}

/** The timeline. */
export const Decisions = ({ model }: { model: string }) => {
  const [action, pick] = useState<(typeof ACTIONS)[number]>("all");
  const [pages, setPages] = useState<{
    of: string;
    older: readonly DecisionItem[];
    next: string | null;
  } | null>(null);
  const path = `models/${encodeURIComponent(model)}/decisions?limit=60${action === "all" || action === "moves" ? "" : `&action=${action}`}`;
  const list = useRead<List>(path);
  const more = pages?.of === path ? pages : null;
  const next = more === null ? (list.value?.next_cursor ?? null) : more.next;
  const older = async (): Promise<void> => {
    const page = await read<List>(`${path}&cursor=${encodeURIComponent(next ?? "")}`);
    setPages({ of: path, older: [...(more?.older ?? []), ...page.items], next: page.next_cursor });
  };
  return (
    <>
      <h1 tabIndex={-1}>Decisions</h1>
      <Choice
        label="Show"
        value={action}
        options={ACTIONS}
        name={(one) => (one === "moves" ? "What moved something" : words(one))}
        onPick={pick}
      />
      <Show of={list} empty={{ when: ({ items }) => items.length === 0, say: "No such decision." }}>
        {({ items }) => (
          <ol class="timeline">
            {[...items, ...(more?.older ?? [])]
              .filter((item) => action !== "moves" || !QUIET.has(item.action))
              .map((item) => (
                <li key={item.id}>
                  <time dateTime={item.window_end}>{when(item.window_end)}</time>
                  <Chip word={item.action} />
                  <span>
                    <a href={pathOf({ at: "decision", id: item.id })}>{plain(briefly(item.sentence))}</a>
                    <small>
                      rule {words(item.rule).toLowerCase()}
                      {item.drift_decision === "NO_ACTION"
                        ? ""
                        : ` · drift: ${words(item.drift_decision).toLowerCase()}`}
                    </small>
                  </span>
                </li>
              ))}
          </ol>
        )}
      </Show>
      {next !== null && (
        <button type="button" onClick={() => void older()}>
          Older decisions
        </button>
      )}
    </>
  );
};

interface Detail {
  readonly decision: Decision;
  readonly memory: unknown;
  readonly inputs: unknown;
  readonly policy: unknown;
}

/** One decision. */
export const DecisionPage = ({ id }: { id: string }) => {
  const detail = useRead<Detail>(`decisions/${encodeURIComponent(id)}`);
  return (
    <>
      <h1 tabIndex={-1}>Decision {short(id)}</h1>
      <Show of={detail}>
        {({ decision, memory, inputs, policy }) => (
          <>
            <Card
              title={`${decision.model}, window ${when(decision.window_start)} to ${when(decision.window_end)}`}
              wide
              aside={<Chip word={decision.action} />}
            >
              <p class="sentence">{plain(briefly(decision.sentence))}</p>
              <dl class="facts">
                <Fact name="Rule">{words(decision.rule)}</Fact>
                <Fact name="Drift in this window">{words(decision.drift_verdict)}</Fact>
                <Fact name="Drift decision">{words(decision.drift_decision)}</Fact>
                <Fact name="Known as of">{when(decision.at)}</Fact>
                <Fact name="Policy">
                  <code title={decision.policy_digest}>{short(decision.policy_digest)}</code>
                </Fact>
                <Fact name="Inputs">
                  <code title={decision.inputs_digest}>{short(decision.inputs_digest)}</code>
                </Fact>
                <Fact name="Rules version">{decision.rules_version}</Fact>
              </dl>
              <Replay id={id} />
              <p>
                <a href={pathOf({ at: "model", model: decision.model, page: "decisions" })}>
                  All decisions of {decision.model}
                </a>
              </p>
            </Card>
            <Reasons decision={decision} />
            {decision.gates.length > 0 && (
              <Card title="Gates">
                <Gates gates={decision.gates} />
              </Card>
            )}
            <Card title="Everything it stood on" wide>
              <Folded title="Inputs: evidence, memory and governance" value={inputs} />
              <Folded title="Policy" value={policy} />
              <Folded title="What it remembers for the next decision" value={memory} />
              <Folded title="The decision itself" value={decision} />
            </Card>
          </>
        )}
      </Show>
    </>
  );
};

const Reasons = ({ decision }: { decision: Decision }) => (
  <Card title="Why">
    {decision.reasons.length === 0 ? (
      <p class="empty">The rule needs no number.</p>
    ) : (
      <Table caption="Why" head={["Signal", "Value", "Threshold", "n", "Detail"]}>
        {decision.reasons.map((reason) => (
          <tr key={reason.signal}>
            <th scope="row">{reason.signal}</th>
            <td class={typeof reason.value === "string" ? "text" : ""}>
              {typeof reason.value === "number" ? num(reason.value) : (reason.value ?? "unknown")}
            </td>
            <td>{num(reason.threshold)}</td>
            <td>{num(reason.n)}</td>
            <td class="text">{plain(reason.detail)}</td>
          </tr>
        ))}
      </Table>
    )}
  </Card>
);

interface Replayed {
  readonly identical: boolean;
  readonly stored_digest: string;
  readonly replayed_digest: string;
}

const Replay = ({ id }: { id: string }) => {
  const [result, setResult] = useState<Replayed | string | null>(null);
  const again = (): void => {
    read<Replayed>(`decisions/${encodeURIComponent(id)}/replay`).then(setResult, (cause: unknown) =>
      setResult(cause instanceof Error ? cause.message : String(cause)),
    );
  };
  return (
    <div class="replay">
      <button type="button" onClick={again}>
        Replay
      </button>
      <span role="status">
        {typeof result === "string" && <span class="bad">{result}</span>}
        {result !== null && typeof result !== "string" && (
          <span class={result.identical ? "good" : "bad"}>
            {result.identical ? "✓ Identical bytes" : "✕ Different bytes"}:{" "}
            <code>{short(result.replayed_digest)}</code>{" "}
            {result.identical ? "" : `stored ${short(result.stored_digest)}`}
          </span>
        )}
      </span>
    </div>
  );
};
