// Adapter: which revision a new snapshot may take. A crash between histograms and snapshot leaves rows that nothing vouches for; written
// once more with the same content their tokens make it one, but other content under the same revision would be counted with them.
// Such a snapshot takes the next free revision instead: nothing written is ever removed.
import { z } from "zod";
import { ALL } from "../../contracts/snapshot.ts";
import type { FeatureHistogram, Histogram, ScoreHistogram } from "../../contracts/counts.ts";
import { clickhouseTime } from "../core/time.ts";
import type { RolledWindow } from "../ports.ts";
import { ask, RoleRow, type Engine } from "./rows.ts";

const count = z.number();
const UnvouchedRow = z.object({
  window_start_ms: count,
  version: z.string(),
  role: RoleRow,
  revision: count,
  scope: z.string(),
  position: count,
  keys: z.array(count),
  counts: z.array(count),
});
type Unvouched = z.infer<typeof UnvouchedRow>;

/** Gives the snapshots of windows of one model and size the revisions under which their histograms stand alone. */
export const freeRevisions = async (
  engine: Engine,
  windows: readonly RolledWindow[],
): Promise<RolledWindow[]> => {
  const all = windows.flatMap(({ snapshots }) => snapshots);
  const [first] = all;
  if (first === undefined) return [];
  const starts = all.map((snapshot) => Date.parse(snapshot.window_start));
  const found = await ask(
    engine,
    "snapshots-unvouched",
    {
      model: first.model,
      size: first.window_size,
      first: clickhouseTime(Math.min(...starts)),
      last: clickhouseTime(Math.max(...starts)),
      revision: Math.min(...all.map((s) => s.revision)),
    },
    UnvouchedRow,
  );
  return windows.map((window) => ({
    ...window,
    snapshots: window.snapshots.map((snapshot) => {
      const { version, role, revision, window_start } = snapshot;
      const startMs = Date.parse(window_start);
      const left = found.filter(
        (r) =>
          r.window_start_ms === startMs && r.version === version && r.role === role && r.revision >= revision,
      );
      if (left.every((row) => row.revision === revision && isWritten(row, window))) return snapshot;
      return { ...snapshot, revision: Math.max(...left.map((row) => row.revision)) + 1 };
    }),
  }));
};

/** Whether a row left behind is one that is about to be written, to the last count. */
const isWritten = (row: Unvouched, { features, scores }: RolledWindow): boolean => {
  const mine = (h: FeatureHistogram | ScoreHistogram): boolean =>
    h.version === row.version && h.role === row.role;
  const twin =
    row.position === 0
      ? scores.find((h) => mine(h) && h.scope === row.scope)
      : row.scope === ALL
        ? features.find((h) => mine(h) && h.position === row.position)
        : undefined;
  return twin !== undefined && isSame(twin.histogram, row);
};

const isSame = (a: Histogram, b: Histogram): boolean =>
  a.keys.join() === b.keys.join() && a.counts.join() === b.counts.join();
