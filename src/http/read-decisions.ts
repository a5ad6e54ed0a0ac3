// Stage room: decisions with everything they stood on, their replay, the audit log and its proof, alerts and labels. A replay computes the
// decision again from its stored inputs and compares bytes; it writes nothing.
import type { Hono } from "hono";
import { z } from "zod";
import { UtcTime } from "../../contracts/api.ts";
import { Policy } from "../../contracts/policy.ts";
import { sha256Hex } from "../core/canonical.ts";
import { readyPolicy } from "../core/policy.ts";
import { replayDecision } from "../core/replay.ts";
import type { DecisionRecord, KeepsDecisions, KeepsLedger } from "../ports.ts";
import type { ReadsForPeople, ReadsLedger } from "../ports-reading.ts";
import { audit, type AuditPorts } from "../stages/audit.ts";
import { answer, answerPage, pagingOf, readApp, readList, readQuery, sliceOf, unknown } from "./read-page.ts";

export interface DecisionsPorts {
  readonly lists: ReadsForPeople;
  readonly decisions: Pick<KeepsDecisions, "byId">;
  readonly ledger: Pick<KeepsLedger, "state" | "sealed"> & ReadsLedger;
  readonly audit: AuditPorts;
  readonly size: string;
  now(): Promise<number>;
}

/** Routes of decisions, audit, alerts and labels. */
export const decisionRoutes = (ports: DecisionsPorts): Hono => {
  const app = readApp();
  const decisions = (model: string | undefined) => (c: Parameters<typeof readList>[0]) =>
    readList(c, model === undefined ? ["model", "action"] : ["action"], async (query, chosen) => {
      const by = {
        model: model ?? chosen["model"] ?? "",
        action: chosen["action"] ?? "",
        ...pagingOf(query),
      };
      return answerPage(await ports.lists.decisions(by), query.limit);
    });
  app.get("/api/v1/decisions", (c) => decisions(undefined)(c));
  app.get("/api/v1/models/:model/decisions", (c) => decisions(c.req.param("model"))(c));
  app.get("/api/v1/decisions/:id", async (c) => {
    const record = await recordOf(ports, c.req.param("id"));
    return record === null ? unknown("No decision has this id.") : answer(detailOf(record));
  });
  app.get("/api/v1/decisions/:id/replay", async (c) => {
    const record = await recordOf(ports, c.req.param("id"));
    return record === null ? unknown("No decision has this id.") : answer(replay(record));
  });
  app.get("/api/v1/models/:model/decisions/:id", async (c) => {
    const record = await recordOf(ports, c.req.param("id"));
    return record === null || record.decision.model !== c.req.param("model")
      ? unknown("The model has no decision with this id.")
      : answer(detailOf(record));
  });
  app.get("/api/v1/audit", (c) =>
    readQuery(c, AuditQuery, async ({ cursor, limit }) => answer(await entries(ports, cursor, limit))),
  );
  app.get("/api/v1/audit/verify", async () => answer(await audit(ports.audit)));
  app.get("/api/v1/alerts", (c) =>
    readList(c, ["model"], async (query, { model = "" }) =>
      answerPage(await ports.lists.alerts({ model, ...pagingOf(query) }), query.limit),
    ),
  );
  app.get("/api/v1/labels/summary", (c) =>
    readQuery(c, LabelsQuery, async ({ model = "", ...query }) => {
      const by = { model, size: ports.size, nowMs: await ports.now(), filters: {} };
      const { span } = sliceOf({ ...query, limit: 1 }, by);
      return answer({ items: await ports.lists.labels({ model, span }) });
    }),
  );
  return app;
};

const DIGEST = /^[0-9a-f]{64}$/;

const recordOf = async (ports: DecisionsPorts, id: string): Promise<DecisionRecord | null> =>
  DIGEST.test(id) ? ports.decisions.byId(id) : null;

const detailOf = (record: DecisionRecord) => ({
  decision: record.decision,
  memory: record.memory,
  inputs: parsed(record.inputsJson),
  policy: parsed(record.policyJson),
});

const parsed = (text: string): unknown => JSON.parse(text);

const replay = (record: DecisionRecord) => {
  const policy = readyPolicy(Policy.parse(parsed(record.policyJson)));
  const again = replayDecision({
    inputs: record.inputsJson,
    policy,
    rules_version: record.decision.rules_version,
  });
  return {
    id: record.decision.id,
    identical: again === record.decisionJson,
    stored_digest: sha256Hex(record.decisionJson),
    replayed_digest: sha256Hex(again),
  };
};

/** The audit log's cursor is a seq: entries below it are older. */
const AuditQuery = z.strictObject({
  cursor: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

/** Entries newest first; those above `sealed` are not copied yet. */
const entries = async ({ ledger }: DecisionsPorts, cursor: number | undefined, limit: number) => {
  const [state, sealed] = await Promise.all([ledger.state(), ledger.sealed()]);
  const before = Math.min(cursor ?? state.seq + 1, state.seq + 1);
  const after = Math.max(0, before - 1 - limit);
  const wanted = before - 1 - after;
  const items = wanted === 0 ? [] : [...(await ledger.read(after, wanted))].reverse();
  return { items, next_cursor: after === 0 ? null : String(after + 1), head: state.seq, sealed: sealed.seq };
};

const LabelsQuery = z.strictObject({
  model: z.string().max(200).optional(),
  from: UtcTime.optional(),
  to: UtcTime.optional(),
});
