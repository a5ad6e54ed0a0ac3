// Adapter: structured log lines on stderr (pino), or in a file where one is named. Machine output owns stdout. No line ever carries a raw input: callers hand in names,
// counts and reasons only.
import { pino } from "pino";
import type { Log } from "../ports.ts";

export const createLog = (by: { name: string; level: string; file?: string }): Log =>
  pino(
    { name: by.name, level: by.level, base: { name: by.name } },
    pino.destination({ dest: by.file ?? 2, sync: by.file !== undefined }),
  );
