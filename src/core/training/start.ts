// Core, training: what a retraining goes on from. A few weeks of labels are little beside what the serving model was fitted on; its
// trees are kept and new ones added, on rows it has not seen. Never judges a continued model on rows any part of it was fitted on.
import type { BoostedTrees } from "./boosting.ts";
import { ensembleOf, Explainer } from "./explain.ts";

/** An ensemble of more trees is not grown on: each generation would be slower to serve than the one before. */
const TREES_MAX = 1_000;
/** Less of the span than this, unseen by the parent, is too little: the whole span is learned from, from scratch. */
const UNSEEN_SHARE_MIN = 0.5;

/** Where rows to learn from begin, and the parent's trees where only rows it has not seen are left. */
export const startFrom = (
  parent: { readonly explainer: unknown; readonly seenTo: string | null },
  span: { readonly startMs: number; readonly endMs: number },
): { readonly startMs: number; readonly start: BoostedTrees | null } => {
  const scratch = { startMs: span.startMs, start: null };
  const explainer = Explainer.safeParse(parent.explainer);
  if (parent.seenTo === null || !explainer.success || explainer.data.kind !== "trees") return scratch;
  if (explainer.data.trees.length > TREES_MAX) return scratch;
  const startMs = Math.max(span.startMs, Date.parse(parent.seenTo) + 1);
  const unseen = (span.endMs - startMs) / (span.endMs - span.startMs);
  return unseen >= UNSEEN_SHARE_MIN ? { startMs, start: ensembleOf(explainer.data) } : scratch;
};
