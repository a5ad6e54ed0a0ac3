// Adapter: the registry as the stages read it, behind `ReadsRegistry`. A bundle is verified on first read and remembered without its
// model bytes: a version never changes.
import type { Bundle, ReadsRegistry } from "../ports.ts";
import type { Registry } from "./registry.ts";

export const createRegistryReader = (registry: Registry): ReadsRegistry => {
  const known = new Map<string, Promise<Bundle>>();
  const load = async (model: string, version: string): Promise<Bundle> => {
    const { metadata, metrics, preprocessor, encoding, reference } = await registry.load(model, version);
    return { metadata, metrics, preprocessor, encoding, reference };
  };
  return {
    models: async () => [...new Set((await registry.list()).map(({ model }) => model))],
    versions: async (model) => (await registry.list(model)).map(({ version }) => version),
    bundle: (model, version) => {
      const key = `${model}@${version}`;
      const bundle = known.get(key) ?? load(model, version);
      known.set(key, bundle);
      // A failed read is tried again by the next caller.
      bundle.catch(() => known.delete(key));
      return bundle;
    },
  };
};
