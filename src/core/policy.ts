// Core: reads a policy from its YAML text: words, then meaning (contradictions, conditions type-checked as CEL over the named
// signals), each mistake with its line. Gives a policy ready to decide with, and the digest that every decision quotes.
// Never fills in a number that is not written: what the digest covers is all there is.
import { Environment } from "@marcbachmann/cel-js";
import type { z } from "zod";
import { Policy, PolicyAlert, PolicyRule } from "../../contracts/policy.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { durationMs } from "./duration.ts";
import { nearestWord } from "./nearest.ts";
import { DECISION_SIGNALS, isSignal, SIGNALS } from "./signals.ts";
import { readYaml, type PlacedError } from "./yaml-document.ts";

/** Answers whether a condition holds, asking for the signals it speaks of by name; undefined is what is not known. */
type Condition = (valueOf: (name: string) => unknown) => boolean;

/** A policy with its digest, its conditions compiled and its durations in milliseconds. */
export interface ReadyPolicy extends Policy {
  readonly digest: string;
  readonly conditions: ReadonlyMap<string, Condition>;
  readonly ms: {
    readonly promotion: number;
    readonly retrain: number;
    readonly alert: number;
    readonly reminder: number;
    readonly every: number | null;
    readonly shadowMax: number;
    readonly shadowMaxAhead: number;
    readonly watch: number;
    readonly watchMax: number;
    readonly performanceSpan: number;
  };
}

export type ParsedPolicy =
  | { readonly ok: true; readonly policy: ReadyPolicy; readonly digest: string }
  | { readonly ok: false; readonly errors: readonly PlacedError[] };

type Mistake = { readonly path: readonly PropertyKey[]; readonly message: string };

/** Parses and checks a policy; `file` names it in what goes wrong before a line is known. */
export const parsePolicy = (text: string, file: string): ParsedPolicy => {
  const document = readYaml(text);
  if (!document.ok) return document;
  if (document.value === null)
    return { ok: false, errors: [{ line: 1, column: 1, key: "", message: `${file} is empty` }] };
  const parsed = Policy.safeParse(document.value);
  const mistakes = parsed.success ? meaningOf(parsed.data) : parsed.error.issues.flatMap(mistakesOf);
  if (parsed.success && mistakes.length === 0) {
    const policy = readyPolicy(parsed.data);
    return { ok: true, policy, digest: policy.digest };
  }
  const errors = mistakes.map(({ path, message }) => document.errorAt(path, message));
  return { ok: false, errors: errors.sort((a, b) => a.line - b.line || a.column - b.column) };
};

/** Makes a checked policy document ready; the document is what is stored and replayed. */
export const readyPolicy = (policy: Policy): ReadyPolicy => {
  const world = environment();
  return {
    ...policy,
    digest: sha256Hex(policyJson(policy)),
    conditions: new Map([...policy.rules, ...policy.alerts].map(({ when }) => [when, compile(world, when)])),
    ms: {
      promotion: durationMs(policy.cooldowns.promotion),
      retrain: durationMs(policy.cooldowns.retrain),
      alert: durationMs(policy.cooldowns.alert),
      reminder: durationMs(policy.cooldowns.reminder ?? policy.cooldowns.alert),
      every: policy.retrain.every === null ? null : durationMs(policy.retrain.every),
      shadowMax: durationMs(policy.candidate.shadow_max),
      shadowMaxAhead: durationMs(policy.candidate.shadow_max_ahead),
      watch: durationMs(policy.watch.for),
      watchMax: durationMs(policy.watch.at_most),
      performanceSpan: durationMs(policy.performance.span),
    },
  };
};

/** The canonical JSON of a policy's document: what its digest hashes and what is kept for replay. */
export const policyJson = (policy: Policy): string =>
  canonicalJson(
    Object.fromEntries(Object.entries(policy).filter(([key]) => Object.hasOwn(Policy.shape, key))),
  );

/** The CEL world of conditions: every signal with its type, nothing else; an unknown name fails the check. */
const environment = (): Environment => {
  const groups = new Map<string, Record<string, string>>();
  for (const [name, { type }] of Object.entries({ ...SIGNALS, ...DECISION_SIGNALS })) {
    const [group = "", field = ""] = name.split(".");
    groups.set(group, { ...groups.get(group), [field]: type });
  }
  const world = new Environment();
  for (const [name, schema] of groups) world.registerVariable({ name, schema });
  return world;
};

/**
 * A condition that cannot be evaluated, because a number it needs is absent, does not hold. From one window to the next most signals
 * stand as they stood, so the last answer is kept with the values it was given for: evaluating CEL is a tenth of a decision.
 */
const compile = (world: Environment, when: string): Condition => {
  const evaluate = world.parse(when);
  const names = namesIn(evaluate.ast);
  let last: { readonly values: readonly unknown[]; readonly holds: boolean } | null = null;
  return (valueOf) => {
    if (last !== null && stillSo(names, last.values, valueOf)) return last.holds;
    const values = names.map(valueOf);
    last = { values, holds: isTrue(evaluate, contextOf(names, values)) };
    return last.holds;
  };
};

const stillSo = (
  names: readonly string[],
  values: readonly unknown[],
  valueOf: (name: string) => unknown,
): boolean => {
  for (let at = 0; at < names.length; at++)
    if (!Object.is(valueOf(names[at] ?? ""), values[at])) return false;
  return true;
};

const isTrue = (evaluate: (context: SignalContext) => unknown, context: SignalContext): boolean => {
  try {
    return evaluate(context) === true;
  } catch {
    return false;
  }
};

const EVERY_NAME: readonly string[] = Object.keys({ ...SIGNALS, ...DECISION_SIGNALS });

/** The signals a parsed condition speaks of; all there are where it speaks of a group in any other way than `group.field`. */
const namesIn = (tree: unknown): readonly string[] => {
  const found = new Set<string>();
  const walk = (node: unknown): boolean => {
    if (Array.isArray(node)) return node.every(walk);
    if (typeof node !== "object" || node === null || !("op" in node) || !("args" in node)) return true;
    if (node.op === "id") return !EVERY_NAME.some((name) => name.startsWith(`${String(node.args)}.`));
    const name = node.op === "." ? fieldOf(node.args) : null;
    if (name === null) return walk(node.args);
    found.add(name);
    return EVERY_NAME.includes(name);
  };
  return walk(tree) ? [...found] : EVERY_NAME;
};

/** `group.field` of the parts of a CEL selection; null where it selects from anything but a name. */
const fieldOf = (parts: unknown): string | null => {
  const [from, field]: readonly unknown[] = Array.isArray(parts) ? parts : [];
  if (typeof from !== "object" || from === null || !("op" in from) || !("args" in from)) return null;
  return from.op === "id" && typeof field === "string" ? `${String(from.args)}.${field}` : null;
};

type SignalContext = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Signals as CEL sees them: groups of fields, absent ones left out. */
const contextOf = (names: readonly string[], values: readonly unknown[]): SignalContext => {
  const groups: Record<string, Record<string, unknown>> = {};
  for (const [at, name] of names.entries()) {
    const [group = "", field = ""] = name.split(".");
    const fields = (groups[group] ??= {});
    if (values[at] !== undefined) fields[field] = values[at];
  }
  return groups;
};

const meaningOf = (policy: Policy, world = environment()): Mistake[] => [
  ...durationsOf(policy),
  ...numbersOf(policy),
  ...repeated(policy.rules, "rules"),
  ...repeated(policy.alerts, "alerts"),
  ...policy.rules.flatMap((rule, index) => [
    ...conditionOf(world, rule.when, ["rules", index, "when"], false),
    ...rule.because.flatMap((name, at) => nameOf(name, ["rules", index, "because", at])),
    ...placeholdersOf(rule.sentence, ["rules", index, "sentence"]),
  ]),
  ...policy.alerts.flatMap((alert, index) => [
    ...conditionOf(world, alert.when, ["alerts", index, "when"], true),
    ...placeholdersOf(alert.detail, ["alerts", index, "detail"]),
    ...(alert.value === null ? [] : nameOf(alert.value, ["alerts", index, "value"])),
    ...(alert.threshold === null ? [] : nameOf(alert.threshold, ["alerts", index, "threshold"])),
  ]),
  ...lastRule(policy),
];

const durationsOf = ({ candidate, watch }: Policy): Mistake[] => {
  const mistakes: Mistake[] = [];
  if (durationMs(candidate.shadow_max_ahead) < durationMs(candidate.shadow_max))
    mistakes.push({ path: ["candidate", "shadow_max_ahead"], message: "is shorter than shadow_max" });
  if (durationMs(watch.at_most) < durationMs(watch.for))
    mistakes.push({ path: ["watch", "at_most"], message: "is shorter than watch.for" });
  return mistakes;
};

const numbersOf = ({ gates }: Policy): Mistake[] =>
  gates.stability.windows > gates.stability.of
    ? [{ path: ["gates", "stability", "windows"], message: "more windows than it looks at (of)" }]
    : [];

const repeated = (items: readonly { readonly name: string }[], list: string): Mistake[] =>
  items.flatMap(({ name }, index) =>
    items.findIndex((other) => other.name === name) < index
      ? [{ path: [list, index, "name"], message: `${name} is used twice` }]
      : [],
  );

/** Without a rule that always holds some evidence would find no decision. */
const lastRule = ({ rules }: Policy): Mistake[] =>
  rules.at(-1)?.when === "true"
    ? []
    : [{ path: ["rules", rules.length - 1, "when"], message: 'the last rule must be when: "true"' }];

const conditionOf = (world: Environment, when: string, path: Mistake["path"], alert: boolean): Mistake[] => {
  const checked = world.check(when);
  if (!checked.valid)
    return [{ path, message: `${checked.error?.message.split("\n")[0] ?? "no condition"}${meant(when)}` }];
  if (checked.type !== "bool")
    return [{ path, message: `is a ${checked.type ?? "value"}, expected a condition` }];
  if (!alert && /\bdecision\./.test(when.replaceAll(/"[^"]*"|'[^']*'/g, "")))
    return [{ path, message: "decision.* is known to alerts only" }];
  return [];
};

/** The signal nearest to the first unknown one in a condition. */
const meant = (when: string): string => {
  const names = when.match(/\b[a-z]+\.[a-z0-9_]+\b/g) ?? [];
  const wrong = names.find((name) => !isSignal(name) && !Object.hasOwn(DECISION_SIGNALS, name));
  const near = wrong === undefined ? null : nearestWord(wrong, Object.keys(SIGNALS));
  return near === null ? "" : ` (${String(wrong)}: did you mean ${near}?)`;
};

const nameOf = (name: string, path: Mistake["path"]): Mistake[] => {
  if (isSignal(name)) return [];
  const near = nearestWord(name, Object.keys(SIGNALS));
  return [{ path, message: `no such signal: ${name}${near === null ? "" : `; did you mean ${near}?`}` }];
};

const placeholdersOf = (text: string, path: Mistake["path"]): Mistake[] =>
  [...text.matchAll(/\{([^}]*)\}/g)].flatMap(([, name = ""]) => nameOf(name, path));

const mistakesOf = (issue: z.core.$ZodIssue): Mistake[] => {
  if (issue.code !== "unrecognized_keys") return [{ path: issue.path, message: issue.message }];
  return issue.keys.map((key) => {
    const near = nearestWord(key, keysKnownAt(issue.path));
    const message = near === null ? "unknown key" : `unknown key; did you mean ${near}?`;
    return { path: [...issue.path, key], message };
  });
};

/** The keys a policy may have at a place, read from the words themselves. */
const keysKnownAt = (path: readonly PropertyKey[]): string[] => {
  if (path[0] === "rules") return Object.keys(PolicyRule.shape);
  if (path[0] === "alerts") return Object.keys(PolicyAlert.shape);
  let shape: unknown = Policy.shape;
  for (const step of path) shape = shapeIn(shape, String(step));
  return typeof shape === "object" && shape !== null ? Object.keys(shape) : [];
};

const shapeIn = (shape: unknown, key: string): unknown => {
  if (typeof shape !== "object" || shape === null) return undefined;
  const entry: unknown = Object.entries(shape).find(([name]) => name === key)?.[1];
  return typeof entry === "object" && entry !== null && "shape" in entry ? entry.shape : undefined;
};
