// Door: the whole command line as one tree. Each command registers itself; nothing else is decided here, and nothing runs by itself.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command } from "commander";
import { projectRoot } from "../adapters/config.ts";
import { register as audit } from "./audit.ts";
import { register as backtest } from "./backtest.ts";
import { register as clickhouse } from "./clickhouse.ts";
import { register as completion } from "./completion.ts";
import { register as contract } from "./contract.ts";
import { register as data } from "./data.ts";
import { register as decisions } from "./decisions.ts";
import { register as demo } from "./demo.ts";
import { register as doctor } from "./doctor.ts";
import { register as drift } from "./drift.ts";
import { register as evaluate } from "./evaluate.ts";
import { register as governance } from "./governance.ts";
import { register as keys } from "./keys.ts";
import { register as labels } from "./labels.ts";
import { register as migrate } from "./migrate.ts";
import { register as models } from "./models.ts";
import { register as policy } from "./policy.ts";
import { register as predict } from "./predict.ts";
import { register as registerModel } from "./register.ts";
import { register as replay } from "./replay.ts";
import { register as report } from "./report.ts";
import { register as runStage } from "./run.ts";
import { register as serve } from "./serve.ts";
import { register as simulate } from "./simulate.ts";
import { register as train } from "./train.ts";
import { register as up } from "./up.ts";

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
  replay,
  labels,
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
  completion,
];

/** Makes the program with every command; usage errors throw instead of ending the process. */
export const createProgram = (): Command => {
  const program = new Command("flyball")
    .description("a governor for models in production")
    .version(versionHere(), "-V, --version", "display the version");
  for (const register of COMMANDS) register(program);
  exitByThrowing(program);
  return program;
};

const versionHere = (): string =>
  /"version": "([^"]+)"/.exec(readFileSync(join(projectRoot(), "package.json"), "utf8"))?.[1] ?? "unknown";

/** Usage errors of commands and their subcommands end at the caller. */
const exitByThrowing = (command: Command): void => {
  command.exitOverride();
  for (const inner of command.commands) exitByThrowing(inner);
};
