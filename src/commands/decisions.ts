// Door: `flyball decisions ls|show|replay`. Shows what was decided and why, and makes decisions again from what is stored with them:
// the same bytes, or exit 1 naming those that differ. Needs the deployment's ClickHouse; moves nothing.
import { InvalidArgumentError, type Command } from "commander";
import type { Decision } from "../../contracts/decision.ts";
import type { DecisionRecord } from "../ports.ts";
import { briefly } from "../core/brief.ts";
import { answer } from "./offline.ts";
import { decidedModels, withStores } from "./stores.ts";

interface ListFlags {
  model?: string;
  action?: string;
  limit: number;
  json?: boolean;
}
interface ReplayFlags {
  all?: boolean;
  model?: string;
  json?: boolean;
}

/** Adds the commands to the program. */
export const register = (program: Command): void => {
  const decisions = program.command("decisions").description("what was decided, why, and whether it replays");
  decisions
    .command("ls")
    .description("decisions, newest first")
    .option("--model <name>", "only this model")
    .option("--action <action>", "only this action, such as PROMOTE")
    .option("--limit <number>", "at most so many", whole, 50)
    .option("--json", "machine output")
    .action(list);
  decisions
    .command("show")
    .description("one decision with its reasons, gates and digests")
    .argument("<id>", "a decision's id, or its first letters (8 or more)")
    .option("--json", "machine output: the decision, its memory, all inputs and the policy")
    .action((id: string, flags: { json?: boolean }) => withRecord(id, (record) => show(record, flags)));
  decisions
    .command("replay")
    .description("make decisions again from their stored inputs and compare the bytes")
    .argument("[id]", "one decision")
    .option("--all", "every decision of every model")
    .option("--model <name>", "with --all: only this model")
    .option("--json", "machine output")
    .action(replay);
};

const list = (flags: ListFlags): Promise<void> =>
  withStores(async ({ clickhouse }) => {
    const { createReadStore } = await import("../adapters/read-store.ts");
    const by = { model: flags.model ?? "", action: flags.action ?? "", after: null, limit: flags.limit };
    const items = (await createReadStore(clickhouse).decisions(by)).map(({ item }) => item);
    const lines = items.map(
      ({ id, window_start, model, action, version, sentence }) =>
        `${id.slice(0, 12)}  ${window_start}  ${model}  ${action}${version === null ? "" : ` ${version}`}  ${briefly(sentence)}`,
    );
    const none =
      flags.action === undefined
        ? "nothing was decided yet: a decision comes when its window has closed"
        : `no decision is ${flags.action}`;
    answer(flags, { items }, lines.length === 0 ? none : lines.join("\n"));
  });

const show = (record: DecisionRecord, flags: { json?: boolean }): Promise<void> => {
  const { decision, memory, inputsJson, policyJson } = record;
  const whole =
    flags.json === true ? { decision, memory, inputs: parsed(inputsJson), policy: parsed(policyJson) } : {};
  answer(flags, whole, tableOf(decision));
  return Promise.resolve();
};

const replay = async (id: string | undefined, flags: ReplayFlags, command: Command): Promise<void> => {
  if ((id === undefined) === (flags.all !== true)) command.error("name one decision, or say --all");
  const { replayHistory, replayRecord } = await import("../stages/decisions.ts");
  if (id !== undefined)
    return withRecord(id, (record) => {
      const one = replayRecord(record, new Map());
      const text = `${one.id}\nstored   ${one.stored_digest}\nreplayed ${one.replayed_digest}\nidentical: ${one.identical}`;
      answer(flags, one, text);
      if (!one.identical) differs(1, 1);
      return Promise.resolve();
    });
  return withStores(async (stores) => {
    const models = await decidedModels(stores, flags.model);
    const all = await replayHistory({ decisions: stores.decisions, models, sinceMs: null });
    if (all.decisions === 0 && flags.json !== true) return refuse("there is no decision to replay");
    const different = all.different.map((one) => `differs: ${one.model} ${one.id}`);
    answer(
      flags,
      all,
      [
        `${all.decisions} decisions of ${models.length} models`,
        `stored bytes ${all.digest}`,
        `identical: ${all.identical}`,
        ...different,
      ].join("\n"),
    );
    if (all.decisions === 0) refuse("there is no decision to replay");
    else if (!all.identical) differs(all.different.length, all.decisions);
  });
};

const withRecord = (id: string, use: (record: DecisionRecord) => Promise<void>): Promise<void> =>
  withStores(async ({ decisions, clickhouse }) => {
    const { createReadStore } = await import("../adapters/read-store.ts");
    const by = { model: "", action: "", after: null, limit: 100_000 };
    const known =
      id.length === 64 || id.length < 8
        ? [id]
        : (await createReadStore(clickhouse).decisions(by))
            .map(({ item }) => item.id)
            .filter((one) => one.startsWith(id));
    if (known.length > 1) throw new Error(`${id} begins ${known.length} ids: give more of it`);
    const record = await decisions.byId(known[0] ?? id);
    if (record === null) throw new Error(`no decision has the id ${id}`);
    await use(record);
  });

const tableOf = (decision: Decision): string =>
  [
    `${decision.action}${decision.version === null ? "" : ` ${decision.version}`}: ${decision.sentence}`,
    `  id       ${decision.id}`,
    `  model    ${decision.model}, window ${decision.window_start} to ${decision.window_end}, decided at ${decision.at}`,
    `  rule     ${decision.rule} (rules version ${decision.rules_version})`,
    `  drift    this window ${decision.drift_verdict}, after persistence ${decision.drift_decision}`,
    `  evidence ${decision.evidence_log_e === null ? "none" : `ln E ${decision.evidence_log_e}`}`,
    `  policy   ${decision.policy_digest}`,
    `  inputs   ${decision.inputs_digest}`,
    ...decision.reasons.map(
      ({ signal, value, threshold, n, detail }) =>
        `  because  ${signal} = ${value ?? "unknown"}${threshold === null ? "" : ` against ${threshold}`}${n === null ? "" : `, n ${n}`}${detail === "" ? "" : ` (${detail})`}`,
    ),
    ...decision.gates.map(
      ({ gate, result, value, threshold, unit }) =>
        `  gate     ${gate} ${result}: ${value ?? "unknown"} against ${threshold ?? "–"} ${unit}`,
    ),
    ...decision.alerts.map(({ alert, severity, detail }) => `  alert    ${alert} (${severity}): ${detail}`),
  ].join("\n");

const parsed = (text: string): unknown => JSON.parse(text);

const differs = (different: number, of: number): void =>
  refuse(`${different} of ${of} decisions do not replay to their stored bytes`);

const refuse = (reason: string): void => {
  process.exitCode = 1;
  process.stderr.write(`refused: ${reason}\n`);
};

const whole = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("expected a whole number");
  return Number(text);
};
