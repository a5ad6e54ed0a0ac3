// Core: a model's report as one HTML file that needs nothing else: no script, no request; light, dark and paper by the reader's settings.
// Pure: the same report gives the same bytes. Every status is a word, never a colour alone.
import type { DecisionItem, HeatRow, PerformanceItem } from "../../contracts/read.ts";
import type { DriftStatus } from "../../contracts/drift.ts";
import type { ModelReport } from "../../contracts/report.ts";
import { briefly } from "./brief.ts";
import { number } from "./report-bars.ts";
import { linesSvg, mapSvg, type Line } from "./report-charts.ts";
import { headlineOf } from "./report-day.ts";
import { STATUS_WORDS } from "./report-html.ts";
import { headOf, STYLE } from "./report-style.ts";
import { escaped, percent } from "./report-svg.ts";

const OWN = `
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke:var(--cur)}.tone1{stroke:var(--ref)}.tone2{stroke:var(--ok)}.dashed{stroke-dasharray:5 4}
.dot{fill:var(--cur);stroke:none}.dot.tone1{fill:var(--ref)}.whisker{stroke:var(--cur);stroke-width:1;opacity:.45}
.map{width:100%;height:auto;display:block}.map .tick{fill:var(--soft);font-size:10.5px}.map .mark{stroke:#fff;stroke-width:1.5}
.cell{fill:var(--muteb)}.cell.steady{fill:var(--okb)}.cell.watch{fill:var(--warnb)}.cell.breach,.cell.broken{fill:var(--bad)}
ul.told{padding-left:1.1rem}ul.told li{margin:.35rem 0}
`;
/** Features drawn at most; the map shows those that moved. */
const FEATURES_MAX = 30;

/** The whole page. */
export const reportPage = (report: ModelReport): string => {
  const { model, window } = report;
  const span = `${when(window.start)} to ${when(window.end)}`;
  return `${headOf(`${model}, ${span}`, STYLE + OWN, "served")}
<body><main>
<header><p class="eyebrow">Report · ${escaped(model)} · ${escaped(span)} UTC</p><h1>${escaped(sentence(headlineOf(report)))}</h1>
<p class="lede">${escaped(lede(report))}</p></header>
<section class="sides" aria-label="At a glance">${standing(report)}${traffic(report)}</section>
${part("Decisions", report.decisions.length === 0 ? empty("No window was decided in this span.") : report.decisions.map(decision).join(""))}
${part("What changed", changes(report))}
${part("Alerts", alerts(report))}
${part("Performance", performance(report.performance))}
${part("Drift", drift(report.drift))}
${part("Traffic and trust", trend(report))}
<footer>Made from what was known at ${escaped(when(report.as_of))} UTC; labels and revisions that came later are not in it. Estimated performance comes from calibrated probabilities, without labels, and never promotes.</footer>
</main></body></html>
`;
};

const lede = ({ changes, decisions, alerts, traffic }: ModelReport): string => {
  const rows = `${whole(traffic.volume)} requests`;
  const bad = traffic.invalid + traffic.errors;
  return `${rows}${bad === 0 ? "" : `, ${whole(bad)} of them invalid or failed`}; ${decisions.length} decisions, ${changes.length} entries of the ledger, ${alerts.length} alerts.`;
};

const standing = ({ standing: at }: ModelReport): string =>
  `<div class="side"><h2>Standing</h2><p class="big">${escaped(at.promoted ?? "nothing")} <small>serves</small></p>
<dl><dt>Candidate</dt><dd>${escaped(at.candidate ?? "none")}</dd><dt>Standby</dt><dd>${escaped(at.standby ?? "none")}</dd><dt>Quarantined</dt><dd>${at.open_quarantines} windows</dd>${at.frozen === null ? "" : `<dt>Frozen</dt><dd>${escaped(at.frozen)}</dd>`}</dl></div>`;

const traffic = ({ traffic: now, before }: ModelReport): string => {
  const change =
    before === null || before.volume === 0 ? "no earlier span" : signed(now.volume / before.volume - 1);
  const rate = now.volume === 0 ? "–" : percent(now.invalid / now.volume);
  return `<div class="side"><h2>Traffic</h2><p class="big">${whole(now.volume)} <small>requests</small></p>
<dl><dt>Against the span before</dt><dd>${escaped(change)}</dd><dt>Invalid</dt><dd>${rate}</dd><dt>Failed</dt><dd>${whole(now.errors)}</dd><dt>Late rows</dt><dd>${whole(now.late_rows)}</dd><dt>Mean score</dt><dd>${value(now.mean_score)}${before === null ? "" : ` (before ${value(before.mean_score)})`}</dd></dl></div>`;
};

const decision = (one: DecisionItem): string => {
  const reasons = one.reasons
    .map(
      ({ signal, value: seen, threshold, n, detail }) =>
        `<tr><th scope="row"><code>${escaped(signal)}</code></th><td class="n">${escaped(typeof seen === "number" ? number(seen) : (seen ?? "–"))}</td><td class="n">${value(threshold)}</td><td class="n">${n === null ? "–" : whole(n)}</td><td>${escaped(sentence(detail))}</td></tr>`,
    )
    .join("");
  const gates = one.gates
    .map(
      ({ gate, result, value: seen, threshold, detail }) =>
        `<tr><th scope="row">${escaped(gate)}</th><td><span class="chip ${result === "pass" ? "steady" : result === "fail" ? "breach" : ""}">${result.replaceAll("_", " ")}</span></td><td class="n">${value(seen)}</td><td class="n">${value(threshold)}</td><td>${escaped(sentence(detail))}</td></tr>`,
    )
    .join("");
  const more =
    gates === ""
      ? ""
      : `<details><summary>Gates</summary>${tableOf(["Gate", "Result", "Value", "Threshold", "Why"], gates)}</details>`;
  return `<article class="card"><div class="head"><h3>${escaped(one.action)}${one.version === null ? "" : ` ${escaped(one.version)}`}</h3><span class="kind">window to ${escaped(when(one.window_end))}, rule ${escaped(one.rule)}, drift ${escaped(one.drift_decision.toLowerCase().replaceAll("_", " "))}</span></div>
<p class="say">${escaped(sentence(briefly(one.sentence)))}</p>${reasons === "" ? "" : tableOf(["Signal", "Value", "Threshold", "n", "Why"], reasons)}${more}<p class="kind">Replay: <code>flyball decisions replay ${one.id}</code></p></article>`;
};

const changes = (report: ModelReport): string =>
  report.changes.length === 0
    ? empty("The ledger has no entry about this model in this span.")
    : `<ul class="told">${report.changes
        .map(
          ({ seq, at, actor, reason, what }) =>
            `<li><b>${escaped(sentence(what.join("; ")))}</b><br><span class="kind">${escaped(when(at))}, ${escaped(actor)}: ${escaped(sentence(reason))} (entry ${seq})</span></li>`,
        )
        .join("")}</ul>`;

const alerts = (report: ModelReport): string =>
  report.alerts.length === 0
    ? empty("No alert.")
    : `<ul class="told">${report.alerts.map(({ at, alert, severity, detail }) => `<li><b>${escaped(alert)}</b> (${escaped(severity)}), ${escaped(when(at))}: ${escaped(sentence(detail))}</li>`).join("")}</ul>`;

const performance = (all: readonly PerformanceItem[]): string => {
  const rows = all.filter(({ role }) => role === "production");
  const times = [...new Set(rows.map(({ window_start }) => window_start))].sort();
  const at = (kind: PerformanceItem["kind"], time: string): PerformanceItem | undefined =>
    rows
      .filter((row) => row.window_start === time && row.kind === kind)
      .reduce<PerformanceItem | undefined>(
        (best, row) => (best === undefined || row.requests > best.requests ? row : best),
        undefined,
      );
  const picture = (name: string, metric: "f1" | "brier" | "roc_auc"): string => {
    const lines: Line[] = [
      {
        name: "realised",
        values: times.map((time) => at("realised", time)?.[metric] ?? null),
        ...(metric === "f1" ? { band: times.map((time) => at("realised", time)?.f1_interval ?? null) } : {}),
      },
      {
        name: "estimated",
        values: times.map((time) => at("estimated", time)?.[metric] ?? null),
        dashed: true,
      },
    ];
    return figure(
      linesSvg(name, times.map(when), lines),
      `${name}: realised (line, 95 % where drawn), estimated (dashed)`,
    );
  };
  if (times.length === 0) return empty("No label has matured yet, and nothing could be estimated.");
  return `${picture("F1", "f1")}${picture("ROC AUC", "roc_auc")}${picture("Brier score, smaller is better", "brier")}`;
};

const drift = (rows: readonly HeatRow[]): string => {
  const times = [
    ...new Set(rows.flatMap(({ cells }) => cells.map(({ window_start }) => window_start))),
  ].sort();
  if (times.length === 0) return empty("No window was judged yet.");
  const moved = ({ cells }: HeatRow): number =>
    cells.reduce((sum, { status }) => sum + (WEIGHT[status] ?? 0), 0);
  const ranked = [...rows].sort((a, b) => moved(b) - moved(a) || (a.feature < b.feature ? -1 : 1));
  const shown = ranked.slice(0, FEATURES_MAX);
  const map = mapSvg(
    "Verdict of each feature in each window",
    times.map(when),
    shown.map(({ subject, feature, cells }) => {
      const known = new Map(cells.map(({ window_start, status }) => [window_start, status]));
      return {
        name: subject === "feature" ? feature : `${subject}: ${feature}`,
        cells: times.map((time) => known.get(time) ?? null),
      };
    }),
  );
  const last = times.at(-1);
  const broken = ranked.flatMap(({ subject, feature, cells }) =>
    cells
      .filter(
        ({ window_start, status }) => window_start === last && (status === "breach" || status === "watch"),
      )
      .map(
        ({ statistic, value: seen, threshold, status }) =>
          `<tr><th scope="row">${escaped(subject === "feature" ? feature : `${subject}: ${feature}`)}</th><td>${STATUS_WORDS[status].sign} ${STATUS_WORDS[status].word}</td><td><code>${statistic}</code></td><td class="n">${value(seen)}</td><td class="n">${value(threshold)}</td></tr>`,
      ),
  );
  const rest = ranked.length - shown.length;
  return `<div class="wide">${map}</div>${rest > 0 ? `<p class="say">${rest} steadier features are not drawn.</p>` : ""}${
    broken.length === 0
      ? empty("Nothing moved in the last window.")
      : tableOf(["In the last window", "Status", "Statistic", "Value", "Threshold"], broken.join(""))
  }`;
};

const WEIGHT: Partial<Record<DriftStatus, number>> = { breach: 100, broken: 100, watch: 10, steady: 0.01 };

const trend = ({ trend: points }: ModelReport): string => {
  const times = points.map(({ window_start }) => when(window_start));
  if (times.length === 0) return empty("No window has closed yet.");
  const volume = linesSvg("Requests by window", times, [
    { name: "requests", values: points.map((point) => point.volume) },
  ]);
  const trust = linesSvg("Trust by window, 0 to 1", times, [
    { name: "trust", values: points.map((point) => point.trust) },
  ]);
  return `${figure(volume, "Requests by window")}${figure(trust, "Trust, 0 to 1")}`;
};

const part = (title: string, body: string): string => `<section><h2>${title}</h2>${body}</section>`;
const figure = (picture: string, caption: string): string =>
  `<figure>${picture}<figcaption>${escaped(caption)}</figcaption></figure>`;
const empty = (text: string): string => `<p class="say">${escaped(text)}</p>`;
const tableOf = (head: readonly string[], rows: string): string =>
  `<div class="wide"><table><thead><tr>${head.map((name) => `<th scope="col">${name}</th>`).join("")}</tr></thead><tbody>${rows}</tbody></table></div>`;
const whole = (count: number): string => count.toLocaleString("en-US");
const value = (seen: number | null): string => (seen === null ? "–" : number(seen));
const signed = (share: number): string => `${share >= 0 ? "+" : "−"}${percent(Math.abs(share))}`;

/** A day where the instant begins one, else day and minute. */
const when = (iso: string): string =>
  iso.endsWith("T00:00:00.000Z") ? iso.slice(0, 10) : iso.slice(0, 16).replace("T", " ");
const sentence = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (iso) =>
    when(iso.replace(/:(\d\d)Z$/, ":$1.000Z")),
  );
