// The documents say what is so: every command, option, setting, policy, file and script they name exists. What can be carried out is
// carried out: sh by examples.e2e.test.ts, sql by sql.e2e.test.ts.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parse } from "yaml";
import { ServiceConfig } from "../contracts/config.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { treeOf } from "../src/commands/completion.ts";
import { createProgram } from "../src/commands/program.ts";
import type { CommandTree } from "../src/core/completion.ts";
import { parsePolicy } from "../src/core/policy.ts";
import { blocksOf, documents, inlineCode, textOf } from "./support/documents.ts";

const tree = treeOf(createProgram());
const policy = textOf("config/policy.yaml");
const scripts = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync(path.join(projectRoot(), "package.json"), "utf8"))).scripts;

/** What is wrong with a line that begins with flyball; null where the command line takes it. */
const mistakeIn = (line: string): string | null => {
  let at: CommandTree = tree;
  const words = line
    .replaceAll(/ #.*$/g, "")
    .replaceAll(/"[^"]*"|'[^']*'/g, "TEXT")
    .split(/[\s|]+/)
    .filter((word) => word !== "");
  for (const word of words.slice(1)) {
    if (word === "…" || word === "&" || word.startsWith(">")) break;
    const inner = at.commands.find(({ name }) => name === word);
    if (inner !== undefined) at = inner;
    else if (word.startsWith("--")) {
      if (!at.options.some(({ flag }) => flag === word.split("=")[0])) return `${at.name} has no ${word}`;
    } else if (at.commands.length > 0) return `${at.name} has no command ${word}`;
  }
  return null;
};

/** Commands as they stand in a block or between backticks. */
const commandsIn = (text: string): string[] =>
  text
    .replaceAll("\\\n", " ")
    .split("\n")
    .flatMap((line) => /^(?:[A-Z_]+=\S+ )*(?:npx )?(flyball .*)$/.exec(line.trim())?.[1] ?? []);

describe("the check itself", () => {
  it("finds a command, an option and an inner command that are not there", () => {
    expect(mistakeIn("flyball keys create ci --role predict")).toBeNull();
    expect(mistakeIn("flyball kyes ls")).toContain("kyes");
    expect(mistakeIn("flyball keys list")).toContain("list");
    expect(mistakeIn("flyball keys ls --all")).toContain("--all");
  });
});

describe.each(documents())("%s", (file) => {
  const blocks = blocksOf(file);

  it("names commands and options that exist", () => {
    const said = [...blocks.map(({ text }) => text), ...inlineCode(file)].flatMap(commandsIn);
    expect(said.map(mistakeIn).filter((mistake) => mistake !== null)).toEqual([]);
  });

  it("names npm scripts that exist", () => {
    const named = [...textOf(file).matchAll(/npm run ([\w:]+)/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it("names files that exist, and links to them", () => {
    const folders = /^(?:bench|clickhouse|config|contracts|deploy|docs|scripts|src|test|workers)\/[\w./@-]+$/;
    const links = [...textOf(file).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, to = ""]) =>
      path.join(path.dirname(file), to),
    );
    const named = inlineCode(file).filter((code) => folders.test(code));
    expect([...links, ...named].filter((name) => !existsSync(path.join(projectRoot(), name)))).toEqual([]);
  });

  it("has only blocks that a test carries out or holds against the real words", () => {
    const known = ["sh", "sql", "yaml", ""];
    expect(blocks.filter(({ language }) => !known.includes(language))).toEqual([]);
    expect(blocks.filter(({ language, file: of }) => language === "sql" && of !== "docs/sql.md")).toEqual([]);
  });

  it.each(blocks.filter(({ language }) => language === "yaml"))(
    "shows yaml that holds at line $line",
    ({ text }) => {
      const value: unknown = parse(text);
      if (Array.isArray(value)) {
        // Rules: each in the place of the shipped one of its name.
        const [rule] = z.array(z.object({ name: z.string() })).parse(value);
        const shown = text.trimEnd().replaceAll(/^/gm, "  ");
        const shipped = new RegExp(`^  - name: ${rule?.name ?? ""}\\n(?:    .*\\n)*`, "m");
        expect(policy).toMatch(shipped);
        expect(parsePolicy(policy.replace(shipped, `${shown}\n`), file)).toMatchObject({ ok: true });
      } else if (text.startsWith("drift:")) {
        const lines = text.trimEnd().split("\n").slice(1).join("\n");
        expect(parsePolicy(policy.replace(/^drift:\n/m, `drift:\n${lines}\n`), file)).toMatchObject({
          ok: true,
        });
      } else expect(ServiceConfig.safeParse(value).error?.issues ?? []).toEqual([]);
    },
  );
});
