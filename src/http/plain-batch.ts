// Stage room: a plain `predict/batch` body, read from its bytes straight into codes and vectors without an object a row. It takes only what
// is right in every respect; a body with anything unusual or wrong in it gives null and is read carefully, from its beginning.
import { INSTANCES_MAX } from "../../contracts/api.ts";
import type { Cursor } from "../core/plain-json.ts";
import { BYTE, createTextReader, peek, take, takeNumber, takeWord } from "../core/plain-json.ts";
import { UUID_BYTES, writeUuid } from "../core/uuid-text.ts";
import type { MakesIds, ServesModels, ServingModel } from "../ports-serving.ts";
import type { Batch } from "./batch.ts";
import { addValues, openBatch } from "./batch.ts";
import { isUuid, resolveModel } from "./predict-request.ts";

/** Reads a body's rows, all of them good, each with its id; null where it should be read carefully. */
export type ReadsPlainBatch = (models: ServesModels, bytes: Buffer, eventMs: number) => Batch | null;

/** Makes the reader of one api. */
export const createPlainBatchReader = (ids: Pick<MakesIds, "writeRandom">): ReadsPlainBatch => {
  const takeText = createTextReader();
  /** The id of the instance that was read last. */
  const requestId = new Uint8Array(UUID_BYTES);
  /** Bodies of one client are mostly of one size. */
  let rowsHint = 64;
  const keysOf = new WeakMap<ServingModel, readonly Uint8Array[]>();

  const namesOf = (model: ServingModel): readonly Uint8Array[] => {
    const known = keysOf.get(model);
    if (known !== undefined) return known;
    const keys = model.encoder.features.map((feature) => Buffer.from(JSON.stringify(feature)));
    keysOf.set(model, keys);
    return keys;
  };

  const takeValue = (cursor: Cursor): number | string | null | undefined => {
    const byte = peek(cursor);
    if (byte === BYTE.quote) return takeText(cursor) ?? undefined;
    if (byte === BYTE.n) return takeWord(cursor, NULL) ? null : undefined;
    const value = takeNumber(cursor);
    return Number.isNaN(value) ? undefined : value;
  };

  /** Reads `{"name": value, …}` into `values`, which holds undefined where a name is absent. */
  const takeFeatures = (cursor: Cursor, names: readonly Uint8Array[], values: unknown[]): boolean => {
    values.fill(undefined);
    if (!take(cursor, BYTE.brace)) return false;
    if (take(cursor, BYTE.unbrace)) return true;
    for (let expected = 0; ; expected++) {
      peek(cursor);
      const index = takeName(cursor, names, expected);
      if (index === -1 || values[index] !== undefined || !take(cursor, BYTE.colon)) return false;
      const value = takeValue(cursor);
      if (value === undefined) return false;
      values[index] = value;
      if (take(cursor, BYTE.comma)) continue;
      return take(cursor, BYTE.unbrace);
    }
  };

  /** Reads one instance into `values` and `requestId`; false where it is not plain. */
  const takeInstance = (
    cursor: Cursor & { readonly bytes: Buffer },
    names: readonly Uint8Array[],
    values: unknown[],
  ): boolean => {
    if (!take(cursor, BYTE.brace)) return false;
    let named = false;
    let featured = false;
    do {
      peek(cursor);
      if (!featured && takeWord(cursor, FEATURES)) {
        if (!take(cursor, BYTE.colon) || !takeFeatures(cursor, names, values)) return false;
        featured = true;
      } else if (!named && takeWord(cursor, REQUEST_ID)) {
        if (!take(cursor, BYTE.colon) || !take(cursor, BYTE.quote)) return false;
        const end = cursor.at + UUID_BYTES;
        const text = cursor.bytes.toString("latin1", cursor.at, end);
        if (!isUuid(text) || cursor.bytes[end] !== BYTE.quote) return false;
        writeUuid(requestId, 0, text.toLowerCase());
        cursor.at = end + 1;
        named = true;
      } else return false;
    } while (take(cursor, BYTE.comma));
    if (!named) ids.writeRandom(requestId, 0);
    return featured && take(cursor, BYTE.unbrace);
  };

  return (models, bytes, eventMs) => {
    const cursor = { bytes, at: 0 };
    const name = takeHead(cursor, takeText);
    if (name === null) return null;
    const found = resolveModel(models, name.model);
    if (!found.ok) return null;
    const { model } = found;
    const names = namesOf(model);
    const values: unknown[] = names.map(() => undefined);
    const batch = openBatch(model, Math.min(rowsHint, bytes.length >> 4), () => instancesOf(bytes));
    do {
      if (batch.n === INSTANCES_MAX) return null;
      if (!takeInstance(cursor, names, values)) return null;
      if (!addValues(batch, values, requestId, eventMs)) return null;
    } while (take(cursor, BYTE.comma));
    const ends = take(cursor, BYTE.close) && take(cursor, BYTE.unbrace) && peek(cursor) === -1;
    if (!ends) return null;
    rowsHint = batch.n;
    return batch;
  };
};

const word = (text: string): Uint8Array => Buffer.from(text);
const NULL = word("null");
const MODEL = word('"model"');
const INSTANCES = word('"instances"');
const FEATURES = word('"features"');
const REQUEST_ID = word('"request_id"');

/** Reads up to the first instance. */
const takeHead = (
  cursor: Cursor,
  takeText: (cursor: Cursor) => string | null,
): { readonly model: string | undefined } | null => {
  if (!take(cursor, BYTE.brace)) return null;
  let model: string | undefined;
  peek(cursor);
  if (takeWord(cursor, MODEL)) {
    if (!take(cursor, BYTE.colon) || peek(cursor) !== BYTE.quote) return null;
    model = takeText(cursor) ?? undefined;
    if (model === undefined || !take(cursor, BYTE.comma)) return null;
    peek(cursor);
  }
  const begins = takeWord(cursor, INSTANCES) && take(cursor, BYTE.colon) && take(cursor, BYTE.open);
  return begins ? { model } : null;
};

/** Which name stands here, the expected one asked first; -1 where none does. */
const takeName = (cursor: Cursor, names: readonly Uint8Array[], expected: number): number => {
  const guess = names[expected];
  if (guess !== undefined && takeWord(cursor, guess)) return expected;
  for (let index = 0; index < names.length; index++) {
    const name = names[index];
    if (name !== undefined && takeWord(cursor, name)) return index;
  }
  return -1;
};

/** The features as `JSON.parse` gives them, for a candidate whose encoding differs; the body was plain, so it parses. */
const instancesOf = (bytes: Buffer): readonly unknown[] => {
  const body: unknown = JSON.parse(bytes.toString("latin1"));
  const instances: unknown = Reflect.get(Object(body), "instances");
  return Array.isArray(instances)
    ? instances.map((item): unknown => Reflect.get(Object(item), "features"))
    : [];
};
