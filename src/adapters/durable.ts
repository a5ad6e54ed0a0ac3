// Plumbing: writing to disk so that a crash leaves the old state or the new one, never something between: every byte is
// fsynced before a rename makes it visible, and the rename is fsynced before anybody is told. Never writes in place.
import { mkdir, open, readdir, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fault } from "../core/fault.ts";

/** Writes a new file and its bytes to disk; fails if it exists. */
export const writeNew = async (path: string, content: Uint8Array | string, mode = 0o644): Promise<void> => {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Makes a directory's entries, or a file's bytes, durable. */
export const syncPath = async (path: string): Promise<void> => {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Makes a directory and its parents, each durable in the one above it. */
export const makeDirectory = async (path: string): Promise<void> => {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return; // it was there
  for (let at = path; ; at = dirname(at)) {
    await syncPath(dirname(at));
    if (at === first || at === dirname(at)) return;
  }
};

/** Renames and makes the new name durable. Gives false where a directory of that name already has content. */
export const renameDurably = async (from: string, to: string): Promise<boolean> => {
  try {
    await rename(from, to);
  } catch (error) {
    if (isCode(error, "ENOTEMPTY") || isCode(error, "EEXIST")) return false;
    throw error;
  }
  await syncPath(dirname(to));
  return true;
};

/** Replaces a small file whole: readers see the old content or the new. */
export const replaceFile = async (path: string, content: string, unique: string): Promise<void> => {
  const sibling = join(dirname(path), `.${unique}.tmp`);
  try {
    await writeNew(sibling, content);
    await renameDurably(sibling, path);
  } finally {
    await rm(sibling, { force: true });
  }
};

/** Says whether an error carries a system code such as ENOENT. */
export const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

/** What lies in a folder; nothing where there is none. */
export const entriesOf = async (folder: string): Promise<string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
};

/** Less room than this is none: what was being written needed more. */
const ROOM_MIN = 1 << 20;

/** Throws the cause of a failed write, said for what it is where the disk is full: an engine may only say that a file is torn. */
export const failedWrite = async (file: string, cause: unknown): Promise<never> => {
  const disk = await statfs(dirname(file)).catch(() => null);
  if (disk === null || disk.bavail * disk.bsize >= ROOM_MIN) throw cause;
  throw new Fault("transient", `ENOSPC: no space left on device, write ${file}`, { cause });
};
