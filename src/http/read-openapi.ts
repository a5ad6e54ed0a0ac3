// Stage room: the read side's part of the OpenAPI document, made from the same words that shape its answers.
import { z } from "zod";
import { LedgerEntry } from "../../contracts/governance.ts";
import * as read from "../../contracts/read.ts";
import { ModelReport, ReportItem } from "../../contracts/report.ts";

interface ReadRoute {
  readonly path: string;
  readonly summary: string;
  readonly answer: z.ZodType;
  readonly query?: readonly string[];
  readonly body?: z.ZodType;
}

const PAGE = ["cursor", "limit"];
const SPAN = ["size", "from", "to", ...PAGE];
const MODEL = "/api/v1/models/{model}";
const AuditReport = z.strictObject({
  ok: z.boolean(),
  entries: z.int(),
  head: z.strictObject({ seq: z.int(), hash: z.string() }).nullable(),
  unsealed: z.int().nullable(),
  checkpoints: z.int(),
  problems: z.array(z.strictObject({ where: z.string(), seq: z.int().nullable(), problem: z.string() })),
});

const ROUTES: readonly ReadRoute[] = [
  {
    path: "/api/v1/models",
    summary: "Every governed model, its last decision and what comes next.",
    answer: read.ModelsAnswer,
  },
  {
    path: MODEL,
    summary: "One model, with its governance state.",
    answer: read.ModelItem.extend({ governance: z.unknown() }),
  },
  { path: `${MODEL}/versions`, summary: "Versions, newest first.", answer: read.pageOf(read.VersionItem) },
  {
    path: `${MODEL}/versions/{version}`,
    summary: "One version: bundle, lineage, metrics, digests.",
    answer: read.VersionDetail,
  },
  {
    path: `${MODEL}/snapshots`,
    summary: "Counts of closed windows.",
    answer: read.pageOf(read.SnapshotItem),
    query: [...SPAN, "version", "role"],
  },
  {
    path: `${MODEL}/drift`,
    summary: "Drift statistics of closed windows.",
    answer: read.pageOf(read.DriftItem),
    query: [...SPAN, "version", "subject", "feature", "statistic", "status"],
  },
  {
    path: `${MODEL}/drift/map`,
    summary: "Judging statistics, features × time.",
    answer: read.DriftMap,
    query: ["size", "step", "from", "to"],
  },
  {
    path: `${MODEL}/drift/features/{feature}`,
    summary: "One feature in one window: reference and current histogram, every statistic.",
    answer: read.FeatureDrift,
    query: ["window_start", "size", "version"],
  },
  {
    path: `${MODEL}/performance`,
    summary: "Realised and estimated performance.",
    answer: read.pageOf(read.PerformanceItem),
    query: [...SPAN, "version", "role", "kind", "scope"],
  },
  {
    path: `${MODEL}/performance/calibration`,
    summary: "Predicted against observed.",
    answer: read.Calibration,
    query: ["version", "scope", "from", "to"],
  },
  {
    path: `${MODEL}/shadow`,
    summary: "Paired windows of shadows and production.",
    answer: read.pageOf(read.ShadowItem),
    query: [...SPAN, "version", "scope"],
  },
  {
    path: `${MODEL}/shadow/evidence`,
    summary: "Sequential evidence over time, differences of scores.",
    answer: read.ShadowEvidence,
    query: ["version"],
  },
  {
    path: `${MODEL}/decisions`,
    summary: "Decisions of a model, newest first.",
    answer: read.pageOf(read.DecisionItem),
    query: [...PAGE, "action"],
  },
  {
    path: `${MODEL}/decisions/{id}`,
    summary: "One decision with everything it stood on.",
    answer: read.DecisionDetail,
  },
  {
    path: "/api/v1/decisions",
    summary: "Decisions, newest first.",
    answer: read.pageOf(read.DecisionItem),
    query: [...PAGE, "model", "action"],
  },
  {
    path: "/api/v1/decisions/{id}",
    summary: "One decision with everything it stood on.",
    answer: read.DecisionDetail,
  },
  {
    path: "/api/v1/decisions/{id}/replay",
    summary: "The decision made again, its bytes compared.",
    answer: read.ReplayAnswer,
  },
  {
    path: "/api/v1/audit",
    summary: "Ledger entries, newest first.",
    answer: read.pageOf(LedgerEntry).extend({ head: z.int(), sealed: z.int() }),
    query: PAGE,
  },
  {
    path: "/api/v1/audit/verify",
    summary: "The chain recomputed and held against Redis and the checkpoints.",
    answer: AuditReport,
  },
  {
    path: "/api/v1/alerts",
    summary: "Alerts and their delivery.",
    answer: read.pageOf(read.AlertItem),
    query: [...PAGE, "model"],
  },
  {
    path: "/api/v1/labels/summary",
    summary: "Labels by day: conflicting and unknown ones counted.",
    answer: read.LabelsSummary,
    query: ["model", "from", "to"],
  },
  {
    path: `${MODEL}/reports`,
    summary: "Kept reports, newest day first.",
    answer: read.pageOf(ReportItem),
  },
  { path: `${MODEL}/reports/{day}`, summary: "The report of one day as it was kept.", answer: ModelReport },
  {
    path: "/api/v1/governance/{model}",
    summary: "Governance state and the generation to name in a command.",
    answer: z.strictObject({ generation: z.int(), seq: z.int(), governance: z.unknown() }),
  },
  {
    path: "/api/v1/governance/{model}/commands",
    summary: "Commands, newest first.",
    answer: read.pageOf(read.CommandItem),
  },
  {
    path: "/api/v1/governance/{model}/commands/{id}",
    summary: "How a command ended.",
    answer: read.CommandItem,
  },
  {
    path: "/api/v1/governance/{model}/approve",
    summary: "Approve a version for promotion, as someone else than its proposer. Needs the role approve.",
    answer: read.CommandRecorded,
    body: read.CommandBody,
  },
  {
    path: "/api/v1/governance/{model}/{command}",
    summary: "Record a command; it is carried out afterwards. 409 tells the ledger's generation.",
    answer: read.CommandRecorded,
    body: read.CommandBody,
  },
];

/** The OpenAPI paths of the read side and its commands. */
export const readPaths = (): Record<string, unknown> => ({
  ...Object.fromEntries(ROUTES.map((route) => [route.path, operationsOf(route)])),
  ...pageOf(`${MODEL}/versions/{version}/card`, "A version's model card."),
  ...pageOf(`${MODEL}/reports/{day}/page`, "The kept report of one day, as a page."),
  "/api/v1/events": {
    get: {
      summary: "News as server-sent events: ledger, decision, alert.",
      responses: { "200": { description: "A stream", content: { "text/event-stream": {} } } },
    },
  },
});

/** A page for people among answers for programs. */
const pageOf = (path: string, summary: string): Record<string, unknown> => ({
  [path]: {
    get: {
      summary,
      parameters: parametersOf(path, []),
      responses: {
        "200": { description: "A page without scripts", content: { "text/html": {} } },
        default: { $ref: "#/components/responses/Problem" },
      },
    },
  },
});

const parametersOf = (path: string, query: readonly string[]) => [
  ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: "path", required: true, schema: TEXT })),
  ...query.map((name) => ({ name, in: "query", required: false, schema: TEXT })),
];

const operationsOf = ({ path, summary, answer, query = [], body }: ReadRoute) => ({
  [body === undefined ? "get" : "post"]: {
    summary,
    parameters: parametersOf(path, query),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: schemaOf(body, "input") } },
          },
        }),
    responses: {
      [body === undefined ? "200" : "202"]: {
        description: "Done",
        content: { "application/json": { schema: schemaOf(answer, "output") } },
      },
      default: { $ref: "#/components/responses/Problem" },
    },
  },
});

const TEXT = { type: "string" };

const schemaOf = (word: z.ZodType, io: "input" | "output"): unknown => {
  const { $schema: _, ...schema } = z.toJSONSchema(word, { io, unrepresentable: "any" });
  return schema;
};
