// Plumbing: bundles on disk: <home>/registry/<model>/<semver>/. A version is written beside its place, fsynced and renamed into it;
// it is read only from then on. Links and foreign files are reported, never followed.
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BUNDLE_FILES } from "../../contracts/bundle.ts";
import { isCode, makeDirectory, renameDurably, syncPath, writeNew } from "./durable.ts";

export type FileCheck = { readonly file: string; readonly ok: boolean; readonly reason: string };

/** Where bundles lie. Names and versions it is given are valid; bytes it gives are judged by the registry. */
export interface BundleShelf {
  /** Published versions, of one model or of all, in any order. */
  list(model?: string): Promise<{ model: string; version: string }[]>;
  /** Versions of a model that a new bundle may not take: published ones, and those a publisher has begun. */
  taken(model: string): Promise<string[]>;
  /** Makes all files visible at once, SHA256SUMS last; null where the version is published already. Gives its place. */
  publish(
    model: string,
    version: string,
    files: readonly { readonly file: string; readonly bytes: Uint8Array }[],
  ): Promise<string | null>;
  /** Reads all files of a bundle once; `faults` says what is missing, foreign or not plain. */
  read(
    model: string,
    version: string,
  ): Promise<{ readonly faults: readonly FileCheck[]; readonly files: ReadonlyMap<string, Uint8Array> }>;
}

/** Opens the shelf of a home directory; `afterStep` is told each durable step of a publication. */
export const createFileShelf = (
  home: string,
  afterStep: (step: string) => void = () => undefined,
): BundleShelf => {
  const root = resolve(home, "registry");
  const versionsOf = async (model: string) =>
    (await directoriesIn(join(root, model))).map((version) => ({ model, version }));
  return {
    list: async (model) => {
      const models = model === undefined ? await directoriesIn(root) : [model];
      return (await Promise.all(models.map(versionsOf))).flat();
    },
    taken: async (model) => (await versionsOf(model)).map(({ version }) => version),
    publish: async (model, version, files) => {
      const parent = join(root, model);
      const target = join(parent, version);
      await makeDirectory(parent);
      if (await isThere(target)) return null;
      const folder = join(parent, `.${randomUUID()}.tmp`);
      await mkdir(folder, { mode: 0o755 });
      try {
        for (const { file, bytes } of files) {
          await writeNew(join(folder, file), bytes, 0o444);
          afterStep(`wrote ${file}`);
        }
        await chmod(folder, 0o555);
        await syncPath(folder);
        afterStep("synced");
        const renamed = await renameDurably(folder, target);
        if (renamed) afterStep("renamed");
        else await discard(folder);
        return renamed ? target : null;
      } catch (error) {
        await discard(folder);
        throw error;
      }
    },
    read: (model, version) => readFolder(root, join(root, model), join(root, model, version)),
  };
};

/** A folder made read only must be opened again before it can be emptied. */
const discard = async (folder: string): Promise<void> => {
  if (await isThere(folder)) await chmod(folder, 0o755);
  await rm(folder, { recursive: true, force: true });
};

const readFolder = async (root: string, parent: string, folder: string): ReturnType<BundleShelf["read"]> => {
  const files = new Map<string, Uint8Array>();
  for (const directory of [root, parent, folder]) {
    const stat = await lstat(directory).catch(() => null);
    if (stat === null) return { faults: [bad("", "does not exist")], files };
    if (!stat.isDirectory()) return { faults: [bad("", "is not a plain directory")], files };
  }
  const allowed = new Set<string>(BUNDLE_FILES);
  const faults = (await readdir(folder))
    .filter((file) => !allowed.has(file))
    .map((file) => bad(file, "does not belong to a bundle"));
  for (const file of BUNDLE_FILES) {
    const bytes = await readPlain(join(folder, file));
    if (typeof bytes === "string") faults.push(bad(file, bytes));
    else files.set(file, bytes);
  }
  return { faults, files };
};

const bad = (file: string, reason: string): FileCheck => ({ file, ok: false, reason });

/** Reads a regular file that is no link of any kind; gives the reason where it may not be read. */
const readPlain = async (path: string): Promise<Uint8Array | string> => {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return "is not a regular file";
      if (stat.nlink > 1) return "has a second link";
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isCode(error, "ENOENT")) return "is missing";
    if (isCode(error, "ELOOP")) return "is a symbolic link";
    throw error;
  }
};

const directoriesIn = async (folder: string): Promise<string[]> => {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
};

const isThere = async (path: string): Promise<boolean> => (await lstat(path).catch(() => null)) !== null;
