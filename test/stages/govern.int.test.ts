// Governing on the real ledger and engine: history replays, a simulation does not guess, a lost Redis gives the ledger back and promotes
// nothing again, and racing operators have one winner.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { giveCommand } from "../../src/stages/command.ts";
import { backtestHistory, replayHistory } from "../../src/stages/decisions.ts";
import { simulateDecision } from "../../src/stages/simulate-decision.ts";
import { decide } from "../../workers/decide.ts";
import { execute, type ExecutePorts } from "../../workers/execute.ts";
import { measure } from "../../workers/measure.ts";
import { withRecovery } from "../../workers/recovery.ts";
import { roll } from "../../workers/roll.ts";
import { DAY, MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

let house: Deployment;
beforeAll(async () => {
  house = await startDeployment();
});
afterAll(() => house.close());
beforeEach(() => house.reset());

const ports = (): ExecutePorts => ({
  ledger: house.stores.ledger,
  decisions: house.stores.decisions,
  measures: house.stores.measures,
  registry: house.stores.bundles,
  work: { look: () => Promise.resolve(), retrain: () => Promise.resolve() },
  now: () => Promise.resolve(START),
  checkpoint: () => Promise.resolve(),
  log: house.stores.log,
});
const executeOnce = () => execute(ports(), { policy: house.policy, windows: house.windows });
const options = () => ({
  windows: house.windows,
  clock: "replay" as const,
  training: house.stores.config.service.training,
  policy: house.policy,
});
const decideOnce = (throughMs: number) => decide(house.ports, options(), throughMs);
const modelState = async () => (await house.stores.ledger.state()).models[MODEL];
type Name = Parameters<typeof giveCommand>[1]["command"];
const give = (command: Name, id: string, more: { actor?: string; generation?: number } = {}) =>
  giveCommand(house.stores.ledger, {
    commandId: id,
    model: MODEL,
    command,
    version: command === "promote" ? "1.0.0" : null,
    actor: more.actor ?? "ann",
    reason: "a test",
    expiresAt: null,
    generation: more.generation ?? null,
    at: new Date(START).toISOString(),
  });

/** The first version serves; from the second day on everybody asks the same at the same shop. */
const serving = async (days: number): Promise<void> => {
  await executeOnce();
  await give("promote", "bootstrap");
  await executeOnce();
  for (let day = 0; day < days; day += 1) {
    const facts = house.traffic({ fromMs: START + day * DAY, hours: 24, perHour: 20, firstSeq: day * 480 });
    const odd = facts.map((fact) => ({ ...fact, codes: fact.codes.map(() => 1) }));
    await house.record(day === 0 ? facts : odd);
  }
  await roll(house.ports, house.windows, START + days * DAY);
  await measure(house.ports, { windows: house.windows, profile: house.profile }, START + days * DAY);
};

describe("a simulation", () => {
  const simulate = (wish: Parameters<typeof simulateDecision>[2], nowMs = START + 9 * DAY) =>
    simulateDecision({ ...house.ports, now: () => Promise.resolve(nowMs) }, options(), wish);

  it("does not guess about a window that is still open or a model nobody knows", async () => {
    await serving(1);
    expect(await simulate({ kind: "next", model: MODEL }, START + DAY - 1)).toMatchObject({
      code: "not-yet",
    });
    expect(await simulate({ kind: "next", model: "nobody" })).toMatchObject({ code: "unknown" });
    expect(await simulate({ kind: "recorded", id: "0".repeat(64) })).toMatchObject({ code: "unknown" });
  });
});

describe("history", () => {
  it("replays to the stored bytes, and a back-test under the same policy finds nothing", async () => {
    await serving(2);
    await decideOnce(START + 2 * DAY);
    await executeOnce();
    await decideOnce(START + 2 * DAY);
    const history = { decisions: house.stores.decisions, models: [MODEL], sinceMs: null };
    expect(await replayHistory(history)).toMatchObject({ decisions: 2, identical: true, different: [] });
    expect((await backtestHistory(history, house.policy)).differences).toEqual([]);
    const late = { ...history, sinceMs: START + DAY };
    expect((await replayHistory(late)).decisions).toBe(1);
    expect(await replayHistory({ ...history, models: [] })).toMatchObject({ identical: false });
  });
});

describe("the ledger", () => {
  it("is given back when Redis was emptied under the running stage", async () => {
    await serving(1);
    await decideOnce(START + DAY);
    await executeOnce();
    const before = await modelState();
    const { generation } = await house.stores.ledger.state();
    await house.redis.flushall();
    await expect(executeOnce()).rejects.toMatchObject({ code: "ledger-lost" });
    await withRecovery({ ...ports(), ledger: house.stores.ledger }, executeOnce);
    expect(await modelState()).toEqual(before);
    expect((await house.stores.ledger.state()).generation).toBeGreaterThan(generation);
    // Looking again, and hearing the same command again, promotes nothing again.
    await executeOnce();
    expect(await give("promote", "bootstrap")).toMatchObject({ outcome: "recorded" });
    await executeOnce();
    expect(await modelState()).toEqual(before);
    const entries = (await house.stores.ledger.read(0, 1000)).flatMap(({ events }) => events);
    const promotions = entries.filter((event) => event.type === "transition" && event.to === "PROMOTED");
    expect(promotions).toHaveLength(1);
    expect(entries.filter((event) => event.type === "recovered")).toHaveLength(1);
    const copy = await house.stack.sql("SELECT count() AS n, uniqExact(seq) AS seqs FROM governance_log");
    expect(copy[0]?.["n"]).toBe(copy[0]?.["seqs"]);
    await give("freeze", "after-the-loss");
    await executeOnce();
    expect((await modelState())?.frozen).not.toBeNull();
  });

  it("three operators who name the same generation have one winner, and the losers learn the new one", async () => {
    await serving(0);
    const { generation } = await house.stores.ledger.state();
    const names = ["ann", "bob", "eve"];
    const given = await Promise.all(
      names.map((actor) => give("freeze", `by-${actor}`, { actor, generation })),
    );
    const won = given.filter(({ outcome }) => outcome === "recorded");
    expect(won).toHaveLength(1);
    const now = (await house.stores.ledger.state()).generation;
    for (const lost of given.filter(({ outcome }) => outcome !== "recorded"))
      expect(lost).toEqual({ outcome: "stale", generation: now });
    expect((await modelState())?.commands.filter(({ command }) => command === "freeze")).toHaveLength(1);
  });
});
