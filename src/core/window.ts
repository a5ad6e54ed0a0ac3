// Core: windows of event time. Which windows exist, which are due, and the snapshot of one: pure functions of what was counted,
// so that the same events in any order give the same digests. A window is [start, end) and aligned to the epoch.
import type { Snapshot, WindowFlag } from "../../contracts/snapshot.ts";
import type { FeatureHistogram, Histogram, ScoreHistogram, WindowContent } from "../../contracts/counts.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { isoOf, windowStart } from "./time.ts";

/** Starts of the closed windows of a size in (from, through], oldest first; `through` is the watermark less the lateness. */
export const closedWindows = (fromMs: number, throughMs: number, sizeMs: number): number[] => {
  const starts: number[] = [];
  for (let start = windowStart(fromMs, sizeMs); start + sizeMs <= throughMs; start += sizeMs)
    starts.push(start);
  return starts;
};

export interface SnapshotWindow {
  readonly model: string;
  readonly size: string;
  readonly startMs: number;
  readonly endMs: number;
}

type Row = WindowContent["rows"][number];

/**
 * Makes the snapshots of one window, one a version and role. The digest covers every count but not what depends on arrival
 * (late rows, flags, revision), so a re-roll of the same events has the same digest.
 */
export const snapshotsOf = (
  window: SnapshotWindow,
  content: WindowContent,
  by: { previous: readonly Snapshot[]; flags: readonly WindowFlag[] },
): Snapshot[] =>
  content.rows.map((row) => {
    const before = by.previous.find((s) => s.version === row.version && s.role === row.role);
    const late = before === undefined ? 0 : Math.max(0, row.rows_raw - before.rows_raw) + before.late_rows;
    const flags: WindowFlag[] = [
      ...new Set<WindowFlag>([...by.flags, ...(late > 0 ? (["late"] as const) : [])]),
    ].sort();
    return {
      ...row,
      model: window.model,
      window_size: window.size,
      window_start: isoOf(window.startMs),
      window_end: isoOf(window.endMs),
      revision: (before?.revision ?? 0) + 1,
      late_rows: late,
      flags,
      digest: digestOf(window, row, content),
    };
  });

const digestOf = (window: SnapshotWindow, row: Row, content: WindowContent): string => {
  const own = (histogram: FeatureHistogram | ScoreHistogram) =>
    histogram.version === row.version && histogram.role === row.role;
  return sha256Hex(
    canonicalJson({
      model: window.model,
      window_size: window.size,
      window_start: isoOf(window.startMs),
      row,
      features: content.features
        .filter(own)
        .map((f) => [f.encoding, f.position, pairsOf(f.histogram)])
        .sort(byText),
      scores: content.scores
        .filter(own)
        .map((s) => [s.scope, pairsOf(s.histogram)])
        .sort(byText),
    }),
  );
};

const byText = (a: readonly unknown[], b: readonly unknown[]): number => {
  const [x, y] = [canonicalJson(a.slice(0, 2)), canonicalJson(b.slice(0, 2))];
  return x < y ? -1 : x > y ? 1 : 0;
};

/** Sparse pairs with ascending keys, whatever order the engine gave. */
export const pairsOf = ({ keys, counts }: Histogram): [number, number][] =>
  keys.map((key, i): [number, number] => [key, counts[i] ?? 0]).sort((a, b) => a[0] - b[0]);

/** Adds snapshots of shorter windows into the content of a longer one: exact, associative, order-free. */
export const sumOf = (
  parts: readonly Snapshot[],
  features: readonly FeatureHistogram[],
  scores: readonly ScoreHistogram[],
): { content: WindowContent; flags: WindowFlag[] } => {
  const groups = groupBy(parts);
  const rows = [...groups.values()].map((group): Row => {
    const [first] = group;
    if (first === undefined) throw new Error("a group without snapshots");
    const total = (pick: (s: Snapshot) => number) => group.reduce((sum, s) => sum + pick(s), 0);
    const big = (pick: (s: Snapshot) => string) =>
      group.reduce((sum, s) => sum + BigInt(pick(s)), 0n).toString();
    return {
      version: first.version,
      role: first.role,
      rows_raw: total((s) => s.rows_raw),
      volume: total((s) => s.volume),
      ok: total((s) => s.ok),
      invalid: total((s) => s.invalid),
      errors: total((s) => s.errors),
      timeouts: total((s) => s.timeouts),
      sheds: total((s) => s.sheds),
      duplicate_requests: total((s) => s.duplicate_requests),
      conflicting_requests: total((s) => s.conflicting_requests),
      score_sum: big((s) => s.score_sum),
      score_sum_squares: big((s) => s.score_sum_squares),
      latency: addPairs(group.flatMap((s) => s.latency)),
      encoding: group.map((s) => s.encoding).find((e) => e !== "") ?? "",
    };
  });
  rows.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return { content: { rows, features, scores }, flags: [...new Set(parts.flatMap((s) => s.flags))].sort() };
};

const keyOf = (s: { version: string; role: string }): string => `${s.version}/${s.role}`;

const groupBy = (parts: readonly Snapshot[]): Map<string, Snapshot[]> => {
  const groups = new Map<string, Snapshot[]>();
  for (const part of parts) groups.set(keyOf(part), [...(groups.get(keyOf(part)) ?? []), part]);
  return groups;
};

const addPairs = (pairs: readonly (readonly [number, number])[]): [number, number][] => {
  const sums = new Map<number, number>();
  for (const [key, n] of pairs) sums.set(key, (sums.get(key) ?? 0) + n);
  return [...sums].sort((a, b) => a[0] - b[0]);
};
