// End to end, on the demo that demo.e2e.test.ts starts, last of all, because from here on its api asks for keys: signing in on the
// dashboard in a real Chromium, and what a cookie may not do.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Browser } from "playwright-core";
import type { KeyRole } from "../../contracts/keys.ts";
import { openKeys } from "../../src/adapters/keys.ts";
import { findChromium, openBrowser, openPage } from "../support/browser.ts";
import type { DemoStack } from "../support/demo.ts";

const chromium = findChromium();
const GOVERNANCE = "/dashboard/models/flight-delay/governance";

/** Gives the demo its first key, and looks who may still do what. */
export const asksForKeys = (demo: () => DemoStack): void => {
  describe.skipIf(chromium === null)("the dashboard behind keys", () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await openBrowser(chromium ?? "");
    });
    afterAll(async () => {
      await browser?.close();
    });

    it("signs in once, keeps the key from every script, opens the job board, and signs out", async () => {
      const key = await makeKey(demo().home, "oncall", ["read", "operate"]);
      await expect.poll(async () => (await fetch(`${demo().api}/api/v1/models`)).status, WAITS).toBe(401);
      const { page, complaints, strangers, close } = await openPage(browser, new URL(demo().api).origin);
      await page.goto(demo().api + GOVERNANCE);
      const field = page.getByLabel("Key");
      await field.fill("fb_live_nobody");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page
        .getByRole("alert")
        .getByText(/no key of this deployment/)
        .waitFor();
      // The refusal itself is all the console heard of.
      expect(complaints.splice(0)).toEqual([expect.stringContaining("401")]);
      await field.fill(key);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByText("key:oncall").waitFor();
      await page.getByText("Live", { exact: true }).waitFor();
      expect(
        await page.evaluate("document.cookie + JSON.stringify({ ...sessionStorage, ...localStorage })"),
      ).toBe("{}");
      // The role that is missing is not offered; the one that is there works, by the cookie alone.
      const freezing = { name: /^(Freeze|Unfreeze)$/ };
      await page.getByRole("button", freezing).waitFor();
      expect(await page.getByRole("button", { name: "Approve" }).isDisabled()).toBe(true);
      expect(await page.getByRole("button", { name: "Release" }).isDisabled()).toBe(true);
      await page.getByRole("button", freezing).click();
      await page.getByLabel(/Reason/).fill("signed in by cookie");
      await page.getByRole("dialog").getByRole("button", freezing).click();
      await page
        .getByRole("dialog")
        .getByText(/Done:|Refused:/)
        .waitFor({ timeout: 30_000 });
      await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
      await page.getByRole("cell", { name: "key:oncall" }).waitFor();
      await page.getByRole("link", { name: "Jobs" }).click();
      await page.getByText("decide").first().waitFor();
      await page.goto(`${demo().api}/dashboard`);
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByRole("heading", { name: "A key, please" }).waitFor();
      expect((await page.request.get(`${demo().api}/jobs`)).status()).toBe(401);
      expect(complaints).toEqual([]);
      expect(strangers).toEqual([]);
      await close();
    });

    it("lets no page of another site use the cookie", async () => {
      const key = await makeKey(demo().home, "second", ["admin"]);
      const login = (): Promise<Response> =>
        fetch(`${demo().api}/api/v1/session`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ key }),
        });
      await expect.poll(async () => (await login()).status, WAITS).toBe(200);
      const cookie = (await login()).headers.get("set-cookie") ?? "";
      expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
      const freeze = (headers: Record<string, string>): Promise<Response> =>
        fetch(`${demo().api}/api/v1/governance/flight-delay/freeze`, {
          method: "POST",
          headers: { cookie: cookie.split(";")[0] ?? "", ...headers },
          body: JSON.stringify({ reason: "forged" }),
        });
      const json = { "content-type": "application/json" };
      expect((await freeze({ ...json, origin: "https://evil.example" })).status).toBe(403);
      expect((await freeze({ ...json, "sec-fetch-site": "cross-site" })).status).toBe(403);
      expect((await freeze({ "content-type": "text/plain" })).status).toBe(403);
    });
  });
};

/** The api hears of a key within seconds. */
const WAITS = { timeout: 10_000 };

const makeKey = async (home: string, name: string, roles: readonly KeyRole[]): Promise<string> => {
  const keys = openKeys({ home, bootstrap: undefined, monotonicMs: () => performance.now() });
  const by = { name, env: "test", roles, models: null, nowMs: Date.now(), expiresMs: null };
  const made = await keys.create(by);
  if (made === null) throw new Error(`${name} has a key already`);
  return made.key;
};
