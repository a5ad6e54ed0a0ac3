// Offline comparison: codes counted from sorted numbers are the codes rows get, identical data drift by exactly nothing, a missing
// side is no zero, and the page stands on its own. The domain classifier sees what no marginal can.
import { describe, expect, it } from "vitest";
import { DriftSummary } from "../../contracts/drift.ts";
import { DRIFT_PROFILES } from "../../contracts/drift-profile.ts";
import { FeatureContract } from "../../contracts/feature-contract.ts";
import { compareColumns, type ComparedColumn } from "../../src/core/compare-columns.ts";
import { compareReport, type ComparedSide } from "../../src/core/compare-report.ts";
import { domainAuc } from "../../src/core/domain-auc.ts";
import { encodeFrozen, freezeEncoding } from "../../src/core/encode.ts";
import { barsOf } from "../../src/core/report-bars.ts";
import { reportHtml } from "../../src/core/report-html.ts";
import { reportText } from "../../src/core/report-text.ts";
import { compare, type LendsColumns } from "../../src/stages/compare.ts";
import { seeded } from "../../src/core/training/seeded.ts";

const contract = FeatureContract.parse({
  name: "shop",
  version: "1.0.0",
  label: { name: "y", positive: 1, negative: 0 },
  event_time: null,
  features: {
    price: { kind: "continuous", min: -1e6, max: 1e6, unit: "<€>" },
    stars: { kind: "ordinal", values: [1, 2, 3, 4, 5], missing: "allow" },
    colour: { kind: "nominal", values: "frozen", unseen: "other" },
  },
});
const ROWS = 3000;

const draw = (seed: number, shift: number) => {
  const next = seeded(seed);
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const price = Float64Array.from({ length: ROWS }, () => gauss() + shift);
  const stars = Float64Array.from({ length: ROWS }, () => (next() < 0.1 ? NaN : 1 + Math.floor(5 * next())));
  const names = ["<b>red</b>", "blue", "green", shift > 0 ? "new" : "red"];
  const indices = Uint16Array.from({ length: ROWS }, () => Math.floor(4 * next()));
  return { price, stars, colour: { dictionary: names, indices } };
};
type Table = ReturnType<typeof draw>;

const columnsOf = (table: Table): Record<string, ComparedColumn> => {
  const numbers = (values: Float64Array): ComparedColumn => {
    const sorted = values.filter((v) => !Number.isNaN(v)).sort();
    return { kind: "numbers", sorted, missing: values.length - sorted.length };
  };
  const counts = new Map<string, number>();
  for (const index of table.colour.indices) {
    const name = table.colour.dictionary[index] ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return {
    price: numbers(table.price),
    stars: numbers(table.stars),
    colour: { kind: "names", counts, missing: 0 },
  };
};

const source = (name: string, table: Table): LendsColumns => {
  const columns = columnsOf(table);
  return { ...side(name), column: (feature) => Promise.resolve(columns[feature] ?? null) };
};
const side = (name: string): ComparedSide => ({
  name,
  digest: name,
  rows: ROWS,
  labelled: 0,
  positives: 0,
  from: null,
  to: null,
});

const compared = async (reference: LendsColumns, current: LendsColumns) => {
  const at = "2026-01-01T00:00:00Z";
  const profile = DRIFT_PROFILES.governance;
  const answer = await compare({ contract, profile, reference, current, joint: [], at });
  if (!answer.ok) throw new Error(answer.feature);
  return answer.report;
};

describe("compareColumns", () => {
  it("counts the codes that rows get", () => {
    const [before, after] = [draw(1, 0), draw(2, 2.5)];
    const encoding = freezeEncoding({ contract, contractDigest: "", dataset: "a", columns: before });
    const label = new Uint8Array(ROWS);
    const [reference, current] = [before, after].map((columns) => encodeFrozen({ columns, label }, encoding));
    Object.keys(contract.features).forEach((feature, at) => {
      const r = columnsOf(before)[feature];
      const c = columnsOf(after)[feature];
      if (r === undefined || c === undefined) throw new Error(feature);
      const evidence = compareColumns({ contract, feature, dataset: "a" }, r, c);
      const counted = (codes: Uint8Array | undefined): Float64Array => {
        const counts = new Float64Array(256);
        for (const code of codes ?? []) counts[code] = (counts[code] ?? 0) + 1;
        return counts;
      };
      expect(evidence.encoding).toEqual(encoding.features[at]);
      expect(evidence.reference).toEqual(counted(reference?.codes[at]));
      expect(evidence.current).toEqual(counted(current?.codes[at]));
    });
  });

  it("judges what is missing where the reference holds nothing else", () => {
    const nothing: ComparedColumn = { kind: "numbers", sorted: new Float64Array(0), missing: 500 };
    const full: ComparedColumn = { kind: "numbers", sorted: new Float64Array(500).fill(3), missing: 0 };
    const evidence = compareColumns({ contract, feature: "stars", dataset: "a" }, nothing, full);
    const report = compareReport({
      contract,
      profile: DRIFT_PROFILES.governance,
      reference: side("a"),
      current: side("b"),
      features: [{ evidence, bars: { shape: "names", bars: [] } }],
      joint: [],
      at: "",
    });
    expect(report.summary.features[0]).toMatchObject({ stat_test: "z_two_proportion", status: "breach" });
  });
});

describe("a comparison", () => {
  it("finds nothing between a dataset and itself, exactly", async () => {
    const report = await compared(source("a", draw(1, 0)), source("b", draw(1, 0)));
    expect(report.summary).toMatchObject({ drift_share: 0, num_drifted_features: 0, max_score: 0 });
    expect(report.verdict).toBe("NO_ACTION");
  });

  it("ranks what moved first and keeps the summary's word", async () => {
    const report = await compared(source("a", draw(1, 0)), source("b", draw(2, 2.5)));
    const { summary, features } = report;
    expect(DriftSummary.parse(summary)).toEqual(summary);
    expect(features.map(({ feature }) => feature).sort()).toEqual(["colour", "price", "stars"]);
    expect(features.at(-1)?.feature).toBe("stars");
    expect(features.at(-1)?.rows[0]?.status).toBe("steady");
    expect(summary.drift_share).toBe(2 / 3);
    expect(summary.features).toHaveLength(summary.num_features_total);
    expect(reportText(report)).toMatch(/▲ drifted .*ks_d/);
  });

  it("says which column of a raw file broke the contract", async () => {
    const broken = { ...source("b", draw(2, 0)), column: () => Promise.resolve(null) };
    const at = "";
    const profile = DRIFT_PROFILES.psi;
    const answer = await compare({
      contract,
      profile,
      reference: source("a", draw(1, 0)),
      current: broken,
      joint: [],
      at,
    });
    expect(answer).toEqual({ ok: false, side: "current", feature: "price" });
  });
});

describe("the page", () => {
  it("needs no script and no request, escapes what data say, and is the same bytes again", async () => {
    const report = await compared(source("a<script>", draw(1, 0)), source("b", draw(2, 2.5)));
    const html = reportHtml(report);
    expect(html).not.toMatch(/<script|<link|https?:|url\(|@import|<img/i);
    expect(html).not.toContain("<b>red</b>");
    expect(html).toContain("prefers-color-scheme:dark");
    expect(html).toContain("@media print");
    expect(html.match(/<svg class="overlay"[^>]*role="img"/g)).toHaveLength(3);
    expect(html.match(/<desc>/g)).toHaveLength(3);
    expect(reportHtml(report)).toBe(html);
  });

  it("calls no dataset steady beside a feature that drifted", async () => {
    const [before, after] = [draw(1, 0), draw(2, 0)];
    const report = await compared(source("a", before), source("b", { ...after, price: draw(2, 2.5).price }));
    expect(report.verdict).toBe("RETRAIN_RECOMMENDED");
    const said = reportHtml(report).match(/<dl><dt>Dataset drift[\s\S]*?<\/dl>/)?.[0] ?? "";
    expect(said).toContain("no (threshold 50 % of features)");
    expect(said).toContain("retrain recommended");
    expect(said).not.toContain("steady");
  });

  it("puts every row in exactly one bar", () => {
    const [a, b] = [columnsOf(draw(1, 0)), columnsOf(draw(2, 40))];
    for (const [feature, spec] of Object.entries(contract.features)) {
      const [r, c] = [a[feature], b[feature]];
      if (r === undefined || c === undefined) throw new Error(feature);
      const { bars } = barsOf(spec, r, c);
      expect(bars.reduce((sum, bar) => sum + bar.reference, 0)).toBeCloseTo(1, 9);
      expect(bars.reduce((sum, bar) => sum + bar.current, 0)).toBeCloseTo(1, 9);
    }
  });

  it.each([13, 28, 29, 56, 57, 100, 1000])(
    "gives as many whole numbers to every bar: 0 to %i, each once, has no gap and no peak",
    (most) => {
      const sorted = Float64Array.from({ length: most + 1 }, (_, value) => value);
      const side = { kind: "numbers" as const, sorted, missing: 0 };
      const { bars } = barsOf({ kind: "continuous", min: 0, max: 1e6 }, side, side);
      const inner = bars.filter(({ label }) => label.includes(" to ")).map(({ reference }) => reference);
      expect(bars.reduce((sum, { reference }) => sum + reference, 0)).toBeCloseTo(1, 9);
      expect(inner.length).toBeLessThanOrEqual(28);
      expect(new Set(inner.slice(0, -1)).size).toBe(1);
      expect(inner.at(-1)).toBeGreaterThan(0);
    },
  );
});

describe("domainAuc", () => {
  const two = FeatureContract.parse({
    name: "pair",
    version: "1.0.0",
    label: { name: "y", positive: 1, negative: 0 },
    event_time: null,
    features: { x: { kind: "continuous", min: -99, max: 99 }, z: { kind: "continuous", min: -99, max: 99 } },
  });
  const pair = (seed: number, correlation: number) => {
    const next = seeded(seed);
    const gauss = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    const x = Float64Array.from({ length: 2000 }, gauss);
    const z = x.map((v) => correlation * v + Math.sqrt(1 - correlation ** 2) * gauss());
    return { x, z };
  };
  const judged = (correlation: number) => {
    const [before, after] = [pair(1, 0.9), pair(2, correlation)];
    const encoding = freezeEncoding({ contract: two, contractDigest: "", dataset: "a", columns: before });
    const codes = (columns: typeof before) =>
      encodeFrozen({ columns, label: new Uint8Array(2000) }, encoding).codes;
    return domainAuc(
      encoding,
      { reference: codes(before), current: codes(after) },
      { seed: 1, alpha: 1 / 30 },
    );
  };

  it("sees a correlation flip its sign while both marginals stay (TC-37)", () => {
    const flipped = judged(-0.9);
    expect(flipped.status).toBe("breach");
    expect(flipped.value).toBeGreaterThan(0.9);
  });

  it("sees nothing where nothing changed, and says too few rows rather than a value", () => {
    const same = judged(0.9);
    expect(same.status).toBe("steady");
    expect(Math.abs((same.value ?? 0) - 0.5)).toBeLessThan(0.04);
    const few = domainAuc(
      freezeEncoding({ contract: two, contractDigest: "", dataset: "a", columns: pair(1, 0) }),
      { reference: [new Uint8Array(199)], current: [new Uint8Array(500)] },
      { seed: 1, alpha: 0.05 },
    );
    expect(few).toMatchObject({ status: "insufficient", value: null });
  });
});
