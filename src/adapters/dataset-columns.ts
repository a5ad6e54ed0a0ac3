// Plumbing: a dataset column by column, each already sorted or counted by the engine, so that a comparison holds two columns and
// never two datasets. Reads a frozen dataset, or a raw Parquet file as it stands; a raw file is judged by the contract cell for
// cell, and where anything is off the answer is null and the strict validator gets to say what.
import { join, resolve } from "node:path";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import type { ComparedColumn } from "../core/compare-columns.ts";
import { Fault } from "../core/fault.ts";
import { isoOf } from "../core/time.ts";
import { numberRule, textRule } from "../core/value-rules.ts";
import { createDatasetEngine, parquet, wireOf, type DatasetEngine } from "./dataset-engine.ts";
import { findDataset, fingerprint } from "./dataset-store.ts";

export type ColumnSource = {
  readonly name: string;
  /** Digest of the rows of a frozen dataset, of the bytes of a file. */
  readonly digest: string;
  readonly rows: number;
  readonly labelled: number;
  readonly positives: number;
  readonly from: string | null;
  readonly to: string | null;
  /** One feature; null where a raw file breaks the contract. */
  column(feature: string): Promise<ComparedColumn | null>;
};

/** Opens a frozen dataset; `name` is what people call it. */
export const frozenColumns = async (
  at: { readonly home: string; readonly reference: string; readonly name: string },
  contract: FeatureContract,
  contractDigest: string,
  engineUrl: string,
): Promise<ColumnSource> => {
  const { folder, manifest } = await findDataset(at.home, at.reference);
  if (manifest.contract.digest !== contractDigest)
    throw new Fault("poison", `${at.name} was frozen under other rules: freeze it again under this contract`);
  const file = join(folder, "data.parquet");
  const { sha256 } = await fingerprint(file);
  if (sha256 !== manifest.file.sha256)
    throw new Fault("poison", `${file}: its bytes changed since it was frozen`);
  const engine = createDatasetEngine(engineUrl);
  const { digest, rows, labelled, positives, from, to } = manifest;
  const counted = { name: at.name, digest, rows, labelled, positives, from, to };
  return {
    ...counted,
    column: (feature) => readColumn(engine, file, { feature, rows, contract, nulls: [] }),
  };
};

/** Opens a raw Parquet file; null where its columns are not exactly what the contract allows. */
export const rawColumns = async (
  path: string,
  contract: FeatureContract,
  engineUrl: string,
): Promise<ColumnSource | null> => {
  const file = resolve(path);
  const engine = createDatasetEngine(engineUrl);
  const columns = await engine.describe(parquet(file));
  const types = new Map(columns.map(({ name, type }) => [name, wireOf(type)]));
  if (types.size !== columns.length || !isContracts(types, contract)) return null;
  const rows = await engine.count(parquet(file));
  const labels = await labelCounts(engine, file, contract);
  const span = await spanOf(engine, file, contract, rows);
  if (rows === 0 || labels === null || span === null) return null;
  const { sha256 } = await fingerprint(file);
  const nulls = contract.source.null_values;
  return {
    name: path,
    digest: sha256,
    rows,
    ...labels,
    ...span,
    column: (feature) => readColumn(engine, file, { feature, rows, contract, nulls }),
  };
};

/** Every column is the contract's or forbidden by it, and of a type its cells can come from. */
const isContracts = (types: ReadonlyMap<string, string>, contract: FeatureContract): boolean => {
  const { features, label, event_time, entity, forbidden } = contract;
  const wanted = [...Object.keys(features), label.name, ...(event_time === null ? [] : [event_time])];
  if (wanted.some((name) => !types.has(name))) return false;
  const known = new Set([...wanted, ...forbidden, ...(entity === null ? [] : [entity])]);
  if ([...types.keys()].some((name) => !known.has(name))) return false;
  if (event_time !== null && types.get(event_time) !== "micros") return false;
  return Object.entries(features).every(
    ([name, { kind }]) => types.get(name) === (kind === "nominal" ? "text" : "number"),
  );
};

const labelCounts = async (
  engine: DatasetEngine,
  file: string,
  { label, source }: FeatureContract,
): Promise<{ labelled: number; positives: number } | null> => {
  let [labelled, positives] = [0, 0];
  for (const [value, count] of await engine.counts(parquet(file), label.name)) {
    if (value === null || source.null_values.includes(value)) continue;
    const is = (literal: string | number): boolean =>
      typeof literal === "number" ? value !== "" && Number(value) === literal : value === literal;
    if (!is(label.positive) && !is(label.negative)) return null;
    labelled += count;
    if (is(label.positive)) positives += count;
  }
  return { labelled, positives };
};

const spanOf = async (
  engine: DatasetEngine,
  file: string,
  { event_time }: FeatureContract,
  rows: number,
): Promise<{ from: string | null; to: string | null } | null> => {
  if (event_time === null) return { from: null, to: null };
  const seconds = await engine.sorted(parquet(file), event_time, rows);
  const [first, last] = [seconds[0], seconds.at(-1)];
  if (seconds.length !== rows || first === undefined || last === undefined) return null;
  return { from: isoOf(Math.floor(first * 1000)), to: isoOf(Math.floor(last * 1000)) };
};

const readColumn = async (
  engine: DatasetEngine,
  file: string,
  by: {
    readonly feature: string;
    readonly rows: number;
    readonly contract: FeatureContract;
    readonly nulls: readonly string[];
  },
): Promise<ComparedColumn | null> => {
  const spec = by.contract.features[by.feature];
  if (spec === undefined) throw new RangeError(`${by.feature} is no feature`);
  const allowed = (spec.missing ?? by.contract.missing) === "allow";
  const column = await (spec.kind === "nominal"
    ? names(engine, file, by.feature, by.nulls)
    : numbers(engine, file, by.feature, by.rows));
  return (column.missing > 0 && !allowed) || !isWithin(column, spec) ? null : column;
};

const numbers = async (
  engine: DatasetEngine,
  file: string,
  feature: string,
  rows: number,
): Promise<ComparedColumn> => {
  const sorted = await engine.sorted(parquet(file), feature, rows);
  return { kind: "numbers", sorted, missing: rows - sorted.length };
};

const names = async (
  engine: DatasetEngine,
  file: string,
  feature: string,
  nulls: readonly string[],
): Promise<ComparedColumn> => {
  const counts = new Map<string, number>();
  let missing = 0;
  for (const [name, count] of await engine.counts(parquet(file), feature))
    if (name === null || nulls.includes(name)) missing += count;
    else counts.set(name, count);
  return { kind: "names", counts, missing };
};

/** Judges each distinct value once by the rule that judges cells and requests. */
const isWithin = (column: ComparedColumn, spec: FeatureSpec): boolean => {
  if (column.kind === "names") {
    if (spec.kind !== "nominal") return false;
    const listed = spec.values === "frozen" ? null : new Set(spec.values);
    const ruleOf = textRule(spec, listed);
    return [...column.counts.keys()].every((name) => ruleOf(name) === null);
  }
  const ruleOf = numberRule(spec);
  // Where any number of a range will do, the ends of the sorted column speak for all between them.
  if (spec.kind === "continuous" && spec.integer !== true)
    return [column.sorted[0], column.sorted.at(-1)].every((end) => end === undefined || ruleOf(end) === null);
  let before = NaN;
  for (let at = 0; at < column.sorted.length; at++) {
    const value = column.sorted[at] ?? NaN;
    if (value !== before && ruleOf(value) !== null) return false;
    before = value;
  }
  return true;
};
