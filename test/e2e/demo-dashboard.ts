// End to end, on the demo that demo.e2e.test.ts starts: the dashboard in a real Chromium on what a real replay left behind: every page, by light, dark and phone, by keyboard, and the
// operator's commands from the click to the ledger.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import { DriftMap } from "../../contracts/read.ts";
import { columnOf } from "../../src/core/heat-columns.ts";
import { findChromium, openBrowser, openPage, type Watched } from "../support/browser.ts";
import { startCommand } from "../support/command.ts";
import type { DemoStack } from "../support/demo.ts";

const WEEK_MS = 7 * 86_400_000;
const chromium = findChromium();
const MODEL = "/dashboard/models/flight-delay";
const PAGES = [
  {
    name: "Overview",
    path: "/dashboard",
    shows: /Why not yet/,
  },
  { name: "Drift", path: `${MODEL}/drift`, shows: /distance/ },
  { name: "Performance", path: `${MODEL}/performance`, shows: /origin=ORD/ },
  { name: "Shadow", path: `${MODEL}/shadow`, shows: /With label/ },
  { name: "Versions", path: `${MODEL}/versions`, shows: /gradient-boosted-trees/ },
  { name: "Governance", path: `${MODEL}/governance`, shows: /since 2001-02/ },
  { name: "Decisions", path: `${MODEL}/decisions`, shows: /begins its trial/ },
  { name: "Reports", path: `${MODEL}/reports`, shows: /2001-02-03/ },
  { name: "Audit", path: "/dashboard/audit", shows: /from Training to Shadowing/ },
  { name: "Flyball api", path: "/docs", shows: /openapi.json/ },
  {
    name: "flight-delay 1.0.0",
    path: "/api/v1/models/flight-delay/versions/1.0.0/card",
    shows: /Before you rely on it/,
  },
] as const;
const SCREENS = [
  { screen: "light", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { screen: "dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { screen: "phone", colorScheme: "light", viewport: { width: 360, height: 740 } },
] as const;

/** Looks at a demo that has settled, and gives it commands. */
export const opensDashboard = (demo: () => DemoStack): void => {
  describe.skipIf(chromium === null)("the dashboard", () => {
    let browser: Browser;
    const open = (options: Parameters<typeof openPage>[2] = {}): Promise<Watched> =>
      openPage(browser, new URL(demo().api).origin, options);
    const governance = async (): Promise<{
      promoted: string;
      candidate: string | null;
      standby: string | null;
      governance: { versions: Record<string, { version: string; state: string }> };
    }> => (await (await fetch(`${demo().api}/api/v1/models/flight-delay`)).json()) as never;

    beforeAll(async () => {
      // Days of a replay are reported when somebody asks.
      expect(await flyball(demo().home, "run", "report")).toMatchObject({ status: 0 });
      browser = await openBrowser(chromium ?? "");
    }, 300_000);
    afterAll(async () => {
      await browser?.close();
    });

    describe.each(SCREENS)("on a $screen screen", ({ screen: _, ...screen }) => {
      it.each(PAGES)("shows $name whole and without a complaint", async ({ name, path, shows }) => {
        const { page, complaints, strangers, close } = await open(screen);
        await page.goto(demo().api + path);
        await page.getByRole("heading", { level: 1, name }).waitFor();
        await page.locator("main").getByText(shows).first().waitFor();
        await expect.poll(() => page.locator(".skeleton").count(), { timeout: 30_000 }).toBe(0);
        expect(
          await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
        ).toBe(0);
        expect(complaints).toEqual([]);
        expect(strangers).toEqual([]);
        await close();
      });
    });

    it("tells a long span by weeks, each by its worst day, and opens that day", async () => {
      const route = `${demo().api}/api/v1/models/flight-delay/drift/map`;
      const mapOf = async (query: string): Promise<DriftMap> =>
        DriftMap.parse(await (await fetch(`${route}${query}`)).json());
      const [days, weeks] = await Promise.all([mapOf(""), mapOf("?step=7d")]);
      const bad = ["steady", "watch", "breach"];
      for (const row of days.rows) {
        const told = weeks.rows.find((one) => one.subject === row.subject && one.feature === row.feature);
        for (const cell of row.cells) {
          const column = columnOf(cell.window_start, WEEK_MS);
          const worst = told?.cells.find((one) => columnOf(one.window_start, WEEK_MS) === column);
          expect(new Date(column).getUTCDay()).toBe(1);
          expect(bad.indexOf(worst?.status ?? "")).toBeGreaterThanOrEqual(bad.indexOf(cell.status));
          expect(row.cells).toContainEqual(worst);
        }
      }
      expect(weeks.windows.length).toBeLessThan(days.windows.length);
      const { page, complaints, close } = await open();
      await page.goto(`${demo().api}${MODEL}/drift`);
      await page.getByLabel("Days").selectOption("366");
      await page.getByText("Each column is a week").waitFor();
      await page
        .getByRole("button", { name: /^distance 2001-02-0/ })
        .first()
        .click();
      await page.getByRole("heading", { name: /^distance, 2001-02-0/ }).waitFor();
      expect(complaints).toEqual([]);
      await close();
    });

    it("opens a feature's histograms from the map, by keyboard alone", async () => {
      const { page, complaints, close } = await open();
      await page.goto(`${demo().api}${MODEL}/drift`);
      await page.getByRole("button", { name: /^distance 2001-02-03: KS distance/ }).focus();
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "distance, 2001-02-03" }).waitFor();
      await page.getByRole("row", { name: /^KS distance/ }).waitFor();
      expect(complaints).toEqual([]);
      await close();
    });

    it("replays a decision to the same bytes and verifies the chain", async () => {
      const { page, close } = await open();
      await page.goto(`${demo().api}${MODEL}/decisions`);
      await page.locator(".timeline a").first().click();
      await page.getByRole("button", { name: "Replay" }).click();
      await page.getByText("✓ Identical bytes").waitFor();
      await page.goto(`${demo().api}/dashboard/audit`);
      await page.getByRole("button", { name: "Verify the chain" }).click();
      await page.getByText(/Nothing was altered/).waitFor();
      await close();
    });

    it("opens a kept report as a page of its own, without scripts, and keeps a day only once", async () => {
      const { page, complaints, strangers, close } = await open();
      await page.goto(`${demo().api}${MODEL}/reports`);
      await page.getByRole("link", { name: "2001-02-03", exact: true }).click();
      await page.getByRole("heading", { name: "Decisions" }).waitFor();
      await page.getByText("Verdict of each feature in each window").first().waitFor({ state: "attached" });
      await page.setViewportSize({ width: 360, height: 740 });
      expect(
        await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"),
      ).toBe(0);
      expect(complaints).toEqual([]);
      expect(strangers).toEqual([]);
      await close();
      const kept = await fetch(`${demo().api}/api/v1/models/flight-delay/reports/2001-02-03`);
      const told = await flyball(demo().home, "report", "--window", "2001-02-03", "--json");
      expect(told.err).toContain("had been kept before");
      expect(JSON.parse(told.out)).toMatchObject({ model: "flight-delay", traffic: { invalid: 0 } });
      const again = await fetch(`${demo().api}/api/v1/models/flight-delay/reports/2001-02-03`);
      expect(await again.text()).toBe(await kept.text());
      expect((await fetch(`${demo().api}/api/v1/models/flight-delay/reports/2001-01-03/page`)).status).toBe(
        404,
      );
    });

    it("opens a version's model card as a page of its own, without scripts, and none of a version that is not there", async () => {
      const { page, complaints, strangers, close } = await open();
      await page.goto(`${demo().api}${MODEL}/versions`);
      await page.getByRole("button", { name: "1.0.0", exact: true }).click();
      await page.getByRole("link", { name: "Model card of 1.0.0 as a page of its own" }).click();
      await page.getByRole("heading", { level: 1, name: "flight-delay 1.0.0" }).waitFor();
      await page.getByRole("heading", { name: "Before you rely on it" }).waitFor();
      expect(complaints).toEqual([]);
      expect(strangers).toEqual([]);
      const versions = `${demo().api}/api/v1/models/flight-delay/versions`;
      const kept = await fetch(`${versions}/1.0.0/card`);
      expect(kept.headers.get("content-security-policy")).toContain("default-src 'none'");
      const told = await flyball(demo().home, "models", "card", "flight-delay@1.0.0", "--json");
      expect(JSON.parse(told.out)).toMatchObject({ html: await kept.text() });
      for (const stranger of ["9.0.0", "..%2F1.0.0", "1.0.0%00"])
        expect((await fetch(`${versions}/${stranger}/card`)).status).toBe(404);
      await close();
    });

    it("follows an alert's short link to its decision", async () => {
      const { items } = (await (await fetch(`${demo().api}/api/v1/decisions?limit=1`)).json()) as {
        items: { id: string }[];
      };
      const { page, close } = await open();
      await page.goto(`${demo().api}/decisions/${items[0]?.id}`);
      await page.getByRole("heading", { level: 1, name: /^Decision / }).waitFor();
      await close();
    });

    it("carries out approve, promote, rollback, retrain and reject by hand, each in the ledger with its reason", async () => {
      const before = await governance();
      const candidate = before.candidate ?? "";
      expect(candidate).not.toBe("");
      const { page, complaints, close } = await open();
      await page.goto(`${demo().api}${MODEL}/governance`);
      const command = async (name: string, reason: string, outcome: RegExp): Promise<void> => {
        await page.getByRole("button", { name, exact: true }).click();
        const dialog = page.getByRole("dialog");
        expect(await dialog.getByRole("button", { name, exact: true }).isDisabled()).toBe(true);
        await dialog.getByLabel(/Reason/).fill(reason);
        await dialog.getByRole("button", { name, exact: true }).click();
        await dialog.getByText(outcome).waitFor({ timeout: 30_000 });
        await dialog.getByRole("button", { name: "Close" }).click();
        await page.getByRole("cell", { name: reason }).waitFor();
      };
      await command("Approve", "looked at its gates", /Done: .* is approved by/);
      await command("Promote", "the evening shift wants it", /Done: /);
      expect((await governance()).promoted).toBe(candidate);
      await command("Rollback", "it was a drill", /Done: /);
      expect((await governance()).promoted).toBe(before.promoted);
      await command("Retrain", "the next one then", /Done: /);
      const newest = async () => Object.values((await governance()).governance.versions).at(-1);
      await expect.poll(newest, { timeout: 60_000 }).toMatchObject({ version: "1.2.0", state: "TRAINING" });
      await command("Reject", "it was only for the drill", /Done: 1\.2\.0/);
      expect(await newest()).toMatchObject({ version: "1.2.0", state: "REJECTED" });
      expect(complaints).toEqual([]);
      await close();
    });

    it("refuses a command on a ledger that moved meanwhile, and says so", async () => {
      const { page, close } = await open();
      await page.goto(`${demo().api}${MODEL}/governance`);
      await page.getByRole("button", { name: "Freeze" }).click();
      await page.getByLabel(/Reason/).fill("too late");
      await fetch(`${demo().api}/api/v1/governance/flight-delay/release`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ reason: "somebody was faster" }),
      });
      await page.getByRole("dialog").getByRole("button", { name: "Freeze" }).click();
      await page.getByText("The ledger moved while you decided.").waitFor();
      await close();
    });

    it("shows news without a reload", async () => {
      const { page, close } = await open();
      await page.goto(`${demo().api}/dashboard/audit`);
      await page.getByText("Live", { exact: true }).waitFor();
      const answer = await fetch(`${demo().api}/api/v1/governance/flight-delay/freeze`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ reason: "news should arrive by themselves" }),
      });
      expect(answer.status).toBe(202);
      await page.getByText("news should arrive by themselves").first().waitFor({ timeout: 15_000 });
      await close();
    });

    it("says that a line is broken, keeps what it shows, and offers only reading to the job board", async () => {
      const { page, close } = await open();
      await page.goto(`${demo().api}/dashboard`);
      await page.getByText("Live", { exact: true }).waitFor();
      await page.context().setOffline(true);
      await page.route("**/api/**", (route) => route.abort());
      await page.getByRole("link", { name: "Audit" }).click();
      await page.getByText(/Could not be read/).waitFor();
      await close();
      const jobs = await open();
      await jobs.page.goto(`${demo().api}/jobs`);
      await jobs.page.getByText("decide").first().waitFor();
      expect(jobs.strangers).toEqual([]);
      await jobs.close();
      const written = await fetch(`${demo().api}/jobs/api/queues/decide/pause`, { method: "PUT" });
      expect(written.status).toBe(405);
    });

    it("serves its pages under a policy that lets nothing else in", async () => {
      const page = await fetch(`${demo().api}/dashboard`);
      expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
      expect(page.headers.get("x-content-type-options")).toBe("nosniff");
      const again = await fetch(`${demo().api}/dashboard`, {
        headers: { "if-none-match": page.headers.get("etag") ?? "" },
      });
      expect(again.status).toBe(304);
    });
  });
};

const flyball = (home: string, ...words: readonly string[]) =>
  startCommand(words, { ...DEMO_ENV, FLYBALL_HOME: home }).ended;

/** The settings of the demo's own processes that another process must share. */
const DEMO_ENV = {
  FLYBALL_CLOCK: "replay",
  FLYBALL_WINDOWS_SIZES: '["6h","24h","7d"]',
  FLYBALL_WINDOWS_ALLOWED_LATENESS: "0s",
  FLYBALL_STREAMS_PARTITIONS: "2",
};
