// Plumbing: a CSV or JSONL file read whole for a comparison: every cell judged by the contract as freezing does it, and what it takes kept
// by columns. Freezes nothing, yet names the rows by the digest they would have frozen.
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { ComparedColumn } from "../core/compare-columns.ts";
import type { Findings } from "../core/findings.ts";
import { createColumnBlocks } from "./column-blocks.ts";
import { createRowPacker } from "./dataset-cells.ts";
import { countedRows, frozenColumns, rowsHash } from "./dataset-rows.ts";
import { readText } from "./dataset-text.ts";

/** What is to be read; `scratch` is a file that is made and at once unlinked. */
export type ReadOrder = {
  readonly path: string;
  readonly scratch: string;
  readonly contract: FeatureContract;
  readonly contractDigest: string;
};

export type CountedRows = ReturnType<typeof countedRows> & { readonly digest: string };
export type TextColumns =
  | { readonly ok: true; readonly counted: CountedRows; column(feature: string): ComparedColumn }
  | { readonly ok: false; readonly findings: Findings };

/** Rows are handed on while they still lie in the processor's cache. */
const FLUSH_BYTES = 1 << 18;

/** Reads and judges a whole file; its columns are lent until `close`. */
export const readTextColumns = async (order: ReadOrder): Promise<TextColumns & { close(): void }> => {
  const { contract, contractDigest } = order;
  const columns = frozenColumns(contract, "optional");
  const packer = createRowPacker(contract, "optional");
  const hash = rowsHash(contractDigest, columns);
  const blocks = createColumnBlocks(order.scratch, columns);
  const hand = (atLeast: number): void => {
    if (packer.packedBytes < Math.max(1, atLeast)) return;
    packer.empty((rows) => {
      if (packer.failed) return;
      hash.update(rows);
      blocks.add(rows);
    });
  };
  await readText(order.path, { contract, packer, flush: () => Promise.resolve(hand(FLUSH_BYTES)) });
  packer.close();
  hand(1);
  const findings = packer.findings();
  if (findings.total > 0) return { ok: false, findings, close: blocks.close };
  const column = (feature: string): ComparedColumn =>
    blocks.column(columns.findIndex(({ name, role }) => name === feature && role === "feature"));
  const counted = { digest: hash.digest("hex"), ...countedRows(contract, packer.seen()) };
  return { ok: true, counted, column, close: blocks.close };
};
