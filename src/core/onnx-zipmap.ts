// Core: takes ZipMap out of a model. Runtimes for JavaScript return tensors only, and ZipMap turns a tensor of probabilities into
// a sequence of maps; here each such node becomes an Identity, so the output keeps its name and is the tensor that went in, one
// column a class. Everything else is copied as it is. Reads and writes bytes; runs nothing.
import type { Field, Found } from "./onnx-proto.ts";
import { MalformedProto, fieldsOf, integersOf, message } from "./onnx-proto.ts";

/** An output that was a map: column k of the tensor is the probability of `labels[k]`. */
export type ZipMap = { readonly output: string; readonly labels: readonly (number | string)[] };

const FLOAT = 1;
/** The oldest standard operator set every runtime still takes; Identity has not changed since. */
const STANDARD_OPSET = 7;

/** Rewrites a model's ZipMap outputs to tensors; without any the bytes come back untouched. Throws MalformedProto on bytes that are no model. */
export const stripZipMaps = (bytes: Uint8Array): { bytes: Uint8Array; maps: readonly ZipMap[] } => {
  const maps: ZipMap[] = [];
  const fields = [...fieldsOf(bytes)];
  const rewritten = fields.map((found): Field =>
    found.number === 7 && found.wire === "bytes" ? [7, graphWithout(found.bytes, maps)] : copied(found),
  );
  if (maps.length === 0) return { bytes, maps };
  const opset: Field[] = fields.some(isStandardOpset)
    ? []
    : [
        [
          8,
          message([
            [1, ""],
            [2, STANDARD_OPSET],
          ]),
        ],
      ];
  return { bytes: message([...rewritten, ...opset]), maps };
};

/** Graph fields are all length-delimited: nodes (1), outputs (12) and what neither touches. */
const graphWithout = (bytes: Uint8Array, maps: ZipMap[]): Uint8Array => {
  const fields = [...fieldsOf(bytes)];
  const nodes = fields.map((found): Field => {
    const zip = found.number === 1 && found.wire === "bytes" ? readZipMap(found.bytes) : null;
    if (zip === null) return copied(found);
    maps.push({ output: zip.output, labels: zip.labels });
    return [1, identity(zip)];
  });
  const known = new Map(maps.map((map) => [map.output, map.labels.length]));
  return message(
    nodes.map(([number, value]): Field => {
      if (number !== 12 || !(value instanceof Uint8Array)) return [number, value];
      const name = textAt(value, 1);
      const classes = known.get(name);
      return classes === undefined ? [number, value] : [number, tensorOutput(name, classes)];
    }),
  );
};

type ReadZip = ZipMap & { readonly input: string; readonly name: string };

const readZipMap = (bytes: Uint8Array): ReadZip | null => {
  if (textAt(bytes, 4) !== "ZipMap" || textAt(bytes, 7) !== "ai.onnx.ml") return null;
  const labels: (number | string)[] = [];
  for (const attribute of fieldsOf(bytes)) {
    if (attribute.number !== 5 || attribute.wire !== "bytes") continue;
    for (const found of fieldsOf(attribute.bytes)) {
      if (found.number === 8) labels.push(...integersOf(found).map(Number));
      else if (found.number === 9 && found.wire === "bytes") labels.push(decode(found.bytes));
    }
  }
  if (labels.length === 0) throw new MalformedProto("a ZipMap names no classes");
  return { input: textAt(bytes, 1), output: textAt(bytes, 2), name: textAt(bytes, 3), labels };
};

const identity = ({ input, output, name }: ReadZip): Uint8Array =>
  message([
    [1, input],
    [2, output],
    [3, name],
    [4, "Identity"],
  ]);

/** `float32 [N, classes]`, N open. */
const tensorOutput = (name: string, classes: number): Uint8Array => {
  const shape = message([
    [1, message([[2, "N"]])],
    [1, message([[1, classes]])],
  ]);
  const tensor = message([
    [1, FLOAT],
    [2, shape],
  ]);
  return message([
    [1, name],
    [2, message([[1, tensor]])],
  ]);
};

const isStandardOpset = (found: Found): boolean =>
  found.number === 8 && found.wire === "bytes" && ["", "ai.onnx"].includes(textAt(found.bytes, 1));

const copied = (found: Found): Field => {
  if (found.wire === "bytes") return [found.number, found.bytes];
  if (found.wire === "fixed") throw new MalformedProto(`field ${found.number} is of a width no model has`);
  // The only numbers at these two levels are versions; one that large is nobody's.
  if (found.value > BigInt(Number.MAX_SAFE_INTEGER)) return [found.number, 0];
  return [found.number, found.value];
};

const textAt = (bytes: Uint8Array, number: number): string => {
  for (const found of fieldsOf(bytes))
    if (found.number === number && found.wire === "bytes") return decode(found.bytes);
  return "";
};

const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
