// Door: `flyball simulate`. Runs a policy through seeded worlds on all cores and prints how often it errs, with confidence
// intervals. Needs no stack. Seeds are seed, seed + 1, …: the answer does not depend on how many threads share the work.
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { Option, type Command } from "commander";
import { projectRoot } from "../adapters/config.ts";
import { parsePolicy, policyJson, readyPolicy, type ReadyPolicy } from "../core/policy.ts";
import { isScenario, SCENARIOS, type ScenarioName } from "../core/simulate-scenarios.ts";
import { summariseRuns, type Rate, type Spread, type Summary } from "../core/simulate-summary.ts";
import type { RunResult } from "../core/simulate-tally.ts";
import { runScenario } from "../core/simulate.ts";
import { answer, mistakes } from "./offline.ts";
import type { SimulationShare } from "./simulate-thread.ts";

interface Flags {
  readonly scenario: string;
  readonly runs: string;
  readonly seed: string;
  readonly policy?: string;
  readonly evidence?: "block_sign" | "row_tempered";
  readonly independent?: boolean;
  readonly json?: boolean;
}

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("simulate")
    .description("operating characteristics of a policy in simulated worlds")
    .requiredOption("--scenario <name>", `a world, or "all": ${Object.keys(SCENARIOS).join(", ")}`)
    .option("--runs <n>", "runs of each world", "2000")
    .option("--seed <n>", "seed of the first run", "1")
    .option("--policy <file>", "a policy file (default: config/policy.yaml)")
    .addOption(
      new Option("--evidence <method>", "overrides the policy's").choices(["block_sign", "row_tempered"]),
    )
    .option("--independent", "rows are independent: no day effects")
    .option("--json", "machine output")
    .action(simulate);
};

const simulate = async (flags: Flags): Promise<void> => {
  const scenarios = scenariosOf(flags.scenario);
  const runs = wholeNumber(flags.runs, "--runs", 1);
  const seed = wholeNumber(flags.seed, "--seed", 0);
  const policy = await policyOf(flags);
  const days = flags.independent !== true;
  const reports = [];
  for (const scenario of scenarios) {
    const results = await shareOut({ scenario, runs, seed, policy, days });
    reports.push({
      scenario,
      says: SCENARIOS[scenario].says,
      runs,
      seed,
      days,
      blocks: SCENARIOS[scenario].blocks,
      policy: policy.policy,
      policy_digest: policy.digest,
      evidence: policy.candidate.evidence.method,
      ...summariseRuns(results),
    });
  }
  const [only] = reports;
  answer(flags, reports.length === 1 ? only : reports, reports.map(tableOf).join("\n\n"));
};

const scenariosOf = (name: string): readonly ScenarioName[] => {
  if (isScenario(name)) return [name];
  if (name === "all") return Object.keys(SCENARIOS).filter(isScenario);
  throw new Error(`${name}: no such scenario; known: ${Object.keys(SCENARIOS).join(", ")}, all`);
};

const wholeNumber = (text: string, flag: string, min: number): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min)
    throw new Error(`${flag} ${text}: a whole number from ${min} on`);
  return value;
};

const policyOf = async (flags: Flags): Promise<ReadyPolicy> => {
  const file = flags.policy ?? join(projectRoot(), "config", "policy.yaml");
  const parsed = parsePolicy(await readFile(file, "utf8"), file);
  if (!parsed.ok) throw new Error(mistakes(file, parsed.errors));
  if (flags.evidence === undefined) return parsed.policy;
  const { candidate } = parsed.policy;
  const evidence = { ...candidate.evidence, method: flags.evidence };
  return readyPolicy({ ...parsed.policy, candidate: { ...candidate, evidence } });
};

type Work = Omit<SimulationShare, "policyJson"> & { readonly policy: ReadyPolicy };

const RUNS_WORTH_A_THREAD = 20;
/** Evidence lives for one look: room for many of them before the collector walks through. */
const YOUNG_MB = 128;

/** Deals the seeds out to threads in slices; compiled code only, since a thread cannot load TypeScript. */
const shareOut = async (work: Work): Promise<RunResult[]> => {
  const compiled = import.meta.url.endsWith(".js");
  const threads = Math.min(availableParallelism(), Math.ceil(work.runs / RUNS_WORTH_A_THREAD));
  if (!compiled || threads < 2)
    return Array.from({ length: work.runs }, (_, run) => runScenario({ ...work, seed: work.seed + run }));
  const each = Math.ceil(work.runs / threads);
  const slices = Array.from({ length: threads }, (_, thread) => ({
    seed: work.seed + thread * each,
    runs: Math.max(0, Math.min(each, work.runs - thread * each)),
  }));
  return (await Promise.all(slices.map((slice) => inThread({ ...work, ...slice })))).flat();
};

const inThread = ({ policy, ...work }: Work): Promise<RunResult[]> =>
  new Promise((resolve, reject) => {
    const share: SimulationShare = { ...work, policyJson: policyJson(policy) };
    const worker = new Worker(new URL("./simulate-thread.js", import.meta.url), {
      workerData: share,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

const tableOf = (
  report: Summary & { scenario: string; says: string; runs: number; days: boolean },
): string => {
  const days = report.days ? "days differ" : "independent rows";
  const rows: [string, string][] = [
    ["promotion_rate", rate(report.promotion_rate)],
    ["false_promotion_rate", rate(report.false_promotion_rate)],
    ["rollback_rate", rate(report.rollback_rate)],
    ["false_rollback_rate", rate(report.false_rollback_rate)],
    ["quarantine_rate", rate(report.quarantine_rate)],
    ["false_alarms_per_30_days", report.false_alarms_per_30_days?.toFixed(3) ?? "–"],
    ["detection_delay_windows", spread(report.detection_delay_windows)],
    ["training_delay_windows", spread(report.training_delay_windows)],
    ["blocks_to_promotion", spread(report.blocks_to_promotion)],
    ["blocks_to_rollback", spread(report.blocks_to_rollback)],
    ["trainings", `${spread(report.trainings)}, at most ${report.trainings_max ?? "–"}`],
    ["rejections", spread(report.rejections)],
    ["actions_on_unsound_windows", rate(report.actions_on_unsound_windows)],
  ];
  const lines = rows.map(([name, value]) => `  ${name.padEnd(27)} ${value}`);
  return [`${report.scenario} (${report.says}; ${report.runs} runs, ${days})`, ...lines].join("\n");
};

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;
const rate = (value: Rate | null): string =>
  value === null ? "–" : `${percent(value.value)} (95 %: ${percent(value.low)} to ${percent(value.high)})`;
const spread = (value: Spread | null): string =>
  value === null ? "–" : `median ${value.median} (5 % ${value.p05}, 95 % ${value.p95}, n ${value.n})`;
