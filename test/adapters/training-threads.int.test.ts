// A crew of real threads, from the build (a thread cannot load TypeScript): the same trees as one thread grows, and no waiting for a
// thread that died.
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, it } from "vitest";
import { projectRoot } from "../../src/adapters/config.ts";
import { BOOSTING_DEFAULTS, fitBoosting } from "../../src/core/training/boosting.ts";
import type * as Adapter from "../../src/adapters/training-threads.ts";
import type { Crew } from "../../src/core/training/kernel.ts";
import { shapesOf } from "../../src/core/training/matrix.ts";
import { onlyCodes, world } from "../core/training/world.ts";

const built = path.join(projectRoot(), "dist", "src", "adapters", "training-threads.js");
const { startTrainingThreads } = (await import(pathToFileURL(built).href)) as typeof Adapter;

const { encoding, train } = world(3_000);
const fit = (crew?: Crew) =>
  fitBoosting({
    matrix: onlyCodes(train),
    shapes: shapesOf(encoding),
    parameters: { ...BOOSTING_DEFAULTS, trees: 5, patience: 0 },
    seed: 1,
    ...(crew === undefined ? {} : { crew }),
  }).ensemble;

type Threads = Awaited<ReturnType<typeof startTrainingThreads>>;
const started: Threads[] = [];
const start = async (threads: number, sleepsMax?: number): Promise<Threads> => {
  const crew = await startTrainingThreads(threads, sleepsMax === undefined ? {} : { sleepsMax });
  started.push(crew);
  return crew;
};
afterEach(() => Promise.all(started.splice(0).map((crew) => crew.close())));

it("threads grow the trees one thread grows, fit after fit", async () => {
  const alone = fit();
  const crew = await start(3);
  expect(fit(crew)).toEqual(alone);
  expect(fit(crew)).toEqual(alone);
});

it("a thread that was killed is an error, not a wait without end", async () => {
  const crew = await start(2, 1);
  await crew.close();
  expect(() => fit(crew)).toThrow("a training thread does not answer");
});

it("a thread that fails ends the fit at once, before its silence would", async () => {
  const crew = await start(2);
  const lame: Crew = {
    ...crew,
    enlist: (whole) => {
      let reads = 0;
      // The first to read are the threads: they get a workspace without scores, the caller the whole one.
      const score = { get: () => (reads++ === 0 ? null : whole.score), enumerable: true };
      crew.enlist(Object.defineProperty({ ...whole }, "score", score));
    },
  };
  expect(() => fit(lame)).toThrow("a training thread failed");
});
