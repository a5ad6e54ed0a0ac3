// Words: governance (SPEC §7). The ledger is a list of entries; each entry carries the events of one atomic move, and the
// state is the fold of all entries (src/core/governance.ts). Times are ISO 8601 UTC with `Z`, in the deployment's clock.
import { z } from "zod";
import { Semver } from "./feature-contract.ts";

export const VersionState = z.enum([
  "TRAINING",
  "SHADOWING",
  "PROMOTABLE",
  "PROMOTED",
  "STANDBY",
  "ARCHIVED",
  "ROLLED_BACK",
  "REJECTED",
]);
export type VersionState = z.infer<typeof VersionState>;

/** Registry alias of a state, as registries of the field name them. */
export const ALIAS: Record<VersionState, "None" | "Staging" | "Production" | "Archived"> = {
  TRAINING: "None",
  SHADOWING: "Staging",
  PROMOTABLE: "Staging",
  PROMOTED: "Production",
  STANDBY: "Archived",
  ARCHIVED: "Archived",
  ROLLED_BACK: "Archived",
  REJECTED: "Archived",
};

/** What a promoted version is held against for as long as it serves, and again after a rollback. */
export const Baseline = z.strictObject({
  n: z.int(),
  f1: z.number().nullable(),
  /** Lower 95 % confidence limit of F1: the catastrophe test's F1_baseline. */
  f1_low: z.number().nullable(),
  accuracy: z.number().nullable(),
  brier: z.number().nullable(),
  roc_auc: z.number().nullable(),
  ece: z.number().nullable(),
  threshold: z.number(),
});
export type Baseline = z.infer<typeof Baseline>;

export const CommandName = z.enum([
  "promote",
  "rollback",
  "reject",
  "approve",
  "freeze",
  "unfreeze",
  "retrain",
  "release",
]);
export type CommandName = z.infer<typeof CommandName>;

export const QuarantineKind = z.enum(["drift", "data_quality"]);
export type QuarantineKind = z.infer<typeof QuarantineKind>;

export const LedgerEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("command"),
    command_id: z.string(),
    command: CommandName,
    version: Semver.nullable(),
    expires_at: z.string().nullable(),
  }),
  z.strictObject({
    type: z.literal("command_done"),
    command_id: z.string(),
    outcome: z.enum(["done", "refused"]),
    detail: z.string(),
  }),
  /** A bundle was found in the registry: its version enters the book as TRAINING. */
  z.strictObject({
    type: z.literal("registered"),
    version: Semver,
    digest: z.string(),
    family: z.string(),
    parent: Semver.nullable(),
    training_id: z.string().nullable(),
  }),
  z.strictObject({
    type: z.literal("transition"),
    version: Semver,
    from: VersionState,
    to: VersionState,
    baseline: Baseline.nullable(),
  }),
  /** Write-ahead: this training is about to start; its id is derived from the evidence that asked for it. */
  z.strictObject({
    type: z.literal("training_requested"),
    training_id: z.string(),
    decision_id: z.string().nullable(),
    attempt: z.int().min(1),
    /** Labelled rows up to this time may be used. */
    through: z.string(),
  }),
  z.strictObject({
    type: z.literal("training_finished"),
    training_id: z.string(),
    outcome: z.enum(["published", "failed", "refused"]),
    version: Semver.nullable(),
    detail: z.string(),
  }),
  z.strictObject({
    type: z.literal("quarantined"),
    kind: QuarantineKind,
    window_start: z.string(),
    window_end: z.string(),
    detail: z.string(),
  }),
  z.strictObject({
    type: z.literal("released"),
    kind: QuarantineKind,
    window_start: z.string(),
    window_end: z.string(),
    detail: z.string(),
  }),
  z.strictObject({ type: z.literal("frozen"), until: z.string().nullable() }),
  z.strictObject({ type: z.literal("unfrozen") }),
  z.strictObject({ type: z.literal("circuit_opened"), detail: z.string() }),
  z.strictObject({ type: z.literal("circuit_closed"), detail: z.string() }),
  /** The decision of this window has been carried out, whatever it said: the idempotency record of execution. */
  z.strictObject({
    type: z.literal("executed"),
    decision_id: z.string(),
    action: z.string(),
    window_end: z.string(),
    outcome: z.enum(["done", "refused", "nothing"]),
    detail: z.string(),
  }),
  z.strictObject({ type: z.literal("recovered"), entries: z.int(), detail: z.string() }),
]);
export type LedgerEvent = z.infer<typeof LedgerEvent>;

export const LedgerEntry = z.strictObject({
  seq: z.int().min(1),
  /** Fencing number: grows with every append, jumps at a recovery; a writer names the one it read. */
  generation: z.int().min(1),
  prev_hash: z.string(),
  /** SHA-256 of the canonical JSON of all other fields. */
  hash: z.string(),
  at: z.string(),
  model: z.string(),
  actor: z.string(),
  reason: z.string(),
  events: z.array(LedgerEvent).min(1),
});
export type LedgerEntry = z.infer<typeof LedgerEntry>;

/** What a writer hands in; seq, generation, prev_hash and hash are given by the ledger. */
export type LedgerDraft = Pick<LedgerEntry, "at" | "model" | "actor" | "reason" | "events">;

export interface VersionRecord {
  readonly version: string;
  readonly state: VersionState;
  readonly digest: string;
  readonly family: string;
  readonly parent: string | null;
  /** When it entered its present state. */
  readonly since: string;
  /** When it began to shadow as a candidate; null before. */
  readonly shadowSince: string | null;
  /** Written at promotion, kept through STANDBY and rollback. */
  readonly baseline: Baseline | null;
  readonly lastReason: string;
}

export interface Quarantine {
  readonly kind: QuarantineKind;
  readonly windowStart: string;
  readonly windowEnd: string;
  readonly released: boolean;
  readonly detail: string;
}

export interface Training {
  readonly trainingId: string;
  readonly decisionId: string | null;
  readonly attempt: number;
  readonly requestedAt: string;
  readonly through: string;
}

export interface FinishedTraining {
  readonly attempt: number;
  readonly outcome: "published" | "failed" | "refused";
  readonly version: string | null;
}

export interface CommandRecord {
  readonly commandId: string;
  readonly command: CommandName;
  readonly version: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly at: string;
  readonly expiresAt: string | null;
  readonly status: "pending" | "done" | "refused";
  readonly detail: string;
}

/** One model's governance state, a fold of the ledger; plain frozen data. */
export interface ModelState {
  readonly model: string;
  readonly versions: Readonly<Record<string, VersionRecord>>;
  readonly promoted: string | null;
  readonly candidate: string | null;
  readonly standby: string | null;
  readonly lastPromotionAt: string | null;
  readonly lastTrainingAt: string | null;
  /** Candidates that began to shadow since the last promotion: k of the k(k+1) rule. */
  readonly candidatesSincePromotion: number;
  readonly frozen: { readonly until: string | null; readonly reason: string; readonly actor: string } | null;
  readonly quarantines: readonly Quarantine[];
  readonly training: Training | null;
  readonly trainingFailures: number;
  /** Trainings that ended, by id, with the last attempt's number; absent while none has. */
  readonly finishedTrainings?: Readonly<Record<string, FinishedTraining>>;
  readonly circuit: "closed" | "open";
  /** All commands, oldest first. */
  readonly commands: readonly CommandRecord[];
  /** Versions approved by an operator, with the approval still valid or not left to `now`. */
  readonly approvals: readonly {
    readonly version: string;
    readonly actor: string;
    readonly expiresAt: string | null;
  }[];
  /** End of the last window whose decision was executed; null before the first. */
  readonly executedThrough: string | null;
  readonly executedDecision: string | null;
}

export interface LedgerState {
  readonly seq: number;
  readonly generation: number;
  readonly hash: string;
  readonly models: Readonly<Record<string, ModelState>>;
}
