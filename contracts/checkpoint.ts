// Words: a checkpoint, the ledger's head as it was at one time, signed (Ed25519) and written once to disk. Copies kept
// elsewhere prove later that no entry up to `seq` was altered, even by someone who could rewrite the whole chain.
import { z } from "zod";

export const Checkpoint = z.strictObject({
  v: z.literal(1),
  /** Which deployment's ledger this is. */
  origin: z.string(),
  seq: z.int().min(1),
  generation: z.int().min(1),
  /** Hash of entry `seq`, which chains all entries before it. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string(),
  /** First 16 hex digits of the SHA-256 of the public key (SPKI DER). */
  key_id: z.string().regex(/^[0-9a-f]{16}$/),
  /** Ed25519 over the canonical JSON of all other fields, base64. */
  signature: z.string(),
});
export type Checkpoint = z.infer<typeof Checkpoint>;
