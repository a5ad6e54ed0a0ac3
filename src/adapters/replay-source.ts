// Adapter: a frozen dataset as a replay reads it: rows in time order, raw values as clients would send them, stable request ids.
import { createHash } from "node:crypto";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { ReplaySource } from "../ports-replay.ts";
import { LABEL_UNKNOWN, type FrozenDataset } from "./dataset.ts";
import { createIds } from "./uuid.ts";

type Features = Record<string, string | number | null>;

/** Namespace of the ids of replayed rows. */
const REPLAY_NAMESPACE = "8d0f6f5e-6e0a-5c64-9a53-4c7f1a1f7a11";

/** Makes a source of a dataset; `distort` may change what the client sends (an announced fault), never the dataset. */
export const createReplaySource = (
  frozen: FrozenDataset,
  contract: FeatureContract,
  distort: (features: Features, atMs: number) => Features = (features) => features,
): ReplaySource => {
  const times = frozen.eventTimeMs;
  if (times === null) throw new Error("only data with an event time can be replayed");
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

const numberOrNull = (value: number | undefined): number | null =>
  value === undefined || Number.isNaN(value) ? null : value;
