// Adapter: where the streams stand: watermarks, counts and safe trimming over all partitions. Each stream is read in one step, so its
// figures agree with each other. It never takes part in recording and never guesses a lag from Redis's own, which goes wrong after a trim.
import { RECORDERS, streamKey } from "../../contracts/event.ts";
import type { StreamKind } from "../../contracts/event.ts";
import { Fault } from "../core/fault.ts";
import type { StreamProgress } from "../core/watermark.ts";
import type { ReadsProgress, StreamStanding } from "../ports-recording.ts";
import { connectRedis } from "./redis.ts";
import type { RedisWhere } from "./redis.ts";
import { STANDING, TRIM } from "./stream-scripts.ts";

const KINDS: readonly StreamKind[] = ["events", "labels"];

type Figures = {
  readonly kind: StreamKind;
  readonly partition: number;
  readonly nowMs: number;
  readonly acked: number;
  readonly added: number;
  readonly length: number;
  readonly pending: number;
  readonly generated: string;
  readonly delivered: string;
  readonly floor: string;
  readonly marks: readonly string[];
};

/** Opens the view over all streams of a deployment; `groups` are those that must have settled an entry before it may be trimmed. */
export const createStreamProgress = (options: {
  readonly redis: RedisWhere;
  readonly partitions: number;
  readonly groups?: readonly string[];
}): ReadsProgress & { close(): Promise<void> } => {
  const client = connectRedis(options.redis, { timeoutMs: 3_000 });
  const { groups = [RECORDERS] } = options;

  const run = async (
    script: string,
    keys: readonly string[],
    ...args: (string | number)[]
  ): Promise<unknown> => {
    try {
      return await client.call("EVAL", script, keys.length, ...keys, ...args);
    } catch (cause) {
      throw new Fault("transient", "the streams' standing could not be read", { cause });
    }
  };

  const figures = async (kind: StreamKind, partition: number): Promise<Figures> => {
    const tagged = (name: string): string => `flyball:{p${partition}}:${name}`;
    const keys = [streamKey(kind, partition), tagged("watermarks"), tagged(`acked:${kind}`)];
    const reply = (await run(STANDING, keys, RECORDERS)) as [...string[], string[]];
    const [now, acked, added, length, pending, generated, delivered, floor] = reply.map(String);
    return {
      kind,
      partition,
      nowMs: Number(now),
      acked: Number(acked),
      added: Number(added),
      length: Number(length),
      pending: Number(pending),
      generated: generated ?? "",
      delivered: delivered ?? "",
      floor: floor ?? "",
      marks: reply[8] === undefined || typeof reply[8] === "string" ? [] : reply[8],
    };
  };

  const everywhere = async <T>(ask: (kind: StreamKind, partition: number) => Promise<T>): Promise<T[]> =>
    Promise.all(
      Array.from({ length: options.partitions }, (_, partition) =>
        KINDS.map((kind) => ask(kind, partition)),
      ).flat(),
    );

  return {
    watermarks: () => everywhere(async (kind, partition) => progressOf(await figures(kind, partition))),
    standing: () => everywhere(async (kind, partition) => standingOf(await figures(kind, partition))),
    trim: async ({ replaySlackMs }) => {
      const removed = await everywhere((kind, partition) =>
        run(TRIM, [streamKey(kind, partition)], replaySlackMs, ...groups),
      );
      return removed.reduce<number>((sum, n) => sum + Number(n), 0);
    },
    close: () => {
      client.disconnect();
      return Promise.resolve();
    },
  };
};

/** A stream nobody has written to is drained; one without its group is not, whatever the group's absence looks like. */
const isDrained = ({ generated, delivered, pending }: Figures): boolean =>
  generated === "" || (pending === 0 && delivered === generated);

const progressOf = (figures: Figures): StreamProgress => {
  const drained = isDrained(figures);
  const prefix = `${figures.kind}/`;
  const producers: { producer: string; ms: number; seenMs: number }[] = [];
  for (let i = 0; i + 1 < figures.marks.length; i += 2) {
    const field = figures.marks[i] ?? "";
    const [ms, seenMs] = (figures.marks[i + 1] ?? "").split(" ").map(Number);
    if (field.startsWith(prefix) && ms !== undefined && seenMs !== undefined) {
      producers.push({ producer: field.slice(prefix.length), ms, seenMs });
    }
  }
  const earliest = [figures.floor, figures.delivered].filter((id) => id !== "").map(millisOf);
  return {
    kind: figures.kind,
    partition: figures.partition,
    producers,
    recordedToMs: drained ? figures.nowMs : Math.min(figures.nowMs, ...earliest),
    drained,
  };
};

const standingOf = (figures: Figures): StreamStanding => ({
  kind: figures.kind,
  partition: figures.partition,
  entriesAdded: figures.added,
  length: figures.length,
  acked: figures.acked,
  pending: figures.pending,
  unsettled: figures.added - figures.acked - figures.pending,
  drained: isDrained(figures),
});

const millisOf = (id: string): number => Number(id.split("-", 1)[0]);
