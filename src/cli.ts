#!/usr/bin/env node
// cli: the door of the `flyball` command. Each command registers itself in src/commands; nothing else is decided here.
// Exit 0 done, 1 refused or failed with the reason on stderr, 2 usage.
import { CommanderError } from "commander";
import { createProgram } from "./commands/program.ts";

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    process.stderr.write(`${reasonOf(error)}\n`);
    process.exitCode = 1;
  }
}

/** The message and those beneath it: the first says what was being done, the last why it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${reasonOf(error.cause)}`;
}
