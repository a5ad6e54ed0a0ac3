// Test support: the system's Chromium, driven without a screen. Where there is none the tests skip and say so; under FLYBALL_TEST_STRICT=1
// that is a failure. Promises that a page's errors, and every request it makes to another host, are heard.
import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where Chromium is; null where there is none, with the loudest word a skip can have. */
export const findChromium = (): string | null => {
  const found = PATHS.find((file) => existsSync(file)) ?? null;
  if (found !== null) return found;
  const said = `no Chromium at ${PATHS.join(", ")}: the dashboard is not tested (apt-get install chromium)`;
  if (process.env["FLYBALL_TEST_STRICT"] === "1") throw new Error(said);
  process.stderr.write(`\nSKIPPED: ${said}\n\n`);
  return null;
};

export const openBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });

export interface Watched {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, refused styles or scripts. */
  readonly complaints: string[];
  /** Requests to any other origin. */
  readonly strangers: string[];
  close(): Promise<void>;
}

/** Opens a page that is listened to. */
export const openPage = async (
  browser: Browser,
  origin: string,
  options: BrowserContextOptions = {},
): Promise<Watched> => {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  const strangers: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== origin && !request.url().startsWith("data:"))
      strangers.push(request.url());
  });
  return { page, complaints, strangers, close: () => context.close() };
};
