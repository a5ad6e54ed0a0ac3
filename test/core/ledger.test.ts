// The hash chain: it holds as sealed, and any edit, deletion, insertion, reordering, cut or rewriting is found.
import { describe, expect, test } from "vitest";
import type { LedgerEntry } from "../../contracts/governance.ts";
import { GENESIS } from "../../src/core/governance-state.ts";
import { chainProblems, hashOf, seal, verifyChain, type Head } from "../../src/core/ledger.ts";
import { day, MODEL } from "./governance-book.ts";

const chainOf = (count: number, reason = "why"): LedgerEntry[] => {
  const entries: LedgerEntry[] = [];
  let head: Head = { seq: 0, generation: 0, hash: GENESIS };
  for (let n = 1; n <= count; n += 1) {
    const events = [{ type: "frozen", until: day(n) } as const];
    const entry = seal({ at: day(n), model: MODEL, actor: "ann", reason: `${reason} ${n}`, events }, head);
    entries.push(entry);
    head = entry;
  }
  return entries;
};

const need = <T>(item: T | undefined): T => {
  if (item === undefined) throw new Error("missing");
  return item;
};
const resealed = (entry: LedgerEntry): LedgerEntry => ({ ...entry, hash: hashOf(entry) });

test("a sealed chain verifies and gives its head", () => {
  const entries = chainOf(5);
  const last = need(entries[4]);
  const head = { seq: 5, generation: 5, hash: last.hash };
  expect(verifyChain(entries)).toMatchObject({ ok: true, head });
  expect(verifyChain(entries, [{ seq: 5, hash: last.hash, of: "the head" }]).ok).toBe(true);
  expect(verifyChain([])).toEqual({ ok: true, head: { seq: 0, generation: 0, hash: GENESIS } });
});

test("the hash of a known entry does not change with this program", () => {
  // SHA-256 of the canonical JSON, computed independently with Python's hashlib and json (sorted keys, no spaces).
  expect(chainOf(1)[0]?.hash).toBe("11565cf94a88ca88ab2261c50357ed45303cbccb045ca01665632fed869b742a");
});

test("any flipped character of any field breaks it", () => {
  const entries = chainOf(3);
  const text = JSON.stringify(entries[1]);
  let flipped = 0;
  for (let at = 0; at < text.length; at += 1) {
    const changed = text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
    let entry: LedgerEntry;
    try {
      entry = JSON.parse(changed) as LedgerEntry; // a hostile store's bytes, deliberately unchecked
    } catch {
      continue; // not JSON any more: refused before the chain is looked at
    }
    flipped += 1;
    expect(verifyChain([need(entries[0]), entry, need(entries[2])]).ok).toBe(false);
  }
  expect(flipped).toBeGreaterThan(100);
});

describe("tampering", () => {
  const honest = chainOf(6);
  const anchors = [{ seq: 6, hash: need(honest[5]).hash, of: "the checkpoint" }];
  const faults = (entries: readonly LedgerEntry[]): string[] =>
    chainProblems(entries, anchors).map(({ seq, fault }) => `${seq} ${fault}`);

  test("an edited entry", () => {
    const edited = honest.map((entry) => (entry.seq === 3 ? { ...entry, reason: "nothing" } : entry));
    expect(faults(edited)).toEqual(["3 edited"]);
  });

  test("an edited entry with its hash made good breaks the link after it", () => {
    const edited = honest.map((entry) =>
      entry.seq === 3 ? resealed({ ...entry, reason: "nothing" }) : entry,
    );
    expect(faults(edited)).toEqual(["4 broken-link"]);
  });

  test("a deleted entry", () => {
    expect(faults(honest.filter(({ seq }) => seq !== 3))).toEqual(["4 gap", "4 broken-link"]);
  });

  test("an inserted entry", () => {
    const extra = seal(
      { at: day(3), model: MODEL, actor: "eve", reason: "mine", events: [{ type: "unfrozen" }] },
      need(honest[2]),
    );
    expect(faults([...honest.slice(0, 3), extra, ...honest.slice(3)])).toEqual([
      "4 order",
      "4 broken-link",
      "4 generation",
    ]);
  });

  test("two entries that changed places", () => {
    const [a, b, c, d, ...rest] = honest;
    expect(faults([need(a), need(c), need(b), need(d), ...rest])).toContain("2 order");
    const renumbered = [need(a), { ...need(c), seq: 2 }, { ...need(b), seq: 3 }, need(d), ...rest];
    expect(faults(renumbered)).toEqual(expect.arrayContaining(["2 edited", "3 edited", "4 broken-link"]));
  });

  test("a cut end", () => {
    expect(faults(honest.slice(0, 5))).toEqual(["6 cut"]);
    expect(faults([])).toEqual(["6 cut"]);
  });

  test("a cut beginning", () => {
    expect(faults(honest.slice(1))).toEqual(["2 gap", "2 broken-link"]);
  });

  test("a completely rewritten chain, consistent in itself", () => {
    const rewritten = chainOf(6, "another story");
    expect(chainProblems(rewritten)).toEqual([]);
    expect(faults(rewritten)).toEqual(["6 rewritten"]);
  });
});
