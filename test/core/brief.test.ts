// A sentence is cut only where a list is too long to read, at its boundary, and says how much is missing.
import { expect, it } from "vitest";
import { briefly } from "../../src/core/brief.ts";

it.each([
  ["Nothing needs to change.", "Nothing needs to change."],
  [
    "Candidate 1.1.0 stays on trial; missing: pairs 3 against 9.",
    "Candidate 1.1.0 stays on trial; missing: pairs 3 against 9.",
  ],
  ["It stays on trial; missing: a 1; b 2; c 3.", "It stays on trial; missing: a 1; b 2; c 3."],
  ["It stays on trial; missing: a 1; b 2; c 3; d 4.", "It stays on trial; missing: a 1; b 2 and 2 more."],
  ["Missing: a 1; b 2; c 3.", "Missing: a 1; b 2; c 3."],
  ["Missing: a 1; b 2; c 3; d 4.", "Missing: a 1; b 2 and 2 more."],
  ["Rejected: it failed (a; b; c; d; e).", "Rejected: it failed (a; b and 3 more)."],
  ["no stop; a; b; c; d", "no stop; a and 3 more"],
  ["Wanted (a; b; c) and waits for: d; e.", "Wanted (a; b; c) and waits for: d; e."],
])("%s", (sentence, brief) => expect(briefly(sentence)).toBe(brief));
