// End to end: `flyball serve --processes 2` from the build. A worker killed under load costs the requests it held and no other, its slot is filled
// again, every answer has its event; without their primary the workers end; SIGTERM drains.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { PredictAnswer } from "../../contracts/api.ts";
import { projectRoot } from "../../src/adapters/config.ts";
import { giveCommand } from "../../src/stages/command.ts";
import { execute } from "../../workers/execute.ts";
import { readStream } from "../support/api.ts";
import { MODEL, START, startDeployment, type Deployment } from "../support/deployment.ts";

const CLIENTS = 8;
const Ready = z.object({ ready: z.literal(true), port: z.int(), processes: z.literal(2) });

let house: Deployment;
let primary: ChildProcess | null = null;

beforeAll(async () => {
  house = await startDeployment();
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
  const executeOnce = () => execute(ports, { policy: house.policy, windows: house.windows });
  await executeOnce();
  await giveCommand(stores.ledger, {
    ...{ commandId: "first", model: MODEL, command: "promote", version: "1.0.0", actor: "ann" },
    ...{ reason: "a test", expiresAt: null, generation: null, at: new Date(START).toISOString() },
  });
  await executeOnce();
});
afterEach(async () => {
  if (primary === null) return;
  const left = workersOf(primary);
  primary.kill("SIGKILL");
  for (const pid of left) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  primary = null;
  await expect.poll(() => left.some(isAlive), { timeout: 30_000 }).toBe(false);
});
afterAll(() => house.close());

/** State and parent of a process, read from the kernel: a bare machine has no `ps`. Null once it is gone. */
const processOf = (pid: number): { readonly state: string; readonly parent: number } | null => {
  try {
    // The name stands in parentheses and may hold anything; what follows the last of them does not.
    const [state = "", parent] =
      readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return null;
  }
};

const isAlive = (pid: number): boolean => (processOf(pid)?.state ?? "Z") !== "Z";

const workersOf = (of: ChildProcess): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && isAlive(pid) && processOf(pid)?.parent === of.pid);

/** Starts two processes on one port; gives the port once both answer. */
const start = async (): Promise<{ child: ChildProcess; port: number }> => {
  const child = spawn(
    process.execPath,
    [path.join(projectRoot(), "dist/src/cli.js"), "serve", "--processes", "2", "--port", "0"],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: {
        ...process.env,
        FLYBALL_HOME: house.stack.home,
        FLYBALL_REDIS_URL: house.stack.redisUrl,
        FLYBALL_CLICKHOUSE_URL: house.stack.clickhouseUrl,
        FLYBALL_LOG_LEVEL: "fatal",
      },
    },
  );
  primary = child;
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
  });
  return { child, port: Ready.parse(JSON.parse(line)).port };
};

type Outcome = { readonly status: number; readonly id: string | null };

/** One prediction on a connection of its own, so that every process gets its share; status 0 where the connection was lost. */
const predict = (port: number): Promise<Outcome> =>
  new Promise((resolve) => {
    const body = JSON.stringify({ features: { price: 12.5, shop: "north" } });
    const headers = { "content-type": "application/json", "content-length": body.length };
    const asking = request(
      { port, host: "127.0.0.1", path: "/api/v1/predict", method: "POST", agent: false, headers },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.on("error", () => resolve({ status: 0, id: null }));
        response.on("end", () => {
          const { statusCode: status = 0 } = response;
          resolve({ status, id: status === 200 ? PredictAnswer.parse(JSON.parse(text)).request_id : null });
        });
      },
    );
    asking.on("error", () => resolve({ status: 0, id: null }));
    // A connection that was on its way to a process that died is closed by nobody.
    asking.setTimeout(10_000, () => asking.destroy());
    asking.end(body);
  });

/** Asks without pause until told to end; gives every outcome. */
const load = (port: number): { readonly outcomes: Outcome[]; end(): Promise<void> } => {
  const outcomes: Outcome[] = [];
  let ending = false;
  const client = async (): Promise<void> => {
    while (!ending) outcomes.push(await predict(port));
  };
  const all = Promise.all(Array.from({ length: CLIENTS }, client));
  return {
    outcomes,
    end: async () => {
      ending = true;
      await all;
    },
  };
};

const answered = (outcomes: readonly Outcome[]): number =>
  outcomes.filter(({ status }) => status === 200).length;
const recordedIds = async (): Promise<Set<unknown>> => {
  const streams = await Promise.all([0, 1].map((p) => readStream(house.stack.redisUrl, "events", p)));
  return new Set(streams.flatMap((stream) => stream.events().map((row) => row[4])));
};

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
  expect(asking.outcomes.filter(({ id }) => id !== null && !recorded.has(id))).toEqual([]);
  expect(new Set(await producers()).size).toBeGreaterThanOrEqual(2);

  // Without its primary a worker would hold the port that the next start wants.
  const orphans = workersOf(child);
  child.kill("SIGKILL");
  await expect.poll(() => orphans.some(isAlive), { timeout: 30_000 }).toBe(false);
});

const producers = async (): Promise<unknown[]> => {
  const streams = await Promise.all([0, 1].map((p) => readStream(house.stack.redisUrl, "events", p)));
  return streams.flatMap((stream) => stream.events().map((row) => row[11]));
};

it("drains on SIGTERM: who was heard is answered, and it ends well", async () => {
  const { child, port } = await start();
  const asking = load(port);
  await expect.poll(() => answered(asking.outcomes), { timeout: 60_000 }).toBeGreaterThan(50);
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  expect(await gone).toEqual([0, null]);
  await Promise.race([asking.end(), pause(20_000)]);
  const recorded = await recordedIds();
  expect(asking.outcomes.filter(({ id }) => id !== null && !recorded.has(id))).toEqual([]);
  expect(asking.outcomes.filter(({ status }) => status !== 0 && status !== 200)).toEqual([]);
});
