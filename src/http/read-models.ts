// Stage room: the models and their versions as people read them: what serves, what shadows, what comes next, and every bundle with its
// metrics, lineage and digests. Reads the ledger, the registry and the newest decisions; changes nothing.
import type { Hono } from "hono";
import { ALIAS, type LedgerState, type ModelState } from "../../contracts/governance.ts";
import type {
  DecisionItem,
  ModelItem,
  ModelsAnswer,
  OpenWindow,
  TrendPoint,
  VersionDetail,
  VersionItem,
} from "../../contracts/read.ts";
import { durationMs } from "../core/duration.ts";
import { Fault } from "../core/fault.ts";
import { modelOf, versionOf } from "../core/governance-state.ts";
import { alternatives } from "../core/nearest.ts";
import { modelCard } from "../core/model-card.ts";
import { outlookOf } from "../core/outlook.ts";
import { snakeCased } from "../core/snake-case.ts";
import { isoOf, windowStart } from "../core/time.ts";
import { compareVersions, parseVersion } from "../core/version.ts";
import type { Bundle, KeepsLedger, ReadsRegistry } from "../ports.ts";
import type { ReadsForPeople, VerifiesBundles } from "../ports-reading.ts";
import { refuseWith } from "./body.ts";
import { answer, notIn, readApp, unknown } from "./read-page.ts";

export interface ModelsPorts {
  readonly ledger: Pick<KeepsLedger, "state" | "sealed">;
  readonly registry: ReadsRegistry;
  readonly bundles: VerifiesBundles;
  readonly lists: ReadsForPeople;
  readonly clock: "wall" | "replay";
  /** The window size that decides. */
  readonly size: string;
  /** How long a window waits for late rows before it is decided. */
  readonly latenessMs: number;
  now(): Promise<number>;
}

const DAY_MS = 86_400_000;
const TREND_DAYS = 30;

/** Routes of models and versions. */
export const modelRoutes = (ports: ModelsPorts): Hono => {
  const app = readApp();
  app.get("/api/v1/models", async () => answer(await overview(ports)));
  app.get("/api/v1/models/:model", async (c) => {
    const { model } = c.req.param();
    const { items, ...head } = await overview(ports, model);
    const item = items.find((one) => one.model === model);
    const state = await ports.ledger.state();
    if (item === undefined) return refuseWith("unknown-model", notIn(state, model, c));
    return answer({ ...head, ...item, governance: snakeCased(modelOf(state, model)) });
  });
  app.get("/api/v1/models/:model/versions", async (c) => {
    const { model } = c.req.param();
    const state = await ports.ledger.state();
    const versions = await versionsOf(ports, state, model);
    if (versions === null) return refuseWith("unknown-model", notIn(state, model, c));
    const known = modelOf(state, model);
    const items = await Promise.all(versions.map(async (one) => (await versionItem(ports, known, one)).item));
    return answer({ items, next_cursor: null });
  });
  app.get("/api/v1/models/:model/versions/:version", async (c) => {
    const { model, version } = c.req.param();
    const state = await ports.ledger.state();
    const versions = await versionsOf(ports, state, model);
    if (versions === null) return refuseWith("unknown-model", notIn(state, model, c));
    if (!versions.includes(version)) return unknown(noVersion(model, version, versions));
    return answer(await versionDetail(ports, modelOf(state, model), version));
  });
  app.get("/api/v1/models/:model/versions/:version/card", async (c) => {
    const { model, version } = c.req.param();
    const versions = (await versionsOf(ports, await ports.ledger.state(), model)) ?? [];
    if (!versions.includes(version)) return unknown(noVersion(model, version, versions));
    const read = await bundleOf(ports, model, version);
    if (!read.ok) return unknown(`The bundle cannot be read: ${read.fault.slice(0, 300)}`);
    const { preprocessor, ...bundle } = read.bundle;
    return new Response(modelCard({ ...bundle, contract: preprocessor.contract.definition }), {
      headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
    });
  });
  return app;
};

const noVersion = (model: string, version: string, known: readonly string[]): string =>
  `${model.slice(0, 80)} has no version ${version.slice(0, 40)}${alternatives(version, known)}`;

/** All models, or one of them: the months of the others are not read then. */
const overview = async (ports: ModelsPorts, only: string | null = null): Promise<ModelsAnswer> => {
  const nowMs = await ports.now();
  const span = { startMs: Math.max(0, nowMs - TREND_DAYS * DAY_MS), endMs: nowMs + DAY_MS };
  const sizeMs = durationMs(ports.size);
  const sinceMs = windowStart(Math.max(0, nowMs - ports.latenessMs), sizeMs);
  const [state, sealed, trends, last, open] = await Promise.all([
    ports.ledger.state(),
    ports.ledger.sealed(),
    ports.lists.trends({ model: only, size: ports.size, span }),
    ports.lists.lastDecisions(),
    ports.lists.open({ model: only, span: { startMs: sinceMs, endMs: sinceMs + sizeMs } }),
  ]);
  return {
    now: isoOf(nowMs),
    clock: ports.clock,
    generation: state.generation,
    seq: state.seq,
    sealed: sealed.seq,
    items: Object.values(state.models)
      .filter(({ model }) => only === null || model === only)
      .sort((a, b) => (a.model < b.model ? -1 : 1))
      .map((model) =>
        modelItem(
          model,
          trends.filter((point) => point.model === model.model).map(({ model: _, ...point }) => point),
          last.find((decision) => decision.model === model.model) ?? null,
          {
            since: isoOf(sinceMs),
            due: isoOf(sinceMs + sizeMs + ports.latenessMs),
            requests: open.find((one) => one.model === model.model)?.requests ?? 0,
            newest: open.find((one) => one.model === model.model)?.newest ?? null,
          },
        ),
      ),
  };
};

const modelItem = (
  state: ModelState,
  trend: readonly TrendPoint[],
  last: DecisionItem | null,
  open: OpenWindow,
): ModelItem => ({
  model: state.model,
  promoted: state.promoted,
  candidate: state.candidate,
  standby: state.standby,
  state: wordFor(state),
  frozen: state.frozen,
  circuit: state.circuit,
  training: state.training?.trainingId ?? null,
  open_quarantines: state.quarantines.filter(({ released }) => !released).length,
  pending_commands: state.commands.filter(({ status }) => status === "pending").length,
  last_promotion_at: state.lastPromotionAt,
  trust: trend.findLast((point) => point.trust !== null)?.trust ?? null,
  trend: [...trend],
  open,
  last_decision: last,
  outlook: outlookOf(state, last, open.due),
});

/** One word for where a model is, the most pressing first. */
const wordFor = (state: ModelState): string => {
  if (state.frozen !== null) return "frozen";
  if (state.circuit === "open") return "circuit open";
  if (state.quarantines.some(({ released }) => !released)) return "quarantined";
  if (state.promoted === null) return "not promoted";
  if (state.training !== null) return "training";
  if (state.candidate !== null) return "shadowing";
  return state.standby === null ? "serving" : "watching";
};

/** Versions the ledger or the registry knows, newest first; null where neither knows the model. */
const versionsOf = async (
  ports: ModelsPorts,
  state: LedgerState,
  model: string,
): Promise<string[] | null> => {
  const booked = Object.keys(modelOf(state, model).versions);
  const kept = await ports.registry.versions(model).catch((cause: unknown) => {
    if (cause instanceof Fault && cause.kind === "poison") return [];
    throw cause;
  });
  const all = [...new Set([...booked, ...kept])].filter((version) => parseVersion(version) !== null);
  if (all.length === 0 && !Object.hasOwn(state.models, model)) return null;
  return all.sort(compareVersions).reverse();
};

const versionItem = async (
  ports: ModelsPorts,
  state: ModelState,
  version: string,
): Promise<{ item: VersionItem; bundle: Bundle | null }> => {
  const record = versionOf(state, version);
  const read = await bundleOf(ports, state.model, version);
  const bundle = read.ok ? read.bundle : null;
  const item = {
    version,
    state: record?.state ?? null,
    alias: record === undefined ? "None" : ALIAS[record.state],
    digest: record?.digest ?? bundle?.metadata.model_digest ?? "",
    family: record?.family ?? bundle?.metadata.family ?? "",
    parent: record?.parent ?? bundle?.metadata.provenance.parent ?? null,
    since: record?.since ?? null,
    last_reason: record?.lastReason ?? "in the registry, not in the ledger yet",
    created_at: bundle?.metadata.created_at ?? null,
    metrics: bundle?.metrics.test ?? null,
    fault: read.ok ? null : read.fault,
  };
  return { item, bundle };
};

const versionDetail = async (
  ports: ModelsPorts,
  state: ModelState,
  version: string,
): Promise<VersionDetail> => {
  const [{ item, bundle }, { files }] = await Promise.all([
    versionItem(ports, state, version),
    ports.bundles.verify(state.model, version),
  ]);
  return {
    ...item,
    baseline: versionOf(state, version)?.baseline ?? null,
    metadata: bundle?.metadata ?? null,
    bundle_metrics: bundle?.metrics ?? null,
    contract: bundle?.preprocessor.contract ?? null,
    reference:
      bundle === null
        ? null
        : {
            n: bundle.reference.n,
            positives: bundle.reference.positives,
            from: bundle.reference.from,
            to: bundle.reference.to,
          },
    files: [...files],
  };
};

/** A bundle that cannot be read is shown with its fault, not hidden. */
const bundleOf = async (
  ports: ModelsPorts,
  model: string,
  version: string,
): Promise<{ ok: true; bundle: Bundle } | { ok: false; fault: string }> => {
  try {
    return { ok: true, bundle: await ports.registry.bundle(model, version) };
  } catch (cause) {
    return { ok: false, fault: cause instanceof Error ? cause.message : String(cause) };
  }
};
