// Stage room: POST /api/v1/decisions/simulate. What would be decided: about a model's next closed window, on a recorded decision's state, or
// on a state sent whole; under the deployment's policy or one sent along. For the same state the answer is the live decision's bytes.
import type { Hono } from "hono";
import { z } from "zod";
import { Decision, Memory } from "../../contracts/decision.ts";
import { canonicalJson } from "../core/canonical.ts";
import { parsePolicy, type ReadyPolicy } from "../core/policy.ts";
import { problem } from "../core/problem.ts";
import { simulateDecision, type SimulationPorts, type SimulationWish } from "../stages/simulate-decision.ts";
import type { EvidenceOptions } from "../stages/evidence.ts";
import { answerProblem, readJsonText, refuseWith } from "./body.ts";
import { answer, readApp, unknown } from "./read-page.ts";

export interface SimulateRoutePorts extends SimulationPorts {
  /** Windows and clocks of the deployment. */
  readonly simulation: Omit<EvidenceOptions, "policy">;
  /** The deployment's policy as its file says now. */
  policy(): ReadyPolicy;
}

/** A state sent whole may carry months of blocks. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

const SimulateBody = z
  .strictObject({
    model: z.string().max(200).optional(),
    decision_id: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "an id is 64 hex digits")
      .optional(),
    inputs: z
      .looseObject({ evidence: z.object({}), memory: z.object({}), governance: z.object({}) })
      .optional(),
    policy: z.string().optional(),
  })
  .refine(
    ({ model, decision_id: id, inputs }) =>
      [model, id, inputs].filter((one) => one !== undefined).length === 1,
    "name one of model, decision_id, inputs",
  );

const SimulateAnswer = z.strictObject({ decision: Decision, memory: Memory });

/** The route. */
export const simulateRoutes = (ports: SimulateRoutePorts): Hono => {
  const app = readApp();
  app.post("/api/v1/decisions/simulate", async (c) => {
    const text = await readJsonText(c, BODY_BYTES_MAX);
    if (!text.ok) return answerProblem(text.problem);
    const raw = jsonOf(text.body);
    if (raw === undefined) return refuseWith("not-json", "The body is not JSON.");
    const body = SimulateBody.safeParse(raw);
    if (!body.success) {
      const errors = body.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
      return answerProblem(problem("invalid-body", "Say what to simulate.", errors));
    }
    const policy = policyOf(ports, body.data.policy);
    if (policy instanceof Response) return policy;
    const wish = wishOf(body.data, raw);
    const simulated = await simulateDecision(ports, { ...ports.simulation, policy }, wish);
    if (simulated.ok) return answer({ decision: simulated.decision, memory: simulated.memory });
    return simulated.code === "unknown" ? unknown(simulated.detail) : refuseWith("refused", simulated.detail);
  });
  return app;
};

/** The route in the OpenAPI document. */
export const simulatePath = (): Record<string, unknown> => ({
  "/api/v1/decisions/simulate": {
    post: {
      summary: "What would be decided for a state; keeps and moves nothing.",
      requestBody: { content: { "application/json": { schema: z.toJSONSchema(SimulateBody) } } },
      responses: {
        "200": {
          description: "The decision, as it would be stored",
          content: { "application/json": { schema: z.toJSONSchema(SimulateAnswer) } },
        },
      },
    },
  },
});

const policyOf = (ports: SimulateRoutePorts, text: string | undefined): ReadyPolicy | Response => {
  if (text === undefined) return ports.policy();
  const parsed = parsePolicy(text, "policy");
  if (parsed.ok) return parsed.policy;
  const errors = parsed.errors.map(({ line, key, message }) => ({
    path: `policy:${line}${key === "" ? "" : `:${key}`}`,
    message,
  }));
  return answerProblem(problem("invalid-body", "The policy has mistakes.", errors));
};

/** The state is handed on as its canonical bytes: what hashed to a decision's digest must hash to it again. */
const wishOf = (body: z.infer<typeof SimulateBody>, raw: unknown): SimulationWish => {
  if (body.model !== undefined) return { kind: "next", model: body.model };
  if (body.decision_id !== undefined) return { kind: "recorded", id: body.decision_id };
  return { kind: "given", inputs: canonicalJson(Inputs.parse(raw).inputs) };
};

const Inputs = z.looseObject({ inputs: z.unknown() });

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
