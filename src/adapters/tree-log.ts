// Plumbing: the trees of a training that is not over, one line each in a file under the home folder, so that a training which was
// interrupted goes on where it stopped and gives the bytes it would have given. A line that is torn or altered counts for nothing.
import { appendFileSync, mkdirSync, readFileSync, rmSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { z } from "zod";
import { sha256Hex } from "../core/canonical.ts";
import type { Grown, TreeLog } from "../core/training/tree.ts";
import { isCode } from "./durable.ts";

const Rule = z.union([
  z.strictObject({ members: z.array(z.int().min(0).max(255)) }),
  z.strictObject({ upTo: z.int(), missingLeft: z.boolean() }),
]);
const Line = z.strictObject({
  n: z.int(),
  tree: z.strictObject({
    feature: z.array(z.int()),
    rule: z.array(Rule.nullable()),
    left: z.array(z.int()),
    right: z.array(z.int()),
    value: z.array(z.number()),
    rows: z.array(z.int()),
  }),
  gains: z.array(z.number()),
});

/** A log nobody came back to is dropped after so long. */
const KEPT_MS = 7 * 86_400_000;

/**
 * Opens the log of the training that `key` identifies: the digest of all that decides its trees. `forget` when the training is over.
 * Two processes at the same training write the same lines twice, which does no harm.
 */
export const openTreeLog = (
  home: string,
  key: string,
  nowMs: number,
): TreeLog & { readonly found: number; forget(): void } => {
  const folder = path.join(home, "tmp");
  mkdirSync(folder, { recursive: true });
  dropForgotten(folder, nowMs);
  const file = path.join(folder, `training-${key}.trees`);
  const before = textOf(file);
  const known = treesIn(before);
  // A torn line is closed, so that what follows it stands on a line of its own.
  if (before !== "" && !before.endsWith("\n")) appendFileSync(file, "\n");
  let at = 0;
  return {
    found: known.length,
    next: () => {
      const grown = known[at] ?? null;
      if (grown !== null) at++;
      return grown;
    },
    keep: (grown) => {
      const line = JSON.stringify({ n: at++, ...grown });
      appendFileSync(file, `${sha256Hex(line)} ${line}\n`);
    },
    forget: () => rmSync(file, { force: true }),
  };
};

const treesIn = (text: string): Grown[] => {
  const trees: Grown[] = [];
  for (const line of text.split("\n")) {
    const json = line.slice(65);
    if (json === "" || line.slice(0, 64) !== sha256Hex(json)) continue;
    const { n, tree, gains } = Line.parse(JSON.parse(json));
    if (n === trees.length) trees.push({ tree, gains });
  }
  return trees;
};

const textOf = (file: string): string => {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return "";
    throw error;
  }
};

const dropForgotten = (folder: string, nowMs: number): void => {
  for (const name of readdirSync(folder)) {
    if (!/^training-[0-9a-f]+\.trees$/.test(name)) continue;
    const file = path.join(folder, name);
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < nowMs - KEPT_MS) rmSync(file, { force: true });
  }
};
