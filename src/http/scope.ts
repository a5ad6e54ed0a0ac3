// Stage room: the models as one caller may see them. A model outside the key's scope does not exist for its holder: unknown, not forbidden.
import type { ServesModels } from "../ports-serving.ts";

/** Narrows the served models to `allowed`; null: all. */
export const scopedModels = (models: ServesModels, allowed: readonly string[] | null): ServesModels => {
  if (allowed === null) return models;
  const names = (): readonly string[] => models.names().filter((name) => allowed.includes(name));
  return {
    current: (model) => {
      if (model !== undefined) return allowed.includes(model) ? models.current(model) : null;
      const [only, ...others] = names();
      return only === undefined || others.length > 0 ? null : models.current(only);
    },
    candidates: (model) => (allowed.includes(model) ? models.candidates(model) : []),
    knows: (model) => allowed.includes(model) && models.knows(model),
    names,
    generation: models.generation,
  };
};
