// The retrain stage on the real ledger and registry: a training asked for once is carried out once. A bundle that was published before a
// crash is adopted, and a failed training ends in the book.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import type { RetrainJob } from "../../contracts/jobs.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { execute, type ExecutePorts } from "../../workers/execute.ts";
import { retrain, type RetrainPorts, type TrainingResult } from "../../workers/retrain.ts";
import { MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

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
const requested = async (): Promise<RetrainJob> => {
  await house.reset();
  await executeOnce();
  await command("promote", "bootstrap", "1.0.0");
  await executeOnce();
  await command("retrain", "again", null);
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
