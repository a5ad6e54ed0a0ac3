// Plumbing: bundles in an S3-compatible store: <prefix>/<model>/<semver>/<file>. Nothing is ever overwritten: each put is conditional.
// A publisher first claims the version for its bytes, and SHA256SUMS, put last, is what makes the version exist: a crash before it
// leaves the registry as it was, and the claimed number unused unless the same bytes are published again.
import { BUNDLE_FILES } from "../../contracts/bundle.ts";
import { Fault } from "../core/fault.ts";
import type { BundleShelf, FileCheck } from "./registry-files.ts";
import type { S3Client } from "./s3.ts";

const SUMS = "SHA256SUMS";

/** Opens the shelf under a key prefix ("" or ending with /); `afterStep` is told each put of a publication. */
export const createS3Shelf = (
  store: S3Client,
  prefix: string,
  afterStep: (step: string) => void = () => undefined,
): BundleShelf => {
  const claimOf = (model: string, version: string): string => `${prefix}${model}/.claims/${version}`;

  /** Takes the version for these bytes; false where it was taken for others. */
  const claim = async (model: string, version: string, sums: Uint8Array): Promise<boolean> => {
    const key = claimOf(model, version);
    if (await store.putNew(key, sums)) {
      afterStep("claimed");
      // Not every store obeys the condition; one that does not would let two publishers mix their files.
      if (await store.putNew(key, sums))
        throw new Fault("poison", "this store ignores If-None-Match: bundles would not be safe in it");
      return true;
    }
    return equal(await store.get(key), sums);
  };

  return {
    list: async (model) => {
      const under = model === undefined ? prefix : `${prefix}${model}/`;
      return (await store.keys(under)).flatMap((key) => {
        const [found, version, file, ...more] = key.slice(prefix.length).split("/");
        const published = found !== undefined && version !== undefined && file === SUMS && more.length === 0;
        return published ? [{ model: found, version }] : [];
      });
    },
    taken: async (model) => {
      const under = `${prefix}${model}/`;
      const places = (await store.keys(under)).map((key) => key.slice(under.length).split("/"));
      return [...new Set(places.map(([first = "", second = ""]) => (first === ".claims" ? second : first)))];
    },
    publish: async (model, version, files) => {
      const sums = files.find(({ file }) => file === SUMS)?.bytes;
      if (sums === undefined) throw new Error(`a bundle without ${SUMS}`);
      const folder = `${prefix}${model}/${version}/`;
      if ((await store.get(`${folder}${SUMS}`)) !== null) return null;
      if (!(await claim(model, version, sums)))
        throw new Fault(
          "poison",
          `${model}@${version} was begun by another publisher: take the next version`,
        );
      for (const { file, bytes } of [...files].sort(
        (a, b) => Number(a.file === SUMS) - Number(b.file === SUMS),
      )) {
        const created = await store.putNew(`${folder}${file}`, bytes);
        afterStep(`put ${file}`);
        if (created) continue;
        if (file === SUMS) return null;
        if (!equal(await store.get(`${folder}${file}`), bytes))
          throw new Fault("poison", `${model}@${version}: ${file} is there already, with other bytes`);
      }
      return folder;
    },
    read: async (model, version) => {
      const folder = `${prefix}${model}/${version}/`;
      const there = (await store.keys(folder)).map((key) => key.slice(folder.length));
      if (there.length === 0) return { faults: [bad("", "does not exist")], files: new Map() };
      const allowed = new Set<string>(BUNDLE_FILES);
      const faults = there
        .filter((file) => !allowed.has(file))
        .map((file) => bad(file, "does not belong to a bundle"));
      const files = new Map<string, Uint8Array>();
      await Promise.all(
        BUNDLE_FILES.map(async (file) => {
          const bytes = await store.get(`${folder}${file}`);
          if (bytes === null) faults.push(bad(file, "is missing"));
          else files.set(file, bytes);
        }),
      );
      return { faults, files };
    },
  };
};

const bad = (file: string, reason: string): FileCheck => ({ file, ok: false, reason });
const equal = (there: Uint8Array | null, wanted: Uint8Array): boolean =>
  there !== null && Buffer.from(wanted).equals(there);
