// Unit: what doctor makes of what it saw, at the boundaries.
import { describe, expect, it } from "vitest";
import {
  DISK_FREE_MIN,
  isAtLeast,
  judgeDisk,
  judgeNode,
  judgeRedis,
  judgeSkew,
  SKEW_MS_MAX,
} from "../../src/core/doctor.ts";

describe("doctor", () => {
  it.each([
    ["20.18.9", "problem"],
    ["20.19.0", "ok"],
    ["9.99.0", "problem"],
    ["v24.0.1", "ok"],
    ["nonsense", "problem"],
  ])("node %s: %s", (version, state) => expect(judgeNode(version).state).toBe(state));

  it("compares versions by number, not by text", () => {
    expect(isAtLeast("7.0.15", [7, 0])).toBe(true);
    expect(isAtLeast("10.0", [7, 0])).toBe(true);
    expect(isAtLeast("6.9.99", [7, 0])).toBe(false);
  });

  const sound = { version: "7.4.1", appendonly: "yes", appendfsync: "always", maxmemoryPolicy: "noeviction" };
  it.each([
    ["is sound", {}, "ok", ""],
    ["risks one second by choice", { appendfsync: "everysec" }, "ok", ""],
    ["is too old", { version: "6.2.7" }, "problem", "7.0"],
    ["keeps nothing", { appendonly: "no" }, "problem", "appendonly yes"],
    ["lets the system sync", { appendfsync: "no" }, "problem", "appendfsync always"],
    ["evicts", { maxmemoryPolicy: "allkeys-lru" }, "problem", "noeviction"],
    ["hides its settings", { appendonly: null, appendfsync: null, maxmemoryPolicy: null }, "unknown", ""],
  ])("a Redis that %s", (_, over, state, remedy) => {
    const found = judgeRedis("redis://r", { ...sound, ...over });
    expect(found.state).toBe(state);
    expect(found.remedy).toContain(remedy);
  });

  it("wants room in bytes and in share", () => {
    const { bytes, share } = DISK_FREE_MIN;
    expect(judgeDisk("/h", bytes, bytes / share).state).toBe("ok");
    expect(judgeDisk("/h", bytes - 1, bytes * 2).state).toBe("problem");
    expect(judgeDisk("/h", bytes, bytes / share + 1e9).state).toBe("problem");
    expect(judgeDisk("/h", 0, 0).state).toBe("problem");
  });

  it("takes a slow answer for slow, not for another time", () => {
    expect(judgeSkew("clock", SKEW_MS_MAX, 0).state).toBe("ok");
    expect(judgeSkew("clock", -SKEW_MS_MAX - 1, 0).state).toBe("problem");
    expect(judgeSkew("clock", SKEW_MS_MAX + 400, 1_000).state).toBe("ok");
  });
});
