// The slot of an api process: it names a partition and a spool, so that anything but a whole number is refused before it is used.
import { expect, it } from "vitest";
import { slotOf } from "../../src/commands/cluster.ts";

it.each([
  [undefined, 0],
  ["0", 0],
  ["7", 7],
  ["99999", 99999],
])("%s is slot %i", (text, slot) => {
  expect(slotOf(text === undefined ? {} : { FLYBALL_SLOT: text })).toBe(slot);
});

it.each(["", "b", "-1", "1.5", "1e3", " 2", "100000"])("%j is refused by name", (text) => {
  expect(() => slotOf({ FLYBALL_SLOT: text })).toThrow(/^FLYBALL_SLOT is .*a whole number from 0 to 99999/);
});
