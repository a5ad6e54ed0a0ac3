// Core: tensors as people write them: nested lists of JSON. Turns what a user gives `models probe` into the tensors a model
// declares, and what comes out back into lists, ZipMap outputs into maps from class to probability. Refuses by throwing
// RangeError with the input's name; guesses no type.
import type { OnnxSummary } from "./onnx-inspect.ts";
import type { ZipMap } from "./onnx-zipmap.ts";

export type PlainTensor = {
  readonly type: string;
  readonly dims: readonly number[];
  readonly values: readonly (number | string | boolean)[];
};

const TYPES = new Map([
  [1, "float32"],
  [6, "int32"],
  [7, "int64"],
  [8, "string"],
  [9, "bool"],
  [11, "float64"],
]);

/**
 * Reads `{name: rows}`, `{name: {data, shape?}}` or either under `inputs`. A flat list for an input of two dimensions is one
 * value a row.
 */
export const tensorsIn = (
  given: unknown,
  summary: Pick<OnnxSummary, "inputs">,
): Record<string, PlainTensor> => {
  const named = record(record(given)?.["inputs"]) ?? record(given);
  if (named === null) throw new RangeError("inputs: expected an object, one list an input");
  const strangers = Object.keys(named).filter((name) => !summary.inputs.some((input) => input.name === name));
  const names = summary.inputs.map(({ name }) => name);
  if (strangers.length > 0)
    throw new RangeError(`${strangers.join(", ")}: no such input; the model's are ${names.join(", ")}`);
  return Object.fromEntries(
    summary.inputs.map((input) => {
      const type = TYPES.get(input.element);
      if (type === undefined)
        throw new RangeError(`${input.name}: tensors of type ${input.element} cannot be given as JSON`);
      if (!Object.hasOwn(named, input.name)) throw new RangeError(`${input.name}: not given`);
      const value = named[input.name];
      const nested = record(value)?.["data"] ?? value;
      const { dims, values } = flatten(input.name, nested);
      const column = dims.length === 1 && input.shape?.length === 2;
      return [input.name, { type, dims: column ? [...dims, 1] : dims, values: values.map(numeric(type)) }];
    }),
  );
};

/** NaN and the infinities have no JSON number; as text they are taken where a float is wanted. */
const numeric =
  (type: string) =>
  (value: number | string | boolean): number | string | boolean =>
    type.startsWith("float") && typeof value === "string" ? Number(value) : value;

/** An output as nested lists, or, where ZipMap made it, one map from class to probability a row. */
export const listsOf = (tensor: PlainTensor, map: ZipMap | undefined): unknown => {
  const values = tensor.values.map((value) =>
    tensor.type === "int64" && Number.isSafeInteger(Number(value)) ? Number(value) : value,
  );
  const lists = nest(values, tensor.dims);
  if (map === undefined || !Array.isArray(lists)) return lists;
  return lists.map((row: unknown) =>
    Object.fromEntries(
      map.labels.map((label, at): [string, unknown] => [
        String(label),
        Array.isArray(row) ? (row[at] ?? null) : row,
      ]),
    ),
  );
};

const flatten = (name: string, value: unknown): { dims: number[]; values: (number | string | boolean)[] } => {
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean")
    return { dims: [], values: [value] };
  if (value === null) return { dims: [], values: [NaN] };
  if (!Array.isArray(value)) throw new RangeError(`${name}: expected numbers, text or lists of them`);
  const inner = value.map((one: unknown) => flatten(name, one));
  const shape = JSON.stringify(inner[0]?.dims ?? []);
  if (inner.some(({ dims }) => JSON.stringify(dims) !== shape))
    throw new RangeError(`${name}: its rows are not of one length`);
  return { dims: [value.length, ...(inner[0]?.dims ?? [])], values: inner.flatMap(({ values }) => values) };
};

const nest = (values: readonly unknown[], dims: readonly number[]): unknown => {
  const [first, ...rest] = dims;
  if (first === undefined) return values[0];
  const size = rest.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: first }, (_, at) => nest(values.slice(at * size, (at + 1) * size), rest));
};

const record = (value: unknown): Record<string, unknown> | null =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value))
    : null;
