// Plumbing: a CSV or JSONL file column by column for a comparison, read by a thread of its own, so that the two files of a comparison
// are read at the same time. Freezes nothing: the file is judged cell for cell by the same rules, and gets the digest it would have
// frozen. No value outlives the process.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { Fault } from "../core/fault.ts";
import type { Findings } from "../core/findings.ts";
import type { ColumnSource } from "./dataset-columns.ts";
import { makeDirectory } from "./durable.ts";
import type { Told } from "./text-columns-thread.ts";
import type { ReadOrder } from "./text-columns.ts";

export type OpenedText =
  { readonly ok: true; readonly source: ColumnSource } | { readonly ok: false; readonly findings: Findings };

/** Starts to read a file; `opened` settles when all of it was judged, `close` ends the thread whatever it is doing. */
export const startTextColumns = async (by: {
  readonly home: string;
  readonly path: string;
  readonly contract: FeatureContract;
  readonly contractDigest: string;
}): Promise<{ opened: Promise<OpenedText>; close(): Promise<void> }> => {
  const folder = join(by.home, "tmp");
  await makeDirectory(folder);
  const { path, contract, contractDigest } = by;
  const order: ReadOrder = {
    path,
    scratch: join(folder, `columns-${randomUUID()}`),
    contract,
    contractDigest,
  };
  const file = import.meta.url.endsWith(".ts") ? "./text-columns-thread.ts" : "./text-columns-thread.js";
  const thread = new Worker(new URL(file, import.meta.url));
  const answers = createAnswers();
  thread.on("message", answers.give);
  thread.once("error", answers.fail);
  thread.once("exit", () => answers.fail(new Fault("transient", `${path}: its reader ended`)));
  thread.postMessage(order);
  const open = async (): Promise<OpenedText> => {
    const told = await answers.next();
    if (told.kind === "refused") return { ok: false, findings: told.findings };
    if (told.kind !== "read") throw new TypeError(`${path}: a column before its rows were read`);
    const column: ColumnSource["column"] = async (feature) => {
      thread.postMessage(feature);
      const given = await answers.next();
      return given.kind === "column" ? given.column : null;
    };
    return { ok: true, source: { name: path, ...told.counted, column } };
  };
  const opened = open();
  opened.catch(() => undefined); // whoever closes before it opened asks no more
  return {
    opened,
    close: async () => {
      await thread.terminate();
    },
  };
};

/** The thread answers in the order it was asked: the first answer is the first asker's. Once it failed, everybody hears of it. */
const createAnswers = () => {
  const given: Told[] = [];
  const askers: { readonly give: (told: Told) => void; readonly fail: (cause: Error) => void }[] = [];
  let failure: Error | null = null;
  const fail = (cause: Error): void => {
    failure ??= cause;
    for (const asker of askers.splice(0)) asker.fail(failure);
  };
  return {
    fail,
    give: (told: Told): void => {
      if (told.kind === "failed") return fail(new Fault(told.fault, told.message, { cause: told.cause }));
      const asker = askers.shift();
      if (asker === undefined) given.push(told);
      else asker.give(told);
    },
    next: (): Promise<Told> => {
      const told = given.shift();
      if (told !== undefined) return Promise.resolve(told);
      if (failure !== null) return Promise.reject(failure);
      return new Promise((give, refuse) => void askers.push({ give, fail: refuse }));
    },
  };
};
