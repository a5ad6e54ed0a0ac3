// Plumbing: frozen datasets on disk: <home>/datasets/<digest>/{data.parquet, manifest.json} and names that point to them.
// A dataset appears whole or not at all and never changes; freezing the same rows again finds it there. Only names may move.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DatasetManifest } from "../../contracts/dataset.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import { Fault } from "../core/fault.ts";
import { nearestWord } from "../core/nearest.ts";
import type { Findings } from "../core/findings.ts";
import { createRowPacker } from "./dataset-cells.ts";
import { createDatasetEngine } from "./dataset-engine.ts";
import { countedRows, frozenColumns, rowsHash } from "./dataset-rows.ts";
import { readSource, type DatasetInput } from "./dataset-source.ts";
import type { DatasetOrigin } from "./dataset-text.ts";
import {
  entriesOf,
  failedWrite,
  isCode,
  makeDirectory,
  renameDurably,
  replaceFile,
  syncPath,
  writeNew,
} from "./durable.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const DIGEST = /^[0-9a-f]{64}$/;
const FLUSH_BYTES = 1 << 20;

/** Opens the datasets of a home directory, read and written through the embedded engine at `engineUrl`. */
export const createDatasets = (options: { home: string; engineUrl: string }) => {
  const root = resolve(options.home, "datasets");
  const engine = createDatasetEngine(options.engineUrl);

  return {
    /** Starts a draft: rows are judged and staged; nothing is visible before `keep`. */
    draft: async (by: {
      contract: FeatureContract;
      contractDigest: string;
      labels: "required" | "optional";
      /** The name it will get, if any: a bad one is refused before the work, not after. */
      as: string | null;
    }) => {
      if (by.as !== null) refuseBadName(by.as);
      const unique = randomUUID();
      const folder = join(root, `.${unique}.tmp`);
      const columns = frozenColumns(by.contract, by.labels);
      const packer = createRowPacker(by.contract, by.labels);
      const hash = rowsHash(by.contractDigest, columns);
      await makeDirectory(folder);
      const staging = join(folder, "rows.bin");
      const staged = await open(staging, "wx");

      /** Writes full chunks to the staging file; after a violation rows are only judged. */
      const send = async (atLeast: number): Promise<void> => {
        if (packer.packedBytes < Math.max(1, atLeast)) return;
        const rows = packer.empty((packed) => Buffer.from(packed));
        if (packer.failed) return;
        hash.update(rows);
        await staged.writeFile(rows); // appends: the handle keeps its place
      };

      return {
        /** Reads and judges a whole source. */
        read: async (input: DatasetInput): Promise<DatasetOrigin> => {
          const flush = () => send(FLUSH_BYTES);
          const origin = await readSource(input, { contract: by.contract, packer, engine, flush });
          packer.close();
          await send(1);
          return origin;
        },
        findings: (): Findings => packer.findings(),
        /** Makes the judged rows a frozen dataset; the same rows frozen before are left as they are. */
        keep: async (origin: DatasetOrigin): Promise<{ manifest: DatasetManifest; existed: boolean }> => {
          const seen = packer.seen();
          const counted = countedRows(by.contract, seen);
          const digest = hash.digest("hex");
          const target = join(root, digest);
          const known = await readManifest(target);
          if (known !== null) return { manifest: known, existed: true };
          const file = join(folder, "data.parquet");
          const written = await engine
            .writeParquet(staging, columns, file)
            .catch((cause: unknown) => failedWrite(file, cause));
          if (written !== seen.rows)
            throw new Fault("transient", `${seen.rows} rows were staged but the file has ${written}`);
          await syncPath(file);
          const { name, version } = by.contract;
          const manifest: DatasetManifest = {
            v: 1,
            digest,
            contract: { name, version, digest: by.contractDigest },
            source: { kind: origin.kind, digest: origin.digest },
            ...counted,
            sorted: by.contract.event_time === null ? null : seen.sorted,
            columns: columns.map((column) => ({ ...column })),
            dropped: [...origin.dropped],
            file: await fingerprint(file),
          };
          await rm(staging);
          await writeNew(join(folder, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
          await syncPath(folder);
          const published = await renameDurably(folder, target);
          return { manifest, existed: !published };
        },
        /** Removes whatever was staged and not kept. */
        close: async (): Promise<void> => {
          await staged.close();
          await rm(folder, { recursive: true, force: true });
        },
      };
    },
    /** Points a name at a dataset; gives the digest it pointed to before, or null. */
    name: async (name: string, digest: string): Promise<string | null> => {
      refuseBadName(name);
      const names = join(root, "names");
      await makeDirectory(names);
      const before = await named(root, name);
      if (before !== digest) await replaceFile(join(names, name), `${digest}\n`, randomUUID());
      return before;
    },
  };
};

/** A name never looks like a digest or a prefix of one. */
const refuseBadName = (name: string): void => {
  if (!NAME.test(name) || /^[0-9a-f]{12,64}$/.test(name))
    throw new Fault(
      "poison",
      `${name}: expected a name of a-z, 0-9, dot, dash or underscore, not like a digest`,
    );
};

/** Finds the directory and manifest of a dataset by name, digest, digest prefix (≥ 12) or `name@digest`. */
export const findDataset = async (
  home: string,
  reference: string,
): Promise<{ folder: string; manifest: DatasetManifest }> => {
  const root = resolve(home, "datasets");
  const [name, pinned] = reference.includes("@") ? reference.split("@") : [null, reference];
  const digest = await digestOf(root, pinned ?? "");
  if (digest === null) {
    const meant = nearestWord(reference, await readdir(join(root, "names")).catch(() => []));
    throw new Fault(
      "poison",
      `${reference}: no such frozen dataset${meant === null ? "" : `; did you mean ${meant}?`}`,
    );
  }
  if (name !== null && name !== undefined && (!NAME.test(name) || (await named(root, name)) === null))
    throw new Fault("poison", `${reference}: no dataset was ever named ${name}`);
  const folder = join(root, digest);
  const manifest = await readManifest(folder);
  if (manifest === null) throw new Fault("poison", `${reference}: its manifest is missing`);
  if (manifest.digest !== digest)
    throw new Fault("poison", `${reference}: the manifest names another dataset`);
  return { folder, manifest };
};

/** Every frozen dataset with the names that point to it now, by contract, then by what it spans; beside them those that cannot be read. */
export const listDatasets = async (
  home: string,
): Promise<{
  datasets: { manifest: DatasetManifest; names: readonly string[] }[];
  damaged: readonly string[];
}> => {
  const root = resolve(home, "datasets");
  const names = new Map<string, string[]>();
  for (const name of (await entriesOf(join(root, "names"))).sort()) {
    const digest = NAME.test(name) ? await named(root, name) : null;
    if (digest !== null) names.set(digest, [...(names.get(digest) ?? []), name]);
  }
  const found = (await entriesOf(root)).filter((entry) => DIGEST.test(entry));
  const damaged: string[] = [];
  const manifests = await Promise.all(
    found.map((digest) =>
      readManifest(join(root, digest)).catch(() => {
        damaged.push(digest);
        return null;
      }),
    ),
  );
  const orderOf = ({ contract, from, digest }: DatasetManifest): string =>
    [contract.name, contract.version, from ?? "", digest].join(" ");
  const datasets = manifests
    .filter((manifest) => manifest !== null)
    .sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
    .map((manifest) => ({ manifest, names: names.get(manifest.digest) ?? [] }));
  return { datasets, damaged: damaged.sort() };
};

/** SHA-256 and length of a file's bytes. */
export const fingerprint = async (path: string): Promise<{ sha256: string; bytes: number }> => {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    if (!Buffer.isBuffer(chunk)) continue;
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), bytes };
};

const digestOf = async (root: string, reference: string): Promise<string | null> => {
  if (DIGEST.test(reference)) return reference;
  if (/^[0-9a-f]{12,63}$/.test(reference)) {
    const entries = await readdir(root).catch(() => []);
    const matches = entries.filter((entry) => DIGEST.test(entry) && entry.startsWith(reference));
    if (matches.length > 1) throw new Fault("poison", `${reference}: several datasets begin so`);
    return matches[0] ?? null;
  }
  return NAME.test(reference) ? named(root, reference) : null;
};

const named = async (root: string, name: string): Promise<string | null> => {
  try {
    const digest = (await readFile(join(root, "names", name), "utf8")).trim();
    return DIGEST.test(digest) ? digest : null;
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
};

const readManifest = async (folder: string): Promise<DatasetManifest | null> => {
  try {
    return DatasetManifest.parse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")));
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw new Fault("poison", `${folder}: its manifest cannot be read`, { cause: error });
  }
};
