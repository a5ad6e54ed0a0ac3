// Stage room: what the workers measure, in Prometheus words, at a port of its own. Figures are read when somebody asks, from the stores
// they rest in; one that cannot be read is absent and its source is down, never zero. It changes nothing and harms no worker when it fails.
import { createServer, type Server } from "node:http";
import { Counter, Gauge, Registry, collectDefaultMetrics } from "prom-client";
import type { LedgerState } from "../../contracts/governance.ts";
import type { Figure, ReadsFigures } from "../ports.ts";
import type { ReadsProgress } from "../ports-recording.ts";
import type { Guard } from "../ports-serving.ts";

export interface WorkerMetricsPorts {
  readonly streams: Pick<ReadsProgress, "standing">;
  /** The deployment's watermark, ms; null before the first. */
  readonly watermark: () => Promise<number | null>;
  /** How far a stage has come, ms; null before the first time. */
  readonly reached: (stage: string) => Promise<number | null>;
  readonly ledger: { state(): Promise<LedgerState>; sealed(): Promise<{ readonly seq: number }> };
  readonly figures: ReadsFigures;
  readonly now: () => Promise<number>;
}

export interface WorkerMetrics {
  readonly registry: Registry;
  /** Reads every source anew. */
  text(): Promise<string>;
  /** An attempt to deliver an alert: delivered, failed for good, or to be retried. */
  readonly deliveries: Counter<"channel" | "outcome">;
  readonly alertsPending: Gauge;
  /** Rows that reconciliation last found to be neither facts nor dead letters. */
  readonly lostRows: Gauge;
  readonly trimmed: Counter;
}

const STAGES = ["rolled", "measured", "decided", "settled"] as const;

/** Makes the figures of one worker process. */
export const createWorkerMetrics = (ports: WorkerMetricsPorts): WorkerMetrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[] = []): Gauge<T> =>
    new Gauge({ name, help, labelNames, registers });
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[] = []): Counter<T> =>
    new Counter({ name, help, labelNames, registers });

  const lag = gauge("flyball_stream_lag_entries", "Entries added and not yet recorded", [
    "stream",
    "partition",
  ]);
  const pending = gauge("flyball_stream_pending_entries", "Entries a recorder holds", [
    "stream",
    "partition",
  ]);
  const behind = gauge("flyball_watermark_delay_seconds", "How far event time is complete, behind now");
  const delay = gauge("flyball_stage_delay_seconds", "How far each stage has come, behind now", ["stage"]);
  const version = gauge("flyball_version_info", "1 for every version that lives", [
    "model",
    "version",
    "state",
  ]);
  const quarantined = gauge("flyball_quarantined_windows", "Windows that are no evidence", ["model"]);
  const frozen = gauge("flyball_governance_frozen", "1 while an operator holds a model's changes back", [
    "model",
  ]);
  const circuit = gauge("flyball_training_circuit_open", "1 after too many failed trainings", ["model"]);
  const unsealed = gauge(
    "flyball_ledger_unsealed_entries",
    "Ledger entries without their copy in ClickHouse",
  );
  const decisions = counter("flyball_decisions_total", "Decisions by action", ["model", "action"]);
  const alerts = counter("flyball_alerts_total", "Alerts by name", ["alert", "severity"]);
  const letters = counter("flyball_dead_letter_rows_total", "Rows parked by reason", ["stream", "reason"]);
  const trust = gauge("flyball_trust_score", "Of the newest judged window; absent while unknown", [
    "model",
    "version",
  ]);
  const drift = gauge("flyball_drift_features", "Features by status in the newest judged window", [
    "model",
    "status",
  ]);
  const up = gauge("flyball_source_up", "1 while the figures of a source can be read", ["source"]);

  const streams = async (): Promise<void> => {
    for (const one of await ports.streams.standing()) {
      const labels = { stream: one.kind, partition: String(one.partition) };
      lag.set(labels, one.entriesAdded - one.acked);
      pending.set(labels, one.pending);
    }
    const now = await ports.now();
    const watermark = await ports.watermark();
    if (watermark !== null) behind.set((now - watermark) / 1_000);
    for (const stage of STAGES) {
      const reached = await ports.reached(stage);
      if (reached !== null) delay.set({ stage }, (now - reached) / 1_000);
    }
  };
  const governance = async (): Promise<void> => {
    const [state, sealed] = await Promise.all([ports.ledger.state(), ports.ledger.sealed()]);
    unsealed.set(state.seq - sealed.seq);
    for (const { model, versions, ...rest } of Object.values(state.models)) {
      for (const one of Object.values(versions))
        if (!ENDS.has(one.state)) version.set({ model, version: one.version, state: one.state }, 1);
      quarantined.set({ model }, rest.quarantines.filter(({ released }) => !released).length);
      frozen.set({ model }, rest.frozen === null ? 0 : 1);
      circuit.set({ model }, rest.circuit === "open" ? 1 : 0);
    }
  };
  const place: Readonly<Record<Figure["what"], (figure: Figure) => void>> = {
    decisions: ({ a, b, n }) => decisions.inc({ model: a, action: b }, n),
    alerts: ({ a, b, n }) => alerts.inc({ alert: a, severity: b }, n),
    letters: ({ a, b, n }) => letters.inc({ stream: a, reason: b }, n),
    trust: ({ a, b, n }) => trust.set({ model: a, version: b }, n),
    drift: ({ a, b, n }) => drift.set({ model: a, status: b }, n),
  };
  const stored = async (): Promise<void> => {
    for (const figure of await ports.figures.figures()) place[figure.what](figure);
  };

  const sources = [
    { source: "streams", read: streams, held: [lag, pending, behind, delay] },
    { source: "ledger", read: governance, held: [version, quarantined, frozen, circuit, unsealed] },
    { source: "clickhouse", read: stored, held: [decisions, alerts, letters, trust, drift] },
  ];
  const refresh = async (): Promise<void> => {
    await Promise.all(
      sources.map(async ({ source, read, held }) => {
        for (const metric of held) metric.reset();
        const well = await read().then(
          () => 1,
          () => 0,
        );
        up.set({ source }, well);
      }),
    );
  };
  let reading: Promise<string> | null = null;
  return {
    registry,
    // Scrapes that overlap share one reading: two would empty each other's figures.
    text: () => {
      reading ??= refresh()
        .then(() => registry.metrics())
        .finally(() => (reading = null));
      return reading;
    },
    deliveries: counter("flyball_alert_deliveries_total", "Attempts to deliver an alert", [
      "channel",
      "outcome",
    ]),
    alertsPending: gauge("flyball_alerts_pending", "Alerts on their way over some channel"),
    lostRows: gauge("flyball_lost_rows", "Published rows that reconciliation found nowhere"),
    trimmed: counter("flyball_stream_trimmed_entries_total", "Settled entries removed from the streams"),
  };
};

const ENDS: ReadonlySet<string> = new Set(["REJECTED", "ROLLED_BACK", "ARCHIVED"]);

/** Serves them; resolves with the port. Rejects where the address is taken. */
export const serveWorkerMetrics = async (
  { registry, text }: WorkerMetrics,
  by: { readonly host: string; readonly port: number; readonly guard: Guard },
): Promise<{ readonly port: number; close(): Promise<void> }> => {
  const server: Server = createServer((request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { "content-type": type, "x-content-type-options": "nosniff" }).end(body);
    };
    const respond = async (): Promise<void> => {
      if (request.method !== "GET") return answer(405, "text/plain", "GET only\n");
      if (request.url === "/healthz") return answer(200, "application/json", '{"status":"ok"}');
      if (request.url !== "/metrics") return answer(404, "text/plain", "/metrics or /healthz\n");
      const remote = request.socket.remoteAddress ?? "";
      const admission = await by.guard(request.headers.authorization, "read", remote);
      if (!admission.ok) return answer(admission.status, "text/plain", `${admission.detail}\n`);
      answer(200, registry.contentType, await text());
    };
    respond().catch(() => answer(500, "text/plain", "the figures could not be collected\n"));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(by.port, by.host, () => resolve());
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : by.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
