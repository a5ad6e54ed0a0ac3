// Adapter: a verified bundle's session for work outside serving: ours in this process, a model made elsewhere in a child of its
// own under a memory limit, as it would shadow.
import type { ScoringSession } from "../ports-serving.ts";
import { createSession } from "./onnx.ts";
import type { LoadedBundle } from "./registry.ts";
import { startShadowChild } from "./shadow-child.ts";

/** Opens the session; whoever opens it closes it. */
export const openBundle = ({
  metadata,
  preprocessor,
  encoding,
  modelBytes,
}: Pick<LoadedBundle, "metadata" | "preprocessor" | "encoding" | "modelBytes">): Promise<ScoringSession> => {
  const spec = { feed: preprocessor.feed, positive: preprocessor.positive, features: encoding.features };
  return metadata.family === "external"
    ? startShadowChild({ bytes: modelBytes, spec }, { hangMs: 60_000 })
    : createSession(modelBytes, spec);
};
