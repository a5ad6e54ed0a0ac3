// A training that is interrupted goes on: whatever line of its log was the last, whole, torn or altered, the model that comes out is
// the one an uninterrupted training gives, and the trees that were kept are not grown again.
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { openTreeLog } from "../../src/adapters/tree-log.ts";
import { fitModel, type FitInput } from "../../src/core/training/fit-model.ts";
import { takeRows } from "../../src/core/training/matrix.ts";
import { randomSplit } from "../../src/core/training/split.ts";
import type { TreeLog } from "../../src/core/training/tree.ts";
import { world } from "../core/training/world.ts";

const home = mkdtempSync(join(tmpdir(), "flyball-trees-"));
afterAll(() => rmSync(home, { recursive: true }));

const { encoding, train } = world(1500);
const sets = randomSplit(1500, 3, { fit: 0.6, calibrate: 0.2, test: 0.2 });
const input: FitInput = {
  encoding,
  family: "gradient-boosted-trees",
  parameters: { boosting: { trees: 12, leaves: 8, rowShare: 0.7, featureShare: 0.6 } },
  seed: 7,
  search: 2,
  fit: takeRows(train, sets.fit),
  stop: takeRows(train, sets.stop),
  calibrate: takeRows(train, sets.calibrate),
};
/** Two candidates and the last fit on all rows. */
const GROWN = 3 * 12;
const bytesOf = (log?: TreeLog): string => JSON.stringify(fitModel({ ...input, ...(log && { log }) }));
const whole = bytesOf();

/** Counts what is grown anew, and breaks after `last` of them as a crash would. */
const watched = (log: TreeLog, last = Infinity) => {
  const seen = { grown: 0 };
  return {
    seen,
    log: {
      next: () => log.next(),
      keep: (grown: Parameters<TreeLog["keep"]>[0]) => {
        log.keep(grown);
        if (++seen.grown === last) throw new Error("the power is gone");
      },
    },
  };
};
const open = (key: string) => openTreeLog(home, key, Date.now());
const fileOf = (key: string): string => join(home, "tmp", `training-${key}.trees`);

it.each([1, 12, 30])("interrupted after %i trees it gives the same model", (last) => {
  const key = `a${last}`;
  expect(() => bytesOf(watched(open(key), last).log)).toThrow("the power is gone");
  const again = watched(open(key));
  expect(bytesOf(again.log)).toBe(whole);
  const trees = readFileSync(fileOf(key), "utf8").trim().split("\n").length;
  expect(again.seen.grown).toBe(trees - last);
  expect(trees).toBeLessThanOrEqual(GROWN);
});

it.each<[string, (text: string) => string]>([
  ["torn", (text) => text.slice(0, -40)],
  ["altered", (text) => text.replace(/"value":\[0\.\d/, '"value":[0.9')],
  ["no line at all", (text) => `${text}half a line`],
])("a log that is %s costs trees, never the model", (_, damage) => {
  const key = "b1";
  expect(() => bytesOf(watched(open(key), 20).log)).toThrow();
  writeFileSync(fileOf(key), damage(readFileSync(fileOf(key), "utf8")));
  expect(bytesOf(open(key))).toBe(whole);
  const log = open(key);
  log.forget();
  expect(open(key).found).toBe(0);
});

it("two processes at one training do each other no harm", () => {
  const key = "c1";
  const [first, second] = [watched(open(key), 5), watched(open(key), 9)];
  expect(() => bytesOf(first.log)).toThrow();
  expect(() => bytesOf(second.log)).toThrow();
  const third = open(key);
  expect(third.found).toBe(9);
  expect(bytesOf(third)).toBe(whole);
});

it("drops a log nobody came back to, and only that", () => {
  bytesOf(open("d1"));
  bytesOf(open("d2"));
  appendFileSync(join(home, "tmp", "other"), "stays");
  utimesSync(fileOf("d1"), new Date(0), new Date(0));
  open("d3");
  const left = readdirSync(join(home, "tmp"));
  expect(left).toContain("training-d2.trees");
  expect(left).toContain("other");
  expect(left).not.toContain("training-d1.trees");
});
