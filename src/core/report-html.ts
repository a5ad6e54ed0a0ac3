// Core: a comparison as one HTML file that needs nothing else: no script, no request, light, dark and paper by the reader's own
// settings. Status is always a word and a shape, never a colour alone. Pure: the same report gives the same bytes.
import type { DriftRow, DriftStatus } from "../../contracts/drift.ts";
import { effectRatio, type ComparedSide, type CompareReport, type ReportFeature } from "./compare-report.ts";
import { number } from "./report-bars.ts";
import { headOf, STYLE } from "./report-style.ts";
import { escaped, overlaySvg, percent, reachSvg } from "./report-svg.ts";

/** Status in a person's words, with a sign that survives a black-and-white printer. */
export const STATUS_WORDS: Readonly<Record<DriftStatus, { readonly sign: string; readonly word: string }>> = {
  breach: { sign: "▲", word: "drifted" },
  watch: { sign: "◆", word: "worth watching" },
  steady: { sign: "●", word: "steady" },
  insufficient: { sign: "○", word: "too few rows" },
  degenerate: { sign: "○", word: "nothing to compare" },
  broken: { sign: "✕", word: "could not be measured" },
  not_evaluated: { sign: "○", word: "not judged" },
};

const NAMES: Readonly<Record<string, string>> = {
  psi_10: "PSI, 10 groups",
  ks_d: "KS distance D",
  ks_p: "KS p-value",
  chi2_contingency: "χ², two samples",
  z_two_proportion: "difference of shares",
  js_distance_base2: "Jensen–Shannon distance, base 2",
  js_distance_natural: "Jensen–Shannon distance, natural",
  hellinger: "Hellinger distance",
  tvd: "total variation",
  l_infinity: "largest share difference",
  w1_over_refstd: "Wasserstein-1 over reference sd",
  unseen_rate: "unseen values",
  missing_rate: "missing values",
  out_of_range_rate: "outside reference range",
  label_shift: "share of positives",
  segment_mix_chi2: "mix of segments, χ²",
  domain_auc: "domain classifier AUC",
};

/** The whole page. */
export const reportHtml = (report: CompareReport): string => {
  const { contract, reference, current } = report;
  const title = `Drift of ${contract.name}: ${current.name} against ${reference.name}`;
  return `${headOf(title, STYLE, "file")}
<body><main>
<header><p class="eyebrow">Drift report · ${escaped(contract.name)} ${escaped(contract.version)}</p>
<h1>${escaped(headline(report))}</h1><p class="lede">${escaped(lede(report))}</p></header>
<section class="sides" aria-label="Datasets">${side("Reference", "ref", reference)}${side("Current", "cur", current)}${counts(report)}</section>
<section aria-labelledby="ranking"><h2 id="ranking">Features, worst first</h2>${ranking(report.features)}</section>
<section class="cards" aria-label="Each feature">${report.features.map(card).join("\n")}</section>
${others(report.others)}
${notes(report)}
</main></body></html>
`;
};

const headline = ({ summary }: CompareReport): string => {
  const { num_drifted_features: drifted, num_features_evaluated: judged } = summary;
  if (judged === 0) return "Nothing could be judged";
  if (drifted === 0) return judged === 1 ? "The feature is steady" : `None of ${judged} features drifted`;
  return `${drifted} of ${judged} features drifted`;
};

const lede = ({ summary, features, others }: CompareReport): string => {
  const named = (status: DriftStatus): string[] =>
    features.filter(({ rows }) => rows[0]?.status === status).map(({ feature }) => feature);
  const listed = (names: string[]): string =>
    names.length > 4 ? `${names.slice(0, 4).join(", ")} and ${names.length - 4} more` : names.join(", ");
  const said: string[] = [];
  const [breach, watch] = [named("breach"), named("watch")];
  if (breach.length > 0) said.push(`Drifted: ${listed(breach)}.`);
  if (watch.length > 0) said.push(`Worth watching: ${listed(watch)}.`);
  const label = others.find(({ subject }) => subject === "label");
  if (label?.status === "breach" || label?.status === "watch")
    said.push(`The share of positives moved by ${percent(label.value ?? 0)}.`);
  const joint = others.find(({ subject }) => subject === "joint");
  if (joint?.status === "breach" || joint?.status === "watch")
    said.push(
      "A classifier tells the two datasets apart: inputs changed together, whatever each does alone.",
    );
  if (summary.num_features_excluded > 0)
    said.push(`${summary.num_features_excluded} of ${summary.num_features_total} features were not judged.`);
  return said.length > 0 ? said.join(" ") : "Both datasets look alike, as far as chance allows.";
};

const side = (name: string, key: string, at: ComparedSide): string => {
  const rate =
    at.labelled === 0
      ? "no labels"
      : `${percent(at.positives / at.labelled)} positive of ${whole(at.labelled)} labelled`;
  const span = at.from === null ? "rows without a time" : `${day(at.from)} to ${day(at.to)}`;
  return `<div class="side"><h2><span class="key ${key}"></span>${name}</h2><p class="big">${whole(at.rows)} <small>rows</small></p>
<dl><dt>Source</dt><dd>${escaped(at.name)}</dd><dt>Time</dt><dd>${escaped(span)}</dd><dt>Labels</dt><dd>${escaped(rate)}</dd></dl></div>`;
};

const counts = ({ summary, verdict }: CompareReport): string => {
  const share = summary.drift_share === null ? "–" : percent(summary.drift_share);
  const dataset =
    summary.dataset_drift_detected === null ? "not known" : summary.dataset_drift_detected ? "yes" : "no";
  return `<div class="side"><h2>Dataset</h2><p class="big">${share} <small>of features drifted</small></p>
<dl><dt>Dataset drift</dt><dd>${dataset} (threshold ${percent(summary.drift_share_threshold)} of features)</dd>
<dt>Verdict of one look</dt><dd>${escaped((verdict ?? "no evidence").toLowerCase().replaceAll("_", " "))}</dd>
<dt>Judged</dt><dd>${summary.num_features_evaluated} of ${summary.num_features_total} features</dd></dl></div>`;
};

const ranking = (features: readonly ReportFeature[]): string =>
  `<table class="ranking"><thead><tr><th scope="col">Feature</th><th scope="col">Status</th><th scope="col">Effect towards its threshold</th><th scope="col" class="n">Effect</th><th scope="col" class="n">Threshold</th><th scope="col" class="n">p, adjusted</th></tr></thead><tbody>${features
    .map(({ feature, rows: [judge] }, at) =>
      judge === undefined
        ? ""
        : `<tr><th scope="row"><a href="#f${at}">${escaped(feature)}</a></th><td>${chip(judge.status)}</td><td>${reachSvg(effectRatio(judge), judge.status)}</td><td class="n">${effect(judge)}</td><td class="n">${judge.threshold === null ? "–" : number(judge.threshold)}</td><td class="n">${pValue(judge.p_adjusted)}</td></tr>`,
    )
    .join("")}</tbody></table>`;

const card = ({ feature, kind, unit, bars, rows }: ReportFeature, at: number): string => {
  const [judge] = rows;
  if (judge === undefined) return "";
  const alarms = rows.filter(
    (row) => row.subject === "quality" && (row.status === "breach" || row.status === "watch"),
  );
  return `<article id="f${at}" class="card ${judge.status}"><div class="head"><h3>${escaped(feature)}</h3><span class="kind">${escaped(kind)}${unit === null ? "" : `, ${escaped(unit)}`}</span>${chip(judge.status)}</div>
<p class="say">${escaped(sentence(judge))}${alarms.map((row) => ` ${escaped(qualitySentence(row))}`).join("")}</p>
<figure>${overlaySvg(bars, `${feature}: reference and current, share of rows`)}<figcaption><span class="key ref"></span>reference <span class="key cur"></span>current</figcaption></figure>
<details${judge.status === "breach" ? " open" : ""}><summary>All statistics</summary>${statistics(rows)}</details></article>`;
};

const sentence = (row: DriftRow): string => {
  const name = NAMES[row.statistic] ?? row.statistic;
  if (row.value === null) return `${STATUS_WORDS[row.status].word}: ${row.reason}.`;
  const p = row.p_adjusted === null ? "" : `, adjusted p ${pValue(row.p_adjusted).replace("&lt;", "<")}`;
  const limit = row.threshold === null ? "" : ` against a threshold of ${number(row.threshold)}`;
  const why = row.status === "steady" && row.reason !== "" ? ` (${row.reason})` : "";
  return `${name} is ${row.at_least ? "at least " : ""}${number(row.value)}${limit}${p}${why}.`;
};

const qualitySentence = (row: DriftRow): string =>
  `Share of ${NAMES[row.statistic] ?? row.statistic} changed by ${percent(Math.abs(row.value ?? 0))}: ${STATUS_WORDS[row.status].word}.`;

const statistics = (rows: readonly DriftRow[]): string =>
  `<table><thead><tr><th scope="col">Statistic</th><th scope="col" class="n">Value</th><th scope="col" class="n">Watch</th><th scope="col" class="n">Threshold</th><th scope="col" class="n">p</th><th scope="col" class="n">p, adjusted</th><th scope="col">Status</th></tr></thead><tbody>${rows
    .map(
      (row) =>
        `<tr><th scope="row">${escaped(NAMES[row.statistic] ?? row.statistic)}${row.feature !== "" && row.subject === "segment" ? ` of ${escaped(row.feature)}` : ""} <code>${row.statistic}</code></th><td class="n">${effect(row)}</td><td class="n">${row.threshold_watch === null ? "–" : number(row.threshold_watch)}</td><td class="n">${row.threshold === null ? "–" : number(row.threshold)}</td><td class="n">${pValue(row.p_value)}</td><td class="n">${pValue(row.p_adjusted)}</td><td>${row.threshold === null && row.status === "not_evaluated" ? "shown only" : chip(row.status)}</td></tr>`,
    )
    .join("")}</tbody></table>`;

const others = (rows: readonly DriftRow[]): string =>
  rows.length === 0
    ? ""
    : `<section aria-labelledby="others"><h2 id="others">Labels, segments and all inputs together</h2>${statistics(rows)}</section>`;

const notes = ({ profile, alpha, at, reference, current }: CompareReport): string =>
  `<footer><p>Profile <code>${escaped(profile)}</code>: a feature has drifted when its effect reaches the threshold and its adjusted p is at most ${number(alpha)}, where the profile asks for a p. KS and Wasserstein-1 are exact on raw values; all else is counted on bins frozen from the reference. Features with a daily or weekly cycle are judged only where both sides span whole cycles.</p>
<p>Reference <code>${escaped(reference.digest.slice(0, 16))}</code>, current <code>${escaped(current.digest.slice(0, 16))}</code>, made ${escaped(at)} by Flyball.</p></footer>`;

const chip = (status: DriftStatus): string =>
  `<span class="chip ${status}"><span aria-hidden="true">${STATUS_WORDS[status].sign}</span> ${STATUS_WORDS[status].word}</span>`;

const effect = (row: DriftRow): string =>
  row.value === null ? "–" : `${row.at_least ? "≥ " : ""}${number(row.value)}`;

const pValue = (p: number | null): string => (p === null ? "–" : p < 1e-6 ? "&lt; 0.000001" : number(p));
const whole = (n: number): string => n.toLocaleString("en-US");
const day = (iso: string | null): string => (iso ?? "").slice(0, 10);
