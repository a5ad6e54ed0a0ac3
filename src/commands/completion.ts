// Door: `flyball completion bash|zsh|fish`: a script for the shell, written from the commands as they are registered here. Changes nothing.
import { Argument, Option, type Command } from "commander";
import { SHELLS, completionScript, type CommandTree, type Shell } from "../core/completion.ts";

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("completion")
    .description("a script that lets your shell complete these commands")
    .addArgument(new Argument("<shell>", "which shell reads it").choices(SHELLS))
    .addOption(new Option("--json", "machine output"))
    .action((shell: Shell, flags: { json?: boolean }) => {
      const script = completionScript(shell, treeOf(program));
      process.stdout.write(flags.json === true ? `${JSON.stringify({ shell, script })}\n` : script);
    });
};

/** What the command line knows, without what it is made of. */
export const treeOf = (command: Command): CommandTree => ({
  name: command.name(),
  about: command.description(),
  commands: command.commands.map(treeOf),
  options: [
    ...command.options.map(({ long, short, description, argChoices }) => ({
      flag: long ?? short ?? "",
      about: description,
      choices: argChoices ?? [],
    })),
    { flag: "--help", about: "display help for command", choices: [] },
  ],
  choices: command.registeredArguments[0]?.argChoices ?? [],
});
