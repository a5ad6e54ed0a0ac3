// Core: the model card of a bundle as one HTML file that needs nothing else: what the model is for, what it learned from, how good it
// was on rows it had not seen, and what follows for its use. Pure: the same bundle gives the same bytes; it says nothing a bundle lacks.
import type { BundleMetadata, BundleMetrics, Metrics, Reference } from "../../contracts/bundle.ts";
import type { FeatureContract, FeatureSpec } from "../../contracts/feature-contract.ts";
import { scoreMean } from "./histogram.ts";
import { headOf, STYLE } from "./report-style.ts";
import { escaped, percent } from "./report-svg.ts";

export interface CardOf {
  readonly metadata: BundleMetadata;
  readonly metrics: BundleMetrics;
  readonly reference: Reference;
  readonly contract: FeatureContract;
}

/** The whole page. */
export const modelCard = (of: CardOf): string => {
  const { metadata, metrics, contract } = of;
  const name = `${metadata.model} ${metadata.version}`;
  return `${headOf(`Model card: ${name}`, STYLE, "served")}
<body><main>
<header><p class="eyebrow">Model card · ${escaped(metadata.family)}</p><h1>${escaped(name)}</h1>
<p class="lede">${escaped(purpose(contract))}</p></header>
<section class="sides">${panel("The model", modelFacts(of))}${panel("Learned from", sourceFacts(of))}</section>
<section><h2>How good it is on rows it had not seen</h2>${metricsTable(metrics)}${confusion(metrics.test)}</section>
<section><h2>Calibration on labelled rows</h2>${reliability(of.reference)}</section>
<section><h2>What it looks at</h2>${featureTable(of)}</section>
<section><h2>Before you rely on it</h2><ul>${cautions(of)
    .map((text) => `<li>${escaped(text)}</li>`)
    .join("")}</ul></section>
</main></body></html>
`;
};

const purpose = ({ label, interpretation }: FeatureContract): string => {
  const bands = interpretation === undefined ? "" : ` Risk bands: ${bandsOf(interpretation.risk_bands)}.`;
  return `Gives the probability that ${label.name} is ${label.positive} rather than ${label.negative}.${bands}`;
};

const bandsOf = (bands: Readonly<Record<string, number>>): string =>
  Object.entries(bands)
    .sort(([, a], [, b]) => a - b)
    .map(([band, upTo]) => `${band} below ${upTo}`)
    .join(", ");

type Facts = readonly (readonly [string, string])[];

const modelFacts = ({ metadata }: CardOf): Facts => [
  ["created", metadata.created_at],
  ["calibrator", metadata.calibrator],
  ["threshold", `${metadata.threshold}, at or above is positive`],
  ["seed", String(metadata.seed)],
  ...Object.entries(metadata.parameters).map(([name, value]): [string, string] => [name, shown(value)]),
  ["contract", `${metadata.contract.name} ${metadata.contract.version}`],
  ["SHA-256 of model.onnx", metadata.model_digest],
];

const sourceFacts = ({ metadata, reference }: CardOf): Facts => {
  const { source, dataset, test_dataset, from, to, rows, split, parent } = metadata.provenance;
  return [
    ["source", SOURCES[source]],
    ["dataset", dataset],
    ...(test_dataset === null ? [] : [["tested on", test_dataset] as const]),
    ...(from === null || to === null ? [] : [["event time", `${from} to ${to}`] as const]),
    ["rows", `${rows.fit} to fit, ${rows.calibrate} to calibrate, ${rows.test} to test`],
    ["split", SPLITS[split]],
    [
      "positives",
      `${reference.positives} of ${reference.n}, ${percent(reference.positives / Math.max(1, reference.n))}`,
    ],
    ...(parent === null ? [] : [["retrained after", parent] as const]),
  ];
};

const SOURCES: Readonly<Record<BundleMetadata["provenance"]["source"], string>> = {
  frozen: "a frozen dataset",
  production: "labelled production windows, as logged codes",
  external: "made elsewhere; measured here",
};
const SPLITS: Readonly<Record<BundleMetadata["provenance"]["split"], string>> = {
  temporal: "by time: tested on the newest rows",
  random: "at random",
  given: "tested on a dataset of its own",
  none: "none: its maker split",
};

const panel = (title: string, facts: Facts): string =>
  `<div class="side"><h2>${title}</h2><dl>${facts
    .map(([term, value]) => `<dt>${escaped(term)}</dt><dd>${escaped(value)}</dd>`)
    .join("")}</dl></div>`;

const MEASURES = [
  ["roc_auc", "ROC-AUC"],
  ["pr_auc", "PR-AUC"],
  ["brier", "Brier score, smaller is better"],
  ["log_loss", "log loss, smaller is better"],
  ["ece", "calibration error (ECE), smaller is better"],
  ["f1", "F1 at the threshold"],
  ["f1_low", "F1, lower 95 % limit"],
  ["precision", "precision"],
  ["recall", "recall"],
  ["accuracy", "accuracy"],
  ["n", "rows"],
] as const;

const metricsTable = ({ test, calibration }: BundleMetrics): string =>
  `<div class="wide"><table><thead><tr><th>measure</th><th>test</th><th>calibration rows</th></tr></thead><tbody>${MEASURES.map(
    ([key, title]) =>
      `<tr><th scope="row">${title}</th><td>${shown(test[key])}</td><td>${calibration === null ? "–" : shown(calibration[key])}</td></tr>`,
  ).join("")}</tbody></table></div>`;

const confusion = ({ confusion: { tp, fp, fn, tn } }: Metrics): string =>
  `<p>Of ${tp + fn} positives it found ${tp}; of ${fp + tn} negatives it called ${fp} positive.</p>`;

const BANDS = 10;

/** Scores said against what happened, over rows the model was not fitted on, in bands of equal width. */
const reliability = ({ scores }: Reference): string => {
  const bands = Array.from({ length: BANDS }, () => ({ n: 0, positives: 0, said: 0 }));
  for (const [positive, pairs] of [
    [0, scores.negative],
    [1, scores.positive],
  ] as const)
    for (const [bin, count] of pairs) {
      const said = scoreMean(bin);
      const band = bands[Math.min(BANDS - 1, Math.floor(said * BANDS))];
      if (band === undefined) continue;
      band.n += count;
      band.positives += positive * count;
      band.said += said * count;
    }
  const rows = bands.flatMap(({ n, positives, said }, at) =>
    n === 0
      ? []
      : [
          `<tr><th scope="row">${percent(at / BANDS)} to ${percent((at + 1) / BANDS)}</th><td>${n}</td><td>${percent(said / n)}</td><td>${percent(positives / n)}</td></tr>`,
        ],
  );
  return `<div class="wide"><table><thead><tr><th>predicted</th><th>rows</th><th>mean prediction</th><th>came true</th></tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
};

const featureTable = ({ contract, metrics }: CardOf): string => {
  const rows = Object.entries(contract.features)
    .map(([feature, spec]) => ({ feature, spec, share: metrics.importance[feature] ?? null }))
    .sort((a, b) => (b.share ?? 0) - (a.share ?? 0));
  return `<div class="wide"><table><thead><tr><th>feature</th><th>kind</th><th>may be</th><th>missing</th><th>importance</th></tr></thead><tbody>${rows
    .map(
      ({ feature, spec, share }) =>
        `<tr><th scope="row">${escaped(feature)}</th><td>${spec.kind}</td><td>${escaped(allowed(spec))}</td><td>${spec.missing ?? contract.missing}</td><td>${share === null ? "–" : percent(share)}</td></tr>`,
    )
    .join("")}</tbody></table></div>`;
};

const allowed = (spec: FeatureSpec): string => {
  switch (spec.kind) {
    case "continuous":
      return `${spec.min} to ${spec.max}${spec.unit === undefined ? "" : ` ${spec.unit}`}`;
    case "ordinal":
      return `${spec.values.length} ordered values`;
    case "nominal":
      return `${spec.values === "frozen" ? "the frozen names" : `${spec.values.length} names`}${spec.unseen === "other" ? ", others as one" : ""}`;
  }
};

const FEW_POSITIVES = 100;

/** What follows from the facts; nothing that holds for every model. */
const cautions = ({ metadata, metrics, contract }: CardOf): string[] => {
  const { test } = metrics;
  const { provenance } = metadata;
  const said: string[] = [];
  if (test.positives < FEW_POSITIVES)
    said.push(`Only ${test.positives} positives among the test rows: F1, recall and PR-AUC are uncertain.`);
  if (test.ece > 0.05)
    said.push(
      `Its probabilities were off by ${percent(test.ece)} on average on the test rows: rank by them, do not read them as rates.`,
    );
  if (metadata.calibrator === "none")
    said.push(
      "It comes from elsewhere with its own calibration, if any; its training rows are not known here.",
    );
  if (provenance.source === "production")
    said.push("It learned from logged bins: it cannot tell values within one bin apart.");
  if (provenance.split === "random")
    said.push(
      "The split was random: the measures say how good it is in the same period, not in a later one.",
    );
  if (contract.segments.length === 0)
    said.push("The contract names no segments: no group was looked at by itself.");
  if (contract.forbidden.length > 0)
    said.push(
      `Never used, by contract: ${contract.forbidden.map((name) => name || "the unnamed column").join(", ")}.`,
    );
  said.push(
    `Values outside the contract are refused, not guessed. Labels count as final after ${contract.label_maturity.horizon}.`,
  );
  return said;
};

const shown = (value: number | string | boolean | null): string =>
  value === null
    ? "–"
    : typeof value === "number" && !Number.isInteger(value)
      ? String(Number(value.toPrecision(4)))
      : String(value);
