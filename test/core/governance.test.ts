// Governance in sentences: given a book, when somebody wishes something, then these events or this refusal.
import { describe, expect, test } from "vitest";
import { VersionState } from "../../contracts/governance.ts";
import { evolve, foldEntries } from "../../src/core/governance.ts";
import { admit, TRANSITIONS } from "../../src/core/governance-laws.ts";
import {
  isFrozen,
  planPromotion,
  planRegister,
  planReject,
  planRollback,
  planShadow,
  planWatchEnd,
} from "../../src/core/governance-moves.ts";
import {
  planFreeze,
  planQuarantine,
  planRelease,
  planUnfreeze,
} from "../../src/core/governance-operations.ts";
import { initialState } from "../../src/core/governance-state.ts";
import { seal } from "../../src/core/ledger.ts";
import { baselineOf, day, FLOORS, MODEL, openBook, registered } from "./governance-book.ts";

const WATCH_MS = 28 * 86_400_000;

/** 1.0.0 serves since day 0. */
const bootstrapped = (): ReturnType<typeof openBook> => {
  const book = openBook();
  book.write([registered("1.0.0")]);
  const wish = { baseline: baselineOf(0.5), bootstrap: FLOORS, by: "command", now: day(0) } as const;
  expect(book.carryOut(planPromotion(book.model(), "1.0.0", wish))).toBe("done");
  return book;
};

/** 1.1.0 shadows 1.0.0 since day 1. */
const shadowing = (): ReturnType<typeof openBook> => {
  const book = bootstrapped();
  book.write([registered("1.1.0")], day(1));
  expect(book.carryOut(planShadow(book.model(), "1.1.0", { now: day(1) }), day(1))).toBe("done");
  return book;
};

/** 1.1.0 replaced 1.0.0 on day 9. */
const replaced = (): ReturnType<typeof openBook> => {
  const book = shadowing();
  const wish = { baseline: baselineOf(0.6), by: "decision", now: day(9) } as const;
  expect(book.carryOut(planPromotion(book.model(), "1.1.0", wish), day(9))).toBe("done");
  return book;
};

describe("the first version", () => {
  const promote = (baseline: ReturnType<typeof baselineOf>, bootstrap?: typeof FLOORS): string => {
    const book = openBook();
    book.write([registered("1.0.0")]);
    const wish = {
      baseline,
      by: "decision",
      now: day(0),
      ...(bootstrap === undefined ? {} : { bootstrap }),
    } as const;
    return book.carryOut(planPromotion(book.model(), "1.0.0", wish));
  };

  test.each([
    ["at every floor exactly", { roc_auc: 0.6, n: 1000, ece: 0.05 }, "done"],
    ["at a floor binary arithmetic misses", { roc_auc: 0.1 + 0.5, n: 1000, ece: 0.15 - 0.1 }, "done"],
    ["just below the ROC-AUC floor", { roc_auc: 0.5999, n: 1000, ece: 0.05 }, "below-floors"],
    ["one row short", { roc_auc: 0.6, n: 999, ece: 0.05 }, "below-floors"],
    ["just above the ECE ceiling", { roc_auc: 0.6, n: 1000, ece: 0.0501 }, "below-floors"],
    ["with an unknown ROC-AUC", { roc_auc: null, n: 1000, ece: 0.05 }, "below-floors"],
    ["with an ECE that is not a number", { roc_auc: 0.6, n: 1000, ece: Number.NaN }, "below-floors"],
  ])("%s", (_, numbers, outcome) => {
    expect(promote({ ...baselineOf(0.5), ...numbers }, FLOORS)).toBe(outcome);
  });

  test("needs an explicit bootstrap", () => {
    expect(promote(baselineOf(0.5))).toBe("needs-bootstrap");
  });

  test("cannot shadow nobody", () => {
    const book = openBook();
    book.write([registered("1.0.0")]);
    expect(book.carryOut(planShadow(book.model(), "1.0.0", { now: day(0) }))).toBe("none-promoted");
  });

  test("a bootstrap beside a promoted version is unlawful, even by hand", () => {
    const book = bootstrapped();
    book.write([registered("1.1.0")]);
    const move = { type: "transition", version: "1.1.0", from: "TRAINING", to: "PROMOTED" } as const;
    const draft = {
      at: day(1),
      model: MODEL,
      actor: "x",
      reason: "x",
      events: [{ ...move, baseline: baselineOf(0.5) }],
    };
    expect(admit(book.state(), draft)?.code).toBe("not-the-first");
  });
});

describe("promotion", () => {
  test("moves champion, candidate and old standby in one entry", () => {
    const book = replaced();
    expect(book.model()).toMatchObject({ promoted: "1.1.0", standby: "1.0.0", candidate: null });
    book.write([registered("1.2.0")], day(10));
    book.carryOut(planShadow(book.model(), "1.2.0", { now: day(10) }), day(10));
    const entriesBefore = book.entries.length;
    const wish = { baseline: baselineOf(0.7), by: "decision", now: day(20) } as const;
    book.carryOut(planPromotion(book.model(), "1.2.0", wish), day(20));
    expect(book.entries.length).toBe(entriesBefore + 1);
    expect(statesOf(book)).toEqual({ "1.0.0": "ARCHIVED", "1.1.0": "STANDBY", "1.2.0": "PROMOTED" });
    expect(book.model()).toMatchObject({ lastPromotionAt: day(20), candidatesSincePromotion: 0 });
  });

  test("a second call gives the same result and writes nothing", () => {
    const book = replaced();
    const wish = { baseline: baselineOf(0.6), by: "command", now: day(10) } as const;
    expect(book.carryOut(planPromotion(book.model(), "1.1.0", wish))).toBe("nothing");
  });

  test("a decision does not promote what never shadowed; an operator may (patch versions)", () => {
    const book = bootstrapped();
    book.write([registered("1.0.1")]);
    const wish = { baseline: baselineOf(0.5), now: day(1) };
    expect(book.carryOut(planPromotion(book.model(), "1.0.1", { ...wish, by: "decision" }))).toBe(
      "not-shadowed",
    );
    expect(book.carryOut(planPromotion(book.model(), "1.0.1", { ...wish, by: "command" }))).toBe("done");
    expect(statesOf(book)).toEqual({ "1.0.0": "STANDBY", "1.0.1": "PROMOTED" });
  });

  test.each([
    ["an unknown version", "9.9.9", "unknown-version"],
    ["the standby", "1.0.0", "use-rollback"],
  ])("of %s is refused", (_, version, code) => {
    const wish = { baseline: baselineOf(0.5), by: "command", now: day(10) } as const;
    expect(replaced().carryOut(planPromotion(replaced().model(), version, wish))).toBe(code);
  });

  test("is refused without a baseline, beside another candidate, and while frozen", () => {
    const book = shadowing();
    book.write([registered("1.2.0")]);
    const wish = { baseline: baselineOf(0.5), by: "command", now: day(3) } as const;
    expect(book.carryOut(planPromotion(book.model(), "1.1.0", { ...wish, baseline: null }))).toBe(
      "no-baseline",
    );
    expect(book.carryOut(planPromotion(book.model(), "1.2.0", wish))).toBe("candidate-exists");
    book.carryOut(planFreeze(book.model(), { until: day(4) }));
    expect(book.carryOut(planPromotion(book.model(), "1.1.0", wish))).toBe("frozen");
    expect(book.carryOut(planPromotion(book.model(), "1.1.0", { ...wish, now: day(4) }))).toBe("done");
  });

  test("a version that ended never comes back", () => {
    const book = replaced();
    book.carryOut(planRollback(book.model(), null), day(10));
    const wish = { baseline: baselineOf(0.6), by: "command", now: day(20) } as const;
    expect(book.carryOut(planPromotion(book.model(), "1.1.0", wish))).toBe("ended");
    expect(book.carryOut(planShadow(book.model(), "1.1.0", { now: day(20) }))).toBe("illegal-move");
  });
});

describe("rollback", () => {
  test("restores the standby with the baseline of its own promotion", () => {
    const book = replaced();
    expect(book.carryOut(planRollback(book.model(), null), day(11))).toBe("done");
    expect(statesOf(book)).toEqual({ "1.0.0": "PROMOTED", "1.1.0": "ROLLED_BACK" });
    expect(book.model().versions["1.0.0"]?.baseline).toEqual(baselineOf(0.5));
    expect(book.model()).toMatchObject({ promoted: "1.0.0", standby: null, lastPromotionAt: day(11) });
  });

  test("keeps a shadowing candidate, and its place in the count", () => {
    const book = replaced();
    book.write([registered("1.2.0")], day(10));
    book.carryOut(planShadow(book.model(), "1.2.0", { now: day(10) }), day(10));
    expect(book.carryOut(planRollback(book.model(), "1.1.0"), day(11))).toBe("done");
    expect(book.model()).toMatchObject({ candidate: "1.2.0", candidatesSincePromotion: 1 });
  });

  test.each([[null], ["1.0.0"], ["1.1.0"]])("may name either side of the one possible move (%s)", (named) => {
    expect(replaced().carryOut(planRollback(replaced().model(), named))).toBe("done");
  });

  test("a second call naming the withdrawn version changes nothing", () => {
    const book = replaced();
    book.carryOut(planRollback(book.model(), "1.1.0"), day(11));
    expect(book.carryOut(planRollback(book.model(), "1.1.0"))).toBe("nothing");
    expect(book.carryOut(planRollback(book.model(), null))).toBe("no-standby");
  });

  test("works while frozen: it is the kill switch", () => {
    const book = replaced();
    book.carryOut(planFreeze(book.model(), { until: null }));
    expect(book.carryOut(planRollback(book.model(), null))).toBe("done");
  });
});

describe("every move that is not in the table", () => {
  const states = VersionState.options;
  /** A book in which one version stands in the given state. */
  const standingIn = (state: VersionState): { book: ReturnType<typeof openBook>; version: string } => {
    const fresh = (): ReturnType<typeof openBook> => openBook();
    switch (state) {
      case "TRAINING": {
        const book = fresh();
        book.write([registered("1.0.0")]);
        return { book, version: "1.0.0" };
      }
      case "SHADOWING":
        return { book: shadowing(), version: "1.1.0" };
      case "PROMOTABLE": {
        const book = shadowing();
        const move = { type: "transition", version: "1.1.0", from: "SHADOWING", to: "PROMOTABLE" } as const;
        book.write([{ ...move, baseline: null }]);
        return { book, version: "1.1.0" };
      }
      case "PROMOTED":
        return { book: replaced(), version: "1.1.0" };
      case "STANDBY":
        return { book: replaced(), version: "1.0.0" };
      case "ARCHIVED": {
        const book = replaced();
        book.carryOut(planWatchEnd(book.model(), { watchMs: WATCH_MS, now: day(37) }));
        return { book, version: "1.0.0" };
      }
      case "ROLLED_BACK": {
        const book = replaced();
        book.carryOut(planRollback(book.model(), null));
        return { book, version: "1.1.0" };
      }
      case "REJECTED": {
        const book = shadowing();
        book.carryOut(planReject(book.model(), "1.1.0"));
        return { book, version: "1.1.0" };
      }
    }
  };

  test.each(states.flatMap((from) => states.map((to) => [from, to] as const)))("%s → %s", (from, to) => {
    const { book, version } = standingIn(from);
    expect(book.model().versions[version]?.state).toBe(from);
    const move = { type: "transition", version, from, to, baseline: baselineOf(0.5) } as const;
    const draft = { at: day(40), model: MODEL, actor: "x", reason: "x", events: [move] };
    const refusal = admit(book.state(), draft);
    if (!TRANSITIONS[from].includes(to)) expect(refusal?.code).toBe("illegal-move");
    else expect(refusal?.code).not.toBe("illegal-move");
    // A writer that read an older state is told so, whatever it wants.
    const stale = states.find((state) => state !== from) ?? "TRAINING";
    expect(admit(book.state(), { ...draft, events: [{ ...move, from: stale }] })?.code).toBe("stale-state");
  });
});

describe("smaller moves", () => {
  test("at most one candidate", () => {
    const book = shadowing();
    book.write([registered("1.2.0")]);
    expect(book.carryOut(planShadow(book.model(), "1.2.0", { now: day(2) }))).toBe("candidate-exists");
  });

  test.each([
    [36.999, "watch-not-over"],
    [37, "done"],
  ])("the watch of 28 days that began on day 9 on day %s: %s", (now, outcome) => {
    const book = replaced();
    expect(book.carryOut(planWatchEnd(book.model(), { watchMs: WATCH_MS, now: day(now) }))).toBe(outcome);
  });

  test("registering again is nothing with the same digest, refused with another", () => {
    const book = bootstrapped();
    const bundle = { version: "1.0.0", family: "logistic-regression", parent: null, training_id: null };
    expect(book.carryOut(planRegister(book.model(), { ...bundle, digest: "digest-1.0.0" }))).toBe("nothing");
    expect(book.carryOut(planRegister(book.model(), { ...bundle, digest: "other" }))).toBe("version-taken");
  });

  test("a rejected candidate leaves the champion untouched", () => {
    const book = shadowing();
    const champion = book.model().versions["1.0.0"];
    expect(book.carryOut(planReject(book.model(), "1.1.0"))).toBe("done");
    expect(book.model().versions["1.0.0"]).toEqual(champion);
    expect(book.carryOut(planReject(book.model(), "1.0.0"))).toBe("illegal-move");
    expect(book.carryOut(planReject(book.model(), "1.1.0"))).toBe("nothing");
  });

  test("quarantine and release touch exactly the named window", () => {
    const book = bootstrapped();
    const first = { kind: "drift", windowStart: day(1), windowEnd: day(2) } as const;
    const second = { kind: "data_quality", windowStart: day(2), windowEnd: day(3) } as const;
    expect(book.carryOut(planQuarantine(book.model(), first, "km"))).toBe("done");
    expect(book.carryOut(planQuarantine(book.model(), first, "km"))).toBe("nothing");
    expect(book.carryOut(planQuarantine(book.model(), second, "unseen"))).toBe("done");
    expect(book.carryOut(planRelease(book.model(), [first], "persisted"))).toBe("done");
    expect(book.model().quarantines.map(({ released }) => released)).toEqual([true, false]);
    expect(book.carryOut(planRelease(book.model(), "all", "repaired"))).toBe("done");
    expect(book.carryOut(planRelease(book.model(), "all", "repaired"))).toBe("nothing");
    expect(book.model().quarantines.every(({ released }) => released)).toBe(true);
  });

  test("a freeze ends at its time exactly, or by hand", () => {
    const book = bootstrapped();
    book.carryOut(planFreeze(book.model(), { until: day(5) }));
    expect([isFrozen(book.model(), day(4.999)), isFrozen(book.model(), day(5))]).toEqual([true, false]);
    expect(book.carryOut(planUnfreeze(book.model()))).toBe("done");
    expect(book.carryOut(planUnfreeze(book.model()))).toBe("nothing");
  });
});

test("a stored ledger nobody lawful wrote stops the fold with its reason", () => {
  const book = bootstrapped();
  const move = {
    type: "transition",
    version: "1.0.0",
    from: "PROMOTED",
    to: "ROLLED_BACK",
    baseline: null,
  } as const;
  const forged = seal({ at: day(1), model: MODEL, actor: "x", reason: "x", events: [move] }, book.state());
  expect(foldEntries([...book.entries, forged])).toEqual({
    ok: false,
    seq: forged.seq,
    problem: "none-promoted: 1.0.0 would leave nobody to serve",
  });
  expect(foldEntries(book.entries)).toEqual({ ok: true, state: book.state() });
  expect(book.entries.reduce(evolve, initialState())).toEqual(book.state());
});

const statesOf = (book: ReturnType<typeof openBook>): Record<string, string> =>
  Object.fromEntries(Object.values(book.model().versions).map(({ version, state }) => [version, state]));
