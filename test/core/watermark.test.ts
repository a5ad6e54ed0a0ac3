// Tests: the deployment's watermark as tables. It waits for whoever may still bring something earlier, and "nobody has spoken"
// is unknown, never zero.
import { describe, expect, it } from "vitest";
import { deploymentWatermark } from "../../src/core/watermark.ts";
import type { StreamProgress } from "../../src/core/watermark.ts";

const stream = (over: Partial<StreamProgress>): StreamProgress => ({
  kind: "events",
  partition: 0,
  producers: [],
  recordedToMs: 100_000,
  drained: true,
  ...over,
});
const mark = (producer: string, ms: number, seenMs = 100_000) => ({ producer, ms, seenMs });
const wall = { clock: "wall", producerTimeoutMs: 30_000 } as const;
const replay = { clock: "replay" } as const;

describe("deploymentWatermark", () => {
  it("is the smallest over streams and producers, and says who holds it", () => {
    const streams = [
      stream({ producers: [mark("0-a", 50), mark("2-b", 40)] }),
      stream({ kind: "labels", partition: 1, producers: [mark("1-c", 30)] }),
    ];
    expect(deploymentWatermark(streams, wall)).toEqual({
      ms: 30,
      heldBy: { producer: "1-c", kind: "labels", partition: 1 },
      silent: [],
    });
  });

  it("is unknown before anyone has spoken", () => {
    expect(deploymentWatermark([stream({})], wall).ms).toBeNull();
    expect(deploymentWatermark([], replay).ms).toBeNull();
  });

  it("waits for a stream with unread entries of producers it has not heard", () => {
    const known = stream({ producers: [mark("0-a", 50)] });
    expect(deploymentWatermark([known, stream({ partition: 1, drained: false })], wall).ms).toBeNull();
    expect(deploymentWatermark([known, stream({ partition: 1, drained: true })], wall).ms).toBe(50);
  });

  it.each([
    [30_000, 10, 0],
    [30_001, 50, 1],
  ])("with %i ms of silence the watermark is %i and %i producers are dropped", (silence, ms, dropped) => {
    const streams = [stream({ producers: [mark("0-a", 10, 100_000 - silence), mark("1-b", 50)] })];
    const found = deploymentWatermark(streams, wall);
    expect(found.ms).toBe(ms);
    expect(found.silent).toHaveLength(dropped);
  });

  it("does not take a lagging recorder for silent producers", () => {
    const lagging = stream({
      producers: [mark("0-a", 10, 20_000)],
      recordedToMs: 21_000,
      drained: false,
    });
    expect(deploymentWatermark([lagging], wall)).toMatchObject({ ms: 10, silent: [] });
  });

  it("never drops a silent producer under a replay clock, only an earlier boot of its slot", () => {
    const streams = [stream({ producers: [mark("0-a", 10, 0), mark("1-b", 50)] })];
    expect(deploymentWatermark(streams, replay)).toMatchObject({ ms: 10, silent: [] });
    const rebooted = [stream({ producers: [mark("0-a", 10, 0), mark("0-z", 50)] })];
    expect(deploymentWatermark(rebooted, replay).ms).toBe(50);
  });
});
