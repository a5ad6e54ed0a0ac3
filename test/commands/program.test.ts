// The whole command line, walked: every command says what it is, helps, and speaks JSON to programs.
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../src/commands/program.ts";

/** Every command that does something, by its words. */
const walk = (command: Command, words: readonly string[] = []): [string, Command][] =>
  command.commands.length === 0
    ? [[words.join(" "), command]]
    : command.commands.flatMap((inner) => walk(inner, [...words, inner.name()]));

/** A hidden door between a worker and its child: a job in JSON on its stdin, an answer in JSON, nobody to help. */
const INTERNAL = ["train-production"];

const COMMANDS = walk(createProgram()).filter(([name]) => !INTERNAL.includes(name));

/** `--json` names the file of the demo's summary: its screen is the live picture of the run. */
const JSON_TO_FILE = ["demo"];

describe("every command", () => {
  it("is found by the walk", () => {
    const names = COMMANDS.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining(["up", "serve", "work", "clickhouse", "keys create", "labels load"]),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it("belongs to a program that tells its version", () => {
    expect(createProgram().version()).toMatch(/^\d+\.\d+\.\d+/);
    expect(createProgram().helpInformation()).toContain("--version");
  });

  it("is shown, but for those that are not for people", () => {
    const shown = createProgram().helpInformation();
    for (const name of INTERNAL) expect(shown).not.toContain(name);
  });

  it.each(COMMANDS)("%s speaks JSON", (name, command) => {
    const json = command.options.find(({ long }) => long === "--json");
    expect(json?.description).toMatch(/\S/);
    expect(json?.required).toBe(JSON_TO_FILE.includes(name));
  });

  it.each(COMMANDS)("%s helps: a sentence about itself, its arguments and every option", (name, command) => {
    expect(command.description()).toMatch(/\S/);
    const help = command.helpInformation();
    expect(help).toContain(`Usage: flyball ${name}`);
    for (const { flags, description } of [
      ...command.options,
      command.createOption("-h, --help", "display help"),
    ]) {
      expect(help).toContain(flags);
      expect(description, flags).toMatch(/\S/);
    }
  });

  it("is a usage error when misspelt, and the right one is named", async () => {
    const program = createProgram();
    let told = "";
    program.configureOutput({ writeErr: (text) => void (told += text) });
    await expect(program.parseAsync(["node", "flyball", "sevre"])).rejects.toMatchObject({
      code: "commander.unknownCommand",
    });
    expect(told).toContain("Did you mean serve?");
  });
});
