// Adapter: the versions in memory. Loads verified bundles, warms them up and only then swaps the whole set in one assignment, so a
// request meets either the old or the new version and never none. A candidate that cannot be loaded never touches production; a
// promoted version that cannot be loaded leaves the one before it serving, and the generation shows it.
import { sha256Hex } from "../core/canonical.ts";
import { encodingDigest } from "../core/encode.ts";
import { compileEncoder } from "../core/row-encoder.ts";
import type { Explains } from "../core/training/explain.ts";
import { Explainer, compileExplainer } from "../core/training/explain.ts";
import type { ScoringSession, ServesModels, ServingModel } from "../ports-serving.ts";
import { createSession } from "./onnx.ts";
import type { LoadedBundle } from "./registry.ts";
import { startShadowChild } from "./shadow-child.ts";

/** What the ledger wants served of one model. */
export interface ServingTarget {
  readonly model: string;
  readonly promoted: string | null;
  readonly shadows: readonly string[];
}

export interface LoadFailure {
  readonly model: string;
  readonly version: string;
  readonly role: "production" | "shadow";
  readonly detail: string;
}

export interface ServingModels extends ServesModels {
  /** Brings the set to the targets of a ledger generation; calls queue up behind one another. Failures are told, never thrown. */
  apply(targets: readonly ServingTarget[], generation: number): Promise<readonly LoadFailure[]>;
  /** The ledger's head was read: its generation, just now. */
  confirmHead(generation: number): void;
  close(): Promise<void>;
}

export interface ServingModelsOptions {
  readonly registry: { load(model: string, version: string): Promise<LoadedBundle> };
  /** Which candidates score in their own process: those made elsewhere, or all. */
  readonly isolate: "external" | "all";
  /** A candidate's call without answer for this long ends its process; null under a replay clock. */
  readonly hangMs: number | null;
  readonly monotonicMs: () => number;
  /** A head not confirmed for this long is stale. */
  readonly staleMs?: number;
  /** A version no longer wanted is closed after this long: requests that met it are answered by then. */
  readonly retireMs?: number;
}

interface Loaded {
  readonly key: string;
  readonly serving: ServingModel;
}

interface ServingSet {
  readonly current: ReadonlyMap<string, Loaded>;
  readonly candidates: ReadonlyMap<string, readonly Loaded[]>;
  readonly views: ReadonlyMap<string, readonly ServingModel[]>;
  readonly known: ReadonlySet<string>;
  readonly names: readonly string[];
}

const EMPTY: ServingSet = {
  current: new Map(),
  candidates: new Map(),
  views: new Map(),
  known: new Set(),
  names: [],
};

export const createServingModels = (options: ServingModelsOptions): ServingModels => {
  const { staleMs = 10_000, retireMs = 10_000, monotonicMs } = options;
  let set = EMPTY;
  let loadedGeneration: number | null = null;
  let head: { generation: number; atMs: number } | null = null;
  let queue: Promise<unknown> = Promise.resolve();
  const retiring = new Set<NodeJS.Timeout>();

  const load = async (model: string, version: string, role: "production" | "shadow"): Promise<Loaded> => {
    const known = loadedOf(set).find(({ key }) => key === keyOf(model, version, role));
    if (known !== undefined) return known;
    const bundle = await options.registry.load(model, version);
    const { metadata, preprocessor, encoding, modelBytes } = bundle;
    const { definition: contract, digest } = preprocessor.contract;
    const spec = { feed: preprocessor.feed, positive: preprocessor.positive, features: encoding.features };
    const isolated = role === "shadow" && (options.isolate === "all" || metadata.family === "external");
    const session = isolated
      ? await startShadowChild({ bytes: modelBytes, spec }, { hangMs: options.hangMs })
      : await createSession(modelBytes, spec);
    const serving: ServingModel = {
      model,
      version,
      digest: sha256Hex(modelBytes),
      contract,
      contractDigest: digest,
      encoder: compileEncoder(contract, encoding),
      encodingDigest: encodingDigest(encoding),
      threshold: metadata.threshold,
      session,
      explain: explainsOf(preprocessor.explainer, encoding.features.length),
    };
    await warmUp(session, encoding.features.length);
    return { key: keyOf(model, version, role), serving };
  };

  const attempt = async (
    failures: LoadFailure[],
    model: string,
    version: string,
    role: "production" | "shadow",
  ): Promise<Loaded | null> => {
    try {
      return await load(model, version, role);
    } catch (error) {
      failures.push({ model, version, role, detail: error instanceof Error ? error.message : String(error) });
      return null;
    }
  };

  const apply = async (
    targets: readonly ServingTarget[],
    generation: number,
  ): Promise<readonly LoadFailure[]> => {
    const failures: LoadFailure[] = [];
    const current = new Map<string, Loaded>();
    const candidates = new Map<string, readonly Loaded[]>();
    for (const { model, promoted, shadows } of targets) {
      const before = set.current.get(model);
      const next = promoted === null ? null : await attempt(failures, model, promoted, "production");
      const serving = next ?? (promoted === null ? undefined : before);
      if (serving !== undefined) current.set(model, serving);
      const wanted = shadows.filter((version) => version !== promoted);
      const tried = await Promise.all(wanted.map((version) => attempt(failures, model, version, "shadow")));
      candidates.set(
        model,
        tried.filter((one) => one !== null),
      );
    }
    const previous = set;
    set = {
      current,
      candidates,
      views: new Map([...candidates].map(([model, list]) => [model, list.map((one) => one.serving)])),
      known: new Set(targets.map((target) => target.model)),
      names: [...current.keys()].sort(),
    };
    if (failures.every((failure) => failure.role === "shadow")) loadedGeneration = generation;
    retire(previous);
    return failures;
  };

  const retire = (previous: ServingSet): void => {
    const kept = new Set(loadedOf(set).map(({ serving }) => serving.session));
    for (const { serving } of loadedOf(previous)) {
      if (kept.has(serving.session)) continue;
      const timer = setTimeout(() => {
        retiring.delete(timer);
        void serving.session.close();
      }, retireMs);
      timer.unref();
      retiring.add(timer);
    }
  };

  return {
    current: (model) => {
      const now = set;
      const name = model ?? (now.names.length === 1 ? now.names[0] : undefined);
      return name === undefined ? null : (now.current.get(name)?.serving ?? null);
    },
    candidates: (model) => set.views.get(model) ?? NONE,
    knows: (model) => set.known.has(model),
    names: () => set.names,
    generation: () => {
      const ageMs = head === null ? null : monotonicMs() - head.atMs;
      return {
        loaded: loadedGeneration,
        head: head?.generation ?? null,
        stale: ageMs === null || ageMs > staleMs,
        ageS: ageMs === null ? null : Math.round(ageMs) / 1000,
      };
    },
    apply: (targets, generation) => {
      const next = queue.then(() => apply(targets, generation));
      queue = next.catch(() => undefined);
      return next;
    },
    confirmHead: (generation) => {
      head = { generation, atMs: monotonicMs() };
    },
    close: async () => {
      await queue;
      for (const timer of retiring) clearTimeout(timer);
      const last = set;
      set = EMPTY;
      await Promise.all(loadedOf(last).map(({ serving }) => serving.session.close()));
    },
  };
};

/** What explains the version's margins; null where the bundle says nothing that this house reads. */
const explainsOf = (written: unknown, features: number): Explains | null => {
  const read = Explainer.safeParse(written);
  return read.success ? compileExplainer(read.data, features) : null;
};

const NONE: readonly ServingModel[] = [];

const keyOf = (model: string, version: string, role: string): string => `${model}@${version}/${role}`;

const loadedOf = (set: ServingSet): readonly Loaded[] => [
  ...set.current.values(),
  ...[...set.candidates.values()].flat(),
];

/** First calls are slow (allocation, kernels); a request should not be the one to pay, and a broken graph shows here. */
const warmUp = async (session: ScoringSession, width: number): Promise<void> => {
  for (const n of [1, 16, 64]) await session.run(new Float32Array(n * width), n);
};
