// Properties of governance: no sequence of wishes reaches an unlawful state, and the fold of the book is the state.
import { expect, test } from "vitest";
import { CommandName, type ModelState, type VersionState } from "../../contracts/governance.ts";
import { foldEntries } from "../../src/core/governance.ts";
import { planCommand } from "../../src/core/governance-command.ts";
import { TRANSITIONS } from "../../src/core/governance-laws.ts";
import {
  planPromotion,
  planReject,
  planRollback,
  planShadow,
  planWatchEnd,
} from "../../src/core/governance-moves.ts";
import { planTraining, planTrainingFinished } from "../../src/core/governance-training.ts";
import { verifyChain } from "../../src/core/ledger.ts";
import { baselineOf, day, FLOORS, openBook, registered } from "./governance-book.ts";

/** mulberry32: small, seeded, good enough to wander. */
const dice = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
};

const VERSIONS = ["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.10.0"];
const ACTORS = ["ann", "bob"];

const wander = (seed: number, steps: number): { readonly moves: Set<string> } => {
  const roll = dice(seed);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[Math.floor(roll() * items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  const book = openBook();
  const moves = new Set<string>();
  for (let step = 0; step < steps; step += 1) {
    const at = day(step);
    const before = book.model();
    const version = pick(VERSIONS);
    if (!Object.hasOwn(before.versions, version) && roll() < 0.3) book.write([registered(version)], at);
    const plan = pick([
      () => planShadow(book.model(), version, { now: at }),
      () => planReject(book.model(), version),
      () => planRollback(book.model(), roll() < 0.5 ? null : version),
      () => planWatchEnd(book.model(), { watchMs: 10 * 86_400_000, now: at }),
      () =>
        planPromotion(book.model(), version, {
          baseline: roll() < 0.9 ? baselineOf(roll()) : null,
          ...(roll() < 0.5 ? { bootstrap: FLOORS } : {}),
          by: pick(["decision", "command"] as const),
          now: at,
        }),
      () => planTraining(book.model(), { trainingId: pick(["t1", "t2"]), decisionId: null, through: at }),
      () =>
        planTrainingFinished(
          book.model(),
          {
            training_id: pick(["t1", "t2"]),
            outcome: pick(["published", "failed"] as const),
            version: null,
            detail: "",
          },
          { failuresMax: 2 },
        ),
      () => null,
    ])();
    if (plan === null) command(book, step, roll, pick);
    else book.carryOut(plan, at); // throws when a plan breaks a law
    check(before, book.model(), moves);
  }
  expect(foldEntries(book.entries)).toEqual({ ok: true, state: book.state() });
  expect(verifyChain(book.entries).ok).toBe(true);
  return { moves };
};

const command = (
  book: ReturnType<typeof openBook>,
  step: number,
  roll: () => number,
  pick: <T>(items: readonly T[]) => T,
): void => {
  const event = {
    type: "command",
    command_id: `c${step}`,
    command: pick(CommandName.options),
    version: roll() < 0.5 ? null : pick(VERSIONS),
    expires_at: roll() < 0.7 ? null : day(step + Math.floor(roll() * 10) - 2),
  } as const;
  book.write([event], day(step), pick(ACTORS));
  for (const known of book.model().commands.filter(({ status }) => status === "pending")) {
    const options = {
      now: day(step),
      approvalRequired: roll() < 0.5,
      floors: FLOORS,
      baselineOf: () => baselineOf(0.5),
    };
    const plan = planCommand(book.model(), known, options);
    if (plan.events.length > 0) book.write(plan.events, day(step));
  }
};

/** Exactly one PROMOTED once there was one, at most one candidate and standby, named places true, every move in the table. */
const check = (before: ModelState, after: ModelState, moves: Set<string>): void => {
  const inState = (...states: VersionState[]): string[] =>
    Object.values(after.versions)
      .filter(({ state }) => states.includes(state))
      .map(({ version }) => version);
  expect(inState("PROMOTED")).toEqual(after.promoted === null ? [] : [after.promoted]);
  expect(inState("SHADOWING", "PROMOTABLE")).toEqual(after.candidate === null ? [] : [after.candidate]);
  expect(inState("STANDBY")).toEqual(after.standby === null ? [] : [after.standby]);
  if (before.promoted !== null) expect(after.promoted).not.toBeNull();
  for (const { version, state, baseline } of Object.values(after.versions)) {
    const was = before.versions[version]?.state ?? "TRAINING";
    if (was !== state) moves.add(`${was} ${state}`);
    if (was !== state && TRANSITIONS[was].length === 0) throw new Error(`${version} left ${was}`);
    if (state === "PROMOTED" || state === "STANDBY") expect(baseline).not.toBeNull();
  }
};

test("no sequence of wishes reaches an unlawful state", () => {
  const moves = new Set<string>();
  for (let seed = 1; seed <= 60; seed += 1) for (const move of wander(seed, 120).moves) moves.add(move);
  // The walk is only worth something if it went everywhere a version can go in one entry.
  for (const [from, to] of [
    ...[
      ["TRAINING", "SHADOWING"],
      ["TRAINING", "PROMOTED"],
      ["TRAINING", "REJECTED"],
      ["SHADOWING", "PROMOTED"],
    ],
    ...[
      ["SHADOWING", "REJECTED"],
      ["PROMOTED", "STANDBY"],
      ["PROMOTED", "ROLLED_BACK"],
    ],
    ...[
      ["STANDBY", "PROMOTED"],
      ["STANDBY", "ARCHIVED"],
    ],
  ])
    expect(moves).toContain(`${from} ${to}`);
});
