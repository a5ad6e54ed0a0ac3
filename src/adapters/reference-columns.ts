// Adapter: a bundle's encoding and reference counts as the rows analysts join with: what a code means, and what drift is measured
// against. Pure translation; snapshot-store.ts writes them.
import { MISSING, OTHER, OVERFLOW, type FeatureEncoding } from "../../contracts/encoding.ts";
import { ALL } from "../../contracts/snapshot.ts";
import { clickhouseTime } from "../core/time.ts";
import type { Bundle } from "../ports.ts";

const referenceKey = (bundle: Bundle) => ({
  model: bundle.metadata.model,
  version: bundle.metadata.version,
  role: "production",
  window_size: "reference",
  window_start: clickhouseTime(0),
  revision: 1,
});

/** A version's reference counts of features, as rows of `feature_histograms`. */
export const referenceFeatures = (bundle: Bundle) =>
  bundle.encoding.features.map((encoding, i) => {
    const pairs = bundle.reference.features[encoding.feature] ?? [];
    return {
      ...referenceKey(bundle),
      scope: ALL,
      position: i + 1,
      feature: encoding.feature,
      encoding: bundle.metadata.encoding_digest,
      codes: pairs.map(([code]) => code),
      counts: pairs.map(([, n]) => n),
    };
  });

/** A version's reference scores by label, as rows of `score_histograms`. */
export const referenceScores = (bundle: Bundle) =>
  ([0, 1] as const).map((label) => {
    const pairs = label === 1 ? bundle.reference.scores.positive : bundle.reference.scores.negative;
    return {
      ...referenceKey(bundle),
      scope: ALL,
      label,
      bins: pairs.map(([bin]) => bin),
      counts: pairs.map(([, n]) => n),
    };
  });

/** Every code of every feature and what it stands for, as rows of `encodings`. */
export const encodingColumns = (bundle: Bundle) =>
  bundle.encoding.features.flatMap((feature, position) =>
    meanings(feature).map((row) => ({
      encoding: bundle.metadata.encoding_digest,
      model: bundle.metadata.model,
      position: position + 1,
      feature: feature.feature,
      kind: feature.kind,
      ...row,
    })),
  );

interface Meaning {
  readonly code: number;
  readonly meaning: "bin" | "value" | "missing" | "other" | "overflow_low" | "overflow_high";
  readonly lower: number | null;
  readonly upper: number | null;
  readonly mean: number | null;
  readonly value: string;
}

const plain = (code: number, meaning: Meaning["meaning"], value = ""): Meaning => ({
  code,
  meaning,
  lower: null,
  upper: null,
  mean: null,
  value,
});

/** Every code of a feature and what it stands for (contracts/encoding.ts). */
const meanings = (feature: FeatureEncoding): Meaning[] => {
  const missing = plain(MISSING, "missing");
  if (feature.kind === "nominal")
    return [...feature.values.map((v, code) => plain(code, "value", v)), plain(OTHER, "other"), missing];
  if (feature.kind === "ordinal")
    return [...feature.values.map((v, code) => plain(code, "value", String(v))), missing];
  const range = feature.high - feature.low;
  const distance = (level: number): number => (level < 0 ? 0 : range * 2 ** (level - 4));
  const overflow = Array.from({ length: OVERFLOW }, (_, level) => {
    const last = level === OVERFLOW - 1;
    const [near, far] = [distance(level - 1), distance(level)];
    return [
      {
        ...plain(OVERFLOW - 1 - level, "overflow_low"),
        lower: last ? null : feature.low - far,
        upper: feature.low - near,
      },
      {
        ...plain(OVERFLOW + feature.edges.length + level, "overflow_high"),
        lower: feature.high + near,
        upper: last ? null : feature.high + far,
      },
    ];
  }).flat();
  const inner = feature.edges.map((upper, i) => ({
    ...plain(OVERFLOW + i, "bin"),
    lower: i === 0 ? feature.low : (feature.edges[i - 1] ?? feature.low),
    upper,
    mean: feature.means[i] ?? null,
  }));
  return [...overflow, ...inner, missing].sort((a, b) => a.code - b.code);
};
