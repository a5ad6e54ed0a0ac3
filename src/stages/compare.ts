// Stage: compares two datasets feature by feature: load a column of each, ask the core, let both go. The next columns are fetched
// while these are judged. Writes nothing; a column that breaks the contract ends the comparison.
import type { DriftRow } from "../../contracts/drift.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { compareColumns, type ComparedColumn } from "../core/compare-columns.ts";
import { compareReport, type ComparedSide, type CompareReport } from "../core/compare-report.ts";
import { barsOf } from "../core/report-bars.ts";

/** A dataset that lends its columns; null: a raw file's column breaks the contract. */
export type LendsColumns = ComparedSide & { column(feature: string): Promise<ComparedColumn | null> };

export type Compared =
  | { readonly ok: true; readonly report: CompareReport }
  | { readonly ok: false; readonly side: "reference" | "current"; readonly feature: string };

/** Features whose columns are held or under way: the engine sorts the next ones while one is judged. */
const AHEAD = 3;

/** Judges every feature of the current dataset against the reference. */
export const compare = async (job: {
  readonly contract: FeatureContract;
  readonly profile: DriftProfile;
  readonly reference: LendsColumns;
  readonly current: LendsColumns;
  readonly joint: readonly DriftRow[];
  readonly at: string;
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<Compared> => {
  const { contract, reference, current } = job;
  const names = Object.keys(contract.features);
  const same = reference.digest === current.digest;
  const fetch = async (name: string) => {
    const [before, after] = await Promise.all([reference.column(name), same ? null : current.column(name)]);
    return { before, after: same ? before : after };
  };
  const features = [];
  const fetched: ReturnType<typeof fetch>[] = [];
  for (const [at, feature] of names.entries()) {
    for (const name of names.slice(at + fetched.length, at + AHEAD)) {
      const columns = fetch(name);
      // A comparison that ends early leaves fetches behind; their failure is then nobody's news.
      columns.catch(() => undefined);
      fetched.push(columns);
    }
    const columns = await fetched.shift();
    if (columns === undefined || columns.before === null) return { ok: false, side: "reference", feature };
    if (columns.after === null) return { ok: false, side: "current", feature };
    const evidence = compareColumns(
      { contract, feature, dataset: reference.digest },
      columns.before,
      columns.after,
    );
    const spec = contract.features[feature];
    if (spec === undefined) throw new RangeError(`${feature} is no feature`);
    features.push({ evidence, bars: barsOf(spec, columns.before, columns.after) });
    job.onProgress?.(at + 1, names.length);
  }
  return { ok: true, report: compareReport({ ...job, features }) };
};
