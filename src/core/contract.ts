// Core: reads a feature contract (SPEC §2) from its YAML text, with the line and key of everything that is wrong in it, and
// gives the digest by which every dataset, encoding, bundle and event names it. Never mends a contract: it is right or refused.
import {
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
} from "yaml";
import { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { contradictions, type Mistake } from "./contract-checks.ts";
import { nearestWord } from "./nearest.ts";

/** One mistake in a contract file. Lines and columns start at 1. */
export type ContractError = { line: number; column: number; key: string; message: string };
export type ParsedContract =
  | { readonly ok: true; readonly contract: FeatureContract; readonly digest: string }
  | { readonly ok: false; readonly errors: readonly ContractError[] };

const FILE_CHARACTERS_MAX = 1_000_000;

/** Parses and checks a contract; `file` is its name, and must agree with the contract's where it says `<name>@<version>`. */
export const parseContract = (text: string, file: string): ParsedContract => {
  if (text.length > FILE_CHARACTERS_MAX)
    return refuse([{ path: [], message: "the file is too large" }], () => START);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    schema: "core",
    merge: false,
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const syntax = [...document.errors, ...document.warnings];
  if (syntax.length > 0)
    return {
      ok: false,
      errors: syntax.map((e) => ({ ...at(e.pos[0]), key: "", message: firstLine(e.message) })),
    };

  const place: Place = (path) => at(offsetOf(document, path));
  const tricks = trickyNodes(document);
  if (tricks.length > 0)
    return { ok: false, errors: tricks.map(({ offset, message }) => ({ ...at(offset), key: "", message })) };

  const raw: unknown = document.toJS();
  const parsed = FeatureContract.safeParse(moveForbiddenKinds(raw));
  if (!parsed.success) return refuse(parsed.error.issues.flatMap(mistakesOf), place);
  const contract = parsed.data;
  const mistakes = contradictions(contract, file);
  if (mistakes.length > 0) return refuse(mistakes, place);
  return { ok: true, contract, digest: contractDigest(contract) };
};

/**
 * The contract's digest: SHA-256 of its canonical JSON. Canonical JSON sorts keys and the order of features is the vector's
 * order, so that order is hashed beside them; two contracts that differ only in it are two contracts.
 */
export const contractDigest = (contract: FeatureContract): string =>
  sha256Hex(canonicalJson({ ...plain(contract), feature_order: Object.keys(contract.features) }));

type Place = (path: readonly PropertyKey[]) => { line: number; column: number };

const START = { line: 1, column: 1 };

const refuse = (mistakes: readonly Mistake[], place: Place): ParsedContract => ({
  ok: false,
  errors: mistakes
    .map(({ path, message }) => ({ ...place(path), key: path.map(String).join("."), message }))
    .sort((a, b) => a.line - b.line || a.column - b.column),
});

/** Optional keys that were left out are absent, not undefined, so that canonical JSON takes them. */
const plain = (contract: FeatureContract): Record<string, unknown> => {
  const json: unknown = JSON.parse(JSON.stringify(contract));
  return typeof json === "object" && json !== null ? { ...json } : {};
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

/** SPEC §2 also lets a column be forbidden in place, as a feature of `kind: forbidden`; it means the same as the list. */
const moveForbiddenKinds = (raw: unknown): unknown => {
  if (!isObject(raw) || !isObject(raw["features"])) return raw;
  const kept = Object.entries(raw["features"]).filter(([, spec]) => !isForbiddenKind(spec));
  const moved = Object.entries(raw["features"]).filter(([, spec]) => isForbiddenKind(spec));
  if (moved.length === 0) return raw;
  const listed: unknown = raw["forbidden"] ?? [];
  const names = moved.map(([name]) => name);
  return {
    ...raw,
    features: Object.fromEntries(kept),
    forbidden: Array.isArray(listed) ? [...listed, ...names] : listed,
  };
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isForbiddenKind = (spec: unknown): boolean =>
  isObject(spec) && spec["kind"] === "forbidden" && Object.keys(spec).length === 1;

type Issue = {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
};

const mistakesOf = (issue: Issue & { keys?: readonly string[] }): Mistake[] => {
  if (issue.code === "unrecognized_keys" && issue.keys !== undefined)
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: unknownKey(key, issue.path) }));
  if (issue.code === "invalid_union" && issue.path.at(-1) === "kind")
    return [{ path: issue.path, message: "expected continuous, ordinal, nominal or forbidden" }];
  return [{ path: issue.path, message: issue.message }];
};

const unknownKey = (key: string, path: readonly PropertyKey[]): string => {
  const near = nearestWord(key, keysKnownAt(path));
  return near === null ? "unknown key" : `unknown key; did you mean ${near}?`;
};

/** The keys a contract may have at a place, read from the words themselves so that they cannot disagree. */
const keysKnownAt = (path: readonly PropertyKey[]): string[] => {
  const [top, , third] = path;
  if (top === undefined) return Object.keys(FeatureContract.shape);
  if (top === "features" && third === undefined)
    return [...new Set(FeatureSpec.options.flatMap((option) => Object.keys(option.shape)))];
  switch (top) {
    case "source":
      return Object.keys(FeatureContract.shape.source.unwrap().shape);
    case "label":
      return Object.keys(FeatureContract.shape.label.shape);
    case "segments":
      return Object.keys(FeatureContract.shape.segments.unwrap().element.shape);
    case "label_maturity":
      return Object.keys(FeatureContract.shape.label_maturity.unwrap().shape);
    case "evaluation":
      return Object.keys(FeatureContract.shape.evaluation.unwrap().shape);
    default:
      return [];
  }
};

/** Where a path stands in the text: its key if it is a map's, else its value; for what is absent, the nearest parent's key. */
const offsetOf = (document: Document, path: readonly PropertyKey[]): number => {
  for (let depth = path.length; depth > 0; depth--) {
    const parent: unknown = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const last = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find(
        (p) => isPair(p) && isScalar(p.key) && String(p.key.value) === String(last),
      );
      const start = isNode(pair?.key) ? pair.key.range?.[0] : undefined;
      if (start !== undefined) return start;
    }
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && !isAlias(node) && node.range) return node.range[0];
  }
  return 0;
};

const firstLine = (message: string): string =>
  message.split("\n")[0]?.replace(/ at line \d+.*$/, "") ?? message;
