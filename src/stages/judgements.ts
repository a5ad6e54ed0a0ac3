// Stage room: due windows held against their versions' references. Reads them in parts and one part ahead: while one is judged the engine
// reads the next, and however long a downtime was, no more than two parts are in memory. Writes nothing: the measure stage keeps it.
import { setImmediate } from "node:timers/promises";
import type { Span } from "../../contracts/counts.ts";
import type { DriftRow } from "../../contracts/drift.ts";
import type { DriftProfile } from "../../contracts/drift-profile.ts";
import type { Snapshot } from "../../contracts/snapshot.ts";
import { byWindow, driftOf, type WindowMeasurement } from "../core/measurement.ts";
import type { KeepsSnapshots } from "../ports.ts";

/** A closed window that has no verdict yet, and whether one version alone answered in it. */
export type DueWindow = Awaited<ReturnType<KeepsSnapshots["unjudged"]>>[number];

/** What the windows of one version are held against. */
export type Standard = Pick<
  WindowMeasurement,
  "encoding" | "encodingDigest" | "reference" | "counted" | "segments" | "importance"
>;

export interface Judgement {
  readonly snapshot: Snapshot;
  readonly measurement: WindowMeasurement;
  readonly rows: readonly DriftRow[];
}

export interface Due {
  readonly model: string;
  readonly size: string;
  readonly sizeMs: number;
  /** Begin of the window in which the model's first event lies. */
  readonly begunMs: number;
  /** What a window may spend of the false-alarm budget, as a length of time. */
  readonly budgetMs: number;
  readonly profile: DriftProfile;
  /** By window, oldest first. */
  readonly windows: readonly DueWindow[];
}

/** History that a window's volume is judged beside. */
export const HISTORY_MS = 28 * 86_400_000;

/** Windows whose counts are held at once: a part of a day of five minutes, more than there is of any longer size. */
const WINDOWS_AT_ONCE = 48;

/** Judges windows part by part, oldest first. */
export async function* judgeWindows(
  snapshots: Pick<KeepsSnapshots, "counts" | "scores" | "volumes">,
  standardOf: (version: string) => Promise<Standard>,
  due: Due,
): AsyncGenerator<readonly Judgement[]> {
  const { model, size, sizeMs } = due;
  const parts = partsOf(due.windows, WINDOWS_AT_ONCE * sizeMs);
  const volumes = snapshots.volumes({ model, size, span: spanOf(due.windows, sizeMs, HISTORY_MS) });
  const read = (part: readonly DueWindow[]) => {
    const span = spanOf(part, sizeMs);
    return Promise.all([
      snapshots.counts({ model, size, span }),
      snapshots.scores({ model, size, span, bucketMs: sizeMs }),
      volumes,
    ]);
  };
  let ahead: ReturnType<typeof read> | null = null;
  for (const [place, part] of parts.entries()) {
    const [features, scores, history] = await (ahead ?? read(part));
    const following = parts[place + 1];
    ahead = following === undefined ? null : read(following);
    // Awaited in its turn; until then a caller that gave up must not be hurt by its failure.
    ahead?.catch(() => undefined);
    const [featuresAt, scoresAt] = [byWindow(features), byWindow(scores)];
    const judged: Judgement[] = [];
    for (const { snapshot, alone } of part) {
      const startMs = Date.parse(snapshot.window_start);
      const measurement: WindowMeasurement = {
        ...(await standardOf(snapshot.version)),
        snapshot,
        windowMs: sizeMs,
        whole: alone && startMs >= due.begunMs,
        budgetMs: due.budgetMs,
        profile: due.profile,
        features: featuresAt.get(startMs) ?? [],
        scores: scoresAt.get(startMs) ?? [],
        // Of what lies around the windows of this look, only what a look right after this window would have found: days that are caught
        // up together are judged as if each had been looked at in time.
        history: history.filter((one) => one.windowStartMs >= startMs - HISTORY_MS),
      };
      judged.push({ snapshot, measurement, rows: driftOf(measurement) });
      // A judgement is milliseconds of computing: between two, what was asked for goes out and comes in.
      await setImmediate();
    }
    yield judged;
  }
}

/** Neighbours of at most so much time together, so that a window revised days later does not bring all between. */
const partsOf = (windows: readonly DueWindow[], spanMs: number): (readonly DueWindow[])[] => {
  const parts: DueWindow[][] = [];
  let endMs = -Infinity;
  for (const window of windows) {
    const startMs = startOf(window);
    if (startMs >= endMs) {
      parts.push([]);
      endMs = startMs + spanMs;
    }
    parts.at(-1)?.push(window);
  }
  return parts;
};

const startOf = ({ snapshot }: DueWindow): number => Date.parse(snapshot.window_start);

/** From the first of some windows, or so long before it, to the end of the last. */
export const spanOf = (windows: readonly DueWindow[], sizeMs: number, beforeMs = 0): Span => {
  const starts = windows.map(startOf);
  return { startMs: Math.min(...starts) - beforeMs, endMs: Math.max(...starts) + sizeMs };
};
