// The retrain stage on the real ledger and registry: a training asked for once is carried out once. A bundle that was published before a
// crash is adopted, a failed training ends in the book, and a trainer of one's own learns from the loop's labelled windows.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RetrainJob } from "../../contracts/jobs.ts";
import { floatBytes, message, type Field } from "../../src/core/onnx-proto.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { execute, type ExecutePorts } from "../../workers/execute.ts";
import { createTraining } from "../../src/adapters/training-process.ts";
import type { TrainingResult } from "../../src/ports.ts";
import { retrain, type RetrainPorts } from "../../workers/retrain.ts";
import { DAY, HOUR, MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

let house: Deployment;
let asked: RetrainJob[];
let trained: number;
beforeAll(async () => {
  house = await startDeployment();
});
afterAll(() => house.close());
beforeEach(() => {
  asked = [];
  trained = 0;
});

const executeOnce = (): Promise<boolean> => {
  const ports: ExecutePorts = {
    ...house.stores,
    registry: house.stores.bundles,
    work: { look: () => Promise.resolve(), retrain: (job) => Promise.resolve(void asked.push(job)) },
    now: () => Promise.resolve(START),
    checkpoint: () => Promise.resolve(),
  };
  return execute(ports, { policy: house.policy, windows: house.windows });
};
const command = (name: "promote" | "retrain", id: string, version: string | null) =>
  giveCommand(house.stores.ledger, {
    ...{ commandId: id, model: MODEL, command: name, version, actor: "ann", reason: "a test" },
    ...{ expiresAt: null, generation: null, at: new Date(START).toISOString() },
  });
const state = async () => (await house.stores.ledger.state()).models[MODEL];

/** Promotes the first version and asks for a training. */
const requested = async (id = "again"): Promise<RetrainJob> => {
  await house.reset();
  await executeOnce();
  await command("promote", "bootstrap", "1.0.0");
  await executeOnce();
  await command("retrain", id, null);
  await executeOnce();
  const [job] = asked;
  if (job === undefined) throw new Error("no training was asked for");
  return job;
};
const ports = (over: Partial<RetrainPorts> = {}): RetrainPorts => ({
  ledger: house.stores.ledger,
  registry: house.stores.bundles,
  train: async ({ training, parent }): Promise<TrainingResult> => {
    trained += 1;
    const { trainingId } = training;
    return { ok: true, version: await house.publish({ seed: 3, trainingId, source: "production", parent }) };
  },
  now: () => Promise.resolve(START),
  log: house.stores.log,
  ...over,
});
const live = new AbortController().signal;

it("a training that fails ends in the book, and leaves the serving version alone", async () => {
  const job = await requested();
  const failing = (): Promise<TrainingResult> =>
    Promise.resolve({ ok: false, outcome: "failed", detail: "out of memory" });
  await retrain(ports({ train: failing }), job, live);
  expect(await state()).toMatchObject({ training: null, promoted: "1.0.0", trainingFailures: 1 });
});

it("a stopped training stays asked for", async () => {
  const job = await requested();
  const stopped = new AbortController();
  const train = (): Promise<TrainingResult> => {
    stopped.abort();
    return Promise.resolve({ ok: false, outcome: "failed", detail: "killed" });
  };
  await retrain(ports({ train }), job, stopped.signal);
  expect((await state())?.training?.trainingId).toBe(job.training_id);
});

it("a crash between publishing and the ledger: the bundle is adopted, nothing is trained twice", async () => {
  const job = await requested();
  const ledger = { ...house.stores.ledger, append: () => Promise.reject(new Error("killed")) };
  await expect(retrain(ports({ ledger }), job, live)).rejects.toThrow("killed");
  // The execute stage sees a bundle of a training under way and leaves it to us.
  await executeOnce();
  expect((await state())?.versions["1.1.0"]).toBeUndefined();
  await retrain(ports(), job, live);
  await retrain(ports(), job, live);
  expect(trained).toBe(1);
  expect(await state()).toMatchObject({ training: null, trainingFailures: 0 });
  expect((await state())?.versions["1.1.0"]).toMatchObject({ state: "TRAINING", parent: "1.0.0" });
  const finished = (await house.stores.ledger.read(0, 1_000)).flatMap((entry) =>
    entry.events.filter((event) => event.type === "training_finished"),
  );
  expect(finished).toMatchObject([{ training_id: job.training_id, outcome: "published", version: "1.1.0" }]);
});

/** A trainer as a user may write one: it leaves a model where it is told to, if it was given rows and the contract. */
const TRAINER = `
import { copyFileSync, readFileSync } from "node:fs";
const { FLYBALL_TRAIN_DATA: data, FLYBALL_TRAIN_CONTRACT: contract, FLYBALL_CLICKHOUSE_URL: url } = process.env;
if (readFileSync(data).subarray(0, 4).toString() !== "PAR1") throw new Error("no Parquet file");
if (JSON.parse(readFileSync(contract, "utf8")).name !== "demand") throw new Error("another contract");
if (url !== undefined) throw new Error("a trainer has no business with the stores");
if (process.argv[2] === "") throw new Error("no licence");
copyFileSync(process.argv[2], process.argv[3]);
`;
const TRAINING_MS = 120_000;

/** What it learned: 1 / (1 + e^(price / 150 − 1.5)), as ONNX with one input a feature; the shop is not looked at. */
// prettier-ignore
const byPriceAlone = (): Uint8Array => {
  const value = (name: string, type: number): Uint8Array => {
    const shape = message([[1, message([[2, "n"]])], [1, message([[1, 1]])]]);
    return message([[1, name], [2, message([[1, message([[1, type], [2, shape]])]])]]);
  };
  const number = (name: string, is: number): Field => [5, message([[1, 1], [2, 1], [8, name], [9, floatBytes([is])]])];
  const node = (op: string, inputs: readonly string[], output: string): Field => [
    1,
    message([...inputs.map((input): Field => [1, input]), [2, output], [4, op]]),
  ];
  const graph = message([
    node("Mul", ["price", "slope"], "falls"),
    node("Add", ["falls", "start"], "margin"),
    node("Sigmoid", ["margin"], "chance"),
    [2, "by price alone"],
    number("slope", -1 / 150),
    number("start", 1.5),
    [11, value("price", 1)],
    [11, value("shop", 8)],
    [12, value("chance", 1)],
  ]);
  return message([[1, 8], [7, graph], [8, message([[1, ""], [2, 17]])]]);
};

it(
  "a trainer of one's own learns from labelled windows, in a process of its own",
  { timeout: TRAINING_MS },
  async () => {
    const job = await requested("by another trainer");
    const facts = house.traffic({ fromMs: START - 3 * DAY, hours: 72, perHour: 20 });
    await house.record(facts);
    await house.label(facts.map(({ request, label, atMs }) => ({ request, label, atMs: atMs + HOUR })));
    const { home } = house.stack;
    const script = path.join(home, "trainer.mjs");
    await writeFile(script, TRAINER);
    const learned = path.join(home, "learned.onnx");
    await writeFile(learned, byPriceAlone());
    const env = (model: string): NodeJS.ProcessEnv => ({
      ...process.env,
      FLYBALL_CLICKHOUSE_URL: house.stack.clickhouseUrl,
      FLYBALL_REDIS_URL: house.stack.redisUrl,
      FLYBALL_TRAINER_COMMAND: JSON.stringify([process.execPath, script, model, "{output}"]),
    });
    await retrain(ports({ train: createTraining(house.stores.config, env("")) }), job, live);
    expect(await state()).toMatchObject({ training: null, promoted: "1.0.0", trainingFailures: 1 });
    expect(await told()).toMatchObject([
      { outcome: "failed", version: null, detail: expect.stringMatching(/trainer_failed: .*no licence/s) },
    ]);

    asked = [];
    await command("retrain", "once more", null);
    await executeOnce();
    const [again] = asked;
    if (again === undefined) throw new Error("no training was asked for");
    await retrain(ports({ train: createTraining(house.stores.config, env(learned)) }), again, live);
    expect(await state()).toMatchObject({ training: null, promoted: "1.0.0", trainingFailures: 0 });
    const version = (await told()).at(-1)?.version ?? "";
    expect((await state())?.versions[version]).toMatchObject({ state: "TRAINING", parent: "1.0.0" });
    const parent = await house.stores.bundles.bundle(MODEL, "1.0.0");
    const { metadata, metrics, reference } = await house.stores.bundles.bundle(MODEL, version);
    // The encoding is the parent's; the reference is the version's own, counted on it.
    expect(metadata.encoding_digest).toBe(parent.metadata.encoding_digest);
    expect(metadata).toMatchObject({
      family: "external",
      provenance: { source: "production", parent: "1.0.0", training_id: again.training_id },
    });
    const { fit, calibrate, test } = metadata.provenance.rows;
    // Labels that came after the training's last instant are not known to it.
    expect(fit + calibrate + test).toBe(facts.filter(({ atMs }) => atMs + HOUR <= START).length);
    expect(metrics.test.n).toBe(test);
    expect(reference).toMatchObject({
      encoding_digest: metadata.encoding_digest,
      n: fit + calibrate + test,
    });
  },
);

const told = async () =>
  (await house.stores.ledger.read(0, 1_000)).flatMap((entry) =>
    entry.events.filter((event) => event.type === "training_finished"),
  );
