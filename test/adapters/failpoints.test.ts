// Failpoints: what is misspelt is an error, what is about something else lives on, and nothing happens without a setting. That they kill,
// and once only where they say so, the end-to-end test of the loop counts.
import { describe, expect, it } from "vitest";
import { createFailpoints } from "../../src/adapters/failpoints.ts";

describe("failpoints", () => {
  it("a misspelt name or chance is an error", () => {
    for (const wrong of ["after_raed:1", "before_append@PROMOTE:twice", "after_ack:1.5", "@PROMOTE:once"])
      expect(() => createFailpoints(wrong, () => 0)).toThrow("FLYBALL_FAILPOINTS");
  });

  it("lives on where the subject is another, the dice say so, or nothing is set", () => {
    createFailpoints(undefined, () => 0)("after_append", "PROMOTE");
    createFailpoints("after_append@PROMOTE:once", () => 0, "never-written")("after_append", "SHADOW");
    createFailpoints("after_append:0.5", () => 0.5)("after_append", "PROMOTE");
  });
});
