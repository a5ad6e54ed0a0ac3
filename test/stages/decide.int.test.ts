// Decide, execute and notify on the real ledger and engine: a window is decided once, a decision carried out once and an alert kept once,
// wherever a process dies in between.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LedgerEvent } from "../../contracts/governance.ts";
import type { RetrainJob } from "../../contracts/jobs.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { decide } from "../../workers/decide.ts";
import { execute, type ExecutePorts } from "../../workers/execute.ts";
import { measure } from "../../workers/measure.ts";
import { AlertsConfig, type Alert } from "../../contracts/alerts.ts";
import { notify, type NotifyPorts } from "../../workers/notify.ts";
import { roll } from "../../workers/roll.ts";
import { DAY, MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

let house: Deployment;
let asked: RetrainJob[];
beforeAll(async () => {
  house = await startDeployment();
});
afterAll(() => house.close());
beforeEach(async () => {
  await house.reset();
  asked = [];
});

const executePorts = (): ExecutePorts => ({
  ledger: house.stores.ledger,
  decisions: house.stores.decisions,
  measures: house.stores.measures,
  registry: house.stores.bundles,
  work: { look: () => Promise.resolve(), retrain: (job) => Promise.resolve(void asked.push(job)) },
  now: () => Promise.resolve(START),
  checkpoint: () => Promise.resolve(),
  log: house.stores.log,
});
const executeOnce = (ports = executePorts()) =>
  execute(ports, { policy: house.policy, windows: house.windows });
const decideOnce = (throughMs: number) => {
  const { training } = house.stores.config.service;
  const options = { windows: house.windows, clock: "replay" as const, training, policy: house.policy };
  return decide(house.ports, options, throughMs);
};
const events = async (type: LedgerEvent["type"]) =>
  (await house.stores.ledger.read(0, 1_000)).flatMap((entry) =>
    entry.events.filter((event) => event.type === type),
  );
const command = (name: "promote" | "retrain" | "freeze", id: string) =>
  giveCommand(house.stores.ledger, {
    ...{ commandId: id, model: MODEL, command: name, version: name === "promote" ? "1.0.0" : null },
    ...{
      actor: "ann",
      reason: "a test",
      expiresAt: null,
      generation: null,
      at: new Date(START).toISOString(),
    },
  });

/** The first version serves, and days of traffic are measured; the second day asks in other shops and at other prices. */
const serving = async (days: number): Promise<void> => {
  await executeOnce();
  await command("promote", "bootstrap");
  await executeOnce();
  for (let day = 0; day < days; day += 1) {
    const facts = house.traffic({ fromMs: START + day * DAY, hours: 24, perHour: 20, firstSeq: day * 480 });
    await house.record(
      day === 0 ? facts : facts.map((fact) => ({ ...fact, codes: fact.codes.map(() => 1) })),
    );
  }
  await roll(house.ports, house.windows, START + days * DAY);
  await measure(house.ports, { windows: house.windows, profile: house.profile }, START + days * DAY);
};

describe("execute", () => {
  it("enters a bundle and carries a command out once, however often it looks", async () => {
    await executeOnce();
    expect(await events("registered")).toHaveLength(1);
    await command("promote", "bootstrap");
    await Promise.all([executeOnce(), executeOnce()]);
    await executeOnce();
    expect((await house.stores.ledger.state()).models[MODEL]?.promoted).toBe("1.0.0");
    expect(await events("registered")).toHaveLength(1);
    expect(await events("command_done")).toMatchObject([{ outcome: "done" }]);
    expect((await house.stores.ledger.sealed()).seq).toBe((await house.stores.ledger.state()).seq);
  });

  it("asks for a requested training on every look until it ends, and requests it once", async () => {
    await serving(0);
    await command("retrain", "again");
    await executeOnce();
    await executeOnce();
    const requested = await events("training_requested");
    expect(requested).toHaveLength(1);
    expect(asked.length).toBeGreaterThan(1);
    expect(new Set(asked.map((job) => job.training_id)).size).toBe(1);
  });
});

describe("decide", () => {
  it("decides a closed window once: twice, and by two processes at a time", async () => {
    await serving(2);
    expect(await decideOnce(START + DAY - 1)).toEqual({ decided: 0, more: false });
    await Promise.all([decideOnce(START + 2 * DAY), decideOnce(START + 2 * DAY)]);
    expect(await house.count("decisions")).toBe(1);
    // The next window waits until the first decision is carried out.
    expect(await decideOnce(START + 2 * DAY)).toEqual({ decided: 0, more: true });
    await executeOnce();
    expect(await decideOnce(START + 2 * DAY)).toEqual({ decided: 1, more: false });
    const ids = await house.stack.sql(
      "SELECT uniqExact(id) AS ids, uniqExact(window_end) AS ends FROM decisions",
    );
    expect(ids.map(Object.values)).toEqual([["2", "2"]].map((row) => row.map(Number)));
  });

  it("a crash between keeping and executing, and one before sealing, carry out each decision once", async () => {
    await serving(1);
    await decideOnce(START + DAY);
    const dying = {
      ...executePorts(),
      ledger: { ...house.stores.ledger, seal: () => Promise.reject(new Error("killed")) },
    };
    await expect(executeOnce(dying)).rejects.toThrow("killed");
    await executeOnce();
    await Promise.all([executeOnce(), executeOnce()]);
    const executed = await events("executed");
    const last = await house.stores.decisions.last(MODEL);
    expect(executed).toMatchObject([{ decision_id: last?.decision.id }]);
    expect(await house.count("governance_log")).toBe((await house.stores.ledger.state()).seq);
  });
});

describe("notify", () => {
  const sent: Alert[] = [];
  const ports = (over: Partial<NotifyPorts> = {}): NotifyPorts => ({
    ledger: house.stores.ledger,
    decisions: house.stores.decisions,
    alerts: house.stores.alerts,
    channels: new Map([["test", (alert) => Promise.resolve(void sent.push(alert))]]),
    config: AlertsConfig.parse({ channels: { test: { type: "log" } }, rules: [{ channels: ["test"] }] }),
    found: () => Promise.resolve([]),
    wallNow: () => Date.now(),
    counted: () => undefined,
    progress: house.ports.progress,
    log: house.stores.log,
    linkOf: (id) => `/decisions/${id}`,
    ...over,
  });
  /** Two decisions, the second of a day that shifted abruptly. */
  const alarmed = async (): Promise<void> => {
    sent.length = 0;
    await serving(2);
    await decideOnce(START + 2 * DAY);
    await executeOnce();
    await decideOnce(START + 2 * DAY);
    const last = await house.stores.decisions.last(MODEL);
    expect(last?.decision.alerts.length).toBeGreaterThan(0);
  };

  it("sends an alert once, also when progress was lost", async () => {
    await alarmed();
    expect((await notify(ports())).ended).toBe(sent.length);
    const first = sent.length;
    expect(first).toBeGreaterThan(0);
    expect((await notify(ports())).ended).toBe(0);
    await house.redis.hdel("flyball:{loop}:progress", `notified:${MODEL}`);
    expect((await notify(ports())).ended).toBe(0);
    expect(sent).toHaveLength(first);
    expect(await house.count("alerts")).toBe(first);
  });

  it("a crash after sending neither repeats the word nor loses the record", async () => {
    await alarmed();
    const alerts = { ...house.stores.alerts, keep: () => Promise.reject(new Error("killed")) };
    await expect(notify(ports({ alerts }))).rejects.toThrow("killed");
    expect(await house.count("alerts")).toBe(0);
    const told = sent.length;
    const { ended } = await notify(ports());
    expect(new Set(sent.map(({ id }) => id)).size).toBe(sent.length);
    expect([await house.count("alerts"), sent.length]).toEqual([ended, Math.max(told, ended)]);
    const [row] = await house.stack.sql("SELECT delivered FROM alerts LIMIT 1");
    expect(row?.["delivered"]).toEqual({ test: "delivered" });
  });

  it("a crash between a delivery and its note repeats that one delivery under the same id, and no other", async () => {
    await alarmed();
    let isDead = false;
    const progress: NotifyPorts["progress"] = {
      ...house.ports.progress,
      // The first note after something was sent is never written.
      setText: (name, text) => {
        if (sent.length === 0 || isDead) return house.ports.progress.setText(name, text);
        isDead = true;
        return Promise.reject(new Error("killed"));
      },
    };
    await expect(notify(ports({ progress }))).rejects.toThrow("killed");
    const lastWords = sent.map(({ id }) => id);
    expect(lastWords).toHaveLength(1);
    const { ended, pending } = await notify(ports({ progress }));
    const ids = new Set(sent.map(({ id }) => id));
    // Never lost: each is kept. Twice only what the dead had sent, by the id that tells a receiver so.
    expect([ended, pending, await house.count("alerts")]).toEqual([ids.size, 0, ids.size]);
    expect(sent.map(({ id }) => id).filter((id) => id === lastWords[0])).toHaveLength(2);
    expect(sent).toHaveLength(ids.size + 1);
    expect(sent.findLast(({ id }) => id === lastWords[0])).toEqual(sent[0]);
  });

  it("a channel that was ill is tried again without telling the others twice", async () => {
    await alarmed();
    let nowMs = Date.now();
    let ill = true;
    const heard: string[] = [];
    const two: Partial<NotifyPorts> = {
      wallNow: () => nowMs,
      config: AlertsConfig.parse({
        channels: { well: { type: "log" }, ill: { type: "log" } },
        rules: [{ channels: ["well", "ill"] }],
      }),
      channels: new Map([
        ["well", (alert: Alert) => Promise.resolve(void sent.push(alert))],
        [
          "ill",
          ({ id }: Alert) => (ill ? Promise.reject(new Error("503")) : Promise.resolve(void heard.push(id))),
        ],
      ]),
    };
    const first = await notify(ports(two));
    expect([first.ended, first.pending, heard.length]).toEqual([0, sent.length, 0]);
    ill = false;
    nowMs += 3_600_000;
    const second = await notify(ports(two));
    expect([second.ended, second.pending]).toEqual([sent.length, 0]);
    expect(heard.toSorted()).toEqual(sent.map(({ id }) => id).toSorted());
    expect(await house.count("alerts")).toBe(sent.length);
  });
});
