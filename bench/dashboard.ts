// Bench `dashboard`: how long the pages take a person who opens them: a short demo, its stores filled up to ten models of a hundred features
// over thirty days, then every page in a real Chromium until nothing of it is a placeholder any more.
import { writeFile } from "node:fs/promises";
import { z } from "zod";
import { findChromium, openBrowser, openPage } from "../test/support/browser.ts";
import { startDemo, type DemoStack } from "../test/support/demo.ts";

const MODELS = 10;
const FEATURES = 100;
const DAYS = 30;
const RUNS = 5;
const MODEL = "/dashboard/models/flight-delay";
const PAGES: Readonly<Record<string, string>> = {
  overview: "/dashboard",
  drift: `${MODEL}/drift`,
  performance: `${MODEL}/performance`,
  shadow: `${MODEL}/shadow`,
  versions: `${MODEL}/versions`,
  governance: `${MODEL}/governance`,
  decisions: `${MODEL}/decisions`,
  reports: `${MODEL}/reports`,
  audit: "/dashboard/audit",
};

/** Starts the demo, fills the stores, opens every page. */
export const run = async (args: { json?: string }): Promise<object> => {
  const chromium = findChromium();
  if (chromium === null) throw new Error("the dashboard's bench needs Chromium");
  const demo = await startDemo({ days: 3, flights: 3_000 });
  try {
    const rows = await fill(demo);
    const result = {
      name: "dashboard",
      models: MODELS,
      features: FEATURES,
      days: DAYS,
      drift_rows: rows,
      runs: RUNS,
      pages_ms: await timePages(demo.api, chromium),
    };
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(result, null, 2)}\n`);
    return result;
  } finally {
    await demo.close();
  }
};

/** Median and slowest of some openings of each page, each in a browser context of its own: nothing is cached. */
export const timePages = async (
  api: string,
  chromium: string,
): Promise<Record<string, { median: number; slowest: number }>> => {
  const browser = await openBrowser(chromium);
  try {
    const times: Record<string, { median: number; slowest: number }> = {};
    for (const [name, path] of Object.entries(PAGES)) {
      const taken: number[] = [];
      for (let again = 0; again < RUNS; again++) taken.push(await timePage(browser, api, path));
      taken.sort((a, b) => a - b);
      times[name] = {
        median: Math.round(taken[Math.floor(RUNS / 2)] ?? NaN),
        slowest: Math.round(taken.at(-1) ?? NaN),
      };
    }
    return times;
  } finally {
    await browser.close();
  }
};

const timePage = async (
  browser: Awaited<ReturnType<typeof openBrowser>>,
  api: string,
  path: string,
): Promise<number> => {
  const { page, complaints, close } = await openPage(browser, new URL(api).origin);
  const began = performance.now();
  await page.goto(new URL(path, api).href, { waitUntil: "commit" });
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.locator(".skeleton").first().waitFor({ state: "detached" });
  const took = performance.now() - began;
  await close();
  if (complaints.length > 0) throw new Error(`${path}: ${complaints.join("; ")}`);
  return took;
};

/** What a month of ten such models leaves in the tables that pages read; the demo's own model is one of them. Answers the drift rows. */
export const fill = async ({ clickhouse }: Pick<DemoStack, "clickhouse">): Promise<number> => {
  const ask = async (sql: string): Promise<string> => {
    const answer = await fetch(`${clickhouse}/?database=flyball`, { method: "POST", body: sql });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text;
  };
  const model = "if(number % 10 = 0, 'flight-delay', concat('model-', toString(number % 10)))";
  // The days before the demo's own, which begin on 1 February 2001.
  const day = "toDateTime64('2001-01-05 00:00:00', 3, 'UTC') + toIntervalDay(intDiv(number, 10) % 30)";
  const days = MODELS * DAYS;
  await ask(`INSERT INTO snapshots (model, version, role, window_size, window_start, window_end, revision, volume, ok, digest)
    SELECT ${model}, '1.0.0', 'production', '24h', ${day}, ${day} + toIntervalDay(1), 1, 10000, 9990, toString(number) FROM numbers(${days})`);
  await ask(`INSERT INTO trust_scores (model, version, window_size, window_start, trust)
    SELECT ${model}, '1.0.0', '24h', ${day}, 0.9 FROM numbers(${days})`);
  // Nine statistics a feature, as the drift of a traffic model has them; two of them judge.
  await ask(`INSERT INTO drift (model, version, window_size, window_start, revision, snapshot_digest, subject, feature, statistic,
      value, threshold_watch, threshold, n_reference, n_current, status)
    SELECT ${model}, '1.0.0', '24h', ${day}, 1, 'd', 'feature', concat('feature-', toString(intDiv(number, ${days}) % ${FEATURES})),
      concat('statistic-', toString(intDiv(number, ${days * FEATURES}))), rand(number) / 4e9, if(number < ${days * FEATURES * 2}, 0.5, NULL),
      if(number < ${days * FEATURES * 2}, 0.9, NULL), 30000, 10000, if(rand(number) / 4e9 > 0.9, 'breach', 'steady')
    FROM numbers(${days * FEATURES * 9})`);
  await ask(`INSERT INTO feature_histograms (model, version, role, window_size, window_start, revision, scope, position, feature, codes, counts)
    SELECT ${model}, '1.0.0', 'production', '24h', ${day}, 1, 'all', 1 + intDiv(number, ${days}), concat('feature-', toString(intDiv(number, ${days}))),
      range(50), arrayMap(i -> 200, range(50)) FROM numbers(${days * FEATURES})`);
  await ask(`INSERT INTO performance_snapshots (model, version, role, window_size, window_start, matured_at, kind, scope, requests, labelled, positives,
      threshold, tp, fp, fn, tn, accuracy, precision, recall, f1, brier, log_loss, roc_auc, pr_auc, ece, valid)
    SELECT ${model}, '1.0.0', 'production', '24h', ${day}, ${day} + toIntervalDay(2), if(intDiv(number, ${days}) % 2 = 0, 'realised', 'estimated'),
      if(intDiv(number, ${days * 2}) = 0, 'all', concat('origin=', toString(intDiv(number, ${days * 2})))), 10000, 6000, 1500,
      0.3, 900, 600, 600, 3900, 0.8, 0.6, 0.6, 0.6, 0.15, 0.5, 0.7, 0.5, 0.02, 1 FROM numbers(${days * 2 * 6})`);
  return z.coerce.number().parse((await ask("SELECT count() FROM drift")).trim());
};
