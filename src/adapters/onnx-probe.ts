// Adapter: runs a model file once in a process made for it and thrown away: the first load of any model made elsewhere. Whatever
// the model does there (crash, hang, eat memory) is a refusal with its reason here. Reads no file and keeps nothing.
import { spawn } from "node:child_process";
import { z } from "zod";
import { watchMemory } from "./memory-watch.ts";

export type ProbeTensor = {
  readonly type: string;
  readonly dims: readonly number[];
  /** Numbers, 64-bit integers as decimal text, booleans or text, row by row. */
  readonly values: readonly (number | string | boolean)[];
};
export type Probed =
  | { readonly ok: true; readonly outputs: Readonly<Record<string, ProbeTensor>> }
  | {
      readonly ok: false;
      readonly refused: "not_loadable" | "not_runnable" | "crashed" | "too_slow" | "too_much_memory";
      readonly detail: string;
    };

const Said = z.union([
  z.object({
    outputs: z.record(
      z.string(),
      z.object({
        type: z.string(),
        dims: z.array(z.number()),
        values: z.array(z.union([z.number(), z.string(), z.boolean()])),
      }),
    ),
  }),
  z.object({ refused: z.enum(["not_loadable", "not_runnable"]), detail: z.string() }),
]);

/** Time and resident memory a probe may take; Node and the runtime alone need about 120 MiB. */
export const PROBE_LIMITS = { timeMs: 30_000, memoryBytes: 1024 * 2 ** 20 } as const;

/** Loads the bytes, runs them once and answers all outputs. */
export const probeOnnx = (
  model: { readonly bytes: Uint8Array; readonly inputs: Readonly<Record<string, ProbeTensor>> },
  options: { readonly timeMs?: number; readonly memoryBytes?: number; readonly entry?: string } = {},
): Promise<Probed> =>
  new Promise((resolve) => {
    const { timeMs, memoryBytes } = { ...PROBE_LIMITS, ...options };
    const entry = options.entry ?? compiledEntry();
    const child = spawn(
      process.execPath,
      [
        "--max-old-space-size=256",
        "--input-type=module",
        "-e",
        `(await import(${JSON.stringify(entry)})).probeForParent()`,
      ],
      { stdio: ["ignore", "ignore", "ignore", "ipc"], serialization: "advanced", env: {} },
    );
    const end = (probed: Probed): void => {
      clearTimeout(timer);
      unwatch();
      child.kill("SIGKILL");
      resolve(probed);
    };
    const refuse = (refused: Extract<Probed, { ok: false }>["refused"], detail: string): void =>
      end({ ok: false, refused, detail });
    const timer = setTimeout(() => refuse("too_slow", `no answer within ${timeMs} ms`), timeMs);
    const unwatch = watchMemory(child, memoryBytes, (bytes) =>
      refuse("too_much_memory", `${bytes} bytes, at most ${memoryBytes}`),
    );
    child.on("message", (raw) => {
      const said = Said.safeParse(raw);
      if (!said.success) refuse("crashed", "its process spoke nonsense");
      else if ("outputs" in said.data) end({ ok: true, outputs: said.data.outputs });
      else refuse(said.data.refused, said.data.detail);
    });
    child.on("error", (error) => refuse("crashed", error.message));
    child.on("exit", (code, signal) => refuse("crashed", `its process ended (${signal ?? code ?? "?"})`));
    child.send({ bytes: model.bytes, inputs: model.inputs }, () => undefined);
  });

/** The child runs compiled JavaScript: from `dist/` its own sibling, from source the one in `dist/`. */
const compiledEntry = (): string =>
  import.meta.url.endsWith(".js")
    ? new URL("./onnx-probe-process.js", import.meta.url).href
    : new URL("../../dist/src/adapters/onnx-probe-process.js", import.meta.url).href;
