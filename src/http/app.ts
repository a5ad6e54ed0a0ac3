// Stage room: the api. One Hono app is the truth for every route; POST /api/v1/predict has a second, faster door at node level
// that gives the same answers from the same function. Deny by default: what routes.ts does not list is not reachable. Opens no
// port and starts no timer by itself: serve.ts does.
import { Hono } from "hono";
import type { Context } from "hono";
import { PROBLEM_TYPE } from "../core/problem.ts";
import { problem } from "../core/problem.ts";
import type { Problem } from "../../contracts/api.ts";
import type { Log } from "../ports.ts";
import type {
  Guard,
  MakesIds,
  PublishesEvents,
  ServesModels,
  ServingClock,
  WallTime,
} from "../ports-serving.ts";
import { allowedOf, guardRoutes } from "./admission.ts";
import { answerJson, answerProblem, readJsonBytes, readJsonText } from "./body.ts";
import { advanceClock, readClock } from "./clock.ts";
import { createEntries } from "./entries.ts";
import { createEventRows } from "./event-rows.ts";
import { takeLabels } from "./labels.ts";
import { createMetrics } from "./metrics.ts";
import type { ServingMetrics } from "./metrics.ts";
import { takeMirrored } from "./mirror.ts";
import { docsPage, openApi } from "./openapi.ts";
import { createPlainBatchReader } from "./plain-batch.ts";
import { predictBatch } from "./predict-batch.ts";
import { createPredictor } from "./predict.ts";
import type { Predictor } from "./predict.ts";
import { wantsOf } from "./interpretation.ts";
import { ROUTES } from "./routes.ts";
import { scopedModels } from "./scope.ts";
import { createScorer } from "./scorer.ts";
import { createShadow } from "./shadow.ts";
import { v2Routes } from "./v2.ts";

export interface ServingDeps {
  readonly models: ServesModels;
  readonly publisher: PublishesEvents;
  readonly clock: ServingClock;
  readonly wall: WallTime;
  readonly ids: MakesIds;
  /** Null: no keys are configured; everyone who reaches the loopback address may do everything. */
  readonly guard: Guard | null;
  /** Hears of every prediction, at debug; absent: nobody does. */
  readonly log?: Pick<Log, "debug"> | null;
}

export interface AppOptions {
  readonly version: string;
  readonly bodyBytesMax: number;
  readonly pendingMax: number;
  readonly ticksMax: number;
  /** Where people reach the api; https makes cookies and answers stricter. */
  readonly publicUrl: string | null;
  readonly shadow: { readonly queueRowsMax: number; readonly timeoutMs: number; readonly lingerMs: number };
  /** Sub-apps of other rooms with their own full paths below `path`, and what they add to the OpenAPI paths. */
  readonly mounts: readonly {
    readonly path: string;
    readonly app: Hono;
    readonly openapi?: Record<string, unknown>;
  }[];
}

/** Everything left open here has a sensible bound. */
export const DEFAULTS: AppOptions = {
  version: "0.1.0",
  bodyBytesMax: 4 * 1024 * 1024,
  pendingMax: 16_384,
  ticksMax: 4,
  publicUrl: null,
  shadow: { queueRowsMax: 8192, timeoutMs: 1000, lingerMs: 10 },
  mounts: [],
};

export interface Api {
  readonly hono: Hono;
  readonly predictor: Predictor;
  readonly guard: Guard | null;
  readonly metrics: ServingMetrics;
  readonly wall: WallTime;
  readonly options: AppOptions;
  /** Tells the own partition how far event time is complete (`clock: wall`); called once a second by serve.ts. */
  heartbeat(): Promise<void>;
  /** Resolves once nothing is under way. */
  idle(): Promise<void>;
}

/** Builds the app on its ports. */
export const createApp = (deps: ServingDeps, given: Partial<AppOptions> = {}): Api => {
  const options = { ...DEFAULTS, ...given };
  const { models, publisher, clock, wall, ids } = deps;
  const metrics = createMetrics({ models, publisher });
  const rows = createEventRows(publisher.producer);
  const publishRows = createEntries({ publisher, wall, metrics });
  const shadow = createShadow({ models, publishRows, rows, clock, wall, metrics }, options.shadow);
  const scorer = createScorer({ publishRows, rows, shadow, clock, wall, metrics, log: deps.log ?? null });
  const predictor = createPredictor({ models, scorer, ids, clock, wall, metrics }, options);

  const idle = async (): Promise<void> => {
    while (predictor.oldestMs() !== Infinity || scorer.oldestMs() !== Infinity)
      await new Promise((resolve) => setImmediate(resolve));
    await shadow.idle();
  };
  const ready = (): boolean => {
    const state = publisher.state();
    return models.names().length > 0 && (state.durability !== "strict" || state.mode === "redis");
  };

  const hono = new Hono();
  hono.use(guardRoutes(deps.guard, ROUTES, { metrics, publicUrl: options.publicUrl }));
  hono.notFound(() => answerProblem(problem("not-found", "No route has this path.")));
  hono.onError(() => answerProblem(problem("internal", "The request could not be completed.")));

  hono.get("/healthz", (c) => c.json({ status: "ok" }));
  hono.get("/readyz", (c) => c.json(readiness(deps, ready()), ready() ? 200 : 503));
  hono.get("/metrics", async () => {
    const text = await metrics.registry.metrics();
    return new Response(text, { headers: { "content-type": metrics.registry.contentType } });
  });
  const document = openApi(
    options.version,
    ROUTES,
    Object.assign({}, ...options.mounts.map((m) => m.openapi ?? {})),
  );
  hono.get("/openapi.json", (c) => c.json(document));
  hono.get("/docs", (c) => c.html(docsPage(document)));

  const seenBy = (c: Context): ServesModels => scopedModels(models, allowedOf(c));

  /** A route that takes JSON text and gives a JSON body or a problem. */
  const jsonRoute = (
    path: string,
    status: number,
    run: (text: string, c: Context) => Promise<Outcome>,
  ): void => {
    hono.post(path, async (c) => {
      const text = await readJsonText(c, options.bodyBytesMax);
      const outcome = text.ok ? await run(text.body, c) : text;
      return outcome.ok ? answerJson(outcome.body, status) : answerProblem(outcome.problem);
    });
  };
  hono.post("/api/v1/predict", async (c) => {
    const text = await readJsonText(c, options.bodyBytesMax);
    if (!text.ok) {
      metrics.predicted(text.problem.status);
      return answerProblem(text.problem);
    }
    return new Promise<Response>((resolve) => {
      const reply = (status: number, body: string, retryAfterS?: number): void =>
        resolve(new Response(body, { status, headers: replyHeaders(status, retryAfterS) }));
      predictor.predict(
        text.body,
        wantsOf((name) => c.req.query(name)),
        reply,
        allowedOf(c),
      );
    });
  });
  const readPlain = createPlainBatchReader(ids);
  hono.post("/api/v1/predict/batch", async (c) => {
    const read = await readJsonBytes(c, options.bodyBytesMax);
    const outcome = read.ok
      ? await predictBatch({ models: seenBy(c), scorer, ids, clock, wall, readPlain }, read.body, {
          wants: wantsOf((name) => c.req.query(name)),
          rowsMax: options.pendingMax * 2,
        })
      : read;
    return outcome.ok ? answerJson(outcome.body) : answerProblem(outcome.problem);
  });
  jsonRoute("/api/v1/shadow", 202, (text, c) =>
    takeMirrored({ models: seenBy(c), shadow, rows, publishRows, ids, clock, metrics }, text),
  );
  jsonRoute("/api/v1/labels", 202, (text, c) =>
    takeLabels({ models: seenBy(c), publisher, clock, metrics }, text),
  );
  jsonRoute("/api/v1/clock", 200, (text) => advanceClock({ clock, publisher, idle }, text));
  hono.get("/api/v1/clock", async () => {
    const outcome = await readClock(clock);
    return outcome.ok ? answerJson(outcome.body) : answerProblem(outcome.problem);
  });
  hono.route(
    "/",
    v2Routes(
      { models, scorer, ids, clock, wall },
      {
        bodyBytesMax: options.bodyBytesMax,
        rowsMax: options.pendingMax * 2,
        version: options.version,
        ready,
      },
    ),
  );
  for (const mount of options.mounts) hono.route(mount.path, mount.app);

  return {
    hono,
    predictor,
    guard: deps.guard,
    metrics,
    wall,
    options,
    idle,
    heartbeat: async () => {
      if (clock.mode !== "wall") return;
      await publisher.watermark(
        Math.min(clock.now(), predictor.oldestMs(), scorer.oldestMs(), shadow.oldestMs()),
        "own",
      );
    },
  };
};

type Outcome =
  { readonly ok: true; readonly body: string } | { readonly ok: false; readonly problem: Problem };

/** Headers of a predict answer, the same at both doors. */
export const replyHeaders = (status: number, retryAfterS: number | undefined): Record<string, string> => ({
  "content-type": status < 400 ? "application/json" : PROBLEM_TYPE,
  ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
});

const readiness = ({ models, publisher }: ServingDeps, ready: boolean) => {
  const { loaded, stale, ageS } = models.generation();
  const state = publisher.state();
  const promoted = models.names().flatMap((name) => {
    const current = models.current(name);
    return current === null ? [] : [[name, current.version] as const];
  });
  return {
    ready,
    models: Object.fromEntries(promoted),
    generation: loaded,
    head: stale ? "stale" : "confirmed",
    age_s: ageS,
    publisher: state.mode,
    spool_bytes: state.spoolBytes,
    durability: state.durability,
  };
};
