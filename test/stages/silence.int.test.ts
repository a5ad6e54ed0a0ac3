// Roll, measure and decide where nothing came, and where nobody looked: a window without an event has no numbers, which is neither zero
// nor healthy; days without a worker are caught up oldest first, each window once, to what a worker at hand would have written.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { giveCommand } from "../../src/stages/command.ts";
import { decide } from "../../workers/decide.ts";
import { execute } from "../../workers/execute.ts";
import { measure } from "../../workers/measure.ts";
import { roll } from "../../workers/roll.ts";
import { DAY, HOUR, MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

let house: Deployment;
beforeAll(async () => {
  house = await startDeployment();
});
afterAll(() => house.close());
beforeEach(async () => {
  decidedInTurn.length = 0;
  await house.reset();
  await begin();
});

/** The first version serves. */
const begin = async (): Promise<void> => {
  await executeOnce();
  await giveCommand(house.stores.ledger, {
    ...{ commandId: "bootstrap", model: MODEL, command: "promote", version: "1.0.0", actor: "ann" },
    ...{ reason: "a test", expiresAt: null, generation: null, at: new Date(START).toISOString() },
  });
  await executeOnce();
};

/** Begins of the decided windows, as they were decided. */
const decidedInTurn: string[] = [];
const Decided = z.looseObject({ window: z.string() });

const executeOnce = (): Promise<boolean> =>
  execute(
    {
      ...{ ledger: house.stores.ledger, decisions: house.stores.decisions, measures: house.stores.measures },
      ...{ registry: house.stores.bundles, log: house.stores.log },
      work: { look: () => Promise.resolve(), retrain: () => Promise.resolve() },
      now: () => Promise.resolve(START),
      checkpoint: () => Promise.resolve(),
    },
    { policy: house.policy, windows: house.windows },
  );
/** One look of every stage; deciding goes on as the workers' does, a window at a time, until none is left. */
const lookThrough = async (ms: number): Promise<void> => {
  const { training } = house.stores.config.service;
  const options = { windows: house.windows, clock: "replay" as const, training, policy: house.policy };
  await roll(house.ports, house.windows, ms);
  await measure(house.ports, { windows: house.windows, profile: house.profile }, ms);
  const ports = {
    ...house.ports,
    log: {
      ...house.ports.log,
      info: (fields: object) => void decidedInTurn.push(Decided.parse(fields).window),
    },
  };
  for (let more = true; more; await executeOnce()) ({ more } = await decide(ports, options, ms));
};
const day = (at: number) =>
  house.traffic({ fromMs: START + at * DAY, hours: 24, perHour: 20, firstSeq: at * 480 });
const ofDay = (at: number): string => `toDate(window_start) = '${isoDay(at)}'`;
const isoDay = (at: number): string => new Date(START + at * DAY).toISOString().slice(0, 10);
const rowsOf = (query: string) => house.stack.sql(query);

it("a day without an event leaves no snapshot, no verdict and no trust, and is decided as one that says nothing", async () => {
  await house.record([...day(0), ...day(2)].map((fact, seq) => ({ ...fact, seq })));
  await lookThrough(START + 4 * DAY);
  for (const table of ["snapshots", "drift", "trust_scores"])
    for (const at of [0, 1, 2, 3])
      expect([table, at, (await house.count(table, ofDay(at))) > 0]).toEqual([table, at, at % 2 === 0]);
  expect(await house.count("performance_snapshots", `${ofDay(1)} OR ${ofDay(3)}`)).toBe(0);
  const decided = await rowsOf(
    "SELECT toString(toDate(window_start)) AS day, action, rule FROM decisions ORDER BY day",
  );
  expect(decided).toEqual(
    ["steady", "starved", "steady", "starved"].map((rule, at) => ({ day: isoDay(at), action: "NONE", rule })),
  );
});

/** All that was written, less what names the instant of the writing. */
const written = async () => ({
  snapshots: await rowsOf(
    "SELECT window_size, toString(window_start) AS start, version, role, revision, digest FROM snapshots ORDER BY ALL",
  ),
  drift: await rowsOf(
    "SELECT window_size, toString(window_start) AS start, feature, statistic, value, p_adjusted, status FROM drift ORDER BY ALL",
  ),
  trust: await rowsOf(
    "SELECT toString(window_start) AS start, version, revision, trust FROM trust_scores ORDER BY ALL",
  ),
  performance: await rowsOf(
    "SELECT toString(window_start) AS start, version, role, kind, scope, labelled, brier FROM performance_snapshots ORDER BY ALL",
  ),
  decisions: await rowsOf(
    "SELECT toString(window_start) AS start, action, rule, inputs_digest FROM decisions ORDER BY ALL",
  ),
});

it("days without a worker are caught up oldest first, each window once, to the very same decisions", async () => {
  const days = [0, 1, 2, 3];
  /** A day's rows and their labels, an hour later each; buyers get fewer from day to day, so that no day's quality is another's. */
  const live = async (at: number): Promise<void> => {
    const facts = day(at);
    await house.record(facts);
    await house.label(
      facts.map(({ request, label, atMs }, row) => ({
        ...{ request, atMs: atMs + HOUR },
        label: row % 10 < 2 * at ? 0 : label,
      })),
    );
  };
  for (const at of days) {
    await live(at);
    for (let hours = 6; hours <= 24; hours += 6) await lookThrough(START + at * DAY + hours * HOUR);
  }
  const attended = await written();
  const inTurn = days.map((at) => new Date(START + at * DAY).toISOString());
  expect(decidedInTurn.map((at) => Date.parse(at))).toEqual(inTurn.map((at) => Date.parse(at)));
  expect(attended.snapshots).toHaveLength(days.length * (4 + 2 + 1));
  expect(attended.decisions).toHaveLength(days.length);

  await house.reset();
  await begin();
  decidedInTurn.length = 0;
  for (const at of days) await live(at);
  await lookThrough(START + days.length * DAY);
  expect(await written()).toEqual(attended);
  expect(decidedInTurn.map((at) => Date.parse(at))).toEqual(inTurn.map((at) => Date.parse(at)));
  await lookThrough(START + days.length * DAY);
  expect(await written()).toEqual(attended);
});
