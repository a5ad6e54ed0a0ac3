// Bench `decisions`: a long history replayed. Simulated worlds are decided by the real engine, half of them by the rules of version 1 and
// half by today's, kept in the real ClickHouse engine, and then made again by `flyball decisions replay --all` in a process of its
// own, as an operator would. It reports the command's processor time and wall time, and that every byte was the same.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, loadavg } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { startClickhouse } from "../src/adapters/clickhouse-child.ts";
import { createClickhouse } from "../src/adapters/clickhouse.ts";
import { projectRoot } from "../src/adapters/config.ts";
import { createDecisions } from "../src/adapters/decision-store.ts";
import { migrate } from "../src/adapters/migrations.ts";
import type { Engine } from "../src/adapters/rows.ts";
import { canonicalJson } from "../src/core/canonical.ts";
import { decide, inputsOf, type DecisionInputs, type RulesVersion } from "../src/core/decide.ts";
import { parsePolicy, policyJson, type ReadyPolicy } from "../src/core/policy.ts";
import { runScenario } from "../src/core/simulate.ts";
import type { DecisionRecord } from "../src/ports.ts";
import { machine } from "./processes.ts";

export interface DecisionsBench {
  readonly name: "decisions";
  readonly machine: ReturnType<typeof machine>;
  readonly load: readonly number[];
  readonly runs: 1;
  readonly decisions: number;
  readonly rules_versions: readonly number[];
  readonly identical: boolean;
  readonly wall_seconds: number;
  /** User and system time of the command; the engine's reading is not in it. */
  readonly cpu_seconds: number;
}

/** Measures; `decisions` at least, in worlds of 100 and of 500 windows. */
export const run = async (args: { json?: string; decisions?: number } = {}): Promise<DecisionsBench> => {
  const { decisions = 10_000 } = args;
  const home = await mkdtemp(join(tmpdir(), "flyball-bench-"));
  const engine = await startClickhouse({ path: join(home, "clickhouse"), allowFiles: true });
  const sqlDir = join(projectRoot(), "clickhouse");
  const queriesDir = join(sqlDir, "queries");
  const clickhouse = createClickhouse({ url: engine.url, database: "flyball", queriesDir });
  try {
    await clickhouse.createDatabase();
    const folders = { migrations: join(sqlDir, "migrations"), views: join(sqlDir, "views") };
    await migrate(clickhouse, folders, new Date());
    const kept = await keepHistory(clickhouse, decisions);
    const told = await replayByCommand({ home, clickhouseUrl: engine.url });
    if (told.decisions !== kept) throw new Error(`${told.decisions} of ${kept} decisions were replayed`);
    const result: DecisionsBench = {
      name: "decisions",
      machine: machine(),
      load: loadavg(),
      runs: 1,
      ...told,
      rules_versions: [1, 2],
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await clickhouse.close();
    await engine.close();
    await rm(home, { recursive: true, force: true });
  }
};

const ROWS_AT_ONCE = 500;

/** Lives worlds and keeps what was decided in them, each world as a model of its own; answers how many decisions. */
export const keepHistory = async (
  clickhouse: ReturnType<typeof createClickhouse>,
  decisions: number,
): Promise<number> => {
  const policy = await shippedPolicy();
  let kept = 0;
  let waiting: object[] = [];
  const flush = async (): Promise<void> => {
    if (waiting.length > 0) await clickhouse.insert("decisions", waiting, { token: `bench/${kept}` });
    waiting = [];
  };
  // The store's own row, a few hundred to an insert: one by one would measure the disk.
  const collecting: Engine = {
    ...clickhouse,
    insert: (_, rows) => {
      waiting.push(...rows);
      return Promise.resolve();
    },
  };
  const store = createDecisions(collecting);
  for (let seed = 1; kept < decisions; seed++) {
    const asked: DecisionInputs[] = [];
    const scenario = seed % 4 === 0 ? "healthy-promotion" : seed % 2 === 0 ? "concept" : "null";
    runScenario({ scenario, seed, policy, days: true, seen: (inputs) => asked.push(inputs) });
    for (const inputs of asked.slice(0, decisions - kept)) {
      await store.keep(recordOf(inputs, policy, { model: `world-${seed}`, rules: seed % 2 === 0 ? 2 : 1 }));
      kept++;
      if (waiting.length >= ROWS_AT_ONCE) await flush();
    }
  }
  await flush();
  return kept;
};

const recordOf = (
  { evidence, memory, governance }: DecisionInputs,
  policy: ReadyPolicy,
  by: { model: string; rules: RulesVersion },
): DecisionRecord => {
  const { standing_alerts: _alerts, degraded_at: _degraded, ...before } = memory;
  const inputs = {
    evidence: { ...evidence, model: by.model },
    memory: by.rules === 1 ? before : memory,
    governance: { ...governance, model: by.model },
  };
  const made = decide({ ...inputs, policy }, by.rules);
  return {
    decision: made.decision,
    decisionJson: canonicalJson(made.decision),
    memory: made.memory,
    memoryJson: canonicalJson(made.memory),
    inputsJson: inputsOf(inputs, by.rules),
    policyJson: policyJson(policy),
  };
};

const shippedPolicy = async (): Promise<ReadyPolicy> => {
  const file = join(projectRoot(), "config", "policy.yaml");
  const parsed = parsePolicy(await readFile(file, "utf8"), file);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.policy;
};

const Told = z.looseObject({ decisions: z.int(), identical: z.boolean() });

/** Nothing of a replay is read from Redis: a deployment whose Redis is gone can still be audited. */
const NO_REDIS = "redis://127.0.0.1:1";

/** Runs the command on a deployment of which ClickHouse runs. */
export const replayByCommand = async (at: {
  readonly home: string;
  readonly clickhouseUrl: string;
  readonly redisUrl?: string;
}): Promise<{ decisions: number; identical: boolean; wall_seconds: number; cpu_seconds: number }> => {
  const cli = join(projectRoot(), "dist", "src", "cli.js");
  const env = {
    ...process.env,
    FLYBALL_HOME: at.home,
    FLYBALL_CLICKHOUSE_URL: at.clickhouseUrl,
    FLYBALL_REDIS_URL: at.redisUrl ?? NO_REDIS,
  };
  const begin = performance.now();
  // The last line of the shell's `times` is what its children took.
  const script = `"$0" "$1" decisions replay --all --json; code=$?; times >&2; exit $code`;
  const child = spawn("bash", ["-c", script, process.execPath, cli], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString("utf8")));
  await once(child, "close");
  if (child.exitCode !== 0) throw new Error(`exit ${child.exitCode}: ${err}`);
  const { decisions, identical } = Told.parse(JSON.parse(out));
  const wall_seconds = (performance.now() - begin) / 1000;
  return { decisions, identical, wall_seconds, cpu_seconds: childrenSeconds(err) };
};

/** The last line of `times`: 0m1.234s 0m0.056s. */
const childrenSeconds = (text: string): number => {
  const parts = [...(text.trim().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0);
};
