// Core: how far event time is complete. The deployment's watermark is the smallest over all streams and producers that still
// count; it promises never to run ahead of a stream that has unread entries, and to say which producer holds it and which it dropped.

/** What one stream of one partition has recorded of its producers. */
export type StreamProgress = {
  readonly kind: "events" | "labels";
  readonly partition: number;
  /** `ms`: the producer's last watermark, event time. `seenMs`: Redis time at which that mark was published. */
  readonly producers: readonly {
    readonly producer: string;
    readonly ms: number;
    readonly seenMs: number;
  }[];
  /** Redis time up to which everything published is recorded: now when drained, else the oldest entry that is not. */
  readonly recordedToMs: number;
  /** True when nothing is unread or pending. */
  readonly drained: boolean;
};

export type WatermarkPolicy =
  { readonly clock: "replay" } | { readonly clock: "wall"; readonly producerTimeoutMs: number };

type ProducerAt = {
  readonly producer: string;
  readonly kind: "events" | "labels";
  readonly partition: number;
};

export type DeploymentWatermark = {
  /** Null while unknown: no producer has spoken yet, or an unread stream has none that counts. Never 0 for unknown. */
  readonly ms: number | null;
  /** Who holds it there. */
  readonly heldBy: ProducerAt | null;
  /** Producers dropped because they fell silent (wall clock only): their open windows are to be flagged. */
  readonly silent: readonly (ProducerAt & { readonly ms: number; readonly silentMs: number })[];
};

/**
 * The deployment's watermark. Under the wall clock a producer counts as silent when its stream is recorded more than
 * `producerTimeoutMs` past its last mark: a recorder that lags does not make its producers silent. Under a replay clock
 * nobody times out, and a producer gives way only to a later boot of its own slot (`<slot>-<boot>`).
 */
export const deploymentWatermark = (
  streams: readonly StreamProgress[],
  policy: WatermarkPolicy,
): DeploymentWatermark => {
  const silent: (ProducerAt & { ms: number; silentMs: number })[] = [];
  let lowest: { ms: number; at: ProducerAt } | null = null;
  let unknown = false;
  for (const stream of streams) {
    const candidates = policy.clock === "replay" ? lastBoots(stream) : stream.producers;
    let counted = 0;
    for (const { producer, ms, seenMs } of candidates) {
      const at = { producer, kind: stream.kind, partition: stream.partition };
      const silentMs = stream.recordedToMs - seenMs;
      if (policy.clock === "wall" && silentMs > policy.producerTimeoutMs) {
        silent.push({ ...at, ms, silentMs });
        continue;
      }
      counted += 1;
      if (lowest === null || ms < lowest.ms) lowest = { ms, at };
    }
    if (counted === 0 && !stream.drained) unknown = true;
  }
  return unknown || lowest === null
    ? { ms: null, heldBy: null, silent }
    : { ms: lowest.ms, heldBy: lowest.at, silent };
};

/** Of each slot, the boot that spoke last. */
const lastBoots = (stream: StreamProgress): StreamProgress["producers"] => {
  const bySlot = new Map<string, StreamProgress["producers"][number]>();
  for (const mark of stream.producers) {
    const slot = mark.producer.split("-", 1)[0] ?? mark.producer;
    const known = bySlot.get(slot);
    if (known === undefined || mark.seenMs > known.seenMs) bySlot.set(slot, mark);
  }
  return [...bySlot.values()];
};
