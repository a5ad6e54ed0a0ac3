// The decision engine over many windows: the watch after a promotion, and windows that are taken out and given back.
import { describe, expect, it } from "vitest";
import { decide } from "../../src/core/decide.ts";
import { watchIsOver } from "../../src/core/watch.ts";
import { policy, steady, ask, quiet, windowWith, standing } from "./decision-asks.ts";
import {
  block,
  blocks,
  breach,
  daysBefore,
  driftRow,
  evidenceOf,
  later,
  NOW,
  quietGovernance,
  realised,
  record,
} from "./decision-world.ts";

describe("the watch", () => {
  it("TC-57 withdraws a version that STANDBY beats, whatever else is going on", () => {
    const { decision, memory } = ask(standing());
    expect(decision).toMatchObject({ action: "ROLLBACK", rule: "harm_rollback", version: "1.0.0" });
    expect(memory.harm?.looks).toBe(60);
    expect(decision.alerts).toMatchObject([{ alert: "rollback", severity: "critical" }]);
  });

  it("leaves an ill window to no training, whatever is decided about the versions", () => {
    const shifted = standing({ drift: [breach()] });
    const { decision, memory } = ask(shifted);
    expect(decision).toMatchObject({ action: "ROLLBACK", quarantine: { kind: "drift" } });
    expect(decision.quarantine?.window_start).toBe(shifted.evidence.window.start);
    expect(decision.reasons.map(({ signal }) => signal)).toContain("window.drift");
    expect(decision.alerts.map(({ alert }) => alert)).toEqual(["rollback", "quarantine"]);
    expect(decision.alerts[1]?.detail).toMatch(/^window quarantined: distance ks_d /);
    expect(memory.open_quarantines).toHaveLength(1);
    const frozen = quietGovernance({ frozen: { until: null, reason: "audit", actor: "ada" } });
    const held = quiet({ drift: [breach()] }, { governance: frozen }).decision;
    expect(held).toMatchObject({ action: "HOLD", rule: "frozen", quarantine: { kind: "drift" } });
    // The rules of version 1 let the decision about the versions pass over the window.
    const before = decide({ ...shifted, memory: steady(), policy }, 1);
    expect(before.decision).toMatchObject({ action: "ROLLBACK", quarantine: null });
    expect(before.memory.open_quarantines).toEqual([]);
  });

  it("takes each block in once", () => {
    const first = ask(standing({}, blocks(5, 3)));
    const again = ask({ ...standing({}, blocks(5, 3)), memory: first.memory });
    expect(again.memory.harm).toEqual(first.memory.harm);
    const whole = ask(standing({}, blocks(5, 6)));
    const continued = ask({ ...standing({}, blocks(5, 6)), memory: first.memory });
    expect(continued.memory.harm).toEqual(whole.memory.harm);
  });

  it("TC-32 starts anew when another version serves", () => {
    const memory = { ...ask(standing()).memory, production: "0.8.0" };
    expect(ask({ ...standing({}, [block(1, -0.01)]), memory }).memory.harm?.looks).toBe(1);
    expect(ask({ ...standing({}, []), memory }).memory.verdicts).toHaveLength(1);
  });

  it("TC-04 a collapse of F1 rolls back where STANDBY did better on the same rows, and trains where nobody did", () => {
    const fallen = realised({ tp: 100, fp: 300, fn: 500, tn: 1100, n: 2000, positives: 600, f1: 0.2 });
    const performance = {
      window_start: daysBefore(2, "2001-03-01T00:00:00.000Z"),
      window_end: daysBefore(1, "2001-03-01T00:00:00.000Z"),
      requests: 3000,
      coverage: 0.6,
      realised: fallen,
    };
    const better = blocks(3, 3).map((one) => ({ ...one, other_tp: 80, other_fn: 20 }));
    const rolled = ask(standing({ performance }, better));
    expect(rolled.decision).toMatchObject({ action: "ROLLBACK", rule: "catastrophe_rollback" });
    const same = better.map((one) => ({ ...one, other_tp: 60, other_fn: 40 }));
    const broke = ask(standing({ performance }, same));
    expect(broke.decision).toMatchObject({ action: "RETRAIN", rule: "world_broke_retrain" });
    expect(broke.decision.alerts.map(({ alert }) => alert)).toContain("world_broke");
    const poor = ask(standing({ performance, trainable_rows: 10 }, same));
    expect(poor.decision).toMatchObject({ action: "HOLD", rule: "hold_retrain" });
    expect(poor.decision.sentence).toContain("10 of 5000 labelled rows");
  });

  it("looks at a matured window once, and never at one before the promotion", () => {
    const performance = {
      window_start: daysBefore(50),
      window_end: daysBefore(49),
      requests: 3000,
      coverage: 0.6,
      realised: realised(),
    };
    expect(ask(standing({ performance }, [])).memory.catastrophe).toBeNull();
    const own = { ...performance, window_start: daysBefore(2), window_end: daysBefore(1) };
    const first = ask(standing({ performance: own }, []));
    expect(first.memory.catastrophe?.looks).toBe(1);
    expect(ask({ ...standing({ performance: own }, []), memory: first.memory }).memory.catastrophe).toEqual(
      first.memory.catastrophe,
    );
  });

  it("ends after 28 days unless harm is not ruled out, and always after 112", () => {
    const over = (days: number, through: readonly number[]) => {
      const memory = ask(standing({}, blocks(through[0] ?? 0, through[1] ?? 0))).memory;
      const { governance } = standing();
      const versions = {
        ...governance.versions,
        "0.9.0": record("0.9.0", "STANDBY", { since: daysBefore(days) }),
      };
      return watchIsOver({ governance: { ...governance, versions }, memory, policy, now: NOW });
    };
    expect(over(27.9, [0, 28])).toBe(false);
    expect(over(28, [0, 28])).toBe(true);
    expect(over(28, [14, 10])).toBe(false);
    expect(over(112, [14, 10])).toBe(true);
  });
});

describe("quarantine", () => {
  const two = [breach("distance"), breach("hour")];

  it("takes an abruptly drifted window out, before the candidate is looked at", () => {
    const { decision, memory } = ask({ evidence: evidenceOf({ drift: two }) });
    expect(decision).toMatchObject({ action: "QUARANTINE", rule: "quarantine_drift" });
    expect(decision.quarantine).toMatchObject({ kind: "drift", window_start: "2001-02-28T00:00:00.000Z" });
    expect(decision.drift_verdict).toBe("RETRAIN_REQUIRED");
    expect(decision.drift_decision).toBe("MONITOR");
    expect(memory.open_quarantines).toHaveLength(1);
  });

  it("calls ill data by its name, and learns nothing about the world from it", () => {
    const ill = driftRow({
      subject: "quality",
      feature: "",
      statistic: "invalid_rate",
      value: 0.4,
      status: "breach",
    });
    const { decision, memory } = quiet({ drift: [...two, ill] });
    expect(decision).toMatchObject({ action: "QUARANTINE", rule: "quarantine_data_quality" });
    expect(decision.quarantine?.kind).toBe("data_quality");
    expect(memory.verdicts).toHaveLength(7);
    expect(memory.open_quarantines).toEqual([]);
    expect(quiet(windowWith({ flags: ["incomplete"] })).decision.quarantine?.kind).toBe("data_quality");
  });

  it("TC-07 concludes nothing from an empty or starved window", () => {
    for (const window of [
      windowWith({ volume: 0, ok: 0, flags: ["empty"] }),
      windowWith({ volume: 199, ok: 199 }),
    ]) {
      const { decision, memory } = ask({ evidence: evidenceOf({ ...window, drift: two }) });
      expect(decision).toMatchObject({ action: "NONE", rule: "starved", alerts: [] });
      expect(memory.verdicts).toHaveLength(7);
    }
    expect(quiet({ ...windowWith({ volume: 200 }), drift: two }).decision.action).toBe("QUARANTINE");
  });

  /** Lives so many drifted windows in a row, each matured a day later. */
  const drifted = (windows: number) => {
    let memory = steady();
    const quarantines: Parameters<typeof quietGovernance>[0] & object = {};
    let book = quietGovernance({ lastTrainingAt: daysBefore(10), ...quarantines });
    const actions: string[] = [];
    for (let day = 0; day < windows; day++) {
      const base = later(evidenceOf({ candidate: null, drift: two }), day);
      const matured_windows = book.quarantines.map(({ windowStart, windowEnd }) => ({
        start: windowStart,
        end: windowEnd,
        breached: true,
        matured: windowEnd <= base.window.start,
      }));
      const { decision, memory: next } = decide({
        evidence: { ...base, matured_windows },
        memory,
        governance: book,
        policy,
      });
      actions.push(decision.action);
      memory = next;
      const lifted = decision.releases.map(({ window_start }) => window_start);
      const kept = book.quarantines.map((one) => ({ ...one, released: lifted.includes(one.windowStart) }));
      const { quarantine: q } = decision;
      const opened =
        q === null
          ? []
          : [
              {
                kind: q.kind,
                windowStart: q.window_start,
                windowEnd: q.window_end,
                released: false,
                detail: "",
              },
            ];
      book = { ...book, quarantines: [...kept, ...opened] };
      if (decision.action === "RETRAIN") return { actions, book, memory, decision };
    }
    return { actions, book, memory, decision: null };
  };

  it("lifts a drift that persisted in three further matured windows, and only then retrains", () => {
    const { actions, book, decision } = drifted(9);
    expect(actions).toEqual(["QUARANTINE", "QUARANTINE", "QUARANTINE", "QUARANTINE", "RETRAIN"]);
    expect(book.quarantines.every(({ released }) => released)).toBe(true);
    expect(decision?.drift_decision).toBe("RETRAIN_REQUIRED");
  });

  it("TC-16 keeps the quarantine of a shift that passed: three bad days are never trained on", () => {
    const { book, memory } = drifted(3);
    const after = decide({
      evidence: later(evidenceOf({ candidate: null }), 3),
      memory,
      governance: book,
      policy,
    });
    expect(after.decision).toMatchObject({ action: "NONE", releases: [] });
    expect(after.memory.open_quarantines).toEqual([]);
    expect(book.quarantines.filter(({ released }) => !released)).toHaveLength(3);
  });

  it("MONITOR comes at once, RECOMMENDED after three windows", () => {
    const one = quiet({ drift: [breach()] }, { memory: { ...steady(0), verdicts: [] } });
    expect(one.decision.drift_decision).toBe("MONITOR");
    const third = quiet(
      { drift: [breach()] },
      { memory: { ...steady(0), verdicts: ["RETRAIN_RECOMMENDED", "RETRAIN_RECOMMENDED"] } },
    );
    expect(third.decision.drift_decision).toBe("RETRAIN_RECOMMENDED");
  });
});
