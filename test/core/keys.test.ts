// Keys as sentences: what a text must look like, when a key opens, which roles open which routes, what a key for some models may ask.
// Expiry is tested at its very instant.
import { describe, expect, it } from "vitest";
import {
  inScope,
  isLive,
  keyId,
  keyText,
  liveDigests,
  modelOfPath,
  opens,
  type KeyRecord,
} from "../../src/core/keys.ts";
import { createBuckets } from "../../src/core/token-bucket.ts";
import { KeyRole } from "../../contracts/keys.ts";

const parts = { env: "live", id: "abc123def456", secret: "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6" };
const record = (over: Partial<KeyRecord> = {}): KeyRecord => ({
  id: parts.id,
  name: "alice",
  env: "live",
  roles: ["read"],
  models: null,
  createdMs: 0,
  expiresMs: null,
  revokedMs: null,
  secrets: [{ digest: "d1", untilMs: null }],
  ...over,
});

describe("a key's text", () => {
  const text = keyText(parts);
  it("has the prefix scanners look for and gives its id back", () => {
    expect(text).toMatch(/^fb_live_abc123def456_[0-9A-Za-z]{38}$/);
    expect(keyId(text)).toBe(parts.id);
  });
  it("is recognised as mistyped when any one character differs", () => {
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === "x" ? "y" : "x";
      expect(keyId(text.slice(0, at) + other + text.slice(at + 1)), `character ${at}`).toBeNull();
    }
  });
  it.each(["", "fb_", "Bearer x", `${text} `, text.slice(0, -1), `${text}0`])("refuses %j", (odd) => {
    expect(keyId(odd)).toBeNull();
  });
});

describe("a key opens", () => {
  it("until its expiry, and not at it", () => {
    const key = record({ expiresMs: 1000 });
    expect(isLive(key, 999)).toBe(true);
    expect(isLive(key, 1000)).toBe(false);
    expect(liveDigests(key, 1000)).toEqual([]);
  });
  it("never once revoked, whenever that was", () => {
    expect(liveDigests(record({ revokedMs: 5000 }), 1)).toEqual([]);
  });
  it("with both secrets during a change-over, then with the new one only, and never with a third", () => {
    const secrets = [
      { digest: "d1", untilMs: null },
      { digest: "d2", untilMs: 1000 },
      { digest: "d3", untilMs: null },
    ];
    expect(liveDigests(record({ secrets }), 999)).toEqual(["d2", "d3"]);
    expect(liveDigests(record({ secrets }), 1000)).toEqual(["d3"]);
  });
});

describe("roles", () => {
  const opened = (role: KeyRole) => KeyRole.options.filter((asked) => opens([role], asked));
  it.each([
    ["predict", ["predict"]],
    ["ingest", ["ingest"]],
    ["read", ["read"]],
    ["operate", ["read", "operate"]],
    ["approve", ["read", "approve"]],
    ["admin", KeyRole.options],
  ] as const)("%s opens %j", (role, expected) => {
    expect(opened(role)).toEqual(expected);
  });
  it("none opens only what is public", () => {
    expect(KeyRole.options.filter((asked) => opens([], asked))).toEqual([]);
    expect(opens([], "public")).toBe(true);
  });
});

describe("a key for some models", () => {
  const flights = ["flight-delay"];
  it.each([
    ["/api/v1/models/flight-delay/drift", true],
    ["/api/v1/models/flight%2Ddelay/drift", true],
    ["/api/v1/models/other/drift", false],
    ["/api/v1/models", false],
    ["/api/v1/governance/flight-delay/approve", true],
    ["/api/v1/governance/other/approve", false],
    ["/v2/models/flight-delay/infer", true],
    ["/v2/models/other/infer", false],
    ["/v2/models/%zz/infer", false],
    ["/api/v1/predict", true],
    ["/api/v1/audit/entries", false],
    ["/jobs", false],
    ["/metrics", false],
  ])("%s: %s", (path, expected) => {
    expect(inScope(flights, path)).toBe(expected);
    expect(inScope(null, path)).toBe(true);
  });
  it("reads the model from a path", () => {
    expect(modelOfPath("/api/v1/models/a")).toBe("a");
    expect(modelOfPath("/api/v1/events")).toBeNull();
  });
});

describe("token buckets", () => {
  it("let a burst through, then as many as refill, and say how long to wait", () => {
    const buckets = createBuckets({ burst: 2, refillPerMs: 0.01 });
    expect([buckets.take("a", 0), buckets.take("a", 0), buckets.take("a", 0)]).toEqual([0, 0, 100]);
    expect(buckets.take("b", 0)).toBe(0);
    expect(buckets.take("a", 50)).toBe(50);
    expect(buckets.take("a", 100)).toBe(0);
  });
  it("forget names rather than grow without end, and still count those in use", () => {
    const buckets = createBuckets({ burst: 1, refillPerMs: 1e-9 });
    for (let name = 0; name < 30_000; name++) buckets.take(`n${name}`, 0);
    expect(buckets.take("n29999", 0)).toBeGreaterThan(0);
  });
});
