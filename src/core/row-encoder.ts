// Core: the hot path from a request's features to codes and a model vector. Compiled once per contract and encoding into one
// closure a feature; a good row allocates nothing and never throws. A bad row gives every violation, naming what was expected
// and never what was given.
import type { Encoding, FeatureEncoding } from "../../contracts/encoding.ts";
import { MISSING, OTHER } from "../../contracts/encoding.ts";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { encodeContinuous } from "./encode.ts";
import { nearestWord } from "./nearest.ts";

export type ViolationRule =
  "missing" | "type" | "range" | "unseen" | "unknown_feature" | "forbidden_feature" | "not_finite";

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
  const path = `features.${name}`;
  const missing: Violation = { path, rule: "missing", message: `expected ${expected(spec)}; it is required` };
  const type: Violation = { path, rule: "type", message: `expected ${expected(spec)}` };
  const notFinite: Violation = { path, rule: "not_finite", message: "expected a finite number" };
  /** What is wrong with a value of the wrong type: nothing if it is an allowed gap, or only Object.prototype's own method. */
  const blame = (value: unknown): Violation | null => {
    if (value !== undefined && value !== null && !isInherited(name, value)) return type;
    return allowed ? null : missing;
  };

  switch (encoding.kind) {
    case "continuous": {
      if (spec.kind !== "continuous") throw new TypeError(`${name}: the contract says ${spec.kind}`);
      const { min, max } = spec;
      const integer = spec.integer === true;
      const range: Violation = { path, rule: "range", message: `expected ${expected(spec)}` };
      return (value, codes, code, vector, at) => {
        if (typeof value === "number") {
          if (value >= min && value <= max) {
            if (integer && !Number.isInteger(value)) return type;
            codes[code] = encodeContinuous(encoding, value);
            vector[at] = value;
            return null;
          }
          return Number.isFinite(value) ? range : notFinite;
        }
        codes[code] = MISSING;
        vector[at] = NaN;
        return blame(value);
      };
    }
    case "ordinal": {
      const codeOf = new Map(encoding.values.map((value, index) => [value, index]));
      const range: Violation = { path, rule: "range", message: `expected ${expected(spec)}` };
      return (value, codes, code, vector, at) => {
        if (typeof value === "number") {
          const found = codeOf.get(value);
          if (found === undefined) return Number.isFinite(value) ? range : notFinite;
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
      if (spec.kind !== "nominal") throw new TypeError(`${name}: the contract says ${spec.kind}`);
      const codeOf = new Map(encoding.values.map((value, index) => [value, index]));
      const otherwise = spec.unseen === "other" ? OTHER : -1;
      const unseen: Violation = { path, rule: "unseen", message: `expected ${expected(spec)}` };
      return (value, codes, code, vector, at) => {
        if (typeof value === "string") {
          const found = codeOf.get(value) ?? otherwise;
          if (found < 0) return unseen;
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

/** What a feature's value must be, in words for the person who sent another. */
export const expected = (spec: FeatureSpec): string => {
  switch (spec.kind) {
    case "continuous": {
      const unit = spec.unit === undefined ? "" : ` ${spec.unit}`;
      return `${spec.integer === true ? "a whole number" : "a number"} from ${spec.min} to ${spec.max}${unit}`;
    }
    case "ordinal":
      return `one of the numbers ${listed(spec.values)}`;
    case "nominal":
      return spec.values === "frozen" ? "a string of the frozen vocabulary" : `one of ${listed(spec.values)}`;
  }
};

const listed = (values: readonly (string | number)[]): string =>
  values.length <= 8
    ? values.join(", ")
    : `${values.slice(0, 4).join(", ")}, … ${values.slice(-1).join("")} (${values.length} values)`;
