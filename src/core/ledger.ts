// Core: the ledger as a hash chain. `seal` gives a draft its place after a head; `verifyChain` recomputes a stored chain and
// says where it was edited, deleted from, inserted into, reordered or cut. Pure: the same entries give the same hashes on
// every machine.
import type { LedgerDraft, LedgerEntry } from "../../contracts/governance.ts";
import { canonicalJson, sha256Hex } from "./canonical.ts";
import { GENESIS } from "./governance-state.ts";

/** The last entry of a ledger, by its place and hash; seq 0 is the empty ledger. */
export interface Head {
  readonly seq: number;
  readonly generation: number;
  readonly hash: string;
}

/** A place of the chain that is known from elsewhere: Redis's head, the sealed mark, a checkpoint. */
export interface Anchor extends Omit<Head, "generation"> {
  /** Where it is known from, for the report. */
  readonly of: string;
}

export type ChainFault = "edited" | "gap" | "order" | "broken-link" | "generation" | "cut" | "rewritten";

export interface ChainProblem {
  readonly seq: number;
  readonly fault: ChainFault;
  readonly problem: string;
}

export type ChainVerdict =
  { readonly ok: true; readonly head: Head } | ({ readonly ok: false } & ChainProblem);

/** How far the generation jumps at a recovery, so that no writer of the lost Redis can name a valid one by chance. */
export const RECOVERY_JUMP = 1000;

/** Gives a draft its place after `head`; a recovery raises the generation by more than one. */
export const seal = (draft: LedgerDraft, head: Head, generationStep = 1): LedgerEntry => {
  const { at, model, actor, reason, events } = draft;
  const body = { at, model, actor, reason, events, ...placeAfter(head, generationStep) };
  return { ...body, hash: sha256Hex(canonicalJson(body)) };
};

/** Recomputes the hash of an entry from everything else in it. */
export const hashOf = (entry: LedgerEntry): string => {
  const { hash: _, ...body } = entry;
  return sha256Hex(canonicalJson(body));
};

/** Verifies a whole chain as it was read, from its first entry on; `anchors` detect a cut or a rewritten chain. */
export const verifyChain = (
  entries: readonly LedgerEntry[],
  anchors: readonly Anchor[] = [],
): ChainVerdict => {
  const [first] = chainProblems(entries, anchors);
  if (first !== undefined) return { ok: false, ...first };
  const { seq, generation, hash } = entries.at(-1) ?? EMPTY_HEAD;
  return { ok: true, head: { seq, generation, hash } };
};

/** The head of a ledger without entries. */
export const EMPTY_HEAD: Head = { seq: 0, generation: 0, hash: GENESIS };

/** Lists every problem of a chain: each entry against its own hash and the one before it, then each anchor. */
export const chainProblems = (
  entries: readonly LedgerEntry[],
  anchors: readonly Anchor[] = [],
  after: Head = EMPTY_HEAD,
): readonly ChainProblem[] => {
  let before = after;
  const problems: ChainProblem[] = [];
  for (const entry of entries) {
    problems.push(...entryProblems(entry, before));
    before = entry;
  }
  return [...problems, ...anchors.flatMap((anchor) => anchorProblems(entries, anchor))];
};

const placeAfter = (
  head: Head,
  generationStep: number,
): Pick<LedgerEntry, "seq" | "generation" | "prev_hash"> => ({
  seq: head.seq + 1,
  generation: head.generation + generationStep,
  prev_hash: head.hash,
});

const entryProblems = (entry: LedgerEntry, before: Head): readonly ChainProblem[] => {
  const { seq } = entry;
  const found: ChainProblem[] = [];
  if (seq > before.seq + 1)
    found.push({ seq, fault: "gap", problem: `entries ${before.seq + 1} to ${seq - 1} are missing` });
  if (seq <= before.seq)
    found.push({ seq, fault: "order", problem: `entry ${seq} stands after entry ${before.seq}` });
  if (hashOf(entry) !== entry.hash)
    found.push({
      seq,
      fault: "edited",
      problem: `entry ${seq} does not have the content its hash was made of`,
    });
  if (entry.prev_hash !== before.hash)
    found.push({
      seq,
      fault: "broken-link",
      problem: `entry ${seq} was not written after the entry before it`,
    });
  if (entry.generation <= before.generation)
    found.push({
      seq,
      fault: "generation",
      problem: `generation ${entry.generation} follows ${before.generation}`,
    });
  return found;
};

/** Holds one known place against a chain: the entry must be there, with that hash. */
export const anchorProblems = (
  entries: readonly LedgerEntry[],
  { seq, hash, of }: Anchor,
): readonly ChainProblem[] => {
  if (seq === 0) return [];
  const there = entries.find((entry) => entry.seq === seq);
  if (there === undefined)
    return [{ seq, fault: "cut", problem: `${of} knows entry ${seq}, the chain does not have it` }];
  return there.hash === hash
    ? []
    : [{ seq, fault: "rewritten", problem: `${of} knows another entry ${seq} than the chain has` }];
};
