// Web page: governance: where every version stands in the state machine, the gates as a checklist, and the operator's commands. A command
// names the generation that was on the screen: when the ledger moved meanwhile it is refused and the page looks again.
import { useState } from "preact/hooks";
import type { CommandItem, ModelItem } from "../../../contracts/read.ts";
import type { CommandName } from "../../../contracts/governance.ts";
import { may } from "../api.ts";
import { Command, type Asked } from "../parts/command.tsx";
import { plain, when, words } from "../parts/format.ts";
import { Card, Chip, Gates, Table } from "../parts/small.tsx";
import { Show, useRead } from "../resource.tsx";
import { pathOf } from "../route.ts";

interface VersionWord {
  readonly version: string;
  readonly state: string;
  readonly since: string;
  readonly last_reason: string;
}
interface QuarantineWord {
  readonly kind: string;
  readonly window_start: string;
  readonly window_end: string;
  readonly released: boolean;
  readonly detail: string;
}
interface Answer extends ModelItem {
  readonly generation: number;
  readonly governance: {
    readonly versions: Readonly<Record<string, VersionWord>>;
    readonly quarantines: readonly QuarantineWord[];
    readonly commands: readonly CommandItem[];
  };
}

/** The page. */
export const Governance = ({ model }: { model: string }) => {
  const state = useRead<Answer>(`models/${encodeURIComponent(model)}`);
  const [asked, ask] = useState<Asked | null>(null);
  return (
    <>
      <h1 tabIndex={-1}>Governance</h1>
      <Show of={state}>
        {(value) => (
          <>
            <Card title="Where each version stands" wide>
              <Machine versions={Object.values(value.governance.versions)} />
            </Card>
            <Actions value={value} onAsk={ask} />
            <GateCard item={value} />
            <Quarantines list={value.governance.quarantines} />
            <Commands list={value.governance.commands} />
          </>
        )}
      </Show>
      {asked !== null && <Command model={model} asked={asked} onEnd={() => ask(null)} />}
    </>
  );
};

const ROAD = ["TRAINING", "SHADOWING", "PROMOTABLE", "PROMOTED", "STANDBY", "ARCHIVED"] as const;
const ENDS = ["REJECTED", "ROLLED_BACK"] as const;

const Machine = ({ versions }: { versions: readonly VersionWord[] }) => {
  const stop = (state: string) => {
    const here = versions.filter((one) => one.state === state).sort((a, b) => (a.since < b.since ? 1 : -1));
    return (
      <li
        key={state}
        class={here.length > 0 ? "held" : ""}
        aria-label={`${words(state)}: ${here.length} versions`}
      >
        <Chip word={state} label={words(state)} />
        {here.slice(0, 4).map((one) => (
          <span class="version" key={one.version} title={one.last_reason}>
            <b>{one.version}</b> <small>since {when(one.since)}</small>
          </span>
        ))}
        {here.length > 4 && <small>{here.length - 4} more</small>}
        {here.length === 0 && <small class="quiet">none</small>}
      </li>
    );
  };
  return (
    <>
      <ol class="road">{ROAD.map(stop)}</ol>
      <ul class="road ends-road">{ENDS.map(stop)}</ul>
    </>
  );
};

/** As the api's table of routes has it. */
const roleOf = (command: CommandName): string => (command === "approve" ? "approve" : "operate");

const Actions = ({ value, onAsk }: { value: Answer; onAsk: (asked: Asked) => void }) => {
  const versions = Object.values(value.governance.versions);
  const in_ = (...states: string[]): string[] =>
    versions.filter(({ state }) => states.includes(state)).map(({ version }) => version);
  const button = (command: CommandName, what: string, choices: string[] | null, tone = "") => (
    <button
      type="button"
      class={tone}
      disabled={(choices !== null && choices.length === 0) || !may(roleOf(command))}
      title={may(roleOf(command)) ? undefined : `Your key lacks the role ${roleOf(command)}.`}
      onClick={() => onAsk({ command, what, choices: choices ?? [], generation: value.generation })}
    >
      {words(command)}
    </button>
  );
  const waiting = in_("SHADOWING", "PROMOTABLE", "TRAINING");
  return (
    <Card title="Commands">
      <p class="quiet">
        {plain(value.outlook.next)}{" "}
        {value.frozen === null ? "" : `Frozen by ${value.frozen.actor}: ${value.frozen.reason}`}
      </p>
      <div class="actions">
        {button("promote", "The version serves as soon as the entry is sealed.", waiting, "primary")}
        {button("approve", "Someone else than the proposer says yes to a promotion.", waiting)}
        {button("reject", "The version will never serve.", waiting)}
        {button(
          "rollback",
          "The serving version is withdrawn and the standby serves again.",
          value.standby === null ? [] : [value.promoted ?? ""],
          "danger",
        )}
        {value.frozen === null
          ? button("freeze", "Promotions, shadowing and trainings are held back.", null)
          : button("unfreeze", "The governor goes on.", null)}
        {button("retrain", "A new candidate is trained now; resets an open circuit.", null)}
        {button(
          "release",
          "Every quarantined window counts again.",
          value.governance.quarantines.some(({ released }) => !released) ? null : [],
        )}
      </div>
    </Card>
  );
};

const GateCard = ({ item }: { item: ModelItem }) => {
  const gates = item.last_decision?.gates ?? [];
  return (
    <Card title={item.candidate === null ? "Gates" : `Gates of ${item.candidate}`}>
      {gates.length === 0 ? (
        <p class="empty">No candidate was judged in the last decided window.</p>
      ) : (
        <>
          <p class="quiet">
            As of{" "}
            <a href={pathOf({ at: "decision", id: item.last_decision?.id ?? "" })}>
              the decision of {when(item.last_decision?.window_end)}
            </a>
            : {gates.filter(({ result }) => result === "pass").length} of {gates.length} pass.
          </p>
          <Gates gates={gates} />
        </>
      )}
    </Card>
  );
};

const Quarantines = ({ list }: { list: readonly QuarantineWord[] }) => {
  const open = list.filter(({ released }) => !released);
  if (open.length === 0) return null;
  return (
    <Card title="Open quarantines" wide>
      <Table caption="Open quarantines" head={["Kind", "From", "To", "Why"]}>
        {open.map((one) => (
          <tr key={`${one.kind}/${one.window_start}`}>
            <th scope="row">{words(one.kind)}</th>
            <td>{when(one.window_start)}</td>
            <td>{when(one.window_end)}</td>
            <td class="text">{one.detail}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
};

/** Read in one answer with the generation: whoever sees how a command ended can give the next one. */
const Commands = ({ list }: { list: readonly CommandItem[] }) => (
  <Card title="Commands given" wide>
    {list.length === 0 ? (
      <p class="empty">No command was ever given.</p>
    ) : (
      <Table
        caption="Commands given"
        head={["When", "Command", "Version", "By", "Reason", "Ended", "Detail"]}
      >
        {list
          .slice(-50)
          .reverse()
          .map((item) => (
            <tr key={item.command_id}>
              <td>{when(item.at)}</td>
              <th scope="row">{words(item.command)}</th>
              <td>{item.version ?? "–"}</td>
              <td>{item.actor}</td>
              <td class="text">{item.reason}</td>
              <td>
                <Chip word={item.status} />
              </td>
              <td class="text">{item.detail}</td>
            </tr>
          ))}
      </Table>
    )}
  </Card>
);
