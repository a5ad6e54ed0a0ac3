// Door: `flyball policy check FILE`. Says whether a policy's words, numbers and conditions hold together, every mistake with its
// line and column, and gives the digest decisions will quote. Changes nothing.
import { readFile } from "node:fs/promises";
import type { Command } from "commander";

type Flags = { json?: boolean };

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  program
    .command("policy")
    .description("policies: thresholds, clocks and rules as data")
    .command("check")
    .description("validate a policy: words, numbers, and each condition's types")
    .argument("<file>", "a policy file, such as config/policy.yaml")
    .option("--json", "machine output")
    .action(check);
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
