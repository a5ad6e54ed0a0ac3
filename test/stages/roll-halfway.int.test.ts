// The roll stage on the real engine, half-way: it dies between histograms and snapshots, or what it wrote arrives late. Whatever is left
// behind, every window counts once.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createSnapshots } from "../../src/adapters/snapshot-store.ts";
import { roll } from "../../workers/roll.ts";
import { HOUR, MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

let house: Deployment;
beforeAll(async () => {
  house = await startDeployment();
  await house.publish({ seed: 2 });
});
afterAll(() => house.close());
beforeEach(() => house.reset());

const rollThrough = (ms: number) => roll(house.ports, house.windows, ms);

describe("half-way", () => {
  /** Stores whose engine dies right before it would insert into `snapshots`. */
  const dying = () => {
    const engine = {
      query: (name: string, parameters: Parameters<typeof house.stack.clickhouse.query>[1]) =>
        house.stack.clickhouse.query(name, parameters),
      bytes: house.stack.clickhouse.bytes,
      insert: (table: string, rows: readonly object[], by: { token: string }) =>
        table === "snapshots"
          ? Promise.reject(new Error("the engine is gone"))
          : house.stack.clickhouse.insert(table, rows, by),
    };
    return { ...house.ports, snapshots: createSnapshots(engine) };
  };
  const histograms = () =>
    house.stack.sql(
      `SELECT window_size, toString(window_start) AS start, revision, feature, toString(sum(arraySum(counts))) AS n
       FROM feature_histograms WHERE model = '${MODEL}' AND window_size != 'reference' GROUP BY ALL ORDER BY ALL`,
    );

  it("a crash between histograms and snapshots leaves nothing that counts twice", async () => {
    await house.record(house.traffic({ fromMs: START, hours: 12, perHour: 5 }));
    await expect(roll(dying(), house.windows, START + 12 * HOUR)).rejects.toThrow("gone");
    expect(await house.count("snapshots")).toBe(0);
    await rollThrough(START + 12 * HOUR);
    expect(await house.count("snapshots")).toBe(3);
    const sums = await histograms();
    expect(sums.filter((row) => row["n"] !== (row["window_size"] === "6h" ? "30" : "60"))).toEqual([]);
  });

  it("also when more rows came before the second look", async () => {
    const facts = house.traffic({ fromMs: START, hours: 6, perHour: 2 });
    await house.record(facts.slice(0, 8));
    await expect(roll(dying(), house.windows, START + 6 * HOUR)).rejects.toThrow("gone");
    await house.record(facts.slice(8));
    await rollThrough(START + 6 * HOUR);
    const [features] = await house.stores.snapshots.features({
      model: MODEL,
      size: "6h",
      span: { startMs: START, endMs: START + 6 * HOUR },
      bucketMs: 6 * HOUR,
    });
    expect(features?.histogram.counts.reduce((sum, n) => sum + n, 0)).toBe(12);
  });

  /** Rows that answer for a window: how many codes and scores its newest snapshot vouches for. */
  const vouched = async (hours: number) => {
    const span = { startMs: START, endMs: START + hours * HOUR };
    const by = { model: MODEL, size: "6h", span, bucketMs: 6 * HOUR };
    const total = (found: readonly { windowStartMs: number; histogram: { counts: readonly number[] } }[]) =>
      found.map(({ windowStartMs, histogram }) => [
        (windowStartMs - START) / HOUR,
        histogram.counts.reduce((sum, n) => sum + n, 0),
      ]);
    const { snapshots } = house.stores;
    const [features, scores] = await Promise.all([snapshots.features(by), snapshots.scores(by)]);
    return { features: total(features), scores: total(scores.filter(({ scope }) => scope === "all")) };
  };

  it("also when the second look writes more windows together than the first", async () => {
    await house.record(house.traffic({ fromMs: START, hours: 18, perHour: 5 }));
    await expect(roll(dying(), house.windows, START + 12 * HOUR)).rejects.toThrow("gone");
    await rollThrough(START + 18 * HOUR);
    // The first two windows are there twice, and once where it counts.
    expect(await house.count("score_histograms", "window_size = '6h' AND scope = 'all'")).toBe(5);
    expect(await house.count("snapshots", "window_size = '6h' AND revision = 1")).toBe(3);
    const thrice = [0, 6, 12].map((hour) => [hour, 30]);
    const { features, scores } = await vouched(18);
    expect(scores).toEqual(thrice);
    expect(features).toEqual(thrice.flatMap((row) => Array<number[]>(features.length / 3).fill(row)));
    const day = await house.stack.sql("SELECT window_size, volume FROM snapshots WHERE window_size = '12h'");
    expect(day).toEqual([{ window_size: "12h", volume: 60 }]);
  });

  it("a try that comes late, after another wrote the window, is read by nobody", async () => {
    const late: (() => Promise<void>)[] = [];
    const { clickhouse } = house.stack;
    const stuck = {
      query: (name: string, parameters: Parameters<typeof clickhouse.query>[1]) =>
        clickhouse.query(name, parameters),
      bytes: clickhouse.bytes,
      insert: (table: string, rows: readonly object[], by: { token: string }) => {
        if (by.token.startsWith("reference/") || by.token.startsWith("encoding/"))
          return clickhouse.insert(table, rows, by);
        late.push(() => clickhouse.insert(table, rows, by));
        return Promise.reject(new Error("no answer"));
      },
    };
    await house.record(house.traffic({ fromMs: START, hours: 12, perHour: 5 }));
    const ports = { ...house.ports, snapshots: createSnapshots(stuck) };
    await expect(roll(ports, house.windows, START + 6 * HOUR)).rejects.toThrow("no answer");
    await rollThrough(START + 12 * HOUR);
    const before = await vouched(12);
    expect(before.scores).toEqual([
      [0, 30],
      [6, 30],
    ]);
    for (const arrive of late) await arrive();
    expect(await house.count("score_histograms", "window_size = '6h' AND scope = 'all'")).toBe(3);
    expect(await vouched(12)).toEqual(before);
    await rollThrough(START + 12 * HOUR);
    expect(await vouched(12)).toEqual(before);
  });
});
