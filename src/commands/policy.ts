// Door: `flyball policy check FILE` and `policy calibrate`. Says whether a policy's words, numbers and conditions hold together, every
// mistake with its line and column, and derives drift thresholds from calm history. Changes nothing: an operator does.
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import type { Calibration } from "../core/calibrate.ts";

type Flags = { json?: boolean };
interface CalibrateFlags extends Flags {
  model: string;
  since?: string;
  until?: string;
}

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const policy = program.command("policy").description("policies: thresholds, clocks and rules as data");
  policy
    .command("check")
    .description("validate a policy: words, numbers, and each condition's types")
    .argument("<file>", "a policy file, such as config/policy.yaml")
    .option("--json", "machine output")
    .action(check);
  policy
    .command("calibrate")
    .description("drift thresholds from a model's own calm windows; drifted ones are left out and named")
    .requiredOption("--model <name>", "the model whose history speaks")
    .option("--since <time>", "only windows from this instant (UTC)")
    .option("--until <time>", "only windows before this instant (UTC)")
    .option("--json", "machine output")
    .action(runCalibration);
};

const check = async (file: string, flags: Flags): Promise<void> => {
  const { answer, mistakes } = await import("./offline.ts");
  const { parsePolicy } = await import("../core/policy.ts");
  const parsed = parsePolicy(await readFile(file, "utf8"), file);
  if (!parsed.ok) {
    if (flags.json === true) answer(flags, { ok: false, errors: parsed.errors }, "");
    process.stderr.write(`${mistakes(file, parsed.errors)}\n`);
    process.exitCode = 1;
    return;
  }
  const { policy, version, rules, alerts } = parsed.policy;
  answer(
    flags,
    { ok: true, policy, version, digest: parsed.digest, rules: rules.length, alerts: alerts.length },
    `${policy} v${version} ${parsed.digest} (${rules.length} rules, ${alerts.length} alerts)`,
  );
};

const runCalibration = async (flags: CalibrateFlags): Promise<void> => {
  const { calibrate } = await import("../core/calibrate.ts");
  const { durationMs } = await import("../core/duration.ts");
  const { modelOf } = await import("../core/governance-state.ts");
  const { loadPolicy } = await import("../wiring.ts");
  const { answer } = await import("./offline.ts");
  const { instantOf, withStores } = await import("./stores.ts");
  const startMs = flags.since === undefined ? 0 : instantOf(flags.since, "--since");
  const endMs = flags.until === undefined ? Date.UTC(2100, 0, 1) : instantOf(flags.until, "--until");
  await withStores(async ({ config, ledger, measures }) => {
    const { model } = flags;
    const { budget } = loadPolicy(config).drift;
    const size = config.service.windows.decide;
    const state = await ledger.state();
    if (!Object.hasOwn(state.models, model)) throw new Error(`${model} is not in the ledger`);
    const { quarantines } = modelOf(state, model);
    const answered = calibrate(await measures.drift({ model, size, span: { startMs, endMs } }), {
      quarantined: new Set(quarantines.map(({ windowStart }) => Date.parse(windowStart))),
      budget,
      windowMs: durationMs(size),
    });
    if (!answered.ok) throw new Error(`no thresholds: ${answered.reason}`);
    const { calibration } = answered;
    answer(
      flags,
      { model, window: size, budget, ...calibration, policy: policyPart(calibration) },
      [
        `${model}: ${calibration.calm} calm windows of ${calibration.windows}`,
        ...calibration.rejected.map(
          ({ window_start_ms, reason }) => `  left out ${new Date(window_start_ms).toISOString()}: ${reason}`,
        ),
        ...calibration.thresholds.map(
          ({ statistic, feature, windows, median, largest, breach_now }) =>
            `  ${statistic} moves most in ${feature === "" ? "the score" : feature}: median ${median}, largest ${largest} of ${windows} windows; breach now at ${breach_now ?? "–"}`,
        ),
        "# for the policy's drift: section; then `flyball policy check` and `flyball backtest`",
        "  thresholds:",
        ...Object.entries(policyPart(calibration)).map(
          ([statistic, { watch, breach }]) => `    ${statistic}: { watch: ${watch}, breach: ${breach} }`,
        ),
      ].join("\n"),
    );
  });
};

/** What a policy may say: four decimals are finer than any history can tell. */
const policyPart = ({
  thresholds,
}: Calibration): Readonly<Record<string, { watch: number; breach: number }>> =>
  Object.fromEntries(
    thresholds.map(({ statistic, watch, breach }) => [
      statistic,
      { watch: up(Math.min(watch, breach)), breach: up(breach) },
    ]),
  );

const up = (value: number): number => Math.ceil(value * 1e4) / 1e4;
