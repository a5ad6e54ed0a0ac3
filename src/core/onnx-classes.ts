// Core: how many classes a model's classifier nodes name, for models whose outputs do not declare their width. Reads, runs nothing.
import { fieldsOf, integersOf } from "./onnx-proto.ts";

/** The most classes any classifier node of the main graph names; null where none names any. */
export const classesNamed = (model: Uint8Array): number | null => {
  let most: number | null = null;
  for (const graph of parts(model, 7))
    for (const node of parts(graph, 1)) {
      const labels = classifierLabels(node);
      if (labels > 0) most = Math.max(most ?? 0, labels);
    }
  return most;
};

const classifierLabels = (node: Uint8Array): number => {
  const operator = parts(node, 4).map(text)[0] ?? "";
  if (!operator.endsWith("Classifier") || parts(node, 7).map(text)[0] !== "ai.onnx.ml") return 0;
  return Math.max(
    0,
    ...parts(node, 5)
      .filter((attribute) =>
        /^classlabels_(int64s|ints|strings)$/.test(parts(attribute, 1).map(text)[0] ?? ""),
      )
      .map((attribute) =>
        [...fieldsOf(attribute)].reduce(
          (sum, found) => sum + (found.number === 8 ? integersOf(found).length : found.number === 9 ? 1 : 0),
          0,
        ),
      ),
  );
};

const parts = (bytes: Uint8Array, number: number): Uint8Array[] =>
  [...fieldsOf(bytes)].flatMap((found) =>
    found.number === number && found.wire === "bytes" ? [found.bytes] : [],
  );

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
