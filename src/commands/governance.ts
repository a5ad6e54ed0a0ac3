// Door: `flyball governance …`: what the ledger says, and the operator's commands. A command is recorded first; then the door waits
// for the execute stage's answer and gives it as its own: exit 0 done, 1 refused or not carried out in time.
import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { InvalidArgumentError, type Command } from "commander";
import {
  ALIAS,
  CommandName,
  type CommandRecord,
  type LedgerState,
  type ModelState,
} from "../../contracts/governance.ts";
import { modelOf } from "../core/governance-state.ts";
import { alternatives } from "../core/nearest.ts";
import type { Stores } from "../wiring.ts";
import { withStores } from "./stores.ts";
import { metricCell, tableLines, timeCell, UNKNOWN } from "./table.ts";

interface Flags {
  reason: string;
  actor: string;
  expiresAt?: string;
  generation?: number;
  wait: boolean;
  json?: boolean;
}

const WAIT_MS_MAX = 30_000;
const LOOK_EVERY_MS = 200;

const ABOUT: Readonly<Record<CommandName, string>> = {
  promote: "promote a version (default: the candidate)",
  rollback: "withdraw the promoted version and bring the standby back",
  reject: "reject a version that was never promoted (default: the candidate)",
  approve: "approve a version for promotion, as someone else than its proposer",
  freeze: "hold promotions, shadowing and trainings back, until --expires-at or unfreeze",
  unfreeze: "end a freeze",
  retrain: "train a new candidate now; resets an open circuit",
  release: "release every quarantined window",
};

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const governance = program
    .command("governance")
    .description("what is promoted, and the operator's commands");
  governance
    .command("status")
    .description("versions, their states and what is pending")
    .argument("[model]", "only this model")
    .option("--json", "machine output")
    .action((model: string | undefined, flags: { json?: boolean }) =>
      withStores(async (stores) => {
        const state = await stores.ledger.state();
        const models = Object.values(state.models).filter(
          (one) => model === undefined || one.model === model,
        );
        if (model !== undefined && models.length === 0) return fail(unknownModel(state, model));
        const { generation, seq } = state;
        const sealed = (await stores.ledger.sealed()).seq;
        if (flags.json === true) return print(JSON.stringify({ seq, sealed, generation, models }));
        print(
          [`ledger: entry ${seq}, sealed to ${sealed}, generation ${generation}`, ...models.map(table)].join(
            "\n\n",
          ),
        );
      }),
    );
  for (const name of CommandName.options) {
    governance
      .command(name)
      .description(ABOUT[name])
      .argument("<model[@version]>")
      .requiredOption("--reason <text>", "why; kept in the audit log")
      .option("--actor <name>", "who", `cli:${userInfo().username}`)
      .option("--expires-at <time>", "end of a freeze or an approval; after it a command is not carried out")
      .option("--generation <number>", "refuse when the ledger is at another generation", whole)
      .option("--no-wait", "return once the command is recorded")
      .option("--json", "machine output")
      .action((reference: string, flags: Flags) =>
        withStores((stores) => give(stores, name, reference, flags)),
      );
  }
};

const give = async (stores: Stores, command: CommandName, reference: string, flags: Flags): Promise<void> => {
  const { giveCommand } = await import("../stages/command.ts");
  const [model = "", version = null] = reference.split("@");
  const before = await stores.ledger.state();
  if (!Object.hasOwn(before.models, model)) return fail(`unknown-model: ${unknownModel(before, model)}`);
  const idle = command === "promote" ? servesAlready(modelOf(before, model), version) : null;
  if (idle !== null) return tell(flags, { command_id: null, outcome: "nothing", detail: idle }, idle);
  const given = await giveCommand(stores.ledger, {
    commandId: randomUUID(),
    model,
    command,
    version,
    actor: flags.actor,
    reason: flags.reason,
    expiresAt: flags.expiresAt ?? null,
    generation: flags.generation ?? null,
    at: new Date(await stores.now()).toISOString(),
  });
  switch (given.outcome) {
    case "refused":
      return fail(`${given.refusal.code}: ${given.refusal.detail}`);
    case "stale":
      return fail(`the ledger is at generation ${given.generation}: look again before you decide`);
    case "recorded":
      if (!flags.wait)
        return tell(
          flags,
          { command_id: given.commandId, outcome: "recorded" },
          `recorded as ${given.commandId}`,
        );
      return report(flags, await outcomeOf(stores, model, given.commandId));
  }
};

/** Said where a promotion has nothing to do, so that asking again leaves no entry; null where it has, or something is under way. */
const servesAlready = (model: ModelState, version: string | null): string | null =>
  version !== null && version === model.promoted && model.commands.every(({ status }) => status !== "pending")
    ? `${model.model}@${version} serves already: nothing was recorded`
    : null;

const unknownModel = ({ models }: LedgerState, asked: string): string =>
  `${asked} is not in the ledger${alternatives(asked, Object.keys(models))}`;

const report = (flags: Flags, command: CommandRecord): void => {
  const { commandId, status, detail } = command;
  tell(flags, { command_id: commandId, outcome: status, detail }, `${status}: ${detail}`);
  if (status === "done") return;
  process.exitCode = 1;
  if (status === "pending")
    process.stderr.write(
      `${commandId} is recorded but not carried out yet: it waits for approval, or no worker runs (flyball work)\n`,
    );
  else process.stderr.write(`refused: ${detail}\n`);
};

/** The command as it stands once it ended, or after the longest wait. */
const outcomeOf = async (stores: Stores, model: string, commandId: string): Promise<CommandRecord> => {
  const { commandOf } = await import("../stages/command.ts");
  const end = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const command = commandOf(modelOf(await stores.ledger.state(), model), commandId);
    if (command === null) throw new Error(`command ${commandId} is not in the ledger any more`);
    if (command.status !== "pending" || performance.now() > end) return command;
    await pause(LOOK_EVERY_MS);
  }
};

const table = (state: ModelState): string => {
  const rows = Object.values(state.versions).map((one) => [
    one.version,
    one.state,
    ALIAS[one.state] === "None" ? UNKNOWN : ALIAS[one.state],
    timeCell(one.since),
    metricCell(one.baseline?.f1),
    one.lastReason,
  ]);
  const open = state.quarantines.filter((window) => !window.released);
  const pending = state.commands.filter((command) => command.status === "pending");
  return [
    `${state.model}: ${state.promoted ?? "nothing"} serves, candidate ${state.candidate ?? "none"}, standby ${state.standby ?? "none"}`,
    ...tableLines([["VERSION", "STATE", "ALIAS", "SINCE (UTC)", "BASELINE F1", "WHY"], ...rows]).map(
      (line) => `  ${line}`,
    ),
    ...(state.frozen === null
      ? []
      : [
          `frozen${state.frozen.until === null ? "" : ` until ${state.frozen.until}`} by ${state.frozen.actor}: ${state.frozen.reason}`,
        ]),
    ...(state.circuit === "open"
      ? [`circuit open after ${state.trainingFailures} failed trainings: retrain resets it`]
      : []),
    ...(state.training === null
      ? []
      : [`training ${state.training.trainingId}, attempt ${state.training.attempt}`]),
    ...open.map(
      (window) =>
        `quarantined (${window.kind}) ${window.windowStart} to ${window.windowEnd}: ${window.detail}`,
    ),
    ...pending.map(
      (command) =>
        `pending: ${command.command} ${command.version ?? ""} by ${command.actor}: ${command.reason}`,
    ),
  ].join("\n");
};

const tell = (flags: Flags, machine: object, people: string): void =>
  print(flags.json === true ? JSON.stringify(machine) : people);

const print = (text: string): void => void process.stdout.write(`${text}\n`);

const fail = (reason: string): void => {
  process.exitCode = 1;
  process.stderr.write(`refused: ${reason}\n`);
};

const whole = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
};
