// The inspection of model files: hostile and unfit ones are refused with their reason, published ones are summarised. Runs on
// files this test writes itself and, where they are present, on every file of the shared corpus.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ONNX_LIMITS, inspectOnnx } from "../../../src/core/onnx-inspect.ts";
import type { Field } from "../../../src/core/onnx-proto.ts";
import { message } from "../../../src/core/onnx-proto.ts";

const DATA = new URL("../../../../shared/data/onnx/", import.meta.url);

const value = (name: string): Uint8Array => {
  const shape = message([[1, message([[1, 4]])]]);
  const tensor = message([
    [1, 1],
    [2, shape],
  ]);
  return message([
    [1, name],
    [2, message([[1, tensor]])],
  ]);
};
const node = (op: string, input: string, output: string, domain = ""): Field => [
  1,
  message([
    [1, input],
    [2, output],
    [4, op],
    [7, domain],
  ]),
];
const model = (graph: readonly Field[], more: readonly Field[] = []): Uint8Array =>
  message([[1, 8], [7, message([...graph, [11, value("x")], [12, value("y")]])], ...more]);
const definition = (name: string, calls: string): Field => [
  25,
  message([
    [1, name],
    [4, "a"],
    [5, "b"],
    [
      7,
      message([
        [1, "a"],
        [2, "b"],
        [4, calls],
        [7, calls === "Relu" ? "" : "own"],
      ]),
    ],
    [10, "own"],
  ]),
];

describe("inspectOnnx", () => {
  it("summarises a plain model", () => {
    expect(inspectOnnx(model([node("Relu", "x", "y")]))).toMatchObject({
      irVersion: 8,
      nodes: 1,
      operators: ["ai.onnx:Relu"],
      inputs: [{ name: "x", type: "tensor", element: 1, shape: [4] }],
    });
  });

  const constant = (fields: readonly Field[]): Field => [5, message([...fields, [8, "c"]])];
  it.each([
    ["external_data", model([node("Relu", "x", "y"), constant([[14, 1]])])],
    ["external_data", model([node("Relu", "x", "y"), constant([[13, message([[1, "location"]])]])])],
    ["tensor_too_large", model([node("Relu", "x", "y"), constant([[1, 1e9]])])],
    ["tensor_too_large", model([node("Relu", "x", "y"), constant(Array<Field>(9).fill([1, 1e6]))])],
    ["foreign_domain", model([node("Relu", "x", "y", "com.microsoft")])],
    ["unsorted_nodes", model([node("Relu", "z", "y"), node("Relu", "x", "z")])],
    ["malformed", model([node("Relu", "x", "z")])],
    ["malformed", Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)],
    ["malformed", new Uint8Array(0)],
    ["training_graph", model([node("Relu", "x", "y")], [[20, message([])]])],
  ] as const)("refuses %s", (refused, bytes) => {
    expect(inspectOnnx(bytes)).toMatchObject({ refused });
  });

  it("takes a file of the most bytes allowed and refuses one byte more before it reads it", () => {
    const one = model([node("Relu", "x", "y")]);
    expect(inspectOnnx(one, { ...ONNX_LIMITS, bytesMax: one.length })).toMatchObject({ nodes: 1 });
    expect(inspectOnnx(one, { ...ONNX_LIMITS, bytesMax: one.length - 1 })).toMatchObject({
      refused: "too_large",
    });
  });

  it("takes the last node within the limit and refuses the first beyond it", () => {
    const two = model([node("Relu", "x", "z"), node("Relu", "z", "y")]);
    expect(inspectOnnx(two, { ...ONNX_LIMITS, nodesMax: 2 })).toMatchObject({ nodes: 2 });
    expect(inspectOnnx(two, { ...ONNX_LIMITS, nodesMax: 1 })).toMatchObject({ refused: "too_many_nodes" });
  });

  it("takes functions as deep as the limit, not one deeper, and no cycle", () => {
    const chain = (length: number): Uint8Array =>
      model(
        [node("f0", "x", "y", "own")],
        Array.from({ length }, (_, i) => definition(`f${i}`, i + 1 < length ? `f${i + 1}` : "Relu")),
      );
    expect(inspectOnnx(chain(32))).toMatchObject({ functionsDepth: 32 });
    expect(inspectOnnx(chain(33))).toMatchObject({ refused: "functions_too_deep" });
    const cycle = model([node("f0", "x", "y", "own")], [definition("f0", "f1"), definition("f1", "f0")]);
    expect(inspectOnnx(cycle)).toMatchObject({ refused: "functions_too_deep" });
  });

  it("answers, whatever a byte is turned into", () => {
    const bytes = model([node("Relu", "x", "z"), node("Relu", "z", "y")], [definition("f", "Relu")]);
    for (let at = 0; at < bytes.length; at++)
      for (const flip of [1, 0x80, 0xff]) {
        const broken = Uint8Array.from(bytes);
        broken[at] = (broken[at] ?? 0) ^ flip;
        expect(inspectOnnx(broken)).toBeTypeOf("object");
      }
  });
});

describe.skipIf(!existsSync(DATA))("the shared corpus (skipped where it is absent)", () => {
  const read = (name: string): Uint8Array => readFileSync(new URL(name, DATA));
  it.each([
    "keras-bank-churn",
    "skl-knn-iris",
    "skl-logreg-iris",
    "skl-logreg-time",
    "skl-randomforest-4f",
    "skl-tree-free-width-3",
    "skl-tree-free-width",
    "tribuo-iris",
    "xgb-fraud-14f",
    "xgboost-regressor-4f",
  ])("takes %s", (name) => {
    expect(inspectOnnx(read(`valid/${name}.onnx`))).not.toHaveProperty("refused");
  });
  it.each([
    ["foreign-domain-op", "foreign_domain"],
    ["map-input-regressor", "not_a_tensor"],
    ["output-without-shape", "no_shape"],
    ["sequence-io", "not_a_tensor"],
    ["training-graph", "foreign_domain"],
    ["unsorted-nodes", "unsorted_nodes"],
  ])("refuses %s as %s", (name, refused) => {
    expect(inspectOnnx(read(`rejectable/${name}.onnx`))).toMatchObject({ refused });
  });
});
