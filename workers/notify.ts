// Stage: notify. Delivers the alerts that decisions carry. The decision itself is the outbox: an alert exists exactly when its decision
// does. Idempotency key: the alert's id, a hash of decision and name; it is kept after delivery, and a kept one is not sent again.
import type {
  DecisionRecord,
  KeepsAlerts,
  KeepsDecisions,
  KeepsLedger,
  Log,
  Progress,
} from "../src/ports.ts";
import { canonicalJson, sha256Hex } from "../src/core/canonical.ts";

export interface Alert {
  readonly id: string;
  readonly model: string;
  readonly at: string;
  readonly alert: string;
  readonly severity: "info" | "warning" | "critical";
  readonly detail: string;
  readonly value: number | null;
  readonly threshold: number | null;
  readonly decision_id: string;
  readonly link: string;
}

/** One way to reach people; rejects when it could not. */
export interface Channel {
  readonly name: string;
  deliver(alert: Alert): Promise<void>;
}

export interface NotifyPorts {
  readonly ledger: Pick<KeepsLedger, "state">;
  readonly decisions: Pick<KeepsDecisions, "after">;
  readonly alerts: KeepsAlerts;
  readonly channels: readonly Channel[];
  readonly progress: Progress;
  readonly log: Log;
  /** Where a person finds the decision. */
  readonly linkOf: (decisionId: string) => string;
}

const AT_ONCE = 200;

/** Delivers what is due of every model; answers how many alerts went out. */
export const notify = async (ports: NotifyPorts): Promise<number> => {
  let sent = 0;
  for (const model of Object.keys((await ports.ledger.state()).models))
    sent += await notifyModel(ports, model);
  return sent;
};

const notifyModel = async (ports: NotifyPorts, model: string): Promise<number> => {
  const done = `notified:${model}`;
  const records = await ports.decisions.after(model, await ports.progress.get(done), AT_ONCE);
  let sent = 0;
  for (const record of records) {
    const due = alertsOf(record, ports.linkOf);
    const known =
      due.length === 0 ? new Set<string>() : await ports.alerts.known(due.map((alert) => alert.id));
    for (const alert of due.filter(({ id }) => !known.has(id))) {
      await deliver(ports, alert);
      sent += 1;
    }
    await ports.progress.set(done, Date.parse(record.decision.window_end));
  }
  return sent;
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

/** Sends over every channel and keeps what became of it. A channel that fails is written down, not retried for ever. */
const deliver = async (ports: NotifyPorts, alert: Alert): Promise<void> => {
  const outcomes = await Promise.all(
    ports.channels.map(async (channel): Promise<[string, string]> => {
      try {
        await channel.deliver(alert);
        return [channel.name, "delivered"];
      } catch (cause) {
        ports.log.error(
          { alert: alert.alert, channel: channel.name, cause: String(cause) },
          "an alert was not delivered",
        );
        return [channel.name, `failed: ${String(cause).slice(0, 200)}`];
      }
    }),
  );
  await ports.alerts.keep({
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
    delivered: Object.fromEntries(outcomes),
  });
};
