// Plumbing: the body of a thread that reads one text file for a comparison, then answers for one column after another. Started only by
// text-columns-reader.ts; importing it anywhere else does nothing.
import { parentPort, type MessagePort } from "node:worker_threads";
import type { ComparedColumn } from "../core/compare-columns.ts";
import { Fault, type FaultKind } from "../core/fault.ts";
import type { Findings } from "../core/findings.ts";
import { readTextColumns, type CountedRows, type ReadOrder } from "./text-columns.ts";

/** First how reading ended, then one column for each feature asked for, in the order of asking. */
export type Told =
  | { readonly kind: "read"; readonly counted: CountedRows }
  | { readonly kind: "refused"; readonly findings: Findings }
  | {
      readonly kind: "failed";
      readonly fault: FaultKind;
      readonly message: string;
      readonly cause: unknown;
    }
  | { readonly kind: "column"; readonly column: ComparedColumn };

const serve = async (order: ReadOrder, port: MessagePort): Promise<void> => {
  const tell = (told: Told, moved: readonly ArrayBuffer[] = []): void => port.postMessage(told, moved);
  try {
    const read = await readTextColumns(order);
    if (!read.ok) return tell({ kind: "refused", findings: read.findings });
    tell({ kind: "read", counted: read.counted });
    port.on("message", (feature: string) => {
      const column = read.column(feature);
      const buffer = column.kind === "numbers" ? column.sorted.buffer : null;
      tell({ kind: "column", column }, buffer instanceof ArrayBuffer ? [buffer] : []);
    });
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const fault = error instanceof Fault ? error.kind : "transient";
    tell({ kind: "failed", fault, message: error.message, cause: error.cause });
  }
};

const port = parentPort;
port?.once("message", (order: ReadOrder) => void serve(order, port));
