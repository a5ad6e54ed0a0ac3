// Plumbing: turns the verified bytes of a bundle into words, and refuses a bundle whose files speak of different models,
// contracts or encodings. Reads no disk: the bytes it gets are the bytes that were verified.
import { createHash } from "node:crypto";
import { parse as parseYaml } from "yaml";
import { BundleMetadata, BundleMetrics, Preprocessor, Reference } from "../../contracts/bundle.ts";
import { Encoding } from "../../contracts/encoding.ts";
import { contractDigest } from "../core/contract.ts";
import { encodingDigest } from "../core/encode.ts";
import { Fault } from "../core/fault.ts";

/** A bundle whose every byte was verified. */
export type LoadedBundle = {
  readonly metadata: BundleMetadata;
  readonly metrics: BundleMetrics;
  readonly preprocessor: Omit<Preprocessor, "encoding">;
  readonly encoding: Encoding;
  readonly reference: Reference;
  readonly modelBytes: Uint8Array;
};

/** Reads a bundle's files by name; a Fault names the file that is wrong. */
export const readBundle = (files: ReadonlyMap<string, Uint8Array>): LoadedBundle => {
  const text = (file: string): string => Buffer.from(files.get(file) ?? []).toString("utf8");
  const word = <T>(file: string, read: () => T): T => {
    try {
      return read();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Fault("poison", `${file} cannot be read: ${why.slice(0, 300)}`, { cause });
    }
  };
  const json = (file: string): unknown => word(file, (): unknown => JSON.parse(text(file)));
  const metadata = word("metadata.yaml", () =>
    BundleMetadata.parse(parseYaml(text("metadata.yaml"), { maxAliasCount: 0 })),
  );
  const metrics = word("metrics.json", () => BundleMetrics.parse(json("metrics.json")));
  const { encoding: rawEncoding, ...written } = word("preprocessor.json", () =>
    Preprocessor.parse(json("preprocessor.json")),
  );
  const encoding = word("preprocessor.json", () => Encoding.parse(rawEncoding));
  const { definition, ...named } = written.contract;
  const features = inVectorOrder(definition.features, encoding, "preprocessor.json");
  const preprocessor = { ...written, contract: { ...named, definition: { ...definition, features } } };
  const counted = word("reference.json", () => Reference.parse(json("reference.json")));
  const reference = { ...counted, features: inVectorOrder(counted.features, encoding, "reference.json") };
  const modelBytes = files.get("model.onnx") ?? new Uint8Array(0);

  const agree: readonly [string, boolean][] = [
    [
      "preprocessor.json: its encoding is not the one it names",
      encodingDigest(encoding) === preprocessor.encoding_digest,
    ],
    ["metadata.yaml names another encoding", metadata.encoding_digest === preprocessor.encoding_digest],
    ["reference.json counts another encoding", reference.encoding_digest === preprocessor.encoding_digest],
    ["metadata.yaml names another contract", metadata.contract.digest === preprocessor.contract.digest],
    [
      "preprocessor.json: its contract is not the one it names",
      contractDigest(preprocessor.contract.definition) === preprocessor.contract.digest,
    ],
    ["metadata.yaml names another model.onnx", metadata.model_digest === sha256(modelBytes)],
  ];
  const wrong = agree.find(([, holds]) => !holds);
  if (wrong !== undefined) throw new Fault("poison", wrong[0]);
  return { metadata, metrics, preprocessor, encoding, reference, modelBytes };
};

/**
 * Puts a record's features back into the vector's order. A bundle's JSON may be canonical, which sorts keys; the encoding is a
 * list, so the order is never lost, only to be restored before anybody counts on it.
 */
const inVectorOrder = <T>(
  record: Readonly<Record<string, T>>,
  encoding: Encoding,
  file: string,
): Record<string, T> => {
  const entries = encoding.features.map(({ feature }): [string, T] => {
    const value = Object.hasOwn(record, feature) ? record[feature] : undefined;
    if (value === undefined) throw new Fault("poison", `${file} lacks the feature ${feature}`);
    return [feature, value];
  });
  if (entries.length !== Object.keys(record).length)
    throw new Fault("poison", `${file} has features that its encoding has not`);
  return Object.fromEntries(entries);
};

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
