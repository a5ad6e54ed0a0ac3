// Core: the hot path from a request's features to codes and a model vector. Compiled once per contract and encoding into one
// closure a feature; a good row allocates nothing and never throws. A bad row gives every violation, naming what was expected
// and never what was given.
import type { Encoding, FeatureEncoding } from "../../contracts/encoding.ts";
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { encodeContinuous } from "./encode.ts";
import { nearestWord } from "./nearest.ts";
import { expected, numberRule, textRule, type ValueRule } from "./value-rules.ts";

export type ViolationRule = ValueRule | "unknown_feature" | "forbidden_feature";

/** One broken rule: where, which, and what would have been right. */
export type Violation = { readonly path: string; readonly rule: ViolationRule; readonly message: string };

export type RowEncoder = {
  /** Feature names in the vector's order. */
  readonly features: readonly string[];
  /**
   * Writes a row's codes and its float32 vector (continuous: the value, NaN = missing; ordinal and nominal: the code) at the
   * offsets. Gives null, or the violations; then what was written is undefined.
   */
  encode(
    features: unknown,
    codes: Uint8Array,
    codesOffset: number,
    vector: Float32Array,
    vectorOffset: number,
  ): null | Violation[];
  /** The same for values laid in the order of `features`, undefined where one is absent. */
  encodeValues(
    values: readonly unknown[],
    codes: Uint8Array,
    codesOffset: number,
    vector: Float32Array,
    vectorOffset: number,
  ): null | Violation[];
};

/** Builds the encoder of a contract's rows. The encoding must be of that contract: same features, kinds and order. */
export const compileEncoder = (contract: FeatureContract, encoding: Encoding): RowEncoder => {
  const names = Object.keys(contract.features);
  const cells = Object.entries(contract.features).map(([name, spec], index) => {
    const feature = encoding.features[index];
    if (feature?.feature !== name || feature.kind !== spec.kind)
      throw new TypeError(
        `the encoding is not of this contract: feature ${index} is not ${spec.kind} ${name}`,
      );
    return compileCell(name, spec, feature, (spec.missing ?? contract.missing) === "allow");
  });
  const explainUnknown = unknownFeatures(contract, names);

  return {
    features: names,
    encode: (features, codes, codesOffset, vector, vectorOffset) => {
      const row = ownRow(features);
      if (row === null)
        return [{ path: "features", rule: "type", message: "expected an object of features" }];
      let present = 0;
      let violations: Violation[] | null = null;
      for (let index = 0; index < cells.length; index++) {
        const cell = cells[index];
        const name = names[index];
        if (cell === undefined || name === undefined) continue;
        const value = row[name];
        if (value !== undefined) present++;
        const violation = cell(value, codes, codesOffset + index, vector, vectorOffset + index);
        if (violation !== null) (violations ??= []).push(violation);
      }
      // Counting is cheap, naming is not: names are searched only where some key was not one of ours.
      if (Object.keys(row).length !== present) {
        const unknown = explainUnknown(row);
        if (unknown.length > 0) violations = [...(violations ?? []), ...unknown];
      }
      return violations;
    },
    encodeValues: (values, codes, codesOffset, vector, vectorOffset) => {
      let violations: Violation[] | null = null;
      for (let index = 0; index < cells.length; index++) {
        const violation = cells[index]?.(
          values[index],
          codes,
          codesOffset + index,
          vector,
          vectorOffset + index,
        );
        if (violation !== null && violation !== undefined) (violations ??= []).push(violation);
      }
      return violations;
    },
  };
};

type Row = Readonly<Record<string, unknown>>;
type Cell = (
  value: unknown,
  codes: Uint8Array,
  code: number,
  vector: Float32Array,
  at: number,
) => Violation | null;

/**
 * The row as an object whose own keys alone answer. A plain object is taken as it is, unless a contract name could be found on
 * its prototype: primitives never are, and `missingOrType` asks again before it blames a value. Others are copied.
 */
const ownRow = (features: unknown): Row | null => {
  if (typeof features !== "object" || features === null || Array.isArray(features)) return null;
  const prototype: unknown = Object.getPrototypeOf(features);
  if (prototype === null || prototype === Object.prototype) return isRow(features) ? features : null;
  const own: Record<string, unknown> = { __proto__: null };
  for (const [key, value] of Object.entries(features)) own[key] = value;
  return own;
};

const isRow = (value: object): value is Row => typeof value === "object";

const compileCell = (name: string, spec: FeatureSpec, encoding: FeatureEncoding, allowed: boolean): Cell => {
  const broken = violationsOf(name, spec);
  /** What is wrong with a value of the wrong type: nothing if it is an allowed gap, or only Object.prototype's own method. */
  const blame = (value: unknown): Violation | null => {
    if (value !== undefined && value !== null && !isInherited(name, value)) return broken.type;
    return allowed ? null : broken.missing;
  };

  switch (encoding.kind) {
    case "continuous": {
      const ruleOf = numberRule(spec);
      return (value, codes, code, vector, at) => {
        if (typeof value === "number") {
          const rule = ruleOf(value);
          if (rule !== null) return broken[rule];
          codes[code] = encodeContinuous(encoding, value);
          vector[at] = value;
          return null;
        }
        codes[code] = MISSING;
        vector[at] = NaN;
        return blame(value);
      };
    }
    case "ordinal": {
      const ruleOf = numberRule(spec);
      const codeOf = new Map(encoding.values.map((value, index) => [value, index]));
      return (value, codes, code, vector, at) => {
        if (typeof value === "number") {
          const found = codeOf.get(value);
          if (found === undefined) return broken[ruleOf(value) ?? "range"];
          codes[code] = found;
          vector[at] = found;
          return null;
        }
        codes[code] = MISSING;
        vector[at] = MISSING;
        return blame(value);
      };
    }
    case "nominal": {
      const codeOf = new Map(encoding.values.map((value, index) => [value, index]));
      const ruleOf = textRule(spec, new Set(encoding.values));
      return (value, codes, code, vector, at) => {
        if (typeof value === "string") {
          const found = codeOf.get(value) ?? OTHER;
          const rule = found === OTHER ? ruleOf(value) : null;
          if (rule !== null) return broken[rule];
          codes[code] = found;
          vector[at] = found;
          return null;
        }
        codes[code] = MISSING;
        vector[at] = MISSING;
        return blame(value);
      };
    }
  }
};

/** A feature's possible violations, written once: a refused request allocates only the list of them. */
const violationsOf = (name: string, spec: FeatureSpec): Readonly<Record<ValueRule, Violation>> => {
  const path = `features.${name}`;
  const message = `expected ${expected(spec)}`;
  return {
    missing: { path, rule: "missing", message: `${message}; it is required` },
    type: { path, rule: "type", message },
    range: { path, rule: "range", message },
    unseen: { path, rule: "unseen", message },
    not_finite: { path, rule: "not_finite", message: "expected a finite number" },
  };
};

/** Whether a non-primitive found under a name is Object.prototype's (a feature may be called `constructor`). */
const isInherited = (name: string, value: unknown): boolean =>
  Object.hasOwn(Object.prototype, name) && Reflect.get(Object.prototype, name) === value;

const unknownFeatures =
  (contract: FeatureContract, names: readonly string[]) =>
  (row: Row): Violation[] => {
    const known = new Set(names);
    const forbidden = new Set([...contract.forbidden, contract.label.name]);
    return Object.keys(row)
      .filter((key) => !known.has(key))
      .map((key): Violation => {
        // A client's own key names the place of the mistake; it is cut so that a log line stays a line.
        const path = `features.${key.slice(0, 64)}`;
        if (forbidden.has(key))
          return { path, rule: "forbidden_feature", message: "the contract forbids this column as an input" };
        const near = nearestWord(key.slice(0, 64), names);
        const hint = near === null ? "" : `; the nearest feature is ${near}`;
        return { path, rule: "unknown_feature", message: `not a feature of ${contract.name}${hint}` };
      });
  };
