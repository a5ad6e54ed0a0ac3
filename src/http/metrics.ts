// Stage room: what the api counts, in Prometheus words. Everything that is missed, refused or shed has a counter here. Gauges of
// things not known have no value rather than zero.
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { PublishesEvents, ServesModels } from "../ports-serving.ts";

export const PREDICT_ROUTE = "/api/v1/predict";

export interface ServingMetrics {
  readonly registry: Registry;
  /** Event rows made, by role and status. */
  readonly events: Counter<"role" | "status">;
  /** Rows by where they came to rest; `refused` ones are the client's to send again. */
  readonly published: Counter<"stream" | "durability">;
  readonly labels: Counter<"outcome">;
  /** Every request that named a route, at whichever door. */
  readonly requests: Counter<"method" | "route" | "status">;
  /** Counts an answer to a prediction; cheaper than the counter, which takes it in when it is read. */
  predicted(status: number): void;
  /** From the body's last byte to the answer, in seconds. */
  readonly predictSeconds: Histogram;
  readonly tickRows: Histogram;
}

/** Makes the counters of one api process. */
export const createMetrics = (deps: { models: ServesModels; publisher: PublishesEvents }): ServingMetrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: "flyball_serving_generation",
    help: "Ledger generation of the loaded models; absent before the first",
    labelNames: ["which"],
    registers,
    collect() {
      this.reset();
      const { loaded, head } = deps.models.generation();
      if (loaded !== null) this.set({ which: "loaded" }, loaded);
      if (head !== null) this.set({ which: "head" }, head);
    },
  });
  new Gauge({
    name: "flyball_serving_head_age_seconds",
    help: "Since the ledger's head was last confirmed; absent before the first time",
    registers,
    collect() {
      const { ageS } = deps.models.generation();
      if (ageS === null) this.remove();
      else this.set(ageS);
    },
  });
  new Gauge({
    name: "flyball_model_promoted",
    help: "1 for the promoted version of each model",
    labelNames: ["model", "version"],
    registers,
    collect() {
      this.reset();
      for (const name of deps.models.names()) {
        const current = deps.models.current(name);
        if (current !== null) this.set({ model: name, version: current.version }, 1);
      }
    },
  });
  new Gauge({
    name: "flyball_spool_bytes",
    help: "Bytes of events waiting on local disk for Redis",
    registers,
    collect() {
      this.set(deps.publisher.state().spoolBytes);
    },
  });
  new Gauge({
    name: "flyball_publisher_spooling",
    help: "1 while Redis is away and events go to the spool",
    registers,
    collect() {
      this.set(deps.publisher.state().mode === "spooling" ? 1 : 0);
    },
  });
  new Gauge({
    name: "flyball_spool_corrupt_records",
    help: "Damaged spool records found and skipped since the start",
    registers,
    collect() {
      this.set(deps.publisher.state().corruptRecords);
    },
  });
  const predicted = new Map<number, number>();
  return {
    registry,
    predicted: (status) => void predicted.set(status, (predicted.get(status) ?? 0) + 1),
    events: new Counter({
      name: "flyball_events_total",
      help: "Event rows by role and status",
      labelNames: ["role", "status"],
      registers,
    }),
    published: new Counter({
      name: "flyball_published_rows_total",
      help: "Rows by stream and by where they rest",
      labelNames: ["stream", "durability"],
      registers,
    }),
    labels: new Counter({
      name: "flyball_labels_total",
      help: "Labels by outcome",
      labelNames: ["outcome"],
      registers,
    }),
    requests: new Counter({
      name: "http_requests_total",
      help: "Requests by method, route and status",
      labelNames: ["method", "route", "status"],
      registers,
      collect() {
        for (const [status, n] of predicted)
          this.inc({ method: "POST", route: PREDICT_ROUTE, status: String(status) }, n);
        predicted.clear();
      },
    }),
    predictSeconds: new Histogram({
      name: "flyball_predict_duration_seconds",
      help: "From the end of the body to the answer",
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    tickRows: new Histogram({
      name: "flyball_tick_rows",
      help: "Rows answered together",
      buckets: [1, 4, 16, 64, 256, 1024, 4096],
      registers,
    }),
  };
};
