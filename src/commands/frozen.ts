// Door: frozen rows as several commands need them: under the right contract, by the encoding of its major, as a matrix.
import type { Encoding } from "../../contracts/encoding.ts";
import type { FeatureContract } from "../../contracts/feature-contract.ts";
import type { FrozenDataset } from "../adapters/dataset.ts";
import { freezeEncoding } from "../core/encode.ts";

/** A dataset frozen under another contract has other columns or rules; using it would be a silent change of meaning. */
export const ownRows = (frozen: FrozenDataset, contractDigest: string, name: string): FrozenDataset => {
  if (frozen.manifest.contract.digest === contractDigest) return frozen;
  const { name: model, version } = frozen.manifest.contract;
  throw new Error(
    `${name} was frozen under ${model}@${version}, whose rules differ: freeze it again under this contract`,
  );
};

/** The encoding of the contract's major: the one its bundles already share, or a new one frozen from these rows. */
export const encodingFor = async (
  registry: {
    list(model: string): Promise<{ version: string }[]>;
    load(model: string, version: string): Promise<{ encoding: Encoding }>;
  },
  contract: FeatureContract,
  contractDigest: string,
  frozen: FrozenDataset,
): Promise<Encoding> => {
  const major = contract.version.split(".")[0] ?? "";
  const known = (await registry.list(contract.name))
    .filter(({ version }) => version.split(".")[0] === major)
    .at(-1);
  if (known !== undefined) return (await registry.load(contract.name, known.version)).encoding;
  return freezeEncoding({
    contract,
    contractDigest,
    dataset: frozen.manifest.digest,
    columns: frozen.columns,
  });
};

/** Splits `<model>@<version>`. */
export const splitReference = (reference: string): { model: string; version: string } => {
  const [model, version, more] = reference.split("@");
  if (model === undefined || version === undefined || more !== undefined)
    throw new Error(`${reference}: expected <model>@<version>`);
  return { model, version };
};
