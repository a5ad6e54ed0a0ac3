// The train stage on a real registry: what retraining from logged codes does when values have left the encoding's range. The share that is
// still allowed passes, one row more is refused by its feature's name and publishes nothing.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { OVERFLOW } from "../../contracts/encoding.ts";
import { createRegistry } from "../../src/adapters/registry.ts";
import { contractDigest } from "../../src/core/contract.ts";
import { train, type TrainJob } from "../../src/stages/train.ts";
import { contract, onlyCodes, world } from "../core/training/world.ts";

const homes: string[] = [];
afterEach(() => {
  for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
});
const newRegistry = () => {
  homes.push(mkdtempSync(join(tmpdir(), "flyball-train-stage-")));
  return createRegistry(homes.at(-1) ?? "");
};

const ROWS = 1_000;
const { encoding, train: rows } = world(ROWS);
const [amount] = encoding.features;
if (amount?.kind !== "continuous") throw new Error("the world begins with a continuous feature");

/** Logged codes, so many of whose amounts lie in `code`. */
const jobWith = (overflowing: number, code: number, more: Partial<TrainJob> = {}): TrainJob => {
  const matrix = onlyCodes(rows);
  const codes = matrix.codes.map((column, at) =>
    at === 0 ? column.map((own, row) => (row < overflowing ? code : own)) : column,
  );
  return {
    ...{ contract, contractDigest: contractDigest(contract), encoding, matrix: { ...matrix, codes } },
    ...{ timesMs: null, test: null, split: "random", seed: 1, source: "production", dataset: "d" },
    ...{ parent: null, trainingId: null, createdAt: "2026-01-01T00:00:00Z" },
    ...{ family: "logistic-regression", parameters: {}, search: 1 },
    ...more,
  };
};

describe.each([
  ["below", 0],
  ["just below", OVERFLOW - 1],
  ["just above", OVERFLOW + amount.edges.length],
  ["above", 2 * OVERFLOW + amount.edges.length - 1],
])("values %s the encoding's range", (_, code) => {
  it("are learned from up to 5 % of the rows, and refused as encoding_exhausted beyond", async () => {
    const registry = newRegistry();
    expect(await train(registry, jobWith(50, code))).toMatchObject({ ok: true, version: "1.0.0" });
    expect(await train(registry, jobWith(51, code))).toEqual({
      ok: false,
      refused: "encoding_exhausted",
      detail: "amount: 5.1 % of rows lie outside the encoding's range (at most 5 %)",
    });
    expect(await registry.list()).toHaveLength(1);
  });
});

it("rows of a frozen dataset bring their raw values: they are not refused for their codes", async () => {
  expect(await train(newRegistry(), jobWith(51, 0, { source: "frozen" }))).toMatchObject({ ok: true });
});
