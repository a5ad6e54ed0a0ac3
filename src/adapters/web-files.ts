// Adapter: the dashboard's built files, read once into memory from `dist/web`. A name is looked up in what was read and nowhere else, so no
// path can leave the folder.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { ServesFiles, WebFile } from "../ports-reading.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".map": "application/json",
};

/** Reads the folder; a missing one serves nothing. */
export const createWebFiles = (folder: string): ServesFiles => {
  const names = existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    : [];
  const files = new Map(
    names.flatMap((entry): [string, WebFile][] => {
      const full = path.join(entry.parentPath, entry.name);
      const type = TYPES[path.extname(entry.name)];
      if (type === undefined) return [];
      const bytes = readFileSync(full);
      const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
      return [[path.relative(folder, full).split(path.sep).join("/"), { bytes, type, etag }]];
    }),
  );
  return (name) => files.get(name) ?? null;
};
