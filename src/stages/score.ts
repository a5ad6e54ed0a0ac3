// Stage: scores rows through a model's session, the way serving does: the contract's encoder, then ONNX. Writes nothing. A row that
// is refused or fails has no score (NaN) and is counted; one bad row never costs another its score.
import type { ScoringSession } from "../ports-serving.ts";
import { encodeBatches, type RowSource } from "../core/row-batches.ts";
import type { Violation } from "../core/row-encoder.ts";

export type Scored = {
  /** One probability a row; NaN where there is none. */
  readonly scores: Float64Array;
  /** Feature by feature: the code of every row. */
  readonly codes: readonly Uint8Array[];
  readonly invalid: ReadonlyMap<number, readonly Violation[]>;
  /** Rows the model itself failed on or answered without a probability. */
  readonly failed: number;
  /** What it said the first time it failed. */
  readonly failure: string | null;
};

const BATCH = 4096;

/** Scores every row in order. */
export const scoreRows = async (
  session: ScoringSession,
  source: RowSource,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Scored> => {
  const features = source.encoding.features.length;
  const scores = new Float64Array(source.rows).fill(NaN);
  const codes = Array.from({ length: features }, () => new Uint8Array(source.rows));
  const invalid = new Map<number, readonly Violation[]>();
  let failed = 0;
  let failure: string | null = null;
  for (const batch of encodeBatches(source, BATCH)) {
    for (const [row, violations] of batch.invalid) invalid.set(row, violations);
    for (let at = 0; at < batch.n; at++)
      for (let f = 0; f < features; f++) {
        const column = codes[f];
        if (column !== undefined) column[batch.from + at] = batch.codes[at * features + f] ?? 0;
      }
    const answers = await session.run(batch.vector, batch.n).catch((error: unknown) => {
      failure ??= error instanceof Error ? error.message : String(error);
      return null;
    });
    for (let at = 0; at < batch.n; at++) {
      const row = batch.from + at;
      if (invalid.has(row)) continue;
      const score = answers?.[at] ?? NaN;
      if (score >= 0 && score <= 1) scores[row] = score;
      else {
        failed++;
        failure ??= `row ${row + 1}: its output is ${score}, not a probability`;
      }
    }
    onProgress(batch.from + batch.n, source.rows);
  }
  return { scores, codes, invalid, failed, failure };
};
