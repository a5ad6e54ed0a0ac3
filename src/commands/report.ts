// Door: `flyball report --window W`. Tells what changed, what was decided and why over a day or a longer span, as text, JSON or one HTML file;
// a whole day that has been decided is kept once, for good. Needs the deployment's stores; moves nothing.
import type { Command } from "commander";
import type { ModelReport } from "../../contracts/report.ts";
import type { Span } from "../../contracts/counts.ts";
import { briefly } from "../core/brief.ts";
import { answer } from "./offline.ts";
import { instantOf, withStores } from "./stores.ts";

interface Flags {
  window: string;
  model?: string;
  html?: string;
  json?: boolean;
}

/** Adds the command to the program. */
export const register = (program: Command): void => {
  program
    .command("report")
    .description("what changed, what was decided and why, with pictures of drift and performance")
    .requiredOption(
      "--window <window>",
      "a UTC day such as 2001-05-02, or the last 24h, 7d … that have been decided",
    )
    .option("--model <name>", "which model (default: the only one)")
    .option("--html <file>", "also write a page for people here")
    .option("--json", "machine output")
    .action(run);
};

const run = (flags: Flags): Promise<void> =>
  withStores(async (stores) => {
    const { writeFile } = await import("node:fs/promises");
    const { createReadStore } = await import("../adapters/read-store.ts");
    const { createReportStore } = await import("../adapters/report-store.ts");
    const { durationMs } = await import("../core/duration.ts");
    const { headlineOf, isEmptyReport } = await import("../core/report-day.ts");
    const { reportPage } = await import("../core/report-day-html.ts");
    const { DAY_MS, dayOf, makeReport } = await import("../stages/report.ts");
    const { windows } = stores.config.service;
    const settled = await stores.loop.progress.get("loop:settled");
    const decidedMs = settled === null ? 0 : settled - durationMs(windows.allowed_lateness);
    const model = modelOf(Object.keys((await stores.ledger.state()).models), flags.model);
    const span = await spanOf(flags.window, decidedMs);
    const { ledger, now } = stores;
    const lists = createReadStore(stores.clickhouse);
    const report = await makeReport({ ledger, lists, size: windows.decide, now }, { model, span });
    if (isEmptyReport(report))
      throw new Error(
        `nothing to report from ${report.window.start} to ${report.window.end}: ${model} had no version in service, and no request, decision or change; nothing was kept`,
      );
    const isDay = span.endMs - span.startMs === DAY_MS && span.startMs % DAY_MS === 0;
    const day = dayOf(span.startMs);
    const reports = createReportStore(stores.config.home);
    const kept = isDay && span.endMs <= decidedMs ? await reports.keep(day, report) : null;
    if (flags.html !== undefined) await writeFile(flags.html, reportPage(report));
    const told =
      kept === null
        ? "not kept: only whole days that have been decided are"
        : kept
          ? `kept as ${day}`
          : `${day} had been kept before, and stays as it was`;
    process.stderr.write(`${told}${flags.html === undefined ? "" : `; page written to ${flags.html}`}\n`);
    answer(flags, report, textOf(report, headlineOf(report)));
  });

const modelOf = (known: readonly string[], asked: string | undefined): string => {
  const [only] = known;
  if (only === undefined) throw new Error("the ledger knows no model yet");
  if (asked !== undefined && !known.includes(asked)) throw new Error(`${asked}: not in the ledger`);
  if (asked === undefined && known.length > 1) throw new Error(`name one --model of ${known.join(", ")}`);
  return asked ?? only;
};

/** A day as it is, or the last so many hours or days up to what has been decided. */
const spanOf = async (text: string, decidedMs: number): Promise<Span> => {
  const { durationMs, isDuration } = await import("../core/duration.ts");
  const { DAY_MS } = await import("../stages/report.ts");
  if (!isDuration(text)) {
    const startMs = instantOf(text, "--window");
    return { startMs, endMs: startMs + DAY_MS };
  }
  const lengthMs = durationMs(text);
  if (decidedMs <= 0) throw new Error("nothing has been decided yet: name a day");
  const unitMs = Math.min(lengthMs, DAY_MS);
  const endMs = Math.floor(decidedMs / unitMs) * unitMs;
  return { startMs: endMs - lengthMs, endMs };
};

const textOf = (report: ModelReport, headline: string): string => {
  const { model, window, standing, traffic, before, decisions, changes, alerts } = report;
  const was = before === null ? "" : ` (${before.volume} in the span before)`;
  return [
    `${model}, ${window.start} to ${window.end}: ${headline}`,
    `  serving  ${standing.promoted ?? "nothing"}, candidate ${standing.candidate ?? "none"}, standby ${standing.standby ?? "none"}`,
    `  traffic  ${traffic.volume} requests${was}, ${traffic.invalid} invalid, ${traffic.errors} failed`,
    ...decisions.map((one) => `  decided  ${one.window_end} ${one.action}: ${briefly(one.sentence)}`),
    ...changes.map(
      ({ at, actor, reason, what }) => `  changed  ${at} ${what.join("; ")}, ${actor}: ${reason}`,
    ),
    ...alerts.map(({ at, alert, severity, detail }) => `  alert    ${at} ${alert} (${severity}): ${detail}`),
  ].join("\n");
};
