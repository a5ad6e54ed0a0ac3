// The set of served versions on a real registry on disk: verified loads, atomic swaps, failures that stay where they are, and a
// candidate in a process of its own that is killed.
import { existsSync, mkdtempSync, readFileSync, writeFileSync, chmodSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createRegistry } from "../../src/adapters/registry.ts";
import { createServingModels } from "../../src/adapters/serving-models.ts";
import { shadowProcessFile, startShadowChild } from "../../src/adapters/shadow-child.ts";
import { encodingDigest } from "../../src/core/encode.ts";
import { INPUT, OUTPUT } from "../../src/core/onnx-graph.ts";
import type { ScoringSession } from "../../src/ports-serving.ts";
import { apiOn, memoryPublisher, post, rowAt, trainFlights } from "../support/api.ts";

let home: string;
const trained = { first: await trainFlights(1, "1.0.0"), second: await trainFlights(2, "1.1.0") };
const FEED = { layout: "vector", input: INPUT, values: "raw", batch: null } as const;
const POSITIVE = { output: OUTPUT, index: null } as const;
const METRICS = {
  n: 0,
  positives: 0,
  threshold: 0.5,
  roc_auc: null,
  pr_auc: null,
  brier: 0,
  log_loss: 0,
  ece: 0,
  f1: null,
  f1_low: null,
  accuracy: 0,
  precision: null,
  recall: null,
  confusion: { tp: 0, fp: 0, fn: 0, tn: 0 },
};

const publish = async (
  { model, onnx, encoding }: (typeof trained)["first"],
  { version = model.version, family = "gradient-boosted-trees" } = {},
): Promise<void> => {
  const contract = { name: model.model, version: "1.0.0", digest: model.contractDigest };
  const encoding_digest = encodingDigest(encoding);
  await createRegistry(home).publish({
    "model.onnx": onnx,
    "preprocessor.json": JSON.stringify({
      v: 1,
      contract: { ...contract, definition: model.contract },
      encoding_digest,
      encoding,
      feed: FEED,
      positive: POSITIVE,
    }),
    "metrics.json": JSON.stringify({ test: METRICS, calibration: null, importance: {} }),
    "calibration_data.csv": "score,label\n",
    "reference.json": JSON.stringify({
      v: 1,
      encoding_digest,
      n: 0,
      positives: 0,
      from: null,
      to: null,
      features: Object.fromEntries(encoding.features.map(({ feature }) => [feature, []])),
      scores: { negative: [], positive: [] },
    }),
    "metadata.yaml": JSON.stringify({
      v: 1,
      model: model.model,
      version,
      family,
      created_at: "2001-01-01T00:00:00Z",
      seed: 1,
      contract,
      encoding_digest,
      threshold: 0.5,
      calibrator: "platt",
      parameters: {},
      provenance: {
        source: "frozen",
        dataset: "synthetic",
        test_dataset: null,
        from: null,
        to: null,
        rows: { fit: 0, calibrate: 0, test: 0 },
        split: "none",
        parent: null,
      },
      model_digest: model.digest,
    }),
  });
};

beforeAll(async () => {
  home = mkdtempSync(path.join(tmpdir(), "flyball-registry-"));
  await publish(trained.first);
  await publish(trained.second);
  await publish(trained.second, { version: "1.2.0", family: "external" });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const open = (
  monotonicMs: () => number = () => performance.now(),
  isolate: "external" | "all" = "external",
) =>
  createServingModels({
    registry: createRegistry(home),
    isolate,
    hangMs: null,
    monotonicMs,
    retireMs: 10,
  });
const target = (promoted: string | null, shadows: readonly string[] = []) => [
  { model: "flight-delay", promoted, shadows },
];

it("serves what was trained, swaps by generation, and keeps production where a load fails", async () => {
  let now = 0;
  const models = open(() => now);
  expect(models.current()).toBeNull();
  expect(await models.apply(target("1.0.0", ["1.1.0", "1.0.0"]), 3)).toEqual([]);
  expect(models.candidates("flight-delay").map((one) => one.version)).toEqual(["1.1.0"]);
  const vector = Float32Array.of(500, 6, 2, 1, 2);
  const serving = models.current();
  expect(await serving?.session.run(vector, 1)).toEqual(await trained.first.model.session.run(vector, 1));
  expect(models.generation()).toEqual({ loaded: 3, head: null, stale: true, ageS: null });

  expect(await models.apply(target("1.0.0", ["9.9.9"]), 4)).toMatchObject([
    { version: "9.9.9", role: "shadow" },
  ]);
  expect(models.current()).toBe(serving);
  expect(models.generation().loaded).toBe(4);

  expect(await models.apply(target("9.9.9"), 5)).toMatchObject([{ version: "9.9.9", role: "production" }]);
  expect(models.current()).toBe(serving);
  models.confirmHead(5);
  now = 10_001;
  expect(models.generation()).toEqual({ loaded: 4, head: 5, stale: true, ageS: 10.001 });

  expect(await models.apply(target("1.1.0"), 6)).toEqual([]);
  expect(models.current("flight-delay")?.version).toBe("1.1.0");
  // Who met the version before the switch is still answered by it.
  expect(await serving?.session.run(vector, 1)).toEqual(await trained.first.model.session.run(vector, 1));
  expect(models.knows("other")).toBe(false);
  await models.close();
});

it("refuses a bundle with a flipped byte, naming the file", async () => {
  const file = path.join(home, "registry/flight-delay/1.1.0/model.onnx");
  const good = readFileSync(file);
  const bad = Buffer.from(good);
  bad.writeUInt8(bad.readUInt8(100) ^ 1, 100);
  chmodSync(file, 0o644);
  writeFileSync(file, bad);
  const models = open();
  const [failure] = await models.apply(target("1.1.0"), 1);
  expect(failure?.detail).toContain("model.onnx");
  expect(models.current()).toBeNull();
  writeFileSync(file, good);
  chmodSync(file, 0o444);
  await models.close();
});

const compiled = existsSync(shadowProcessFile());
if (!compiled && process.env["FLYBALL_TEST_STRICT"] !== undefined) throw new Error("dist is not built");
if (!compiled) console.warn("SKIPPED: candidate in its own process (run `npm run build` first)");

it.skipIf(!compiled)(
  "a candidate in its own process scores alike, and its death is a rejected call and a fresh process",
  async () => {
    const { model, onnx, encoding } = trained.first;
    const spec = { feed: FEED, positive: POSITIVE, features: encoding.features };
    const child = await startShadowChild({ bytes: onnx, spec }, { backOffMs: 20 });
    const vector = Float32Array.of(500, 6, 2, 1, 2);
    expect(await child.run(vector, 1)).toEqual(await model.session.run(vector, 1));
    const pid = child.pid();
    // Stopped first: on a fast machine the answer would be there before the kill.
    if (pid !== null) process.kill(pid, "SIGSTOP");
    const broken = child.run(vector, 1);
    if (pid !== null) process.kill(pid, "SIGKILL");
    await expect(broken).rejects.toThrow(/process/);
    const answer = await new Promise<Float32Array | Float64Array>((resolve) => {
      const again = (): void => void child.run(vector, 1).then(resolve, () => setTimeout(again, 20));
      again();
    });
    expect(answer).toEqual(await model.session.run(vector, 1));
    expect(child.restarts()).toBeGreaterThanOrEqual(1);
    await child.close();
    await expect(startShadowChild({ bytes: Uint8Array.of(1, 2, 3), spec })).rejects.toThrow();
  },
);

/** Id of the process a session scores in; null where that is ours. */
const pidOf = (session: ScoringSession | undefined): number | null => {
  const pid: unknown = Reflect.get(Object(session), "pid");
  return typeof pid === "function" ? Number(Reflect.apply(pid, session, [])) : null;
};

it.skipIf(!compiled)(
  "a candidate made elsewhere scores in a process of its own, whose death is an error of its own and no answer's",
  async () => {
    const models = open();
    expect(await models.apply(target("1.0.0", ["1.1.0", "1.2.0"]), 1)).toEqual([]);
    const [own, strange] = models.candidates("flight-delay");
    expect([pidOf(models.current()?.session), pidOf(own?.session)]).toEqual([null, null]);
    const memory = memoryPublisher();
    const api = apiOn({ models, publisher: memory.publisher });
    const ask = async (): Promise<unknown[]> => {
      const before = memory.events().length;
      const features = rowAt(trained.first.rows, 0);
      expect((await post(api, "/api/v1/predict", { features })).status).toBe(200);
      await api.idle();
      const rows = memory.events().slice(before);
      return rows.map((row) => [row[2], row[3], row[6]]).sort();
    };
    const outcome = (status: string) => [
      ["1.0.0", "production", "ok"],
      ["1.1.0", "shadow", "ok"],
      ["1.2.0", "shadow", status],
    ];
    expect(await ask()).toEqual(outcome("ok"));
    const pid = pidOf(strange?.session);
    if (pid === null) throw new Error("it scores in this process");
    process.kill(pid, "SIGKILL");
    expect(await ask()).toEqual(outcome("error"));
    await expect.poll(ask, { timeout: 20_000 }).toEqual(outcome("ok"));
    await models.close();

    const apart = open(undefined, "all");
    await apart.apply(target("1.0.0", ["1.1.0"]), 1);
    expect(pidOf(apart.current()?.session)).toBeNull();
    expect(pidOf(apart.candidates("flight-delay")[0]?.session)).toBeGreaterThan(0);
    await apart.close();
  },
);

it.skipIf(!compiled)("a candidate that takes more memory than it may is ended, and says why", async () => {
  const { onnx, encoding } = trained.first;
  const spec = { feed: FEED, positive: POSITIVE, features: encoding.features };
  const limits = { memoryBytes: 2 ** 20, backOffMs: 20 }; // less than any process of Node
  const child = await startShadowChild({ bytes: onnx, spec }, limits).catch((error: unknown) =>
    String(error),
  );
  if (typeof child === "string") return expect(child).toMatch(/took \d+ bytes of memory, at most 1048576/);
  // It was ready before the first look; that look ends it.
  while (child.restarts() === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await child.close();
});
