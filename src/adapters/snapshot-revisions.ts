// Adapter: which revision a new snapshot may take. A crash between histograms and snapshot leaves rows that nothing vouches for; written
// once more with the same content their tokens make it one, but other content under the same revision would be counted with them.
// Such a snapshot takes the next free revision instead: nothing written is ever removed.
import { z } from "zod";
import { ALL, type Snapshot } from "../../contracts/snapshot.ts";
import type { FeatureHistogram, Histogram, ScoreHistogram } from "../../contracts/counts.ts";
import { clickhouseTime } from "../core/time.ts";
import { ask, RoleRow, type Engine } from "./rows.ts";

const count = z.number();
const UnvouchedRow = z.object({
  version: z.string(),
  role: RoleRow,
  revision: count,
  scope: z.string(),
  position: count,
  keys: z.array(count),
  counts: z.array(count),
});
type Unvouched = z.infer<typeof UnvouchedRow>;

/** Gives snapshots of one window, of one size, the revisions under which their histograms stand alone. */
export const freeRevisions = async (
  engine: Engine,
  by: {
    snapshots: readonly Snapshot[];
    features: readonly FeatureHistogram[];
    scores: readonly ScoreHistogram[];
  },
): Promise<Snapshot[]> => {
  const [first] = by.snapshots;
  if (first === undefined) return [];
  const found = await ask(
    engine,
    "snapshots-unvouched",
    {
      model: first.model,
      size: first.window_size,
      start: clickhouseTime(Date.parse(first.window_start)),
      revision: Math.min(...by.snapshots.map((s) => s.revision)),
    },
    UnvouchedRow,
  );
  return by.snapshots.map((snapshot) => {
    const { version, role, revision } = snapshot;
    const left = found.filter((r) => r.version === version && r.role === role && r.revision >= revision);
    if (left.every((row) => row.revision === revision && isWritten(row, by))) return snapshot;
    return { ...snapshot, revision: Math.max(...left.map((row) => row.revision)) + 1 };
  });
};

/** Whether a row left behind is one that is about to be written, to the last count. */
const isWritten = (
  row: Unvouched,
  { features, scores }: { features: readonly FeatureHistogram[]; scores: readonly ScoreHistogram[] },
): boolean => {
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
