// Plumbing: the registry of bundles (SPEC §3): <model>/<semver>/, written once and read only, on whatever shelf it stands (a
// directory, an S3-compatible store). A version appears whole or not at all; nothing is used before its bytes match SHA256SUMS, and
// what is used are those same bytes.
import { createHash } from "node:crypto";
import { BUNDLE_FILES } from "../../contracts/bundle.ts";
import { Fault } from "../core/fault.ts";
import { compareVersions, parseVersion, versionAfter } from "../core/version.ts";
import { readBundle, type LoadedBundle } from "./bundle-words.ts";
import { createFileShelf, type BundleShelf, type FileCheck } from "./registry-files.ts";

export type { BundleShelf, FileCheck, LoadedBundle };

/** The files a publisher gives; SHA256SUMS is made of them. */
export type BundleContent = Readonly<
  Record<Exclude<(typeof BUNDLE_FILES)[number], "SHA256SUMS">, Uint8Array | string>
>;

export type Registry = ReturnType<typeof createRegistryOn>;

const SUMS = "SHA256SUMS";
const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const CONTENT_FILES = BUNDLE_FILES.filter((file) => file !== SUMS);

/** Opens the registry in a home directory. `afterStep` is told each durable step of a publication (for crash tests). */
export const createRegistry = (home: string, afterStep?: (step: string) => void): Registry =>
  createRegistryOn(createFileShelf(home, afterStep));

/** Opens the registry on a shelf. */
export const createRegistryOn = (shelf: BundleShelf) => {
  const refuseBadName = (model: string): void => {
    if (!NAME.test(model)) throw new Fault("poison", `${model.slice(0, 80)}: not a model name`);
  };
  const refuseBadPlace = (model: string, version: string): void => {
    refuseBadName(model);
    if (parseVersion(version) === null) throw new Fault("poison", `${version.slice(0, 40)}: not a version`);
  };
  const check = async (model: string, version: string) => {
    refuseBadPlace(model, version);
    const { faults, files } = await shelf.read(model, version);
    return { checks: [...faults, ...judged(files)], files };
  };

  return {
    /** Model names and versions, versions in numeric order. */
    list: async (model?: string): Promise<{ model: string; version: string }[]> => {
      if (model !== undefined) refuseBadName(model);
      return (await shelf.list(model))
        .filter((found) => NAME.test(found.model) && parseVersion(found.version) !== null)
        .sort((a, b) =>
          a.model === b.model ? compareVersions(a.version, b.version) : a.model < b.model ? -1 : 1,
        );
    },
    /** The version a new bundle of a contract major gets: `<major>.0.0`, or the last one raised. */
    nextVersion: async (
      model: string,
      contractMajor: number,
      level: "minor" | "patch" = "minor",
    ): Promise<string> => {
      refuseBadName(model);
      const taken = (await shelf.taken(model)).filter((version) => parseVersion(version) !== null);
      return versionAfter(taken.sort(compareVersions), contractMajor, level);
    },
    /** Publishes a bundle under the name and version its metadata carries; gives its place. A version is published once. */
    publish: async (content: BundleContent): Promise<string> => {
      const files = CONTENT_FILES.map((file) => ({ file, bytes: bytesOf(content[file]) }));
      const { model, version } = readBundle(new Map(files.map(({ file, bytes }) => [file, bytes]))).metadata;
      refuseBadPlace(model, version);
      const sums = files.map(({ file, bytes }) => `${sha256(bytes)}  ${file}\n`).join("");
      const place = await shelf.publish(model, version, [...files, { file: SUMS, bytes: bytesOf(sums) }]);
      if (place !== null) return place;
      throw new Fault("poison", `${model}@${version} is published already: a version never changes`);
    },
    /** Reads a bundle and verifies every byte before a word of it is used. */
    load: async (model: string, version: string): Promise<LoadedBundle> => {
      const { checks, files } = await check(model, version);
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
      const { checks } = await check(model, version);
      return { ok: checks.every(({ ok }) => ok), files: checks };
    },
  };
};

/** Holds the bytes that were read against the bundle's own list: what passes here is what is used. */
const judged = (files: ReadonlyMap<string, Uint8Array>): FileCheck[] => {
  const written = files.get(SUMS);
  const sums = sumsIn(Buffer.from(written ?? []).toString("utf8"));
  const checks = CONTENT_FILES.flatMap((file): FileCheck[] => {
    const bytes = files.get(file);
    if (bytes === undefined) return [];
    const said = sums?.get(file);
    if (said === undefined) return [bad(file, `is not listed in ${SUMS}`)];
    return [said === sha256(bytes) ? good(file) : bad(file, `does not match ${SUMS}`)];
  });
  if (written === undefined) return checks;
  return [...checks, sums === null ? bad(SUMS, "is not a list of this bundle's digests") : good(SUMS)];
};

const bad = (file: string, reason: string): FileCheck => ({ file, ok: false, reason });
const good = (file: string): FileCheck => ({ file, ok: true, reason: "" });

const sumsIn = (text: string): ReadonlyMap<string, string> | null => {
  const lines = text.split("\n").filter((line) => line !== "");
  const pairs = lines.map((line) => /^([0-9a-f]{64}) {2}([a-z_.]+)$/.exec(line));
  if (pairs.some((pair) => pair === null) || lines.length !== CONTENT_FILES.length) return null;
  const sums = new Map(pairs.map((pair): [string, string] => [pair?.[2] ?? "", pair?.[1] ?? ""]));
  return CONTENT_FILES.every((file) => sums.has(file)) ? sums : null;
};

const bytesOf = (content: Uint8Array | string): Uint8Array =>
  typeof content === "string" ? Buffer.from(content, "utf8") : content;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
