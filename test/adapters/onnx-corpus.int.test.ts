// Published model files of other libraries (../shared/data/onnx), in the real runtime and a real throw-away process: golden outputs to the
// digit, binary classifiers registered and served, everything else refused with its reason. Needs `npm run build`.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { FeatureContract } from "../../contracts/feature-contract.ts";
import { openExternal } from "../../src/adapters/external-model.ts";
import { probeOnnx } from "../../src/adapters/onnx-probe.ts";
import { createRegistry } from "../../src/adapters/registry.ts";
import { createServingModels } from "../../src/adapters/serving-models.ts";
import { startShadowChild } from "../../src/adapters/shadow-child.ts";
import { contractDigest } from "../../src/core/contract.ts";
import { freezeEncoding } from "../../src/core/encode.ts";
import { inspectOnnx } from "../../src/core/onnx-inspect.ts";
import { listsOf, tensorsIn } from "../../src/core/onnx-tensors.ts";
import { stripZipMaps } from "../../src/core/onnx-zipmap.ts";
import { registerModel } from "../../src/stages/register.ts";

const DATA = new URL("../../../shared/data/onnx/", import.meta.url);
const present = existsSync(DATA);
if (!present) console.warn("SKIPPED: no ../shared/data/onnx; the golden model files are not tested");

describe.skipIf(!present)("the shared corpus", () => {
  const names = present
    ? readdirSync(new URL("golden/", DATA)).filter((n) => !n.includes("preprocessing"))
    : [];
  it.each(names)("reproduces %s", async (name) => {
    const golden: unknown = JSON.parse(readFileSync(new URL(`golden/${name}`, DATA), "utf8"));
    const file = readFileSync(new URL(`valid/${name.replace(".json", ".onnx")}`, DATA));
    const { bytes, maps } = stripZipMaps(file);
    const probed = await probeOnnx({ bytes, inputs: tensorsIn(golden, { inputs: inputsOf(file) }) });
    if (!probed.ok) throw new Error(probed.detail);
    const outputs = Object.entries(probed.outputs).map(([output, found]): [string, unknown] => [
      output,
      listsOf(
        found,
        maps.find((map) => map.output === output),
      ),
    ]);
    const expected = typeof golden === "object" && golden !== null ? Reflect.get(golden, "outputs") : null;
    expect(rounded(Object.fromEntries(outputs))).toEqual(rounded(expected));
  });

  const bad = present ? readdirSync(new URL("rejectable/", DATA)) : [];
  it.each(bad)("refuses %s before anything loads it", async (name) => {
    expect(await open(`rejectable/${name}`)).toMatchObject({
      refused: expect.stringMatching(/^(foreign_domain|not_a_tensor|no_shape|unsorted_nodes)$/),
    });
  });

  it.each([
    ["keras-bank-churn", "input_layer", "output_0", null],
    ["xgb-fraud-14f", "float_input", "probabilities", 1],
  ] as const)("registers and serves %s, to its golden answers", async (name, input, output, index) => {
    const { inputs, outputs } = Golden.parse(
      JSON.parse(readFileSync(new URL(`golden/${name}.json`, DATA), "utf8")),
    );
    const rows = inputs[input]?.data ?? [];
    const width = rows[0]?.length ?? 0;
    const contract = contractOf(name, width);
    // The golden rows over and over: a model is measured on a hundred at least.
    const n = 120;
    const valueOf = (row: number, at: number): number => rows[row % rows.length]?.[at] ?? NaN;
    const columns = Object.fromEntries(
      Array.from({ length: width }, (_, at) => [
        `f${at}`,
        Float64Array.from({ length: n }, (_, row) => valueOf(row, at)),
      ]),
    );
    const encoding = freezeEncoding({
      contract,
      contractDigest: contractDigest(contract),
      dataset: "d",
      columns,
    });
    const vector = Float32Array.from({ length: rows.length * width }, (_, at) =>
      valueOf(Math.floor(at / width), at % width),
    );
    const model = await openExternal(readFileSync(new URL(`valid/${name}.onnx`, DATA)), {
      ...{ contract, features: encoding.features, asked: index === null ? output : `${output}:${index}` },
      sample: { vector, n: rows.length },
    });
    if ("refused" in model) throw new Error(model.detail);
    expect(model.positive).toEqual({ output, index });
    const home = mkdtempSync(join(tmpdir(), "flyball-corpus-"));
    const registry = createRegistry(home);
    const session = await startShadowChild({
      bytes: model.bytes,
      spec: { ...model, features: encoding.features },
    });
    const registered = await registerModel(registry, {
      ...{
        ...model,
        contract,
        contractDigest: contractDigest(contract),
        encoding,
        session,
        rows: n,
        columns,
      },
      label: Uint8Array.from({ length: n }, (_, row) => row % 2),
      ...{ timesMs: null, dataset: "d", createdAt: "2026-01-01T00:00:00Z" },
    }).finally(() => session.close());
    expect(registered).toMatchObject({ ok: true, model: name, version: "1.0.0" });
    const models = createServingModels({ registry, isolate: "external", hangMs: null, monotonicMs: () => 0 });
    expect(await models.apply([{ model: name, promoted: "1.0.0", shadows: [] }], 1)).toEqual([]);
    const served = await models.current()?.session.run(vector, rows.length);
    await models.close();
    rmSync(home, { recursive: true, force: true });
    const golden = outputs[output]?.map((row) => row[index ?? 0]);
    expect(rounded([...(served ?? [])])).toEqual(rounded(golden));
  });

  it.each([
    ["skl-logreg-iris", "not_binary"],
    ["skl-randomforest-4f", "not_binary"],
    ["skl-tree-free-width-3", "not_binary"],
    ["skl-logreg-time", "not_binary"],
    ["skl-knn-iris", "not_binary"],
    ["skl-tree-free-width", "not_binary"],
    ["tribuo-iris", "not_binary"],
    ["xgboost-regressor-4f", "not_a_classifier"],
  ])("refuses to register %s: %s", async (name, refused) => {
    expect(await open(`valid/${name}.onnx`)).toMatchObject({ refused });
  });
});

const contractOf = (name: string, width: number): FeatureContract =>
  FeatureContract.parse({
    name,
    version: "1.0.0",
    label: { name: "y", positive: 1, negative: 0 },
    event_time: null,
    features: Object.fromEntries(
      Array.from({ length: width }, (_, at) => [`f${at}`, { kind: "continuous", min: -99, max: 99 }]),
    ),
  });

/** Judges a file that is refused before its inputs matter. */
const open = (file: string) => {
  const contract = contractOf("any", 1);
  const columns = { f0: Float64Array.of(0, 1) };
  const { features } = freezeEncoding({ contract, contractDigest: "", dataset: "d", columns });
  const sample = { vector: Float32Array.of(0, 1), n: 2 };
  return openExternal(readFileSync(new URL(file, DATA)), { contract, features, asked: null, sample });
};

const inputsOf = (bytes: Uint8Array) => {
  const summary = inspectOnnx(bytes);
  if ("refused" in summary) throw new Error(summary.detail);
  return summary.inputs;
};

const Golden = z.object({
  inputs: z.record(z.string(), z.object({ data: z.array(z.array(z.number())) })),
  outputs: z.record(z.string(), z.array(z.array(z.number())).catch([])),
});

/** Numbers to four decimals: what runtimes agree on. */
const rounded = (at: unknown): unknown => {
  if (typeof at === "number") return Math.round(at * 1e4) / 1e4 + 0;
  if (Array.isArray(at)) return at.map(rounded);
  if (typeof at === "object" && at !== null)
    return Object.fromEntries(Object.entries(at).map(([key, inner]) => [key, rounded(inner)]));
  return at;
};
