// Adapter: the shapes in which ClickHouse answers, as words that several stores share. Translation of columns to our names
// happens here and in the stores beside; nothing upstairs sees a snake_case row.
import { z } from "zod";
import type { Histogram } from "../../contracts/counts.ts";

/** sumMap's answer: [keys, counts]. */
export const SparseRow = z
  .tuple([z.array(z.number()), z.array(z.number())])
  .transform(([keys, counts]): Histogram => ({ keys, counts }));

export const RoleRow = z.enum(["production", "shadow"]);

/** A parameter list for the engine: instants become its text form. */
export type Parameters = Readonly<Record<string, string | number | readonly string[] | readonly number[]>>;

/** What the stores need of the ClickHouse adapter. */
export interface Engine {
  query(name: string, parameters: Parameters): Promise<unknown[]>;
  /** The answer as the engine wrote it in `format`. */
  bytes(name: string, parameters: Parameters, format: string): Promise<Buffer>;
  insert(table: string, rows: readonly object[], by: { token: string }): Promise<void>;
}

/** Runs a named query and turns each row into a word. */
export const ask = async <T>(
  engine: Engine,
  name: string,
  parameters: Parameters,
  word: z.ZodType<T>,
): Promise<T[]> => (await engine.query(name, parameters)).map((row) => word.parse(row));
