// Adapter: ONNX Runtime behind `ScoringSession`. One thread, sequential, so the same rows give the same bytes. The model is
// loaded from bytes its caller has verified; nothing is read from disk here.
import ort from "onnxruntime-node";
import type { Feed, Positive } from "../../contracts/bundle.ts";
import type { FeatureEncoding } from "../../contracts/encoding.ts";
import { MISSING } from "../../contracts/encoding.ts";
import { encodeContinuous } from "../core/encode.ts";
import { OTHER_TEXT } from "../core/training/served-rows.ts";
import type { ScoringSession } from "../ports-serving.ts";

/** 100 trees cost 2.9 µs a row in runs of 128 rows and 4.2 µs in runs of 1,000: beyond the cache, each row reads every tree from memory. */
const ROWS_AT_ONCE = 128;

export interface SessionSpec {
  readonly feed: Feed;
  readonly positive: Positive;
  /** The encoding's features, in the vector's order. */
  readonly features: readonly FeatureEncoding[];
}

/** Loads a model; rejects where the file does not hold what `feed` and `positive` promise. */
export const createSession = async (bytes: Uint8Array, spec: SessionSpec): Promise<ScoringSession> => {
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  });
  requireNames(session, spec);
  const tensors = tensorMaker(spec);
  const width = spec.features.length;
  const fetches = [spec.positive.output];
  const fixed = spec.feed.batch;
  let running = 0;
  let closed = false;
  let idle: () => void = () => undefined;

  const runOnce = async (vector: Float32Array, n: number): Promise<Float32Array | Float64Array> => {
    const outputs = await session.run(tensors(vector, n), fetches);
    const output = outputs[spec.positive.output];
    if (output === undefined) throw new Error(`the model gave no output ${spec.positive.output}`);
    return positiveColumn(output, spec.positive.index, n);
  };

  /** A graph with a fixed batch is fed whole batches; the last is filled with its own first row. */
  const runFixed = async (vector: Float32Array, n: number, batch: number): Promise<Float64Array> => {
    const answer = new Float64Array(n);
    const rows = new Float32Array(batch * width);
    for (let from = 0; from < n; from += batch) {
      const count = Math.min(batch, n - from);
      rows.set(vector.subarray(from * width, (from + count) * width));
      for (let row = count; row < batch; row++) rows.copyWithin(row * width, 0, width);
      answer.set((await runOnce(rows, batch)).subarray(0, count), from);
    }
    return answer;
  };

  /** Settles with the long run before; never rejects. */
  let before: Promise<unknown> = Promise.resolve();

  /** Runs of a size that stays in the processor's cache; between them the event loop serves others. */
  const runInParts = async (vector: Float32Array, n: number): Promise<Float64Array> => {
    const answer = new Float64Array(n);
    for (let from = 0; from < n; from += ROWS_AT_ONCE) {
      const count = Math.min(ROWS_AT_ONCE, n - from);
      answer.set(await runOnce(vector.subarray(from * width, (from + count) * width), count), from);
    }
    return answer;
  };

  /** Few rows run at once. Long runs go one after another: part by part in turn, all would end last and be written together. */
  const runAny = (vector: Float32Array, n: number): Promise<Float32Array | Float64Array> => {
    if (n <= ROWS_AT_ONCE)
      return runOnce(vector.length === n * width ? vector : vector.subarray(0, n * width), n);
    const run = before.then(() => runInParts(vector, n));
    before = run.catch(() => undefined);
    return run;
  };

  return {
    run: async (vector, n) => {
      if (closed) throw new Error("the session is closed");
      running++;
      try {
        return await (fixed === null ? runAny(vector, n) : runFixed(vector, n, fixed));
      } finally {
        if (--running === 0) idle();
      }
    },
    close: async () => {
      closed = true;
      await new Promise<void>((resolve) => {
        idle = resolve;
        if (running === 0) resolve();
      });
      await session.release();
    },
  };
};

const requireNames = (session: ort.InferenceSession, { feed, positive, features }: SessionSpec): void => {
  const asked = feed.layout === "vector" ? [feed.input] : feed.inputs.map((input) => input.input);
  const unfed = session.inputNames.filter((name) => !asked.includes(name));
  const absent = asked.filter((name) => !session.inputNames.includes(name));
  if (unfed.length > 0 || absent.length > 0)
    throw new Error(
      `the model's inputs are ${session.inputNames.join(", ")}, the bundle feeds ${asked.join(", ")}`,
    );
  if (!session.outputNames.includes(positive.output))
    throw new Error(`the model has no output ${positive.output}; it has ${session.outputNames.join(", ")}`);
  if (typeof positive.index === "string")
    throw new Error("a ZipMap output cannot be read here: register the model with its ZipMap stripped");
  if (feed.layout === "named") {
    const known = new Set(features.map((feature) => feature.feature));
    const stranger = feed.inputs.find((input) => !known.has(input.feature));
    if (stranger !== undefined) throw new Error(`input ${stranger.input} is fed from an unknown feature`);
  }
};

type Feeds = Record<string, ort.Tensor>;

/** Makes a graph's inputs of rows of the contract's vector. */
export const tensorMaker = ({
  feed,
  features,
}: Pick<SessionSpec, "feed" | "features">): ((vector: Float32Array, n: number) => Feeds) => {
  const width = features.length;
  if (feed.layout === "vector") {
    const { input } = feed;
    if (feed.values === "raw")
      return (vector, n) => ({ [input]: new ort.Tensor("float32", vector, [n, width]) });
    const toCode = features.map((feature) =>
      feature.kind === "continuous"
        ? (value: number) => encodeContinuous(feature, value)
        : (value: number) => value,
    );
    const convert = feed.values === "codes" ? toCode : features.map(numberOf);
    return (vector, n) => {
      const converted = Float32Array.from(
        vector.subarray(0, n * width),
        (value, at) => convert[at % width]?.(value) ?? NaN,
      );
      return { [input]: new ort.Tensor("float32", converted, [n, width]) };
    };
  }
  const makers = feed.inputs.map((input) => {
    const at = features.findIndex((feature) => feature.feature === input.feature);
    const feature = features[at];
    if (feature === undefined) throw new Error(`input ${input.input} is fed from an unknown feature`);
    return { input: input.input, make: columnTensor(feature, at, width, input.type) };
  });
  return (vector, n) => Object.fromEntries(makers.map(({ input, make }) => [input, make(vector, n)]));
};

type ColumnType = "float32" | "float64" | "int64" | "string";

/** One `[N, 1]` input from one feature: its real value, not its code, wherever the type can hold it. */
const columnTensor = (feature: FeatureEncoding, at: number, width: number, type: ColumnType) => {
  const number = numberOf(feature);
  const text = textOf(feature);
  return (vector: Float32Array, n: number): ort.Tensor => {
    const column = Array.from({ length: n }, (_, row) => vector[row * width + at] ?? NaN);
    switch (type) {
      case "string":
        return new ort.Tensor("string", column.map(text), [n, 1]);
      case "int64":
        return new ort.Tensor(
          "int64",
          BigInt64Array.from(column, (v) => BigInt(Math.round(number(v)))),
          [n, 1],
        );
      case "float64":
        return new ort.Tensor("float64", Float64Array.from(column, number), [n, 1]);
      case "float32":
        return new ort.Tensor("float32", Float32Array.from(column, number), [n, 1]);
    }
  };
};

const numberOf = (feature: FeatureEncoding): ((slot: number) => number) =>
  feature.kind === "ordinal"
    ? (slot) => (slot === MISSING ? NaN : (feature.values[slot] ?? NaN))
    : (slot) => slot;

const textOf = (feature: FeatureEncoding): ((slot: number) => string) => {
  if (feature.kind === "nominal")
    return (slot) => (slot === MISSING ? "" : (feature.values[slot] ?? OTHER_TEXT));
  const number = numberOf(feature);
  return (slot) => (Number.isNaN(number(slot)) ? "" : String(number(slot)));
};

const positiveColumn = (
  output: ort.Tensor,
  index: Positive["index"],
  n: number,
): Float32Array | Float64Array => {
  const values = output.data;
  if (!(values instanceof Float32Array) && !(values instanceof Float64Array))
    throw new Error("the model's output is not floating point");
  if (index === null) {
    if (values.length !== n) throw new Error(`the model gave ${values.length} values for ${n} rows`);
    return values;
  }
  const columns = values.length / n;
  const column = Number(index);
  if (!Number.isInteger(columns) || column < 0 || column >= columns)
    throw new Error(`the model's output has no column ${column}`);
  return Float64Array.from({ length: n }, (_, row) => values[row * columns + column] ?? NaN);
};
