// Bench: a real model to serve, trained here and now on synthetic flights under the shipped contract, so that benches and tests
// need no data of anyone's. Same seed, same bytes. Not a model of anything.
import { readFile } from "node:fs/promises";
import type { Encoding } from "../contracts/encoding.ts";
import { createSession } from "../src/adapters/onnx.ts";
import { sha256Hex } from "../src/core/canonical.ts";
import { parseContract } from "../src/core/contract.ts";
import type { Column } from "../src/core/encode.ts";
import { encodeFrozen, encodingDigest, freezeEncoding } from "../src/core/encode.ts";
import { INPUT, OUTPUT, exportOnnx } from "../src/core/onnx-graph.ts";
import { compileEncoder } from "../src/core/row-encoder.ts";
import { compileExplainer, explainerOf } from "../src/core/training/explain.ts";
import { fitModel } from "../src/core/training/fit-model.ts";
import { takeRows } from "../src/core/training/matrix.ts";
import type { ScoringSession, ServingModel } from "../src/ports-serving.ts";

/** Features of one request, drawn from the same synthetic world. */
export interface FlightRow {
  readonly distance: number;
  readonly hour: number;
  readonly weekday: number;
  readonly origin: string;
  readonly destination: string;
}

const AIRPORTS = Array.from(
  { length: 60 },
  (_, at) => `A${String.fromCharCode(65 + Math.floor(at / 26))}${String.fromCharCode(65 + (at % 26))}`,
);

/** Trains `trees` trees (or a regression) on synthetic flights and loads them for serving. */
export const serveFlights = async (
  contractFile: string,
  options: { readonly trees: number; readonly seed: number; readonly version: string },
): Promise<{
  readonly model: ServingModel;
  readonly onnx: Uint8Array;
  readonly encoding: Encoding;
  readonly rows: readonly FlightRow[];
  readonly label: Uint8Array;
}> => {
  const parsed = parseContract(await readFile(contractFile, "utf8"), "flight-delay@1.0.0.yaml");
  if (!parsed.ok) throw new Error(parsed.errors.map((error) => error.message).join("\n"));
  const { contract, digest } = parsed;
  const { rows, columns, label } = drawFlights(20_000, 7);
  const encoding = freezeEncoding({ contract, contractDigest: digest, dataset: "synthetic", columns });
  const encoded = encodeFrozen({ columns, label }, encoding);
  const matrix = { rows: label.length, codes: encoded.codes, values: encoded.values, label };
  const slice = (from: number, to: number) =>
    takeRows(
      matrix,
      Uint32Array.from({ length: to - from }, (_, at) => from + at),
    );
  const fitted = fitModel({
    encoding,
    family: "gradient-boosted-trees",
    parameters: { boosting: { trees: options.trees, patience: 0 } },
    seed: options.seed,
    search: 1,
    fit: slice(0, 14_000),
    stop: slice(14_000, 17_000),
    calibrate: slice(17_000, 20_000),
  });
  if ("refused" in fitted) throw new Error(fitted.detail);
  const onnx = exportOnnx(fitted.model, encoding);
  const session: ScoringSession = await createSession(onnx, {
    feed: { layout: "vector", input: INPUT, values: "raw", batch: null },
    positive: { output: OUTPUT, index: null },
    features: encoding.features,
  });
  const model: ServingModel = {
    model: contract.name,
    version: options.version,
    digest: sha256Hex(onnx),
    contract,
    contractDigest: digest,
    encoder: compileEncoder(contract, encoding),
    encodingDigest: encodingDigest(encoding),
    threshold: 0.5,
    session,
    explain: compileExplainer(explainerOf(fitted.model), encoding.features.length),
  };
  return { model, onnx, encoding, rows, label };
};

/** A small seeded generator (mulberry32): draws need to be the same everywhere, not good. */
const seeded = (seed: number) => {
  let state = seed >>> 0;
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

const drawFlights = (count: number, seed: number) => {
  const random = seeded(seed);
  const draw = (): FlightRow => ({
    distance: Math.round(50 + 2900 * random() ** 2),
    hour: Math.floor(random() * 24),
    weekday: 1 + Math.floor(random() * 7),
    origin: AIRPORTS[Math.floor(random() ** 2 * AIRPORTS.length)] ?? "AAA",
    destination: AIRPORTS[Math.floor(random() ** 2 * AIRPORTS.length)] ?? "AAA",
  });
  const rows = Array.from({ length: count }, draw);
  const label = Uint8Array.from(rows, (row) => {
    const z =
      -2 + row.hour / 12 + (row.weekday > 5 ? 0.5 : 0) + (row.origin < "AAK" ? 0.7 : 0) - row.distance / 4000;
    return random() < 1 / (1 + Math.exp(-z)) ? 1 : 0;
  });
  const words = (pick: (row: FlightRow) => string): Column => ({
    dictionary: AIRPORTS,
    indices: Uint16Array.from(rows, (row) => AIRPORTS.indexOf(pick(row))),
  });
  const columns: Record<string, Column> = {
    distance: Float64Array.from(rows, (row) => row.distance),
    hour: Float64Array.from(rows, (row) => row.hour),
    weekday: Float64Array.from(rows, (row) => row.weekday),
    origin: words((row) => row.origin),
    destination: words((row) => row.destination),
  };
  return { rows, columns, label };
};
