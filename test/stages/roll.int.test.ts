// The roll stage on the real engine: once and twice (roll-halfway has the rest). The same events in whatever order and batches they arrive end in the
// same digests; what was written is never changed; a longer window is the exact sum of its parts.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createFactRetention } from "../../src/adapters/fact-retention.ts";
import { seeded, shuffled } from "../../src/core/training/seeded.ts";
import { retain } from "../../workers/retain.ts";
import { roll } from "../../workers/roll.ts";
import {
  DAY,
  HOUR,
  MODEL,
  START,
  startDeployment,
  type Deployment,
  type Fact,
} from "../support/deployment.ts";

let house: Deployment;
beforeAll(async () => {
  house = await startDeployment();
  await house.publish({ seed: 2 });
});
afterAll(() => house.close());
beforeEach(() => house.reset());

const rollThrough = (ms: number) => roll(house.ports, house.windows, ms);

/** Newest digest of every snapshot. */
const digests = () =>
  house.stack.sql(
    `SELECT window_size, toString(window_start) AS start, version, toString(role) AS role, argMax(digest, revision) AS digest
     FROM snapshots GROUP BY window_size, start, version, role ORDER BY ALL`,
  );
const rowsOf = (table: string) => house.stack.sql(`SELECT * FROM ${table} ORDER BY ALL`);

/** A day with a shadow, failures, retries within a window and a retry across the edge of one. */
const day = (): Fact[] => {
  const asked = house.traffic({ fromMs: START, hours: 24, perHour: 4 });
  const seq = (at: number) => ({ seq: asked.length + at });
  const kept = asked.map((fact, at): Fact =>
    at % 13 === 0 ? { ...fact, status: "invalid", p: null, codes: [] } : fact,
  );
  const shadows = kept
    .filter(({ status }) => status === "ok")
    .map((fact, at): Fact => ({
      ...fact,
      ...seq(at),
      role: "shadow",
      version: "1.1.0",
      p: (fact.p ?? 0) / 2,
    }));
  const again = kept
    .filter((_, at) => at % 24 === 23)
    .map((fact, at): Fact => ({
      ...fact,
      ...seq(shadows.length + at),
      // The last request of each window, asked again twenty minutes later: the same event in the next window.
      atMs: fact.atMs + 20 * 60_000,
      ingestedMs: fact.atMs + 20 * 60_000,
    }));
  const conflict = kept
    .filter((_, at) => at % 30 === 20)
    .map((fact, at): Fact => ({
      ...fact,
      ...seq(shadows.length + again.length + at),
      codes: fact.codes.map((code) => code + 1),
      ingestedMs: fact.ingestedMs + 1,
    }));
  return [...kept, ...shadows, ...again, ...conflict];
};

describe("order", () => {
  it("the same events in another order, in batches with rolls between, end in the same digests", async () => {
    const facts = day();
    await house.record(facts);
    await rollThrough(START + DAY);
    const straight = await digests();
    expect(straight).toHaveLength(2 * (4 + 2 + 1));

    await house.reset();
    const order = shuffled(facts.length, seeded(9));
    for (let part = 0; part < 3; part += 1) {
      await house.record(facts.filter((_, at) => (order[at] ?? 0) % 3 === part));
      await rollThrough(START + (part + 1) * 8 * HOUR);
    }
    await rollThrough(START + DAY);
    expect(await digests()).toEqual(straight);
    // The detour was one: windows were revised.
    expect(await house.count("snapshots", "revision > 1")).toBeGreaterThan(3);
  });

  it("an earlier copy that comes after its repeat takes the event out of the later window", async () => {
    const [first] = house.traffic({ fromMs: START + 6 * HOUR - 60_000, hours: 1, perHour: 1 });
    const others = house.traffic({ fromMs: START, hours: 18, perHour: 1, seed: 6, firstSeq: 10 });
    if (first === undefined) throw new Error("no traffic");
    const repeat = { ...first, atMs: first.atMs + 120_000, ingestedMs: first.atMs + 120_000, seq: 1 };
    await house.record([first, repeat, ...others]);
    await rollThrough(START + 12 * HOUR);
    const straight = await digests();

    await house.reset();
    await house.record([repeat, ...others]);
    await rollThrough(START + 12 * HOUR);
    await house.record([first]);
    await rollThrough(START + 12 * HOUR);
    expect(await digests()).toEqual(straight);
  });
});

describe("twice", () => {
  it("adds nothing, also when progress was lost", async () => {
    await house.record(day());
    await rollThrough(START + DAY);
    const tables = ["snapshots", "feature_histograms", "score_histograms", "encodings"];
    const before = await Promise.all(tables.map(rowsOf));
    expect(before.every((rows) => rows.length > 0)).toBe(true);
    await rollThrough(START + DAY);
    await house.redis.flushall();
    await rollThrough(START + DAY);
    expect(await Promise.all(tables.map(rowsOf))).toEqual(before);
  });
});

describe("versions whose contracts differ", () => {
  it("caught up in one look, have their features under their own names", async () => {
    const facts = house.traffic({ fromMs: START, hours: 12, perHour: 2 });
    await house.record(facts.map((fact, at) => ({ ...fact, version: at < 12 ? "1.0.0" : "1.1.0" })));
    // The second version's contract is the next major: other features in the same places.
    const { registry } = house.ports;
    const bundle: typeof registry.bundle = async (model, version) => {
      const whole = await registry.bundle(model, version);
      const features = whole.encoding.features.map((one) => ({ ...one, feature: `new ${one.feature}` }));
      return version === "1.0.0" ? whole : { ...whole, encoding: { ...whole.encoding, features } };
    };
    const ports = { ...house.ports, registry: { ...registry, bundle } };
    await roll(ports, house.windows, START + 12 * HOUR);
    expect(
      await house.stack.sql(
        `SELECT window_size AS size, version, groupUniqArray(feature) AS names FROM
         (SELECT * FROM feature_histograms WHERE window_size != 'reference' ORDER BY position) GROUP BY size, version ORDER BY ALL`,
      ),
    ).toEqual(
      ["12h", "6h"].flatMap((size) => [
        { size, version: "1.0.0", names: expect.arrayContaining(["price", "shop"]) as string[] },
        { size, version: "1.1.0", names: expect.arrayContaining(["new price", "new shop"]) as string[] },
      ]),
    );
  });
});

describe("late rows", () => {
  it("make revision 2 and leave revision 1 as it was", async () => {
    const facts = house.traffic({ fromMs: START, hours: 18, perHour: 2 });
    const late = facts.filter((_, at) => at === 7 || at === 9);
    await house.record(facts.filter((fact) => !late.includes(fact)));
    await rollThrough(START + 12 * HOUR);
    const first = await rowsOf("snapshots");
    await house.record(late);
    await rollThrough(START + 12 * HOUR);
    const now = await rowsOf("snapshots");
    expect(now).toEqual(expect.arrayContaining(first));
    const added = now.filter((row) => row["revision"] === 2);
    expect(added).toHaveLength(now.length - first.length);
    expect(added.map((row) => [row["window_size"], row["late_rows"], row["flags"]])).toEqual([
      ["12h", 2, ["late"]],
      ["6h", 2, ["late"]],
    ]);
  });

  it("older than the window of revision are left", async () => {
    const facts = house.traffic({ fromMs: START, hours: 1, perHour: 10 });
    await house.record(facts.slice(1));
    await rollThrough(START + 8 * DAY);
    await house.record(facts.slice(0, 1));
    await rollThrough(START + 8 * DAY);
    expect(await house.count("snapshots", "revision > 1")).toBe(0);
  });
});

describe("sums", () => {
  it("a longer window is the exact sum of its parts, and of the facts", async () => {
    await house.record(house.traffic({ fromMs: START, hours: 24, perHour: 10 }));
    await rollThrough(START + DAY);
    const sums = await house.stack.sql(
      `SELECT window_size, toString(sum(volume)) AS volume, toString(sum(ok)) AS ok, toString(sum(score_sum)) AS s,
              toString(sum(score_sum_squares)) AS q
       FROM snapshots GROUP BY window_size ORDER BY window_size`,
    );
    const [facts] = await house.stack.sql(
      `SELECT toString(count()) AS volume, toString(countIf(status = 'ok')) AS ok,
              toString(sum(toInt128(round(probability * 1e12)))) AS s, toString(sum(toInt128(round(pow(probability, 2) * 1e12)))) AS q
       FROM predictions`,
    );
    expect(sums).toEqual(["12h", "24h", "6h"].map((window_size) => ({ window_size, ...facts })));
    const histograms = await house.stack.sql(
      `SELECT feature, groupUniqArray(toString(whole)) AS same, any(n) AS n FROM
       (SELECT feature, window_size, sumMap(codes, counts) AS whole, toString(sum(arraySum(counts))) AS n
        FROM feature_histograms WHERE window_size != 'reference' GROUP BY feature, window_size)
       GROUP BY feature ORDER BY feature`,
    );
    expect(histograms.map((row) => [row["feature"], (row["same"] as unknown[]).length, row["n"]])).toEqual([
      ["price", 1, "240"],
      ["shop", 1, "240"],
    ]);
  });
});

describe("counts", () => {
  it("come out of their packing as they were written, whatever their size, and one that is torn leaves the others alone", async () => {
    const histograms: [number[], number[]][] = [
      [
        [8, 9, 10],
        [0, 255, 3],
      ],
      [
        [3, 8, 9, 255],
        [1, 256, 65_535, 7],
      ],
      [
        [0, 1],
        [65_536, 2 ** 40 + 77],
      ],
      [[], []],
      [[255], [9]],
      [[4, 5], [1]],
      [
        [7, 6],
        [1, 2],
      ],
    ];
    const window = `'${MODEL}', '1.0.0', 'production', '5m', toDateTime64(${START / 1000}, 3, 'UTC'), 1`;
    const rows = histograms.map(
      ([codes, counts], at) => `(${window}, 'all', ${at + 1}, 'f', 'e', [${codes}], [${counts}])`,
    );
    await house.stack.sql(`INSERT INTO feature_histograms (* EXCEPT batch) VALUES ${rows.join(", ")}`);
    await house.stack.sql(
      `INSERT INTO snapshots (model, version, role, window_size, window_start, revision) VALUES (${window})`,
    );
    const span = { startMs: START, endMs: START + HOUR };
    const found = await house.stores.snapshots.counts({ model: MODEL, size: "5m", span });
    expect(found.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    found.forEach(({ counts, windowStartMs, version, role, encoding }, at) => {
      expect({ windowStartMs, version, role, encoding }).toEqual({
        ...{ windowStartMs: START, version: "1.0.0", role: "production", encoding: "e" },
      });
      const [codes = [], rows = []] = histograms[at] ?? [];
      const written = new Float64Array(256);
      codes.forEach((code, i) => (written[code] = rows[i] ?? NaN));
      if (codes.length === rows.length) expect(counts).toEqual(written);
      else expect(counts.every(Number.isNaN)).toBe(true);
    });
  });
});

describe("holes", () => {
  it("a missing sequence number flags the window until the row comes", async () => {
    const facts = house.traffic({ fromMs: START, hours: 18, perHour: 2 });
    const [lost] = facts.slice(14);
    await house.record(facts.filter((fact) => fact !== lost));
    await rollThrough(START + 18 * HOUR);
    const flagged = (revision: number) =>
      house.stack.sql(
        `SELECT toHour(window_start) AS h, flags FROM snapshots WHERE window_size = '6h' AND revision = ${revision} ORDER BY h`,
      );
    expect(await flagged(1)).toEqual([
      { h: 0, flags: [] },
      { h: 6, flags: ["incomplete"] },
      { h: 12, flags: [] },
    ]);
    if (lost !== undefined) await house.record([lost]);
    await rollThrough(START + 18 * HOUR);
    expect(await flagged(2)).toEqual([{ h: 6, flags: ["late"] }]);
  });

  it("at the edge of two windows flags the one in which it shows, and of the sums those that hold it", async () => {
    const facts = house.traffic({ fromMs: START, hours: 24, perHour: 2 });
    await house.record(facts.filter((_, at) => at !== 12));
    await rollThrough(START + DAY);
    const incomplete = await house.stack.sql(
      `SELECT window_size AS size, groupArray(toHour(window_start)) AS hours FROM
       (SELECT * FROM snapshots WHERE has(flags, 'incomplete') ORDER BY window_size, window_start) GROUP BY size ORDER BY size`,
    );
    expect(incomplete).toEqual([
      { size: "12h", hours: [0] },
      { size: "24h", hours: [0] },
      { size: "6h", hours: [6] },
    ]);
  });
});

/** Rows of facts by month. */
const months = () =>
  house.stack.sql(
    `SELECT * FROM (
     SELECT 'predictions' AS name, toYYYYMM(event_time) AS month, count() AS rows FROM predictions GROUP BY month
     UNION ALL
     SELECT 'labels', toYYYYMM(received_at) AS month, count() FROM labels GROUP BY month
     ) ORDER BY ALL SETTINGS output_format_json_quote_64bit_integers = 0`,
  );

describe("facts that have had their time", () => {
  it("go a month at a time; what was rolled from them stays, and nothing goes twice", async () => {
    const january = house.traffic({ fromMs: START, hours: 24, perHour: 4 });
    const march = house.traffic({
      fromMs: START + 60 * DAY,
      hours: 24,
      perHour: 4,
      seed: 5,
      firstSeq: january.length,
    });
    for (const facts of [january, march]) {
      await house.record(facts);
      await house.label(facts.map(({ request, label, atMs }) => ({ request, label, atMs: atMs + DAY })));
    }
    await rollThrough(START + DAY);
    const before = await digests();
    expect(before.length).toBeGreaterThan(2);

    const { service } = house.stores.config;
    const by = { ...service, retention: { predictions: "90d" } };
    const ports = { ...house.ports, facts: createFactRetention(house.stores.clickhouse) };
    const februaryBegins = START + 31 * DAY;
    // The contract's labels take a day; nothing of January is 90 days old before the first of May.
    expect(await retain(ports, by, februaryBegins + 90 * DAY - 1)).toEqual([]);
    const gone = await retain(ports, by, februaryBegins + 90 * DAY);
    expect(gone.map(({ facts, month, rows }) => [facts, month, rows])).toEqual([
      ["labels", "200101", january.length],
      ["predictions", "200101", january.length],
    ]);
    expect(await months()).toEqual([
      { name: "labels", month: 200_103, rows: march.length },
      { name: "predictions", month: 200_103, rows: march.length },
    ]);
    expect(await retain(ports, by, februaryBegins + 90 * DAY)).toEqual([]);

    await rollThrough(START + DAY + HOUR);
    expect(await digests()).toEqual(before);
    expect(await retain(ports, { ...by, retention: { predictions: null } }, START + 5_000 * DAY)).toEqual([]);
  });
});
