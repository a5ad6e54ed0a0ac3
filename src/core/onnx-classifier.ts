// Core: how a model made elsewhere is fed by a contract and where it says the positive class's probability, read from its
// declarations alone. Refuses by value what is no binary classifier or asks for what the contract does not have; what only a run
// can show (values that are no probabilities) is judged by `judgeScores`.
import type { Feed, Positive } from "../../contracts/bundle.ts";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import type { OnnxSummary, OnnxValue } from "./onnx-inspect.ts";
import type { ZipMap } from "./onnx-zipmap.ts";

export type ClassifierRefusal = {
  readonly refused: "not_a_classifier" | "not_binary" | "not_feedable" | "no_such_output";
  readonly detail: string;
};

const [FLOAT, INT64, STRING, DOUBLE] = [1, 7, 8, 11] as const;
const TYPES = new Map<number, "float32" | "float64" | "int64" | "string">([
  [FLOAT, "float32"],
  [DOUBLE, "float64"],
  [INT64, "int64"],
  [STRING, "string"],
]);

/** How the model's inputs are fed: one matrix of numbers in contract order, or one input a feature by its name. */
export const feedOf = (
  summary: Pick<OnnxSummary, "inputs">,
  contract: FeatureContract,
): Feed | ClassifierRefusal => {
  const batches = new Set(summary.inputs.map(({ shape }) => shape?.[0]).filter((n) => typeof n === "number"));
  const [batch = null, ...others] = batches;
  if (others.length > 0 || batch === 0) return refuse("not_feedable", "its inputs declare different batches");
  const [only, ...more] = summary.inputs;
  if (only === undefined) return refuse("not_feedable", "it has no input");
  if (more.length > 0 || Object.hasOwn(contract.features, only.name))
    return namedFeed(summary.inputs, contract, batch);
  return vectorFeed(only, contract, batch);
};

const vectorFeed = (
  input: OnnxValue,
  contract: FeatureContract,
  batch: number | null,
): Feed | ClassifierRefusal => {
  const features = Object.entries(contract.features);
  const width = input.shape?.[1] ?? null;
  if (input.element !== FLOAT || input.shape?.length !== 2)
    return refuse("not_feedable", `input ${input.name} is not a float32 matrix [N, F]`);
  if (typeof width === "number" && width !== features.length)
    return refuse(
      "not_feedable",
      `input ${input.name} takes ${width} columns, the contract has ${features.length} features`,
    );
  const nominal = features.find(([, spec]) => spec.kind === "nominal");
  if (nominal !== undefined)
    return refuse(
      "not_feedable",
      `${nominal[0]} is nominal and input ${input.name} takes numbers: give each number the model takes its own feature`,
    );
  return { layout: "vector", input: input.name, values: "numbers", batch };
};

const namedFeed = (
  inputs: readonly OnnxValue[],
  contract: FeatureContract,
  batch: number | null,
): Feed | ClassifierRefusal => {
  const fed: Extract<Feed, { layout: "named" }>["inputs"] = [];
  for (const { name, element, shape } of inputs) {
    const feature = featureNamed(contract, name);
    const spec = feature === null ? undefined : contract.features[feature];
    const type = TYPES.get(element);
    if (feature === null || spec === undefined)
      return refuse("not_feedable", `input ${name} is no feature of the contract`);
    if (type === undefined || shape?.length !== 2 || (typeof shape[1] === "number" && shape[1] !== 1))
      return refuse("not_feedable", `input ${name} is not a column [N, 1] of numbers or text`);
    const unfit = whyUnfit(spec, type, (spec.missing ?? contract.missing) === "allow");
    if (unfit !== null) return refuse("not_feedable", `input ${name} takes ${type}: ${unfit}`);
    fed.push({ input: name, feature, type });
  }
  const twice = fed.find(({ feature }, at) => fed.findIndex((other) => other.feature === feature) < at);
  if (twice !== undefined) return refuse("not_feedable", `two inputs are the feature ${twice.feature}`);
  return { layout: "named", inputs: fed, batch };
};

/** The feature an input means: its own name, or the only one that exporters would spell so (`hours-per-week` as `hours_per_week`). */
const featureNamed = (contract: FeatureContract, name: string): string | null => {
  if (Object.hasOwn(contract.features, name)) return name;
  const spelt = Object.keys(contract.features).filter(
    (feature) => feature.replaceAll(/[^A-Za-z0-9_]/g, "_") === name,
  );
  return spelt.length === 1 ? (spelt[0] ?? null) : null;
};

/** Why a feature's values do not go into a column of a type without changing their meaning. */
const whyUnfit = (
  spec: FeatureSpec,
  type: "float32" | "float64" | "int64" | "string",
  missing: boolean,
): string | null => {
  if (type === "string") return null;
  if (spec.kind === "nominal") return "the feature is nominal";
  if (type !== "int64") return null;
  if (missing) return "the feature may be missing, and a whole number cannot say so";
  const whole = spec.kind === "continuous" ? spec.integer === true : spec.values.every(Number.isInteger);
  return whole ? null : "the feature is not whole-numbered (integer: true)";
};

/** Where the probability of the contract's positive class lies; `asked` is the user's `OUTPUT[:INDEX]`, or null. */
export const positiveOf = (
  summary: Pick<OnnxSummary, "outputs" | "operators">,
  at: {
    readonly maps: readonly ZipMap[];
    readonly asked: string | null;
    readonly label: FeatureContract["label"];
  },
): Positive | ClassifierRefusal => {
  const floats = summary.outputs.filter(({ element }) => element === FLOAT || element === DOUBLE);
  const [name, index] = at.asked === null ? [null, null] : splitAsked(at.asked, summary.outputs);
  const known = summary.outputs.some((output) => output.name === name);
  const listed = summary.outputs.map((output) => output.name).join(", ");
  if (name !== null && !known) return refuse("no_such_output", `${name}: its outputs are ${listed}`);
  const output = name === null ? preferred(floats) : floats.find((found) => found.name === name);
  if (output === undefined)
    return refuse(
      "not_a_classifier",
      name === null ? "no output is floating point" : `output ${name} is not floating point`,
    );
  const regressor = summary.operators.find((operator) => operator.endsWith("Regressor"));
  if (regressor !== undefined && summary.operators.every((operator) => PLAIN.test(operator)))
    return refuse("not_a_classifier", `${regressor} and nothing that makes a probability of its answer`);
  const labels = at.maps.find((map) => map.output === output.name)?.labels ?? null;
  const columns = labels?.length ?? columnsOf(output);
  if (columns !== null && columns > 2)
    return refuse("not_binary", `output ${output.name} has ${columns} classes`);
  if (columns === 1) return { output: output.name, index: null };
  return { output: output.name, index: columnAsked(index, labels, at.label) ?? 1 };
};

/** A regression and what only moves its numbers about: without a sigmoid or a comparison there is no class in it. */
const PLAIN =
  /(Regressor|Vectorizer|FeatureVectorizer|Scaler|:(Cast|Concat|Flatten|Identity|Reshape|Squeeze|Unsqueeze))$/;

/** Probabilities are told from margins by their name where a model has several floating outputs. */
const preferred = (floats: readonly OnnxValue[]): OnnxValue | undefined =>
  floats.find(({ name }) => /prob/i.test(name)) ?? floats[0];

/** An output's own name may hold colons: the last part is an index only where the whole is no name. */
const splitAsked = (asked: string, outputs: readonly OnnxValue[]): [string, string | null] => {
  if (outputs.some(({ name }) => name === asked)) return [asked, null];
  const at = asked.lastIndexOf(":");
  return at < 0 ? [asked, null] : [asked.slice(0, at), asked.slice(at + 1)];
};

/** The declared number of classes: 1 for a plain column, null where the model does not say. */
const columnsOf = ({ shape }: OnnxValue): number | null => {
  if (shape === null || shape.length < 2) return 1;
  const last = shape.at(-1);
  return typeof last === "number" ? last : null;
};

const columnAsked = (
  asked: string | null,
  labels: ZipMap["labels"] | null,
  { positive }: FeatureContract["label"],
): number | null => {
  const named = (wanted: string): number | null => {
    const at = labels?.findIndex((label) => String(label) === wanted) ?? -1;
    return at < 0 ? null : at;
  };
  if (asked === null) return named(String(positive));
  const whole = /^\d+$/.test(asked) ? Number(asked) : null;
  return named(asked) ?? whole;
};

/** How far outside [0, 1] rounding may carry a probability. */
const SLACK = 1e-4;

/** Whether scores of real rows are probabilities; null where they are. A regressor's are not, whatever its outputs are called. */
export const judgeScores = (scores: ArrayLike<number>): ClassifierRefusal | null => {
  for (let row = 0; row < scores.length; row++) {
    const score = scores[row] ?? NaN;
    if (!(score >= -SLACK && score <= 1 + SLACK))
      return refuse("not_a_classifier", `row ${row + 1}: its output is ${score}, not a probability`);
  }
  return null;
};

const refuse = (refused: ClassifierRefusal["refused"], detail: string): ClassifierRefusal => ({
  refused,
  detail,
});
