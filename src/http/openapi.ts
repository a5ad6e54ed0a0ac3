// Stage room: the api's description of itself. OpenAPI 3.1 made from the zod words, so it cannot drift from what is checked, and a
// page without scripts for people to read it.
import { z } from "zod";
import * as api from "../../contracts/api.ts";
import { headOf } from "../core/report-style.ts";
import type { RouteRule } from "./routes.ts";

interface Operation {
  readonly method: RouteRule["method"];
  readonly path: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly answer?: z.ZodType;
  readonly status?: number;
  readonly query?: readonly string[];
}

const OPERATIONS: readonly Operation[] = [
  {
    method: "POST",
    path: "/api/v1/predict",
    summary: "Score one row. Answered only once its event is durable.",
    body: api.PredictRequest,
    answer: api.PredictAnswer,
    query: ["interpret", "explain"],
  },
  {
    method: "POST",
    path: "/api/v1/predict/batch",
    summary: "Score many rows; each gets its result or its problem.",
    body: api.BatchRequest,
    answer: api.BatchAnswer,
    query: ["interpret", "explain"],
  },
  {
    method: "POST",
    path: "/api/v1/shadow",
    summary: "Mirrored production traffic for the candidates.",
    body: api.PredictRequest,
    answer: api.ShadowAnswer,
    status: 202,
  },
  {
    method: "POST",
    path: "/api/v1/labels",
    summary: "Outcomes of earlier predictions.",
    body: api.LabelsRequest,
    answer: api.LabelsAnswer,
    status: 202,
  },
  {
    method: "POST",
    path: "/api/v1/clock",
    summary: "Advance event time (only under clock: replay).",
    body: api.ClockRequest,
    answer: api.ClockAnswer,
  },
  {
    method: "GET",
    path: "/api/v1/clock",
    summary: "Event time and how far the loop has settled.",
    answer: api.ClockAnswer,
  },
  {
    method: "POST",
    path: "/v2/models/{model}/infer",
    summary: "Open Inference Protocol V2.",
    body: api.V2Request,
    answer: api.V2Answer,
  },
  { method: "GET", path: "/v2", summary: "Open Inference Protocol V2: the server and its extensions." },
  { method: "GET", path: "/v2/health/live", summary: "V2: the process is alive." },
  { method: "GET", path: "/v2/health/ready", summary: "V2: the process can answer predictions." },
  ...["/v2/models/{model}", "/v2/models/{model}/versions/{version}"].flatMap((path): Operation[] => [
    { method: "GET", path, summary: "V2: inputs and outputs of the promoted version." },
    { method: "GET", path: `${path}/ready`, summary: "V2: the model answers predictions." },
  ]),
  {
    method: "POST",
    path: "/v2/models/{model}/versions/{version}/infer",
    summary: "V2, by that version only: 409 where another one is promoted.",
    body: api.V2Request,
    answer: api.V2Answer,
  },
  {
    method: "POST",
    path: "/api/v1/session",
    summary: "Prove a key ({key}) once; a cookie stands for it from then on.",
  },
  { method: "GET", path: "/api/v1/session", summary: "Who asks, and whether keys are configured." },
  { method: "DELETE", path: "/api/v1/session", summary: "End the session." },
  { method: "GET", path: "/metrics", summary: "Metrics in the text format of Prometheus." },
  { method: "GET", path: "/openapi.json", summary: "This description." },
  { method: "GET", path: "/docs", summary: "This description, as a page." },
  { method: "GET", path: "/healthz", summary: "The process is alive.", answer: api.Health },
  { method: "GET", path: "/readyz", summary: "The process can answer predictions.", answer: api.Readiness },
];

/** The OpenAPI document; `extra` holds the paths of mounted routes. */
export const openApi = (
  version: string,
  rules: readonly RouteRule[],
  extra: Readonly<Record<string, unknown>>,
) => {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(operation);
  }
  for (const rule of rules) {
    if (rule.path.includes("*")) continue;
    const path = rule.path.replaceAll(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[rule.method.toLowerCase()] ??= {
      summary: `Needs the role ${rule.role}.`,
      ...parametersOf(path, []),
      responses: { "200": { description: "Done" }, default: { $ref: "#/components/responses/Problem" } },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Flyball", version, description: "Predictions, shadows, labels and their governance." },
    paths: { ...paths, ...extra },
    components: {
      responses: {
        Problem: {
          description: "What went wrong (RFC 9457)",
          content: { "application/problem+json": { schema: schemaOf(api.Problem, "output") } },
        },
      },
      securitySchemes: { key: { type: "http", scheme: "bearer", bearerFormat: "fb_…" } },
    },
    security: [{ key: [] }],
  };
};

const schemaOf = (word: z.ZodType, io: "input" | "output"): unknown => {
  const { $schema: _, ...schema } = z.toJSONSchema(word, { io, unrepresentable: "any" });
  return schema;
};

const parametersOf = (path: string, query: readonly string[]) => {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const inQuery = query.map((name) => ({ name, in: "query", required: false, schema: { type: "boolean" } }));
  return inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] };
};

const describe = ({ path, summary, body, answer, status = 200, query = [] }: Operation) => ({
  summary,
  ...parametersOf(path, query),
  ...(body === undefined
    ? {}
    : {
        requestBody: { required: true, content: { "application/json": { schema: schemaOf(body, "input") } } },
      }),
  responses: {
    [String(status)]: {
      description: "Done",
      ...(answer === undefined
        ? {}
        : { content: { "application/json": { schema: schemaOf(answer, "output") } } }),
    },
    default: { $ref: "#/components/responses/Problem" },
  },
});

/** A page that lists every operation with its schemas. */
export const docsPage = (document: ReturnType<typeof openApi>): string => {
  const sections = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods ?? {}).map(([method, operation]) => {
      const title = `${method.toUpperCase()} ${path}`;
      return `<details><summary><code>${escape(title)}</code> ${escape(summaryOf(operation))}</summary><pre>${escape(JSON.stringify(operation, null, 2))}</pre></details>`;
    }),
  );
  return (
    headOf("Flyball api", STYLE, "served") +
    `<body><main><h1>Flyball api</h1><p>The machine-readable form is <a href="/openapi.json">/openapi.json</a>; <a href="/">the dashboard</a>.</p>${sections.join("")}</main></body></html>\n`
  );
};

const STYLE =
  ":root{color-scheme:light dark;--soft:light-dark(#f1f3f6,#1d2327);--quiet:light-dark(#5b6675,#a3adb5)}" +
  "body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:2rem auto;padding:0 1rem}" +
  "pre{overflow:auto;background:var(--soft);padding:1rem;font-size:.85rem}" +
  "summary{cursor:pointer;padding:.25rem 0;color:var(--quiet);overflow-wrap:anywhere}summary code{color:CanvasText;font-weight:600}";

const summaryOf = (operation: unknown): string => {
  const summary: unknown = Reflect.get(Object(operation), "summary");
  return typeof summary === "string" ? summary : "";
};

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
