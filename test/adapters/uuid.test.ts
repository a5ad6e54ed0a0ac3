// UUIDv5 against published values and against node's own hashing of the same bytes.
import { expect, it } from "vitest";
import { EVENT_NAMESPACE, eventName } from "../../contracts/event.ts";
import { createIds } from "../../src/adapters/uuid.ts";
import { eventIdWriter } from "../../src/core/event-id.ts";

it("is RFC 9562's version 5", () => {
  const ids = createIds();
  const dns = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
  expect(ids.within(dns, "python.org")).toBe("886313e1-3b8a-5372-9b90-0c9aee199e5d");
  expect(ids.within(dns, "www.example.com")).toBe("2ed6657d-e927-568b-95e1-2665a8aea6a2");
});

it("is, for an event, written by hand as node's own hashing gives it", () => {
  const ids = createIds();
  const out = new Uint8Array(100);
  // From one block of the hash to six: the padding falls on every place of a block.
  for (let length = 1; length < 300; length++) {
    const model = "m".repeat(length);
    for (const shadow of [null, `1.${length}.0`]) {
      const write = eventIdWriter(model, shadow);
      for (const requestId of [ids.random(), ids.random()]) {
        out.set(Buffer.from(requestId), 3);
        write(out, 41, 3);
        const written = Buffer.from(out.subarray(41, 77)).toString("latin1");
        expect(written).toBe(ids.within(EVENT_NAMESPACE, eventName(model, requestId, shadow)));
      }
    }
  }
});

it("writes random ids of version 4 where it is told, each another", () => {
  const ids = createIds();
  const seen = new Set<string>();
  const out = new Uint8Array(40).fill(7);
  for (let turn = 0; turn < 1_000; turn++) {
    ids.writeRandom(out, 2);
    seen.add(Buffer.from(out.subarray(2, 38)).toString("latin1"));
  }
  expect(seen.size).toBe(1_000);
  for (const id of seen)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...out.subarray(0, 2), ...out.subarray(38)]).toEqual([7, 7, 7, 7]);
});
