// Test support: the documents of the house as a test reads them: fenced blocks with their language and place, and inline code.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../../src/adapters/config.ts";

export interface Block {
  readonly file: string;
  readonly line: number;
  /** What follows the fence, such as `sh`; empty for pictures and output. */
  readonly language: string;
  readonly text: string;
}

/** Every document a user is told to read. */
export const documents = (): readonly string[] => [
  "README.md",
  ...readdirSync(path.join(projectRoot(), "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

export const textOf = (file: string): string => readFileSync(path.join(projectRoot(), file), "utf8");

/** Fenced blocks in order, without the indentation of the list they stand in. */
export const blocksOf = (file: string): readonly Block[] => {
  const text = textOf(file);
  return [...text.matchAll(/^( *)```(\w*)\n([\s\S]*?)^ *```$/gm)].map(
    ({ 1: indent = "", 2: language = "", 3: body = "", index }) => ({
      file,
      line: text.slice(0, index).split("\n").length,
      language,
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    }),
  );
};

/** Code within lines, fences left out. */
export const inlineCode = (file: string): readonly string[] => {
  const prose = textOf(file).replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code.replaceAll(/\s+/g, " "));
};
