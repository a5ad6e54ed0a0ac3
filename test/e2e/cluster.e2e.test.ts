// End to end: several api processes on one port, from the build. The served version changes under traffic without a failed request; a worker
// killed under load costs the requests it held and no other; every answer has its event; without their primary the workers end; SIGTERM
// drains. And the whole stack with its streams in a Redis Cluster of three nodes.
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import type { CommandName } from "../../contracts/governance.ts";
import { createServingModels } from "../../src/adapters/serving-models.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { execute } from "../../workers/execute.ts";
import { readStream } from "../support/api.ts";
import {
  answered,
  CLIENTS,
  isAlive,
  listen,
  load,
  type Outcome,
  ROWS,
  startCommand,
  workersOf,
} from "../support/api-processes.ts";
import { MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";

const Ready = z.object({ ready: z.literal(true), port: z.int(), processes: z.literal(2) });

let house: Deployment;
/** What runs now: a test goes on with the processes of the one before it, unless that ended them. */
let running: { readonly child: ChildProcess; readonly port: number } | null = null;

/** What the execute stage does in its turn. */
const executeOnce = (): Promise<boolean> => {
  const { stores } = house;
  const ports = {
    ledger: stores.ledger,
    decisions: stores.decisions,
    measures: stores.measures,
    registry: stores.bundles,
    work: { look: () => Promise.resolve(), retrain: () => Promise.resolve() },
    now: () => Promise.resolve(START),
    checkpoint: () => Promise.resolve(),
    log: stores.log,
  };
  return execute(ports, { policy: house.policy, windows: house.windows });
};

/** An operator's command, given and carried out; answers the sealed generation that holds it. */
const command = async (name: CommandName, version: string): Promise<number> => {
  const { ledger } = house.stores;
  await giveCommand(ledger, {
    ...{ commandId: `${name}-${version}`, model: MODEL, command: name, version, actor: "ann" },
    ...{ reason: "a test", expiresAt: null, generation: null, at: new Date(START).toISOString() },
  });
  await executeOnce();
  return (await ledger.sealed()).generation;
};

beforeAll(async () => {
  house = await startDeployment();
  await executeOnce();
  await command("promote", "1.0.0");
});
afterAll(async () => {
  const left = running === null ? [] : workersOf(running.child);
  running?.child.kill("SIGKILL");
  for (const pid of left) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  while (left.some(isAlive)) await pause(20);
  await house.close();
});

/** Two processes on one port; gives the port once both answer. */
const start = async (): Promise<{ child: ChildProcess; port: number }> => {
  if (running !== null) return running;
  const { child, said } = await startCommand(house, ["serve", "--processes", "2", "--port", "0"]);
  running = { child, port: Ready.parse(said).port };
  return running;
};

const eventsRecorded = async () => {
  const streams = await Promise.all([0, 1].map((p) => readStream(house.stack.redisUrl, "events", p)));
  return streams.map((stream) => stream.events());
};
const recordedIds = async (): Promise<Set<unknown>> =>
  new Set((await eventsRecorded()).flatMap((rows) => rows.map((row) => row[4])));
const idsOf = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ answer }) => (answer === null ? [] : [answer.request_id]));

/** What a version gives each row of the load, by itself and outside any api. */
const scoresOf = async (version: string): Promise<number[]> => {
  const models = createServingModels({
    ...{ registry: house.stores.registry, isolate: "external", hangMs: null },
    monotonicMs: () => 0,
  });
  try {
    await models.apply([{ model: MODEL, promoted: version, shadows: [] }], 1);
    const serving = models.current(MODEL);
    if (serving === null) throw new Error(`${version} cannot be loaded`);
    const scores: number[] = [];
    for (const row of ROWS) {
      const vector = new Float32Array(2);
      expect(serving.encoder.encode(row, new Uint8Array(2), 0, vector, 0)).toBeNull();
      scores.push((await serving.session.run(vector, 1))[0] ?? NaN);
    }
    return scores;
  } finally {
    await models.close();
  }
};

it("switches the served version under traffic, there and back, without a failed request or a mixed answer", async () => {
  const next = await house.publish({ seed: 2 });
  await executeOnce();
  const scores = new Map([
    ["1.0.0", await scoresOf("1.0.0")],
    [next, await scoresOf(next)],
  ]);
  const apart = ROWS.map((_, row) =>
    Math.abs((scores.get("1.0.0")?.[row] ?? 0) - (scores.get(next)?.[row] ?? 0)),
  );
  expect(Math.min(...apart)).toBeGreaterThan(1e-4);

  const { port } = await start();
  const news = await listen(port);
  const asking = load(port, CLIENTS / 2);
  const { instances } = house.stores.loop;
  /** Until every process says that it serves a generation, and answers a while after that; gives when the last of them had said it. */
  const settledOn = async (generation: number): Promise<number> => {
    await expect.poll(() => instances.generations(), { timeout: 60_000 }).toEqual([generation, generation]);
    const at = performance.now();
    const before = asking.outcomes.length;
    await expect.poll(() => asking.outcomes.length - before, { timeout: 60_000 }).toBeGreaterThan(200);
    return at;
  };
  await settledOn((await house.stores.ledger.sealed()).generation);
  const promoting = performance.now();
  const promoted = await settledOn(await command("promote", next));
  const withdrawing = performance.now();
  const generation = await command("rollback", next);
  const withdrawn = await settledOn(generation);
  await asking.end();

  const { outcomes } = asking;
  expect(outcomes.filter(({ status }) => status !== 200)).toEqual([]);
  const versionsSent = (from: number, to: number): Set<string | undefined> =>
    new Set(
      outcomes
        .filter(({ sentAt }) => sentAt >= from && sentAt < to)
        .map(({ answer }) => answer?.model_version),
    );
  expect(versionsSent(0, promoting)).toContain("1.0.0");
  expect(versionsSent(0, promoting)).not.toContain(next);
  expect(versionsSent(promoted, withdrawing)).toEqual(new Set([next]));
  expect(versionsSent(withdrawn, Infinity)).toEqual(new Set(["1.0.0"]));

  // Version, probability and event of an answer are of one model, whichever it met.
  const partitions = await eventsRecorded();
  const rows = partitions.flat().filter((row) => row[3] === "production");
  const events = new Map(rows.map((row) => [row[4], row]));
  expect(rows).toHaveLength(events.size);
  for (const { row, answer } of outcomes) {
    const { request_id: id = "", model_version: version = "", probability = NaN } = answer ?? {};
    expect(probability).toBeCloseTo(scores.get(version)?.[row] ?? NaN, 6);
    expect([events.get(id)?.[2], events.get(id)?.[6], events.get(id)?.[7]]).toEqual([
      version,
      "ok",
      probability,
    ]);
  }
  // Each process answered with both, and kept to one partition.
  const slots = partitions.map((one) => new Set(one.map((row) => row[11])));
  expect(slots.map((producers) => producers.size)).toEqual([1, 1]);
  for (const [producer] of slots)
    expect(new Set(rows.filter((row) => row[11] === producer).map((row) => row[2]))).toEqual(
      new Set(["1.0.0", next]),
    );

  // Whoever listens has heard of the last move, over the same port.
  await expect.poll(() => news.text(), { timeout: 10_000 }).toContain(`"generation":${generation}`);
  expect(news.text()).toMatch(/^retry: 3000\nevent: hello\ndata: \{\}\n\n/);
  news.leave();
  await news.ended;
});

it("a killed worker costs what it held and nothing else, and its slot is filled again", async () => {
  const { child, port } = await start();
  const before = workersOf(child);
  expect(before).toHaveLength(2);
  const asking = load(port);
  await expect.poll(() => answered(asking.outcomes), { timeout: 60_000 }).toBeGreaterThan(100);
  const [victim = 0, survivor = 0] = before;
  process.kill(victim, "SIGKILL");
  const atKill = answered(asking.outcomes);
  await expect.poll(() => answered(asking.outcomes) - atKill, { timeout: 60_000 }).toBeGreaterThan(100);
  await expect.poll(() => workersOf(child).length, { timeout: 60_000 }).toBe(2);
  expect(workersOf(child)).toContain(survivor);
  expect(workersOf(child)).not.toContain(victim);
  await expect
    .poll(
      async () =>
        z.object({ ready: z.boolean() }).parse(await (await fetch(`http://127.0.0.1:${port}/readyz`)).json())
          .ready,
    )
    .toBe(true);
  await asking.end();
  const lost = asking.outcomes.filter(({ status }) => status === 0).length;
  expect(lost).toBeLessThanOrEqual(CLIENTS);
  expect(asking.outcomes.filter(({ status }) => status !== 0 && status !== 200)).toEqual([]);
  const recorded = await recordedIds();
  expect(idsOf(asking.outcomes).filter((id) => !recorded.has(id))).toEqual([]);
  const producers = new Set((await eventsRecorded()).flatMap((rows) => rows.map((row) => row[11])));
  expect(producers.size).toBeGreaterThanOrEqual(2);

  // Without its primary a worker would hold the port that the next start wants.
  const orphans = workersOf(child);
  running = null;
  child.kill("SIGKILL");
  await expect.poll(() => orphans.some(isAlive), { timeout: 30_000 }).toBe(false);
});

it("drains on SIGTERM: who was heard is answered, and it ends well", async () => {
  const { child, port } = await start();
  const asking = load(port);
  await expect.poll(() => answered(asking.outcomes), { timeout: 60_000 }).toBeGreaterThan(50);
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  expect(await gone).toEqual([0, null]);
  running = null;
  await Promise.race([asking.end(), pause(20_000)]);
  const recorded = await recordedIds();
  expect(idsOf(asking.outcomes).filter((id) => !recorded.has(id))).toEqual([]);
  expect(asking.outcomes.filter(({ status }) => status !== 0 && status !== 200)).toEqual([]);
});

it("the whole stack records what it answers with its streams in a Redis Cluster, and the stages hear of it", async () => {
  const cluster = await startRedisCluster();
  try {
    const { child, said } = await startCommand(house, ["up", "--json"], {
      FLYBALL_STREAMS_CLUSTER: JSON.stringify(cluster.nodes.map(({ host, port }) => `${host}:${port}`)),
      FLYBALL_API_PROCESSES: "2",
      FLYBALL_API_PORT: "0",
      // Its processes take the slots from here on: partitions 2 and 3 lie on two nodes, and the recorders' others on the third.
      FLYBALL_SLOT: "2",
    });
    const { api } = z.object({ api: z.url() }).parse(said);
    running = { child, port: Number(new URL(api).port) };
    const asking = load(running.port, CLIENTS / 2);
    await expect.poll(() => answered(asking.outcomes), { timeout: 60_000 }).toBeGreaterThan(500);
    await asking.end();
    expect(asking.outcomes.filter(({ status }) => status !== 200)).toEqual([]);
    const ids = idsOf(asking.outcomes).sort();
    const labels = ids.map((request_id) => ({ request_id, label: 1, observed_at: "2001-01-02T00:00:00Z" }));
    const taken = await fetch(`${api}/api/v1/labels`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ labels }),
    });
    expect(await taken.json()).toMatchObject({ accepted: ids.length, rejected: [] });
    const recorded = async (what: string, from: string): Promise<unknown[]> =>
      (await house.stack.sql(`SELECT ${what} AS found FROM ${from} ORDER BY found`)).map(
        ({ found }) => found,
      );
    const production = "predictions WHERE role = 'production'";
    const id = "toString(request_id)";
    await expect.poll(() => recorded(id, production), { timeout: 60_000 }).toEqual(ids);
    await expect.poll(() => recorded(id, "labels"), { timeout: 60_000 }).toEqual(ids);
    const slots = await recorded("DISTINCT splitByChar('-', producer)[1]", production);
    expect(slots).toEqual(["2", "3"]);
    // Watermarks too went through the cluster: without them no stage would have looked.
    await expect
      .poll(() => house.stores.loop.progress.get("loop:rolled"), { timeout: 60_000 })
      .toBeGreaterThan(START);
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    expect(await gone).toEqual([0, null]);
    running = null;
  } finally {
    await cluster.stop();
  }
});
