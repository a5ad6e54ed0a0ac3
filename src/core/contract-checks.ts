// Core: what a contract may not say even though each of its words is well formed: ranges upside down, names used twice for
// different things, segments of nothing. Gives every contradiction with its place; never decides which side was meant.
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { isDuration } from "./duration.ts";
import { nearestWord } from "./nearest.ts";

/** Something a contract says that cannot stand, and where. */
export type Mistake = { readonly path: readonly PropertyKey[]; readonly message: string };

/** Lists the contradictions in a well-formed contract; `file` is its file name. */
export const contradictions = (contract: FeatureContract, file: string): Mistake[] => [
  ...fileName(contract, file),
  ...sourceOf(contract),
  ...labelValues(contract),
  ...Object.entries(contract.features).flatMap(([name, spec]) => featureOf(name, spec, contract)),
  ...rolesOf(contract),
  ...reservedOf(contract),
  ...segmentsOf(contract),
  ...maturityOf(contract),
  ...bandsOf(contract),
];

const FLOAT32_MAX = 3.4028234663852886e38;

const fileName = (contract: FeatureContract, file: string): Mistake[] => {
  const [, name, version] = /([^/\\]+)@([^/\\@]+)\.ya?ml$/.exec(file) ?? [];
  if (name === undefined || version === undefined) return [];
  const mistakes: Mistake[] = [];
  if (name !== contract.name) mistakes.push({ path: ["name"], message: `the file's name says ${name}` });
  if (version !== contract.version)
    mistakes.push({ path: ["version"], message: `the file's name says ${version}` });
  return mistakes;
};

const sourceOf = ({ source }: FeatureContract): Mistake[] => [
  ...(/["\r\n]/.test(source.delimiter) || source.delimiter.charCodeAt(0) > 126
    ? [{ path: ["source", "delimiter"], message: "expected one ASCII character, not a quote or a line end" }]
    : []),
  ...repeated(source.null_values).map((index) => ({
    path: ["source", "null_values", index],
    message: "listed twice",
  })),
];

const labelValues = ({ label, source }: FeatureContract): Mistake[] => {
  const mistakes: Mistake[] = [];
  if (String(label.positive) === String(label.negative))
    mistakes.push({ path: ["label", "negative"], message: "positive and negative are the same value" });
  for (const side of ["positive", "negative"] as const)
    if (source.null_values.includes(String(label[side])))
      mistakes.push({ path: ["label", side], message: "is also one of source.null_values" });
  return mistakes;
};

const featureOf = (name: string, spec: FeatureSpec, contract: FeatureContract): Mistake[] => {
  const path = ["features", name];
  switch (spec.kind) {
    case "continuous": {
      const mistakes: Mistake[] = [];
      if (!(Math.fround(spec.min) < Math.fround(spec.max)))
        mistakes.push({ path: [...path, "min"], message: "min must be below max (as float32)" });
      if (Math.max(Math.abs(spec.min), Math.abs(spec.max)) > FLOAT32_MAX)
        mistakes.push({ path: [...path, "max"], message: "min and max must fit a float32" });
      return mistakes;
    }
    case "ordinal":
      return repeated(spec.values).map((index) => ({
        path: [...path, "values", index],
        message: "listed twice",
      }));
    case "nominal": {
      if (spec.values === "frozen") return [];
      const gaps = spec.values.flatMap((value, index) =>
        contract.source.null_values.includes(value) ? [index] : [],
      );
      return [
        ...repeated(spec.values).map((index) => ({
          path: [...path, "values", index],
          message: "listed twice",
        })),
        ...gaps.map((index) => ({
          path: [...path, "values", index],
          message: "is also one of source.null_values",
        })),
      ];
    }
  }
};

/** Every column has one role: feature, label, event time, entity or forbidden. */
const rolesOf = (contract: FeatureContract): Mistake[] => {
  const roles = new Map<string, string>(Object.keys(contract.features).map((name) => [name, "a feature"]));
  const claims: { column: string | null; role: string; path: readonly PropertyKey[] }[] = [
    { column: contract.label.name, role: "the label", path: ["label", "name"] },
    { column: contract.event_time, role: "the event time", path: ["event_time"] },
    { column: contract.entity, role: "the entity", path: ["entity"] },
    ...contract.forbidden.map((column, index) => ({
      column,
      role: "forbidden",
      path: ["forbidden", index],
    })),
  ];
  return claims.flatMap(({ column, role, path }) => {
    if (column === null) return [];
    const taken = roles.get(column);
    if (taken === undefined) roles.set(column, role);
    if (taken === undefined) return [];
    return [{ path, message: taken === role ? "listed twice" : `${column} is already ${taken}` }];
  });
};

/** Names a frozen file uses itself: for its row numbers, and for a column whose header is empty. */
const RESERVED: readonly string[] = ["__row", "__unnamed"];

const reservedOf = (contract: FeatureContract): Mistake[] => {
  const columns: [string | null, readonly PropertyKey[]][] = [
    ...Object.keys(contract.features).map((name): [string, PropertyKey[]] => [name, ["features", name]]),
    [contract.label.name, ["label", "name"]],
    [contract.event_time, ["event_time"]],
    [contract.entity, ["entity"]],
  ];
  return columns.flatMap(([column, path]) =>
    column !== null && RESERVED.includes(column)
      ? [{ path, message: "frozen files use this name for themselves" }]
      : [],
  );
};

const segmentsOf = (contract: FeatureContract): Mistake[] => {
  const names = Object.keys(contract.features);
  const seen = new Set<string>();
  return contract.segments.flatMap(({ feature }, index) => {
    const path = ["segments", index, "feature"];
    const again = seen.has(feature);
    seen.add(feature);
    const spec = Object.hasOwn(contract.features, feature) ? contract.features[feature] : undefined;
    if (spec === undefined) {
      const near = nearestWord(feature, names);
      return [{ path, message: `not a feature${near === null ? "" : `; did you mean ${near}?`}` }];
    }
    if (again) return [{ path, message: "listed twice" }];
    if (spec.kind === "continuous")
      return [{ path, message: "a segment needs an ordinal or nominal feature" }];
    return [];
  });
};

const maturityOf = ({ label_maturity }: FeatureContract): Mistake[] =>
  isDuration(label_maturity.horizon)
    ? []
    : [{ path: ["label_maturity", "horizon"], message: "expected a duration like 24h" }];

const bandsOf = ({ interpretation }: FeatureContract): Mistake[] => {
  const bands = Object.entries(interpretation?.risk_bands ?? {});
  return bands.flatMap(([name, limit], index) => {
    const before = bands[index - 1]?.[1];
    return before !== undefined && limit <= before
      ? [{ path: ["interpretation", "risk_bands", name], message: "limits must ascend" }]
      : [];
  });
};

const repeated = (values: readonly (string | number)[]): number[] =>
  values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
