// Unit: a report says what happened in its span and nothing else, its page is whole and safe, and a day is kept once.
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { LedgerEntry, LedgerEvent } from "../../contracts/governance.ts";
import type { DecisionItem, HeatRow, SnapshotItem } from "../../contracts/read.ts";
import { createReportStore } from "../../src/adapters/report-store.ts";
import { linesSvg } from "../../src/core/report-charts.ts";
import { reportPage } from "../../src/core/report-day-html.ts";
import { dayReport, headlineOf, isEmptyReport, type ReportParts } from "../../src/core/report-day.ts";

const DAY = 86_400_000;
const START = Date.UTC(2001, 4, 2);
const iso = (ms: number): string => new Date(ms).toISOString();

const entry = (seq: number, atMs: number, events: LedgerEvent[], model = "flights"): LedgerEntry => ({
  seq,
  generation: seq,
  prev_hash: "",
  hash: "",
  at: iso(atMs),
  model,
  actor: "policy",
  reason: `reason ${seq}`,
  events,
});
const registered: LedgerEvent = {
  type: "registered",
  version: "1.1.0",
  digest: "d",
  family: "trees",
  parent: null,
  training_id: null,
};
const promoted: LedgerEvent = {
  type: "transition",
  version: "1.1.0",
  from: "PROMOTABLE",
  to: "PROMOTED",
  baseline: null,
};
const executed = (id: string): LedgerEvent => ({
  type: "executed",
  decision_id: id,
  action: "PROMOTE",
  window_end: iso(START + DAY),
  outcome: "done",
  detail: "",
});
const decision: DecisionItem = {
  id: "d1",
  model: "flights",
  window_start: iso(START),
  window_end: iso(START + DAY),
  at: iso(START + DAY),
  action: "PROMOTE",
  version: "1.1.0",
  rule: "promote",
  drift_verdict: "NO_ACTION",
  drift_decision: "NO_ACTION",
  sentence: "Version 1.1.0 is promoted: <b>it is better</b>.",
  reasons: [{ signal: "candidate.log_e", value: 3.5, threshold: 3, n: 900, detail: "" }],
  gates: [],
  inputs_digest: "",
  policy_digest: "",
  rules_version: 1,
};
const snapshot = (startMs: number, volume: number, invalid: number): SnapshotItem => ({
  model: "flights",
  version: "1.0.0",
  role: "production",
  window_size: "24h",
  window_start: iso(startMs),
  window_end: iso(startMs + DAY),
  revision: 0,
  volume,
  ok: volume - invalid,
  invalid,
  errors: 0,
  timeouts: 0,
  sheds: 0,
  duplicate_requests: 0,
  conflicting_requests: 0,
  late_rows: 0,
  mean_score: 0.25,
  latency_p50_ms: null,
  latency_p95_ms: null,
  flags: [],
  digest: "",
});
const heat: HeatRow = {
  subject: "feature",
  feature: "distance",
  cells: [
    { window_start: iso(START - DAY), statistic: "ks_d", value: 0.01, threshold: 0.1, status: "steady" },
    { window_start: iso(START), statistic: "ks_d", value: 0.22, threshold: 0.1, status: "breach" },
  ],
};
const parts: ReportParts = {
  model: "flights",
  span: { startMs: START, endMs: START + DAY },
  asOfMs: START + DAY + 5,
  entries: [
    entry(1, START - DAY, [registered]),
    entry(2, START, [executed("the day before's")]),
    entry(3, START + 10, [{ type: "frozen", until: null }], "other"),
    entry(4, START + DAY, [executed("d1"), promoted]),
    entry(5, START + DAY + 1, [{ type: "frozen", until: null }]),
  ],
  decisions: [decision],
  alerts: [],
  snapshots: [snapshot(START - DAY, 100, 0), snapshot(START, 80, 4)],
  trend: [],
  drift: [heat],
  performance: [],
};

describe("a day's report", () => {
  const report = dayReport(parts);

  it("tells the changes that carry out its decisions, not those of the day before or after", () => {
    expect(report.changes.map(({ seq }) => seq)).toEqual([4]);
    expect(report.standing).toMatchObject({ promoted: "1.1.0", frozen: null });
    expect(headlineOf(report)).toBe(decision.sentence);
  });

  it("sums the span's traffic beside the span before, and knows nothing where nothing was", () => {
    expect(report.traffic).toMatchObject({ volume: 80, ok: 76, invalid: 4, mean_score: 0.25 });
    expect(report.before).toMatchObject({ volume: 100 });
    const quiet = dayReport({ ...parts, snapshots: [], decisions: [], entries: [] });
    expect(quiet.before).toBeNull();
    expect(quiet.traffic).toMatchObject({ volume: 0, mean_score: null });
    expect(headlineOf(quiet)).toBe("No request was served");
  });

  it("calls a span quiet only when it is over", () => {
    const quiet = { ...parts, snapshots: [], decisions: [], entries: [] };
    const at = (asOfMs: number): string => headlineOf(dayReport({ ...quiet, asOfMs }));
    expect(at(START + DAY)).toBe("No request was served");
    expect(at(START + DAY - 1)).toBe("Not over yet: requests are counted when their window closes");
  });

  it("is empty only where nothing was in service and nothing happened", () => {
    const nothing = { ...parts, snapshots: [], decisions: [], entries: [] };
    expect(isEmptyReport(dayReport(nothing))).toBe(true);
    const served = [entry(1, START - DAY, [registered, promoted])];
    for (const something of [
      { entries: served },
      { entries: [entry(1, START, [registered])] },
      { snapshots: [snapshot(START, 1, 0)] },
      { decisions: [decision] },
    ])
      expect(isEmptyReport(dayReport({ ...nothing, ...something }))).toBe(false);
  });

  it("is one page without scripts or requests, with every foreign word escaped", () => {
    const page = reportPage(report);
    expect(page).toContain("&#60;b&#62;it is better&#60;/b&#62;");
    expect(page).not.toMatch(/<script|https?:|<b>it is better/);
    expect(page).toMatch(/<svg class="map".*class="cell breach"/s);
    expect(reportPage(report)).toBe(page);
  });
});

describe("a line over time", () => {
  it("leaves a gap where nothing is known, and draws a lone value as a dot", () => {
    const svg = linesSvg("F1", ["a", "b", "c", "d"], [{ name: "realised", values: [0.5, 0.6, null, 0.4] }]);
    expect(svg.match(/ d="(M[^"]*)"/)?.[1]?.match(/M/g)).toHaveLength(2);
    expect(svg.match(/<circle/g)).toHaveLength(1);
    expect(svg).not.toContain("NaN");
    expect(linesSvg("F1", ["a"], [{ name: "realised", values: [null] }])).toContain("nothing is known yet");
  });
});

describe("kept reports", () => {
  const home = mkdtempSync(path.join(tmpdir(), "flyball-reports-"));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it("keeps a day once, read-only, and lists it", async () => {
    const store = createReportStore(home);
    expect(await store.list("flights")).toEqual([]);
    expect(await store.keep("2001-05-02", dayReport(parts))).toBe(true);
    expect(await store.keep("2001-05-02", dayReport({ ...parts, alerts: [], decisions: [] }))).toBe(false);
    const file = path.join(home, "reports", "flights", "2001-05-02.json");
    expect(statSync(file).mode & 0o222).toBe(0);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(dayReport(parts));
    expect(await store.list("flights")).toMatchObject([{ day: "2001-05-02", headline: decision.sentence }]);
    expect(await store.read("flights", "2001-05-02", "html")).toBe(reportPage(dayReport(parts)));
  });

  it("reads nothing outside its folder", async () => {
    const store = createReportStore(home);
    expect(await store.read("..", "2001-05-02", "json")).toBeNull();
    expect(await store.read("flights", "../flights/2001-05-02", "json")).toBeNull();
    await expect(store.keep("..", dayReport(parts))).rejects.toThrow("no day");
    await expect(store.keep("2001-05-02", dayReport({ ...parts, model: "../x" }))).rejects.toThrow(
      "no model",
    );
  });
});
