// Adapter: a frozen dataset as a replay reads it: rows in time order, raw values as clients would send them, stable request ids.
import { createHash } from "node:crypto";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { ReplaySource } from "../ports-replay.ts";
import { LABEL_UNKNOWN, type FrozenDataset } from "./dataset.ts";
import { createIds } from "./uuid.ts";

type Features = Record<string, string | number | null>;

/** Namespace of the ids of replayed rows. */
const REPLAY_NAMESPACE = "8d0f6f5e-6e0a-5c64-9a53-4c7f1a1f7a11";

interface ReplayHow {
  /** May change what the client sends (an announced fault), never the dataset. */
  readonly distort?: (features: Features, atMs: number) => Features;
  /** For data without event time, whose row order is its time: rows are spread evenly over this span. */
  readonly spread?: { readonly startMs: number; readonly lengthMs: number } | null;
}

/** Makes a source of a dataset. */
export const createReplaySource = (
  frozen: FrozenDataset,
  contract: FeatureContract,
  { distort = (features) => features, spread = null }: ReplayHow = {},
): ReplaySource => {
  const times = timesOf(frozen, spread);
  const ids = createIds();
  const names = Object.keys(contract.features);
  const readers = names.map((name) => {
    const column = frozen.columns[name];
    if (column === undefined) throw new Error(`the dataset has no column ${name}`);
    if (column instanceof Float64Array) return (row: number) => numberOrNull(column[row]);
    return (row: number) => column.dictionary[column.indices[row] ?? 0] ?? null;
  });
  const idOf = (row: number): string => ids.within(REPLAY_NAMESPACE, `${frozen.manifest.digest}/${row}`);
  return {
    rows: frozen.rows,
    eventTimeMs: (row) => Math.floor(times[row] ?? 0),
    features: (row) => {
      const features: Features = {};
      names.forEach((name, i) => (features[name] = readers[i]?.(row) ?? null));
      return distort(features, times[row] ?? 0);
    },
    label: (row) => {
      const label = frozen.label[row];
      return label === LABEL_UNKNOWN || label === undefined ? null : label === 1 ? 1 : 0;
    },
    requestId: idOf,
    draw: (row) =>
      createHash("sha256")
        .update(`label/${idOf(row)}`)
        .digest()
        .readUInt32BE(0) /
      2 ** 32,
  };
};

const timesOf = (
  { eventTimeMs, rows }: FrozenDataset,
  spread: ReplayHow["spread"],
): { readonly [row: number]: number } => {
  if (eventTimeMs !== null) return eventTimeMs;
  if (spread === null || spread === undefined)
    throw new Error("this data has no event time: say when it happened");
  return Float64Array.from({ length: rows }, (_, row) => spread.startMs + (row * spread.lengthMs) / rows);
};

const numberOrNull = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;
