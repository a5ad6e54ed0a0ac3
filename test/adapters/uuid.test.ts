// UUIDv5 against published values and against node's own hashing of the same bytes.
import { expect, it } from "vitest";
import { EVENT_NAMESPACE, eventName } from "../../contracts/event.ts";
import { createIds } from "../../src/adapters/uuid.ts";

it("is RFC 9562's version 5", () => {
  const ids = createIds();
  const dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  expect(ids.within(dns, "python.org")).toBe("886313e1-3b8a-5372-9b90-0c9aee199e5d");
  expect(ids.within(dns, "www.example.com")).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
});

it("gives an event the id its name has in the event namespace, whatever came before", () => {
  const ids = createIds();
  const id = "0b6f2b4e-7c1a-4d54-9d3e-1f2a3b4c5d6e";
  const names = [eventName("flight-delay", id, null), eventName("flight-delay", id, "1.10.0"), "a"];
  for (const name of [...names, ...names]) expect(ids.event(name)).toBe(ids.within(EVENT_NAMESPACE, name));
  expect(() => ids.event("x".repeat(2000))).toThrow(/too long/);
});
