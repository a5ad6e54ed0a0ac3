// Adapter: teaches a trainer made elsewhere: writes the lesson as Parquet and the contract as JSON into a folder of its own, runs the
// command, and judges the ONNX file it left as any stranger's. The folder is gone afterwards, whatever happened.
import { randomUUID } from "node:crypto";
import { open, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Feed, Positive } from "../../contracts/bundle.ts";
import type { Lesson } from "../ports.ts";
import { frozenColumns, type FrozenColumn } from "./dataset-rows.ts";
import { createDatasetEngine } from "./dataset-engine.ts";
import { failedWrite, makeDirectory } from "./durable.ts";
import { openExternal } from "./external-model.ts";
import { createRowBinary } from "./row-binary.ts";
import { runTrainer } from "./trainer-process.ts";

const FLUSH_BYTES = 8 * 1024 * 1024;

/** Gives what teaches: the model as it may be registered, or why it may not. */
export const createTeacher =
  (by: {
    readonly home: string;
    readonly command: readonly string[];
    /** Where the positive class is (`OUTPUT[:INDEX]`), or null. */
    readonly positive: string | null;
    readonly timeMs: number;
    readonly signal: AbortSignal;
    /** Lends an engine that may read and write files. */
    readonly withEngine: <T>(use: (url: string) => Promise<T>) => Promise<T>;
    readonly onOutput?: (text: string) => void;
  }) =>
  async (
    lesson: Lesson,
  ): Promise<{ bytes: Uint8Array; feed: Feed; positive: Positive } | { refused: string; detail: string }> => {
    const folder = path.join(by.home, "tmp", `trainer-${randomUUID()}`);
    const files = {
      data: path.join(folder, "data.parquet"),
      contract: path.join(folder, "contract.json"),
      output: path.join(folder, "model.onnx"),
    };
    await makeDirectory(folder);
    try {
      await by.withEngine((url) => writeLesson(url, lesson, folder, files.data));
      await writeFile(files.contract, `${JSON.stringify(lesson.contract, null, 2)}\n`);
      const file = await runTrainer({ ...by, files, seed: lesson.seed });
      if ("refused" in file) return file;
      return await openExternal(file, {
        contract: lesson.contract,
        features: lesson.encoding.features,
        asked: by.positive,
        sample: lesson.sample,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };

/** The columns of a frozen dataset, less the entity: features in contract order, the label, the event time where there is one. */
const writeLesson = async (url: string, lesson: Lesson, folder: string, file: string): Promise<void> => {
  const columns = frozenColumns(lesson.contract, "required").filter(
    ({ role }) =>
      role === "feature" || role === "label" || (role === "event_time" && lesson.timesMs !== null),
  );
  const staging = path.join(folder, "rows.bin");
  const staged = await open(staging, "wx");
  try {
    const out = createRowBinary();
    const writers = columns.map((column) => writerOf(column, lesson, out));
    for (let row = 0; row < lesson.rows; row++) {
      out.putInt64(row + 1);
      for (const write of writers) write(row);
      if (out.size() >= FLUSH_BYTES) await staged.writeFile(out.empty((rows) => Buffer.from(rows)));
    }
    await staged.writeFile(out.empty((rows) => Buffer.from(rows)));
  } finally {
    await staged.close();
  }
  await createDatasetEngine(url)
    .writeParquet(staging, columns, file, "left out")
    .catch((cause: unknown) => failedWrite(file, cause));
  await rm(staging);
};

const writerOf = (
  { name, role, nullable }: FrozenColumn,
  lesson: Lesson,
  out: ReturnType<typeof createRowBinary>,
): ((row: number) => void) => {
  if (role === "label") return (row) => out.putByte(lesson.label[row] ?? 0);
  if (role === "event_time") return (row) => out.putInt64(Math.round((lesson.timesMs?.[row] ?? 0) * 1000));
  const column = lesson.columns[name];
  if (column === undefined) throw new Error(`the lesson lacks ${name}`);
  const flag = nullable ? () => out.putByte(0) : () => undefined;
  if (column instanceof Float64Array)
    return (row) => {
      const value = column[row] ?? NaN;
      if (nullable && Number.isNaN(value)) return out.putNull();
      flag();
      out.putFloat64(value);
    };
  const { dictionary, indices } = column;
  return (row) => {
    const value = dictionary[indices[row] ?? -1];
    if (nullable && value === undefined) return out.putNull();
    flag();
    out.putText(value ?? "");
  };
};
