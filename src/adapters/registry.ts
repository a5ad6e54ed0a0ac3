// Plumbing: bundles on disk (SPEC §3): <home>/registry/<model>/<semver>/, written once and read only. A version appears whole
// or not at all; nothing is used before its bytes match SHA256SUMS, and what is used are those same bytes. Links, foreign
// files and names that are no names are refused.
import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, lstat, mkdir, open, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { BUNDLE_FILES, type BundleMetadata } from "../../contracts/bundle.ts";
import { Fault } from "../core/fault.ts";
import { compareVersions, parseVersion, versionAfter } from "../core/version.ts";
import { readBundle, type LoadedBundle } from "./bundle-words.ts";
import { isCode, makeDirectory, renameDurably, syncPath, writeNew } from "./durable.ts";

export type { LoadedBundle };

/** The files a publisher gives; SHA256SUMS is made of them. */
export type BundleContent = Readonly<
  Record<Exclude<(typeof BUNDLE_FILES)[number], "SHA256SUMS">, Uint8Array | string>
>;

export type FileCheck = { readonly file: string; readonly ok: boolean; readonly reason: string };

const SUMS = "SHA256SUMS";
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const CONTENT_FILES = BUNDLE_FILES.filter((file) => file !== SUMS);

/** Opens the registry of a home directory. `afterStep` is told each durable step of a publication (for crash tests). */
export const createRegistry = (home: string, afterStep: (step: string) => void = () => undefined) => {
  const root = resolve(home, "registry");
  const place = (model: string, version: string): string => {
    if (!NAME.test(model)) throw new Fault("poison", `${model.slice(0, 80)}: not a model name`);
    if (parseVersion(version) === null) throw new Fault("poison", `${version.slice(0, 40)}: not a version`);
    return join(root, model, version);
  };

  const list = async (model?: string): Promise<{ model: string; version: string }[]> => {
    if (model !== undefined && !NAME.test(model))
      throw new Fault("poison", `${model.slice(0, 80)}: not a model name`);
    const models = model === undefined ? (await entriesOf(root)).filter((name) => NAME.test(name)) : [model];
    const found = await Promise.all(
      models.sort().map(async (name) =>
        (await entriesOf(join(root, name)))
          .filter((version) => parseVersion(version) !== null)
          .sort(compareVersions)
          .map((version) => ({ model: name, version })),
      ),
    );
    return found.flat();
  };

  return {
    /** Model names and versions, versions in numeric order. */
    list,
    /** The version a new bundle of a contract major gets: `<major>.0.0`, or the last one raised. */
    nextVersion: async (
      model: string,
      contractMajor: number,
      level: "minor" | "patch" = "minor",
    ): Promise<string> =>
      versionAfter(
        (await list(model)).map(({ version }) => version),
        contractMajor,
        level,
      ),
    /** Publishes a bundle under the name and version its metadata carries; gives its path. A version is published once. */
    publish: async (content: BundleContent): Promise<string> => {
      const files = CONTENT_FILES.map((file) => ({ file, bytes: bytesOf(content[file]) }));
      const { metadata } = readBundle(new Map(files.map(({ file, bytes }) => [file, bytes])));
      const target = place(metadata.model, metadata.version);
      const parent = join(root, metadata.model);
      await makeDirectory(parent);
      if (await isThere(target)) throw alreadyThere(metadata);
      const folder = join(parent, `.${randomUUID()}.tmp`);
      await mkdir(folder, { mode: 0o755 });
      try {
        const sums = files.map(({ file, bytes }) => `${sha256(bytes)}  ${file}\n`).join("");
        for (const { file, bytes } of [...files, { file: SUMS, bytes: bytesOf(sums) }]) {
          await writeNew(join(folder, file), bytes, 0o444);
          afterStep(`wrote ${file}`);
        }
        await chmod(folder, 0o555);
        await syncPath(folder);
        afterStep("synced");
        if (!(await renameDurably(folder, target))) throw alreadyThere(metadata);
        afterStep("renamed");
      } catch (error) {
        if (await isThere(folder)) await chmod(folder, 0o755);
        await rm(folder, { recursive: true, force: true });
        throw error;
      }
      return target;
    },
    /** Reads a bundle and verifies every byte before a word of it is used. */
    load: async (model: string, version: string): Promise<LoadedBundle> => {
      const folder = place(model, version);
      const { checks, files } = await check(root, folder, model);
      const broken = checks.find(({ ok }) => !ok);
      if (broken !== undefined)
        throw new Fault("poison", `${model}@${version}: ${broken.file || "bundle"} ${broken.reason}`);
      const bundle = readBundle(files);
      if (bundle.metadata.model !== model || bundle.metadata.version !== version)
        throw new Fault("poison", `${model}@${version}: metadata.yaml is of another version`);
      return bundle;
    },
    /** Checks every file of a bundle and names those that are not what was published. */
    verify: async (model: string, version: string): Promise<{ ok: boolean; files: FileCheck[] }> => {
      const { checks } = await check(root, place(model, version), model);
      return { ok: checks.every(({ ok }) => ok), files: checks };
    },
  };
};

const alreadyThere = ({ model, version }: BundleMetadata): Fault =>
  new Fault("poison", `${model}@${version} is published already: a version never changes`);

/** Reads all files once and judges those bytes: what passes here is what is used, so nothing can be swapped in between. */
const check = async (
  root: string,
  folder: string,
  model: string,
): Promise<{ checks: FileCheck[]; files: Map<string, Uint8Array> }> => {
  const files = new Map<string, Uint8Array>();
  for (const directory of [root, join(root, model), folder]) {
    const stat = await lstat(directory).catch(() => null);
    if (stat === null) return { checks: [bad("", "does not exist")], files };
    if (!stat.isDirectory()) return { checks: [bad("", "is not a plain directory")], files };
  }
  const allowed = new Set<string>(BUNDLE_FILES);
  const checks: FileCheck[] = (await readdir(folder))
    .filter((file) => !allowed.has(file))
    .map((file) => bad(file, "does not belong to a bundle"));
  for (const file of BUNDLE_FILES) {
    const bytes = await readPlain(join(folder, file));
    if (typeof bytes === "string") checks.push(bad(file, bytes));
    else files.set(file, bytes);
  }
  const sums = sumsIn(Buffer.from(files.get(SUMS) ?? []).toString("utf8"));
  for (const file of CONTENT_FILES) {
    const bytes = files.get(file);
    if (bytes === undefined) continue;
    const said = sums?.get(file);
    if (said === undefined) checks.push(bad(file, `is not listed in ${SUMS}`));
    else if (said !== sha256(bytes)) checks.push(bad(file, "does not match SHA256SUMS"));
    else checks.push({ file, ok: true, reason: "" });
  }
  if (files.has(SUMS))
    checks.push(
      sums === null
        ? bad(SUMS, "is not a list of this bundle's digests")
        : { file: SUMS, ok: true, reason: "" },
    );
  return { checks, files };
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

const sumsIn = (text: string): ReadonlyMap<string, string> | null => {
  const lines = text.split("\n").filter((line) => line !== "");
  const pairs = lines.map((line) => /^([0-9a-f]{64}) {2}([a-z_.]+)$/.exec(line));
  if (pairs.some((pair) => pair === null) || lines.length !== CONTENT_FILES.length) return null;
  const sums = new Map(pairs.map((pair): [string, string] => [pair?.[2] ?? "", pair?.[1] ?? ""]));
  return CONTENT_FILES.every((file) => sums.has(file)) ? sums : null;
};

const entriesOf = async (folder: string): Promise<string[]> => {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
};

const isThere = async (path: string): Promise<boolean> => (await lstat(path).catch(() => null)) !== null;
const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? Buffer.from(content, "utf8") : content;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
