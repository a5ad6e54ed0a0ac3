// Adapter: the other side of shadow-child.ts, run in the child process. Loads one model from the bytes it is sent and answers one
// message with one message. Ends with its parent.
import { z } from "zod";
import { Feed, Positive } from "../../contracts/bundle.ts";
import { FeatureEncoding } from "../../contracts/encoding.ts";
import type { ScoringSession } from "../ports-serving.ts";
import { createSession } from "./onnx.ts";

const Load = z.object({
  bytes: z.instanceof(Uint8Array),
  spec: z.object({ feed: Feed, positive: Positive, features: z.array(FeatureEncoding) }),
});
const Score = z.object({ id: z.int(), n: z.int().min(1), vector: z.instanceof(Float32Array) });

/** Answers the parent until it is gone. */
export const scoreForParent = (): void => {
  let session: ScoringSession | null = null;
  const say = (message: unknown): void => {
    process.send?.(message);
  };
  const answer = async (raw: unknown): Promise<void> => {
    if (session === null) {
      const { bytes, spec } = Load.parse(raw);
      session = await createSession(bytes, spec);
      say({ ready: true });
      return;
    }
    const { id, n, vector } = Score.parse(raw);
    try {
      say({ id, scores: await session.run(vector, n) });
    } catch (error) {
      say({ id, error: error instanceof Error ? error.message : "the model failed" });
    }
  };
  process.on("message", (raw) => {
    answer(raw).catch((error: unknown) => {
      say({ failed: error instanceof Error ? error.message : "the model could not be loaded" });
    });
  });
  process.on("disconnect", () => process.exit(0));
};
