// What deploy/ gives to Prometheus and Grafana: both files have the shape those programs read, and every metric they name is one that the api
// or the workers really have, with the labels they use.
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Registry } from "prom-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { initialState } from "../src/core/governance-state.ts";
import { createWorkerMetrics, serveWorkerMetrics } from "../src/http/worker-metrics.ts";
import { apiOn, memoryPublisher, modelSet } from "./support/api.ts";

const read = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, "../deploy", name), "utf8");

const held = { ill: false };
const workers = createWorkerMetrics({
  streams: {
    standing: () =>
      held.ill
        ? Promise.reject(new Error("away"))
        : Promise.resolve([
            {
              kind: "events",
              partition: 0,
              entriesAdded: 12,
              length: 12,
              acked: 5,
              pending: 3,
              unsettled: 4,
              drained: false,
            },
          ]),
  },
  watermark: () => Promise.resolve(4_000),
  reached: (stage) => Promise.resolve(stage === "rolled" ? 3_000 : null),
  ledger: { state: () => Promise.resolve(initialState()), sealed: () => Promise.resolve({ seq: 0 }) },
  figures: {
    figures: () =>
      Promise.resolve([
        { what: "decisions", a: "m", b: "NONE", n: 7 },
        { what: "trust", a: "m", b: "1.0.0", n: 0.75 },
      ]),
  },
  now: () => Promise.resolve(10_000),
});
const api = apiOn({ models: modelSet().models, publisher: memoryPublisher().publisher });

const describeAll = async (registry: Registry): Promise<Map<string, readonly string[]>> => {
  const Described = z.object({ name: z.string(), type: z.unknown() });
  const Labelled = z.object({ labelNames: z.array(z.string()).default([]) });
  const json = await registry.getMetricsAsJSON();
  return new Map(
    json.map((metric) => {
      const { name } = Described.parse(metric);
      return [name, Labelled.parse(registry.getSingleMetric(name)).labelNames] as const;
    }),
  );
};
let known: Map<string, readonly string[]>;
beforeAll(async () => {
  known = new Map([...(await describeAll(api.metrics.registry)), ...(await describeAll(workers.registry))]);
});

/** Metrics of an expression, each with the labels used on it. */
const metricsOf = (expr: string): { name: string; labels: string[] }[] =>
  [...expr.matchAll(/\b((?:flyball|http|nodejs|process)_[a-z0-9_]+)(?:\{([^}]*)\})?/g)].map(
    ([, name = "", matchers = ""]) => ({
      name: name.replace(/_(bucket|sum|count)$/, ""),
      labels: [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
    }),
  );
const checkExpr = (expr: string): void => {
  const metrics = metricsOf(expr);
  expect(metrics.length, expr).toBeGreaterThan(0);
  for (const { name, labels } of metrics) {
    expect([...known.keys()], expr).toContain(name);
    for (const label of labels) expect(known.get(name), expr).toContain(label);
  }
  const used = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = ""]) =>
    list.split(",").map((one) => one.trim()),
  );
  const has = metrics.flatMap(({ name }) => known.get(name) ?? []);
  for (const label of used.filter((one) => one !== "le")) expect(has, expr).toContain(label);
  for (const [open, close] of ["()", "{}", "[]"].map((pair) => [pair[0] ?? "", pair[1] ?? ""]))
    expect(expr.split(open ?? "").length, expr).toBe(expr.split(close ?? "").length);
};

describe("deploy/prometheus-rules.yaml", () => {
  const Rules = z.strictObject({
    groups: z.array(
      z.strictObject({
        name: z.string(),
        rules: z.array(
          z.strictObject({
            alert: z.string().regex(/^Flyball[A-Z]\w+$/),
            expr: z.string(),
            for: z
              .string()
              .regex(/^\d+[smh]$/)
              .optional(),
            labels: z.strictObject({ severity: z.enum(["warning", "critical"]) }),
            annotations: z.strictObject({ summary: z.string().min(10) }),
          }),
        ),
      }),
    ),
  });
  const rules = Rules.parse(parse(read("prometheus-rules.yaml"))).groups.flatMap((group) => group.rules);
  it("names each alert once", () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  });
  it.each(rules.map((rule) => [rule.alert, rule] as const))("%s asks for what there is", (_, rule) => {
    checkExpr(rule.expr);
    const labels = [...rule.annotations.summary.matchAll(/\$labels\.(\w+)/g)].map(([, label = ""]) => label);
    for (const label of labels) expect(rule.expr).toMatch(new RegExp(`by \\([^)]*\\b${label}\\b`));
  });
});

describe("deploy/grafana-dashboard.json", () => {
  const Dashboard = z.object({
    title: z.string(),
    uid: z.string(),
    schemaVersion: z.int().min(36),
    panels: z.array(
      z.object({
        id: z.int(),
        type: z.enum(["timeseries", "table"]),
        title: z.string(),
        gridPos: z.object({ h: z.int(), w: z.int(), x: z.int(), y: z.int() }),
        targets: z.array(z.object({ refId: z.string(), expr: z.string() })).min(1),
      }),
    ),
  });
  const { panels } = Dashboard.parse(JSON.parse(read("grafana-dashboard.json")));
  it("has panels of its own place and number", () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(panels.map(({ gridPos: { x, y } }) => `${x}/${y}`)).size).toBe(panels.length);
  });
  it.each(panels.map((panel) => [panel.title, panel] as const))("%s asks for what there is", (_, panel) => {
    for (const { expr } of panel.targets) checkExpr(expr);
  });
});

describe("the workers' /metrics", () => {
  const everyone = () => ({ ok: true, actor: "http:local" }) as const;
  let served: Awaited<ReturnType<typeof serveWorkerMetrics>>;
  beforeAll(async () => {
    served = await serveWorkerMetrics(workers, { host: "127.0.0.1", port: 0, guard: everyone });
  });
  afterAll(() => served.close());
  const get = async (at = "/metrics") => (await fetch(`http://127.0.0.1:${served.port}${at}`)).text();

  it("tells lag, delay, decisions and trust, and nothing of what is unknown", async () => {
    const [text, again] = await Promise.all([get(), get()]);
    for (const line of [
      'flyball_stream_lag_entries{stream="events",partition="0"} 7',
      'flyball_stream_pending_entries{stream="events",partition="0"} 3',
      "flyball_watermark_delay_seconds 6",
      'flyball_stage_delay_seconds{stage="rolled"} 7',
      'flyball_decisions_total{model="m",action="NONE"} 7',
      'flyball_trust_score{model="m",version="1.0.0"} 0.75',
      'flyball_source_up{source="streams"} 1',
    ]) {
      expect(text).toContain(`${line}\n`);
      expect(again).toContain(`${line}\n`);
    }
    expect(text).not.toContain('stage="decided"');
  });

  it("has no figure of a source that is away, and says that it is", async () => {
    held.ill = true;
    const text = await get();
    held.ill = false;
    expect(text).toContain('flyball_source_up{source="streams"} 0\n');
    expect(text).not.toContain("flyball_stream_lag_entries{");
    expect(text).toContain('flyball_decisions_total{model="m",action="NONE"} 7\n');
  });

  it("asks for the role read where keys are configured", async () => {
    const guard = (authorization: string | undefined, role: string) =>
      authorization === "Bearer x" && role === "read"
        ? ({ ok: true, actor: "key:x" } as const)
        : ({ ok: false, status: 401, detail: "a key" } as const);
    const closed = await serveWorkerMetrics(workers, { host: "127.0.0.1", port: 0, guard });
    const url = `http://127.0.0.1:${closed.port}/metrics`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { authorization: "Bearer x" } })).status).toBe(200);
    await closed.close();
  });
});
