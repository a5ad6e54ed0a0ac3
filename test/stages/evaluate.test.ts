// Offline evaluation: a clone, a memoriser and a model that pays for its average with one segment are refused, each for its own
// reason; a truly better model passes; rows a candidate learned from are refused before anything is scored.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BundleMetadata } from "../../contracts/bundle.ts";
import { FeatureContract } from "../../contracts/feature-contract.ts";
import { freezeEncoding } from "../../src/core/encode.ts";
import { metricsOf } from "../../src/core/performance.ts";
import { parsePolicy } from "../../src/core/policy.ts";
import { seeded } from "../../src/core/training/seeded.ts";
import { evaluate, type Contender } from "../../src/stages/evaluate.ts";

const contract = FeatureContract.parse({
  name: "loans",
  version: "1.0.0",
  label: { name: "y", positive: 1, negative: 0 },
  event_time: null,
  features: {
    income: { kind: "continuous", min: -99, max: 99 },
    region: { kind: "ordinal", values: [0, 1, 2] },
  },
  segments: [{ feature: "region", top: 3 }],
});
const ROWS = 20_000;

/** The law: logit p = 2·income, the same everywhere. */
const world = (seed: number) => {
  const next = seeded(seed);
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const income = Float64Array.from({ length: ROWS }, gauss);
  const region = Float64Array.from({ length: ROWS }, () => (next() < 0.7 ? 0 : next() < 0.5 ? 1 : 2));
  const label = Uint8Array.from(income, (x) => (next() < 1 / (1 + Math.exp(-2 * x)) ? 1 : 0));
  return { columns: { income, region }, label };
};
const seen = world(1);
const fresh = world(2);
const encoding = freezeEncoding({ contract, contractDigest: "", dataset: "seen", columns: seen.columns });

type Law = (income: number, region: number, row: number) => number;
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
/** Production: right in shape, but half of every answer is noise of its own. */
const noisy: Law = (income, _, row) => sigmoid(2 * income + 2.4 * Math.sin(row * 12.9898));

const contender = (
  law: Law,
  at: { version: string; dataset: string; from?: string; to?: string },
): Contender => {
  let row = 0;
  const metadata: BundleMetadata = {
    v: 1,
    model: "loans",
    version: at.version,
    family: "gradient-boosted-trees",
    created_at: "2026-01-01T00:00:00Z",
    seed: 1,
    contract: { name: "loans", version: "1.0.0", digest: "" },
    encoding_digest: "",
    threshold: 0.5,
    calibrator: "platt",
    parameters: {},
    provenance: {
      source: "frozen",
      dataset: at.dataset,
      test_dataset: null,
      from: at.from ?? null,
      to: at.to ?? null,
      rows: { fit: ROWS, calibrate: 0, test: 0 },
      split: "random",
      parent: null,
      training_id: null,
    },
    model_digest: at.version,
  };
  // A promise production no longer keeps on these rows: a better candidate may differ from it (`delta` is then only reported).
  const test = metricsOf(Uint8Array.of(1, 0, 1, 0), Float64Array.of(0.9, 0.1, 0.9, 0.1), 0.5);
  return {
    metadata,
    metrics: { test, calibration: null, importance: {} },
    encoding,
    latencyP95Ms: 1,
    session: {
      run: (vector, n) =>
        Promise.resolve(
          Float64Array.from({ length: n }, (_, k) => law(vector[2 * k] ?? 0, vector[2 * k + 1] ?? 0, row++)),
        ),
      close: () => Promise.resolve(),
    },
  };
};

const parsed = parsePolicy(
  readFileSync(new URL("../../config/policy.yaml", import.meta.url), "utf8"),
  "policy.yaml",
);
if (!parsed.ok) throw new Error("the policy does not parse");
const { policy } = parsed;

const judge = (candidate: Contender, rows = fresh, training: typeof seen | null = seen) =>
  evaluate({
    contract,
    rows: ROWS,
    ...rows,
    dataset: { digest: "fresh", from: null, to: null },
    production: contender(noisy, { version: "1.0.0", dataset: "seen" }),
    candidate,
    training: training === null ? null : { rows: ROWS, ...training },
    policy,
  });

const verdictOf = async (law: Law) => {
  const evaluated = await judge(contender(law, { version: "1.1.0", dataset: "seen" }));
  if (!evaluated.ok) throw new Error(evaluated.refused);
  return evaluated;
};

describe("evaluate", () => {
  it("passes a model that is better everywhere and leaves what needs time unjudged, saying so", async () => {
    const { verdict, paired } = await verdictOf((income) => sigmoid(2 * income));
    expect(verdict).toMatchObject({ result: "pass", because: [] });
    expect(paired.matured).toBe(ROWS);
    for (const name of ["cooldown", "stability", "evidence"])
      expect(verdict.gates.find(({ gate }) => gate === name)).toMatchObject({
        result: "not_evaluated",
        detail: expect.stringContaining("live traffic"),
      });
    for (const gate of verdict.gates) {
      expect(gate.unit).toBeTypeOf("string");
      if (gate.kind === "merit" && gate.result === "pass" && gate.gate !== "not_clone")
        expect(gate.value).not.toBeNull();
    }
  });

  it("refuses a clone although its digest is another", async () => {
    const { verdict } = await verdictOf(noisy);
    expect(verdict.result).toBe("fail");
    expect(verdict.because).toContain("not_clone");
  });

  it("refuses a memoriser (TC-05): it knows every row it has seen and is wrong, and sure, on others", async () => {
    const order = Array.from(seen.label.keys()).sort(
      (a, b) => (seen.columns.income[a] ?? 0) - (seen.columns.income[b] ?? 0),
    );
    const known = Float32Array.from(order, (row) => seen.columns.income[row] ?? NaN);
    /** The label of the row it has seen that is nearest from above. */
    const recalled: Law = (income) => {
      let [low, high] = [0, known.length - 1];
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((known[middle] ?? 0) < income) low = middle + 1;
        else high = middle;
      }
      return seen.label[order[low] ?? 0] === 1 ? 0.999 : 0.001;
    };
    const scored = ({ columns }: typeof seen) =>
      Float64Array.from(columns.income, (income) => recalled(Math.fround(income), 0, 0));
    expect(metricsOf(seen.label, scored(seen), 0.5).f1).toBeGreaterThan(0.999);
    const { verdict } = await verdictOf(recalled);
    expect(verdict.result).toBe("fail");
    expect(verdict.because).toEqual(["roc_auc", "pr_auc", "brier", "calibration"]);
    expect(verdict.because).not.toContain("not_clone");
  });

  it("refuses a better average that one segment pays for, naming the segment", async () => {
    const { verdict } = await verdictOf((income, region) =>
      sigmoid(region === 2 ? -1.5 - income / 4 : 2 * income),
    );
    expect(verdict.because).toEqual(["segments"]);
    expect(verdict.gates.find(({ gate }) => gate === "f1")).toMatchObject({ result: "pass" });
    expect(verdict.gates.find(({ gate }) => gate === "segments")?.detail).toContain("region=2");
    const fairer = await verdictOf((income) => sigmoid(2 * income));
    expect(fairer.verdict.because).not.toContain("segments");
  });

  it("counts a row without a probability as the candidate's error, never as no row", async () => {
    const { verdict, paired } = await verdictOf((income, _, row) =>
      row % 50 === 0 ? NaN : sigmoid(2 * income),
    );
    expect(paired.errors).toBe(ROWS / 50);
    expect(verdict.because).toEqual(["errors"]);
  });
});

describe("in-sample rows are refused (TC-05)", () => {
  const candidate = (at: { dataset: string; from?: string; to?: string }) =>
    contender((income) => sigmoid(2 * income), { version: "1.1.0", ...at });

  it("by digest, and by the rows themselves under another digest", async () => {
    expect(await judge(candidate({ dataset: "fresh" }))).toMatchObject({ ok: false, refused: "in_sample" });
    expect(await judge(candidate({ dataset: "seen" }), seen)).toMatchObject({
      ok: false,
      refused: "in_sample",
    });
    const half = {
      columns: {
        income: Float64Array.from(fresh.columns.income, (x, row) =>
          row % 5 === 0 ? (seen.columns.income[row] ?? 0) : x,
        ),
        region: Float64Array.from(fresh.columns.region, (x, row) =>
          row % 5 === 0 ? (seen.columns.region[row] ?? 0) : x,
        ),
      },
      label: Uint8Array.from(fresh.label, (y, row) => (row % 5 === 0 ? (seen.label[row] ?? 0) : y)),
    };
    expect(await judge(candidate({ dataset: "seen" }), half)).toMatchObject({ refused: "in_sample" });
  });

  it("by time where the rows are gone, and says `unknown` where neither is left", async () => {
    const spanned = await evaluate({
      contract,
      rows: ROWS,
      ...fresh,
      dataset: { digest: "fresh", from: "2026-02-01T00:00:00Z", to: "2026-03-01T00:00:00Z" },
      production: contender(noisy, { version: "1.0.0", dataset: "seen" }),
      candidate: candidate({ dataset: "gone", from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z" }),
      training: null,
      policy,
    });
    expect(spanned).toMatchObject({ ok: false, refused: "in_sample" });
    const unknown = await judge(candidate({ dataset: "gone" }), fresh, null);
    expect(unknown.ok && unknown.provenance.seen).toBe("unknown");
  });
});
