// Stage room: event time under `clock: replay`. Advancing it first waits for everything under way here, then stores the new time,
// then tells every partition of both streams that nothing earlier will follow. Under a wall clock these routes refuse.
import { ClockRequest } from "../../contracts/api.ts";
import type { Problem } from "../../contracts/api.ts";
import { problem } from "../core/problem.ts";
import type { PublishesEvents, ServingClock } from "../ports-serving.ts";
import { fieldErrors } from "./labels.ts";
import { parseJson } from "./predict-request.ts";

type Outcome = { ok: true; body: string } | { ok: false; problem: Problem };

const NOT_REPLAY: Outcome = {
  ok: false,
  problem: problem("invalid-body", "Event time can be set only under clock: replay."),
};

/** Answers where event time stands. */
export const readClock = async (clock: ServingClock): Promise<Outcome> => {
  if (clock.mode !== "replay") return NOT_REPLAY;
  const settled = await clock.settledThrough();
  const body = {
    now: new Date(clock.now()).toISOString(),
    settled_through: settled === null ? null : new Date(settled).toISOString(),
  };
  return { ok: true, body: JSON.stringify(body) };
};

/** Moves event time forward; `idle` resolves once nothing is under way. */
export const advanceClock = async (
  deps: {
    readonly clock: ServingClock;
    readonly publisher: PublishesEvents;
    readonly idle: () => Promise<void>;
  },
  text: string,
): Promise<Outcome> => {
  if (deps.clock.mode !== "replay") return NOT_REPLAY;
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed;
  const request = ClockRequest.safeParse(parsed.value);
  if (!request.success)
    return {
      ok: false,
      problem: problem("invalid-body", "The body must be {now}.", fieldErrors(request.error)),
    };
  const ms = Date.parse(request.data.now);
  await deps.idle();
  if (!(await deps.clock.advance(ms)))
    return { ok: false, problem: problem("clock-moves-forward", "This time lies before the present one.") };
  if (!(await deps.publisher.watermark(ms, "every")))
    return {
      ok: false,
      problem: problem("not-durable", "The watermark could not be written; send it again."),
    };
  return readClock(deps.clock);
};
