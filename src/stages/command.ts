// Stage: command. Writes an operator's command into the ledger, for HTTP and command line alike: one trail. The command is only
// recorded here; the execute stage carries it out and records how it ended. Nothing is written for a model or version the
// book does not know.
import { Semver } from "../../contracts/feature-contract.ts";
import type { CommandName, CommandRecord, LedgerState, ModelState } from "../../contracts/governance.ts";
import { modelOf, versionOf } from "../core/governance-state.ts";
import { alternatives } from "../core/nearest.ts";
import type { Refusal } from "../core/governance-laws.ts";
import type { KeepsLedger } from "../ports.ts";

export interface CommandWish {
  /** Drawn by the door; the same id again is the same command. */
  readonly commandId: string;
  readonly model: string;
  readonly command: CommandName;
  /** Null: the candidate, or for a rollback the champion. */
  readonly version: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly expiresAt: string | null;
  /** Only on this generation of the ledger; null: on whatever it is when the turn comes. */
  readonly generation: number | null;
  readonly at: string;
}

export type CommandGiven =
  | { readonly outcome: "recorded"; readonly commandId: string; readonly generation: number }
  | { readonly outcome: "stale"; readonly generation: number }
  | { readonly outcome: "refused"; readonly refusal: Refusal };

/** Turns lost to other writers before we say that something is wrong. */
const TRIES = 50;

/** Records a command. */
export const giveCommand = async (
  ledger: Pick<KeepsLedger, "state" | "append">,
  wish: CommandWish,
): Promise<CommandGiven> => {
  const { model, actor, reason, at } = wish;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const state = await ledger.state();
    const refusal = unusable(state, wish);
    if (refusal !== null) return { outcome: "refused", refusal };
    if (commandOf(modelOf(state, model), wish.commandId) !== null)
      return { outcome: "recorded", commandId: wish.commandId, generation: state.generation };
    const event = {
      type: "command",
      command_id: wish.commandId,
      command: wish.command,
      version: wish.version,
      expires_at: wish.expiresAt,
    } as const;
    const generation = wish.generation ?? state.generation;
    const result = await ledger.append({ at, model, actor, reason, events: [event] }, { generation });
    if (result.ok)
      return { outcome: "recorded", commandId: wish.commandId, generation: result.entry.generation };
    if (wish.generation !== null) return { outcome: "stale", generation: result.generation };
  }
  throw new Error(`no turn at the ledger in ${TRIES} attempts`);
};

/** How a command stands; null where the book does not have it. */
export const commandOf = (model: ModelState, commandId: string): CommandRecord | null =>
  model.commands.find((known) => known.commandId === commandId) ?? null;

const unusable = (state: LedgerState, wish: CommandWish): Refusal | null => {
  const { model, version, expiresAt } = wish;
  if (!Object.hasOwn(state.models, model))
    return { code: "unknown-model", detail: `${model} is not in the ledger` };
  if (version !== null && !Semver.safeParse(version).success)
    return { code: "bad-version", detail: `${version} is not MAJOR.MINOR.PATCH` };
  if (version !== null && versionOf(modelOf(state, model), version) === undefined)
    return {
      code: "unknown-version",
      detail: `${model}@${version} is not in the ledger${alternatives(version, Object.keys(modelOf(state, model).versions))}`,
    };
  if (wish.command === "approve" && version === null)
    return { code: "version-needed", detail: "an approval names the version it approves" };
  if (wish.reason.trim() === "") return { code: "no-reason", detail: "every command needs a reason" };
  if (wish.actor.trim() === "") return { code: "no-actor", detail: "every command needs an actor" };
  if (expiresAt !== null && (!expiresAt.endsWith("Z") || Number.isNaN(Date.parse(expiresAt))))
    return { code: "bad-time", detail: `${expiresAt} is not an RFC 3339 time in UTC (2001-02-03T04:05:06Z)` };
  return null;
};
