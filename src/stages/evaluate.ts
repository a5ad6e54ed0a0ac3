// Stage: a candidate against production on the same labelled rows, through the sessions that would serve them, judged by every gate
// of the policy. Refuses to judge on rows the candidate learned from. Writes nothing; same rows, models and policy give the
// same gates (latency, which is measured, apart).
import type { BundleMetadata, BundleMetrics } from "../../contracts/bundle.ts";
import type { Paired } from "../../contracts/evidence.ts";
import type { Policy } from "../../contracts/policy.ts";
import { inSample, type Sighting } from "../core/in-sample.ts";
import { judgeOffline, type OfflineVerdict } from "../core/offline-gates.ts";
import { pairedOf } from "../core/offline-paired.ts";
import type { RowSource } from "../core/row-batches.ts";
import { segmentKeys } from "../core/segments.ts";
import type { ScoringSession } from "../ports-serving.ts";
import { scoreRows } from "./score.ts";

export interface Contender {
  readonly metadata: BundleMetadata;
  readonly metrics: BundleMetrics;
  readonly encoding: RowSource["encoding"];
  readonly session: ScoringSession;
  /** p95 of answering one row alone, ms; null where it was not measured. */
  readonly latencyP95Ms: number | null;
}

export interface EvaluateJob {
  readonly contract: RowSource["contract"];
  readonly rows: number;
  readonly columns: RowSource["columns"];
  readonly label: Uint8Array;
  readonly dataset: { readonly digest: string; readonly from: string | null; readonly to: string | null };
  readonly production: Contender;
  readonly candidate: Contender;
  /** The rows the candidate was trained on, null where they are not at hand. */
  readonly training: Pick<EvaluateJob, "rows" | "columns" | "label"> | null;
  readonly policy: Pick<Policy, "gates" | "candidate">;
  readonly onProgress?: (done: number, total: number) => void;
}

export type Evaluated =
  | { readonly ok: false; readonly refused: "in_sample" | "no_labels"; readonly detail: string }
  | {
      readonly ok: true;
      readonly verdict: OfflineVerdict;
      readonly paired: Paired;
      /** What is known of whether the candidate has seen these rows. */
      readonly provenance: Sighting;
    };

/** Judges a candidate; a refusal to judge is a value. */
export const evaluate = async (job: EvaluateJob): Promise<Evaluated> => {
  const { production, candidate, contract } = job;
  if (!job.label.some((label) => label <= 1))
    return { ok: false, refused: "no_labels", detail: "no row has a label" };
  const { digest, from, to } = job.dataset;
  const provenance = inSample(
    candidate.metadata.provenance,
    { digest, span: { from, to }, rows: job },
    job.training,
  );
  if (provenance.seen === "yes") return { ok: false, refused: "in_sample", detail: provenance.detail };
  const progress = (half: number) => (done: number) => job.onProgress?.(half * job.rows + done, 2 * job.rows);
  const ours = await scoreRows(
    production.session,
    { ...job, contract, encoding: production.encoding },
    progress(0),
  );
  const theirs = await scoreRows(
    candidate.session,
    { ...job, contract, encoding: candidate.encoding },
    progress(1),
  );
  const paired = pairedOf(
    {
      label: job.label,
      codes: ours.codes,
      segments: segmentKeys(contract, production.encoding),
      threshold: production.metadata.threshold,
      since: from ?? "",
    },
    sideOf(production, ours.scores),
    sideOf(candidate, theirs.scores),
  );
  return { ok: true, verdict: judgeOffline(paired, job.policy, production.metrics.test), paired, provenance };
};

const sideOf = ({ metadata, latencyP95Ms }: Contender, scores: Float64Array) => ({
  version: metadata.version,
  digest: metadata.model_digest,
  scores,
  latencyP95Ms,
});
