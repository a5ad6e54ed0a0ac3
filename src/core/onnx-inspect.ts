// Core: reads any ONNX file without running it and says whether the registry may let a runtime near it (reference: ONNX's own
// ExternalDataSecurity). Refuses by value; believes no length, reads no other file, never loads a model.
import type { Found } from "./onnx-proto.ts";
import { MalformedProto, bytesOf, fieldsByNumber, integersOf, numberOf, textOf } from "./onnx-proto.ts";

export type OnnxLimits = {
  readonly bytesMax: number;
  readonly nodesMax: number;
  readonly tensorElementsMax: number;
  /** How deep functions may call functions, and graphs may lie in attributes of graphs. */
  readonly depthMax: number;
  /** Operator domains a node may name, beside the standard one. */
  readonly domains: readonly string[];
};

export const ONNX_LIMITS: OnnxLimits = {
  bytesMax: 256 * 2 ** 20,
  nodesMax: 10_000,
  tensorElementsMax: 2 ** 26,
  depthMax: 32,
  domains: ["ai.onnx.ml"],
};

/** `dims`: a number, a name, or null where the file says nothing; `shape` null: even the rank is open. */
export type OnnxValue = {
  readonly name: string;
  readonly type: "tensor" | "sequence" | "map" | "optional" | "sparse" | "unknown";
  /** TensorProto's element type (1 float32, 7 int64, 8 string, 11 float64 …); 0 unless a tensor. */
  readonly element: number;
  readonly shape: readonly (number | string | null)[] | null;
};

export type OnnxSummary = {
  readonly irVersion: number;
  readonly producer: string;
  readonly opsets: Readonly<Record<string, number>>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly nodes: number;
  /** `domain:op`, the standard domain written `ai.onnx`, sorted. */
  readonly operators: readonly string[];
  readonly tensorElementsLargest: number;
  readonly functionsDepth: number;
};

export type OnnxRefusal = {
  readonly refused:
    | "malformed"
    | "too_large"
    | "too_many_nodes"
    | "tensor_too_large"
    | "external_data"
    | "foreign_domain"
    | "functions_too_deep"
    | "too_deep"
    | "unsorted_nodes"
    | "training_graph"
    | "not_a_tensor"
    | "no_shape";
  readonly detail: string;
};

/** Summarises a model file, or says why it is refused. */
export const inspectOnnx = (
  bytes: Uint8Array,
  limits: OnnxLimits = ONNX_LIMITS,
): OnnxSummary | OnnxRefusal => {
  if (bytes.length > limits.bytesMax)
    return { refused: "too_large", detail: `${bytes.length} bytes, at most ${limits.bytesMax}` };
  try {
    return inspectModel(bytes, limits);
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    if (error instanceof MalformedProto) return { refused: "malformed", detail: error.message };
    throw error;
  }
};

/** Unwinds the reading at the first reason to refuse; never leaves this file. */
class Refused extends Error {
  readonly refusal: OnnxRefusal;
  constructor(refusal: OnnxRefusal) {
    super(refusal.detail);
    this.refusal = refusal;
  }
}

const refuse = (refused: OnnxRefusal["refused"], detail: string): never => {
  throw new Refused({ refused, detail });
};

type Reading = {
  readonly limits: OnnxLimits;
  readonly operators: Set<string>;
  nodes: number;
  elements: number;
};

const inspectModel = (bytes: Uint8Array, limits: OnnxLimits): OnnxSummary => {
  const model = fieldsByNumber(bytes);
  const reading: Reading = { limits, operators: new Set(), nodes: 0, elements: 0 };
  if (model.has(20)) refuse("training_graph", "the file carries training information");
  const graphs = model.get(7) ?? [];
  if (graphs.length !== 1) refuse("malformed", `${graphs.length} graphs`);
  const functions = (model.get(25) ?? []).map((found) => readFunction(bytesOf(found), reading));
  const graph = readGraph(bytesOf(graphs[0]), reading, new Set(), 0);
  const functionsDepth = depthOf(functions, limits);
  const own = new Set(functions.map(({ key }) => key));
  for (const operator of reading.operators) {
    const domain = operator.slice(0, operator.lastIndexOf(":"));
    if (domain !== "ai.onnx" && !limits.domains.includes(domain) && !own.has(operator))
      refuse("foreign_domain", `operator ${operator}`);
  }
  for (const value of [...graph.inputs, ...graph.outputs]) judgeValue(value, graph.inputs.includes(value));
  return {
    irVersion: numberOf(model.get(1)?.[0]),
    producer: textOf(model.get(2)?.[0]),
    opsets: Object.fromEntries((model.get(8) ?? []).map((found) => readOpset(bytesOf(found)))),
    inputs: graph.inputs,
    outputs: graph.outputs,
    nodes: reading.nodes,
    operators: [...reading.operators].sort(),
    tensorElementsLargest: reading.elements,
    functionsDepth,
  };
};

/** Inputs must be tensors; outputs tensors of a known rank, or the maps a ZipMap makes. */
const judgeValue = (value: OnnxValue, isInput: boolean): void => {
  const probabilities = value.type === "sequence" && !isInput && value.element === 0;
  if (value.type !== "tensor" && !probabilities)
    refuse("not_a_tensor", `${isInput ? "input" : "output"} ${value.name} is a ${value.type}`);
  if (value.type === "tensor" && value.shape === null)
    refuse("no_shape", `${isInput ? "input" : "output"} ${value.name} declares no shape`);
};

type ReadGraph = { readonly inputs: readonly OnnxValue[]; readonly outputs: readonly OnnxValue[] };

const readGraph = (
  bytes: Uint8Array,
  reading: Reading,
  outer: ReadonlySet<string>,
  depth: number,
): ReadGraph => {
  if (depth > reading.limits.depthMax)
    refuse("too_deep", `graphs nested deeper than ${reading.limits.depthMax}`);
  const graph = fieldsByNumber(bytes);
  const known = new Set(outer);
  const constants = new Set<string>();
  for (const found of graph.get(5) ?? []) constants.add(readTensor(bytesOf(found), reading));
  for (const found of graph.get(15) ?? []) constants.add(readSparse(bytesOf(found), reading));
  const inputs = (graph.get(11) ?? []).map((found) => readValue(bytesOf(found)));
  for (const name of constants) known.add(name);
  for (const { name } of inputs) known.add(name);
  readNodes(graph.get(1) ?? [], reading, known, depth);
  const outputs = (graph.get(12) ?? []).map((found) => readValue(bytesOf(found)));
  for (const { name } of outputs)
    if (!known.has(name)) refuse("malformed", `output ${name} is made by no node`);
  // Before IR version 4 constants were listed among the inputs; they are none.
  return { inputs: inputs.filter(({ name }) => !constants.has(name)), outputs };
};

const readNodes = (nodes: readonly Found[], reading: Reading, known: Set<string>, depth: number): void => {
  for (const found of nodes) {
    if (++reading.nodes > reading.limits.nodesMax)
      refuse("too_many_nodes", `more than ${reading.limits.nodesMax} nodes`);
    const node = fieldsByNumber(bytesOf(found));
    const operator = `${textOf(node.get(7)?.[0]) || "ai.onnx"}:${textOf(node.get(4)?.[0])}`;
    reading.operators.add(operator);
    for (const input of (node.get(1) ?? []).map(textOf))
      if (input !== "" && !known.has(input))
        refuse("unsorted_nodes", `${operator} reads ${input} before it is made`);
    for (const attribute of node.get(5) ?? []) readAttribute(bytesOf(attribute), reading, known, depth);
    for (const output of (node.get(2) ?? []).map(textOf)) if (output !== "") known.add(output);
  }
};

const readAttribute = (
  bytes: Uint8Array,
  reading: Reading,
  known: ReadonlySet<string>,
  depth: number,
): void => {
  const attribute = fieldsByNumber(bytes);
  for (const at of [5, 10]) for (const found of attribute.get(at) ?? []) readTensor(bytesOf(found), reading);
  for (const at of [22, 23]) for (const found of attribute.get(at) ?? []) readSparse(bytesOf(found), reading);
  for (const at of [6, 11])
    for (const found of attribute.get(at) ?? []) readGraph(bytesOf(found), reading, known, depth + 1);
};

/** Answers the tensor's name. */
const readTensor = (bytes: Uint8Array, reading: Reading): string => {
  const tensor = fieldsByNumber(bytes);
  const name = textOf(tensor.get(8)?.[0]);
  if (tensor.has(13) || numberOf(tensor.get(14)?.[0]) !== 0)
    refuse("external_data", `tensor ${name} lies outside the file`);
  measure(name, tensor.get(1) ?? [], reading);
  return name;
};

const readSparse = (bytes: Uint8Array, reading: Reading): string => {
  const sparse = fieldsByNumber(bytes);
  measure("sparse", sparse.get(3) ?? [], reading);
  const [name = ""] = [1, 2].flatMap((at) =>
    (sparse.get(at) ?? []).map((found) => readTensor(bytesOf(found), reading)),
  );
  return name;
};

const measure = (name: string, dims: readonly Found[], reading: Reading): void => {
  let elements = 1n;
  for (const dim of dims.flatMap(integersOf)) {
    if (dim < 0n) refuse("malformed", `tensor ${name} has a dimension of ${dim}`);
    elements *= dim;
    if (elements > BigInt(reading.limits.tensorElementsMax)) refuse("tensor_too_large", `tensor ${name}`);
  }
  reading.elements = Math.max(reading.elements, Number(elements));
};

type ReadFunction = { readonly key: string; readonly calls: readonly string[] };

/** A function's body is judged like a graph's; which operators it calls decides how deep calls may go. */
const readFunction = (bytes: Uint8Array, reading: Reading): ReadFunction => {
  const body = fieldsByNumber(bytes);
  const inner: Reading = { ...reading, operators: new Set() };
  readNodes(body.get(7) ?? [], inner, new Set((body.get(4) ?? []).map(textOf)), 0);
  [reading.nodes, reading.elements] = [inner.nodes, inner.elements];
  for (const operator of inner.operators) reading.operators.add(operator);
  return {
    key: `${textOf(body.get(10)?.[0]) || "ai.onnx"}:${textOf(body.get(1)?.[0])}`,
    calls: [...inner.operators],
  };
};

/** Longest chain of functions calling functions; a cycle is too deep by definition. */
const depthOf = (functions: readonly ReadFunction[], limits: OnnxLimits): number => {
  const calls = new Map(functions.map(({ key, calls }) => [key, calls]));
  const settled = new Map<string, number>();
  const depth = (key: string, above: number): number => {
    if (above > limits.depthMax)
      return refuse("functions_too_deep", `function ${key} lies deeper than ${limits.depthMax}`);
    const before = settled.get(key);
    if (before !== undefined) return before;
    const below = (calls.get(key) ?? [])
      .filter((called) => calls.has(called))
      .map((called) => depth(called, above + 1));
    const own = 1 + Math.max(0, ...below);
    if (own > limits.depthMax) refuse("functions_too_deep", `function ${key} calls ${own} deep`);
    settled.set(key, own);
    return own;
  };
  return Math.max(0, ...functions.map(({ key }) => depth(key, 1)));
};

const KINDS = new Map<number, OnnxValue["type"]>([
  [1, "tensor"],
  [4, "sequence"],
  [5, "map"],
  [8, "sparse"],
  [9, "optional"],
]);

const readValue = (bytes: Uint8Array): OnnxValue => {
  const value = fieldsByNumber(bytes);
  const name = textOf(value.get(1)?.[0]);
  for (const [number, found] of fieldsByNumber(bytesOf(value.get(2)?.[0]))) {
    const type = KINDS.get(number);
    if (type === undefined) continue;
    const inner = fieldsByNumber(bytesOf(found[0]));
    if (type === "tensor")
      return { name, type, element: numberOf(inner.get(1)?.[0]), shape: readShape(inner.get(2)?.[0]) };
    // A sequence of maps is what ZipMap makes of probabilities; a sequence of tensors is told apart by its element.
    const holdsMaps = type === "sequence" && fieldsByNumber(bytesOf(inner.get(1)?.[0])).has(5);
    return { name, type, element: type === "sequence" && !holdsMaps ? 1 : 0, shape: null };
  }
  return { name, type: "unknown", element: 0, shape: null };
};

const readShape = (found: Found | undefined): OnnxValue["shape"] => {
  if (found === undefined) return null;
  return (fieldsByNumber(bytesOf(found)).get(1) ?? []).map((dim) => {
    const fields = fieldsByNumber(bytesOf(dim));
    const fixed = fields.get(1)?.[0];
    return fixed === undefined ? textOf(fields.get(2)?.[0]) || null : numberOf(fixed);
  });
};

const readOpset = (bytes: Uint8Array): [string, number] => {
  const opset = fieldsByNumber(bytes);
  return [textOf(opset.get(1)?.[0]) || "ai.onnx", numberOf(opset.get(2)?.[0])];
};
