#!/usr/bin/env node
// cli: the door of the `flyball` command. Each command registers itself in src/commands; nothing else is decided here.
// Exit 0 done, 1 refused or failed with the reason on stderr, 2 usage.
import { CommanderError } from "commander";
import { createProgram } from "./commands/program.ts";

/** How the system and the engine say that there is no room left. */
const DISK_FULL = /\b(?:ENOSPC|EDQUOT|NOT_ENOUGH_SPACE|No space left on device)\b/;

/** How the system says that a file a person named is not there. */
const NO_FILE = /^ENOENT: no such file or directory, open '(.*)'$/;

try {
  await createProgram().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    const reason = reasonOf(error).trim();
    process.stderr.write(
      DISK_FULL.test(reason) ? `a disk is full, free space and try again: ${reason}\n` : `${reason}\n`,
    );
    process.exitCode = 1;
  }
}

/** The message and those beneath it: the first says what was being done, the last why it failed; nothing is said twice. */
function reasonOf(error: unknown, said = ""): string {
  if (!(error instanceof Error)) return String(error);
  const file = NO_FILE.exec(error.message)?.[1];
  const told =
    file === undefined ? error.message : said.includes(file) ? "no such file" : `${file}: no such file`;
  if (error.cause === undefined) return told;
  const beneath = reasonOf(error.cause, told);
  return told.includes(beneath) ? told : `${told}: ${beneath}`;
}
