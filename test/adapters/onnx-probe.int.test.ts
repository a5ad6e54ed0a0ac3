// Models made elsewhere, in the real runtime and a real throw-away process: unfit files refused with their reason, and a process that
// hangs or eats memory ended without harm; published files are in onnx-corpus.int.test.ts. Needs `npm run build`.
import { describe, expect, it } from "vitest";
import { FeatureContract } from "../../contracts/feature-contract.ts";
import { openExternal } from "../../src/adapters/external-model.ts";
import { createSession } from "../../src/adapters/onnx.ts";
import { probeOnnx } from "../../src/adapters/onnx-probe.ts";
import { freezeEncoding } from "../../src/core/encode.ts";
import { inspectOnnx } from "../../src/core/onnx-inspect.ts";
import { message, type Field } from "../../src/core/onnx-proto.ts";
import { listsOf, tensorsIn } from "../../src/core/onnx-tensors.ts";
import { stripZipMaps } from "../../src/core/onnx-zipmap.ts";

const tensor = (element: number, dims: readonly (number | string)[]): Uint8Array =>
  message([
    [
      1,
      message([
        [1, element],
        [2, message(dims.map((dim): Field => [1, message([typeof dim === "number" ? [1, dim] : [2, dim]])]))],
      ]),
    ],
  ]);
const value = (name: string, type: Uint8Array): Uint8Array =>
  message([
    [1, name],
    [2, type],
  ]);
const node = (op: string, inputs: readonly string[], output: string, more: readonly Field[] = []): Field => [
  1,
  message([...inputs.map((input): Field => [1, input]), [2, output], [4, op], ...more]),
];
/** A model of standard operators and ai.onnx.ml, named `x` in. */
const model = (nodes: readonly Field[], input: Uint8Array, outputs: readonly Uint8Array[]): Uint8Array =>
  message([
    [1, 8],
    [7, message([...nodes, [2, "g"], [11, input], ...outputs.map((output): Field => [12, output])])],
    [8, message([[2, 13]])],
    [
      8,
      message([
        [1, "ai.onnx.ml"],
        [2, 1],
      ]),
    ],
  ]);
const mapOutput = value(
  "p",
  message([
    [
      4,
      message([
        [
          1,
          message([
            [
              5,
              message([
                [1, 8],
                [2, tensor(1, [])],
              ]),
            ],
          ]),
        ],
      ]),
    ],
  ]),
);
/** Softmax over two columns, as a ZipMap of two named classes. */
const zipped = (batch: number | string): Uint8Array =>
  model(
    [
      node("Softmax", ["x"], "s"),
      node("ZipMap", ["s"], "p", [
        [
          5,
          message([
            [1, "classlabels_strings"],
            [9, "yes"],
            [9, "no"],
            [20, 8],
          ]),
        ],
        [7, "ai.onnx.ml"],
      ]),
    ],
    value("x", tensor(1, [batch, 2])),
    [mapOutput],
  );

const contract = FeatureContract.parse({
  name: "pair",
  version: "1.0.0",
  label: { name: "y", positive: "yes", negative: "no" },
  event_time: null,
  features: {
    a: { kind: "continuous", min: -9, max: 9 },
    b: { kind: "ordinal", values: [10, 20] },
  },
});
const { features } = freezeEncoding({
  contract,
  contractDigest: "",
  dataset: "d",
  columns: { a: Float64Array.of(0, 1, 2), b: Float64Array.of(10, 20, 20) },
});
const sample = { vector: Float32Array.of(1, 0, 2, 1, 0, 1), n: 3 };
const open = (bytes: Uint8Array, asked: string | null = null) =>
  openExternal(bytes, { contract, features, asked, sample });

describe("a ZipMap", () => {
  it("becomes a tensor under the same name, and reads back as maps", async () => {
    const { bytes, maps } = stripZipMaps(zipped("N"));
    expect(maps).toEqual([{ output: "p", labels: ["yes", "no"] }]);
    expect(inspectOnnx(bytes)).toMatchObject({ outputs: [{ name: "p", type: "tensor", shape: ["N", 2] }] });
    const probed = await probeOnnx({
      bytes,
      inputs: tensorsIn({ x: [[0, 0]] }, { inputs: inputsOf(bytes) }),
    });
    if (!probed.ok || probed.outputs["p"] === undefined) throw new Error(JSON.stringify(probed));
    expect(listsOf(probed.outputs["p"], maps[0])).toEqual([{ yes: 0.5, no: 0.5 }]);
  });

  it("leaves a model without one untouched", () => {
    const bytes = model([node("Softmax", ["x"], "p")], value("x", tensor(1, ["N", 2])), [
      value("p", tensor(1, ["N", 2])),
    ]);
    expect(stripZipMaps(bytes)).toEqual({ bytes, maps: [] });
  });
});

const inputsOf = (bytes: Uint8Array) => {
  const summary = inspectOnnx(bytes);
  if ("refused" in summary) throw new Error(summary.detail);
  return summary.inputs;
};

describe("openExternal", () => {
  it("finds the positive class by its name, and takes another by name or column", async () => {
    expect(await open(zipped("N"))).toMatchObject({
      feed: { layout: "vector", input: "x", values: "numbers", batch: null },
      positive: { output: "p", index: 0 },
    });
    expect(await open(zipped("N"), "p:no")).toMatchObject({ positive: { index: 1 } });
    expect(await open(zipped("N"), "p:1")).toMatchObject({ positive: { index: 1 } });
    expect(await open(zipped("N"), "q:1")).toMatchObject({ refused: "no_such_output" });
  });

  it("keeps a fixed batch and fills it: any number of rows is answered as by a graph that takes any", async () => {
    const [fixed, free] = await Promise.all([open(zipped(8)), open(zipped("N"))]);
    if ("refused" in fixed || "refused" in free) throw new Error("refused");
    expect([fixed.feed.batch, free.feed.batch]).toEqual([8, null]);
    const [filled, plain] = await Promise.all(
      [fixed, free].map((opened) => createSession(opened.bytes, { ...opened, features })),
    );
    for (const n of [1, 7, 8, 9, 20]) {
      const vector = Float32Array.from({ length: 2 * n }, (_, at) =>
        at % 2 === 0 ? at / 10 : (at >> 1) % 2,
      );
      const answers = Array.from((await filled?.run(vector, n)) ?? []);
      expect(answers).toHaveLength(n);
      expect(answers).toEqual(Array.from((await plain?.run(vector, n)) ?? [], Number));
    }
  });

  it("refuses what gives no probability, what it cannot feed and three classes it only shows when run", async () => {
    const identity = (columns: number | string, width: number | string = 2) =>
      model([node("Identity", ["x"], "p")], value("x", tensor(1, ["N", width])), [
        value("p", tensor(1, ["N", columns])),
      ]);
    expect(await open(identity(2))).toMatchObject({ refused: "not_a_classifier" });
    expect(await open(identity(2, 5))).toMatchObject({ refused: "not_feedable" });
    const three = model(
      [node("Softmax", ["x"], "s"), node("Concat", ["s", "s"], "p", [[5, axis]])],
      value("x", tensor(1, ["N", 2])),
      [value("p", tensor(1, ["N", "K"]))],
    );
    expect(await open(three)).toMatchObject({ refused: "not_binary", detail: "4 classes" });
  });
});
const axis = message([
  [1, "axis"],
  [3, 1],
  [20, 2],
]);

describe("the throw-away process", () => {
  const bytes = stripZipMaps(zipped("N")).bytes;
  const inputs = { x: { type: "float32", dims: [1, 2], values: [0, 0] } };
  it("is ended when it takes too long or too much memory, and says which", async () => {
    expect(await probeOnnx({ bytes, inputs }, { timeMs: 1 })).toMatchObject({ refused: "too_slow" });
    expect(await probeOnnx({ bytes, inputs }, { memoryBytes: 2 ** 20 })).toMatchObject({
      refused: "too_much_memory",
    });
  });
  it("tells a file that does not load from one that does not run", async () => {
    expect(await probeOnnx({ bytes: Uint8Array.of(1, 2, 3), inputs })).toMatchObject({
      refused: "not_loadable",
    });
    const wrong = { x: { type: "float32", dims: [4], values: [0, 0, 0, 0] } };
    expect(await probeOnnx({ bytes, inputs: wrong })).toMatchObject({ refused: "not_runnable" });
  });
});
