// The completion scripts in the shells themselves: what bash (and fish and zsh, where they are installed) offer is what the command line knows.
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { treeOf } from "../../src/commands/completion.ts";
import { createProgram } from "../../src/commands/program.ts";
import { completionScript } from "../../src/core/completion.ts";

const tree = treeOf(createProgram());

const shell = (name: string, script: string): string[] | null => {
  const ran = spawnSync(name, ["-c", script], { encoding: "utf8" });
  if (ran.error !== undefined) return null;
  expect(ran.stderr).toBe("");
  return ran.stdout.split("\n").filter((line) => line !== "");
};

/** What bash offers after these words, the last of which is being typed. */
const inBash = (...words: readonly string[]): string[] =>
  shell(
    "bash",
    `${completionScript("bash", tree)}
COMP_WORDS=(flyball ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}
_flyball; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ) ?? [];

describe("completion in bash", () => {
  it("offers every command at the start", () =>
    expect(inBash("")).toEqual(expect.arrayContaining(tree.commands.map(({ name }) => name))));
  it("offers inner commands, not outer ones", () => {
    expect(inBash("governance", "f")).toEqual(["freeze"]);
    expect(inBash("governance", "keys")).toEqual([]);
  });
  it("offers options of the command at hand", () =>
    expect(inBash("governance", "freeze", "churn", "--r")).toEqual(["--reason"]));
  it("offers a choice's values, for options and arguments", () => {
    expect(inBash("keys", "create", "ci", "--role", "p")).toEqual(["predict"]);
    expect(inBash("completion", "z")).toEqual(["zsh"]);
    expect(inBash("run", "r")).toEqual(["roll", "report"]);
  });
});

describe("completion in fish", () => {
  it.skipIf(spawnSync("fish", ["--version"]).error !== undefined)("offers the same", () => {
    const offers = (line: string): string[] =>
      (shell("fish", `${completionScript("fish", tree)}\ncomplete -C '${line}'`) ?? []).map(
        (told) => told.split("\t")[0] ?? "",
      );
    expect(offers("flyball governance f")).toEqual(["freeze"]);
    expect(offers("flyball keys create ci --role p")).toEqual(["predict"]);
  });
});

describe("completion in zsh", () => {
  it.skipIf(spawnSync("zsh", ["--version"]).error !== undefined)("offers the same", () => {
    const offers = (...words: readonly string[]): string[] | null =>
      shell(
        "zsh",
        `compdef() { : }; _files() { print files }; _describe() { print -l -- \${offered%%:*} }
${completionScript("zsh", tree)}
words=(flyball ${words.map((word) => `'${word}'`).join(" ")}); CURRENT=${words.length + 1}; _flyball`,
      );
    expect(offers("governance", "")).toContain("freeze");
    expect(offers("governance", "")).not.toContain("keys");
    expect(offers("keys", "create", "ci", "--role", "")).toContain("predict");
  });
});
