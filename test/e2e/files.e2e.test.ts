// End to end: data without a time of its own lives through a replayed clock, is interrupted and goes on; outcomes come from files of every
// kind. Nothing may be counted twice, and nothing may be lost.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { RunningStack } from "../../contracts/config.ts";
import { churn, createReader } from "../support/reader.ts";

const { folder, sh, start, up, leave } = createReader();
const REPLAYED = {
  FLYBALL_CLOCK: "replay",
  FLYBALL_WINDOWS_SIZES: '["24h","7d"]',
  FLYBALL_WINDOWS_ALLOWED_LATENESS: "0s",
};
const ROWS = 400;
let stack: RunningStack;

/** Rows of an answer, as the store has them. */
const asked = async (sql: string): Promise<string[][]> => {
  const response = await fetch(stack.clickhouse, { method: "POST", body: `${sql} FORMAT TSV` });
  const text = await response.text();
  expect(response.status, text).toBe(200);
  return text
    .trimEnd()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"));
};
const number = async (sql: string): Promise<number> => Number((await asked(sql))[0]?.[0]);

const REPLAY = [
  ...["replay", "--contract", "plain@1.0.0", "--data", "plain.csv", "--json"],
  ...["--start", "2026-03-01T06:00:00Z", "--span", "4d", "--step", "6h", "--label-delay", "12h"],
];
const Told = z.object({
  rows: z.literal(ROWS),
  answered: z.int(),
  invalid: z.literal(0),
  passed: z.int(),
  labels: z.int(),
  steps: z.int(),
  settled_through: z.string(),
});

beforeAll(async () => {
  // The same customers without the column that says when.
  const lines = churn()
    .trim()
    .split("\n")
    .map((line) => line.slice(line.indexOf(",") + 1));
  writeFileSync(path.join(folder, "all.csv"), `${lines.join("\n")}\n`);
  writeFileSync(path.join(folder, "plain.csv"), `${lines.slice(0, 1 + ROWS).join("\n")}\n`);
  await sh(`
    mkdir -p contracts/features
    flyball contract infer all.csv --label churned --name plain > contracts/features/plain@1.0.0.yaml
    flyball data freeze all.csv --contract plain@1.0.0 --as all
    flyball train --contract plain@1.0.0 --data all --family logistic-regression`);
  stack = await up(REPLAYED);
  await sh(`flyball governance promote plain@1.0.0 --reason "first version"`, REPLAYED);
});
afterAll(leave);

describe("data without a time of its own", () => {
  it("is refused until it is said when it happened", async () => {
    await sh(
      "! flyball replay --contract plain@1.0.0 --data plain.csv 2>why.txt; grep -e '--start' why.txt",
      REPLAYED,
    );
  });

  it("is interrupted, goes on where event time stands, and is counted once", async () => {
    const child = start(REPLAY, REPLAYED);
    let out = "";
    let err = "";
    child.stdout?.on("data", (chunk: Buffer) => void (out += chunk.toString("utf8")));
    child.stderr?.on("data", (chunk: Buffer) => void (err += chunk.toString("utf8")));
    const closed = once(child, "close");
    // In the middle of things: some steps are over, more are to come.
    const clock = z.object({ now: z.string() });
    await expect
      .poll(
        async () => {
          const { now } = clock.parse(await (await fetch(`${stack.api}/api/v1/clock`)).json());
          return now >= "2026-03-02";
        },
        { timeout: 60_000, interval: 20 },
      )
      .toBe(true);
    child.kill("SIGINT");
    await closed;
    expect({ code: child.exitCode, err }).toEqual({
      code: 1,
      err: "interrupted: the same command goes on where it ended\n",
    });
    const first = Told.parse(JSON.parse(out));
    expect(first.passed).toBe(0);
    expect(first.answered).toBeGreaterThanOrEqual(75);
    expect(first.answered).toBeLessThan(ROWS);

    const rest = Told.parse(JSON.parse(await sh(`flyball ${REPLAY.join(" ")}`, REPLAYED)));
    // Rows of the step that was cut are sent again, and are the same requests.
    expect(rest.passed).toBeGreaterThan(0);
    expect(rest.passed).toBeLessThanOrEqual(first.answered);
    expect(rest.passed + rest.answered).toBe(ROWS);
    expect(rest.settled_through).toBe("2026-03-05T18:00:00.000Z");
    expect(
      await asked(
        "SELECT uniqExact(request_id), min(event_time), max(event_time) FROM flyball.predictions WHERE role = 'production'",
      ),
    ).toEqual([[String(ROWS), "2026-03-01 06:00:00.000", "2026-03-05 05:45:36.000"]]);
    // A label that would come while the first part ran or later comes once: between them the two runs sent every one.
    const labelled = await number("SELECT uniqExact(request_id) FROM flyball.labels");
    expect(labelled).toBeGreaterThan(ROWS * 0.5);
    expect(labelled).toBeLessThan(ROWS * 0.7);
    expect(first.labels + rest.labels).toBeGreaterThanOrEqual(labelled);

    const again = Told.parse(JSON.parse(await sh(`flyball ${REPLAY.join(" ")}`, REPLAYED)));
    expect(again).toMatchObject({
      answered: 0,
      passed: ROWS,
      labels: 0,
      settled_through: rest.settled_through,
    });
    expect(await number("SELECT uniqExact(request_id) FROM flyball.labels")).toBe(labelled);
  });
});

describe("outcomes from a file", () => {
  it.each([
    ["tab-separated values", "outcomes.tsv"],
    ["tab-separated values, zipped", "zipped.tsv.gz"],
    ["Parquet", "outcomes.parquet"],
  ])("of %s are taken, each row once", async (_, file) => {
    const open = await asked(
      "SELECT toString(request_id) FROM flyball.predictions WHERE request_id NOT IN (SELECT request_id FROM flyball.labels) ORDER BY request_id LIMIT 3",
    );
    const ids = open.map(([id = ""]) => id);
    expect(ids).toHaveLength(3);
    const rows = ids.map((id, i) => [id, String(i % 2), "2026-03-05 18:00:00", "crm"]);
    const tsv = [["request_id", "label", "observed_at", "source"], ...rows]
      .map((row) => row.join("\t"))
      .join("\n");
    if (file.endsWith(".parquet")) {
      const values = rows.map(
        ([id, label, at, source]) => `('${id}', ${label}, toDateTime64('${at}', 3, 'UTC'), '${source}')`,
      );
      const made = await fetch(stack.clickhouse, {
        method: "POST",
        body: `SELECT c1 AS request_id, c2 AS label, c3 AS observed_at, c4 AS source FROM VALUES(${values.join(", ")}) FORMAT Parquet`,
      });
      expect(made.status).toBe(200);
      writeFileSync(path.join(folder, file), Buffer.from(await made.arrayBuffer()));
    } else {
      const plain = file.replace(/\.gz$/, "");
      writeFileSync(path.join(folder, plain), `${tsv}\n`);
      if (plain !== file) await sh(`gzip ${plain}`);
    }
    const load = async (): Promise<unknown> =>
      JSON.parse(await sh(`flyball labels load ${file} --json`, REPLAYED));
    expect(await load()).toEqual({ rows: 3, accepted: 3, refused: 0, rejected: [] });
    expect(await load()).toMatchObject({ accepted: 3 });
    const kept = `SELECT toString(request_id), any(toString(label)), any(toString(observed_at)), any(source), uniqExact(label) FROM flyball.labels WHERE request_id IN (${ids.map((id) => `'${id}'`).join(", ")}) GROUP BY request_id ORDER BY request_id`;
    await expect
      .poll(() => asked(kept), { timeout: 20_000 })
      .toEqual(rows.map(([id, label, at, source]) => [id, label, `${at}.000`, source, "1"]));
  });

  it("with one row that is no label sends nothing at all", async () => {
    const [[id = ""] = []] = await asked(
      "SELECT toString(request_id) FROM flyball.predictions WHERE request_id NOT IN (SELECT request_id FROM flyball.labels) ORDER BY request_id LIMIT 1",
    );
    writeFileSync(
      path.join(folder, "bad.tsv"),
      `request_id\tlabel\tobserved_at\n${id}\t1\t2026-03-05 18:00:00\n${id}\t1\tyesterday\n${id}\t1\n`,
    );
    const told = z
      .object({ rows: z.int(), accepted: z.int(), rejected: z.array(z.object({ row: z.int() })) })
      .parse(JSON.parse(await sh("flyball labels load bad.tsv --json || [ $? = 1 ]", REPLAYED)));
    expect(told).toMatchObject({ rows: 3, accepted: 0, rejected: [{ row: 2 }, { row: 3 }] });
    expect(await number(`SELECT count() FROM flyball.labels WHERE request_id = '${id}'`)).toBe(0);
  });
});
