// Commands, executions and trainings in sentences: each ends in the book exactly once, as done or refused, with its reason.
import { describe, expect, test } from "vitest";
import type { Decision } from "../../contracts/decision.ts";
import type { CommandName, CommandRecord } from "../../contracts/governance.ts";
import { planCommand, type Discretion } from "../../src/core/governance-command.ts";
import { executePlan, type ExecutionOptions } from "../../src/core/governance-execute.ts";
import { planTraining, planTrainingFinished } from "../../src/core/governance-training.ts";
import { baselineOf, day, FLOORS, MODEL, openBook, registered } from "./governance-book.ts";

const by = (now: string, more: Partial<ExecutionOptions> = {}): ExecutionOptions => ({
  now,
  approvalRequired: false,
  floors: FLOORS,
  baselineOf: () => baselineOf(0.6),
  autonomy: "act",
  ...more,
});

type Book = ReturnType<typeof openBook>;
let serial = 0;

/** Writes a command down as an operator, as the api and the CLI do. */
const give = (
  book: Book,
  command: CommandName,
  more: { version?: string; actor?: string; expires?: string; at?: string } = {},
): CommandRecord => {
  serial += 1;
  const event = {
    type: "command",
    command_id: `c${serial}`,
    command,
    version: more.version ?? null,
    expires_at: more.expires ?? null,
  } as const;
  book.write([event], more.at ?? day(2), more.actor ?? "ann");
  return last(book);
};

const last = (book: Book): CommandRecord => {
  const found = book.model().commands.at(-1);
  if (found === undefined) throw new Error("no command was written");
  return found;
};

const carryOut = (book: Book, command: CommandRecord, options: Discretion): string => {
  const plan = planCommand(book.model(), command, options);
  if (plan.events.length > 0) book.write(plan.events, options.now);
  return plan.outcome === "refused" ? (plan.detail.split(":")[0] ?? "") : plan.outcome;
};

/** 1.0.0 serves, 1.1.0 shadows. */
const shadowing = (): Book => {
  const book = openBook();
  book.write([registered("1.0.0"), registered("1.1.0")]);
  carryOut(book, give(book, "promote", { version: "1.0.0" }), by(day(0)));
  const decision = decided({ action: "SHADOW", version: "1.1.0", window_end: day(1) });
  const plan = executePlan(decision, book.model(), by(day(1)));
  if (plan.kind === "entry") book.write(plan.events, day(1));
  return book;
};

const decided = (more: Partial<Decision>): Decision => ({
  v: 1,
  id: `d-${more.window_end ?? ""}-${more.action ?? "NONE"}`,
  model: MODEL,
  window_start: day(0),
  window_end: day(1),
  at: day(1),
  action: "NONE",
  version: null,
  drift_verdict: "NO_ACTION",
  drift_decision: "NO_ACTION",
  rule: "r",
  reasons: [],
  gates: [],
  sentence: "s",
  alerts: [],
  quarantine: null,
  releases: [],
  evidence_log_e: null,
  policy_digest: "p",
  inputs_digest: "i",
  rules_version: 1,
  ...more,
});

describe("a command", () => {
  test("of every kind ends as done in a book that allows it", () => {
    const book = shadowing();
    const outcomes = (["approve", "freeze", "unfreeze", "reject", "release", "retrain"] as const).map(
      (command) =>
        carryOut(book, give(book, command, command === "approve" ? { version: "1.1.0" } : {}), by(day(3))),
    );
    expect(outcomes).toEqual(["done", "done", "done", "done", "done", "done"]);
    expect(book.model().commands.every(({ status }) => status === "done")).toBe(true);
    expect(book.model().training?.trainingId).toBe(`command-${last(book).commandId}`);
  });

  test("promote and rollback without a version mean the candidate and the champion", () => {
    const book = shadowing();
    expect(carryOut(book, give(book, "promote"), by(day(3)))).toBe("done");
    expect(book.model().promoted).toBe("1.1.0");
    expect(carryOut(book, give(book, "rollback"), by(day(4)))).toBe("done");
    expect(book.model().promoted).toBe("1.0.0");
  });

  test.each(["promote", "reject", "approve"] as const)(
    "%s without a candidate is a clean refusal",
    (command) => {
      const book = shadowing();
      carryOut(book, give(book, "reject"), by(day(3)));
      expect(carryOut(book, give(book, command), by(day(3)))).toBe("no-candidate");
      expect(last(book)).toMatchObject({ status: "refused" });
    },
  );

  test("that ended is not carried out again", () => {
    const book = shadowing();
    const command = give(book, "promote");
    carryOut(book, command, by(day(3)));
    expect(carryOut(book, last(book), by(day(3)))).toBe("ended");
  });

  test.each([
    [day(2.999), "done"],
    [day(3), "expired"],
    [day(4), "expired"],
  ])("that expires on day 3, carried out at %s: %s", (now, outcome) => {
    const book = shadowing();
    expect(carryOut(book, give(book, "reject", { expires: day(3) }), by(now))).toBe(outcome);
  });

  test("retrain resets an open circuit, and waits for no candidate", () => {
    const book = shadowing();
    expect(carryOut(book, give(book, "retrain"), by(day(3)))).toBe("candidate-exists");
    carryOut(book, give(book, "reject"), by(day(3)));
    book.write([{ type: "circuit_opened", detail: "3 failures" }]);
    expect(carryOut(book, give(book, "retrain"), by(day(3)))).toBe("done");
    expect(book.model()).toMatchObject({ circuit: "closed", trainingFailures: 0 });
  });
});

describe("approval by a second person", () => {
  const strict = (now: string): ExecutionOptions => by(now, { approvalRequired: true });

  test("a promotion nobody approved is refused, or waits while it has an expiry", () => {
    const book = shadowing();
    expect(carryOut(book, give(book, "promote"), strict(day(3)))).toBe("not-approved");
    const open = give(book, "promote", { expires: day(9) });
    expect(carryOut(book, open, strict(day(3)))).toBe("waiting");
    expect(carryOut(book, give(book, "approve", { version: "1.1.0", actor: "bob" }), strict(day(4)))).toBe(
      "done",
    );
    expect(carryOut(book, open, strict(day(5)))).toBe("done");
    expect(book.model()).toMatchObject({ promoted: "1.1.0", approvals: [] });
  });

  test("a proposal that waits expires", () => {
    const book = shadowing();
    const open = give(book, "promote", { expires: day(9) });
    expect(carryOut(book, open, strict(day(9)))).toBe("expired");
  });

  test("the proposer cannot approve, before or after proposing", () => {
    const after = shadowing();
    give(after, "promote", { expires: day(9) });
    expect(carryOut(after, give(after, "approve", { version: "1.1.0" }), strict(day(3)))).toBe(
      "own-proposal",
    );
    const before = shadowing();
    carryOut(before, give(before, "approve", { version: "1.1.0" }), strict(day(3)));
    expect(carryOut(before, give(before, "promote"), strict(day(3)))).toBe("not-approved");
  });

  test.each([
    [day(4.999), "done"],
    [day(5), "not-approved"],
  ])("an approval that holds until day 5, used at %s: %s", (now, outcome) => {
    const book = shadowing();
    const approval = give(book, "approve", { version: "1.1.0", actor: "bob", expires: day(5) });
    expect(carryOut(book, approval, strict(day(3)))).toBe("done");
    expect(carryOut(book, give(book, "promote"), strict(now))).toBe(outcome);
  });

  test("a decision marks the candidate promotable and waits; approved, the next one promotes", () => {
    const book = shadowing();
    const execute = (end: string): string => {
      const decision = decided({ action: "PROMOTE", version: "1.1.0", window_end: end });
      const plan = executePlan(decision, book.model(), strict(end));
      if (plan.kind === "entry") book.write(plan.events, end);
      return plan.kind === "entry" ? plan.outcome : plan.kind;
    };
    expect(execute(day(9))).toBe("refused");
    expect(book.model().versions["1.1.0"]?.state).toBe("PROMOTABLE");
    expect(execute(day(10))).toBe("refused");
    carryOut(book, give(book, "approve", { version: "1.1.0" }), strict(day(10)));
    expect(execute(day(11))).toBe("done");
    expect(book.model().promoted).toBe("1.1.0");
  });
});

describe("executing a decision", () => {
  const run = (book: Book, decision: Decision, options = by(day(9))): string => {
    const plan = executePlan(decision, book.model(), options);
    if (plan.kind === "nothing") return "nothing at all";
    book.write(plan.events, options.now, "policy");
    return plan.outcome;
  };

  test.each([
    ["NONE", null, "nothing"],
    ["HOLD", null, "nothing"],
    ["SYSTEM_ERROR", null, "nothing"],
    ["PROMOTE", "1.1.0", "done"],
    ["PROMOTE", null, "refused"],
    ["REJECT", "1.1.0", "done"],
    ["ROLLBACK", null, "refused"],
    ["SHADOW", "1.1.0", "nothing"],
    ["RETRAIN", null, "done"],
    ["QUARANTINE", null, "refused"],
  ] as const)("%s of %s: %s, and it is in the book", (action, version, outcome) => {
    const book = shadowing();
    const decision = decided({ action, version, window_end: day(9) });
    expect(run(book, decision)).toBe(outcome);
    expect(book.model()).toMatchObject({ executedDecision: decision.id, executedThrough: day(9) });
    expect(run(book, decision)).toBe("nothing at all");
  });

  test("once, twice, and an older window late: one move", () => {
    const book = shadowing();
    const decision = decided({ action: "PROMOTE", version: "1.1.0", window_end: day(9) });
    expect(run(book, decision)).toBe("done");
    const entries = book.entries.length;
    expect(run(book, decision)).toBe("nothing at all");
    expect(run(book, decided({ action: "ROLLBACK", window_end: day(8) }))).toBe("nothing at all");
    expect(run(book, decided({ id: "other", action: "ROLLBACK", window_end: day(9) }))).toBe(
      "nothing at all",
    );
    expect(book.entries.length).toBe(entries);
  });

  test("opens and lifts quarantines whatever the action", () => {
    const book = shadowing();
    const window = { window_start: day(5), window_end: day(6) };
    const opening = decided({
      action: "QUARANTINE",
      window_end: day(6),
      quarantine: { kind: "drift", ...window, detail: "km" },
    });
    expect(run(book, opening)).toBe("done");
    expect(book.model().quarantines).toMatchObject([{ kind: "drift", windowStart: day(5), released: false }]);
    expect(run(book, decided({ action: "HOLD", window_end: day(9), releases: [window] }))).toBe("done");
    expect(book.model().quarantines).toMatchObject([{ released: true }]);
  });

  test.each(["observe", "recommend"] as const)("under %s only the record is written", (autonomy) => {
    const book = shadowing();
    const decision = decided({ action: "PROMOTE", version: "1.1.0", window_end: day(9) });
    expect(run(book, decision, by(day(9), { autonomy }))).toBe("nothing");
    expect(book.model()).toMatchObject({ promoted: "1.0.0", executedDecision: decision.id });
  });

  test("is refused while frozen, with the reason in the book", () => {
    const book = shadowing();
    carryOut(book, give(book, "freeze"), by(day(2)));
    for (const [n, action] of (["PROMOTE", "REJECT", "ROLLBACK", "RETRAIN"] as const).entries()) {
      const version = action === "RETRAIN" ? null : "1.1.0";
      expect(run(book, decided({ action, version, window_end: day(3 + n) }))).toBe("refused");
    }
    expect(book.model()).toMatchObject({ promoted: "1.0.0", candidate: "1.1.0", training: null });
  });

  test("about another model does nothing", () => {
    expect(run(shadowing(), decided({ model: "other", window_end: day(9) }))).toBe("nothing at all");
  });
});

describe("a training", () => {
  const wish = { trainingId: "t1", decisionId: "d1", through: day(5) };
  const finish = (outcome: "published" | "failed" | "refused") =>
    ({ training_id: "t1", outcome, version: null, detail: "x" }) as const;

  test("is written ahead once; a crash before its end leads back to the same one", () => {
    const book = shadowing();
    expect(book.carryOut(planTraining(book.model(), wish), day(6))).toBe("done");
    expect(book.carryOut(planTraining(book.model(), wish), day(6))).toBe("nothing");
    expect(book.carryOut(planTraining(book.model(), { ...wish, trainingId: "t2" }))).toBe(
      "training-in-flight",
    );
    expect(book.model()).toMatchObject({
      training: { trainingId: "t1", attempt: 1 },
      lastTrainingAt: day(6),
    });
  });

  test.each(["published", "refused"] as const)("that was %s is not started again", (outcome) => {
    const book = shadowing();
    book.carryOut(planTraining(book.model(), wish));
    const plan = () => planTrainingFinished(book.model(), finish(outcome), { failuresMax: 3 });
    expect([book.carryOut(plan()), book.carryOut(plan())]).toEqual(["done", "nothing"]);
    expect(book.carryOut(planTraining(book.model(), wish))).toBe("nothing");
    expect(book.model()).toMatchObject({ training: null, trainingFailures: 0, circuit: "closed" });
  });

  test("that fails may be tried again, and the third failure in a row opens the circuit", () => {
    const book = shadowing();
    for (const attempt of [1, 2, 3]) {
      expect(book.carryOut(planTraining(book.model(), wish))).toBe("done");
      expect(book.model().training?.attempt).toBe(attempt);
      expect(book.model().circuit).toBe("closed");
      book.carryOut(planTrainingFinished(book.model(), finish("failed"), { failuresMax: 3 }));
    }
    expect(book.model()).toMatchObject({ circuit: "open", trainingFailures: 3 });
    expect(book.carryOut(planTraining(book.model(), wish))).toBe("circuit-open");
  });

  test("that nobody started cannot end", () => {
    const plan = planTrainingFinished(shadowing().model(), finish("failed"), { failuresMax: 3 });
    expect(plan).toMatchObject({ ok: false, refusal: { code: "no-such-training" } });
  });
});
