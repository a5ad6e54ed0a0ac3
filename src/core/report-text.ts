// Core: a comparison for a terminal: one line a feature, worst first, with both histograms drawn in block characters.
import type { CompareReport, ReportFeature } from "./compare-report.ts";
import { number } from "./report-bars.ts";
import { STATUS_WORDS } from "./report-html.ts";
import { percent } from "./report-svg.ts";

const BLOCKS = " ▁▂▃▄▅▆▇█";
const CELLS = 14;

/** The table and the sentence under it. */
export const reportText = (report: CompareReport): string => {
  const { features, summary, verdict, reference, current, others, profile, alpha } = report;
  const width = Math.max(7, ...features.map(({ feature }) => Math.min(32, feature.length)));
  const head = `${"feature".padEnd(width)}  ${"status".padEnd(16)} ${"statistic".padEnd(16)} ${"effect".padStart(9)} ${"threshold".padStart(9)} ${"p adjusted".padStart(10)}  ${"reference".padEnd(CELLS)}  current`;
  const lines = features.map((one) => line(one, width));
  const rest = others.map(
    ({ statistic, feature, value, status, reason }) =>
      `${statistic}${feature === "" ? "" : ` ${feature}`}: ${value === null ? "–" : number(value)}, ${STATUS_WORDS[status].word}${reason === "" ? "" : ` (${reason})`}`,
  );
  const share =
    summary.drift_share === null ? "nothing could be judged" : `${percent(summary.drift_share)} drifted`;
  return [
    `reference ${reference.name}: ${reference.rows} rows; current ${current.name}: ${current.rows} rows; profile ${profile}, alpha ${number(alpha)}`,
    head,
    ...lines,
    ...rest,
    `${summary.num_drifted_features} of ${summary.num_features_evaluated} judged features (${share}); verdict of one look: ${verdict ?? "no evidence"}`,
  ].join("\n");
};

const line = ({ feature, bars, rows: [judge] }: ReportFeature, width: number): string => {
  const name = feature.length > width ? `${feature.slice(0, width - 1)}…` : feature;
  if (judge === undefined) return name;
  const { sign, word } = STATUS_WORDS[judge.status];
  const value = judge.value === null ? "–" : `${judge.at_least ? "≥" : ""}${number(judge.value)}`;
  const p = judge.p_adjusted === null ? "–" : judge.p_adjusted < 1e-6 ? "<1e-6" : number(judge.p_adjusted);
  const threshold = judge.threshold === null ? "–" : number(judge.threshold);
  const tallest = Math.max(...bars.bars.flatMap((bar) => [bar.reference, bar.current]));
  const drawn = (side: "reference" | "current"): string =>
    blocks(
      bars.bars.map((bar) => bar[side]),
      tallest,
    ).padEnd(CELLS);
  const why =
    judge.value === null || judge.status === "steady" ? (judge.reason === "" ? "" : `  ${judge.reason}`) : "";
  return `${name.padEnd(width)}  ${`${sign} ${word}`.padEnd(16)} ${judge.statistic.padEnd(16)} ${value.padStart(9)} ${threshold.padStart(9)} ${p.padStart(10)}  ${drawn("reference")}  ${drawn("current")}${why}`;
};

/** Bars joined to at most as many cells as fit; the tallest of both sides fills a cell. */
const blocks = (shares: readonly number[], tallest: number): string => {
  const each = Math.max(1, Math.ceil(shares.length / CELLS));
  const cells: number[] = [];
  for (let at = 0; at < shares.length; at += each) cells.push(Math.max(...shares.slice(at, at + each)));
  return cells
    .map(
      (share) =>
        BLOCKS[share <= 0 || tallest <= 0 ? 0 : Math.max(1, Math.round((8 * share) / tallest))] ?? " ",
    )
    .join("");
};
