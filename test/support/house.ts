// Test support: what the architecture test knows about the house's plan: which floor a file stands on, and how to find a cycle.
// Pure functions of names and text.

/** Floors from below: words 0, core 1, plumbing 2, stages 3, doors 4. */
export const floorOf = (file: string): number => {
  if (file.startsWith("contracts/")) return 0;
  if (file.startsWith("src/core/")) return 1;
  if (file.startsWith("src/adapters/") || /^src\/ports[-\w]*\.ts$/.test(file)) return 2;
  // The page's own code; it reaches nobody but through HTTP.
  if (file.startsWith("src/web/")) return 3;
  if (file.startsWith("src/http/") || file.startsWith("src/stages/")) return 3;
  if (file.startsWith("workers/") && file !== "workers/main.ts") return 3;
  return 4;
};

/** Strongly connected files (Tarjan), each cycle as one line; empty when imports form no circle. */
export const cyclesOf = (imports: ReadonlyMap<string, readonly string[]>): string[] => {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const cycles: string[] = [];
  const visit = (file: string): void => {
    index.set(file, index.size);
    low.set(file, index.get(file) ?? 0);
    stack.push(file);
    for (const to of imports.get(file) ?? []) {
      if (!index.has(to)) visit(to);
      if (stack.includes(to)) low.set(file, Math.min(low.get(file) ?? 0, low.get(to) ?? 0));
    }
    if (low.get(file) !== index.get(file)) return;
    const together = stack.splice(stack.indexOf(file));
    if (together.length > 1 || (imports.get(file) ?? []).includes(file))
      cycles.push(together.sort().join(" <-> "));
  };
  for (const file of imports.keys()) if (!index.has(file)) visit(file);
  return cycles;
};

/** Source without its comments, strings left whole; good enough for sources that keep `//` out of regular expressions' way. */
export const withoutComments = (source: string): string =>
  source.replace(
    /("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|(?<![:\\/])\/\/[^\n]*/g,
    (_, literal: string | undefined) => literal ?? "",
  );
