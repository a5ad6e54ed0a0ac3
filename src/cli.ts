#!/usr/bin/env node
// cli: the door of the `flyball` command. Each command registers itself from src/commands; nothing else is decided here.
// Exit 0 done, 1 refused or failed with the reason on stderr, 2 usage.
import { Command, CommanderError } from "commander";
import { register as audit } from "./commands/audit.ts";
import { register as backtest } from "./commands/backtest.ts";
import { register as clickhouse } from "./commands/clickhouse.ts";
import { register as contract } from "./commands/contract.ts";
import { register as data } from "./commands/data.ts";
import { register as decisions } from "./commands/decisions.ts";
import { register as demo } from "./commands/demo.ts";
import { register as doctor } from "./commands/doctor.ts";
import { register as drift } from "./commands/drift.ts";
import { register as evaluate } from "./commands/evaluate.ts";
import { register as governance } from "./commands/governance.ts";
import { register as keys } from "./commands/keys.ts";
import { register as migrate } from "./commands/migrate.ts";
import { register as models } from "./commands/models.ts";
import { register as policy } from "./commands/policy.ts";
import { register as predict } from "./commands/predict.ts";
import { register as registerModel } from "./commands/register.ts";
import { register as report } from "./commands/report.ts";
import { register as runStage } from "./commands/run.ts";
import { register as serve } from "./commands/serve.ts";
import { register as simulate } from "./commands/simulate.ts";
import { register as train } from "./commands/train.ts";
import { register as up } from "./commands/up.ts";

const COMMANDS = [
  up,
  demo,
  serve,
  clickhouse,
  migrate,
  contract,
  data,
  train,
  registerModel,
  evaluate,
  predict,
  drift,
  models,
  governance,
  decisions,
  backtest,
  keys,
  audit,
  policy,
  simulate,
  report,
  runStage,
  doctor,
];

const program = new Command("flyball").description("a governor for models in production").exitOverride();
for (const register of COMMANDS) register(program);
exitByThrowing(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** Usage errors of commands and their subcommands end here with code 2. */
function exitByThrowing(command: Command): void {
  command.exitOverride();
  for (const inner of command.commands) exitByThrowing(inner);
}

/** The message and those beneath it: the first says what was being done, the last why it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
