// Core: writes a fitted model as standard ONNX (opset ai.onnx 17, ai.onnx.ml 3): one input `features` float32 [N, F] in
// contract order, one output `probability` float32 [N], the calibrator inside. Same model, same bytes. A model trained on
// codes needs no other graph: its cuts lie on bin edges, and its terms become steps over them, so raw values serve alike.
import type { Encoding } from "../../contracts/encoding.ts";
import type { Calibrator } from "./training/calibration.ts";
import type { FittedModel } from "./training/fit-model.ts";
import type { LinearMargin } from "./training/logistic.ts";
import type { Field } from "./onnx-proto.ts";
import { floatBytes, integerBytes, message } from "./onnx-proto.ts";
import { plainTrees, stepTrees } from "./onnx-trees.ts";
import type { NameSet, PlainTree } from "./onnx-trees.ts";

export const INPUT = "features";
export const OUTPUT = "probability";

/** Writes the model file. */
export const exportOnnx = (model: FittedModel, encoding: Encoding): Uint8Array => {
  const graph = createGraph();
  const margin =
    model.family === "gradient-boosted-trees"
      ? treeMargin(graph, plainTrees(model.ensemble.trees, encoding), model.ensemble.base)
      : linearMargin(graph, model.linear, encoding);
  calibrated(graph, model.calibrator, margin);
  return message([
    [1, 8], // ir_version: the one of opset 17
    [2, "flyball"],
    [7, graph.finish(encoding.features.length)],
    [8, message([[1, ""], [2, 17]])], // prettier-ignore
    [8, message([[1, "ai.onnx.ml"], [2, 3]])], // prettier-ignore
  ]);
};

type Graph = ReturnType<typeof createGraph>;
type Attribute =
  | number
  | { readonly float: number }
  | string
  | readonly string[]
  | { readonly floats: readonly number[] }
  | { readonly ints: readonly number[] };

/** Collects nodes and constants; every node's output is named after its place. */
const createGraph = () => {
  const nodes: Uint8Array[] = [];
  const constants: Uint8Array[] = [];
  const tensor = (type: number, dims: readonly number[], raw: Uint8Array): string => {
    const name = `constant_${constants.length}`;
    constants.push(message([...dims.map((dim): Field => [1, dim]), [2, type], [8, name], [9, raw]]));
    return name;
  };
  return {
    floats: (dims: readonly number[], values: ArrayLike<number>): string =>
      tensor(1, dims, floatBytes(values)),
    bytes: (dims: readonly number[], values: Uint8Array): string => tensor(2, dims, values),
    integers: (dims: readonly number[], values: readonly number[]): string =>
      tensor(7, dims, integerBytes(values)),
    node: (
      op: string,
      inputs: readonly string[],
      attributes: Readonly<Record<string, Attribute>> = {},
      output = `value_${nodes.length}`,
    ): string => {
      nodes.push(
        message([
          ...inputs.map((input): Field => [1, input]),
          [2, output],
          [3, `${op}_${nodes.length}`],
          [4, op],
          ...Object.entries(attributes).map(([name, value]): Field => [5, attribute(name, value)]),
          ...(op.startsWith("Tree") ? ([[7, "ai.onnx.ml"]] as const) : []),
        ]),
      );
      return output;
    },
    finish: (features: number): Uint8Array =>
      message([
        ...nodes.map((node): Field => [1, node]),
        [2, "flyball"],
        ...constants.map((constant): Field => [5, constant]),
        [11, floatTensor(INPUT, ["N", features])],
        [12, floatTensor(OUTPUT, ["N"])],
      ]),
  };
};

const attribute = (name: string, value: Attribute): Uint8Array => {
  if (typeof value === "number") return message([[1, name], [3, value], [20, 2]]); // prettier-ignore
  if (typeof value === "string") return message([[1, name], [4, value], [20, 3]]); // prettier-ignore
  if ("float" in value) return message([[1, name], [2, value], [20, 1]]); // prettier-ignore
  if ("floats" in value) return message([[1, name], [7, value], [20, 6]]); // prettier-ignore
  if ("ints" in value) return message([[1, name], [8, value], [20, 7]]); // prettier-ignore
  return message([[1, name], ...value.map((text): Field => [9, text]), [20, 8]]);
};

const floatTensor = (name: string, dims: readonly (string | number)[]): Uint8Array => {
  const shape = message(
    dims.map((dim): Field => [1, message([typeof dim === "number" ? [1, dim] : [2, dim]])]),
  );
  return message([[1, name], [2, message([[1, message([[1, 1], [2, shape]])]])]]); // prettier-ignore
};

/** Margin [N, 1] of trees; sets of names become columns of 0 (in the set) and 1 behind the features. */
const treeMargin = (
  graph: Graph,
  plain: { trees: readonly PlainTree[]; sets: readonly NameSet[] },
  base: number,
): string =>
  ensemble(graph, plain.sets.length === 0 ? INPUT : withSets(graph, plain.sets), plain.trees, base);

const withSets = (graph: Graph, sets: readonly NameSet[]): string => {
  const features = [...new Set(sets.map(({ feature }) => feature))];
  const columns = features.map((feature) => {
    const own = sets.filter((set) => set.feature === feature);
    const table = new Uint8Array(256 * own.length).fill(1);
    own.forEach((set, at) => set.members.forEach((code) => (table[code * own.length + at] = 0)));
    const code = graph.node("Gather", [INPUT, graph.integers([], [feature])], { axis: 1 });
    const index = graph.node("Cast", [code], { to: 7 });
    return graph.node("Gather", [graph.bytes([256, own.length], table), index], { axis: 0 });
  });
  const joined = columns.length === 1 ? (columns[0] ?? "") : graph.node("Concat", columns, { axis: 1 });
  return graph.node("Concat", [INPUT, graph.node("Cast", [joined], { to: 1 })], { axis: 1 });
};

const ensemble = (graph: Graph, input: string, trees: readonly PlainTree[], base: number): string => {
  const grown: readonly PlainTree[] = trees.length === 0 ? [[{ value: 0 }]] : trees;
  const nodes = grown.flatMap((tree, id) => tree.map((node, at) => ({ id, at, node })));
  const ints = (of: (entry: (typeof nodes)[number]) => number) => ({ ints: nodes.map(of) });
  const leaves = nodes.flatMap(({ id, at, node }) =>
    "value" in node ? [{ id, at, value: node.value }] : [],
  );
  return graph.node("TreeEnsembleRegressor", [input], {
    n_targets: 1,
    aggregate_function: "SUM",
    post_transform: "NONE",
    base_values: { floats: [base] },
    nodes_treeids: ints(({ id }) => id),
    nodes_nodeids: ints(({ at }) => at),
    nodes_featureids: ints(({ node }) => ("value" in node ? 0 : node.column)),
    nodes_modes: nodes.map(({ node }) => ("value" in node ? "LEAF" : "BRANCH_LEQ")),
    nodes_values: { floats: nodes.map(({ node }) => ("value" in node ? 0 : node.upTo)) },
    nodes_truenodeids: ints(({ node }) => ("value" in node ? 0 : node.left)),
    nodes_falsenodeids: ints(({ node }) => ("value" in node ? 0 : node.right)),
    nodes_missing_value_tracks_true: ints(({ node }) => ("value" in node || !node.missingLeft ? 0 : 1)),
    target_treeids: { ints: leaves.map(({ id }) => id) },
    target_nodeids: { ints: leaves.map(({ at }) => at) },
    target_ids: { ints: leaves.map(() => 0) },
    target_weights: { floats: leaves.map(({ value }) => value) },
  });
};

/** Margin [N, 1]: slopes as one product on centred values, tables and missing values as steps of small trees. */
const linearMargin = (graph: Graph, linear: LinearMargin, encoding: Encoding): string => {
  const steps = stepTrees(linear.terms, encoding);
  const trees = ensemble(graph, INPUT, steps, linear.intercept);
  if (!linear.terms.some((term) => "slope" in term)) return trees;
  const features = linear.terms.length;
  const means = linear.terms.map((term) => ("slope" in term ? term.mean : 0));
  const slopes = linear.terms.map((term) => ("slope" in term ? term.slope : 0));
  const centred = graph.node("Sub", [INPUT, graph.floats([features], means)]);
  const missing = graph.node("IsNaN", [centred]);
  const present = graph.node("Where", [missing, graph.floats([], [0]), centred]);
  const sloped = graph.node("MatMul", [present, graph.floats([features, 1], slopes)]);
  return graph.node("Add", [sloped, trees]);
};

/** Turns the margin [N, 1] into the output [N]. */
const calibrated = (graph: Graph, calibrator: Calibrator, margin: string): void => {
  const squeeze = (column: string): string =>
    graph.node("Squeeze", [column, graph.integers([1], [1])], {}, OUTPUT);
  if (calibrator.kind === "platt") {
    const sloped = graph.node("Mul", [margin, graph.floats([], [calibrator.slope])]);
    const moved = graph.node("Add", [sloped, graph.floats([], [calibrator.intercept])]);
    squeeze(graph.node("Sigmoid", [moved]));
    return;
  }
  // A sum of ramps: each line is 0 before its first knot, 1 after its second, times the rise between them. All terms have
  // one sign, so float32 loses nothing by cancellation.
  const { margins, probabilities } = calibrator;
  const lines = margins.length - 1;
  const inverse = Array.from({ length: lines }, (_, k) => 1 / ((margins[k + 1] ?? 0) - (margins[k] ?? 0)));
  const shift = inverse.map((width, k) => -(margins[k] ?? 0) * width);
  const rise = Array.from({ length: lines }, (_, k) => (probabilities[k + 1] ?? 0) - (probabilities[k] ?? 0));
  const ramps = graph.node("Gemm", [margin, graph.floats([1, lines], inverse), graph.floats([lines], shift)]);
  const clipped = graph.node("Clip", [ramps, graph.floats([], [0]), graph.floats([], [1])]);
  const first = graph.floats([1], [probabilities[0] ?? NaN]);
  squeeze(graph.node("Gemm", [clipped, graph.floats([lines, 1], rise), first]));
};
