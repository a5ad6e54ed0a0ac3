// Stage room: the recorders of a process, one a stream partition, and when what they recorded is worth a look: once a window may have
// closed. It writes nothing itself; record.ts says what a recorder promises.
import type { StreamKind } from "../contracts/event.ts";
import { windowStart } from "../src/core/time.ts";
import type { WatermarkPolicy } from "../src/core/watermark.ts";
import { createRecorder, type RecorderPorts } from "./record.ts";

const KINDS: readonly StreamKind[] = ["events", "labels"];

export interface RecordersPorts extends Pick<RecorderPorts, "progress" | "failpoint" | "wallNow" | "log"> {
  /** One partition's stream and where its rows go. */
  readonly open: (kind: StreamKind, partition: number) => Pick<RecorderPorts, "stream" | "facts" | "letters">;
  /** Leaves word that there may be windows to roll up to this watermark. */
  readonly lookAt: (watermarkMs: number) => Promise<void>;
}

/** Runs them all until aborted; rejects when one of them cannot go on. */
export const runRecorders = async (
  { open, lookAt, ...ports }: RecordersPorts,
  options: {
    readonly partitions: number;
    readonly watermark: WatermarkPolicy;
    /** The shortest window and how late its rows may be; null: every move of the watermark is worth a look. */
    readonly window: { readonly sizeMs: number; readonly latenessMs: number } | null;
  },
  signal: AbortSignal,
): Promise<void> => {
  const { window, watermark, partitions } = options;
  let announced = -1;
  const onWatermark = async (ms: number): Promise<void> => {
    const closed = window === null ? ms : windowStart(ms - window.latenessMs, window.sizeMs);
    if (closed <= announced) return;
    announced = closed;
    await lookAt(ms);
  };
  const running = KINDS.flatMap((kind) =>
    Array.from({ length: partitions }, (_, partition) => {
      const opened = open(kind, partition);
      const recorder = createRecorder({ ...ports, ...opened, onWatermark }, { watermark });
      return recorder.run(signal).finally(() => opened.stream.close());
    }),
  );
  await Promise.all(running);
};
