// Core: the contract's rules on one value, shared by the request path and by ingestion so that both refuse the same things.
// A rule answers with the name of what is broken or null; it never sees where the value came from and never repeats it.
import type { FeatureSpec } from "../../contracts/feature-contract.ts";

export type ValueRule = "missing" | "type" | "range" | "unseen" | "not_finite";

/** Compiles what a number must satisfy to be a value of a continuous or ordinal feature. */
export const numberRule = (
  spec: FeatureSpec,
): ((value: number) => "type" | "range" | "not_finite" | null) => {
  switch (spec.kind) {
    case "continuous": {
      const { min, max } = spec;
      const integer = spec.integer === true;
      return (value) => {
        if (value >= min && value <= max) return integer && !Number.isInteger(value) ? "type" : null;
        return Number.isFinite(value) ? "range" : "not_finite";
      };
    }
    case "ordinal": {
      const values = new Set(spec.values);
      return (value) => (values.has(value) ? null : Number.isFinite(value) ? "range" : "not_finite");
    }
    case "nominal":
      return () => "type";
  }
};

/**
 * Compiles what a string must satisfy to be a value of a nominal feature, given the values that are known: the contract's own
 * list, an encoding's frozen vocabulary, or null where the vocabulary is still to be frozen.
 */
export const textRule = (
  spec: FeatureSpec,
  known: ReadonlySet<string> | null,
): ((value: string) => "type" | "unseen" | null) => {
  if (spec.kind !== "nominal") return () => "type";
  if (known === null || spec.unseen === "other") return () => null;
  return (value) => (known.has(value) ? null : "unseen");
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
