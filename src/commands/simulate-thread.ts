// Door: a thread of `flyball simulate`. Lives its share of the seeds and posts what happened; knows nothing of the other threads.
import { parentPort, workerData } from "node:worker_threads";
import { z } from "zod";
import { Policy } from "../../contracts/policy.ts";
import { readyPolicy } from "../core/policy.ts";
import { isScenario } from "../core/simulate-scenarios.ts";
import { runScenario } from "../core/simulate.ts";

const Share = z.strictObject({
  scenario: z.custom<Parameters<typeof runScenario>[0]["scenario"]>(
    (name) => typeof name === "string" && isScenario(name),
  ),
  seed: z.int(),
  runs: z.int(),
  days: z.boolean(),
  policyJson: z.string(),
});
export type SimulationShare = z.infer<typeof Share>;

// Only a thread has a parent: imported for its type, or by mistake, this file does nothing.
if (parentPort !== null) {
  const { policyJson, runs, ...share } = Share.parse(workerData);
  const policy = readyPolicy(Policy.parse(JSON.parse(policyJson)));
  const results = Array.from({ length: runs }, (_, run) =>
    runScenario({ ...share, seed: share.seed + run, policy }),
  );
  parentPort.postMessage(results);
}
