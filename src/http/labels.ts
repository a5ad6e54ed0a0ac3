// Stage room: POST /api/v1/labels. Outcomes become label rows, durable before the 202; a bad one is rejected by its place in the
// list and spoils none of its neighbours. Whether a label meets a known request or contradicts an older one is found out when it
// is recorded, not here.
import { z } from "zod";
import { LABELS_MAX, LabelItem } from "../../contracts/api.ts";
import type { FieldError, Problem } from "../../contracts/api.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { clickHouseTime, createTimeWriter, labelRow } from "../core/event-row.ts";
import { problem } from "../core/problem.ts";
import type { PublishesEvents, ServesModels, ServingClock } from "../ports-serving.ts";
import type { ServingMetrics } from "./metrics.ts";
import { isObject, parseJson, resolveModel } from "./predict-request.ts";

export interface LabelDeps {
  readonly models: ServesModels;
  readonly publisher: PublishesEvents;
  readonly clock: ServingClock;
  readonly metrics: ServingMetrics;
}

interface Accepted {
  readonly requestId: string;
  readonly label: 0 | 1;
  readonly observedAt: string;
  readonly receivedAt: string;
  readonly source: string;
}

/** How far ahead of our clock an observation may lie before it is taken for a wrong clock. */
const AHEAD_MS_MAX = 5 * 60_000;

const Envelope = z.strictObject({
  model: z.string().optional(),
  labels: z.array(z.unknown()).min(1).max(LABELS_MAX),
});

/** Takes labels in; the answer is the 202's body, or the problem. */
export const takeLabels = async (
  { models, publisher, clock, metrics }: LabelDeps,
  text: string,
): Promise<{ ok: true; body: string } | { ok: false; problem: Problem }> => {
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed;
  const envelope = Envelope.safeParse(parsed.value);
  if (!envelope.success) return { ok: false, problem: wrongShape(parsed.value, envelope.error) };
  const found = resolveModel(models, envelope.data.model);
  if (!found.ok) return found;

  const { contract, model } = found.model;
  const now = clock.now();
  const read = labelReader({ contract, replay: clock.mode === "replay", now });
  const accepted: Accepted[] = [];
  const rejected: { index: number; errors: FieldError[] }[] = [];
  envelope.data.labels.forEach((item, index) => {
    const taken = read(item);
    if (taken.ok) accepted.push(taken.label);
    else rejected.push({ index, errors: taken.errors });
  });
  if (accepted.length > 0) {
    const durability = await publisher.publish("labels", accepted.length, (first) =>
      accepted
        .map((label, index) =>
          labelRow({ model, ...label, producer: publisher.producer, seq: first + index }),
        )
        .join(""),
    );
    metrics.published.inc({ stream: "labels", durability }, accepted.length);
    if (durability === "refused")
      return {
        ok: false,
        problem: problem("not-durable", "The labels could be stored nowhere; send them again."),
      };
  }
  metrics.labels.inc({ outcome: "accepted" }, accepted.length);
  metrics.labels.inc({ outcome: "rejected" }, rejected.length);
  return { ok: true, body: JSON.stringify({ accepted: accepted.length, rejected }) };
};

const SHAPE = '{"model"?, "labels": [{"request_id", "label", "observed_at"}]}';

/** One label that stands alone is the commonest slip, and is told how to go into the list. */
const wrongShape = (value: unknown, error: z.ZodError): Problem => {
  if (isObject(value) && !("labels" in value) && ("label" in value || "request_id" in value))
    return problem("invalid-body", `This is one label alone: put it into the list of ${SHAPE}.`, [
      { path: "labels", message: "expected a list of labels" },
    ]);
  return problem("invalid-body", `The body must be ${SHAPE}.`, fieldErrors(error));
};

type Read = { ok: true; label: Accepted } | { ok: false; errors: FieldError[] };

const labelReader = ({
  contract,
  replay,
  now,
}: {
  contract: FeatureContract;
  replay: boolean;
  now: number;
}) => {
  const time = createTimeWriter();
  const nowText = clickHouseTime(now);
  return (item: unknown): Read => {
    const parsed = LabelItem.safeParse(item);
    if (!parsed.success) return { ok: false, errors: fieldErrors(parsed.error) };
    const { request_id, observed_at, received_at, source } = parsed.data;
    const label = labelValue(contract, parsed.data.label);
    const observedMs = Date.parse(observed_at);
    const errors: FieldError[] = [];
    if (label === null)
      errors.push({
        path: "label",
        message: "expected the contract's positive or negative value, or 1 or 0",
      });
    if (received_at !== undefined && !replay)
      errors.push({ path: "received_at", message: "accepted only under clock: replay" });
    if (!replay && observedMs > now + AHEAD_MS_MAX)
      errors.push({ path: "observed_at", message: "lies more than five minutes in the future" });
    if (errors.length > 0 || label === null) return { ok: false, errors };
    return {
      ok: true,
      label: {
        requestId: request_id.toLowerCase(),
        label,
        observedAt: time(observedMs),
        receivedAt: received_at === undefined ? nowText : clickHouseTime(Date.parse(received_at)),
        source: source ?? "api",
      },
    };
  };
};

/** The contract's own words come first, by their text as in files: where it calls 0 positive, 0 and "0" are positive. */
const labelValue = ({ label }: FeatureContract, value: string | number | boolean): 0 | 1 | null => {
  if (String(value) === String(label.positive)) return 1;
  if (String(value) === String(label.negative)) return 0;
  if (value === 1 || value === true) return 1;
  return value === 0 || value === false ? 0 : null;
};

/** Where a zod word was broken, and what it expected: its messages never hold the value. */
export const fieldErrors = (error: z.ZodError): FieldError[] =>
  error.issues.flatMap((issue) => {
    const path = issue.path.map((step) => String(step).slice(0, 64)).join(".");
    if (issue.code !== "unrecognized_keys") return [{ path, message: issue.message }];
    return issue.keys.map((key) => ({
      path: [path, key.slice(0, 64)].filter((step) => step !== "").join("."),
      message: "unknown field",
    }));
  });
