// Core: reads a feature contract (SPEC §2) from its YAML text, with the line and key of everything that is wrong in it, and
// gives the digest by which every dataset, encoding, bundle and event names it. Never mends a contract: it is right or refused.
import { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { contradictions, type Mistake } from "./contract-checks.ts";
import { nearestWord } from "./nearest.ts";
import { readYaml, type PlacedError } from "./yaml-document.ts";

export type ParsedContract =
  | { readonly ok: true; readonly contract: FeatureContract; readonly digest: string }
  | { readonly ok: false; readonly errors: readonly PlacedError[] };

/** Parses and checks a contract; `file` is its name, and must agree with the contract's where it says `<name>@<version>`. */
export const parseContract = (text: string, file: string): ParsedContract => {
  const document = readYaml(text);
  if (!document.ok) return document;
  const refuse = (mistakes: readonly Mistake[]): ParsedContract => ({
    ok: false,
    errors: mistakes
      .map(({ path, message }) => document.errorAt(path, message))
      .sort((a, b) => a.line - b.line || a.column - b.column),
  });
  const parsed = FeatureContract.safeParse(moveForbiddenKinds(document.value));
  if (!parsed.success) return refuse(parsed.error.issues.flatMap(mistakesOf));
  const contract = parsed.data;
  const mistakes = contradictions(contract, file);
  if (mistakes.length > 0) return refuse(mistakes);
  return { ok: true, contract, digest: contractDigest(contract) };
};

/**
 * The contract's digest: SHA-256 of its canonical JSON. Canonical JSON sorts keys and the order of features is the vector's
 * order, so that order is hashed beside them; two contracts that differ only in it are two contracts.
 */
export const contractDigest = (contract: FeatureContract): string =>
  sha256Hex(canonicalJson({ ...plain(contract), feature_order: Object.keys(contract.features) }));

/** Optional keys that were left out are absent, not undefined, so that canonical JSON takes them. */
const plain = (contract: FeatureContract): Record<string, unknown> => {
  const json: unknown = JSON.parse(JSON.stringify(contract));
  return typeof json === "object" && json !== null ? { ...json } : {};
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
