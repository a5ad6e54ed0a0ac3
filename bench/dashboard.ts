// Bench `dashboard`: how long the pages take a person who opens them: a short demo, its stores filled up to ten models of a hundred features
// over thirty days, then two of them over a year, and every page in a real Chromium until nothing of it is a placeholder any more.
import { writeFile } from "node:fs/promises";
import { findChromium, openBrowser, openPage } from "../test/support/browser.ts";
import { startDemo } from "../test/support/demo.ts";
import { asker, fillHistory, fillMeasures } from "./dashboard-fill.ts";

const MODELS = ["flight-delay", ...Array.from({ length: 9 }, (_, i) => `model-${i + 1}`)];
const FEATURES = 100;
const DAYS = 30;
/** Two models' year, with traffic: what a look must not read again and again. */
const YEAR = { models: MODELS.slice(0, 2), days: 365, requestsADay: 2_000 };
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
    const ask = asker(demo);
    const month = {
      ...(await fillMeasures(ask, { models: MODELS, features: FEATURES, days: DAYS })),
      pages_ms: await timePages(demo.api, chromium),
    };
    const { models, days, requestsADay } = YEAR;
    const year = {
      models: models.length,
      days,
      ...(await fillMeasures(ask, { models, features: FEATURES, days: days - DAYS, after: DAYS })),
      ...(await fillHistory(ask, { models, days }, requestsADay)),
      pages_ms: await timePages(demo.api, chromium),
      year_map_ms: await timeYear(demo.api, chromium),
    };
    const result = {
      name: "dashboard",
      models: MODELS.length,
      features: FEATURES,
      days: DAYS,
      runs: RUNS,
      month,
      year,
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
      times[name] = middleOf(taken);
    }
    return times;
  } finally {
    await browser.close();
  }
};

/** The drift page's longest span, from the choice until its map stands. */
const timeYear = async (api: string, chromium: string): Promise<{ median: number; slowest: number }> => {
  const browser = await openBrowser(chromium);
  try {
    const taken: number[] = [];
    for (let again = 0; again < RUNS; again++) {
      const { page, close } = await openPage(browser, new URL(api).origin);
      await page.goto(new URL(`${MODEL}/drift`, api).href);
      await page.locator(".heat").waitFor();
      await page.getByText("Live", { exact: true }).waitFor();
      const began = await page.evaluate<number>("performance.now()");
      await page.getByLabel("Days").selectOption("366");
      await page.getByText("Each column is a week").waitFor({ state: "attached" });
      taken.push((await page.evaluate<number>(WHOLE_AFTER)) - began);
      await close();
    }
    return middleOf(taken);
  } finally {
    await browser.close();
  }
};

const middleOf = (taken: number[]): { median: number; slowest: number } => {
  taken.sort((a, b) => a - b);
  return {
    median: Math.round(taken[Math.floor(taken.length / 2)] ?? NaN),
    slowest: Math.round(taken.at(-1) ?? NaN),
  };
};

const timePage = async (
  browser: Awaited<ReturnType<typeof openBrowser>>,
  api: string,
  path: string,
): Promise<number> => {
  const { page, complaints, close } = await openPage(browser, new URL(api).origin);
  await page.goto(new URL(path, api).href, { waitUntil: "commit" });
  const took = await page.evaluate<number>(WHOLE_AFTER);
  await close();
  if (complaints.length > 0) throw new Error(`${path}: ${complaints.join("; ")}`);
  return took;
};

/**
 * Runs in the page: milliseconds from the start of the navigation to the first of two frames with a heading and no placeholder. By the page's
 * own clock and at every frame, because a locator looks only every half second once it has looked a few times.
 */
const WHOLE_AFTER = `new Promise((resolve) => {
  let since = null;
  const look = () => {
    const isWhole = document.querySelector("h1") !== null && document.querySelector(".skeleton") === null;
    if (isWhole && since !== null) return resolve(since);
    since = isWhole ? performance.now() : null;
    requestAnimationFrame(look);
  };
  look();
})`;
