// Stage: notify. Delivers the alerts that decisions and reconciliation make. An alert exists exactly when its cause does: the decision is the
// outbox, and how far each alert has come is written down before the decision is passed over. Idempotency key: the alert's id, which goes
// along to every receiver; a kept alert is not sent again. A crash between a delivery and its note repeats that one delivery under
// the same id: never lost, and told twice only to a receiver that does not look at ids.
import type { Alert, AlertsConfig } from "../contracts/alerts.ts";
import { canonicalJson, sha256Hex } from "../src/core/canonical.ts";
import { dueWays, enter, noted, outcomesOf, EMPTY_OUTBOX, Outbox } from "../src/core/alert-routing.ts";
import type { Attempt, Pending } from "../src/core/alert-routing.ts";
import { durationMs } from "../src/core/duration.ts";
import { Fault } from "../src/core/fault.ts";
import type {
  DecisionRecord,
  DeliversAlerts,
  KeepsAlerts,
  KeepsDecisions,
  KeepsLedger,
  Log,
  Progress,
} from "../src/ports.ts";

export interface NotifyPorts {
  readonly ledger: Pick<KeepsLedger, "state">;
  readonly decisions: Pick<KeepsDecisions, "after">;
  readonly alerts: KeepsAlerts;
  readonly channels: ReadonlyMap<string, DeliversAlerts>;
  readonly config: AlertsConfig;
  readonly progress: Progress;
  /** Alerts that no decision carries, as they stand now. */
  readonly found: () => Promise<readonly Alert[]>;
  readonly wallNow: () => number;
  readonly log: Log;
  /** Where a person finds the decision. */
  readonly linkOf: (decisionId: string) => string;
  /** Counts an attempt by how it ended: delivered, failed or retried. */
  readonly counted: (channel: string, outcome: "delivered" | "failed" | "retried") => void;
}

const AT_ONCE = 200;
const OUTBOX = "outbox";

/** Takes in what is new, tries what is due; answers how many alerts came to their end and how many are still on their way. */
export const notify = async (ports: NotifyPorts): Promise<{ ended: number; pending: number }> => {
  let outbox = await load(ports);
  for (const model of Object.keys((await ports.ledger.state()).models))
    outbox = await enterDecisions(ports, outbox, model);
  outbox = await enterAll(ports, outbox, await ports.found());
  const keepOutbox = async (pending: readonly Pending[]): Promise<void> => {
    outbox = { ...outbox, pending: [...pending] };
    await ports.progress.setText(OUTBOX, JSON.stringify(outbox));
  };
  let ended = 0;
  for (const pending of outbox.pending) {
    const tried = await attempt(ports, pending);
    // What was delivered is noted before anything else can fail.
    if (tried !== pending)
      await keepOutbox(outbox.pending.map((one) => (one.alert.id === tried.alert.id ? tried : one)));
    const outcomes = outcomesOf(tried);
    if (outcomes === null) continue;
    await ports.alerts.keep({ ...keptOf(tried.alert), delivered: outcomes });
    await keepOutbox(outbox.pending.filter((one) => one.alert.id !== tried.alert.id));
    ended += 1;
  }
  return { ended, pending: outbox.pending.length };
};

const load = async ({ progress }: NotifyPorts): Promise<Outbox> => {
  const text = await progress.getText(OUTBOX);
  return text === null ? EMPTY_OUTBOX : Outbox.parse(JSON.parse(text));
};

/** The outbox is written before the decisions are passed over: a crash in between finds them again, and their ids in it. */
const enterDecisions = async (ports: NotifyPorts, outbox: Outbox, model: string): Promise<Outbox> => {
  const done = `notified:${model}`;
  const records = await ports.decisions.after(model, await ports.progress.get(done), AT_ONCE);
  const last = records.at(-1);
  if (last === undefined) return outbox;
  const due = records.flatMap((record) => alertsOf(record, ports.linkOf));
  const entered = await enterAll(ports, outbox, due);
  await ports.progress.set(done, Date.parse(last.decision.window_end));
  return entered;
};

const enterAll = async (ports: NotifyPorts, outbox: Outbox, due: readonly Alert[]): Promise<Outbox> => {
  if (due.length === 0) return outbox;
  const known = await ports.alerts.known(due.map(({ id }) => id));
  let entered = outbox;
  for (const alert of due)
    if (!known.has(alert.id))
      entered = enter(entered, alert, { rules: ports.config.rules, nowMs: ports.wallNow() });
  if (entered !== outbox) await ports.progress.setText(OUTBOX, JSON.stringify(entered));
  return entered;
};

const alertsOf = ({ decision }: DecisionRecord, linkOf: NotifyPorts["linkOf"]): Alert[] =>
  decision.alerts.map((alert) => ({
    ...alert,
    id: sha256Hex(canonicalJson([decision.id, alert.alert])),
    model: decision.model,
    at: decision.at,
    decision_id: decision.id,
    link: linkOf(decision.id),
  }));

/** Tries every channel that is due, each on its own: a slow one delays the others by its time-out at most. */
const attempt = async (ports: NotifyPorts, pending: Pending): Promise<Pending> => {
  const nowMs = ports.wallNow();
  const attempts = await Promise.all(
    dueWays(pending, nowMs).map(
      async (channel) => [channel, await deliver(ports, channel, pending.alert)] as const,
    ),
  );
  const giveUpMs = durationMs(ports.config.give_up);
  let tried = pending;
  for (const [channel, made] of attempts) {
    tried = noted(tried, { channel, attempt: made, nowMs, giveUpMs });
    const outcome = tried.ways[channel]?.outcome ?? null;
    ports.counted(channel, made.ok ? "delivered" : outcome === null ? "retried" : "failed");
    if (made.ok) continue;
    const { alert, id } = pending.alert;
    ports.log.error(
      { alert, id, channel, cause: made.detail, again: outcome === null },
      "an alert was not delivered",
    );
  }
  return tried;
};

const deliver = async (ports: NotifyPorts, channel: string, alert: Alert): Promise<Attempt> => {
  const send = ports.channels.get(channel);
  if (send === undefined) return { ok: false, final: true, detail: "the channel is not configured any more" };
  try {
    await send(alert);
    return { ok: true };
  } catch (cause) {
    const final = cause instanceof Fault && cause.kind === "poison";
    return {
      ok: false,
      final,
      detail: (cause instanceof Error ? cause.message : String(cause)).slice(0, 200),
    };
  }
};

const keptOf = (alert: Alert) => ({
  id: alert.id,
  model: alert.model,
  atMs: Date.parse(alert.at),
  alert: alert.alert,
  severity: alert.severity,
  detail: alert.detail,
  value: alert.value,
  threshold: alert.threshold,
  decisionId: alert.decision_id,
  link: alert.link,
});
