// Stage: execute. Carries decisions and operators' commands into the ledger, enters new bundles in its book, ends watches, seals, and
// hands trainings and alerts on. Idempotent: each move is a compare-and-append on the generation it was planned on, and a decision
// or command leaves an event that a second look finds. It decides nothing itself.
import type { ServiceConfig } from "../contracts/config.ts";
import { ALL } from "../contracts/snapshot.ts";
import type { Baseline, LedgerEvent, LedgerState, ModelState } from "../contracts/governance.ts";
import { realisedOf } from "../src/core/evidence.ts";
import { confusionMetrics } from "../src/core/performance.ts";
import { planCommand, type Discretion } from "../src/core/governance-command.ts";
import { executePlan, POLICY_ACTOR } from "../src/core/governance-execute.ts";
import { planRegister, planWatchEnd, type Floors } from "../src/core/governance-moves.ts";
import { modelOf } from "../src/core/governance-state.ts";
import type { ReadyPolicy } from "../src/core/policy.ts";
import { watchIsOver } from "../src/core/watch.ts";
import { isoOf } from "../src/core/time.ts";
import type {
  EnqueuesWork,
  KeepsDecisions,
  KeepsLedger,
  KeepsMeasures,
  Log,
  ReadsRegistry,
} from "../src/ports.ts";

export interface ExecutePorts {
  readonly ledger: KeepsLedger;
  readonly decisions: KeepsDecisions;
  readonly measures: Pick<KeepsMeasures, "performance">;
  readonly registry: ReadsRegistry;
  readonly work: EnqueuesWork;
  /** The deployment's clock. */
  readonly now: () => Promise<number>;
  /** Signs what is sealed, now and then. */
  readonly checkpoint: (sealed: { seq: number; generation: number }) => Promise<void>;
  readonly log: Log;
  /** Where the fault suite may end the process; about a decision's action or a command. */
  readonly failpoint?: (name: ExecuteGap, about: string) => void;
}

/** The commit gaps of a move, in order. */
export type ExecuteGap = "before_append" | "after_append" | "after_seal" | "after_checkpoint";

export interface ExecuteOptions {
  readonly policy: ReadyPolicy;
  readonly windows: ServiceConfig["windows"];
}

/** A first version has no production to beat: it must be better than guessing and say what it means. */
const FLOORS: Floors = { rocAucMin: 0.55, rowsMin: 200, eceMax: 0.1 };
const DECISIONS_AT_ONCE = 100;
/** Appends lose against other writers now and then; more often than this something else is wrong. */
const TRIES = 20;

/** Looks for all that is due, once. Answers whether anything moved. */
export const execute = async (ports: ExecutePorts, options: ExecuteOptions): Promise<boolean> => {
  const before = (await ports.ledger.state()).generation;
  await registerBundles(ports);
  const { models } = await ports.ledger.state();
  const moved: string[] = [];
  for (const model of Object.keys(models)) {
    moved.push(...(await executeCommands(ports, options, model)));
    moved.push(...(await executeDecisions(ports, options, model)));
    await endWatch(ports, options, model);
  }
  const sealed = await ports.ledger.seal();
  for (const about of moved) ports.failpoint?.("after_seal", about);
  await ports.checkpoint(sealed);
  for (const about of moved) ports.failpoint?.("after_checkpoint", about);
  await startTrainings(ports);
  return sealed.generation !== before;
};

/** Appends what a planner makes of the newest state, planning again when another writer was first. */
const append = async (
  ports: ExecutePorts,
  model: string,
  by: { actor: string; reason: string; atMs: number },
  plan: (state: ModelState) => readonly LedgerEvent[],
): Promise<boolean> => {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const state: LedgerState = await ports.ledger.state();
    const events = plan(modelOf(state, model));
    if (events.length === 0) return false;
    const draft = { at: isoOf(by.atMs), model, actor: by.actor, reason: by.reason, events: [...events] };
    const result = await ports.ledger.append(draft, { generation: state.generation });
    if (result.ok) return true;
  }
  throw new Error(`no turn at the ledger in ${TRIES} attempts`);
};

/** A bundle that appeared in the registry enters the book as TRAINING; its training, if one was asked for, is ended by the retrain stage. */
const registerBundles = async (ports: ExecutePorts): Promise<void> => {
  const { models } = await ports.ledger.state();
  for (const model of await ports.registry.models()) {
    for (const version of await ports.registry.versions(model)) {
      if (models[model]?.versions[version] !== undefined) continue;
      const { metadata } = await ports.registry.bundle(model, version);
      // A retrained version is entered together with the end of its training, in one entry, by the retrain stage.
      if (metadata.provenance.source === "production" && (models[model]?.training ?? null) !== null) continue;
      const atMs = await ports.now();
      await append(
        ports,
        model,
        { actor: "registry", reason: `bundle ${version} was published`, atMs },
        (state) => {
          const plan = planRegister(state, {
            version,
            digest: metadata.model_digest,
            family: metadata.family,
            parent: metadata.provenance.parent,
            training_id: null,
          });
          return plan.ok ? plan.events : [];
        },
      );
    }
  }
};

/** Answers the commands that were looked at. */
const executeCommands = async (
  ports: ExecutePorts,
  options: ExecuteOptions,
  model: string,
): Promise<readonly string[]> => {
  const pending = modelOf(await ports.ledger.state(), model).commands.filter((c) => c.status === "pending");
  for (const { commandId, command: about } of pending) {
    const atMs = await ports.now();
    const discretion = await discretionOf(ports, options, model, atMs);
    ports.failpoint?.("before_append", about);
    await append(ports, model, { actor: "executor", reason: `command ${commandId}`, atMs }, (state) => {
      const command = state.commands.find((c) => c.commandId === commandId);
      if (command === undefined) return [];
      const plan = planCommand(state, command, discretion);
      if (plan.outcome === "done" || plan.outcome === "refused")
        ports.log.info(
          { model, command: command.command, actor: command.actor, outcome: plan.outcome },
          plan.detail,
        );
      return plan.events;
    });
    ports.failpoint?.("after_append", about);
  }
  return pending.map(({ command }) => command);
};

/** Answers the actions that were carried out. */
const executeDecisions = async (
  ports: ExecutePorts,
  options: ExecuteOptions,
  model: string,
): Promise<readonly string[]> => {
  const through = modelOf(await ports.ledger.state(), model).executedThrough;
  const due = await ports.decisions.after(
    model,
    through === null ? null : Date.parse(through),
    DECISIONS_AT_ONCE,
  );
  for (const record of due) {
    const { decision } = record;
    const atMs = Date.parse(decision.at);
    const discretion = await discretionOf(ports, options, model, atMs);
    const by = { actor: POLICY_ACTOR, reason: decision.sentence, atMs };
    ports.failpoint?.("before_append", decision.action);
    await append(ports, model, by, (state) => {
      const plan = executePlan(decision, state, { ...discretion, autonomy: options.policy.autonomy });
      return plan.kind === "nothing" ? [] : plan.events;
    });
    ports.failpoint?.("after_append", decision.action);
    if (decision.alerts.length > 0) await ports.work.look("notify", null);
  }
  return due.map(({ decision }) => decision.action);
};

const endWatch = async (ports: ExecutePorts, options: ExecuteOptions, model: string): Promise<void> => {
  const state = modelOf(await ports.ledger.state(), model);
  if (state.standby === null) return;
  const last = await ports.decisions.last(model);
  if (last === null) return;
  const atMs = Date.parse(last.decision.at);
  await append(ports, model, { actor: POLICY_ACTOR, reason: "the watch is over", atMs }, (now) => {
    const at = isoOf(atMs);
    if (!watchIsOver({ governance: now, memory: last.memory, policy: options.policy, now: at })) return [];
    const plan = planWatchEnd(now, { watchMs: 0, now: at });
    return plan.ok ? plan.events : [];
  });
};

const startTrainings = async (ports: ExecutePorts): Promise<void> => {
  const { models } = await ports.ledger.state();
  for (const { model, training } of Object.values(models))
    if (training !== null) await ports.work.retrain({ model, training_id: training.trainingId });
};

/** What carrying out may rely on: baselines from the shadow's own outcomes where it has enough, from its bundle's test otherwise. */
const discretionOf = async (
  ports: ExecutePorts,
  options: ExecuteOptions,
  model: string,
  nowMs: number,
): Promise<Discretion> => {
  const state = modelOf(await ports.ledger.state(), model);
  const open = Object.values(state.versions).filter((record) => !ENDED.has(record.state));
  const known = new Map<string, Baseline>();
  for (const { version, shadowSince } of open) {
    const shadowed =
      shadowSince === null
        ? null
        : await shadowBaseline(ports, options, { model, version, shadowSince, nowMs });
    known.set(version, shadowed ?? (await bundleBaseline(ports, model, version)));
  }
  return {
    now: isoOf(nowMs),
    approvalRequired: options.policy.approvals.promotion,
    floors: FLOORS,
    baselineOf: (version) => known.get(version) ?? null,
  };
};

const ENDED = new Set(["REJECTED", "ROLLED_BACK", "ARCHIVED"]);
/** Enough matured rows for a baseline; below, the bundle's own test is the better witness. */
const BASELINE_ROWS_MIN = 1000;

/** What the version itself did in shadow, at its own threshold. */
const shadowBaseline = async (
  ports: ExecutePorts,
  { windows }: ExecuteOptions,
  by: { model: string; version: string; shadowSince: string; nowMs: number },
): Promise<Baseline | null> => {
  const span = { startMs: Date.parse(by.shadowSince), endMs: by.nowMs };
  const rows = await ports.measures.performance({ model: by.model, size: windows.decide, span, scope: ALL });
  const own = realisedOf(
    rows.filter((r) => r.version === by.version && r.role === "shadow" && r.kind === "realised"),
  );
  if (own === null || own.realised.n < BASELINE_ROWS_MIN) return null;
  const { n, tp, fp, fn, tn, accuracy, brier, roc_auc, ece, threshold } = own.realised;
  const { f1, f1_low } = confusionMetrics({ tp, fp, fn, tn });
  return { n, f1, f1_low, accuracy, brier, roc_auc, ece, threshold };
};

const bundleBaseline = async (ports: ExecutePorts, model: string, version: string): Promise<Baseline> => {
  const { test } = (await ports.registry.bundle(model, version)).metrics;
  const { n, f1, f1_low, accuracy, brier, roc_auc, ece, threshold } = test;
  return { n, f1, f1_low, accuracy, brier, roc_auc, ece, threshold };
};
