// Core: what a checkpoint signs. The bytes to be signed are the canonical JSON of everything but the signature; making and
// checking signatures needs keys and is the adapter's work.
import type { Checkpoint } from "../../contracts/checkpoint.ts";
import { canonicalJson } from "./canonical.ts";
import type { Anchor, Head } from "./ledger.ts";

/** A checkpoint before its signature. */
export type CheckpointBody = Omit<Checkpoint, "signature">;

/** Writes down a head for signing. */
export const checkpointBody = (
  head: Head,
  by: { readonly origin: string; readonly at: string; readonly keyId: string },
): CheckpointBody => ({
  v: 1,
  origin: by.origin,
  seq: head.seq,
  generation: head.generation,
  hash: head.hash,
  at: by.at,
  key_id: by.keyId,
});

/** Gives the text a checkpoint's signature is made of. */
export const signedText = (checkpoint: CheckpointBody | Checkpoint): string => {
  const { v, origin, seq, generation, hash, at, key_id } = checkpoint;
  return canonicalJson({ v, origin, seq, generation, hash, at, key_id });
};

/** Gives the place of the chain a checkpoint vouches for. */
export const checkpointAnchor = ({ seq, hash, at }: Checkpoint): Anchor => ({
  seq,
  hash,
  of: `the checkpoint of ${at}`,
});
