// Door: how the demo shows itself: a few lines redrawn in place on a terminal, one line a week elsewhere; a story at the end. Text only.
import type { LedgerEvent } from "../../contracts/governance.ts";
import type { Summary } from "../stages/summary.ts";
import type { Journal } from "../stages/replay.ts";

export interface DemoView {
  readonly day: string;
  readonly journal: Journal;
  readonly flights: number;
  readonly perSecond: number;
  readonly promoted: string;
  readonly candidate: string;
  readonly decision: string;
  readonly alerts: readonly string[];
}

const WIDTH = 40;
const colour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined;
const paint = (code: number, text: string): string => (colour ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = (text: string): string => paint(1, text);
const dim = (text: string): string => paint(2, text);

/** Tells what is being done now. */
export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Redraws the live lines, or prints one line where stdout is no terminal. */
export const createDisplay = () => {
  let drawn = 0;
  let lastWeek = "";
  return {
    /** Says something below the live lines; they are drawn anew after it. */
    note: (text: string): void => {
      drawn = 0;
      say(text);
    },
    show: (view: DemoView): void => {
      const done = view.journal.answered + view.journal.invalid;
      const share = view.flights === 0 ? 1 : done / view.flights;
      if (!process.stdout.isTTY) {
        const week = String(Math.floor(view.journal.steps / 7));
        if (week === lastWeek) return;
        lastWeek = week;
        say(
          `${view.day}  ${String(done).padStart(7)} flights  serving ${view.promoted}  candidate ${view.candidate}  ${view.decision}`,
        );
        return;
      }
      const full = Math.round(share * WIDTH);
      const lines = [
        `${bold(view.day)}  ${"█".repeat(full)}${dim("░".repeat(WIDTH - full))} ${Math.floor(share * 100)} %`,
        `  flights    ${done} of ${view.flights}, ${Math.round(view.perSecond)} a second, ${view.journal.invalid} refused as invalid, ${view.journal.labels} labels`,
        `  serving    ${bold(view.promoted)}   candidate ${view.candidate}`,
        `  decision   ${view.decision}`,
        `  alerts     ${view.alerts.length === 0 ? dim("none") : paint(33, view.alerts.slice(-2).join(" · "))}`,
      ];
      const columns = process.stdout.columns;
      if (drawn > 0) process.stdout.write(`\x1b[${drawn}A`);
      for (const line of lines) process.stdout.write(`\x1b[2K${fit(line, columns)}\n`);
      drawn = lines.length;
    },
  };
};

/** Cuts a line to the terminal's width, colour codes not counted. */
const fit = (line: string, columns: number): string => {
  let shown = 0;
  let result = "";
  for (const part of line.split(/(\x1b\[\d+m)/)) {
    if (part.startsWith("\x1b[")) {
      result += part;
      continue;
    }
    const room = Math.max(0, columns - 1 - shown);
    result += part.slice(0, room);
    shown += Math.min(part.length, room);
  }
  return colour ? `${result}\x1b[0m` : result;
};

/** What happened and why, in the order it happened. */
export const story = (
  summary: Summary,
  journal: Journal,
  moments: readonly { at: string; text: string }[],
  url: string,
): string => {
  const ok = (good: boolean): string => (good ? paint(32, "yes") : paint(31, "NO"));
  const sent = journal.answered + journal.invalid;
  return [
    "",
    bold("What happened, and why"),
    ...moments.map(({ at, text }) => `  ${at.slice(0, 10)}  ${text}`),
    "",
    bold("What the stores say"),
    `  predictions        ${sent} answered, ${summary.predictions_recorded} recorded, ${summary.duplicates} duplicates`,
    `  of these invalid   ${journal.invalid} answered 422, ${summary.invalid} recorded as invalid`,
    `  labels             ${journal.labels} sent, ${summary.labels_recorded} recorded`,
    `  decisions          ${Object.entries(summary.decisions)
      .map(([action, n]) => `${n} ${action}`)
      .join(", ")}`,
    `  trainings          ${summary.retrains}; candidates ${summary.candidates_shadowed}, promoted ${summary.promotions.length}, rejected ${summary.rejections.length}, rolled back ${summary.rollbacks.length}`,
    `  quarantined        ${summary.quarantined_windows} windows; alerts ${summary.alerts}`,
    `  nothing lost       ${ok(sent === summary.predictions_recorded && journal.labels === summary.labels_recorded && summary.duplicates === 0)}`,
    `  audit verified     ${ok(summary.audit_verified)}`,
    `  replay identical   ${ok(summary.replay_identical)} (${summary.decisions_replayed} decisions made again from what was stored)`,
    `  decisions digest   ${summary.decisions_digest.slice(0, 16)}`,
    "",
    `  dashboard          ${url}/`,
    "",
  ].join("\n");
};

/** What a ledger event means for the story; null for the book-keeping ones. */
export const telling = (event: LedgerEvent, reason: string, actor: string): string | null => {
  switch (event.type) {
    case "transition":
      return event.to === "SHADOWING" ||
        event.to === "PROMOTED" ||
        event.to === "REJECTED" ||
        event.to === "ROLLED_BACK"
        ? `${event.version} ${event.from} → ${event.to}: ${reason}${actor === "policy" ? "" : ` (${actor})`}`
        : null;
    case "training_requested":
      return `training asked for: ${reason}`;
    case "training_finished":
      return `training ${event.outcome}: ${event.detail}`;
    case "quarantined":
      return `window quarantined (${event.kind}): ${event.detail}`;
    case "released":
      return `window released (${event.kind}): ${event.detail}`;
    case "circuit_opened":
      return `training circuit opened: ${event.detail}`;
    default:
      return null;
  }
};
