// Plumbing: reads a frozen dataset into memory column by column, in order of event time (stably, where there is one) or of
// rows. The file's digest is verified first; a dataset whose bytes changed is refused, never half read.
import { join } from "node:path";
import type { DatasetManifest } from "../../contracts/dataset.ts";
import type { Column, TextColumn } from "../core/encode.ts";
import { Fault } from "../core/fault.ts";
import type { FrozenColumn } from "./dataset-rows.ts";
import { createDatasetEngine, type DatasetEngine } from "./dataset-engine.ts";
import { findDataset, fingerprint } from "./dataset-store.ts";

/** The code of a label that is not known yet. */
export const LABEL_UNKNOWN = 255;

export type FrozenDataset = {
  readonly manifest: DatasetManifest;
  readonly rows: number;
  /** By feature: numbers (NaN = missing) or a dictionary with indices (the largest index = missing). */
  readonly columns: Readonly<Record<string, Column>>;
  /** 1 positive, 0 negative, LABEL_UNKNOWN. */
  readonly label: Uint8Array;
  /** Milliseconds since 1970 with their fraction, ascending; null where the contract has no event time. */
  readonly eventTimeMs: Float64Array | null;
  readonly entity: readonly string[] | null;
};

/** Reads a frozen dataset by name, digest, prefix or `name@digest` through the embedded engine at a URL. */
export const readFrozen = async (
  home: string,
  reference: string,
  engineUrl: string,
): Promise<FrozenDataset> => {
  const { folder, manifest } = await findDataset(home, reference);
  const file = join(folder, "data.parquet");
  const { sha256 } = await fingerprint(file);
  if (sha256 !== manifest.file.sha256)
    throw new Fault("poison", `${file}: its bytes changed since it was frozen`);
  const engine = createDatasetEngine(engineUrl);
  const named = new Map(manifest.columns.map((column) => [column.role, column.name]));
  const read = (column: DatasetManifest["columns"][number]) =>
    readColumn(engine, file, asFrozen(column), manifest.rows);

  await refuseDisorder(engine, file, manifest.rows);
  const time = manifest.columns.find((column) => column.role === "event_time");
  const micros = time === undefined ? null : doubles(await read(time));
  const order = micros === null || manifest.sorted === true ? null : timeOrder(micros);

  const columns: Record<string, Column> = {};
  let label = new Uint8Array(0);
  let entity: readonly string[] | null = null;
  for (const column of manifest.columns) {
    if (column.role === "event_time") continue;
    const bytes = await read(column);
    if (column.role === "label") label = ordered(new Uint8Array(bytes), order);
    else if (column.role === "entity") entity = texts(textColumn(bytes, manifest.rows, order));
    else
      columns[column.name] =
        column.type === "String" ? textColumn(bytes, manifest.rows, order) : ordered(doubles(bytes), order);
  }
  if (!named.has("label") || label.length !== manifest.rows)
    throw new Fault("poison", `${file}: no label column`);
  const eventTimeMs = micros === null ? null : ordered(micros, order).map((value) => value / 1000);
  return { manifest, rows: manifest.rows, columns, label, eventTimeMs, entity };
};

/** Columns are read one by one, so each must come in the file's row order; the row numbers show whether they do. */
const refuseDisorder = async (engine: DatasetEngine, file: string, rows: number): Promise<void> => {
  const numbers = doubles(await engine.column(file, "row numbers"));
  if (numbers.length !== rows || numbers.some((number, row) => number !== row + 1))
    throw new Fault("transient", `${file}: the engine gave its rows out of order or not all`);
};

const readColumn = async (
  engine: DatasetEngine,
  file: string,
  column: FrozenColumn,
  rows: number,
): Promise<Buffer> => {
  const bytes = await engine.column(file, column);
  const width = column.type === "UInt8" ? 1 : column.type === "String" ? null : 8;
  if (width !== null && bytes.length !== rows * width)
    throw new Fault("transient", `${column.name}: the engine's answer broke off`);
  return bytes;
};

/** The manifest is a word of ours, but its types are text; anything else was written by another version. */
const asFrozen = (column: DatasetManifest["columns"][number]): FrozenColumn => {
  const { name, role, type, nullable } = column;
  if (type === "Float64" || type === "String" || type === "UInt8" || type === "DateTime64(6, 'UTC')")
    return { name, role, type, nullable };
  throw new Fault("poison", `${name}: a column of type ${type} is not known here`);
};

/** Copies bytes so that they are aligned; the platform is little-endian like the format. */
const doubles = (bytes: Buffer): Float64Array<ArrayBuffer> => {
  const values = new Float64Array(bytes.length / 8);
  new Uint8Array(values.buffer).set(bytes);
  return values;
};

/** Row indices by ascending time; equal times keep the order of the file. */
const timeOrder = (micros: Float64Array): Uint32Array =>
  new Uint32Array(micros.length)
    .map((_, row) => row)
    .sort((a, b) => (micros[a] ?? 0) - (micros[b] ?? 0) || a - b);

const ordered = <T extends Float64Array<ArrayBuffer> | Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(
  values: T,
  order: Uint32Array | null,
): T => {
  if (order === null) return values;
  const before = values.slice();
  for (let row = 0; row < order.length; row++) values[row] = before[order[row] ?? 0] ?? 0;
  return values;
};

/** Reads Nullable strings into a dictionary in order of first appearance in the file. */
const textColumn = (bytes: Buffer, rows: number, order: Uint32Array | null): TextColumn => {
  const places = new Map<string, number>();
  const dictionary: string[] = [];
  const indices = new Uint32Array(rows);
  let at = 0;
  for (let row = 0; row < rows; row++) {
    if (bytes[at++] !== 0) {
      indices[row] = 0xffff_ffff;
      continue;
    }
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const value = bytes.toString("utf8", at, at + length);
    at += length;
    let place = places.get(value);
    if (place === undefined) {
      place = dictionary.length;
      places.set(value, place);
      dictionary.push(value);
    }
    indices[row] = place;
  }
  if (at !== bytes.length) throw new Fault("transient", "the engine's answer broke off");
  const inOrder = ordered(indices, order);
  return { dictionary, indices: dictionary.length < 0xffff ? narrowed(inOrder) : inOrder };
};

/** Sixteen bits where they suffice; 0xffffffff becomes 0xffff, missing in either width. */
const narrowed = (indices: Uint32Array): Uint16Array => new Uint16Array(indices);

const texts = (column: TextColumn): string[] =>
  Array.from(column.indices, (index) => column.dictionary[index] ?? "");
