// Stage room: a batch, the rows of one tick or one body, encoded side by side so that the model runs once over all of them. It
// grows by doubling and belongs to one version: whatever is promoted meanwhile, its rows are answered by the model they met.
import { UUID_BYTES, copyUuid, writeUuid } from "../core/uuid-text.ts";
import type { Violation } from "../core/row-encoder.ts";
import type { ServingModel } from "../ports-serving.ts";

export interface Batch {
  readonly model: ServingModel;
  readonly width: number;
  /** Rows in `vector`, `codes` and `requestIds`; the arrays below have as many entries. */
  n: number;
  vector: Float32Array;
  codes: Uint8Array;
  /** Written UUIDs in lower case, UUID_BYTES a row: as bytes they are copied into events and answers. */
  requestIds: Uint8Array;
  readonly eventMs: number[];
  /** As they came, for a candidate whose encoding differs; empty where `readFeatures` gives them when one asks. */
  readonly features: unknown[];
  readonly readFeatures: (() => readonly unknown[]) | null;
  /** Rows that broke the contract: events without codes. */
  readonly invalid: { readonly requestId: string; readonly eventMs: number }[];
}

export const openBatch = (
  model: ServingModel,
  capacity: number,
  readFeatures: Batch["readFeatures"] = null,
): Batch => {
  const width = model.encoder.features.length;
  return {
    model,
    width,
    n: 0,
    vector: new Float32Array(capacity * width),
    codes: new Uint8Array(capacity * width),
    requestIds: new Uint8Array(capacity * UUID_BYTES),
    eventMs: [],
    features: [],
    readFeatures,
    invalid: [],
  };
};

/** Encodes a row into the batch; where it breaks the contract, notes it as invalid and says why. */
export const addRow = (
  batch: Batch,
  features: unknown,
  requestId: string,
  eventMs: number,
): readonly Violation[] | null => {
  const at = batch.n * batch.width;
  if (at === batch.codes.length) grow(batch);
  const violations = batch.model.encoder.encode(features, batch.codes, at, batch.vector, at);
  if (violations !== null) {
    batch.invalid.push({ requestId, eventMs });
    return violations;
  }
  writeUuid(batch.requestIds, batch.n * UUID_BYTES, requestId);
  batch.n++;
  batch.eventMs.push(eventMs);
  batch.features.push(features);
  return null;
};

/** Encodes a row given by its values in the contract's order into a batch that reads features when asked; false where it is not good. */
export const addValues = (
  batch: Batch,
  values: readonly unknown[],
  requestId: Uint8Array,
  eventMs: number,
): boolean => {
  const at = batch.n * batch.width;
  if (at === batch.codes.length) grow(batch);
  if (batch.model.encoder.encodeValues(values, batch.codes, at, batch.vector, at) !== null) return false;
  copyUuid(batch.requestIds, batch.n * UUID_BYTES, requestId, 0);
  batch.n++;
  batch.eventMs.push(eventMs);
  return true;
};

/** A row's request id as text. */
export const requestIdOf = ({ requestIds }: Batch, row: number): string =>
  String.fromCharCode(...requestIds.subarray(row * UUID_BYTES, (row + 1) * UUID_BYTES));

/** The rows' features as they came. */
export const featuresOf = (batch: Batch): readonly unknown[] => batch.readFeatures?.() ?? batch.features;

/** Batches of one version as one, so that a model runs once over all of them. */
export const joinBatches = (batches: readonly [Batch, ...Batch[]]): Batch => {
  const [first] = batches;
  if (batches.length === 1) return first;
  const rows = batches.reduce((sum, batch) => sum + batch.n, 0);
  const joined = openBatch(first.model, rows, () => batches.flatMap(featuresOf));
  for (const batch of batches) {
    const [at, cells] = [joined.n * joined.width, batch.n * batch.width];
    joined.vector.set(batch.vector.subarray(0, cells), at);
    joined.codes.set(batch.codes.subarray(0, cells), at);
    joined.requestIds.set(batch.requestIds.subarray(0, batch.n * UUID_BYTES), joined.n * UUID_BYTES);
    joined.n += batch.n;
    joined.eventMs.push(...batch.eventMs);
    joined.invalid.push(...batch.invalid);
  }
  return joined;
};

const grow = (batch: Batch): void => {
  const cells = Math.max(batch.codes.length * 2, 16 * batch.width);
  const vector = new Float32Array(cells);
  vector.set(batch.vector);
  const codes = new Uint8Array(cells);
  codes.set(batch.codes);
  const requestIds = new Uint8Array((cells / batch.width) * UUID_BYTES);
  requestIds.set(batch.requestIds);
  batch.vector = vector;
  batch.codes = codes;
  batch.requestIds = requestIds;
};

/** Earliest event time in a batch; null where it holds no row. */
export const oldestMs = (batch: Batch): number | null => {
  let oldest = Infinity;
  for (const ms of batch.eventMs) if (ms < oldest) oldest = ms;
  for (const { eventMs } of batch.invalid) if (eventMs < oldest) oldest = eventMs;
  return oldest === Infinity ? null : oldest;
};
