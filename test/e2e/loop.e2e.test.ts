// The loop closes by itself, with real processes under a replayed clock: a bad promotion forced by people is rolled back, an abrupt change
// of the concept leads to a training, a trial and a promotion that restores quality, and a worker killed at every step of
// it leaves the same story and one training.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { projectRoot } from "../../src/adapters/config.ts";
import { replay } from "../../src/stages/replay.ts";
import { allDecisions, replayAll } from "../../src/stages/summary.ts";
import { diceOf } from "../../src/core/simulate-dice.ts";
import { sourceOf, startLoop, writeCsv, type Loop, type Row, type Told } from "../support/loop.ts";

const DAY = 86_400_000;
const START = Date.UTC(2001, 0, 1);
const PER_DAY = 600;
/** Days before the concept changes, and days of the replay. */
const CHANGE_DAY = 6;
const DAYS = 18;

/** The shipped policy, with shorter clocks and fewer blocks, and a person's approval for every promotion. */
const FASTER: readonly (readonly [string, string])[] = [
  ["promotion: false", "promotion: true"],
  ["promotion: 7d\n  retrain: 7d", "promotion: 3d\n  retrain: 3d"],
  ["rows_min: 5000", "rows_min: 400"],
  ["alpha: 0.05", "alpha: 0.2"],
  ["blocks_min: 8", "blocks_min: 4"],
];
const ENV = {
  FLYBALL_WINDOWS_SIZES: '["24h","7d"]',
  FLYBALL_WINDOWS_ALLOWED_LATENESS: "0s",
  // A training sees only the newest matured day: what came before may be another world.
  FLYBALL_TRAINING_SPAN: "2d",
};

interface World {
  readonly model: string;
  readonly contract: string;
  readonly label: string;
  /** Rows of the old concept to train on, then the stream, whose concept changes at CHANGE_DAY. */
  readonly training: readonly Row[];
  readonly stream: readonly Row[];
}

const outline = (model: string, label: string, features: string): string => `
name: ${model}
version: 1.0.0
label: { name: ${label}, positive: 1, negative: 0 }
event_time: at
entity: null
features:
${features}
forbidden: []
segments: []
missing: reject
label_maturity: { horizon: 24h, min_coverage: 0.30 }
evaluation: { threshold: 0.5 }
`;

/** Flights as a child would draw them: far ones and those from the windy city are late, until one day it is the others. */
const flights = (): World => {
  const dice = diceOf(7);
  const origins = ["ATL", "ORD", "DEN"];
  const draw = (changed: boolean): Row => {
    const distance = 100 + Math.floor(dice.uniform() * 1900);
    const origin = origins[Math.floor(dice.uniform() * 3)] ?? "ATL";
    const late = distance > 1000 !== (origin === "ORD");
    const noise = dice.uniform() < 0.05;
    return { features: { distance, origin }, label: (late !== changed) !== noise ? 1 : 0 };
  };
  return {
    model: "flights",
    label: "late",
    contract: outline(
      "flights",
      "late",
      "  distance: { kind: continuous, min: 1, max: 6000 }\n  origin: { kind: nominal, values: frozen, unseen: other }",
    ),
    training: Array.from({ length: 4_000 }, () => draw(false)),
    stream: Array.from({ length: DAYS * PER_DAY }, (_, row) => draw(row >= CHANGE_DAY * PER_DAY)),
  };
};

const HARVARD = path.resolve(projectRoot(), "../shared/data/harvard-drift/mixed_0101_abrupto.csv.gz");

/** The published stream as it is: its concept flips at row 10,000; times are made up, 600 rows a day. */
const mixed = (): World => {
  const [, ...lines] = gunzipSync(readFileSync(HARVARD)).toString("utf8").trim().split("\n");
  const rows = lines.map((line): Row => {
    const [x1 = NaN, x2 = NaN, x3 = NaN, x4 = NaN, label] = line.split(",").map(Number);
    return { features: { X1: x1, X2: x2, X3: x3, X4: x4 }, label: label === 1 ? 1 : 0 };
  });
  const first = 10_000 - CHANGE_DAY * PER_DAY;
  const flag = "{ kind: ordinal, values: [0, 1] }";
  const number = "{ kind: continuous, min: -10, max: 10 }";
  return {
    model: "mixed",
    label: "class",
    contract: outline("mixed", "class", `  X1: ${flag}\n  X2: ${flag}\n  X3: ${number}\n  X4: ${number}`),
    training: rows.slice(0, 4_000),
    stream: rows.slice(first, first + DAYS * PER_DAY),
  };
};

const ok = (told: Told): Told => {
  if (told.status !== 0) throw new Error(`exit ${told.status}: ${told.err}${told.out}`);
  return told;
};

/** Freezes rows and publishes a model of them. */
const publish = async (
  loop: Loop,
  world: World,
  by: { readonly name: string; readonly rows: readonly Row[] },
): Promise<void> => {
  const contract = path.join(loop.home, `${world.model}.yaml`);
  const file = path.join(loop.home, `${by.name}.csv`);
  writeFileSync(contract, world.contract);
  writeCsv(file, by.rows, { label: world.label, startMs: START - 30 * DAY });
  ok(await loop.flyball("data", "freeze", "--contract", contract, file, "--as", by.name));
  const words = ["--contract", contract, "--data", by.name, "--family", "gradient-boosted-trees"];
  ok(await loop.flyball("train", ...words));
};

const stateOf = async (loop: Loop, model: string) => (await loop.stores.ledger.state()).models[model];

const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/** Ann proposes, and cannot approve what she proposed; Bob does. */
const promoteByTwo = async (loop: Loop, model: string, version: string, expires: string): Promise<void> => {
  const known = async () => (await stateOf(loop, model))?.versions[version] !== undefined;
  await until(`${version} is in the book`, known);
  const of = `${model}@${version}`;
  const ann = ["--actor", "ann", "--reason", "an override of the test"];
  ok(await loop.flyball("governance", "promote", of, ...ann, "--expires-at", expires, "--no-wait"));
  const own = await loop.flyball("governance", "approve", of, ...ann);
  expect(own.status).toBe(1);
  expect(own.err).toContain("own-proposal");
  ok(await loop.flyball("governance", "approve", of, "--actor", "bob", "--reason", "ann knows better"));
  await until(`${version} serves`, async () => {
    if ((await stateOf(loop, model))?.promoted !== version) return false;
    const { body } = await loop.client.get("/readyz");
    return body.includes(`"${model}":"${version}"`);
  });
};

interface Story {
  readonly decisions: readonly string[];
  readonly states: Readonly<Record<string, string>>;
  readonly trainings: number;
  readonly bundles: readonly string[];
  /** Share of right answers on each day, by what was served. */
  readonly accuracy: readonly number[];
}

/** Lives a world from its first promotion to its end and tells what happened. */
const live = async (loop: Loop, world: World): Promise<Story> => {
  const { model } = world;
  await publish(loop, world, { name: "base", rows: world.training });
  const now = new Date(START).toISOString();
  await loop.client.post("/api/v1/clock", JSON.stringify({ now }));
  await promoteByTwo(loop, model, "1.0.0", new Date(START + DAY).toISOString());
  const right = Array.from({ length: DAYS }, () => 0);
  const source = sourceOf(world.stream, { startMs: START, perDay: PER_DAY });
  const post = async (route: string, body: string) => {
    const told = await loop.client.post(route, body);
    if (route === "/api/v1/predict" && told.status === 200) {
      const asked = JSON.parse(body) as { request_id: string; event_time: string };
      const { probability } = JSON.parse(told.body) as { probability: number };
      const row = rowOf.get(asked.request_id) ?? -1;
      const day = Math.floor((Date.parse(asked.event_time) - START) / DAY);
      if (probability >= 0.5 === (source.label(row) === 1)) right[day] = (right[day] ?? 0) + 1;
    }
    return told;
  };
  const rowOf = new Map(Array.from({ length: source.rows }, (_, row) => [source.requestId(row), row]));
  await replay(
    {
      post,
      get: loop.client.get,
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      signal: new AbortController().signal,
      onStep: async (_, atMs) => {
        // At the end of the second day people force a model of the opposite world into production.
        if (atMs === START + 2 * DAY) {
          const opposite = world.training.map(({ features, label }): Row => ({
            features,
            label: label === 1 ? 0 : 1,
          }));
          await publish(loop, world, { name: "opposite", rows: opposite });
          await promoteByTwo(loop, model, "1.1.0", new Date(atMs + DAY).toISOString());
        }
        const versions = (await stateOf(loop, model))?.versions ?? {};
        const ready = Object.values(versions).find(({ state }) => state === "PROMOTABLE");
        if (ready !== undefined) {
          const by = ["--actor", "bob", "--reason", "it passed every gate"];
          await loop.flyball("governance", "approve", `${model}@${ready.version}`, ...by);
        }
      },
    },
    source,
    { model, stepMs: DAY, labelDelayMs: DAY / 2, labelShare: 1, concurrency: 32, labelsAtOnce: 500 },
  );
  const records = await allDecisions(loop.stores.decisions, model);
  expect(replayAll(records).different).toEqual([]);
  expect(ok(await loop.flyball("decisions", "replay", "--all")).out).toContain("identical: true");
  expect(ok(await loop.flyball("audit", "verify")).status).toBe(0);
  const entries = await loop.stores.ledger.read(0, 100_000);
  const state = await stateOf(loop, model);
  return {
    decisions: records.map(
      ({ decision: d }) =>
        `${d.window_start.slice(0, 10)} ${d.action} ${d.version ?? ""} ${d.rule}: ${d.sentence}`,
    ),
    states: Object.fromEntries(Object.values(state?.versions ?? {}).map((v) => [v.version, v.state])),
    trainings: entries.flatMap(({ events }) => events).filter((e) => e.type === "training_requested").length,
    bundles: [...(await loop.stores.bundles.versions(model))].sort(),
    accuracy: right.map((count) => count / PER_DAY),
  };
};

const expectTheStory = (story: Story): void => {
  const { decisions, states, accuracy } = story;
  const first = (action: string): number => decisions.findIndex((told) => told.includes(` ${action} `));
  // The forced model is withdrawn as soon as its first day's labels are known, and quality is back.
  expect(states["1.1.0"]).toBe("ROLLED_BACK");
  expect(decisions[first("ROLLBACK")]).toContain("catastrophe_rollback");
  expect(accuracy[1]).toBeGreaterThan(0.9);
  expect(accuracy[2]).toBeLessThan(0.3);
  expect(accuracy[5]).toBeGreaterThan(0.9);
  // The world changes; the loop trains, tries and promotes by itself, and quality is back.
  expect(accuracy[CHANGE_DAY]).toBeLessThan(0.3);
  expect(first("RETRAIN")).toBeGreaterThanOrEqual(CHANGE_DAY);
  expect(first("SHADOW")).toBeGreaterThan(first("RETRAIN"));
  expect(first("PROMOTE")).toBeGreaterThan(first("SHADOW"));
  expect(states["1.2.0"]).toBe("PROMOTED");
  expect(accuracy[DAYS - 1]).toBeGreaterThan(0.85);
  expect(story.trainings).toBe(1);
  expect(story.bundles).toEqual(["1.0.0", "1.1.0", "1.2.0"]);
};

const within = async <T>(loop: Promise<Loop>, use: (loop: Loop) => Promise<T>): Promise<T> => {
  const started = await loop;
  try {
    return await use(started);
  } finally {
    await started.close();
  }
};

/** Every step of a training and of a promotion at which a worker may die, each once. A step after the append is not passed again. */
const EVERY_STEP = [
  ...["before_training", "after_training", "after_training_end"],
  ...["before_decision@PROMOTE", "after_decision@PROMOTE", "before_append@PROMOTE", "after_append@PROMOTE"],
  ...["after_seal@PROMOTE", "after_checkpoint@promote"],
];

// Side by side: most of the first is waiting for the locks of the dead.
describe.concurrent("the loop", () => {
  it("is the same story when the worker is killed at each step of it", async () => {
    const world = flights();
    const failpoints = EVERY_STEP.map((step) => `${step}:once`).join(",");
    const [calm, killed] = await Promise.all([
      within(startLoop({ policy: FASTER, env: ENV }), (loop) => live(loop, world)),
      within(startLoop({ policy: FASTER, env: ENV, failpoints }), async (loop) => {
        const story = await live(loop, world);
        expect(loop.deaths()).toBe(EVERY_STEP.length);
        return story;
      }),
    ]);
    expectTheStory(calm);
    expect(killed).toEqual(calm);
  });

  it.skipIf(!existsSync(HARVARD))(
    "closes on a published stream of the shared data whose concept flips",
    async () => {
      await within(startLoop({ policy: FASTER, env: ENV }), async (loop) =>
        expectTheStory(await live(loop, mixed())),
      );
    },
  );
});
