// Core: a YAML text read into plain JSON, together with where each key stands in it, so that whoever checks the words can say
// line and column. Refuses what hides meaning (aliases, merge keys, repeated keys, `__proto__`); never corrects a text.
import { isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit, type Document } from "yaml";

/** One mistake in a file. Lines and columns start at 1. */
export type PlacedError = { line: number; column: number; key: string; message: string };

export type YamlDocument =
  | {
      readonly ok: true;
      readonly value: unknown;
      /** Turns a path and a message into an error at the path's place; an absent key stands at its nearest parent. */
      readonly errorAt: (path: readonly PropertyKey[], message: string) => PlacedError;
    }
  | { readonly ok: false; readonly errors: readonly PlacedError[] };

const CHARACTERS_MAX = 1_000_000;

/** Reads one YAML document of at most a million characters. */
export const readYaml = (text: string): YamlDocument => {
  if (text.length > CHARACTERS_MAX)
    return { ok: false, errors: [{ line: 1, column: 1, key: "", message: "the file is too large" }] };
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    schema: "core",
    merge: false,
  });
  const placed = (offset: number, key: string, message: string): PlacedError => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col), key, message };
  };
  const syntax = [...document.errors, ...document.warnings];
  const mistakes =
    syntax.length > 0
      ? syntax.map((e) => placed(e.pos[0], "", firstLine(e.message)))
      : trickyNodes(document).map(({ offset, message }) => placed(offset, "", message));
  if (mistakes.length > 0) return { ok: false, errors: mistakes };
  return {
    ok: true,
    value: document.toJS(),
    errorAt: (path, message) => placed(offsetOf(document, path), path.map(String).join("."), message),
  };
};

/** Aliases hide what a line says and can grow without bound; a `__proto__` key is never a name. */
const trickyNodes = (document: Document): { offset: number; message: string }[] => {
  const found: { offset: number; message: string }[] = [];
  const note = (node: unknown, message: string) =>
    found.push({ offset: (isNode(node) ? node.range?.[0] : undefined) ?? 0, message });
  visit(document, {
    Alias: (_, node) => void note(node, "anchors and aliases are not accepted: write the value out"),
    Pair: (_, pair) => {
      if (!isScalar(pair.key)) note(pair.key, "a key must be a plain word");
      else if (pair.key.value === "__proto__") note(pair.key, "__proto__ cannot be a key");
    },
  });
  return found;
};

/** A map's entry stands at its key, a list's at its value; what is absent stands where its nearest parent does. */
const offsetOf = (document: Document, path: readonly PropertyKey[]): number => {
  for (let depth = path.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const last = String(path[depth - 1]);
    if (isMap(parent)) {
      const pair = parent.items.find((p) => isPair(p) && isScalar(p.key) && String(p.key.value) === last);
      const start = isNode(pair?.key) ? pair.key.range?.[0] : undefined;
      if (start !== undefined) return start;
    }
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
};

const firstLine = (message: string): string =>
  message.split("\n")[0]?.replace(/ at line \d+.*$/, "") ?? message;
