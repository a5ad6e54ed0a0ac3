// Core: what changed between two versions of a contract and how far it reaches. Major: a row accepted before may be refused,
// read differently or encoded differently, so encodings and models start anew. Minor: everything accepted before still is,
// and means the same. Never calls a doubtful change minor.
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { canonicalJson } from "./canonical.ts";

export type ChangeLevel = "none" | "minor" | "major";
export type ContractChange = {
  readonly level: "minor" | "major";
  readonly key: string;
  readonly message: string;
};

/** Compares two contracts and gives the highest level among their changes, with each change named. */
export const breakingChanges = (
  old: FeatureContract,
  next: FeatureContract,
): { level: ChangeLevel; changes: ContractChange[] } => {
  const changes = [
    ...whole(old, next),
    ...featureChanges(old, next),
    ...forbiddenChanges(old, next),
    ...gapChanges(old, next),
  ];
  const level = changes.some((c) => c.level === "major") ? "major" : changes.length > 0 ? "minor" : "none";
  return { level, changes };
};

/** Parts of a contract that only change as a whole, and how far such a change reaches. */
const WHOLE = [
  { key: "name", level: "major" },
  { key: "label", level: "major" },
  { key: "event_time", level: "major" },
  { key: "entity", level: "minor" },
  { key: "segments", level: "minor" },
  { key: "label_maturity", level: "minor" },
  { key: "evaluation", level: "minor" },
  { key: "interpretation", level: "minor" },
] as const;

const whole = (old: FeatureContract, next: FeatureContract): ContractChange[] => {
  const changes: ContractChange[] = WHOLE.filter(({ key }) => !same(old[key], next[key])).map(
    ({ key, level }) => ({ level, key, message: `${key} changed` }),
  );
  if (old.source.delimiter !== next.source.delimiter)
    changes.push({ level: "major", key: "source.delimiter", message: "files are read differently" });
  if (old.source.sql !== next.source.sql)
    changes.push({ level: "major", key: "source.sql", message: "rows are derived differently" });
  return changes;
};

const featureChanges = (old: FeatureContract, next: FeatureContract): ContractChange[] => {
  const before = Object.keys(old.features);
  const after = Object.keys(next.features);
  const removed = before.filter((name) => !after.includes(name));
  const added = after.filter((name) => !before.includes(name));
  const kept = before.filter((name) => after.includes(name));
  const reordered = !same(
    kept,
    after.filter((name) => before.includes(name)),
  );
  return [
    ...removed.map((name) => major(`features.${name}`, "removed: rows that carry it are refused")),
    ...added.map((name) => major(`features.${name}`, "added: rows without it are refused")),
    ...(reordered ? [major("features", "reordered: the model's vector changes")] : []),
    ...kept.flatMap((name) => specChanges(name, old, next)),
  ];
};

const specChanges = (name: string, old: FeatureContract, next: FeatureContract): ContractChange[] => {
  const before = old.features[name];
  const after = next.features[name];
  if (before === undefined || after === undefined) return [];
  const key = `features.${name}`;
  const missing = missingChange(key, before.missing ?? old.missing, after.missing ?? next.missing);
  if (before.kind !== after.kind)
    return [major(`${key}.kind`, `${before.kind} became ${after.kind}`), ...missing];
  return [...kindChanges(key, before, after), ...missing];
};

const kindChanges = (key: string, before: FeatureSpec, after: FeatureSpec): ContractChange[] => {
  const changes: ContractChange[] = [];
  if (before.kind === "continuous" && after.kind === "continuous") {
    if (after.min > before.min || after.max < before.max)
      changes.push(major(key, "range narrowed: values accepted before are refused"));
    else if (after.min < before.min || after.max > before.max) changes.push(minor(key, "range widened"));
    if ((after.integer ?? false) !== (before.integer ?? false))
      changes.push(
        after.integer === true
          ? major(`${key}.integer`, "fractions accepted before are refused")
          : minor(`${key}.integer`, "fractions are accepted now"),
      );
    if (before.unit !== after.unit)
      changes.push(major(`${key}.unit`, "the same number means something else"));
  }
  if (before.kind === "ordinal" && after.kind === "ordinal") {
    if (!same(before.values, after.values)) changes.push(major(`${key}.values`, "codes change"));
    if (before.cycle !== after.cycle) changes.push(major(`${key}.cycle`, "the encoding names the cycle"));
  }
  if (before.kind === "nominal" && after.kind === "nominal") {
    if (!same(before.values, after.values)) changes.push(major(`${key}.values`, "codes change"));
    if (before.unseen !== after.unseen)
      changes.push(
        after.unseen === "reject"
          ? major(`${key}.unseen`, "unseen values accepted before are refused")
          : minor(`${key}.unseen`, "unseen values are accepted now"),
      );
  }
  return changes;
};

const missingChange = (key: string, before: string, after: string): ContractChange[] => {
  if (before === after) return [];
  return after === "reject"
    ? [major(`${key}.missing`, "missing values accepted before are refused")]
    : [minor(`${key}.missing`, "missing values are accepted now")];
};

const forbiddenChanges = (old: FeatureContract, next: FeatureContract): ContractChange[] => [
  ...old.forbidden
    .filter((column) => !next.forbidden.includes(column))
    .map((column) => major("forbidden", `${column} is no longer listed: files that carry it are refused`)),
  ...next.forbidden
    .filter((column) => !old.forbidden.includes(column))
    .map((column) => minor("forbidden", `${column} may be in the files now, unused`)),
];

const gapChanges = (old: FeatureContract, next: FeatureContract): ContractChange[] =>
  same([...old.source.null_values].sort(), [...next.source.null_values].sort())
    ? []
    : [major("source.null_values", "the same text is a value in one version and missing in the other")];

const major = (key: string, message: string): ContractChange => ({ level: "major", key, message });
const minor = (key: string, message: string): ContractChange => ({ level: "minor", key, message });

/** Equal as canonical JSON, absent equal to absent. */
const same = (a: unknown, b: unknown): boolean => spelled(a) === spelled(b);
const spelled = (value: unknown): string =>
  value === undefined ? "" : canonicalJson(JSON.parse(JSON.stringify(value)));
