// Stage: evidence. Gathers what is known about one closed decision window, as of its end, for whoever asks the policy: the decide stage,
// or a simulation over HTTP. Both see the same evidence because both look here. Writes nothing.
import type { ServiceConfig } from "../../contracts/config.ts";
import type { Evidence, Paired } from "../../contracts/evidence.ts";
import type { ModelState, Quarantine } from "../../contracts/governance.ts";
import { ALL, type Snapshot, type WindowFlag } from "../../contracts/snapshot.ts";
import { durationMs } from "../core/duration.ts";
import {
  maturedWindows,
  outsideQuarantine,
  pairedOf,
  realisedOf,
  roundedDrift,
  withCycles,
} from "../core/evidence.ts";
import type { ReadyPolicy } from "../core/policy.ts";
import { isoOf, windowStart } from "../core/time.ts";
import { compareVersions } from "../core/version.ts";
import type {
  Bundle,
  DecisionRecord,
  KeepsMeasures,
  KeepsSnapshots,
  ReadsRegistry,
  ReadsTraffic,
} from "../ports.ts";

export interface EvidencePorts {
  readonly traffic: Pick<ReadsTraffic, "models">;
  readonly snapshots: Pick<KeepsSnapshots, "latest">;
  readonly measures: Pick<KeepsMeasures, "drift" | "performance" | "pairs" | "trust">;
  readonly registry: ReadsRegistry;
}

export interface EvidenceOptions {
  readonly windows: ServiceConfig["windows"];
  readonly clock: ServiceConfig["clock"];
  readonly training: ServiceConfig["training"];
  readonly policy: ReadyPolicy;
}

export interface DecisionWindow {
  readonly model: string;
  readonly startMs: number;
  readonly endMs: number;
  /** As of when evidence is read: the window's end and the lateness, whatever the wall says. */
  readonly nowMs: number;
}

/** The window after the last decided one, closed or not. */
export const nextWindow = (
  windows: ServiceConfig["windows"],
  by: { readonly model: string; readonly firstMs: number; readonly last: DecisionRecord | null },
): DecisionWindow => {
  const sizeMs = durationMs(windows.decide);
  const startMs =
    by.last === null ? windowStart(by.firstMs, sizeMs) : Date.parse(by.last.decision.window_end);
  const endMs = startMs + sizeMs;
  return { model: by.model, startMs, endMs, nowMs: endMs + durationMs(windows.allowed_lateness) };
};

/** Whether the state a decision leaves is the one that stands: the next must not be made before. */
export const isCarriedOut = ({ decision }: DecisionRecord, { executedThrough }: ModelState): boolean =>
  executedThrough !== null && Date.parse(executedThrough) >= Date.parse(decision.window_end);

/**
 * Loads all a decision about a closed window may look at; what cannot be loaded rejects, and the look is tried again. Outcomes count that have
 * matured by the window's end, not within the lateness after it: a look in time has measured no more, so one that catches up sees no more.
 */
export const gatherEvidence = async (
  ports: EvidencePorts,
  options: EvidenceOptions,
  window: DecisionWindow,
  governance: ModelState,
): Promise<Evidence> => {
  const { model } = window;
  const size = options.windows.decide;
  const production = await ports.registry.bundle(model, governance.promoted ?? "");
  const contract = production.preprocessor.contract.definition;
  const horizonMs = durationMs(contract.label_maturity.horizon);
  const span = { startMs: window.startMs, endMs: window.endMs };
  const [snapshots, drift, performance, trust] = await Promise.all([
    ports.snapshots.latest({ model, size, span }),
    driftOf(ports, options, window, governance),
    performanceOf(ports, options, window, governance),
    ports.measures.trust({ model, size, windowStartMs: window.startMs }),
  ]);
  const shadow = (version: string | null, since: string | null) =>
    version === null || since === null
      ? null
      : shadowOf(ports, options, window, { governance, production, version, since, horizonMs });
  const [candidate, standby] = await Promise.all([
    shadow(governance.candidate, recordOf(governance, governance.candidate)?.shadowSince ?? null),
    shadow(governance.standby, recordOf(governance, governance.standby)?.since ?? null),
  ]);
  const mine = snapshots.filter((s) => s.role === "production");
  return {
    v: 1,
    model,
    now: isoOf(window.nowMs),
    clock: options.clock,
    window: {
      size,
      start: isoOf(window.startMs),
      end: isoOf(window.endMs),
      snapshots: snapshots.map(({ version, role, revision, digest }) => ({
        version,
        role,
        revision,
        digest,
      })),
      volume: total(mine, (s) => s.volume),
      ok: total(mine, (s) => s.ok),
      invalid: total(mine, (s) => s.invalid),
      flags: flagsOf(mine),
    },
    drift: drift.rows,
    performance: performance.newest,
    performance_span: performance.span,
    estimated: performance.estimated,
    trust: trust === null ? null : Math.round(trust * 1e9) / 1e9,
    baseline: recordOf(governance, governance.promoted)?.baseline ?? null,
    matured_windows: maturedWindows(governance.quarantines, drift.since, {
      nowMs: window.endMs,
      sizeMs: window.endMs - window.startMs,
      horizonMs,
    }),
    trainable_rows: performance.trainable,
    candidate,
    standby,
    waiting: waitingOf(governance),
    faults: [],
  };
};

const recordOf = (governance: ModelState, version: string | null) =>
  version === null ? undefined : governance.versions[version];

const total = (snapshots: readonly Snapshot[], pick: (s: Snapshot) => number): number =>
  snapshots.reduce((sum, s) => sum + pick(s), 0);

const flagsOf = (snapshots: readonly Snapshot[]): WindowFlag[] => {
  const flags = [...new Set(snapshots.flatMap((s) => s.flags))].sort();
  return total(snapshots, (s) => s.volume) === 0 ? [...flags, "empty"] : flags;
};

/** The newest version still waiting to shadow. */
const waitingOf = (governance: ModelState): string | null =>
  Object.values(governance.versions)
    .filter((record) => record.state === "TRAINING")
    .map((record) => record.version)
    .sort(compareVersions)
    .at(-1) ?? null;

/** Drift of the window by the serving version's snapshot, longer cycles included, and of all windows since the oldest open quarantine. */
const driftOf = async (
  ports: EvidencePorts,
  options: EvidenceOptions,
  window: DecisionWindow,
  governance: ModelState,
) => {
  const { model } = window;
  const size = options.windows.decide;
  const open = governance.quarantines
    .filter((q) => q.kind === "drift" && !q.released)
    .map((q) => Date.parse(q.windowStart));
  const sinceMs = Math.min(window.startMs, ...open);
  const since = await ports.measures.drift({ model, size, span: { startMs: sinceMs, endMs: window.endMs } });
  const own = since.filter((r) => r.windowStartMs === window.startMs);
  const serving = own.find((r) => r.version === governance.promoted) ?? own[0];
  const longer = await Promise.all(
    options.windows.sizes
      .filter((other) => durationMs(other) > durationMs(size) && window.endMs % durationMs(other) === 0)
      .map((other) =>
        ports.measures.drift({
          model,
          size: other,
          span: { startMs: window.endMs - durationMs(other), endMs: window.endMs },
        }),
      ),
  );
  const cycles = longer.flat().flatMap((r) => r.rows);
  return { rows: roundedDrift(withCycles(serving?.rows ?? [], cycles)), since };
};

const performanceOf = async (
  ports: EvidencePorts,
  options: EvidenceOptions,
  window: DecisionWindow,
  governance: ModelState,
) => {
  const { model } = window;
  const size = options.windows.decide;
  const reachMs = Math.max(durationMs(options.policy.performance.span), durationMs(options.training.span));
  const rows = (
    await ports.measures.performance({
      model,
      size,
      span: { startMs: window.endMs - reachMs, endMs: window.endMs },
      scope: ALL,
    })
  ).filter((row) => row.role === "production" && row.maturedAtMs <= window.endMs);
  const realised = outsideQuarantine(
    rows.filter((row) => row.kind === "realised"),
    governance.quarantines,
  );
  const serving = realised
    .filter((row) => row.version === governance.promoted)
    .sort((a, b) => b.windowStartMs - a.windowStartMs);
  const newest = serving[0];
  const inSpan = serving.filter(
    (row) => row.windowStartMs >= window.endMs - durationMs(options.policy.performance.span),
  );
  const span = realisedOf(inSpan);
  const newestSum = newest === undefined ? null : realisedOf([newest]);
  const estimate = rows.find(
    (row) =>
      row.kind === "estimated" && row.windowStartMs === window.startMs && row.version === governance.promoted,
  );
  const round = (value: number | null) => (value === null ? null : Math.round(value * 1e9) / 1e9);
  return {
    newest:
      newest === undefined || newestSum === null
        ? null
        : {
            window_start: isoOf(newest.windowStartMs),
            window_end: isoOf(newest.windowStartMs + durationMs(size)),
            ...newestSum,
          },
    span: span === null ? null : { windows: inSpan.length, ...span },
    estimated:
      estimate === undefined
        ? null
        : {
            accuracy: round(estimate.metrics.accuracy),
            f1: round(estimate.metrics.f1),
            valid: estimate.valid,
            reason: estimate.detail,
          },
    trainable: realised
      .filter((row) => row.windowStartMs >= window.endMs - durationMs(options.training.span))
      .reduce((sum, row) => sum + row.labelled, 0),
  };
};

const shadowOf = async (
  ports: EvidencePorts,
  options: EvidenceOptions,
  window: DecisionWindow,
  by: { governance: ModelState; production: Bundle; version: string; since: string; horizonMs: number },
): Promise<Paired> => {
  const { governance, production, version, since } = by;
  const size = options.windows.decide;
  const sizeMs = durationMs(size);
  const quarantines: readonly Quarantine[] = governance.quarantines;
  // Only whole windows: in the one in which it began to shadow, earlier requests had no twin through no fault of its own.
  const startMs = Math.ceil(Date.parse(since) / sizeMs) * sizeMs;
  const span = { startMs: Math.min(startMs, window.endMs), endMs: window.endMs };
  const stored = await ports.measures.pairs({ model: window.model, size, version, span });
  const rows = outsideQuarantine(stored, quarantines).filter(
    (row) =>
      row.productionVersion === production.metadata.version &&
      row.windowStartMs + sizeMs + by.horizonMs <= window.endMs,
  );
  return pairedOf(
    {
      version,
      digest: governance.versions[version]?.digest ?? "",
      productionVersion: production.metadata.version,
      productionDigest: production.metadata.model_digest,
      productionThreshold: production.metadata.threshold,
      since,
      wealth:
        options.policy.candidate.evidence.method === "row_tempered" ||
        options.policy.watch.harm.method === "row_tempered",
    },
    rows,
  );
};
