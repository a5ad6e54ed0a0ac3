// Door: `flyball backtest --policy FILE`. Runs another policy over the recorded evidence, open loop, and shows every decision that would
// have been another one, with both explanations and the gates that stand differently. Moves nothing.
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { BacktestDifference } from "../core/backtest.ts";
import { answer, mistakes } from "./offline.ts";
import { decidedModels, instantOf, withStores } from "./stores.ts";

interface Flags {
  policy: string;
  since?: string;
  model?: string;
  json?: boolean;
}

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("backtest")
    .description("what another policy would have decided over the recorded evidence")
    .requiredOption("--policy <file>", "the other policy")
    .option("--since <time>", "only windows that end after this instant (UTC)")
    .option("--model <name>", "only this model")
    .option("--json", "machine output")
    .action(run);
};

const run = async (flags: Flags): Promise<void> => {
  const { parsePolicy } = await import("../core/policy.ts");
  const { backtestHistory } = await import("../stages/decisions.ts");
  const parsed = parsePolicy(await readFile(flags.policy, "utf8"), flags.policy);
  if (!parsed.ok) throw new Error(mistakes(flags.policy, parsed.errors));
  const sinceMs = flags.since === undefined ? null : instantOf(flags.since, "--since");
  await withStores(async (stores) => {
    const models = await decidedModels(stores, flags.model);
    const result = await backtestHistory({ decisions: stores.decisions, models, sinceMs }, parsed.policy);
    const { decisions, policy, differences } = result;
    answer(
      flags,
      result,
      [
        `${policy} over ${decisions} decisions: ${differences.length} would differ`,
        ...differences.map(textOf),
      ].join("\n"),
    );
  });
};

const textOf = ({ id, model, window_start, recorded, other }: BacktestDifference): string =>
  [
    `${model} ${window_start} (${id.slice(0, 12)})`,
    `  recorded ${sideOf(recorded)}`,
    `  other    ${sideOf(other)}`,
    ...other.gates.map((gate) => `  gate     ${gate}`),
  ].join("\n");

const sideOf = ({ action, version, rule, sentence }: BacktestDifference["recorded"]): string =>
  `${action}${version === null ? "" : ` ${version}`} by ${rule}: ${sentence}`;
