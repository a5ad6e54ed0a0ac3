// Adapter: the other side of onnx-probe.ts, run in the throw-away process. Loads the bytes it is sent, runs them once on the tensors
// beside them, says what came out and ends. Ends with its parent.
import ort from "onnxruntime-node";
import { z } from "zod";

const Tensor = z.object({
  type: z.string(),
  dims: z.array(z.int().min(0)),
  values: z.array(z.union([z.number(), z.string(), z.boolean()])),
});
type Tensor = z.infer<typeof Tensor>;
const Ask = z.object({ bytes: z.instanceof(Uint8Array), inputs: z.record(z.string(), Tensor) });

/** Answers one question of the parent. */
export const probeForParent = (): void => {
  process.on("disconnect", () => process.exit(0));
  process.once("message", (raw) => {
    void answer(raw).then((said) => process.send?.(said));
  });
};

const answer = async (raw: unknown): Promise<unknown> => {
  const { bytes, inputs } = Ask.parse(raw);
  const session = await ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    logSeverityLevel: 4,
  }).catch((error: unknown) => ({ refused: "not_loadable", detail: messageOf(error) }));
  if ("refused" in session) return session;
  try {
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, at]) => [name, tensorOf(at)]));
    const outputs = await session.run(feeds);
    return {
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, plain(output)])),
    };
  } catch (error) {
    return { refused: "not_runnable", detail: messageOf(error) };
  }
};

const tensorOf = ({ type, dims, values }: Tensor): ort.Tensor => {
  switch (type) {
    case "string":
      return new ort.Tensor("string", values.map(String), dims);
    case "int64":
      return new ort.Tensor(
        "int64",
        BigInt64Array.from(values, (v) => BigInt(v)),
        dims,
      );
    case "int32":
      return new ort.Tensor("int32", Int32Array.from(values, Number), dims);
    case "bool":
      return new ort.Tensor("bool", Uint8Array.from(values, Number), dims);
    case "float64":
      return new ort.Tensor("float64", Float64Array.from(values, Number), dims);
    case "float32":
      return new ort.Tensor("float32", Float32Array.from(values, Number), dims);
    default:
      throw new TypeError(`tensors of ${type} cannot be given here`);
  }
};

/** 64-bit integers travel as text: a number could not hold them all. */
const plain = (output: ort.Tensor): Tensor => ({
  type: output.type,
  dims: [...output.dims],
  values: Array.from<unknown, number | string | boolean>(output.data, (value) =>
    typeof value === "number" || typeof value === "string" || typeof value === "boolean"
      ? value
      : String(value),
  ),
});

const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 500);
