// Core: problem documents (RFC 9457), the one shape of every error the api gives. They say where and what was expected; they
// never repeat a value a client sent.
import type { FieldError, Problem } from "../../contracts/api.ts";

/** Every kind of problem the api knows: its status and its title. The key ends the `type` URN. */
export const PROBLEMS = {
  "not-json": { status: 400, title: "The body is not JSON" },
  "bad-request": { status: 400, title: "The request cannot be read" },
  unauthenticated: { status: 401, title: "A valid key is required" },
  forbidden: { status: 403, title: "The key's role does not allow this" },
  "not-found": { status: 404, title: "No such route" },
  "unknown-model": { status: 404, title: "No such model" },
  "unknown-thing": { status: 404, title: "No such thing" },
  "method-not-allowed": { status: 405, title: "The route has no such method" },
  "request-timeout": { status: 408, title: "The request came too slowly" },
  "ledger-moved": { status: 409, title: "The ledger is at another generation" },
  "version-not-promoted": { status: 409, title: "The version is not the promoted one" },
  "clock-moves-forward": { status: 409, title: "Event time only moves forward" },
  "too-large": { status: 413, title: "The body is too large" },
  "not-json-type": { status: 415, title: "The content type is not supported" },
  "contract-violation": { status: 422, title: "The request breaks the feature contract" },
  "invalid-body": { status: 422, title: "The body has the wrong shape" },
  "invalid-query": { status: 422, title: "The query has the wrong shape" },
  refused: { status: 422, title: "A rule refuses this" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "header-too-large": { status: 431, title: "The headers are too large" },
  "model-failed": { status: 500, title: "The model gave no probability" },
  internal: { status: 500, title: "The server failed" },
  unavailable: { status: 503, title: "A store cannot be read" },
  "no-model": { status: 503, title: "No promoted model is loaded" },
  overloaded: { status: 503, title: "The server is at its limit" },
  "not-durable": { status: 503, title: "The event could not be made durable" },
} as const satisfies Record<string, { status: number; title: string }>;
export type ProblemKind = keyof typeof PROBLEMS;

/** Media type of a problem document. */
export const PROBLEM_TYPE = "application/problem+json";

/** Makes the problem document of a kind. */
export const problem = (kind: ProblemKind, detail: string, errors?: readonly FieldError[]): Problem => ({
  type: `urn:flyball:problem:${kind}`,
  title: PROBLEMS[kind].title,
  status: PROBLEMS[kind].status,
  detail,
  ...(errors === undefined ? {} : { errors: errors.map(({ path, message }) => ({ path, message })) }),
});
