// Adapter: an ONNX file from a stranger becomes something that can be registered: inspected before anything loads it, rewritten
// without ZipMap, and run for the first time in a process that is thrown away. Refuses by value; publishes nothing.
import type { Feed, Positive } from "../../contracts/bundle.ts";
import type { FeatureEncoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { classesNamed } from "../core/onnx-classes.ts";
import { feedOf, judgeScores, positiveOf } from "../core/onnx-classifier.ts";
import { inspectOnnx } from "../core/onnx-inspect.ts";
import { stripZipMaps } from "../core/onnx-zipmap.ts";
import { tensorMaker } from "./onnx.ts";
import { probeOnnx, type ProbeTensor } from "./onnx-probe.ts";

export type ExternalModel = {
  readonly bytes: Uint8Array;
  readonly feed: Feed;
  readonly positive: Positive;
};
export type ExternalRefusal = { readonly refused: string; readonly detail: string };

/** Judges a file against a contract; `sample` holds a few encoded rows it is run on, `asked` the user's `OUTPUT[:INDEX]`. */
export const openExternal = async (
  file: Uint8Array,
  by: {
    readonly contract: FeatureContract;
    readonly features: readonly FeatureEncoding[];
    readonly asked: string | null;
    readonly sample: { readonly vector: Float32Array; readonly n: number };
  },
): Promise<ExternalModel | ExternalRefusal> => {
  const declared = inspectOnnx(file);
  if ("refused" in declared) return declared;
  const { bytes, maps } = stripZipMaps(file);
  const summary = inspectOnnx(bytes);
  if ("refused" in summary) return summary;
  const positive = positiveOf(summary, { maps, asked: by.asked, label: by.contract.label });
  if ("refused" in positive) return positive;
  const classes = classesNamed(bytes);
  if (classes !== null && classes > 2) return { refused: "not_binary", detail: `${classes} classes` };
  const feed = feedOf(summary, by.contract);
  if ("refused" in feed) return feed;
  const probed = await probeOnnx({ bytes, inputs: sampleTensors(feed, by.features, by.sample) });
  if (!probed.ok) return probed;
  const output = probed.outputs[positive.output];
  if (output === undefined) return { refused: "not_runnable", detail: `no output ${positive.output}` };
  return settle({ bytes, feed, positive }, output);
};

/** A fixed batch is filled with the sample's first row, as serving fills it. */
const sampleTensors = (
  feed: Feed,
  features: readonly FeatureEncoding[],
  { vector, n }: { readonly vector: Float32Array; readonly n: number },
): Record<string, ProbeTensor> => {
  const width = features.length;
  const rows = feed.batch ?? n;
  const filled = Float32Array.from(
    { length: rows * width },
    (_, at) => vector[at < n * width ? at : at % width] ?? 0,
  );
  return Object.fromEntries(
    Object.entries(tensorMaker({ feed, features })(filled, rows)).map(([name, tensor]) => [
      name,
      {
        type: tensor.type,
        dims: tensor.dims,
        values: Array.from<unknown, number | string>(tensor.data, (value) =>
          typeof value === "number" || typeof value === "string" ? value : String(value),
        ),
      },
    ]),
  );
};

/** What the run shows that the declarations may leave open: how many classes there are, and that a row of them is one whole. */
const settle = (model: ExternalModel, output: ProbeTensor): ExternalModel | ExternalRefusal => {
  const rows = output.dims[0] ?? 1;
  const columns = output.values.length / rows;
  const scores = output.values.map(Number);
  if (!Number.isInteger(columns) || output.dims.length > 2)
    return { refused: "not_a_classifier", detail: `its answer has the shape ${output.dims.join("×")}` };
  if (columns > 2) return { refused: "not_binary", detail: `${columns} classes` };
  const unlikely = judgeScores(scores);
  if (unlikely !== null) return unlikely;
  const { output: name, index } = model.positive;
  if (columns === 1) return { ...model, positive: { output: name, index: null } };
  const at = index === null ? 1 : Number(index);
  if (at > 1) return { refused: "no_such_output", detail: `${name}:${at}: it has columns 0 and 1` };
  for (let row = 0; row < rows; row++) {
    const whole = (scores[2 * row] ?? NaN) + (scores[2 * row + 1] ?? NaN);
    if (!(Math.abs(whole - 1) <= 1e-3))
      return { refused: "not_a_classifier", detail: `its two columns sum to ${whole}, not 1` };
  }
  return { ...model, positive: { output: name, index: at } };
};
